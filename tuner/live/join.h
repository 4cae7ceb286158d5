/* join: whose outcome is it? Parts come in several requests and in any order; here they wait for each other.
 *
 * A score is an outcome by itself. The tokens of a trace are one outcome, their sum: what a request spent, not what a
 * call of the model did. They are added up once the trace has ended (its first span came) and was quiet for
 * `settle_ms`, or, if that span never comes, once it was quiet for `quiet_ms`.
 *
 *      a trace:  BARE ──usage──▶ OPEN ──root──▶ CLOSING ──settle_ms──▶ SETTLED
 *                  └──root──▶ ENDED ──usage───────▲   OPEN ──quiet_ms─────▲
 *      any ──spoiled──▶ SPOILED: a sum without what one of its spans spent would look like a saving, and is not told
 *
 * An outcome is of the unit whose flag was evaluated in its trace. If there are several, it must name its own
 * (feature_flag.context.id, which then decides alone, or user.id, enduser.id, session.id, gen_ai.conversation.id), or
 * it is nobody's ("torn"). If there is none in its trace, it is of the unit that it names so, with the variant of that
 * unit's last evaluation before it, else the first after. A score without a trace has that of the first span with its
 * gen_ai.response.id. Each outcome is told once for a rollout. Only flags that were counted tell anything.
 *
 * What is held is bounded: in number, bytes, and time since the trace was last heard of; the trace that was not heard
 * of for longest goes first. Of one unit the JOIN_LOOK_MAX newest are looked at.
 *
 * Nothing is lost by kill -9: whoever has it stores what `keep` and `drop` say in the same transaction as what `item`
 * tells, and answers after that. On starting, each stored part is given to join_restore in the order of keeping. If a
 * transaction fails, the join knows more than the disk: free it, and restore another.
 *
 *     struct join *j = join_create(&(struct join_options){JOIN_LIMITS, hooks});
 *     join_take(j, &part, now_ms);
 *     join_tick(j, now_ms);                at join_next_ms(j)
 *
 * Pure: no clock, no file. One thread.
 */
#ifndef TUNER_LIVE_JOIN_H
#define TUNER_LIVE_JOIN_H

#include "tuner/live/mapping.h"
#include "tuner/live/part.h"

enum { JOIN_TRACE_MAX = 1024 /* parts of one trace */, JOIN_FLAGS_MAX = 64 /* of them flags */, JOIN_LOOK_MAX = 64 };

struct join_limits {
    size_t parts, bytes;
    int64_t age_ms, settle_ms, quiet_ms;
};

#define JOIN_LIMITS                                                                                                    \
    {                                                                                                                  \
        .parts = 200000, .bytes = 160 << 20, .age_ms = 86400000, .settle_ms = 30000, .quiet_ms = 600000                \
    }

/* What a unit did once; with n 0: that it was served. */
struct join_item {
    const char *rollout, *unit, *variant;
    const char *id; /* of the outcome: the same, however often its parts are sent; "" with n 0 */
    int64_t at_ms;  /* when the flag was evaluated, if that was in the same trace */
    size_t n;
    struct measurement each[AMOUNTS + 1]; /* as measured, not yet as metrics: mapping_apply */
};

struct join_hooks { /* texts are whole until the hook returns; it may not call the join */
    void (*item)(void *data, const struct join_item *item);
    void (*keep)(void *data, const struct part *part);
    void (*drop)(void *data, const char *part_id);
    void *data;
};

struct join_options {
    struct join_limits limits;
    struct join_hooks hooks;
};

struct join;

struct join *join_create(const struct join_options *options);
void join_free(struct join *j); /* NULL is fine */

enum join_verdict {
    JOIN_TAKEN,
    JOIN_REPEATED, /* it is held already */
    JOIN_LATE,     /* tokens of a trace that were added up before */
    JOIN_ALONE,    /* the end of a trace of which nothing is known */
    JOIN_CROWDED,  /* JOIN_TRACE_MAX or JOIN_FLAGS_MAX */
};

/* `now_ms`: wall clock; a step back counts as none. The part is copied. */
enum join_verdict join_take(struct join *j, const struct part *part, int64_t now_ms);
void join_restore(struct join *j, const struct part *part, int64_t kept_ms);

/* What is due, and what is too old. */
void join_tick(struct join *j, int64_t now_ms);
int64_t join_next_ms(const struct join *j); /* wall clock; INT64_MAX: nothing waits */

struct join_counts {
    size_t parts, bytes; /* held now */
    size_t repeated, late, crowded;
    size_t torn;   /* outcomes that several units might have */
    size_t aged;   /* parts that went with their time over, matched or not */
    size_t pushed; /* parts that went before it, for want of room */
};

struct join_counts join_counts(const struct join *j);

#endif
