#include "tuner/report/report.h"
#include "tuner/report/screen.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include "tuner/coordinator/coordinator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 24, ROWS_MAX = 300, CONFIG_LEAST = 16 };

struct told { /* why an attempt failed that is tried again */
    long trial;
    char *why;
};

struct progress {
    FILE *out;
    enum progress_mode mode;
    const struct memory *s;
    struct screen screen;
    struct told *told; /* of trials that are not over */
    size_t n_told;
    size_t rows, width[ROWS_MAX]; /* moving lines on the screen, and how wide each is */
};

struct progress *progress_create(FILE *out, enum progress_mode mode, const struct memory *history)
{
    struct progress *p = must_alloc(1, sizeof *p);
    p->out = out;
    p->mode = mode;
    p->s = history;
    p->screen = screen_of(out);
    return p;
}

static void forget(struct progress *p, size_t i)
{
    free(p->told[i].why);
    p->told[i] = p->told[--p->n_told];
}

void progress_free(struct progress *p)
{
    if (!p) return;
    while (p->n_told) forget(p, 0);
    free(p->told);
    free(p);
}

/* ---- why something failed: each text once ---- */

static struct told *find_told(struct progress *p, long trial)
{
    for (size_t i = 0; i < p->n_told; i++)
        if (p->told[i].trial == trial) return &p->told[i];
    return NULL;
}

/* True: it was told of this trial before. */
static bool tell_why(struct progress *p, long trial, const char *why)
{
    struct told *t = find_told(p, trial);
    if (t && strcmp(t->why, why) == 0) return true;
    if (!t) {
        p->told = must_grow(p->told, p->n_told + 1, sizeof *p->told);
        t = &p->told[p->n_told++];
        *t = (struct told){.trial = trial};
    }
    free(t->why);
    t->why = must_strdup(why);
    return false;
}

/* Without the baseline that it needs a study fails, and says why. */
static bool ends_study(const struct memory *s, const struct trial *t)
{
    return t->role == ROLE_BASELINE && trial_state_final(t->state) && t->state != TRIAL_COMPLETE &&
           objective_needs_baseline(&s->study->objective);
}

/* Of a trial that is over; NULL: there is nothing to say, or what ends the run says it. */
static const char *why_of(struct progress *p, const struct trial *t)
{
    struct told *told = find_told(p, t->number);
    bool again = t->reason && told && strcmp(told->why, t->reason) == 0;
    if (told) forget(p, (size_t)(told - p->told));
    if (ends_study(p->s, t)) return NULL;
    return again ? "as before" : t->reason;
}

/* ---- moving lines ---- */

/* A terminal that has become narrower since has wrapped what was drawn. Line by line: some terminals keep for their
 * history what is erased at once. */
void progress_clear(struct progress *p)
{
    size_t columns = screen_columns(&p->screen), up = 0;
    for (size_t i = 0; i < p->rows; i++) up += p->width[i] > columns ? (p->width[i] + columns - 1) / columns : 1;
    for (size_t i = 0; i < up; i++) fputs("\033[A\033[2K", p->out);
    if (up) fputs("\r\033[J", p->out);
    p->rows = 0;
    fflush(p->out);
}

/* One moving line, cut to the width of the terminal: a wrapped line could not be erased. */
static void draw_line(struct progress *p, const char *mark, const char *line)
{
    struct arena a = {0};
    size_t room = screen_columns(&p->screen) - 1, taken = *mark ? 4 : 0;
    const char *text = width_cut(&a, plain_shown(&a, line), room - taken);
    if (p->rows < ROWS_MAX) p->width[p->rows++] = width_of(text) + taken;
    fprintf(p->out, "%s%s%s\033[K\n", *mark ? "  " : "", mark, text);
    arena_done(&a);
}

/* `used_only`: those that the objective uses. */
static const char *metrics_text(const struct memory *s, const double *value, bool used_only, struct arena *a)
{
    const struct objective *o = &s->study->objective;
    const char *all = "";
    char buf[64];
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(value[i]) && (!used_only || objective_uses(o, i)))
            all = arena_printf(a, "%s%s%s %s", all, *all ? "  " : "", o->metric[i].name,
                               report_metric(&o->metric[i], value[i], buf, sizeof buf));
    return all;
}

