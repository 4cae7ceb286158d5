/* memory: a study open in a store, as its log has made it: for everybody to read (history_memory); append.h is the only
 * way to change it.
 *
 * Memory follows from the study's event log alone (apply.c): loading applies the stored events one by one, and whatever
 * happens is an event that is applied to memory and appended to the journal. Memory may be ahead of the disk;
 * what an event promises to others (an answer, a started program, a line on the screen) waits until the journal's batch
 * is durable. history_flush makes it so at once; a coordinator or adviser submits once per turn instead.
 *
 * Used by the coordinator (which runs trials), by advise (whose client does) and, read-only,
 * by every command that looks at a study.
 */
#ifndef TUNER_HISTORY_MEMORY_H
#define TUNER_HISTORY_MEMORY_H

#include "tuner/history/attempt.h"
#include "tuner/history/study_phase.h"
#include "tuner/history/trajectory.h"
#include "tuner/history/trial_state.h"

#include "tuner/base/clock.h"

#include "tuner/search/search.h"
#include "tuner/study/study.h"

#include "store/store.h"

enum trial_role {
    ROLE_BASELINE,
    ROLE_REFERENCE,
    ROLE_SEARCH,
    ROLE_ENQUEUED,
    ROLE_CONFIRM,
    ROLE_MEMBER, /* of the population of a schedule */
};

/* How the source begins of what a watch runs again: because it is due, or has drifted. */
#define SOURCE_WATCH "watch of "
#define SOURCE_DRIFT "drift of "

/* What an attempt left to go on from: a reference, which holds wherever the database and its folders are moved. */
struct checkpoint {
    long trial, attempt; /* whose folder it lies in */
    const char *name;    /* there; NULL: none */
    const char *digest;  /* of a file (checkpoint.h); NULL: it is a folder, or older than these */
    long step;
    int64_t bytes; /* 0: it is a folder */
    double cost;   /* tokens reported until then, in all; 0: unknown */
    int stage;     /* in which it was left; −1: the trial has none */
};

/* Which part of its training a trial is to do: from there until here. A trial that is tried again, a clone of a
 * population and what is confirmed of it are all segments (segment.h). */
struct segment {
    long parent;  /* the trial from whose checkpoint it goes on; −1: it begins */
    long round;   /* segments before it */
    double until; /* cost at which it ends; 0: where it will */
};

/* Where a trial stood. */
struct standing {
    long step;   /* of its last report */
    double cost; /* tokens until then; 0: unknown */
};

/* A trial that was stopped and goes on. */
struct going_on {
    long times;           /* 0: never */
    bool whole;           /* to its end: it is not judged any more */
    struct standing from; /* when it was stopped, the last time */
    int64_t since;        /* seq: whoever had it before has nothing to say any more */
};

/* What all attempts of a trial that have ended have come to. */
struct effort {
    long attempts;        /* begun so far, the running one included */
    long crashes;         /* those that count against `retries` */
    long machine_crashes; /* those that took the machine along, or that the machine had to kill */
    bool poisonous;       /* … and so nothing near it is suggested */
    double tokens;
    double busy_ms;
    int64_t took_ms; /* of the last one */
};

/* Of the next attempt. */
struct expectation {
    double tokens, ms; /* that it may need (upper 90 %); 0: unknown */
    double gain;       /* of the utility, beyond the best that was known then; 0: unknown */
    int64_t ready_ms;  /* monotonic clock: it is not to be leased before (back-off) */
};

/* What a stage has left (product.h). */
struct product {
    const char *stage, *key;
    const char *digest;  /* of its checkpoint; NULL: it left none */
    int64_t bytes;       /* of that */
    bool gone;           /* the depot has it no longer */
    long trial, attempt; /* that ran the stage */
    double cost;         /* tokens of this stage alone; 0: it counts none */
    double ms;           /* that it took */
    const char *metrics; /* what it said, as JSON; "": nothing */
    int64_t made;        /* seq */
    int64_t used;        /* seq of the last event that made it, or took it over */
};

/* All there are, in the order in which they were made; a later one of the same key replaces the earlier. */
struct products {
    size_t n;
    const struct product *const *product;
    int64_t since[STAGES_MAX];     /* seq: today's program of each stage is the same since then */
    const char *print[STAGES_MAX]; /* fingerprints of today's stages, by place; NULL: unknown, and nothing is reused */
    int64_t bytes;                 /* of the checkpoints that are kept, each once */
    double saved;                  /* tokens of what was taken over */
    size_t taken;                  /* stages that were taken over */
};

struct trial_places {
    size_t open; /* in memory.open; only while not final */
    size_t seen; /* in memory.seen; SIZE_MAX: not in it */
    int64_t seq; /* in the log: of the last event about it */
};

struct trial {
    long number;
    enum trial_role role;
    enum trial_state state;
    const double *config; /* space.n */
    uint64_t seed;
    long confirms; /* ROLE_CONFIRM: number of the trial it repeats; else −1 */
    const char *source;
    const char *reason;  /* NULL: none */
    const char *note;    /* what a person has to say of it; NULL: nothing */
    const char *outside; /* why the configuration is not in the space as it is now; NULL: it is. Then config is NaN */
    json_t *params;      /* … and the parameters are here, as stored */
    json_t *extra;       /* complete: reported metrics that the study does not have; NULL: none */
    const double *value; /* n_metrics; complete: the study's metrics; NaN where not reported */
    struct expectation need;
    int64_t created_ms, finished_ms; /* wall clock */
    long told;                       /* final: its place in the order of results; else −1 */

