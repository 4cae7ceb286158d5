/* adviser: the optimizer behind ask and tell; the client runs the trials. Protocol: cmd_advise --help. */
#ifndef TUNER_COORDINATOR_ADVISER_H
#define TUNER_COORDINATOR_ADVISER_H

#include "tuner/history/history.h"

struct adviser;

/* Trials that an earlier process asked for and never told are handed out again first. */
struct adviser *adviser_create(struct history *history);
void adviser_free(struct adviser *a);

/* One request, one answer; never NULL, the caller owns it. What goes wrong is {"error": "…"}. The answer must not go
 * out before the history's journal is durable (journal_answer sees to that). */
json_t *adviser_answer(struct adviser *a, const char *line, size_t len);

#endif
