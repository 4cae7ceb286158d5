/* libFuzzer: any bytes as a page of a mirrored study, in pieces of any size; what is taken once is taken again whole,
 * and what comes out of it is within its bounds. */
#include "tuner/mirror/page.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
    size_t studies, events, reports;
    int64_t seq;
};

static enum status on_study(void *data, const struct page_study *s, struct error *err)
{
    struct count *c = data;
    (void)err;
    if (!s->row.name || !s->version || s->disk_free < 0) __builtin_trap();
    c->studies++;
    return STATUS_OK;
}

static enum status on_event(void *data, const struct store_event *e, struct error *err)
{
    struct count *c = data;
    (void)err;
    if (e->seq <= c->seq || e->trial < -1 || e->kind < 1 || !e->body || !c->studies) __builtin_trap();
    c->seq = e->seq;
    c->events++;
    return STATUS_OK;
}

static enum status on_report(void *data, const struct store_report *r, struct error *err)
{
    struct count *c = data;
    (void)err;
    if (r->lease < 1 || r->number < 0 || r->step < 0 || r->n > PAGE_METRICS_MAX || !c->studies) __builtin_trap();
    for (size_t i = 0; i < r->n; i++)
        if (strlen(r->name[i]) > 255) __builtin_trap();
    c->reports++;
    return STATUS_OK;
}

static bool take(const char *bytes, size_t n, size_t piece, struct count *ret)
{
    struct page_end end;
    struct error err;
    *ret = (struct count){0};
    struct page *p = page_create(&(struct page_hooks){on_study, on_event, on_report, ret});
    enum status s = STATUS_OK;
    for (size_t at = 0; !s && at < n; at += piece) s = page_take(p, bytes + at, n - at < piece ? n - at : piece, &err);
    if (!s) s = page_finish(p, &end, &err);
    if (!s && end.seq < ret->seq) __builtin_trap();
    page_free(p);
    return s == STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct count pieces, whole;
    size_t piece = size ? data[0] % 40 + 1u : 1;
    const char *bytes = (const char *)data + (size > 0);
    bool once = take(bytes, size ? size - 1 : 0, piece, &pieces);
    bool again = take(bytes, size ? size - 1 : 0, size + 1, &whole);
    if (once != again || memcmp(&pieces, &whole, sizeof whole) != 0) __builtin_trap();
    return 0;
}
