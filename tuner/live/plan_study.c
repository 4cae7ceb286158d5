#include "tuner/live/plan_study.h"

#include "tuner/live/watch_study.h"

#include "tuner/base/arena.h"

#include <string.h>

static bool has_metric(const struct objective *o, const char *name)
{
    for (size_t i = 0; i < o->n_metrics; i++)
        if (strcmp(o->metric[i].name, name) == 0) return true;
    return false;
}

static const char *names_of(const struct objective *o, struct arena *a)
{
    const char *all = "";
    for (size_t i = 0; i < o->n_metrics; i++) all = arena_printf(a, "%s%s%s", all, i ? ", " : "", o->metric[i].name);
    return all;
}

enum status live_plan_suits(const struct live_plan *p, const char *text, const struct study *study, struct error *err)
{
    struct arena a = {0};
    enum status s = STATUS_OK;
    bool own = watch_plan_says_metrics(text, &a);
    for (size_t i = 0; !own && !s && i < p->n_metrics; i++)
        if (!has_metric(&study->objective, p->metric[i].name))
            s = error_set(
                err, STATUS_INVALID,
                "study '%s' measures %s, and not '%s', which the default plan is about: say in a plan with 'metrics' "
                "what is to be shown; 'nocturne rollout plan' prints one to change",
                study->name, names_of(&study->objective, &a), p->metric[i].name);
    arena_done(&a);
    return s;
}
