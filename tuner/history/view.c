#include "tuner/history/view.h"

#include "tuner/history/seen.h"

#include <string.h>

struct search_history history_view(struct history *s)
{
    seen_close_holes(s);
    return (struct search_history){
        .n = s->n_seen, .trial = s->seen, .baseline = memory_baseline(s), .n_poisonous = s->tally.poisonous};
}

/* Configurations and results never change once they are there, so only the list is copied. */
struct search_history history_snapshot(struct history *s, struct arena *arena)
{
    struct search_history h = history_view(s);
    struct search_trial *list = arena_array(arena, h.n + 1, sizeof *list);
    if (h.n) memcpy(list, s->seen, h.n * sizeof *list);
    h.trial = list;
    if (h.baseline) h.baseline = memcpy(arena_alloc(arena, sizeof s->baseline), h.baseline, sizeof s->baseline);
    return h;
}
