#include "tuner/service/pem.h"

#include "tuner/base/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX = 1 << 20 };

enum status pem_read(const char *path, char **ret, struct error *err)
{
    FILE *in = fopen(path, "re");
    if (!in) return error_set(err, STATUS_NOT_FOUND, "%s: cannot read it: %s", path, strerror(errno));
    char *text = must_alloc(PEM_MAX, 1);
    size_t n = fread(text, 1, PEM_MAX - 1, in);
    fclose(in);
    text[n] = 0;
    if (strstr(text, "-----BEGIN ")) return *ret = text, STATUS_OK;
    free(text);
    return error_set(err, STATUS_INVALID, "%s: not a PEM file ('-----BEGIN …')", path);
}
