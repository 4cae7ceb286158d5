/* unicode: a chart as text for a terminal: dots of braille, else half blocks, else ASCII; marks as everywhere
 * (screen.h), sixteen colours by role, none where the screen has none. Never wider than the width, nor higher than
 * asked.
 */
#ifndef TUNER_REPORT_UNICODE_H
#define TUNER_REPORT_UNICODE_H

#include "tuner/report/canvas.h"
#include "tuner/report/screen.h"

struct unicode_wish {
    size_t columns, rows; /* 0: as the screen has */
    enum unicode_dots dots;
};

bool unicode_parse(const char *name, enum unicode_dots *ret); /* "braille", "blocks", "ascii" */

void unicode_write(FILE *out, const struct chart *c, const struct screen *screen, const struct unicode_wish *wish);

#endif
