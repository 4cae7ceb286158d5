/* monitor: looks at what running trials report, and says which are to be stopped and which to be adapted.
 *
 * Three steps, so that the middle one can be done on any thread:
 *
 *     struct question *q = monitor_ask(history, trial);        a snapshot; NULL: nothing to judge
 *     monitor_think(forecaster, q);                            seconds of nothing else: no history, no store
 *     monitor_decide(history, q, &order, &err);                 events in the log; what is to be sent
 */
#ifndef TUNER_POLICY_MONITOR_H
#define TUNER_POLICY_MONITOR_H

#include "tuner/history/history.h"
#include "tuner/search/search.h"

struct question;

/* Only running trials of the search itself are judged (never baseline, references, confirmations and what was
 * enqueued by hand), and only once for each report. */
struct question *monitor_ask(struct history *s, const struct trial *t);
void monitor_think(struct forecaster *f, struct question *q);
const struct trial *question_trial(const struct question *q);

/* What follows for the trial. */
struct monitor_order {
    bool stop; /* the trial is condemned: `why` */
    char why[360];
    bool adapt; /* its patience and threshold are these now */
    double patience, threshold;
};

/* Also frees the question. If the trial has ended in the meantime, nothing follows. */
enum status monitor_decide(struct history *s, struct question *q, struct monitor_order *ret, struct error *err);
void monitor_forget(struct question *q);

/* A condemned trial has ended: pruned, with what it reported last and what was expected of it. */
enum status monitor_prune(struct history *s, const struct trial *t, const json_t *metrics, struct error *err);

/* Pruned trials whose end a crash has swallowed are ended now, before the lost ones are queued again. */
enum status monitor_recover(struct history *s, struct error *err);

#endif
