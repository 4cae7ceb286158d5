/* arena: memory that is released in one go.
 *
 * For things with one lifetime: a study file, a request, one suggestion. Blocks are
 * zeroed and aligned for any type. Running out of memory ends the process with one
 * sentence: the program is crash-only, and a restart loses nothing that was committed.
 * Not thread-safe: one arena belongs to one thread at a time.
 *
 *     struct arena a = {0};
 *     double *x = arena_array(&a, n, sizeof *x);
 *     arena_done(&a);
 */
#ifndef TUNER_BASE_ARENA_H
#define TUNER_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* newest first */
};

void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
/* Room for one more of `size` bytes behind the `n` that are there: they move each time their number is a power of two.
 */
void *arena_more(struct arena *a, void *old, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_bytes(const struct arena *a); /* that it takes */
void arena_done(struct arena *a);

/* malloc family with the same promise: zeroed, never NULL. Release with free(). */
void *must_alloc(size_t n, size_t size);
void *must_grow(void *p, size_t n, size_t size);
/* Room for `want` elements, of which there is for *capacity: for twice as many, if it is too little. */
void *must_reserve(void *p, size_t want, size_t *capacity, size_t size);
char *must_strdup(const char *s);
char *must_vprintf(const char *format, va_list args); /* the caller frees it */

#endif
