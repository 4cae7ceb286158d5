#include "tuner/live/lookup.h"

#include "tuner/base/arena.h"
#include "tuner/base/digest.h"

#include <stdlib.h>
#include <string.h>

void lookup_init(struct lookup *l, size_t expected)
{
    char seed[17];
    digest_random_hex(seed, 8);
    l->seed = strtoull(seed, NULL, 16);
    l->size = expected + 1;
    l->bucket = must_alloc(l->size, sizeof *l->bucket);
}

void lookup_done(struct lookup *l)
{
    free(l->bucket);
}

static uint64_t hash_of(const struct lookup *l, int kind, const char *text)
{
    return digest_quick(l->seed + (uint64_t)kind, text);
}

void lookup_put(struct lookup *l, struct lookup_link *link, int kind, const char *text, void *owner)
{
    uint64_t hash = hash_of(l, kind, text);
    struct lookup_link **bucket = &l->bucket[hash % l->size];
    *link = (struct lookup_link){*bucket, bucket, hash, kind, text, owner};
    if (link->next) link->next->here = &link->next;
    *bucket = link;
}

void lookup_remove(struct lookup_link *link)
{
    if (!link->here) return;
    *link->here = link->next;
    if (link->next) link->next->here = link->here;
    *link = (struct lookup_link){0};
}

static struct lookup_link *find(struct lookup_link *from, uint64_t hash, int kind, const char *text)
{
    while (from && (from->hash != hash || from->kind != kind || strcmp(from->text, text) != 0)) from = from->next;
    return from;
}

struct lookup_link *lookup_first(const struct lookup *l, int kind, const char *text)
{
    uint64_t hash = hash_of(l, kind, text);
    return find(l->bucket[hash % l->size], hash, kind, text);
}

struct lookup_link *lookup_next(const struct lookup_link *link)
{
    return find(link->next, link->hash, link->kind, link->text);
}
