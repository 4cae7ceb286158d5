#include "tuner/base/width.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80) return false;
    return true;
}

/* The user's own locale may know no wide characters at all; whoever calls has his back when this is over. */
static locale_t enter_utf8(locale_t *ret_before)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    *ret_before = utf8 ? uselocale(utf8) : (locale_t)0;
    return utf8;
}

static void leave_utf8(locale_t utf8, locale_t before)
{
    if (!utf8) return;
    uselocale(before);
    freelocale(utf8);
}

static size_t fit_wide(const char *text, size_t columns, size_t *ret_columns)
{
    const char *at = text;
    size_t used = 0;
    locale_t before, utf8 = enter_utf8(&before);
    mbstate_t state = {0};
    for (;;) {
        wchar_t c;
        size_t n = mbrtowc(&c, at, strlen(at), &state);
        int wide = n < (size_t)-2 ? wcwidth(c) : 1;
        if (n >= (size_t)-2) n = 1, state = (mbstate_t){0};
        if (*at == 0 || used + (size_t)(wide < 0 ? 1 : wide) > columns) break;
        used += (size_t)(wide < 0 ? 1 : wide);
        at += n;
    }
    leave_utf8(utf8, before);
    *ret_columns = used;
    return (size_t)(at - text);
}

size_t width_fit(const char *text, size_t columns, size_t *ret_columns)
{
    size_t n, used;
    if (is_ascii(text)) {
        n = strlen(text);
        used = n = n < columns ? n : columns;
    } else
        n = fit_wide(text, columns, &used);
    if (ret_columns) *ret_columns = used;
    return n;
}

size_t width_of(const char *text)
{
    size_t columns;
    width_fit(text, (size_t)-1, &columns);
    return columns;
}

const char *width_cut(struct arena *a, const char *text, size_t columns)
{
    if (columns == 0) return "";
    if (text[width_fit(text, columns, NULL)] == 0) return text;
    return arena_printf(a, "%.*s…", (int)width_fit(text, columns - 1, NULL), text);
}

const char *width_cell(struct arena *a, const char *text, size_t columns, bool right)
{
    const char *cut = width_cut(a, text, columns);
    int fill = (int)(columns - width_of(cut));
    return arena_printf(a, "%*s%s%*s", right ? fill : 0, "", cut, right ? 0 : fill, "");
}
