#include "tuner/base/clock.h"

#include "tuner/base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t real_wall(const struct clock *c)
{
    (void)c;
    return read_ms(CLOCK_REALTIME);
}

static int64_t real_mono(const struct clock *c)
{
    (void)c;
    return read_ms(CLOCK_MONOTONIC);
}

const struct clock *clock_real(void)
{
    static const struct clock real = {real_wall, real_mono};
    return &real;
}

/* ---- without steps back ---- */

struct steady {
    struct clock clock;
    const struct clock *base;
    pthread_mutex_t lock; /* of everything below: when it was read last */
    int64_t base_mono_ms, mono_ms;
    int64_t wall_ms, wall_mono_ms; /* the wall clock, and what the other said then */
};

/* The lock is held. */
static int64_t go_on(struct steady *s)
{
    int64_t now = clock_mono_ms(s->base);
    if (now > s->base_mono_ms) s->mono_ms += now - s->base_mono_ms;
    s->base_mono_ms = now;
    return s->mono_ms;
}

static int64_t steady_mono(const struct clock *c)
{
    struct steady *s = (struct steady *)c; /* created as one, and not const */
    pthread_mutex_lock(&s->lock);
    int64_t ms = go_on(s);
    pthread_mutex_unlock(&s->lock);
    return ms;
}

static int64_t steady_wall(const struct clock *c)
{
    struct steady *s = (struct steady *)c;
    pthread_mutex_lock(&s->lock);
    int64_t mono = go_on(s), least = s->wall_ms + mono - s->wall_mono_ms, wall = clock_wall_ms(s->base);
    s->wall_mono_ms = mono;
    s->wall_ms = wall > least ? wall : least;
    wall = s->wall_ms;
    pthread_mutex_unlock(&s->lock);
    return wall;
}

struct clock *clock_steady_create(const struct clock *base)
{
    struct steady *s = must_alloc(1, sizeof *s);
    s->clock = (struct clock){steady_wall, steady_mono};
    s->base = base;
    s->base_mono_ms = s->mono_ms = s->wall_mono_ms = clock_mono_ms(base);
    s->wall_ms = clock_wall_ms(base);
    pthread_mutex_init(&s->lock, NULL);
    return &s->clock;
}

void clock_steady_free(struct clock *c)
{
    struct steady *s = (struct steady *)c;
    if (!s) return;
    pthread_mutex_destroy(&s->lock);
    free(s);
}
