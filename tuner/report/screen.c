#include "tuner/report/screen.h"

#include "tuner/base/words.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_MIN = 20, COLUMNS_MAX = 10000 };

static const char *given(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* ---- what is there ---- */

/* The name counts first: a locale that is not installed here says all the same what the terminal far away can show. */
static bool is_unicode(void)
{
    const char *name = given("LC_ALL");
    if (!name) name = given("LC_CTYPE");
    if (!name) name = given("LANG");
    if (!name || strcasestr(name, "utf-8") || strcasestr(name, "utf8")) return true;
    locale_t l = newlocale(LC_CTYPE_MASK, name, (locale_t)0);
    bool utf8 = l && strcmp(nl_langinfo_l(CODESET, l), "UTF-8") == 0;
    if (l) freelocale(l);
    return utf8;
}

struct screen screen_of(FILE *out)
{
    const char *term = given("TERM"), *force = given("CLICOLOR_FORCE");
    int fd = fileno(out);
    struct screen s = {.fd = fd < 0 ? STDOUT_FILENO : fd, .unicode = is_unicode()}; /* without one: a folded stdout */
    bool forced = force && strcmp(force, "0") != 0;
    s.terminal = isatty(s.fd) == 1;
    s.moves = s.terminal && !(term && strcmp(term, "dumb") == 0);
    s.marks = s.terminal || forced;
    s.colour = (s.moves || forced) && !given("NO_COLOR");
    return s;
}

static size_t columns_given(void)
{
    const char *text = given("COLUMNS");
    double v;
    return text && words_number(text, &v) && v >= COLUMNS_MIN && v <= COLUMNS_MAX ? (size_t)v : SCREEN_COLUMNS;
}

size_t screen_columns(const struct screen *s)
{
    struct winsize w;
    if (!s->terminal || ioctl(s->fd, TIOCGWINSZ, &w) || w.ws_col == 0) return columns_given();
    return w.ws_col < COLUMNS_MIN ? COLUMNS_MIN : w.ws_col;
}

size_t screen_rows(const struct screen *s)
{
    struct winsize w;
    return s->terminal && ioctl(s->fd, TIOCGWINSZ, &w) == 0 && w.ws_row > 4 ? w.ws_row : 24;
}

/* ---- marks ---- */

struct mark {
    const char *shape, *ascii, *colour; /* colour: SGR */
};

static const char *show(const struct screen *s, const struct mark *m, struct arena *a)
{
    const char *shape = s->unicode ? m->shape : m->ascii;
    if (!s->marks) return "";
    if (!s->colour) return arena_printf(a, "%s ", shape);
    return arena_printf(a, "\033[%sm%s\033[0m ", m->colour, shape);
}

const char *screen_state(const struct screen *s, enum trial_state state, struct arena *a)
{
    static const struct mark marks[TRIAL_STATES] = {
        [TRIAL_QUEUED] = {"○", ".", "90"},     [TRIAL_LEASED] = {"◐", "o", "33"},    [TRIAL_RUNNING] = {"◐", "o", "33"},
        [TRIAL_COMPLETE] = {"●", "*", "34"},   [TRIAL_PRUNED] = {"▽", "v", "90"},    [TRIAL_FAILED] = {"✕", "x", "31"},
        [TRIAL_INFEASIBLE] = {"◇", "d", "35"}, [TRIAL_CANCELLED] = {"○", ".", "90"},
    };
    return show(s, &marks[state], a);
}

const char *screen_level(const struct screen *s, enum health_level level, struct arena *a)
{
    static const struct mark marks[] = {[HEALTH_LATER] = {"○", ".", "90"},
                                        [HEALTH_FINE] = {"✓", "+", "0"},
                                        [HEALTH_LOOK] = {"!", "!", "33"},
                                        [HEALTH_WRONG] = {"✕", "x", "31"}};
    return show(s, &marks[level], a);
}

const char *screen_sign(const struct screen *s, enum screen_sign sign, struct arena *a)
{
    static const struct mark marks[] = {[SIGN_BEST] = {"★", ">", "1"}, [SIGN_BASELINE] = {"■", "#", "0"}};
    return show(s, &marks[sign], a);
}
