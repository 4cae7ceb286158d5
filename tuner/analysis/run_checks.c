#include "tuner/analysis/run_checks.h"

#include "tuner/analysis/checkup.h"

#include "tuner/base/words.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- who is at it ---- */

static const char *go_on(const struct checkup *x)
{
    return arena_printf(x->arena, "'nocturne run %s' goes on", x->s->study->path);
}

struct finding run_check_work(const struct checkup *x)
{
    const struct memory *s = x->s;
    const struct health_facts *f = x->facts;
    if (f->running && f->paused)
        return finding_wrong(HEALTH_WORK, arena_printf(x->arena, "it rests: %s", f->paused),
                             "it goes on by itself once that has passed");
    switch (s->phase) {
    case STUDY_COMPLETE: return finding_fine(HEALTH_WORK, "it is complete");
    case STUDY_FAILED:
        if (f->running) break;
        return finding_wrong(
            HEALTH_WORK, arena_printf(x->arena, "it cannot go on: %s", s->failure ? s->failure : "nobody knows why"),
            arena_printf(x->arena, "mend it; then %s", go_on(x)));
    case STUDY_STOPPED:
        if (f->running) break;
        return finding_fine(HEALTH_WORK, arena_printf(x->arena, "it was stopped; %s", go_on(x)));
    case STUDY_PAUSED:
        return finding_look(HEALTH_WORK, "it is paused, by a person: nothing new starts",
                            arena_printf(x->arena, "'nocturne resume %s'", s->study->name));
    case STUDY_OPEN: break;
    }
    if (f->running) return finding_fine(HEALTH_WORK, "somebody is at it");
    if (!f->known || !s->run.wall_ms) return finding_none(HEALTH_WORK);
    return finding_look(HEALTH_WORK, "nobody is at it: the process that was has gone without a word", go_on(x));
}

struct finding run_check_service(const struct checkup *x)
{
    if (!x->facts->service_lost) return finding_none(HEALTH_SERVICE);
    return finding_wrong(HEALTH_SERVICE,
                         arena_printf(x->arena, "the service does not answer: %s", x->facts->service_lost),
                         "is 'nocturne serve' up where it should be? Trials go on meanwhile, and nothing is lost");
}

static const char *named(const char *name)
{
    return name ? name : "?";
}

struct finding run_check_fleet(const struct checkup *x)
{
    const struct health_facts *f = x->facts;
    if (f->agents == 0) return finding_none(HEALTH_FLEET);
    if (f->agents_lost)
        return finding_look(HEALTH_FLEET,
                            arena_printf(x->arena, "%zu of %zu agents %s not been heard of any more, as %s",
                                         f->agents_lost, f->agents, f->agents_lost == 1 ? "has" : "have",
                                         named(f->agent_lost)),
                            "look at that machine; its trials are given to others when their leases end");
    if (f->agents_other)
        return finding_look(HEALTH_FLEET,
                            arena_printf(x->arena,
                                         "%zu of %zu agents %s of another version, as %s: %s, the service has %s",
                                         f->agents_other, f->agents, f->agents_other == 1 ? "is" : "are",
                                         named(f->agent_other), named(f->agent_version), named(f->version)),
                            "install the same version there, and start 'nocturne worker' again");
    return finding_fine(HEALTH_FLEET, arena_printf(x->arena, "%zu agent%s, all there", f->agents, words_s(f->agents)));
}

/* ---- silence ---- */

enum { GAPS_FROM = 3, WHOLE_FROM = 3, SILENT_LEAST_MS = 60000 };

static const double TIMES = 4, BY_CHANCE = 1e-5, SHAPE = 4, STEP = 0.1;

/* That a gap is over f times the longest of n others, all of them gamma of shape 4: ∫ n F(m)ⁿ⁻¹ F′(m) (1 − F(f m)) dm,
 * by the trapezoidal rule. */
