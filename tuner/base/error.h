/* error: a status code plus a sentence for a person.
 *
 * Functions that can fail return `enum status` and fill a caller-owned `struct error`
 * (may be NULL). The text names what is wrong and the way out; callers add context on
 * the way up: "trial 12: cannot start: …". It is UTF-8, whatever it shows: a byte that is
 * not becomes '?'. On failure every ret_* argument is untouched.
 */
#ifndef TUNER_BASE_ERROR_H
#define TUNER_BASE_ERROR_H

enum status {
    STATUS_OK,
    STATUS_INVALID,
    STATUS_NOT_FOUND,
    STATUS_IO,
    STATUS_FULL,
    STATUS_BUSY,
    STATUS_NUMERIC,
    STATUS_EXHAUSTED,
    STATUS_CONFLICT,
    STATUS_DENIED,
    STATUS_FAILED,
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

#endif
