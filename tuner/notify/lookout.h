/* lookout: what happens in a study that somebody should be told of. It looks at memory, changes nothing but what it has
 * seen, and makes notices in the words of status, best and the report; whether one was told already is the postbox's.
 *
 *     struct lookout x = {0};
 *     struct news_list list = {0};
 *     lookout_news(&x, memory, now, &list);             after each turn of the log: best, budget, constraints
 *     lookout_health(memory, &facts, now, &list);       once a minute
 *     lookout_end(memory, &facts, NULL, now, &list);    once: the headline, and with it what of health is not fine
 *
 * Keys: best/TRIAL, budget/NAME/LIMIT, constraint/TRIAL, health/CHECK/LEVEL, end/PHASE/TRIALS.
 */
#ifndef TUNER_NOTIFY_LOOKOUT_H
#define TUNER_NOTIFY_LOOKOUT_H

#include "tuner/notify/notice.h"

#include "tuner/analysis/analysis.h"

enum { NEWS_MAX = 64 };

struct news_list {
    size_t n;
    struct notice notice[NEWS_MAX];
    struct arena arena;
};

struct lookout {
    bool begun;       /* the best that is found is news: somebody has promised to look, or has looked */
    long best;        /* number of the last one that was seen, plus one; 0: none was */
    size_t confirmed; /* trials, when constraints were looked at */
};

void lookout_news(struct lookout *x, const struct memory *s, int64_t now_ms, struct news_list *ret);

/* The checks that are not fine; those that are fine are in `fine`, a bit each, by which their keys may be taken back.
 */
struct lookout_checks {
    unsigned fine;    /* by enum health_check */
    bool is_at_stand; /* nothing moves: it rests, cannot go on, or all that runs has fallen silent */
};
struct lookout_checks lookout_health(const struct memory *s, const struct health_facts *facts, int64_t now_ms,
                                     struct news_list *ret);

/* Why a run has ended; `failure`: what nobody wrote into the log (a damaged database); NULL. */
void lookout_end(const struct memory *s, const struct health_facts *facts, const char *failure, int64_t now_ms,
                 struct news_list *ret);

/* "health/failures/wrong", in the arena. */
const char *lookout_health_key(enum health_check check, enum health_level level, struct arena *a);

#endif
