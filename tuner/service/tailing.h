/* tailing: who reads a file while a trial writes it, and waits until there is more.
 *
 * An answer is what lies behind `from`, TAILING_BYTES at most; the next request says where that ended. While there is
 * nothing, and the attempt runs, the request waits for up to `follow` seconds; once a second a work looks.
 */
#ifndef TUNER_SERVICE_TAILING_H
#define TUNER_SERVICE_TAILING_H

#include "tuner/service/request.h"

enum { TAILING_BYTES = 256 << 10, TAILING_S = 25 };

struct tailing {
    const char *study, *name; /* name: of the file, for words */
    long trial, attempt;
    long from, follow_s;
    int64_t until_ms; /* monotonic clock */
    const char *path; /* of the file; below a folder that trials write to */
    bool runs;        /* the attempt does */
};

/* In a request with ?from or ?follow. */
bool tailing_is_wanted(const struct request *r);
/* False: a problem has been answered. */
bool tailing_read(struct request *r, struct tailing *ret);
/* By a work: answers if there is something, or no more to be expected. */
void tailing_look(struct request *r, struct tailing *t);
/* On the loop, when that has not answered. */
void tailing_wait(struct request *r, struct tailing *t);
void tailing_tick(struct service *s); /* once a second */

#endif
