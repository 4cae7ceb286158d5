#include "tuner/report/svg_pen.h"

#include "tuner/base/plain.h"

#include <math.h>
#include <string.h>

/* ---- text ---- */

static const double face_size[] = {[SVG_SMALL] = 12, [SVG_PLAIN] = 12, [SVG_STRONG] = 12, [SVG_TITLE] = 16};
static const char *const face_class[] = {
    [SVG_SMALL] = "no-q", [SVG_PLAIN] = "no-i", [SVG_STRONG] = "no-i no-b", [SVG_TITLE] = "no-i no-b no-t"};

void svg_escape(FILE *out, const char *text)
{
    struct arena a = {0};
    for (const char *c = plain_shown(&a, text); *c; c++) switch (*c) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(*c, out);
        }
    arena_done(&a);
}

void svg_text(FILE *out, const struct svg_text *t, bool halo)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s class=\"%s%s\">", t->x, t->y, anchors[t->anchor], face_class[t->face],
            halo ? " no-h" : "");
    svg_escape(out, t->text);
    fputs("</text>\n", out);
}

/* Parts of the size, as in the wide ones of usual sans-serif fonts. */
static double letter_width(unsigned char c)
{
    if (c >= 0xf0) return 1.1;
    if (c >= 0xe3) return 1.0; /* most wide characters begin so */
    if (c >= 0xe2) return 0.85;
    if (c >= 0xc0) return 0.64;
    if (c >= 0x80) return 0; /* inside of one */
    if (strchr("iljI' ", c)) return 0.31;
    if (strchr("frt.,:;|!()[]-/", c)) return 0.39;
    if (strchr("mwMW@%", c)) return 0.96;
    return c >= 'A' && c <= 'Z' ? 0.71 : 0.62;
}

double svg_text_width(enum svg_face face, const char *text)
{
    double sum = 0, bold = face == SVG_STRONG || face == SVG_TITLE ? 1.12 : 1;
    for (; *text; text++) sum += letter_width((unsigned char)*text);
    return sum * face_size[face] * bold;
}

static size_t fold(enum svg_face face, const char *text, double width, struct arena *a, const char ***ret)
{
    char *rest = arena_strdup(a, plain_shown(a, text)), *line = rest, *space = NULL;
    size_t n = 0;
    *ret = arena_array(a, strlen(rest) + 1, sizeof **ret);
    for (char *c = rest; *c; c++) {
        if (*c != ' ') continue;
        *c = 0;
        if (space && svg_text_width(face, line) > width) {
            *space = 0;
            (*ret)[n++] = line;
            line = space + 1;
        }
        *c = ' ';
        space = c;
    }
    if (space && space > line && svg_text_width(face, line) > width) {
        *space = 0;
        (*ret)[n++] = line;
        line = space + 1;
    }
    (*ret)[n++] = line;
    return n;
}

/* Of a title the narrowest that needs no line more. */
size_t svg_fold(enum svg_face face, const char *text, double width, struct arena *a, const char ***ret)
{
    size_t n = fold(face, text, width, a, ret), more = 0;
    const char **narrow;
    for (double less = width - 8; face == SVG_TITLE && n > 1 && n < 8 && less > width / 2 && more <= n; less -= 8)
        if ((more = fold(face, text, less, a, &narrow)) <= n) *ret = narrow;
    return n;
}

/* ---- marks ---- */

bool svg_is_solid(enum chart_look look)
{
    return look == CHART_WINNER || look == CHART_BASELINE;
}

double svg_mark_stroke(enum chart_look look)
{
    if (look == CHART_QUIET) return 4.5;
    if (look == CHART_COMPLETE || look == CHART_INK || look == CHART_SECOND) return 6.5;
    return look == CHART_FAILED ? 1.8 : svg_is_solid(look) ? 1 : 1.4;
}

/* Ten corners, the first on top. */
static void star(FILE *out, double x, double y, double r)
{
    for (int k = 0; k < 10; k++) {
        double angle = M_PI * k / 5, at = k % 2 ? 0.42 * r : r;
        fprintf(out, "%c%.1f %.1f", k ? 'L' : 'M', x + at * sin(angle), y - at * cos(angle));
    }
    fputc('z', out);
}

void svg_mark(FILE *out, enum chart_look look, double x, double y)
{
    switch (look) {
    case CHART_INK:
    case CHART_QUIET:
    case CHART_SECOND:
    case CHART_COMPLETE: fprintf(out, "M%.1f %.1fh0", x, y); return;
    case CHART_PRUNED: fprintf(out, "M%.1f %.1fh7l-3.5 6z", x - 3.5, y - 2.6); return;
    case CHART_FAILED: fprintf(out, "M%.1f %.1fl6 6m0-6l-6 6", x - 3, y - 3); return;
    case CHART_LOST: fprintf(out, "M%.1f %.1fv7m4-7v7", x - 2, y - 3.5); return;
    case CHART_RUNNING: /* the right half is filled by strokes */
        fprintf(out, "M%.1f %.1fa3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0m3.5-3v6m1.3-5.6v5.2m1.2-4.2v3", x - 3.5, y);
        return;
    case CHART_INFEASIBLE: fprintf(out, "M%.1f %.1fl4 4l-4 4l-4-4z", x, y - 4); return;
    case CHART_QUEUED: fprintf(out, "M%.1f %.1fa3 3 0 1 0 6 0a3 3 0 1 0-6 0", x - 3, y); return;
    case CHART_WINNER: star(out, x, y, 7.5); return;
    case CHART_BASELINE:
    case CHART_REFERENCE: fprintf(out, "M%.1f %.1fh8v8h-8z", x - 4, y - 4); return;
    }
}

double svg_x(const struct svg_frame *f, double v)
{
    return f->left + f->width * axis_place(&f->panel->x, v);
}

/* Of a row: beneath its name. */
static double row_y(const struct svg_frame *f, double v)
{
    double each = f->height / (double)(f->panel->y.n_rows ? f->panel->y.n_rows : 1), row = floor(v + 0.5);
    return f->top + each * row + f->header + (each - f->header) * (v + 0.5 - row);
}

double svg_y(const struct svg_frame *f, double v)
{
    if (f->panel->y.scale == AXIS_ROWS) return row_y(f, v);
    return f->top + f->height * (1 - axis_place(&f->panel->y, v));
}
