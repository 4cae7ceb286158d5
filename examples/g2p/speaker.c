/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "speaker.h"

#include <stdlib.h>

const char *speaker_open(struct speaker *s, const char *path)
{
    const char *wrong = model_load(&s->model, path);
    if (!wrong) s->pass = pass_create(&s->model);
    return wrong;
}

void speaker_close(struct speaker *s)
{
    free(s->pass);
    model_done(&s->model);
}

bool cascade_say(const struct cascade *c, const struct word *w, unsigned char *ret_chunk)
{
    double sure = 1;
    model_decode(&c->small->model, c->small->pass, w, ret_chunk, c->large ? &sure : NULL);
    if (!c->large || sure >= c->confidence) return false;
    model_decode(&c->large->model, c->large->pass, w, ret_chunk, NULL);
    return true;
}

double cascade_cost(const struct cascade *c, size_t letters, bool asked)
{
    return model_cost(&c->small->model, letters) + (asked ? model_cost(&c->large->model, letters) : 0);
}
