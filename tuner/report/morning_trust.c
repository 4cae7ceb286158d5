/* Whether to believe it, what to do next at which price, and how to have it again. */
#include "tuner/report/morning_parts.h"

#include "tuner/report/report.h"
#include "tuner/report/text.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- can it be trusted ---- */

static void say_findings(struct morning *m, struct story_section *x, enum health_level level, const char *word)
{
    const struct health *h = m->facts->health;
    for (size_t i = 0; i < h->n; i++) {
        const struct finding *f = &h->finding[i];
        if (f->level != level || !f->sentence) continue;
        const char *action = f->action ? arena_printf(m->a, " → %s", story_quote(m->a, f->action)) : "";
        story_say(x, m->a, STORY_ITEM,
                  arena_printf(m->a, STRONG("%s, %s:") " %s%s", word, health_check_name(f->check),
                               story_quote(m->a, f->sentence), action))
            ->brief = level == HEALTH_WRONG ? STORY_SECOND : STORY_NEVER;
    }
}

static const char *names_of(const struct morning *m, enum health_level level)
{
    const struct health *h = m->facts->health;
    const char *all = "";
    for (size_t i = 0; i < h->n; i++)
        if (h->finding[i].level == level && h->finding[i].sentence)
            all = arena_printf(m->a, "%s%s%s", all, *all ? ", " : "", health_check_name(h->finding[i].check));
    return all;
}

static void say_health(struct morning *m, struct story_section *x)
{
    say_findings(m, x, HEALTH_WRONG, "✕ wrong");
    say_findings(m, x, HEALTH_LOOK, "! look");
    const char *fine = names_of(m, HEALTH_FINE), *later = names_of(m, HEALTH_LATER);
    if (*fine) story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, "✓ Fine: %s.", fine));
    if (*later) story_say(x, m->a, STORY_QUIET, arena_printf(m->a, "Too little is known yet of: %s.", later));
}

/* EM on n items has an error of its own, however many seeds. */
static const char *sampling_text(const struct morning *m)
{
    const struct comparison_row *row = m->d.comparison.winner;
    const char *all = "";
    for (size_t i = 0; row && i < m->o->n_metrics; i++) {
        const struct metric *x = &m->o->metric[i];
        double p = row->mean[i];
        if (x->kind != METRIC_PROPORTION || !(x->of > 0) || !(p >= 0 && p <= 1)) continue;
        all = arena_printf(m->a,
                           "%s %s on %.0f items is uncertain by ±%s points by itself, which more seeds do not change.",
                           all, x->name, x->of, report_size(x, false, 1.96 * sqrt(p * (1 - p) / x->of), m->a));
    }
    return all;
}

static void say_limits(struct morning *m, struct story_section *x)
{
    story_say(
        x, m->a, STORY_SENTENCE,
        arena_printf(
            m->a,
            STRONG(
                "What this does not show:") " how it goes with other data, another model or other machines than "
                                            "these trials had.%s What lies outside the ranges that were searched was not tried.",
            sampling_text(m)));
}

void morning_trust(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "Can it be trusted");
    if (m->facts->health) say_health(m, x);
    say_limits(m, x);
}

/* ---- what next ---- */

/* " (about 10M tokens)" for so many further seeds of the winner and all that it is compared with; "": unknown. */
static const char *price_of_seeds(const struct morning *m, const struct comparison_row *row, size_t seeds)
{
    int tokens = objective_token_metric(m->o);
    double sum = 0;
    for (size_t i = 0; i < m->d.comparison.n; i++) {
        const struct comparison_row *other = &m->d.comparison.row[i];
        if (tokens < 0 || (other != row && !other->label) || seeds <= other->seeds) continue;
        sum += (double)(seeds - other->seeds) * other->mean[tokens];
    }
    return sum > 0 ? arena_printf(m->a, " (about %s %s)", morning_count(m, sum), objective_cost_name(m->o)) : "";
}

