#include "tuner/cli/watch_wish.h"

#include "tuner/cli/whole_file.h"

#include "tuner/base/words.h"

#include <stdlib.h>
#include <string.h>

bool watch_wish_is_given(const struct watch_options *o)
{
    return o->plan || o->every || o->then || o->ask || o->trials || o->top || o->run_length > 0 || o->n_command;
}

static bool step_of(const char *word, size_t n, enum watch_phase least, enum watch_phase *ret)
{
    for (int i = (int)least; i <= WATCH_TRYING; i++) {
        const char *name = watch_phase_name((enum watch_phase)i);
        if (strlen(name) == n && strncmp(name, word, n) == 0) return *ret = (enum watch_phase)i, true;
    }
    return false;
}

/* "tuning,trying"; "none" */
static enum status read_ask(const char *text, struct watch_plan *p, struct error *err)
{
    enum watch_phase step;
    memset(p->ask, 0, sizeof p->ask);
    if (strcmp(text, "none") == 0) return STATUS_OK;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        if (!step_of(at, n, WATCH_EVALUATING, &step))
            return error_set(err, STATUS_INVALID, "--ask: '%.*s' is none of evaluating, tuning, trying; or none", (int)n, at);
        p->ask[step] = true;
        at += n;
        if (!*at) return STATUS_OK;
    }
}

static enum status read_line(const struct watch_options *o, struct watch_plan *p, struct error *err)
{
    if (o->every && strcmp(o->every, "0") != 0 && !words_duration_ms(o->every, &p->every_ms))
        return error_set(err, STATUS_INVALID, "--every: '%.60s' is not a duration such as 10m, 24h or 7d", o->every);
    if (o->every && strcmp(o->every, "0") == 0) p->every_ms = 0;
    if (o->then && !step_of(o->then, strlen(o->then), WATCH_DRIFTED, &p->far))
        return error_set(err, STATUS_INVALID, "--then: '%.60s' is none of drifted, evaluating, tuning, trying", o->then);
    if (o->trials) p->trials = o->trials;
    if (o->top) p->top = o->top;
    if (o->run_length > 0) p->run_length = o->run_length;
    if (o->n_command) p->n_command = o->n_command, p->command = o->command;
    return o->ask ? read_ask(o->ask, p, err) : STATUS_OK;
}

enum status watch_wish_plan(const struct watch_options *o, const struct memory *s, const json_t *champion,
                            struct arena *arena, const char **ret, struct error *err)
{
    struct watch_plan plan;
    const char *unwatched = "";
    char *text = NULL;
    enum status st = o->plan ? whole_file_read(o->plan, LIVE_PLAN_BYTES, &text, err) : STATUS_OK;
    if (st) return st;
    const char *kept = text ? arena_strdup(arena, text) : "", *name = o->plan ? o->plan : "the watch";
    free(text);
    st = watch_plan_read(name, kept, arena, &plan, err);
    if (!st) st = read_line(o, &plan, err);
    if (!st && !watch_plan_says_metrics(kept, arena)) st = watch_plan_of_study(&plan, s, champion, arena, &unwatched, err);
    if (!st && *unwatched)
        fprintf(stderr, "nocturne: not watched: %s; nobody knows their range; a plan can say it, 'metrics: {NAME: {range: [0, 100]}}'\n",
                unwatched);
    if (!st) st = watch_plan_fits(&plan, s->study, err);
    if (!st) *ret = watch_plan_text(&plan, arena);
    return st;
}