    struct effort effort;
    struct attempt attempt; /* the last one; lease 0: there was none */

    struct trajectory trajectory;
    struct segment segment;
    struct checkpoint checkpoint; /* the last one it left */
    struct going_on resumed;

    const struct product *
        *left; /* by place of the stage, what it left for this trial; NULL: nothing yet, or for good */
    struct trial_places at;
};

enum { RECENT_MAX = 256 };

/* What the ledger knows of past attempts. */
struct account {
    size_t count[TRIAL_STATES];
    size_t searched, finished; /* trials that count towards budget: trials; those of them that are final */
    size_t confirmed;          /* confirmation trials that are final */
    size_t poisonous;          /* trials that crashed the machine twice */
    size_t fallbacks;          /* suggested at random for numerical reasons */
    double tokens, busy_ms;    /* of attempts that have ended */
    size_t n_recent;           /* complete trials so far; the last RECENT_MAX of them: */
    double recent_ms[RECENT_MAX], recent_tokens[RECENT_MAX];
};

/* A run of the study: what it may spend, and how long it has. */
struct run {
    struct budget budget;
    struct budget given; /* as it is opened: what of it the study file of then did not say; else 0, −1 */
    bool probe;          /* it ran a few trials to judge by */
    size_t slots;        /* 0: unknown */
    int64_t wall_ms;     /* when it began, by the wall clock; 0: there was none */
    int64_t mono_ms;     /* when this process took it; 0: an earlier one had it */
    int64_t spent_ms;    /* before that: of work on it, in all its processes */
    int64_t gone_ms;     /* before that: since it began */
};

/* What was found when the study was opened. */
struct reopening {
    bool fresh;           /* it was created */
    const char *changes;  /* what of the space differs from the last run; NULL: nothing */
    size_t outside;       /* trials that are set aside for it */
    const char *rejudged; /* what of the objective differs from the last run; NULL: nothing */
};

struct baseline {
    const struct trial *stand_in; /* for that of a pareto study that has none; NULL */
    size_t runs;                  /* complete runs of it, confirmations included */
    size_t again;                 /* its confirmations, whatever became of them */
    double mean[METRICS_MAX];     /* of these */
    int64_t since;                /* seq: what is measured by it, and how, is the same since then */
};

/* The best trial on its own single measurement. */
struct incumbent {
    const struct trial *trial; /* NULL: none is feasible */
    double utility;
    double second; /* utility of the second best; −HUGE_VAL: there is none */
};

/* Who is to see what is recorded, as it is handed to the journal: not durable yet. Zero: nobody. */
struct history_watch {
    void (*event)(void *data, const struct store_event *event);
    void (*report)(void *data, const struct trial *t, long step, const json_t *metrics);
    void *data;
};

/* The earlier studies (warm_start_load). */
struct priors {
    size_t n;
    const struct search_prior *prior;
};

struct history; /* who has it may write (append.h) */

/* For everybody to read. */
struct memory {
    struct store *store;
    const struct study *study;
    const struct clock *clock;
    int64_t study_id;
    int64_t seq; /* of the last event */
    uint64_t seed;
    enum study_phase phase;
    const char *failure; /* STUDY_FAILED: why; else NULL */
    const char *note;    /* what a person has to say of it; NULL: nothing */
    struct run run;      /* the last one */
    struct reopening opened;
    struct priors priors;
    size_t n;
    const struct trial *const *trial; /* by number */
    size_t n_open;
    const struct trial *const *open; /* those that are not final, in no order */
    size_t n_curves;
    const struct trial *const *curves; /* those whose curves are kept, in no order */
    size_t n_seen;
    const struct search_trial *seen;       /* for the search: all but cancelled and outside ones, by number */
    const struct trial *const *seen_trial; /* … whose they are; NULL: of one that has been cancelled since */
    struct products products;              /* of stages */
    struct account tally;
    struct baseline baseline;
    struct incumbent best;
};

const char *trial_role_name(enum trial_role role);

/* ---- reading ---- */

uint64_t memory_trial_seed(const struct memory *s, long number);
/* That of a trial of the search. With stages it is the same for all: what two have in common is run once. */
uint64_t memory_search_seed(const struct memory *s, long number);

/* Metrics of the baseline, the mean over all its complete runs; NULL while there is none. */
const double *memory_baseline(const struct memory *s);

/* Has anything else than the baseline been confirmed? */
bool memory_has_confirmed(const struct memory *s);

bool memory_is_searched(const struct trial *t); /* counts towards budget: trials */
size_t memory_count(const struct memory *s, enum trial_state state);
const struct trial *memory_trial(const struct memory *s, long number); /* NULL if there is none */
/* Of the queued trials with higher numbers than `after` (−1: of all), whose back-off is over, the lowest; NULL: none.
 */
const struct trial *memory_next_queued(const struct memory *s, long after);
/* Running and leased trials. */
size_t memory_in_flight(const struct memory *s);
/* What training has cost by these metrics: tokens, or `step` + 1 in a study that counts none. */
double memory_cost(const struct memory *s, const double *metrics, long step);
/* All that a complete trial reported; the caller owns it. {} for others. */
json_t *memory_metrics(const struct memory *s, const struct trial *t);
/* How long the last attempt has run so far, or took. */
int64_t memory_took_ms(const struct memory *s, const struct trial *t);
/* How long the attempt that runs has said nothing: since its last report, without any since its lease. By the wall
 * clock where another process runs it. */
int64_t memory_silent_ms(const struct memory *s, const struct trial *t);

#endif
