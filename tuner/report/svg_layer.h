/* svg_layer: the layers of a panel, drawn in its frame. */
#ifndef TUNER_REPORT_SVG_LAYER_H
#define TUNER_REPORT_SVG_LAYER_H

#include "tuner/report/svg_label.h"

enum { SVG_RAIL = 14 /* px: height of the rail */, SVG_SHADES = 8 /* of a heat map */ };

/* What it shows, and what it wishes to say beside it. */
void svg_layer(const struct svg_frame *f, const struct chart_layer *l);
/* Half the height of a span in a row of that height. */
double svg_span_half(enum chart_look look, double row);
/* Colour of a heat map's shade, from 0. */
const char *svg_shade(size_t i);

#endif