static void draw_bar(struct progress *p, struct arena *a)
{
    const struct memory *s = p->s;
    size_t confirms = study_confirm_count(s->study), done = s->tally.finished + s->tally.confirmed;
    char tokens[40], eta[40];
    const char *bar = "", *tail = "";
    if (s->run.budget.trials) {
        size_t total = (size_t)s->run.budget.trials + confirms;
        double share = fmin(1, (double)done / (double)total);
        for (int i = 0; i < BAR_WIDTH; i++) bar = arena_printf(a, "%s%s", bar, i < share * BAR_WIDTH ? "█" : "░");
        bar = arena_printf(a, "[%s] %zu/%zu trial%s", bar, done, total, words_s(total));
    } else
        bar = arena_printf(a, "%zu trial%s", done, words_s(done));
    int64_t left = ledger_eta_ms(s, confirms);
    if (left >= 0) tail = arena_printf(a, " · ETA %s", words_show_duration(left, eta, sizeof eta));
    const struct objective *o = &s->study->objective;
    const char *spent = "";
    if (objective_token_metric(o) >= 0)
        spent = arena_printf(a, " · %s %s spent", words_show_count(ledger_tokens(s), tokens, sizeof tokens),
                             objective_cost_name(o));
    if (s->products.saved > 0)
        spent = arena_printf(a, "%s, %s saved", spent, words_show_count(s->products.saved, tokens, sizeof tokens));
    const char *counts = arena_printf(a, "%s%s%s", bar, spent, tail);
    size_t room = screen_columns(&p->screen) - 1, needs = width_of(counts) + 1;
    const char *name = width_cut(a, s->study->name, room > needs + 8 ? room - needs : 8);
    draw_line(p, "", arena_printf(a, "%s %s", name, counts));
}

static void draw_best(struct progress *p, const struct trial *best, double utility, struct arena *a)
{
    size_t room = screen_columns(&p->screen) - 5;
    char shown[40];
    report_utility(utility, shown, sizeof shown);
    const char *text = arena_printf(a, "best      trial %-4ld %s  utility %s", best->number,
                                    metrics_text(p->s, best->value, false, a), shown);
    if (width_of(text) > room)
        text = arena_printf(a, "best      trial %-4ld %s  %s", best->number, metrics_text(p->s, best->value, true, a),
                            shown);
    draw_line(p, screen_sign(&p->screen, SIGN_BEST, a), text);
}

static void draw_incumbent(struct progress *p, struct arena *a)
{
    const double *baseline = memory_baseline(p->s);
    double utility;
    const struct trial *best = ranking_incumbent(p->s, &utility);
    if (best) draw_best(p, best, utility, a);
    if (baseline)
        draw_line(p, screen_sign(&p->screen, SIGN_BASELINE, a),
                  arena_printf(a, "baseline  trial 0    %s", metrics_text(p->s, baseline, false, a)));
}

/* "train " */
static const char *stage_text(const struct memory *s, const struct trial *t, struct arena *a)
{
    return t->attempt.stage < 0 ? "" : arena_printf(a, "%s ", s->study->pipeline.stage[t->attempt.stage].name);
}

/* As many as there is room for. */
static void draw_running(struct progress *p, struct arena *a)
{
    size_t room = screen_rows(&p->screen) - 2, hidden = 0;
    char took[40];
    for (size_t i = 0; i < p->s->n; i++) {
        const struct trial *t = p->s->trial[i];
        if (t->state != TRIAL_RUNNING) continue;
        if (p->rows >= room && ++hidden) continue;
        words_show_duration(memory_took_ms(p->s, t), took, sizeof took);
        draw_line(p, screen_state(&p->screen, t->state, a),
                  arena_printf(a, "running   trial %-4ld %sstep %-4ld %s  %s", t->number, stage_text(p->s, t, a),
                               t->attempt.step, metrics_text(p->s, t->attempt.last, false, a), took));
    }
    if (hidden) draw_line(p, "", arena_printf(a, "  … and %zu more running", hidden));
}

