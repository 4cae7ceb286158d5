#include "tuner/base/error.h"

#include "tuner/base/plain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of a name that was cut, half a letter may be left. */
static void repair(struct error *err)
{
    plain_repair(err->text, strlen(err->text));
}

enum status error_set(struct error *err, enum status status, const char *fmt, ...)
{
    if (!err) return status;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    repair(err);
    err->status = status;
    return status;
}

enum status error_context(struct error *err, const char *fmt, ...)
{
    if (!err) return STATUS_FAILED;
    char before[sizeof err->text], after[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(before, sizeof before, fmt, ap);
    va_end(ap);
    memcpy(after, err->text, sizeof after);
    snprintf(err->text, sizeof err->text, "%.400s: %.600s", before, after);
    repair(err);
    return err->status;
}

enum status status_of_errno(int code)
{
    return code == ENOSPC || code == EDQUOT || code == EFBIG ? STATUS_FULL : STATUS_IO;
}
