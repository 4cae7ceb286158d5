/* teller: the thread that tells: it watches studies, keeps the postbox, and sends, on a loop of its own.
 *
 *   once a second, or when it is woken:  desk ──▶ vigil ──▶ postbox ──▶ channels ──▶ postbox, desk
 *
 * When the desk is closed it sends what can be sent, TELLER_CLOSE_MS at most, then closes everything and ends.
 */
#ifndef TUNER_NOTIFY_TELLER_H
#define TUNER_NOTIFY_TELLER_H

#include "tuner/notify/desk.h"
#include "tuner/notify/notify_file.h"

#include "store/store.h"

enum { TELLER_CLOSE_MS = 10000 };

struct teller;

struct teller_options {
    const struct notify_file *file;
    struct desk *desk;
    struct store *store;       /* its own from now on, also if this fails */
    bool adopts, silent;       /* as in notifier.h */
    void (*left)(void *data);  /* something was left on the desk: of the teller's thread */
    void (*ended)(void *data); /* last: of the teller's thread */
    void *data;
};

enum status teller_start(const struct teller_options *options, struct teller **ret, struct error *err);
/* Of any thread. */
void teller_wake(struct teller *t);
/* Waits for its end, which has been said. */
void teller_join(struct teller *t);

#endif
