/* What people read: on a terminal folded between words to its width, and ASCII where the locale is. */
#include "tuner/report/report.h"

#include "tuner/report/ascii.h"
#include "tuner/report/screen.h"

#include "tuner/base/width.h"

#include <stdlib.h>
#include <string.h>

struct fold {
    struct screen screen;
    FILE *raw;
    size_t column, indent, gap; /* gap: spaces that are written once a word follows */
    bool leading;               /* nothing but spaces in this line yet */
};

static void new_line(struct fold *f)
{
    fprintf(f->raw, "\n%*s", (int)f->indent, "");
    f->column = f->indent;
    f->gap = 0;
}

static void begin_line(struct fold *f)
{
    f->column = f->gap = f->indent = 0;
    f->leading = true;
}

/* Of the bytes of a word that fit, those up to where a path, a list or an expression has a joint. */
static size_t joint(const char *word, size_t n)
{
    for (size_t k = n; k > n / 2; k--)
        if (strchr("/,;:=&_-", word[k - 1])) return k;
    return n;
}

/* The terminal itself breaks it, and knows that it is one. */
static bool is_link(const char *word)
{
    return strncmp(word, "http://", 7) == 0 || strncmp(word, "https://", 8) == 0;
}

/* A word that is wider than the screen is broken where it ends, or at a joint before that. */
static void put_word(struct fold *f, const char *word)
{
    size_t room = screen_columns(&f->screen), need;
    if (f->leading) f->indent = f->gap + 4 < room / 2 ? f->gap + 4 : room / 2;
    f->leading = false;
    need = width_of(word);
    if (f->column + f->gap + need > room && f->column > f->indent) new_line(f);
    fprintf(f->raw, "%*s", (int)f->gap, "");
    f->column += f->gap;
    f->gap = 0;
    while (f->column + width_of(word) > room && !is_link(word)) {
        size_t used, n = width_fit(word, room > f->column ? room - f->column : 0, &used);
        if (n == 0 && f->column <= f->indent) break;
        n = joint(word, n);
        fwrite(word, 1, n, f->raw);
        word += n;
        new_line(f);
    }
    fputs(word, f->raw);
    f->column += width_of(word); /* of a link perhaps more than there are: then a new line follows */
}

/* ESC [ … letter */
static size_t escape(const char *s)
{
    size_t n = 1;
    if (s[n] == '[') n++;
    while (s[n] && (s[n] < '@' || s[n] > '~')) n++;
    return s[n] ? n + 1 : n;
}

static void put_text(struct fold *f, const char *text)
{
    struct arena a = {0};
    while (*text) {
        size_t n = strcspn(text, " \n\r\033");
        if (n) put_word(f, arena_printf(&a, "%.*s", (int)n, text));
        text += n;
        n = strspn(text, " ");
        f->gap += n;
        text += n;
        if (*text == '\033') {
            n = escape(text);
            if (f->gap) fprintf(f->raw, "%*s", (int)f->gap, "");
            f->column += f->gap;
            if (f->leading) f->indent = f->gap + 4;
            f->leading = false;
            f->gap = 0;
            fwrite(text, 1, n, f->raw);
            text += n;
        } else if (*text == '\n' || *text == '\r') {
            fputc(*text++, f->raw);
            begin_line(f);
        }
    }
    fprintf(f->raw, "%*s", (int)f->gap, ""); /* what was asked may be answered now */
    f->column += f->gap;
    f->gap = 0;
    arena_done(&a);
}

static ssize_t on_write(void *data, const char *bytes, size_t size)
{
    struct fold *f = data;
    struct arena a = {0};
    char *text = arena_printf(&a, "%.*s", (int)size, bytes);
    if (!f->screen.unicode) text = ascii_text(&a, text);
    if (f->screen.terminal)
        put_text(f, text);
    else
        fputs(text, f->raw);
    arena_done(&a);
    return fflush(f->raw) == 0 ? (ssize_t)size : 0;
}

struct folded { /* a stream of the process, and what stands for it */
    FILE **place, *raw;
    struct fold fold;
};

static void unfold(int code, void *data)
{
    struct folded *x = data;
    (void)code;
    fclose(*x->place);
    *x->place = x->raw;
    free(x);
}

static void fold_stream(FILE **place)
{
    struct screen s = screen_of(*place);
    static const cookie_io_functions_t io = {.write = on_write};
    struct folded *x = s.terminal || !s.unicode ? must_alloc(1, sizeof *x) : NULL;
    FILE *folded = x ? fopencookie(&x->fold, "w", io) : NULL;
    if (!folded) {
        free(x);
        return;
    }
    *x = (struct folded){place, *place, {.screen = s, .raw = *place, .leading = true}};
    setvbuf(folded, NULL, _IOLBF, 1 << 16);
    *place = folded;
    on_exit(unfold, x);
}

void report_fold(void)
{
    fold_stream(&stderr);
    fold_stream(&stdout);
}

bool report_can_redraw(void)
{
    return screen_of(stdout).moves;
}

size_t report_columns(void)
{
    struct screen s = screen_of(stdout);
    return screen_columns(&s);
}
