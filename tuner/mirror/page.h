/* page: an answer of …/mirror, line by line, as its bytes come. Each line is a JSON object:
 *
 *     {"study": {"name", "path", "seed", "created_ms", "running", "version", "file"?, "identity"?, "state"?,
 * "disk_free"?}}
 *     {"seq": 12, "trial": 3, "kind": 3, "at_ms": 1764460800000, "body": "{…}"}       an event, as it is stored
 *     {"lease": 12, "first": 0, "metrics": ["em", "tokens"], "reports": [[step, after_ms, known, 0.5, 100.0], …]}
 *     {"end": 12, "more"?: true, "lease"?: 12}
 *
 * The first is the study, the last the end: without it the answer was cut. "path", "file" and "identity" come if the
 * file is another since the event that was named. `more`: ask again; `lease`: the reports of this one are not all here.
 *
 * Untrusted: a line has PAGE_LINE_MAX bytes at most, a page PAGE_BYTES_MAX, JSON as many values as make sense; seq goes
 * up, kinds are known ones, numbers are in their ranges, texts have no NUL. Whether the events make a study is for
 * `history` to say. */
#ifndef TUNER_MIRROR_PAGE_H
#define TUNER_MIRROR_PAGE_H

#include "store/store.h"

#include <stdbool.h>

enum { PAGE_LINE_MAX = 16 << 20, PAGE_BYTES_MAX = 256 << 20, PAGE_METRICS_MAX = 64, PAGE_SEQ_BITS = 53 };

struct page;

/* Texts are its own until the hook returns. */
struct page_study {
    struct store_study row; /* without its id; file, identity and path may be NULL */
    const char *version;    /* of the service */
    bool running;
    double disk_free; /* bytes; 0: unknown */
};

struct page_end {
    int64_t seq;   /* of the last event that is here */
    bool more;     /* than this page holds */
    int64_t lease; /* whose reports are not all here; 0: none */
};

/* Whatever is not STATUS_OK ends it. */
struct page_hooks {
    enum status (*study)(void *data, const struct page_study *study, struct error *err);
    enum status (*event)(void *data, const struct store_event *event, struct error *err);
    enum status (*report)(void *data, const struct store_report *report, struct error *err);
    void *data;
};

struct page *page_create(const struct page_hooks *hooks);
void page_free(struct page *p); /* NULL is fine */

/* Any part of it, cut anywhere. STATUS_IO: it is no such page; STATUS_FAILED: an event that this version does not know.
 * Nothing more is to be said to it then. */
enum status page_take(struct page *p, const char *bytes, size_t n, struct error *err);
/* STATUS_IO: it has no end. */
enum status page_finish(struct page *p, struct page_end *ret, struct error *err);
size_t page_bytes(const struct page *p); /* that were taken */

#endif
