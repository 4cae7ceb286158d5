/* picture: a chart as a file: SVG by our own writer, PNG by a program that is installed here (rsvg-convert, else
 * chromium), which is given the SVG. The whole file or nothing: what stands there until then stays.
 *
 * Errors: STATUS_INVALID: the name ends in neither .svg nor .png; STATUS_IO, STATUS_FULL; STATUS_NOT_FOUND: nothing
 * here makes PNG, and the error says which package does; STATUS_FAILED: it could not. */
#ifndef TUNER_CLI_PICTURE_H
#define TUNER_CLI_PICTURE_H

#include "tuner/report/report.h"

enum status picture_check(const char *path, struct error *err); /* the name alone */
enum status picture_write(const char *path, const struct chart *c, const struct svg_wish *wish, struct error *err);

#endif
