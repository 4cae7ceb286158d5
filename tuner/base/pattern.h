/* pattern: a regular expression that finds a number, and perhaps a step, in a line.
 *
 *     Mean accuracy: ([0-9.]+)                                        one group: the number
 *     epoch (?P<step>[0-9]+).*val_acc=(?P<value>[0-9.]+)              named groups: value, step
 *
 * The syntax is RE2's: Perl's without back-references and look-around. So every search takes time in proportion to the
 * line and memory below a bound, whatever the pattern and the line are; POSIX's regexec promises neither.
 *
 *     struct pattern *p;
 *     struct pattern_match m;
 *     if (pattern_compile("acc=([0-9.]+)", &p, &err)) …
 *     if (pattern_find(p, line, n, &m)) …                 m.value.at, m.value.n
 *     pattern_free(p);
 */
#ifndef TUNER_BASE_PATTERN_H
#define TUNER_BASE_PATTERN_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { PATTERN_LENGTH_MAX = 2000, PATTERN_MATCHES_MAX = 256 };

struct pattern;

struct span {
    const char *at; /* NULL: its group took no part in the match */
    size_t n;
};

struct pattern_match {
    struct span value; /* not empty */
    struct span step;
};

/* STATUS_INVALID says what is wrong with the text. Until pattern_free; any number of threads may search with it. */
enum status pattern_compile(const char *text, struct pattern **ret, struct error *err);
void pattern_free(struct pattern *pattern);

bool pattern_has_step(const struct pattern *pattern);

/* The last match with a value in a line of UTF-8, of its first PATTERN_MATCHES_MAX matches (fewer in a line over 64
 * KiB, 16 in one over 1 MiB); spans point into the line. False: there is none, and if one matched without a value,
 * ret->value.at is not NULL. */
bool pattern_find(const struct pattern *pattern, const char *line, size_t n, struct pattern_match *ret);

#endif
