#include "tuner/cli/cli.h"

#include "tuner/cli/picture.h"

#include "tuner/report/report.h"

#include <stdio.h>
#include <string.h>

enum { PARAMETERS_MAX = 2 };

struct options {
    struct cli_common common;
    bool named; /* the figure */
    enum figure_kind kind;
    const char *out, *metric, *parameter[PARAMETERS_MAX];
    size_t n_parameters;
    long width, height; /* 0: as usual */
    enum unicode_dots dots;
    enum svg_theme theme;
    const char *of_file, *of_terminal; /* an option that was given and is for nothing else */
};

static const struct argp_option table[] = {
    {"output", 'o', "FILE", 0, "draw into this file, .svg or .png, instead of the terminal", 0},
    {"metric", 'm', "NAME", 0, "of this metric, or utility", 0},
    {"parameter", 'p', "NAME", 0, "slice: over this parameter; contour: twice (those that matter most)", 0},
    {"width", 'w', "N", 0, "px of a file (720), columns of a terminal (as wide as it is)", 0},
    {"height", 'y', "N", 0, "lines of a terminal (as high as it is)", 0},
    {"theme", 't', "NAME", 0, "of a file: light, dark, or auto: as whoever looks at it has it (.svg)", 0},
    {"symbols", 'c', "NAME", 0, "of a terminal: braille, blocks or ascii", 0},
    {0},
};

static void parse_theme(struct options *o, const char *arg, struct argp_state *state)
{
    static const char *const names[] = {[SVG_AUTO] = "auto", [SVG_LIGHT] = "light", [SVG_DARK] = "dark"};
    o->of_file = "--theme";
    for (int k = SVG_AUTO; k <= SVG_DARK; k++)
        if (strcmp(arg, names[k]) == 0) {
            o->theme = (enum svg_theme)k;
            return;
        }
    argp_error(state, "--theme: light, dark or auto, not '%s'", arg);
}

static void parse_figure(struct options *o, const char *arg, struct argp_state *state)
{
    char all[256] = "";
    for (int k = 0; k < FIGURE_KINDS; k++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", k ? ", " : "", figure_name((enum figure_kind)k));
    if (!figure_parse(arg, &o->kind)) argp_error(state, "there is no chart '%s'; there are %s", arg, all);
    o->named = true;
}

static void check(const struct options *o, struct argp_state *state)
{
    const char *look = o->of_terminal ? o->of_terminal : o->of_file ? o->of_file : o->width ? "--width" : NULL;
    if (!o->named) argp_error(state, "which chart? For example: nocturne plot history");
    if (o->out && o->common.json) argp_error(state, "--output or --json, not both");
    if (o->common.json && look) argp_error(state, "%s is of a picture; --json has its numbers", look);
    if (o->out && o->of_terminal) argp_error(state, "%s is of a terminal, not of a file", o->of_terminal);
    if (!o->out && o->of_file) argp_error(state, "%s is of a file: name one with --output", o->of_file);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct error err;
    switch (key) {
    case 'o':
        if (picture_check(arg, &err)) argp_error(state, "%s", err.text);
        o->out = arg;
        return 0;
    case 'm': o->metric = arg; return 0;
    case 'p':
        if (o->n_parameters == PARAMETERS_MAX) argp_error(state, "--parameter: two at most");
        o->parameter[o->n_parameters++] = arg;
        return 0;
    case 'w': o->width = cli_whole(arg, "--width", 20, SVG_WIDTH_MAX, state); return 0;
    case 'y':
        o->height = cli_whole(arg, "--height", 10, 200, state);
        o->of_terminal = "--height";
        return 0;
    case 't': parse_theme(o, arg, state); return 0;
    case 'c':
        if (!unicode_parse(arg, &o->dots)) argp_error(state, "--symbols: braille, blocks or ascii, not '%s'", arg);
        o->of_terminal = "--symbols";
        return 0;
    case ARGP_KEY_ARG:
        if (o->named) return cli_parse_study(key, arg, state);
        parse_figure(o, arg, state);
        return 0;
    case ARGP_KEY_END: check(o, state); return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

static enum status show(const struct options *o, const struct chart *c, struct error *err)
{
    struct screen screen = screen_of(stdout);
    if (o->out) return picture_write(o->out, c, &(struct svg_wish){(double)o->width, o->theme}, err);
    if (o->common.json)
        cli_print_json(chart_json(c));
    else
        unicode_write(stdout, c, &screen, &(struct unicode_wish){(size_t)o->width, (size_t)o->height, o->dots});
    return STATUS_OK;
}

static enum status plot(const struct options *o, const struct memory *s, struct error *err)
{
    struct figure_wish wish = {s, o->metric, o->n_parameters, o->parameter};
    struct arena a = {0};
    struct chart c;
    enum status st = figure_make(o->kind, &wish, &a, &c, err);
    if (!st) st = show(o, &c, err);
    arena_done(&a);
    return st;
}

int cmd_plot(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "CHART [STUDY]",
        .doc =
            "Draw a chart of a study: history (every trial, and the best so far), front (what can be had for what), curves (how "
            "trials learned), confirmation (how sure the winner is), timeline (what ran when), importance (what matters), slice (along one "
            "parameter) and contour (over two), these three by a model of the results. In the terminal, or as an SVG or PNG file.\v"
            "Example: nocturne plot front g2p\n         nocturne plot history g2p -o history.svg\n"
            "         nocturne plot slice g2p -p learning_rate --metric em",
        .children = cli_remote_child};
    struct options o = {.kind = FIGURE_HISTORY};
    struct cli_study s;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (o.kind == FIGURE_CURVES) o.common.service.wish.depth = MIRROR_ALL; /* the others need none */
    if (cli_open(&o.common, o.common.study, &s, &err)) return cli_fail(&err);
    enum status st = plot(&o, s.memory, &err);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
