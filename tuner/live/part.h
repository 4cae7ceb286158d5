/* part: one thing that telemetry says of what a unit did: a part of an outcome, until others say whose it is.
 *
 * FLAG     a unit was given a variant of a rollout, in a trace or outside of any
 * SCORE    something was judged
 * USAGE    a span spent tokens
 * ROOT     the trace's first span has ended, and with it, nearly always, all others
 * SPOILED  a span of the trace spent tokens, and nobody knows how many: their sum would be too small
 * SETTLED  the tokens of the trace were added up (tuner/live/join): what it spends from now on is too late
 *
 * Texts are never NULL; "" for what was not said. They belong to whoever made the part.
 */
#ifndef TUNER_LIVE_PART_H
#define TUNER_LIVE_PART_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum part_kind { PART_FLAG, PART_SCORE, PART_USAGE, PART_ROOT, PART_SPOILED, PART_SETTLED, PART_KINDS };
enum part_amount { AMOUNT_INPUT, AMOUNT_OUTPUT, AMOUNT_REASONING, AMOUNTS }; /* reasoning: a part of the output */
/* Names of a unit, the surest first: feature_flag.context.id says it, the others may. */
enum part_who { WHO_CONTEXT, WHO_USER, WHO_ENDUSER, WHO_SESSION, WHO_CONVERSATION, WHOS };

enum { PART_ID_MAX = 200, PART_TEXT_MAX = 1024 /* of each other text */ };

struct part {
    enum part_kind kind;
    const char *id;    /* the same, however often it is sent */
    const char *trace; /* 32 hexadecimal digits, in small letters */
    int64_t at_ms;     /* wall clock, of what it says */
    /* FLAG */
    const char *rollout, *unit, *variant;
    bool counted; /* by the rules; not set by hand, held back, or a default */
    /* SCORE, USAGE */
    const char *response; /* gen_ai.response.id */
    const char *who[WHOS];
    /* SCORE */
    const char *name;
    double value;
    /* USAGE */
    double amount[AMOUNTS]; /* tokens, from 0; NaN: not said */
};

/* Where its texts are, the id first; as many as there are members for texts. */
enum { PART_TEXTS = 7 + WHOS };
void part_texts(struct part *p, const char **ret[PART_TEXTS]);

/* Of one with all texts empty and all amounts unknown. */
void part_init(struct part *p, enum part_kind kind, const char *trace, int64_t at_ms);

/* Gives it its id, in the arena; `span`: 16 hexadecimal digits or "". */
void part_name(struct part *p, const char *span, struct arena *arena);

/* As JSON, on one line; the caller frees it. */
char *part_write(const struct part *p);
/* And back, texts in the arena. STATUS_INVALID: it is none. */
enum status part_read(const char *text, struct arena *arena, struct part *ret, struct error *err);

#endif
