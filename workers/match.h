/* match: the numbers of a program that speaks no contract, found by patterns in what it prints or writes.
 *
 * Its lines come in pieces, from stdout and stderr, while it runs; each is looked at up to MATCH_LINE_MAX bytes,
 * without colours, a progress bar's carriage returns ending lines as well, and what is not UTF-8 as '?'. Of each metric
 * the last match counts. Those with a step are reports: said as soon as every such metric of the output has one of the
 * same step, at the latest with the next step; the same step again changes the value and is not said again. What has no
 * step goes along with its latest value.
 *
 * Files are read once the program has ended. Memory is bounded; time is in proportion to what is read (base/pattern).
 */
#ifndef WORKERS_MATCH_H
#define WORKERS_MATCH_H

#include "workers/workers.h"

enum { MATCH_LINE_MAX = 1 << 20, MATCH_FILE_MAX = 4 << 20, MATCH_FILE_REPORTS_MAX = 4096 };

enum match_stream { MATCH_STDOUT, MATCH_STDERR, MATCH_STREAMS };

struct match_handler {
    void (*report)(void *data, long step, json_t *metrics); /* the receiver's */
    void (*wrong)(void *data, const char *why);             /* a match that is no report: no number, no step */
};

struct matcher;

/* STATUS_INVALID: a pattern is none. The texts are copied. */
enum status matcher_create(const struct job_match *match, size_t n, const struct match_handler *handler, void *data,
                           struct matcher **ret, struct error *err);
void matcher_free(struct matcher *m);

void matcher_take(struct matcher *m, enum match_stream stream, const char *bytes, size_t n);
/* The program prints nothing any more: what has no newline is a line, too, and the last step is said. */
void matcher_end(struct matcher *m);
/* The files of an attempt that has ended: takes as long as it takes, and calls nobody, so that it may run on another
 * thread; what it has found is said by matcher_say_files. */
bool matcher_has_files(const struct matcher *m);
void matcher_read_files(struct matcher *m, const char *dir);
void matcher_say_files(struct matcher *m);

/* Those metrics that have a pattern get what it has found; what was said of them otherwise goes. */
void matcher_join(const struct matcher *m, json_t *metrics);

/* Why a metric has no number, for a person. False: it has no pattern. */
bool matcher_why(const struct matcher *m, const char *metric, char *ret, size_t size);

#endif
