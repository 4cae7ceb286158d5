/* session: a study open in a store. Every change is durable before the function returns,
 * and memory follows the store, never the other way round.
 *
 * Used by the coordinator (which runs trials), by advise (whose client does) and, read-only,
 * by every command that looks at a study.
 */
#ifndef TUNER_COORDINATOR_SESSION_H
#define TUNER_COORDINATOR_SESSION_H

#include "tuner/coordinator/trial_state.h"

#include "tuner/base/clock.h"
#include "tuner/search/search.h"
#include "tuner/study/study.h"

#include "store/store.h"

enum trial_role { ROLE_BASELINE, ROLE_REFERENCE, ROLE_SEARCH, ROLE_ENQUEUED, ROLE_CONFIRM };

struct trial {
    int64_t id;
    long number;
    enum trial_role role;
    enum trial_state state;
    double config[SPACE_PARAMS_MAX];
    uint64_t seed;
    long confirms; /* ROLE_CONFIRM: number of the trial it repeats; else −1 */
    char *source, *reason;
    char *outside;   /* why the configuration is not in the space as it is now; NULL: it is. Then config is all NaN */
    json_t *params;  /* … and the parameters are here, as stored */
    json_t *metrics; /* complete: all that was reported */
    double value[METRICS_MAX];                   /* complete: the study's metrics; NaN where not reported */
    int64_t created_ms, started_ms, finished_ms; /* wall clock; started: of the last attempt, this process only */
    long told;                                   /* final: its place in the order of results; else −1 */
    long attempts, crashes;                      /* executions so far; those that ended in a crash */
    long reports, step;                          /* running: number of reports, the last one's step */
    double last[METRICS_MAX];                    /* running: the last report; NaN where not reported */
    int64_t attempt_id;
};

struct session {
    struct store *store;
    const struct study *study;
    const struct clock *clock;
    int64_t study_id;
    uint64_t seed;
    char phase[16]; /* "open", "stopped", "complete" */
    char *changes;  /* what of the space differs from the last run; NULL: nothing */
    size_t outside; /* trials that are set aside for it */
    size_t n_priors;
    struct search_prior *prior; /* the earlier studies (warm_start_load), in `arena` */
    struct arena arena;
    size_t n, room;
    long told;                    /* results so far */
    struct trial **trial;         /* by number */
    const struct trial *stand_in; /* for the baseline of a pareto study that has none; NULL */
    size_t baseline_runs;         /* complete runs of the baseline, confirmations included */
    double baseline[METRICS_MAX]; /* their means */
};

const char *trial_role_name(enum trial_role role);

/* Opens the study under its name, creating it if it is new. An existing one must have the same identity (space and
 * metrics) but for what may change (study_identity_compare); trials that are then outside the space are set aside. Its
 * own seed wins over `seed`. Adds the baseline and the references that are not there yet; the baseline
 * cannot change. */
enum status session_open(struct store *store, const struct study *study, uint64_t seed, const struct clock *clock,
                         struct session **ret, struct error *err);

/* Opens a stored study as it was last run: its file text is parsed again into *ret_study, which the caller frees. */
enum status session_load(struct store *store, const char *name, const struct clock *clock, struct study **ret_study,
                         struct session **ret, struct error *err);
void session_free(struct session *s);

/* After a crash of the process that ran it: leased and running trials go back to queued, their attempts are "lost". */
enum status session_recover(struct session *s, struct error *err);

enum status session_add(struct session *s, enum trial_role role, enum trial_state state, const double *config,
                        const char *source, long confirms, uint64_t seed, struct trial **ret, struct error *err);
enum status session_move(struct session *s, struct trial *t, enum trial_state to, struct error *err);
/* Complete: `metrics` must hold every metric that the objective uses. Otherwise a reason. */
enum status session_finish(struct session *s, struct trial *t, enum trial_state to, const json_t *metrics,
                           const char *reason, struct error *err);
enum status session_set_phase(struct session *s, const char *phase, struct error *err);

enum status session_attempt_begin(struct session *s, struct trial *t, const char *dir, struct error *err);
enum status session_attempt_end(struct session *s, struct trial *t, const char *outcome, const char *reason,
                                struct error *err);
enum status session_report(struct session *s, struct trial *t, long step, const json_t *metrics, struct error *err);

/* The next suggestion's seed for a trial program. */
uint64_t session_trial_seed(const struct session *s, long number);

/* Metrics of the baseline, the mean over all its complete runs; NULL while there is none. */
const double *session_baseline(const struct session *s);

/* A snapshot for the search, in the arena; independent of later changes. */
struct search_history session_history(const struct session *s, struct arena *arena);

bool session_is_searched(const struct trial *t); /* counts towards budget: trials */
size_t session_count(const struct session *s, enum trial_state state);
struct trial *session_trial(const struct session *s, long number); /* NULL if there is none */

#endif