static const char *price_of_rest(const struct morning *m)
{
    const struct plan *p = m->facts->plan;
    char buf[40];
    if (!p) return "";
    if (isfinite(p->tokens.median) && p->tokens.median > 0)
        return arena_printf(m->a, " (about %s %s)", morning_count(m, p->tokens.median), objective_cost_name(m->o));
    if (isfinite(p->ms.median) && p->ms.median > 0)
        return arena_printf(m->a, " (about %s)", words_show_duration((int64_t)p->ms.median, buf, sizeof buf));
    return "";
}

static void step(struct morning *m, struct story_section *x, const char *text)
{
    if (x->n < 3) story_say(x, m->a, STORY_ITEM, text)->brief = STORY_FIRST;
}

static void next_while_open(struct morning *m, struct story_section *x)
{
    const char *name = m->story->name;
    if (m->facts->running)
        step(m, x,
             arena_printf(m->a, "Let it go on%s; how it stands: " CODE("nocturne status %s") ".", price_of_rest(m),
                          name));
    else if (m->d.phase == STUDY_FAILED)
        step(m, x,
             arena_printf(m->a, "Mend what kept it, then " CODE("nocturne resume %s") "%s.", name, price_of_rest(m)));
    else if (m->d.phase != STUDY_COMPLETE)
        step(m, x,
             arena_printf(m->a, "It is not at its end: " CODE("nocturne resume %s") "%s.", name, price_of_rest(m)));
}

static void next_for_seeds(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    if (row->verdict == VERDICT_NOT_CONFIRMED && m->d.phase == STUDY_COMPLETE)
        step(m, x,
             arena_printf(m->a,
                          "Confirm it: " CODE("confirm: {top: 1, seeds: 3}") " in the study file, and " CODE(
                              "nocturne run") " again%s.",
                          price_of_seeds(m, row, 3)));
    for (size_t i = 0; i < row->n_against; i++) {
        const struct verdict *v = &row->against[i];
        if (v->word == VERDICT_PROMISING && v->seeds > row->seeds)
            step(m, x,
                 arena_printf(m->a,
                              "To have it decided beside %s, about %zu seeds each: " CODE(
                                  "confirm: {seeds: %zu}") " in the study file, and " CODE("nocturne run") " again%s.",
                              story_quote(m->a, v->reference), v->seeds, v->seeds, price_of_seeds(m, row, v->seeds)));
    }
}

static void step_export(struct morning *m, struct story_section *x, const char *what)
{
    step(m, x,
         arena_printf(m->a, "%s: " CODE("nocturne export %s --format args") " (costs nothing).", what, m->story->name));
}

static void next_for_result(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    const struct verdict *v = morning_deciding(row);
    const char *open = v ? morning_open(m, v) : "";
    switch (row->verdict) {
    case VERDICT_ADOPT:
    case VERDICT_NONE: step_export(m, x, "Take the settings"); break;
    case VERDICT_TRADE: step_export(m, x, "If the trade pays for you, take the settings"); break;
    case VERDICT_PROMISING:
        step_export(m, x,
                    arena_printf(m->a, "Take the settings unproven (beside %s it is open whether %s is better)",
                                 story_quote(m->a, v->reference), *open ? open : "anything"));
        break;
    case VERDICT_NO_BETTER:
    case VERDICT_DO_NOT_ADOPT: step(m, x, "Change nothing: keep what you have (costs nothing)."); break;
    case VERDICT_NOT_CONFIRMED: break;
    }
}

static void next_for_health(struct morning *m, struct story_section *x)
{
    const struct health *h = m->facts->health;
    for (int level = HEALTH_WRONG; h && level >= HEALTH_LOOK; level--)
        for (size_t i = 0; i < h->n; i++)
            if (h->finding[i].level == (enum health_level)level && h->finding[i].action)
                step(m, x,
                     arena_printf(m->a, "For %s: %s", health_check_name(h->finding[i].check),
                                  story_quote(m->a, h->finding[i].action)));
}

