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

size_t svg_fold(enum svg_face face, const char *text, double width, struct arena *a, const char ***ret)
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

/* ---- colours ---- */

struct palette {
    const char *page, *surface, *rule, *ink, *quiet;
    const char *look[CHART_LOOKS];
};

static const struct palette light = {"#fff",
                                     "#f6f8fa",
                                     "#d0d7de",
                                     "#1b1f24",
                                     "#57606a",
                                     {[CHART_INK] = "#1b1f24",
                                      [CHART_QUIET] = "#57606a",
                                      [CHART_COMPLETE] = "#3077d7",
                                      [CHART_PRUNED] = "#8c8f94",
                                      [CHART_FAILED] = "#902024",
                                      [CHART_RUNNING] = "#b8780f",
                                      [CHART_INFEASIBLE] = "#5c2f51",
                                      [CHART_QUEUED] = "#57606a",
                                      [CHART_STALLED] = "#b8780f",
                                      [CHART_WINNER] = "#1b1f24",
                                      [CHART_BASELINE] = "#1b1f24",
                                      [CHART_REFERENCE] = "#1b1f24",
                                      [CHART_SECOND] = "#0b5cad"}},
                            dark = {"#12161c",
                                    "#1a1f27",
                                    "#30363d",
                                    "#e6e9ed",
                                    "#9aa4b0",
                                    {[CHART_INK] = "#e6e9ed",
                                     [CHART_QUIET] = "#9aa4b0",
                                     [CHART_COMPLETE] = "#27a4f5",
                                     [CHART_PRUNED] = "#6e757d",
                                     [CHART_FAILED] = "#f0484a",
                                     [CHART_RUNNING] = "#f2ac10",
                                     [CHART_INFEASIBLE] = "#f3c4f6",
                                     [CHART_QUEUED] = "#9aa4b0",
                                     [CHART_STALLED] = "#f2ac10",
                                     [CHART_WINNER] = "#e6e9ed",
                                     [CHART_BASELINE] = "#e6e9ed",
                                     [CHART_REFERENCE] = "#e6e9ed",
                                     [CHART_SECOND] = "#6cb6ff"}};

static void colours(FILE *out, const struct palette *p)
{
    fprintf(out, ".no-p{fill:%s}.no-s{fill:%s}.no-r{stroke:%s}.no-i{fill:%s}.no-q{fill:%s}.no-h{stroke:%s}\n", p->page,
            p->surface, p->rule, p->ink, p->quiet, p->page);
    for (int i = 0; i < CHART_LOOKS; i++)
        fprintf(out, ".no-l%d{stroke:%s}.no-f%d{fill:%s}", i, p->look[i], i, p->look[i]);
    fputc('\n', out);
}

void svg_style(FILE *out, enum svg_theme theme)
{
    fputs("<style>\n"
          ".no-i,.no-q{font:400 12px/16px system-ui,sans-serif;font-variant-numeric:tabular-nums}\n"
          ".no-b{font-weight:600}.no-t{font-size:16px}\n"
          ".no-h{stroke-width:3px;stroke-linejoin:round;paint-order:stroke}\n",
          out);
    colours(out, theme == SVG_DARK ? &dark : &light);
    if (theme == SVG_AUTO) {
        fputs("@media screen and (prefers-color-scheme:dark){\n", out);
        colours(out, &dark);
        fputs("}\n", out);
    }
    fputs("</style>\n", out);
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
    case CHART_STALLED: fprintf(out, "M%.1f %.1fv7m4-7v7", x - 2, y - 3.5); return;
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

double svg_y(const struct svg_frame *f, double v)
{
    double place = axis_place(&f->panel->y, v);
    return f->top + f->height * (f->panel->y.scale == AXIS_ROWS ? place : 1 - place);
}
