/* unicode_layer: the layers of a panel, drawn on its canvas. */
#ifndef TUNER_REPORT_UNICODE_LAYER_H
#define TUNER_REPORT_UNICODE_LAYER_H

#include "tuner/report/canvas.h"

enum { UNICODE_LAYER_SHADES = 5 };

/* What lies behind first, names last. The rail is beneath the plot and is the page's. */
void unicode_layer_all(struct canvas *c);
/* Where what is of a row stands: of a row that is several lines high in the last. */
long unicode_layer_middle(const struct canvas *c, double row);
/* What fills a span, a cell of a heat map: shade 0 is of its least values. */
const char *unicode_layer_span(const struct canvas *c, enum chart_look look);
const char *unicode_layer_shade(const struct canvas *c, size_t i);

#endif