void morning_next(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "What next");
    const struct comparison_row *row = m->d.comparison.winner;
    next_while_open(m, x);
    if (row && !m->facts->running) {
        bool open = row->verdict == VERDICT_PROMISING; /* more seeds may show that it is no better */
        if (!open) next_for_result(m, x, row);
        next_for_seeds(m, x, row);
        if (open) next_for_result(m, x, row);
    }
    next_for_health(m, x);
    if (x->n == 0)
        story_say(x, m->a, STORY_ITEM, "Nothing: there is no more to learn from this study.")->brief = STORY_FIRST;
}

/* ---- to have it again ---- */

static const char *command_text(const struct morning *m)
{
    const char *all = "";
    for (size_t i = 0; i < m->s->study->n_args; i++)
        all = arena_printf(m->a, "%s%s%s", all, *all ? " " : "", story_quote(m->a, m->s->study->arg[i]));
    return all;
}

/* Of what was confirmed: its fresh seeds. */
static const char *seeds_text(const struct morning *m)
{
    const struct comparison_row *row = m->d.comparison.winner;
    const char *all = "";
    size_t n = 0;
    for (size_t i = 0; row && i < m->s->n && n < 20; i++) {
        const struct trial *t = m->s->trial[i];
        if (t->role != ROLE_CONFIRM || t->confirms != row->trial || t->state != TRIAL_COMPLETE) continue;
        all = arena_printf(m->a, "%s%s%llu", all, n++ ? ", " : "", (unsigned long long)t->seed);
    }
    return all;
}

/* All trials as CSV, which a report of a usual study has room for. */
enum { CSV_TRIALS_MAX = 1000, CSV_MAX = 60000 };

static void put_csv(struct morning *m, struct story_section *x)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = m->s->n <= CSV_TRIALS_MAX ? open_memstream(&text, &n) : NULL;
    if (out) {
        report_dump(out, m->s, DUMP_CSV);
        fclose(out);
    }
    if (text && n <= CSV_MAX) {
        story_say(x, m->a, STORY_SENTENCE, "All trials, the data of the charts:");
        story_say(x, m->a, STORY_LINES, arena_strdup(m->a, text));
    }
    story_say(
        x, m->a, STORY_QUIET,
        arena_printf(m->a,
                     "All trials as a table: " CODE("nocturne export %s --format csv") ". Each chart as numbers: " CODE(
                         "nocturne plot curves %s --json") ".",
                     m->story->name, m->story->name));
    free(text);
}

void morning_reproduce(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "To have it again, and the data");
    const struct comparison_row *row = m->d.comparison.winner;
    const char *name = m->story->name, *command = command_text(m), *seeds = seeds_text(m);
    x->folded = true;
    const char *lines = arena_printf(m->a, "nocturne replay %s      # every suggestion again, from events 1 to %lld",
                                     name, (long long)m->d.seq);
    if (row)
        lines = arena_printf(
            m->a, "%s\nnocturne reproduce %s %ld   # the winner again, from nothing\nnocturne export %s --format args",
            lines, name, row->trial, name);
    story_say(x, m->a, STORY_LINES, lines);
    if (*command)
        story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, "The program of a trial: " CODE("%s"), command));
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a, "Sampler %s, seed of the search %llu%s%s. Nocturne %s; events 1 to %lld of study %s.",
                           sampler_name(m->s->study->sampler), (unsigned long long)m->s->seed,
                           *seeds ? "; fresh seeds of the winner " : "", seeds, m->facts->version, (long long)m->d.seq,
                           name));
    if (row)
        story_say(x, m->a, STORY_SENTENCE,
                  arena_printf(m->a, "The winner, exactly: " CODE("%s"),
                               report_config(&m->s->study->space, row->config, m->a)));
    put_csv(m, x);
}
