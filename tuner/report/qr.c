/* A text as a QR code [ISO/IEC 18004] in a terminal (libqrencode). */
#include "tuner/report/report.h"
#include "tuner/report/screen.h"

#include <qrencode.h>

enum { BORDER = 4 };

static bool is_dark(const QRcode *code, int row, int column)
{
    int x = column - BORDER, y = row - BORDER;
    return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1);
}

/* Drawn is what is dark, or what is light on a screen that is dark itself. */
static const char *half_block(bool upper, bool lower)
{
    static const char *const block[] = {" ", "▄", "▀", "█"};
    return block[2 * upper + lower];
}

static void print_blocks(FILE *out, const QRcode *code, bool colour)
{
    int n = code->width + 2 * BORDER;
    for (int row = 0; row < n; row += 2) {
        fputs(colour ? "\033[30;107m" : "", out);
        for (int column = 0; column < n; column++) {
            bool upper = is_dark(code, row, column), lower = is_dark(code, row + 1, column);
            fputs(colour ? half_block(upper, lower) : half_block(!upper, row + 1 < n && !lower), out);
        }
        fputs(colour ? "\033[0m\n" : "\n", out);
    }
}

static void print_ascii(FILE *out, const QRcode *code)
{
    int n = code->width + 2 * BORDER;
    for (int row = 0; row < n; row++) {
        for (int column = 0; column < n; column++) fputs(is_dark(code, row, column) ? "  " : "##", out);
        fputc('\n', out);
    }
}

enum status report_qr(FILE *out, const char *text, struct error *err)
{
    const struct screen screen = screen_of(out);
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
    if (!code) return error_set(err, STATUS_INVALID, "this is too long for a QR code");
    size_t wide = (size_t)(code->width + 2 * BORDER) * (screen.unicode ? 1 : 2);
    bool fits = !screen.terminal || wide <= screen_columns(&screen);
    if (fits && screen.unicode)
        print_blocks(out, code, screen.colour);
    else if (fits)
        print_ascii(out, code);
    else
        error_set(err, STATUS_INVALID, "the QR code is %zu columns wide, the terminal %zu", wide,
                  screen_columns(&screen));
    QRcode_free(code);
    return fits ? STATUS_OK : STATUS_INVALID;
}
