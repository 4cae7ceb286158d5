/* svg: a chart as a picture that needs nothing else: SVG text without script, font, link or id, so that any number of
 * them may stand in one page, a mail, a printer's queue.
 *
 * Colours are the page's by its reader's wish (prefers-color-scheme), light on paper; shapes and words carry all of it
 * without them. Fonts are the reader's, so widths of texts are estimates, rather too wide. Marks of one kind are one
 * path: ten thousand are 100 kB, and above CHART_DENSE they become a density. All texts are escaped; what XML cannot
 * hold is written as terminals see it (plain_shown).
 */
#ifndef TUNER_REPORT_SVG_H
#define TUNER_REPORT_SVG_H

#include "tuner/report/chart.h"
#include "tuner/report/svg_theme.h"

#include <stdio.h>

enum { SVG_WIDTH = 720, SVG_WIDTH_MIN = 240, SVG_WIDTH_MAX = 4000 };

struct svg_wish {
    double width; /* px; the height follows. 0: SVG_WIDTH */
    enum svg_theme theme;
};

void svg_write(FILE *out, const struct chart *c, const struct svg_wish *wish);
/* Its width, and with *ret_height its height, in px. */
double svg_size(const struct chart *c, const struct svg_wish *wish, double *ret_height);

#endif
