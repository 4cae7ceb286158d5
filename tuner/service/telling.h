/* telling: the notifier of a service: it hears of the studies at work, and says what came of it. Without a notify file
 * all of this does nothing.
 */
#ifndef TUNER_SERVICE_TELLING_H
#define TUNER_SERVICE_TELLING_H

#include "tuner/service/parts.h"

struct request;

enum status telling_open(struct service *s, struct error *err);

void telling_begin(struct service *s, const char *study);
/* How it stands; `news`: something may be in its log. */
void telling_look(struct service *s, const struct active *r, bool news);
/* How its run has ended; `failure` NULL: as the log says. */
void telling_over(struct service *s, const char *study, enum coordinator_end end, const char *failure);
/* The loop turns. */
void telling_alive(struct service *s);

/* Answers the request when it is known what came back; 429 while TELLING_TESTS are on their way. `channel` NULL: all.
 */
enum { TELLING_TESTS = 8 };
void telling_try(struct request *r, const char *channel);

/* Refuses who waits for a test. */
void telling_refuse(struct service *s);
/* `closed` is called from the loop, once all is told that can be. */
void telling_close(struct service *s, void (*closed)(void *data));

#endif
