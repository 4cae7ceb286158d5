/* svg_label: words beside what they name, where they cover as little as they can: never another word or a mark that
 * has one, dots and lines as few as there are ways round.
 *
 * First everything that is in the way is told, then every label is wished, and all are placed at the end, the most
 * important first. One that finds no place is left out, but for the important ones, which take the best there is. */
#ifndef TUNER_REPORT_SVG_LABEL_H
#define TUNER_REPORT_SVG_LABEL_H

#include "tuner/report/svg_pen.h"

struct svg_box {
    double left, top, right, bottom;
};

enum svg_near { SVG_BESIDE /* a mark */, SVG_OVER /* above it, or below */, SVG_ALONG /* a line */ };

enum { SVG_ANCHORS = 8 };

struct svg_label {
    enum svg_near near;
    size_t n; /* places where it may be, the best first */
    double x[SVG_ANCHORS], y[SVG_ANCHORS];
    double gap;       /* between it and a mark's middle, px */
    const char *text; /* lives in the arena, or longer */
    bool important;
};

struct svg_labels *svg_labels_new(struct arena *a);
void svg_labels_dot(struct svg_labels *l, double x, double y); /* better not covered */
void svg_labels_line(struct svg_labels *l, double x0, double y0, double x1, double y1);
void svg_labels_box(struct svg_labels *l, struct svg_box box); /* not to be covered */
void svg_labels_wish(struct svg_labels *l, const struct svg_label *label);
/* Places and writes them all, inside of `room`. */
void svg_labels_write(FILE *out, struct svg_labels *l, struct svg_box room);

#endif
