/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void recent_open(struct recent *r, const char *path)
{
    *r = (struct recent){.path = path, .line = zeroed(RECENT, RECENT_LINE)};
    data_open_validation(&r->data, path);
}

void recent_close(struct recent *r)
{
    data_free(&r->data);
    free(r->line);
}

static void write_all(const struct recent *r, FILE *out)
{
    fputs("g2p 1\n", out);
    for (int c = 0; c < r->data.classes; c++) fprintf(out, "class %s\n", r->data.class_name[c]);
    for (unsigned long i = 0; i < RECENT && i < r->n; i++) fputs(r->line + i * RECENT_LINE, out);
}

static int save(const struct recent *r)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s.new", r->path) >= sizeof path) return errno = ENAMETOOLONG, -1;
    FILE *out = fopen(path, "w");
    if (!out) return -1;
    write_all(r, out);
    int failed = ferror(out);
    return fclose(out) || failed ? -1 : rename(path, r->path);
}

void recent_add(struct recent *r, const char *word, const char *phones)
{
    char *line = r->line + r->n % RECENT * RECENT_LINE;
    if (snprintf(line, RECENT_LINE, "v %s %s\n", word, phones) >= RECENT_LINE) return;
    r->n++;
    if (r->n % RECENT_SAVE || r->n < RECENT) return;
    r->failed = save(r) ? strerror(errno) : NULL;
}
