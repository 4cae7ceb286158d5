/* text: metrics, differences, times and configurations as people write them: the same number is written the same way
 * wherever it stands. Buffers are the caller's, or the arena's; what is not finite is "-". Names and values are as they
 * were given: whoever prints them makes them harmless. */
#ifndef TUNER_REPORT_TEXT_H
#define TUNER_REPORT_TEXT_H

#include "tuner/analysis/analysis.h"

#include <stdint.h>

/* A metric's value as people write it (metric_show). */
const char *report_metric(const struct metric *m, double v, char *buf, size_t size);
/* With its sign and four digits; "-" for NaN. */
const char *report_utility(double u, char *buf, size_t size);

/* ---- differences ---- */

/* "0.0123", "7608", "12k": four digits, however large it is. */
const char *report_number(double v, struct arena *a);
/* "2.61", "59.3", "0.0123": without its sign, in points of a proportion, in percent of a ratio. */
const char *report_size(const struct metric *m, bool ratio, double v, struct arena *a);
const char *report_unit(const struct metric *m, bool ratio); /* " points", " %", "" */
/* "−2.61", "+59.3", "0.00" */
const char *report_change(const struct metric *m, bool ratio, double v, struct arena *a);
/* "−2.61 points (−4.49 to −0.72)", "+59.3 % (one seed)" */
const char *report_difference(const struct metric *m, const struct difference *d, struct arena *a);
const char *report_verdict(enum verdict_word word); /* "promising, not proven": the word alone would say too much */
const char *report_share(const struct share *s, struct arena *a); /* "52 % (41–60)" */

/* ---- times: wall clock, local ---- */

const char *report_time(int64_t ms, char *buf, size_t size); /* "2026-11-25 07:00:00" */
/* By strftime's format; in the arena. */
const char *report_moment(double ms, const char *format, struct arena *a);

/* ---- parameters ---- */

/* "0.0031", "adam": four digits are enough to see what a value is like. */
const char *report_value(const struct param *p, double v, struct arena *a);
/* "patience 3 to 6", "mode a, b: any"; NULL: nothing but the winner's own value belongs to it. */
const char *report_flat(const struct param *p, const struct flat *flat, struct arena *a);
/* "patience=4 threshold=0.0012"; in the arena. */
const char *report_config(const struct space *space, const double *config, struct arena *arena);
/* The same, what differs from `near` first; NULL: nothing to compare with. */
const char *report_config_near(const struct space *space, const double *config, const double *near,
                               struct arena *arena);
/* … and with four digits of each number: to see, not to use. */
const char *report_config_short(const struct space *space, const double *config, const double *near,
                                struct arena *arena);
/* Only what differs from `from`, NULL: all, with four digits of each number. "": nothing does. */
const char *report_config_apart(const struct space *space, const double *config, const double *from,
                                struct arena *arena);

#endif
