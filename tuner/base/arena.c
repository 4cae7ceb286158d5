#include "tuner/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, capacity;
    alignas(max_align_t) char bytes[];
};

enum { CHUNK_BYTES = 16384 };

static _Noreturn void out_of_memory(void)
{
    fputs("nocturne: out of memory; nothing committed is lost, run the same command again\n", stderr);
    abort();
}

static size_t product(size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total) || total > SIZE_MAX / 2) out_of_memory();
    return total;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = (product(size, 1) + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!a->chunk || a->chunk->capacity - a->chunk->used < size) {
        size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct arena_chunk *c = calloc(1, sizeof *c + capacity);
        if (!c) out_of_memory();
        c->capacity = capacity;
        c->next = a->chunk;
        a->chunk = c;
    }
    void *p = a->chunk->bytes + a->chunk->used;
    a->chunk->used += size;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    return arena_alloc(a, product(n, size));
}

void *arena_more(struct arena *a, void *old, size_t n, size_t size)
{
    if (n & (n - 1)) return old;
    void *grown = arena_array(a, n ? 2 * n : 1, size);
    return n ? memcpy(grown, old, n * size) : grown;
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}

size_t arena_bytes(const struct arena *a)
{
    size_t n = 0;
    for (const struct arena_chunk *c = a->chunk; c; c = c->next) n += sizeof *c + c->capacity;
    return n;
}

void arena_done(struct arena *a)
{
    while (a->chunk) {
        struct arena_chunk *next = a->chunk->next;
        free(a->chunk);
        a->chunk = next;
    }
}

void *must_alloc(size_t n, size_t size)
{
    size_t total = product(n, size);
    void *p = calloc(1, total ? total : 1);
    if (!p) out_of_memory();
    return p;
}

void *must_grow(void *p, size_t n, size_t size)
{
    size_t total = product(n, size);
    p = realloc(p, total ? total : 1);
    if (!p) out_of_memory();
    return p;
}

void *must_reserve(void *p, size_t want, size_t *capacity, size_t size)
{
    if (want <= *capacity) return p;
    *capacity = 2 * want + 16;
    return must_grow(p, *capacity, size);
}

char *must_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(must_alloc(n, 1), s, n);
}

char *must_vprintf(const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0) abort(); /* out of memory */
    return text;
}
