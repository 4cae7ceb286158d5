#include "tuner/cli/picture.h"

#include "tuner/cli/browser.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

static enum status cannot_write(const char *path, struct error *err)
{
    return error_set(err, status_of_errno(errno), "%s: cannot write: %s", path, strerror(errno));
}

/* Writes it to an open file, which it closes. */
static enum status fill(int fd, const char *path, const struct chart *c, const struct svg_wish *wish, struct error *err)
{
    FILE *out = fdopen(fd, "w");
    if (!out) {
        close(fd);
        return cannot_write(path, err);
    }
    svg_write(out, c, wish);
    bool bad = ferror(out) != 0;
    return fclose(out) != 0 || bad ? cannot_write(path, err) : STATUS_OK;
}

/* ---- another program makes the PNG ---- */

static int by_rsvg(const char *part, int svg)
{
    char out[4200], zoom[32];
    snprintf(out, sizeof out, "--output=%s", part);
    snprintf(zoom, sizeof zoom, "--zoom=%d", SCALE);
    lseek(svg, 0, SEEK_SET);
    return browser_spawn((char *[]){"rsvg-convert", zoom, out, NULL}, svg);
}

static int by_chromium(const char *part, int svg, double width, double height)
{
    char shot[4200], size[64], scale[64];
    snprintf(shot, sizeof shot, "--screenshot=%s", part);
    snprintf(size, sizeof size, "--window-size=%.0f,%.0f", ceil(width), ceil(height));
    snprintf(scale, sizeof scale, "--force-device-scale-factor=%d", SCALE);
    return browser_run(svg, "chart.svg", (const char *[]){"--hide-scrollbars", size, scale, shot, NULL});
}

static enum status convert(const char *path, const char *part, int svg, const double size[2], struct error *err)
{
    int code = by_rsvg(part, svg);
    if (code == 127) code = by_chromium(part, svg, size[0], size[1]);
    if (code == 127)
        return error_set(
            err, STATUS_NOT_FOUND,
            "%s: nothing here makes PNG; install librsvg2-bin (Fedora: librsvg2-tools) or chromium, or name "
            "a file that ends in .svg",
            path);
    if (code != 0 || access(part, R_OK) != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: the PNG could not be made; a file that ends in .svg needs no other program", path);
    return STATUS_OK;
}

static enum status write_png(const char *path, const char *part, const struct chart *c, const struct svg_wish *wish,
                             struct error *err)
{
    struct svg_wish paper = *wish;
    int svg = memfd_create("chart.svg", MFD_CLOEXEC), other;
    if (paper.theme == SVG_AUTO) paper.theme = SVG_LIGHT; /* nobody asks which is wished */
    if (svg < 0 || (other = dup(svg)) < 0) {
        if (svg >= 0) close(svg);
        return cannot_write(path, err);
    }
    double size[2];
    size[0] = svg_size(c, &paper, &size[1]);
    enum status st = fill(other, path, c, &paper, err);
    if (!st) st = convert(path, part, svg, size, err);
    close(svg);
    return st;
}

static enum status write_svg(const char *path, const char *part, const struct chart *c, const struct svg_wish *wish,
                             struct error *err)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd < 0 ? cannot_write(path, err) : fill(fd, path, c, wish, err);
}

enum status picture_write(const char *path, const struct chart *c, const struct svg_wish *wish, struct error *err)
{
    char part[4096];
    enum status st = picture_check(path, err);
    if (st) return st;
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return error_set(err, STATUS_INVALID, "the name of the file is too long");
    st = ends_in(path, ".png") ? write_png(path, part, c, wish, err) : write_svg(path, part, c, wish, err);
    if (!st && rename(part, path) != 0) st = cannot_write(path, err);
    if (st) remove(part);
    return st;
}
