#include "tuner/cli/picture.h"

#include "tuner/cli/browser.h"
#include "tuner/cli/whole_file.h"

#include <math.h>
#include <string.h>

enum { SCALE = 2 /* pixels of a PNG for each px */ };

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcasecmp(path + n - m, end) == 0;
}

enum status picture_check(const char *path, struct error *err)
{
    if (ends_in(path, ".svg") || ends_in(path, ".png")) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: the name must end in .svg or .png", path);
}

/* ---- another program makes the PNG ---- */

static int by_rsvg(const char *part, FILE *svg)
{
    char out[4200], zoom[32];
    snprintf(out, sizeof out, "--output=%s", part);
    snprintf(zoom, sizeof zoom, "--zoom=%d", SCALE);
    return browser_spawn((char *[]){"rsvg-convert", zoom, out, NULL}, svg);
}

static int by_chromium(const char *part, FILE *svg, const double size[2])
{
    char window[64], scale[64];
    snprintf(window, sizeof window, "--window-size=%.0f,%.0f", ceil(size[0]), ceil(size[1]));
    snprintf(scale, sizeof scale, "--force-device-scale-factor=%d", SCALE);
    return browser_run(svg,
                       &(struct browser_wish){"chart.svg", "--screenshot", part, {"--hide-scrollbars", window, scale}});
}

static enum status convert(const struct whole_file *f, FILE *svg, const double size[2], struct error *err)
{
    int code = by_rsvg(f->part, svg);
    if (code == 127) code = by_chromium(f->part, svg, size);
    if (code == 127)
        return error_set(
            err, STATUS_NOT_FOUND,
            "%s: nothing here makes PNG; install librsvg2-bin (Fedora: librsvg2-tools) or chromium, or name "
            "a file that ends in .svg",
            f->path);
    if (code != 0 || !whole_file_is_filled(f))
        return error_set(err, STATUS_FAILED,
                         "%s: the PNG could not be made; a file that ends in .svg needs no other program", f->path);
    return STATUS_OK;
}

static enum status draw_png(const struct whole_file *f, const struct chart *c, const struct svg_wish *wish,
                            struct error *err)
{
    struct svg_wish paper = *wish;
    double size[2];
    FILE *svg;
    enum status st = browser_page(&svg, err);
    if (st) return st;
    if (paper.theme == SVG_AUTO) paper.theme = SVG_LIGHT; /* nobody asks which is wished */
    size[0] = svg_size(c, &paper, &size[1]);
    svg_write(svg, c, &paper);
    st = convert(f, svg, size, err);
    fclose(svg);
    return st;
}

enum status picture_write(const char *path, const struct chart *c, const struct svg_wish *wish, struct error *err)
{
    struct whole_file f;
    enum status st = picture_check(path, err);
    if (!st) st = whole_file_begin(&f, path, err);
    if (st) return st;
    if (ends_in(path, ".png"))
        st = draw_png(&f, c, wish, err);
    else
        svg_write(f.out, c, wish);
    return whole_file_end(&f, st, err);
}
