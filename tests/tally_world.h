/* Steps of units, and a world of six units in which all that can happen to each has a known chance. */
#ifndef TESTS_TALLY_WORLD_H
#define TESTS_TALLY_WORLD_H

#include "tests/test.h"

#include "tuner/rollout/rollout.h"

static inline struct tally step_of(double share, double offset)
{
    struct tally t;
    assert_true(tally_begin(&t, share, offset, offset * (1 - offset)));
    return t;
}

static inline struct tally only(const struct tally *step, enum arm arm, size_t level)
{
    struct tally t = *step;
    memset(t.units, 0, sizeof t.units);
    t.units[arm][level] = 1;
    return t;
}

/* A world in which all four outcomes of a unit have known chances, and steps follow each other. */
enum { UNITS = 6, PATHS = 4096 /* 4^UNITS */ };

struct path {
    struct tally steps[2], blocks[UNITS];
    double chance;
};

/* Unit u is of step u / 3, whose base rates differ; the challenger is better by `apart`. */
static inline struct path walk(unsigned path, double apart)
{
    struct path p = {.steps = {step_of(0.05, 0.3), step_of(0.4, 0.7)}, .chance = 1};
    for (int u = 0; u < UNITS; u++, path /= 4) {
        struct tally *step = &p.steps[u / 3];
        enum arm arm = path % 2 ? ARM_CHALLENGER : ARM_CHAMPION;
        double base = u < 3 ? 0.45 : 0.85, mean = base + (arm == ARM_CHALLENGER ? apart : 0);
        bool right = path / 2 % 2;
        p.chance *= (arm == ARM_CHALLENGER ? step->share : 1 - step->share) * (right ? mean : 1 - mean);
        p.blocks[u] = only(step, arm, right ? TALLY_LEVELS - 1 : 0);
        tally_add(step, &p.blocks[u]);
    }
    return p;
}

#endif
