/* screen: where text for people goes: how wide it is, whether it has colours, and which characters.
 *
 * Colours are for marks only, sixteen of them and by role; every mark stands beside its word. NO_COLOR (not empty) and
 * TERM=dumb take them away, CLICOLOR_FORCE (not empty, not 0) gives marks and colours to what is no terminal, too.
 */
#ifndef TUNER_REPORT_SCREEN_H
#define TUNER_REPORT_SCREEN_H

#include "tuner/analysis/analysis.h"

#include "tuner/base/arena.h"

#include "tuner/history/history.h"

#include <stdio.h>

enum { SCREEN_COLUMNS = 80 };

struct screen {
    int fd;        /* of the terminal, or of what is there instead */
    bool terminal; /* lines are cut and folded to its width */
    bool moves;    /* lines can be taken back: no dumb terminal */
    bool marks;    /* shapes beside the words */
    bool colour;
    bool unicode; /* by the locale's name; without a locale it is taken for granted */
};

struct screen screen_of(FILE *out);

/* Columns: the terminal's as it is now, else COLUMNS, else 80; 20 at least. */
size_t screen_columns(const struct screen *s);
size_t screen_rows(const struct screen *s);

enum screen_sign { SIGN_BEST, SIGN_BASELINE };

/* "● " in its colour, two columns; "" on a screen without marks. In the arena. */
const char *screen_state(const struct screen *s, enum trial_state state, struct arena *a);
const char *screen_level(const struct screen *s, enum health_level level, struct arena *a);
const char *screen_sign(const struct screen *s, enum screen_sign sign, struct arena *a);

#endif