static void draw(struct progress *p)
{
    struct arena a = {0};
    progress_clear(p);
    draw_bar(p, &a);
    draw_incumbent(p, &a);
    draw_running(p, &a);
    fflush(p->out);
    arena_done(&a);
}

/* ---- a line per finished trial ---- */

/* What a line says of a trial; how much of it is a matter of room. */
enum form { FORM_WHOLE, FORM_USED /* metrics of the objective only, numbers short */, FORM_SHORT, FORM_LEAST };

struct line {
    const struct trial *t;
    bool is_best, breaks;
    double utility; /* NaN: not judged */
    const double *near;
    const char *why; /* the reason, as far as it is new; NULL: none */
};

/* Metrics, utility and reason; the configuration comes after them. */
static const char *facts_of(const struct memory *s, const struct line *x, enum form form, struct arena *a)
{
    const char *text = "";
    char shown[40];
    if (x->t->state == TRIAL_COMPLETE || x->t->state == TRIAL_PRUNED)
        text = arena_printf(a, "  %s", metrics_text(s, x->t->value, form > FORM_WHOLE, a));
    if (isfinite(x->utility))
        text = arena_printf(a, "%s  %s%s", text, form < FORM_SHORT ? "utility " : "",
                            report_utility(x->utility, shown, sizeof shown));
    return x->why ? arena_printf(a, "%s  %s", text, plain_shown(a, x->why)) : text;
}

static const char *config_of(const struct memory *s, const struct line *x, enum form form, struct arena *a)
{
    return form == FORM_WHOLE ? report_config_near(&s->study->space, x->t->config, x->near, a)
                              : report_config_short(&s->study->space, x->t->config, x->near, a);
}

/* Without the mark of the best. */
static const char *end_of(const struct memory *s, const struct line *x, enum form form, struct arena *a)
{
    char took[40];
    words_show_duration(memory_took_ms(s, x->t), took, sizeof took);
    if (x->t->confirms >= 0) return arena_printf(a, "  (confirms %ld)  %s", x->t->confirms, took);
    if (x->breaks) return arena_printf(a, "  ✕%s  %s", form < FORM_LEAST ? " breaks a constraint" : "", took);
    if (!x->is_best) return arena_printf(a, "  %s", took);
    return form < FORM_LEAST ? arena_printf(a, "best  %s", took) : arena_printf(a, " %s", took);
}

/* The first form that leaves room for the configuration. */
static void print_fitted(struct progress *p, const struct line *x, struct arena *a)
{
    const char *mark = screen_state(&p->screen, x->t->state, a),
               *sign = x->is_best ? arena_printf(a, "  %s", screen_sign(&p->screen, SIGN_BEST, a)) : "", *body, *end;
    const char *begin = arena_printf(a, "trial %4ld  ", x->t->number),
               *head = arena_printf(a, "%-8s", trial_state_name(x->t->state));
    size_t fixed = width_of(begin) + 2 + width_of(head) + (*sign ? 4 : 0), columns = screen_columns(&p->screen) - 1;
    size_t room = 0;
    for (enum form form = FORM_WHOLE; form <= FORM_LEAST; form++) {
        const char *facts = facts_of(p->s, x, form, a), *config = config_of(p->s, x, form, a);
        size_t wants = width_of(config), least = wants < CONFIG_LEAST ? wants : CONFIG_LEAST;
        end = end_of(p->s, x, form, a);
        body = x->t->state == TRIAL_FAILED ? facts : arena_printf(a, "%s  %s", facts, config);
        room = fixed + width_of(end) < columns ? columns - fixed - width_of(end) : 0;
        if (x->t->confirms >= 0 || form == FORM_WHOLE) least = form == FORM_WHOLE ? wants : 0;
        if (width_of(facts) + 2 + least <= room) break;
    }
    if (x->t->state != TRIAL_FAILED) body = width_cut(a, body, room); /* this is its only place */
    fprintf(p->out, "%s%s%s%s%s%s\n", begin, mark, head, body, sign, end);
}