static double chance_of_gap(double n, double f)
{
    double sum = 0;
    for (double m = STEP; m < 40; m += STEP)
        sum += n * pow(gsl_cdf_gamma_P(m, SHAPE, 1), n - 1) * gsl_ran_gamma_pdf(m, SHAPE, 1) *
               gsl_cdf_gamma_Q(f * m, SHAPE, 1);
    return sum * STEP;
}

/* How many times the longest of n gaps a silence must be. */
static double times_for(long n)
{
    double f = TIMES;
    while (chance_of_gap((double)n, f) > BY_CHANCE) f *= 1.1;
    return f;
}

static double longest_trial(const struct memory *s)
{
    double out = 0;
    for (size_t i = 0; i < s->tally.n_recent && i < RECENT_MAX; i++) out = fmax(out, s->tally.recent_ms[i]);
    return out;
}

/* The silence in milliseconds that is too long for it; infinite: nobody can say. */
static double too_long(const struct memory *s, const struct trial *t)
{
    const struct attempt *a = &t->attempt;
    double limit = INFINITY;
    if (a->reports > GAPS_FROM)
        limit = times_for(a->reports - 1) * (double)a->heard.longest_ms;
    else if (s->tally.n_recent >= WHOLE_FROM)
        limit = TIMES * longest_trial(s);
    return fmax(limit, SILENT_LEAST_MS);
}

bool run_check_is_stalled(const struct memory *s, const struct trial *t)
{
    return t->state == TRIAL_RUNNING && (double)memory_silent_ms(s, t) > too_long(s, t);
}

static const char *say_silence(const struct checkup *x, const struct trial *t, size_t others)
{
    char silent[40], usual[40];
    const struct attempt *a = &t->attempt;
    words_show_duration(memory_silent_ms(x->s, t), silent, sizeof silent);
    const char *more = others ? arena_printf(x->arena, "; and %zu other%s", others, words_s(others)) : "";
    if (a->reports > GAPS_FROM)
        return arena_printf(x->arena,
                            "trial %ld has said nothing for %s, and before that never nothing for more than %s%s",
                            t->number, silent, words_show_duration(a->heard.longest_ms, usual, sizeof usual), more);
    words_show_duration((int64_t)longest_trial(x->s), usual, sizeof usual);
    return arena_printf(x->arena, "trial %ld has said nothing for %s; the longest of the others took %s in all%s",
                        t->number, silent, usual, more);
}

struct finding run_check_reports(const struct checkup *x)
{
    const struct memory *s = x->s;
    const struct trial *first = NULL;
    size_t stalled = 0, running = 0;
    if (!x->facts->running) return finding_none(HEALTH_REPORTS);
    for (size_t i = 0; i < s->n_open; i++) {
        const struct trial *t = s->open[i];
        running += t->state == TRIAL_RUNNING;
        if (!run_check_is_stalled(s, t)) continue;
        if (!first || memory_silent_ms(s, t) > memory_silent_ms(s, first)) first = t;
        stalled++;
    }
    if (running == 0) return finding_none(HEALTH_REPORTS);
    if (!first) return finding_fine(HEALTH_REPORTS, "no running trial has fallen silent");
    const char *says = say_silence(x, first, stalled - 1);
    const char *then = arena_printf(x->arena,
                                    "'nocturne show %s %ld' has its last lines; 'trial: {timeout: …}' in %s ends "
                                    "such trials by itself",
                                    s->study->name, first->number, s->study->path);
    return stalled == running ? finding_wrong(HEALTH_REPORTS, says, then) : finding_look(HEALTH_REPORTS, says, then);
}

/* ---- failures ---- */

enum { LAST = 20, ALIKE = 3 };

static const double SHARE = 0.2, BY_NATURE = 0.05, RARE = 0.01;

struct failures {
    size_t n;
    const struct trial *trial[LAST]; /* that failed, of the last that ended; the newest first */
    const struct trial *often;       /* one whose reason most others have, too … */
    size_t alike;                    /* … how many, itself included */
};

static size_t count_alike(const struct failures *f, const char *reason)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) n += words_compare(f->trial[i]->reason ? f->trial[i]->reason : "", reason) == 0;
    return n;
}

