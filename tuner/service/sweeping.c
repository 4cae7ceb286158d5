#include "tuner/service/sweeping.h"

enum { DAY_MS = 86400000, SWEEP_MS = 50 /* others get their turn */ };

static bool sweep(struct work *work, struct store *store)
{
    struct service *s = work->data;
    struct error err;
    s->sweeping.more = false;
    return store_sweep(store, clock_wall_ms(s->clock) - DAY_MS, &s->sweeping.more, &err) == STATUS_BUSY;
}

static void on_swept(struct work *work)
{
    struct service *s = work->data;
    bool again = s->sweeping.more || s->sweeping.state == SWEEP_AND_AGAIN;
    s->sweeping.state = SWEEP_IDLE;
    if (again) sweeping_begin(s);
}

void sweeping_begin(struct service *s)
{
    struct sweeping *x = &s->sweeping;
    if (s->closing) return;
    x->state = x->state == SWEEP_IDLE ? SWEEP_AT_WORK : SWEEP_AND_AGAIN;
    if (x->state == SWEEP_AND_AGAIN) return;
    x->work = (struct work){.who = "", .kind = WORK_SLOW, .data = s, .run = sweep, .done = on_swept};
    works_add_later(s->works, &x->work, SWEEP_MS);
}
