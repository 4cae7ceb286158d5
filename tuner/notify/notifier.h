/* notifier: tells people what happens in the studies of this process.
 *
 *     struct notifier *n = NULL;
 *     notifier_create(&options, &n, &err);
 *     notifier_begin(n, "g2p");                   it is at work from now on
 *     notifier_look(n, "g2p", &look);             a few times a second: the loop turns, and this is how it stands
 *     notifier_over(n, "g2p", failure);           its run has ended, and its log is durable
 *     notifier_close(n, closed, data);            tells what can be told, ten seconds at most; then it is gone
 *
 * All of it happens on a thread of its own, with a loop of its own: a database that is locked, a study of 50,000
 * trials, a server that hangs hold nobody else up. It reads the log through a connection of its own, so that it tells
 * only what is durable; of what nobody wrote there it knows what `notifier_look` says. What it has to say of itself
 * (who was told, who could not be) comes back on the caller's loop, once, not at each try, and is kept for 'nocturne
 * log'.
 *
 * The functions are for the thread of the caller's loop.
 */
#ifndef TUNER_NOTIFY_NOTIFIER_H
#define TUNER_NOTIFY_NOTIFIER_H

#include "tuner/notify/look.h"
#include "tuner/notify/notify_file.h"

#include "tuner/analysis/analysis.h"

#include <uv.h>

struct notifier;

struct notifier_options {
    const struct notify_file *file; /* must live as long */
    const char *db;
    uv_loop_t *loop;
    bool adopts; /* what was left of studies that nobody runs */
    bool silent; /* nothing is at work, so no heart beats; what rests after a failure is tried at once */
    void (*say)(void *data, const char *study, const char *text);
    void (*tried)(void *data, uint64_t ticket, json_t *results); /* of notifier_try; takes the reference */
    void *data;
};

enum status notifier_create(const struct notifier_options *options, struct notifier **ret, struct error *err);

void notifier_begin(struct notifier *n, const char *study);
void notifier_look(struct notifier *n, const char *study, const struct look *look);
/* Also without a study: the loop turns. Of any thread. */
void notifier_alive(struct notifier *n);
/* `failure`: what nobody could write into the log; NULL. */
void notifier_over(struct notifier *n, const char *study, const char *failure);
/* It is not at work here any more, and has not ended: nothing is told. */
void notifier_left(struct notifier *n, const char *study);

/* Something was put into the postbox of this study (postbox.h), by another connection: it is sent, too. Of any thread. */
void notifier_collect(struct notifier *n, const char *study);

/* A test; see trying.h. `tried` is called once with this ticket, unless the notifier is closed first. */
void notifier_try(struct notifier *n, const char *channel, uint64_t ticket);

void notifier_close(struct notifier *n, void (*closed)(void *data), void *data);

#endif
