/* experiment: where a live experiment is, and how it got there.
 *
 *   LEARNING ──▶ SHADOW ──▶ RUNNING ⇄ PAUSED   LEARNING: the champion alone, to know what is usual
 *       │           │          │         │     SHADOW: the challengers run on its requests, and only it answers
 *       │           │          │         │     RUNNING: at a step of the ramp
 *       └───────────┴────┬─────┴─────────┘     PAUSED: the champion alone, until somebody resumes it, or until a time
 *                        ▼                             (LEARNING and SHADOW can be paused, too)
 *        PROMOTED | ROLLED_BACK | STOPPED       for good; what comes afterwards is a new experiment. But what was
 *                                               promoted can be rolled back: the champion of before is served again
 *
 * The shares of the arms change with phase and step; between two changes lies a period. Pure: whoever keeps it writes
 * its JSON with each change.
 */
#ifndef TUNER_LIVE_EXPERIMENT_H
#define TUNER_LIVE_EXPERIMENT_H

#include "tuner/live/plan.h"

#include "tuner/base/json.h"

#define LIVE_PHASES(X)                                                                                                 \
    X(LEARNING, "learning") X(SHADOW, "shadow") X(RUNNING, "running") X(PAUSED, "paused") X(PROMOTED, "promoted")      \
        X(ROLLED_BACK, "rolled back") X(STOPPED, "stopped")

#define LIVE_PHASE(id, name) LIVE_##id,
enum live_phase { LIVE_PHASES(LIVE_PHASE) };
#undef LIVE_PHASE

enum {
    LIVE_ARMS_MAX = LIVE_CHALLENGERS_MAX + 1,
    LIVE_DAY_MS = 86400000,
    LIVE_CHAMPION_FLOOR = 25, /* % of all units, where finding is preferred: without them nothing could be proven */
};

struct period {
    int64_t from_ms, to_ms; /* to_ms 0: now */
    size_t n;
    struct assignment_range *range;
    double share[LIVE_ARMS_MAX];   /* widths of the ranges; the champion's first */
    double arrived[LIVE_ARMS_MAX]; /* units whose first exposure was in it */
};

struct live_counts { /* of items */
    double taken, repeated, late, left_out, refused;
    double moved;     /* a unit came with another variant than its first one's */
    double scored;    /* units */
    double spanned;   /* units not scored, since the shares changed within their window */
};

void live_counts_add(struct live_counts *into, const struct live_counts *more);
json_t *live_counts_json(const struct live_counts *c);
/* What is not there is 0. False: a number below 0, or none. */
bool live_counts_read(const json_t *in, struct live_counts *ret);

struct experiment {
    const struct live_plan *plan;
    size_t n_challengers;
    enum live_phase phase;
    const char *why;   /* of the phase; "" */
    int64_t since_ms;  /* in this phase */
    int64_t until_ms;  /* paused: resumed by itself then; 0: not by itself */
    size_t step;       /* of the ramp */
    double step_from;  /* units of challengers that were scored before this step */
    bool dropped[LIVE_CHALLENGERS_MAX]; /* taken back, while others go on */
    int winner;        /* which may be promoted, or was; −1: none */
    double weight[LIVE_CHALLENGERS_MAX]; /* of the challengers' part, of sum 1; 0 of one that is dropped */
    double part; /* the most that several have together, besides the step: less than 1 leaves the champion more */
    double shared_from; /* units that were scored before these weights */
    size_t n_periods;
    struct period *period;
    int64_t heard_ms;  /* when something came last */
    long day;          /* since 1970, UTC … */
    double exposed;    /* … and units of challengers whose first exposure was on it */
    struct live_counts counts;
    struct arena *arena;
};

const char *live_phase_name(enum live_phase phase);
bool live_phase_is_end(enum live_phase phase);

/* Its first phase and period. `plan` and `arena` must live as long. */
void experiment_begin(struct experiment *x, const struct live_plan *plan, size_t n_challengers, int64_t now_ms,
                      struct arena *arena);
/* STATUS_CONFLICT: that phase cannot follow. `why`: into the arena. */
enum status experiment_enter(struct experiment *x, enum live_phase phase, const char *why, int64_t now_ms,
                             struct error *err);
size_t experiment_left(const struct experiment *x); /* challengers that are not taken back */
/* New shares, as phase, step, weights and dropped ones have them: a new period, unless they are the same. */
void experiment_share(struct experiment *x, int64_t now_ms);
/* Other weights of the challengers, and what they have together at most, from now on. */
void experiment_prefer(struct experiment *x, const double *weight, double part, int64_t now_ms);
const struct period *experiment_now(const struct experiment *x);
/* The one that a time lies in; NULL: before the first. */
struct period *experiment_period_at(const struct experiment *x, int64_t at_ms);
/* Units whose first exposure was in a period of its, told now. */
void experiment_arrived(struct experiment *x, struct period *p, size_t arm, double units, int64_t now_ms);
/* Did the shares stay as they are for as long as the window of a unit that was first exposed then? */
bool experiment_is_whole(const struct experiment *x, const struct period *p, int64_t at_ms);

/* "champion", "challenger", of several "challenger-1" …; −1: no such variant. */
const char *experiment_variant(const struct experiment *x, size_t arm, char *buf, size_t size);
int experiment_arm(const struct experiment *x, const char *variant);

json_t *experiment_json(const struct experiment *x);
enum status experiment_read(const json_t *in, const struct live_plan *plan, size_t n_challengers, struct arena *arena,
                            struct experiment *ret, struct error *err);

#endif
