#include "tuner/history/view.h"

#include "tuner/history/internal.h"

#include "tuner/history/curve.h"
#include "tuner/history/lending.h"
#include "tuner/history/seen.h"

#include <string.h>

struct search_history history_view(struct history *s)
{
    seen_close_holes(s);
    return (struct search_history){
        .n = s->seen.n, .trial = s->seen_row, .baseline = memory_baseline(&s->m), .n_poisonous = s->m.tally.poisonous};
}

/* Configurations and results never change once they are there; curves may be forgotten. */
struct search_history history_snapshot(struct history *s, struct arena *arena)
{
    struct search_history h = history_view(s);
    struct search_trial *list = arena_array(arena, h.n + 1, sizeof *list);
    size_t size = sizeof s->m.baseline.mean;
    lending_begin(s);
    if (h.n) memcpy(list, s->seen_row, h.n * sizeof *list);
    for (size_t i = 0; i < h.n; i++)
        if (list[i].curve) list[i].curve = curve_lend(s->seen.at[i], arena);
    h.trial = list;
    if (h.baseline) h.baseline = memcpy(arena_alloc(arena, size), h.baseline, size);
    return h;
}
