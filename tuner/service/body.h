/* body: of a request, as it comes: into memory, of which all visitors together have a share, or into a file.
 *
 * One that is too large, or for which there is no room, is refused, and a little more of it heard out, so that an
 * answer can be given.
 */
#ifndef TUNER_SERVICE_BODY_H
#define TUNER_SERVICE_BODY_H

#include "tuner/service/http_request.h"

#include <stdbool.h>
#include <stddef.h>

struct visitor;

struct body {
    struct http_request *request; /* whose `body` or `spool`, and `n`, it fills */
    struct visitor *visitor;
    size_t expected;  /* bytes, as announced, or as many as the request takes */
    size_t capacity;  /* in memory, for it and a NUL */
    size_t heard;     /* bytes, those that were refused included */
    unsigned refused; /* the status with which it is; 0: it is not */
};

/* The request says how much it takes. `length`: as announced; NULL: it was not. */
void body_begin(struct body *b, const char *length);
/* False: too much for an answer, the connection ends. */
bool body_take(struct body *b, const char *bytes, size_t n);
void body_forget(struct body *b);

#endif
