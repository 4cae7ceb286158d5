/* error: a status code plus a sentence for a person.
 *
 * Functions that can fail return `enum status` and fill a caller-owned `struct error`
 * (may be NULL). The text names what is wrong and the way out; callers add context on
 * the way up: "trial 12: cannot start: …". On failure every ret_* argument is untouched.
 */
#ifndef TUNER_BASE_ERROR_H
#define TUNER_BASE_ERROR_H

#define STATUS_LIST(X)                                                                                                 \
    X(OK, "ok")                                                                                                        \
    X(INVALID, "invalid input")                                                                                        \
    X(NOT_FOUND, "not found")                                                                                          \
    X(IO, "input/output failed")                                                                                       \
    X(FULL, "no space is left")                                                                                        \
    X(BUSY, "held by another process")                                                                                 \
    X(NUMERIC, "numerical failure")                                                                                    \
    X(EXHAUSTED, "nothing left")                                                                                       \
    X(CONFLICT, "conflicts with what is there")                                                                        \
    X(DENIED, "not allowed")                                                                                           \
    X(FAILED, "failed")

enum status {
#define X(name, text) STATUS_##name,
    STATUS_LIST(X)
#undef X
};

struct error {
    enum status status;
    char text[1024];
};

/* Sets the error and returns `status`, so that `return error_set(err, …)` reads well. */
enum status error_set(struct error *err, enum status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts context before the text: "context: text". Returns err's status, or STATUS_FAILED for NULL. */
enum status error_context(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Of a file that could not be written: STATUS_FULL if there is no space, quota or size left for it, else STATUS_IO. */
enum status status_of_errno(int code);

/* The general words for a status, never NULL. */
const char *status_text(enum status status);

#endif
