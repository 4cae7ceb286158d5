/* unicode_layer: the layers of a panel, drawn on its canvas. */
#ifndef TUNER_REPORT_UNICODE_LAYER_H
#define TUNER_REPORT_UNICODE_LAYER_H

#include "tuner/report/canvas.h"

/* What lies behind first, names last. The rail is beneath the plot and is the page's. */
void unicode_layer_all(struct canvas *c);
/* Where what is of a row stands: of a row that is several lines high in the last. */
long unicode_layer_middle(const struct canvas *c, double row);
/* What fills a span. */
const char *unicode_layer_span(const struct canvas *c, enum chart_look look);

#endif