static struct failures look_back(const struct memory *s)
{
    struct failures f = {0};
    for (size_t i = s->n, seen = 0; i-- > 0 && seen < LAST;) {
        const struct trial *t = s->trial[i];
        if (!trial_state_final(t->state) || t->state == TRIAL_CANCELLED) continue;
        seen++;
        if (t->state == TRIAL_FAILED) f.trial[f.n++] = t;
    }
    for (size_t i = 0; i < f.n; i++) {
        size_t n = count_alike(&f, f.trial[i]->reason ? f.trial[i]->reason : "");
        if (n <= f.alike) continue;
        f.alike = n;
        f.often = f.trial[i];
    }
    return f;
}

struct extent { /* of a parameter, over some trials */
    size_t n;
    double lo, hi;
};

static struct extent extent_of(const struct checkup *x, size_t p, enum trial_state state)
{
    struct extent e = {0, INFINITY, -INFINITY};
    for (size_t i = 0; i < x->s->n; i++) {
        const struct trial *t = x->s->trial[i];
        if (t->state != state || t->outside || isnan(t->config[p])) continue;
        e.n++;
        e.lo = fmin(e.lo, t->config[p]);
        e.hi = fmax(e.hi, t->config[p]);
    }
    return e;
}

/* Do all failures lie beyond all that is complete? By chance once in C(n + f, f) of each end of each parameter. */
static const char *where(const struct checkup *x)
{
    const struct space *space = &x->s->study->space;
    char text[SPACE_TEXT_MAX];
    for (size_t p = 0; p < space->n; p++) {
        if (space->param[p].type == PARAM_CATEGORICAL || space->param[p].type == PARAM_BOOL) continue;
        struct extent bad = extent_of(x, p, TRIAL_FAILED), good = extent_of(x, p, TRIAL_COMPLETE);
        if (bad.n < ALIKE || good.n < ALIKE) continue;
        double chance = exp(-gsl_sf_lnchoose((unsigned)(bad.n + good.n), (unsigned)bad.n));
        if (chance * 2 * (double)space->n > RARE || !(bad.lo > good.hi || bad.hi < good.lo)) continue;
        bool above = bad.lo > good.hi;
        return arena_printf(x->arena, ", all with %s of %s or %s", space->param[p].name,
                            param_text(&space->param[p], above ? bad.lo : bad.hi, text), above ? "more" : "less");
    }
    return "";
}

static const char *say_failures(const struct checkup *x, const struct failures *f)
{
    const char *why = f->often && f->often->reason ? f->often->reason : "nobody knows why";
    return arena_printf(x->arena, "%zu of %zu trials failed%s; %zu of the last %zu alike: %.200s", x->failed, x->ended,
                        where(x), f->alike, x->ended < LAST ? x->ended : LAST, why);
}

static const char *mend(const struct checkup *x, const struct failures *f)
{
    const char *name = x->s->study->name;
    return arena_printf(x->arena,
                        "'nocturne show %s %ld' has its last lines; once it is mended, 'nocturne retry %s "
                        "--failed', or narrow the range in %s",
                        name, f->often->number, name, x->s->study->path);
}

struct finding run_check_failures(const struct checkup *x)
{
    struct failures f = look_back(x->s);
    if (x->ended == 0) return finding_later(HEALTH_FAILURES, "no trial has ended yet");
    double share = (double)x->failed / (double)x->ended;
    bool many = share > SHARE && checkup_chance(x->failed, x->ended, BY_NATURE) < RARE;
    if (f.n && many && share > 0.5) return finding_wrong(HEALTH_FAILURES, say_failures(x, &f), mend(x, &f));
    if (f.n && (many || f.alike >= ALIKE)) return finding_look(HEALTH_FAILURES, say_failures(x, &f), mend(x, &f));
    return finding_fine(HEALTH_FAILURES, x->failed
                                             ? arena_printf(x->arena, "%zu of %zu trials failed", x->failed, x->ended)
                                             : "no trial failed");
}

