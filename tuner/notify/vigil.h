/* vigil: a study of which somebody has promised to tell: its fold of the log, caught up with, and what was seen of
 * it.
 *
 * On the teller's thread. The mark "watch" in the database says that somebody watches; it is taken away when the end
 * was put into the postbox, so that an end that nobody lived to tell is found by the next process (vigil_missed).
 */
#ifndef TUNER_NOTIFY_VIGIL_H
#define TUNER_NOTIFY_VIGIL_H

#include "tuner/notify/desk.h"
#include "tuner/notify/postbox.h"

enum { HEALTH_EVERY_MS = 60000, AGAIN_AFTER_MS = 3600000 };

struct vigil;

struct watching { /* what all of them use */
    struct store *store;
    struct postbox *postbox;
    const struct clock *clock;                                /* a steady one */
    void (*dropped)(void *data, const char *study, size_t n); /* that had to go for others */
    void *data;
};

struct vigil *vigil_create(const struct watching *by, const char *name);
void vigil_free(struct vigil *w);
const char *vigil_name(const struct vigil *w);

/* How it stands, by who is at it. */
void vigil_set(struct vigil *w, const struct desk_study *is);
/* Looks at what there is to look at now, and puts what is to be told into the postbox. True: it has ended, and that is
 * in there, too. */
bool vigil_turn(struct vigil *w);
bool vigil_is_at_stand(const struct vigil *w);

/* Of a study that nobody runs: was its end promised, and not told? Tells it. */
void vigil_missed(const struct watching *by, const char *name);

#endif
