/* whole_file: a file that was asked for by its name, the whole of it or nothing: it grows beside its place under
 * another name, which ends as its own does, and takes its place at the end. What stood there until then stays, if it
 * fails, and so does who may read it. Where a link of that name leads to a file, that one is replaced, not the link;
 * what is no file, such as /dev/null, /dev/stdout or a pipe, is written to as it is and stays what it is.
 *
 *     struct whole_file f;
 *     struct error err;
 *     enum status st = whole_file_begin(&f, "best.csv", &err);
 *     if (st) return st;
 *     fputs("x,y\n", f.out);                  or another program writes to f.part
 *     return whole_file_end(&f, st, &err);
 *
 * Errors: STATUS_INVALID: its name is too long; STATUS_IO, STATUS_FULL. They name the file. */
#ifndef TUNER_CLI_WHOLE_FILE_H
#define TUNER_CLI_WHOLE_FILE_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct whole_file {
    const char *path; /* the caller's */
    FILE *out;
    char place[4096]; /* where it will be */
    char part[4096];  /* where it grows */
    bool straight;    /* it is no file: it grows where it is */
};

enum status whole_file_begin(struct whole_file *f, const char *path, struct error *err);
/* `made`: STATUS_OK: it takes its place; else nothing is left of it. Returns `made`, or why it could not be written. */
enum status whole_file_end(struct whole_file *f, enum status made, struct error *err);

/* A file of at most `most` bytes, read whole, with a NUL behind it: the caller frees it. STATUS_NOT_FOUND; STATUS_INVALID:
 * it is larger, or no text; STATUS_IO. */
enum status whole_file_read(const char *path, size_t most, char **ret, struct error *err);

/* Has the other program written something? */
bool whole_file_is_filled(const struct whole_file *f);

#endif
