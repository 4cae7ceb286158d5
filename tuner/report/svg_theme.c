#include "tuner/report/svg_theme.h"

#include "tuner/report/chart.h"

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
                                      [CHART_LOST] = "#57606a",
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
                                     [CHART_LOST] = "#9aa4b0",
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
