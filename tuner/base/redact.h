/* redact: takes secrets out of text that goes into logs: tokens of the service, and the values of environment variables
 * whose names say that they are secret (SECRET, TOKEN, PASSWORD, PASSWD, API_KEY, PRIVATE_KEY). */
#ifndef TUNER_BASE_REDACT_H
#define TUNER_BASE_REDACT_H

#include <stddef.h>

/* In place: what is secret becomes asterisks, of the same length. The bytes need not be text. Before text is cut, not
 * after: half a secret is not known as one. */
void redact(char *bytes, size_t n);

/* The beginning of a text, as a string of less than `size` bytes. */
void redact_cut(const char *bytes, size_t n, char *ret, size_t size);

/* The same for text that comes in pieces, wherever it was cut: what may be the beginning of a secret waits until it is
 * known. All zero: nothing came yet. */
struct redactor {
    char *bytes, *secret;    /* secret[i]: bytes[i] becomes an asterisk */
    size_t n, capacity, out; /* the first `out` were handed over */
};

/* What can be said now, or at the end: valid until the next call. */
const char *redactor_take(struct redactor *r, const char *bytes, size_t n, size_t *ret_n);
const char *redactor_end(struct redactor *r, size_t *ret_n);
void redactor_done(struct redactor *r);

/* The variables of our own (NOCTURNE_…) that hold secrets: is "NAME=value" one of them? */
int redact_is_own(const char *variable);
/* Moves their values to where /proc/PID/environ does not show them. getenv finds them as before. */
void redact_hide_own(void);

#endif
