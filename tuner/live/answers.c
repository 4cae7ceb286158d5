#include "tuner/live/answers.h"

#include "tuner/base/digest.h"

#include <math.h>
#include <string.h>

enum { SLOTS_FIRST = 256 };

void answers_begin(struct answers *a, size_t n_metrics, struct arena *arena)
{
    *a = (struct answers){.arena = arena, .n_metrics = n_metrics};
}

static uint64_t key_of(const char *id)
{
    uint64_t key = digest_quick(DIGEST_QUICK_SEED, id);
    return key ? key : 1;
}

/* Its slot, or the free one that it would have. */
static size_t slot_of(const struct answers *a, uint64_t key)
{
    size_t i = (size_t)(key ^ key >> 32) & (a->slots - 1);
    while (a->key[i] && a->key[i] != key) i = (i + 1) & (a->slots - 1);
    return i;
}

static void put(struct answers *a, size_t slot, uint64_t key, const double *value)
{
    a->key[slot] = key;
    memcpy(a->value + slot * a->n_metrics, value, a->n_metrics * sizeof *value);
}

static void grow(struct answers *a)
{
    const struct answers was = *a;
    a->slots = was.slots ? 2 * was.slots : SLOTS_FIRST;
    a->key = arena_array(a->arena, a->slots, sizeof *a->key);
    a->value = arena_array(a->arena, a->slots * a->n_metrics, sizeof *a->value);
    for (size_t i = 0; i < was.slots; i++)
        if (was.key[i]) put(a, slot_of(a, was.key[i]), was.key[i], was.value + i * a->n_metrics);
}

bool answers_add(struct answers *a, const char *id, const double *value)
{
    uint64_t key = key_of(id);
    if (2 * (a->n + 1) > a->slots) grow(a);
    size_t slot = slot_of(a, key);
    if (a->key[slot]) return false;
    put(a, slot, key, value);
    a->n++;
    return true;
}

const double *answers_find(const struct answers *a, const char *id)
{
    uint64_t key = key_of(id);
    size_t slot = a->slots ? slot_of(a, key) : 0;
    return a->slots && a->key[slot] ? a->value + slot * a->n_metrics : NULL;
}

double answers_mean(const struct answers *a, size_t metric, size_t *ret_n)
{
    double sum = 0;
    *ret_n = 0;
    for (size_t i = 0; i < a->slots; i++) {
        double v = a->key[i] ? a->value[i * a->n_metrics + metric] : NAN;
        if (!isnan(v)) sum += v, ++*ret_n;
    }
    return *ret_n ? sum / (double)*ret_n : NAN;
}
