/* What matters: which parameter decides what, what is all the same around the winner, and the two that matter most. */
#include "tuner/report/morning_parts.h"

#include "tuner/report/figure_model.h"
#include "tuner/report/text.h"

#include <math.h>
#include <string.h>

enum { TRIALS_MAX = 4000 /* of more a model takes longer than a report may */, SLICES = 2 };

#define HARDLY 0.1

struct matters {
    struct surface *f;
    struct importance x;
};

/* ---- sentences ---- */

/* What is sure to be next to nothing. */
static const char *hardly(const struct morning *m, const struct importance_target *t)
{
    const char *all = "";
    for (size_t i = 1; !t->note && i < m->s->study->space.n; i++)
        if (t->row[i].share.high < HARDLY)
            all = arena_printf(m->a, "%s%s%s", all, *all ? ", " : "", m->s->study->space.param[t->row[i].param].name);
    return *all ? arena_printf(m->a, " Hardly any part in it, each under 10 %%: %s.", story_quote(m->a, all)) : "";
}

static void say_targets(struct morning *m, struct story_section *x, const struct importance *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct importance_target *t = &all->target[i];
        if (!figure_importance_tells(all, i)) continue;
        const char *says = figure_sentence(story_quote(m->a, figure_importance_says(all, i, m->a)), m->a);
        const char *of = t->note || strncmp(says, "It ", 3) == 0 ? "" : " of its differences";
        story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, STRONG("%s") "%s.%s", says, of, hardly(m, t)));
    }
}

static void say_flat(struct morning *m, struct story_section *x, const struct importance *all)
{
    const char *text = "";
    if (!all->flat) return;
    for (size_t i = 0; i < m->s->study->space.n; i++) {
        const char *one = report_flat(&m->s->study->space.param[i], &all->flat[i], m->a);
        if (one) text = arena_printf(m->a, "%s%s%s", text, *text ? "; " : "", one);
    }
    long winner = all->surface->winner->number;
    if (!*text)
        text = arena_printf(m->a, "Around trial %ld of no other value it is known that it is as good.", winner);
    else
        text =
            arena_printf(m->a,
                         "Around trial %ld, one changed and all others left, it is all the same: %s. That is, within "
                         "%.3g of its utility with a chance of 75 %% or more.",
                         winner, story_quote(m->a, text), all->margin);
    story_say(x, m->a, STORY_SENTENCE, text);
}

/* ---- charts ---- */

static void show_importance(struct morning *m, struct story_section *x, const struct importance *all)
{
    struct chart c = {.name = NULL};
    bool known = false;
    for (size_t i = 0; i < all->n; i++) known |= figure_importance_tells(all, i) && !all->target[i].note;
    if (!known) return;
    if (figure_importance_of(all, m->a, &c, NULL) == STATUS_OK) story_chart(x, m->a, &c);
}

/* Of each metric that is told what matters most; of a single one the first two. */
static size_t choose_slices(const struct morning *m, const struct importance *all, struct slice_wish ret[SLICES])
{
    size_t n = 0;
    for (size_t rank = 0; rank < 2 && rank < m->s->study->space.n; rank++)
        for (size_t i = 0; i < all->n && n < SLICES; i++) {
            const struct importance_target *t = &all->target[i];
            if (!figure_importance_tells(all, i) || t->note || !(t->row[rank].share.middle > 0.02)) continue;
            ret[n++] = (struct slice_wish){.param = t->row[rank].param, .target = t->target, .at = -1};
        }
    return n;
}

static void show_slices(struct morning *m, struct story_section *x, const struct matters *all)
{
    struct slice_wish wish[SLICES];
    struct chart c = {.name = NULL};
    size_t n = choose_slices(m, &all->x, wish);
    for (size_t i = 0; i < n; i++) figure_slice_add(all->f, &wish[i], m->a, &c, NULL);
    if (c.n_panels) story_chart(x, m->a, &c);
}

/* ---- all ---- */

static void tell(struct morning *m, struct story_section *x, const struct matters *all)
{
    say_targets(m, x, &all->x);
    show_importance(m, x, &all->x);
    say_flat(m, x, &all->x);
    show_slices(m, x, all);
}

/* Not told of fewer trials than it needs. */
void morning_matters(struct morning *m)
{
    struct matters all = {.f = NULL};
    struct error none;
    if (importance_ready(m->s, &none)) return;
    struct story_section *x = story_section(m->story, m->a, "What matters");
    if (surface_complete(m->s) > TRIALS_MAX)
        story_say(x, m->a, STORY_QUIET,
                  arena_printf(m->a, "Of so many trials this takes a while: " CODE("nocturne importance %s") ".",
                               m->story->name));
    else if (surface_make(m->s, &all.f, &none) || importance_make(all.f, SIZE_MAX, m->a, &all.x, &none))
        story_say(x, m->a, STORY_QUIET,
                  arena_printf(m->a, "Nothing is known of it: %s.", story_quote(m->a, none.text)));
    else
        tell(m, x, &all);
    surface_free(all.f);
}
