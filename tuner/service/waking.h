/* waking: studies of the last process: those that were at work are at work again, one after the other, beside the
 * loop, so that the port answers meanwhile. Whoever needs one of them now gets it next, and waits for it. */
#ifndef TUNER_SERVICE_WAKING_H
#define TUNER_SERVICE_WAKING_H

#include "tuner/service/active_study.h"

/* Looks for them, and puts them to work one after the other. */
void waking_begin(struct service *s);
/* True: so the request waits, and is handled anew once the study is at work again. */
bool waking_waits(struct request *r, const char *study);
/* Those that have waited for this study (NULL: for all) are handled now. */
void waking_go_on(struct service *s, const char *study);

/* The study of {study} that is at work, or NULL: the request waits, or a problem has been answered: 409 if it is there
 * but not at work. */
struct active_study *waking_find(struct request *r);

#endif
