#include "tuner/report/headline.h"

#include "tuner/report/morning_parts.h"
#include "tuner/report/text.h"

#include <math.h>

enum { PIECE = 512 };

static const char *unmarked(const char *text, struct arena *a)
{
    char piece[PIECE], mark;
    const char *all = "";
    do {
        text = story_next(text, piece, sizeof piece, &mark);
        all = arena_printf(a, "%s%s", all, piece);
    } while (text);
    return all;
}

const char *headline_of(const struct memory *s, struct arena *a)
{
    const struct morning_facts facts = {.version = NOCTURNE_VERSION};
    struct story story = {.name = s->study->name};
    struct morning m = {.s = s, .o = &s->study->objective, .facts = &facts, .story = &story, .a = a};
    const char *all = "";
    m.d = document_of(s, a);
    morning_verdict(&m);
    for (size_t i = 0; i < story.section[0].n; i++) {
        const struct story_block *b = &story.section[0].block[i];
        if (b->brief == STORY_FIRST) all = arena_printf(a, "%s%s%s", all, *all ? " " : "", unmarked(b->text, a));
    }
    return all;
}

const char *headline_best(const struct memory *s, const struct trial *t, double utility, struct arena *a)
{
    const struct objective *o = &s->study->objective;
    char text[64];
    const char *all = arena_printf(a, "trial %ld is the best so far:", t->number), *comma = "";
    for (size_t i = 0; i < o->n_metrics; i++) {
        if (!isfinite(t->value[i])) continue;
        all = arena_printf(a, "%s%s %s %s", all, comma, o->metric[i].name,
                           report_metric(&o->metric[i], t->value[i], text, sizeof text));
        comma = ",";
    }
    if (o->form == OBJECTIVE_SINGLE || !isfinite(utility)) return all;
    return arena_printf(a, "%s; utility %s", all, report_utility(utility, text, sizeof text));
}
