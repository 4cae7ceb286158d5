#include "tuner/report/report.h"

#include "tuner/coordinator/confirm.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { BAR_WIDTH = 24, COLUMNS_DEFAULT = 80 };

struct progress {
    FILE *out;
    enum progress_mode mode;
    const struct session *s;
    int drawn; /* moving lines on the screen */
};

struct progress *progress_create(FILE *out, enum progress_mode mode, const struct session *session)
{
    struct progress *p = must_alloc(1, sizeof *p);
    p->out = out;
    p->mode = mode;
    p->s = session;
    return p;
}

void progress_free(struct progress *p)
{
    free(p);
}

void progress_clear(struct progress *p)
{
    if (p->drawn) fprintf(p->out, "\r\033[%dA\033[J", p->drawn);
    p->drawn = 0;
    fflush(p->out);
}

static int columns(FILE *out)
{
    struct winsize w;
    return ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : COLUMNS_DEFAULT;
}

/* One moving line, cut to the width of the terminal: a wrapped line could not be erased. */
static void draw_line(struct progress *p, const char *line)
{
    struct arena a = {0};
    const char *text = plain_shown(&a, line);
    int room = columns(p->out) - 1, used = 0;
    for (; *text && used < room; used++) {
        fputc(*text++, p->out);
        while ((*text & 0xc0) == 0x80) fputc(*text++, p->out);
    }
    fputs("\033[K\n", p->out);
    p->drawn++;
    arena_done(&a);
}

static const char *metrics_text(const struct session *s, const double *value, struct arena *a)
{
    const struct objective *o = &s->study->objective;
    const char *all = "";
    char buf[64];
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(value[i]))
            all = arena_printf(a, "%s%s%s %s", all, *all ? "  " : "", o->metric[i].name,
                               report_metric(&o->metric[i], value[i], buf, sizeof buf));
    return all;
}

static void draw_bar(struct progress *p, struct arena *a)
{
    const struct session *s = p->s;
    size_t confirms = confirm_count(s), done = s->n - s->n_open, total = (size_t)s->budget.trials + confirms;
    char tokens[40], eta[40];
    const char *bar = "", *tail = "";
    if (s->budget.trials) {
        double share = fmin(1, (double)done / (double)total);
        for (int i = 0; i < BAR_WIDTH; i++) bar = arena_printf(a, "%s%s", bar, i < share * BAR_WIDTH ? "█" : "░");
        bar = arena_printf(a, "[%s] %zu/%zu", bar, done, total);
    } else
        bar = arena_printf(a, "%zu", done);
    int64_t left = ledger_eta_ms(s, confirms);
    if (left >= 0) tail = arena_printf(a, " · ETA %s", words_show_duration(left, eta, sizeof eta));
    const struct objective *o = &s->study->objective;
    const char *spent = "";
    if (objective_token_metric(o) >= 0)
        spent = arena_printf(a, " · %s %s spent", words_show_count(ledger_tokens(s), tokens, sizeof tokens),
                             objective_cost_name(o));
    draw_line(p, arena_printf(a, "%s %s trials%s%s", s->study->name, bar, spent, tail));
}

static void draw_incumbent(struct progress *p, struct arena *a)
{
    const double *baseline = session_baseline(p->s);
    double utility;
    char shown[40];
    const struct trial *best = standing_incumbent(p->s, &utility);
    if (best)
        draw_line(p, arena_printf(a, "  best      trial %-4ld %s  utility %s", best->number,
                                  metrics_text(p->s, best->value, a), report_utility(utility, shown, sizeof shown)));
    if (baseline) draw_line(p, arena_printf(a, "  baseline  trial 0    %s", metrics_text(p->s, baseline, a)));
}

static void draw(struct progress *p)
{
    struct arena a = {0};
    char took[40];
    progress_clear(p);
    draw_bar(p, &a);
    draw_incumbent(p, &a);
    for (size_t i = 0; i < p->s->n; i++) {
        const struct trial *t = p->s->trial[i];
        if (t->state != TRIAL_RUNNING) continue;
        words_show_duration(session_took_ms(p->s, t), took, sizeof took);
        draw_line(p, arena_printf(&a, "  running   trial %-4ld step %-4ld %s  %s", t->number, t->step,
                                  metrics_text(p->s, t->last, &a), took));
    }
    fflush(p->out);
    arena_done(&a);
}

static void print_finished(struct progress *p, const struct trial *t)
{
    const struct session *s = p->s;
    const struct objective *o = &s->study->objective;
    const double *baseline = session_baseline(s);
    struct arena a = {0};
    char took[40], shown[40];
    double best_utility;
    words_show_duration(session_took_ms(s, t), took, sizeof took);
    fprintf(p->out, "trial %4ld  %-10s", t->number, trial_state_name(t->state));
    if (t->state == TRIAL_COMPLETE) {
        fprintf(p->out, "  %s", metrics_text(s, t->value, &a));
        if (baseline && o->form != OBJECTIVE_SINGLE)
            fprintf(p->out, "  utility %s",
                    report_utility(objective_utility(o, t->value, baseline), shown, sizeof shown));
    }
    if (t->reason) fprintf(p->out, "  %s", plain_shown(&a, t->reason));
    fprintf(p->out, "  %s", report_config(&s->study->space, t->config, &a));
    if (t->confirms >= 0)
        fprintf(p->out, "  (confirms %ld)", t->confirms);
    else if (standing_incumbent(s, &best_utility) == t)
        fprintf(p->out, "  ◀ best so far");
    fprintf(p->out, "  %s\n", took);
    arena_done(&a);
}

static void print_json(struct progress *p, const char *event, const struct trial *t, const char *text)
{
    json_t *line = json_pack("{s:s}", "event", event);
    if (t) json_object_set_new(line, "trial", report_trial_json(p->s, t));
    if (text) json_object_set_new(line, "text", json_string(text));
    char *out = json_text(line);
    fprintf(p->out, "%s\n", out);
    free(out);
    json_decref(line);
    fflush(p->out);
}

static void print_event(struct progress *p, enum coordinator_event event, const struct trial *t, const char *said)
{
    struct arena a = {0};
    const char *text = said ? plain_shown(&a, said) : NULL;
    switch (event) {
    case EVENT_FINISHED: print_finished(p, t); break;
    case EVENT_RETRY: fprintf(p->out, "trial %4ld  will be tried again: %s\n", t->number, text); break;
    case EVENT_CONFIRM: fputs("search done; confirming the best on fresh seeds\n", p->out); break;
    case EVENT_STOPPING: fprintf(p->out, "%s\n", text); break;
    case EVENT_NOTE: fprintf(p->out, "note: %s\n", text); break;
    case EVENT_PAUSED:
    case EVENT_RESUMED: fprintf(p->out, "%s\n", text); break;
    case EVENT_STARTED:
    case EVENT_TICK: break;
    }
    arena_done(&a);
    fflush(p->out);
}

void progress_event(struct progress *p, enum coordinator_event event, const struct trial *trial, const char *text)
{
    static const char *const names[] = {"started", "finished", "retry",   "confirm", "stopping",
                                        "note",    "paused",   "resumed", NULL};
    switch (p->mode) {
    case PROGRESS_QUIET:
        if (event == EVENT_PAUSED || event == EVENT_RESUMED) fprintf(stderr, "nocturne: %s\n", text);
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
