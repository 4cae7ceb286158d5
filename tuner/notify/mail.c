#include "tuner/notify/mail.h"

#include "tuner/base/digest.h"
#include "tuner/base/plain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORD_BYTES = 39 /* 52 in base 64, 64 with =?UTF-8?B?…?=, 73 behind Subject: */, LINE = 76, FOLD = 60 };

/* Of printable ASCII that nobody takes for an encoded word. */
static bool is_plain(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < ' ' || *at > '~') return false;
    return !strstr(text, "=?");
}

/* Blanks at which a line is long enough become line ends with a blank behind them. */
static const char *folded(const char *text, struct arena *a)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 1);
    size_t at = 0, column = 0;
    for (; *text; text++) {
        if (*text == ' ' && column > FOLD && text[1]) {
            out[at++] = '\n';
            column = 0;
        }
        out[at++] = *text;
        column++;
    }
    return out;
}

/* Of at most WORD_BYTES, without a part of a character. */
static size_t piece_of(const char *text)
{
    size_t n = strlen(text);
    if (n <= WORD_BYTES) return n;
    n = WORD_BYTES;
    while (n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    return n;
}

const char *mail_words(const char *text, struct arena *a)
{
    const char *all = "";
    if (is_plain(text)) return folded(text, a);
    for (size_t n; *text; text += n) {
        n = piece_of(text);
        char *code = digest_base64(text, n);
        all = arena_printf(a, "%s%s=?UTF-8?B?%s?=", all, *all ? "\n " : "", code);
        free(code);
    }
    return all;
}

static const char *lines_of(const char *body, struct arena *a)
{
    char *code = digest_base64(body, strlen(body));
    size_t n = strlen(code), at = 0;
    char *out = arena_alloc(a, n + n / LINE + 2);
    for (size_t i = 0; i < n; i++) {
        out[at++] = code[i];
        if ((i + 1) % LINE == 0 || i + 1 == n) out[at++] = '\n';
    }
    free(code);
    return out;
}

/* "Mon, 30 Nov 2026 07:00:00 +0000": English whatever the locale. */
static const char *date_of(int64_t wall_ms, struct arena *a)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t at = (time_t)(wall_ms / 1000);
    struct tm t = {0};
    gmtime_r(&at, &t);
    return arena_printf(a, "%.3s, %d %.3s %d %02d:%02d:%02d +0000", days + 3 * t.tm_wday, t.tm_mday,
                        months + 3 * t.tm_mon, 1900 + t.tm_year, t.tm_hour, t.tm_min, t.tm_sec);
}

static const char *receivers(const struct channel_plan *plan, struct arena *a)
{
    const char *all = "";
    for (size_t i = 0; plan->to[i]; i++) all = arena_printf(a, "%s%s%s", all, *all ? ",\n " : "", plan->to[i]);
    return all;
}

const char *mail_text(const struct channel_plan *plan, const struct notice *n, int64_t wall_ms, struct arena *a)
{
    const char *subject = plain_bounded(a, arena_printf(a, "nocturne: %s", notice_line(n, a)), MAIL_SUBJECT);
    const char *from = plan->from ? arena_printf(a, "From: %s\n", plan->from) : "";
    return arena_printf(a,
                        "%sTo: %s\nSubject: %s\nDate: %s\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
                        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n%s",
                        from, receivers(plan, a), mail_words(subject, a), date_of(wall_ms, a),
                        lines_of(notice_text(n, a), a));
}
