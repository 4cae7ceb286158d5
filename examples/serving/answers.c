/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "answers.h"

#include <stdio.h>
#include <stdlib.h>

void answers_init(struct answers *all)
{
    *all = (struct answers){.slot = zeroed(ANSWERS, sizeof(struct answer))};
}

void answers_done(struct answers *all)
{
    free(all->slot);
}

struct answer *answers_add(struct answers *all, const char *unit)
{
    struct answer *a = &all->slot[++all->n % ANSWERS];
    *a = (struct answer){.id = all->n};
    snprintf(a->unit, sizeof a->unit, "%s", unit);
    return a;
}

struct answer *answers_find(const struct answers *all, unsigned long id)
{
    struct answer *a = &all->slot[id % ANSWERS];
    return id && a->id == id ? a : NULL;
}