/* ---- what it spends ---- */

static const double NEARLY = 0.8;

static double used(const struct ledger_entry *e)
{
    return e->limit > 0 ? (e->spent + e->reserved) / e->limit : 0;
}

static const char *say_budget(const struct checkup *x, const struct ledger_entry *e, const struct ledger_entry *trials)
{
    char spent[40], limit[40];
    const char *text = arena_printf(x->arena, "%.0f %% of the budget of %s are gone (%s of %s)", floor(100 * used(e)),
                                    e->name, words_show_count(e->spent + e->reserved, spent, sizeof spent),
                                    words_show_count(e->limit, limit, sizeof limit));
    return trials ? arena_printf(x->arena, "%s, and %.0f of %.0f trials are done", text, trials->spent, trials->limit)
                  : text;
}

struct finding run_check_budget(const struct checkup *x)
{
    struct ledger_entry e[LEDGER_ENTRIES_MAX];
    const struct ledger_entry *trials = NULL, *most = NULL;
    size_t n = ledger_entries(x->s, e);
    for (size_t i = 0; i < n; i++) {
        if (e[i].unit == UNIT_TRIALS) trials = &e[i];
        if (e[i].unit != UNIT_TOKENS && e[i].unit != UNIT_COST) continue;
        if (!most || used(&e[i]) > used(most)) most = &e[i];
    }
    if (!most) return finding_none(HEALTH_BUDGET);
    bool short_of = trials && x->s->phase != STUDY_COMPLETE && trials->spent < trials->limit;
    if (used(most) < NEARLY || !short_of || used(most) <= used(trials))
        return finding_fine(HEALTH_BUDGET, say_budget(x, most, NULL));
    return finding_look(HEALTH_BUDGET, say_budget(x, most, trials),
                        arena_printf(x->arena, "'budget: {%s: …}' in %s gives it more, or fewer trials", most->name,
                                     x->s->study->path));
}

struct finding run_check_disk(const struct checkup *x)
{
    double left = x->facts->disk_free;
    char text[40];
    if (!(left > 0)) return finding_none(HEALTH_DISK);
    const char *says = arena_printf(x->arena, "%sB of disk are left", words_show_count(left, text, sizeof text));
    const char *then = "'nocturne gc --older 7d' takes away folders of old trials; a full disk pauses the study";
    if (left < 100e6) return finding_wrong(HEALTH_DISK, says, then);
    return left < 1e9 ? finding_look(HEALTH_DISK, says, then) : finding_fine(HEALTH_DISK, says);
}

enum { DEADLINE_FROM = 5 };

struct finding run_check_deadline(const struct checkup *x)
{
    const struct plan *p = x->plan;
    char left[40], need[40];
    if (p->left_ms == INT64_MAX || x->s->phase == STUDY_COMPLETE || !x->facts->running)
        return finding_none(HEALTH_DEADLINE);
    if (!isfinite(p->on_time))
        return p->known ? finding_fine(HEALTH_DEADLINE, "the deadline is its end")
                        : finding_later(HEALTH_DEADLINE, "no trial is complete yet to judge by");
    if (p->known < DEADLINE_FROM)
        return finding_later(HEALTH_DEADLINE, arena_printf(x->arena, "a forecast needs %d complete trials; %zu so far",
                                                           DEADLINE_FROM, p->known));
    words_show_duration(p->left_ms > 0 ? p->left_ms : 0, left, sizeof left);
    const char *says =
        arena_printf(x->arena, "about %s to go and %s left: %.0f %% to end in time",
                     words_show_duration((int64_t)p->ms.median, need, sizeof need), left, floor(100 * p->on_time));
    if (p->on_time >= 0.5) return finding_fine(HEALTH_DEADLINE, says);
    return finding_look(
        HEALTH_DEADLINE, says,
        "stop it and give it a later --until, more --slots or fewer --trials; as it is, the deadline ends "
        "it");
}