/* What it is compared with: the best, and the best itself with the baseline. */
static const double *compared(const struct memory *s, const struct trial *t, const struct trial *best)
{
    return best && best != t ? best->config : s->study->baseline;
}

static void print_finished(struct progress *p, const struct trial *t)
{
    const struct memory *s = p->s;
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    struct arena a = {0};
    double best_utility;
    const struct trial *best = ranking_incumbent(s, &best_utility);
    struct line x = {.t = t,
                     .is_best = best == t && t->confirms < 0,
                     .breaks = t->confirms < 0 && document_trial_of(s, t).breaks,
                     .utility = NAN,
                     .why = why_of(p, t)};
    if (t->state == TRIAL_COMPLETE && baseline && o->form != OBJECTIVE_SINGLE)
        x.utility = objective_utility(o, t->value, baseline);
    if (p->screen.terminal) {
        x.near = compared(s, t, best);
        print_fitted(p, &x, &a);
    } else /* nothing is cut, and what stands where does not change */
        fprintf(p->out, "trial %4ld  %-10s%s  %s%s%s\n", t->number, trial_state_name(t->state),
                facts_of(s, &x, FORM_WHOLE, &a), config_of(s, &x, FORM_WHOLE, &a), x.is_best ? "  ◀ best so far " : "",
                end_of(s, &x, x.is_best ? FORM_LEAST : FORM_WHOLE, &a));
    arena_done(&a);
}

static void print_json(struct progress *p, const char *event, const struct trial *t, const char *text)
{
    json_t *line = json_pack("{s:s}", "event", event);
    if (t) {
        const struct document_trial x = document_trial_of(p->s, t);
        json_object_set_new(line, "trial", document_trial_json(&x));
    }
    if (text) json_object_set_new(line, "text", json_string(text));
    char *out = json_text(line);
    fprintf(p->out, "%s\n", out);
    free(out);
    json_decref(line);
    fflush(p->out);
}

static void print_event(struct progress *p, enum news event, const struct trial *t, const char *said)
{
    struct arena a = {0};
    const char *text = said ? plain_shown(&a, said) : NULL;
    switch (event) {
    case NEWS_FINISHED: print_finished(p, t); break;
    case NEWS_RETRY:
        fprintf(p->out, "trial %4ld  will be tried again: %s\n", t->number,
                tell_why(p, t->number, said) ? "as before" : text);
        break;
    case NEWS_GOES_ON: fprintf(p->out, "trial %4ld  goes on: %s\n", t->number, text); break;
    case NEWS_CONFIRM:
        fprintf(p->out, "search done; confirming on fresh seeds%s%s\n", text ? ": " : "", text ? text : "");
        break;
    case NEWS_STOPPING: fprintf(p->out, "%s\n", text); break;
    case NEWS_NOTE: fprintf(p->out, "note: %s\n", text); break;
    case NEWS_PAUSED:
    case NEWS_RESUMED: fprintf(p->out, "%s\n", text); break;
    case NEWS_STARTED:
    case NEWS_TICK: break;
    }
    arena_done(&a);
    fflush(p->out);
}

void progress_event(struct progress *p, enum news event, const struct trial *trial, const char *text)
{
    static const char *const names[] = {"started",  "finished", "retry",  "goes_on", "confirm",
                                        "stopping", "note",     "paused", "resumed", NULL};
    switch (p->mode) {
    case PROGRESS_QUIET:
        if (event == NEWS_PAUSED || event == NEWS_RESUMED) fprintf(stderr, "nocturne: %s\n", text);
        return;
    case PROGRESS_JSON:
        if (names[event]) print_json(p, names[event], trial, text);
        return;
    case PROGRESS_LINES: print_event(p, event, trial, text); return;
    case PROGRESS_TERMINAL:
        progress_clear(p);
        print_event(p, event, trial, text);
        draw(p);
        return;
    }
}
