/* notice: one thing that people are told: what kind of thing, how bad, of which study, one sentence, one action.
 *
 * Sentences are those of status, best and the report; they may hold what trials and users wrote, and are made harmless
 * here: one line without control characters or secrets, at most NOTICE_BYTES of it. A notice has a key, so that the
 * same is not told twice. Texts lie in the arena in which it was made.
 *
 *     json_t *json = notice_json(&notice);            what webhooks get, and what the postbox keeps
 *     notice_read(json, arena, &again, &err);         and back
 */
#ifndef TUNER_NOTIFY_NOTICE_H
#define TUNER_NOTIFY_NOTICE_H

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdbool.h>
#include <stdint.h>

enum { NOTICE_BYTES = 2000, NOTICE_MORE_MAX = 100, NOTICE_TEXT_BYTES = 32 << 10 /* an argument may have 128 KiB */ };

/* With their names, and when it is told. */
#define NOTICE_KINDS(X)                                                                                                \
    X(END, "end", "a run has ended: what won, or why it cannot go on")                                                 \
    X(BEST, "best", "a new best trial, at most one an hour")                                                           \
    X(CONSTRAINT, "constraint", "what was confirmed breaks a constraint, or nothing meets one")                        \
    X(FAILURES, "failures", "trials fail again and again")                                                             \
    X(STALLED, "stalled", "running trials have fallen silent")                                                         \
    X(BUDGET, "budget", "80 % of the tokens, the money or the time are gone")                                          \
    X(DRIFT, "drift", "what is live has drifted, what came of it, and what waits for a person")                        \
    X(HEALTH, "health", "any other check of 'nocturne status' that is not fine, and what pauses a study")              \
    X(TEST, "test", "somebody wants to see whether it arrives")                                                        \
    X(DIGEST, "digest", "what was held back in the quiet hours, as one")

enum notice_kind {
#define NOTICE_KIND(NAME, name, when) NOTICE_##NAME,
    NOTICE_KINDS(NOTICE_KIND)
#undef NOTICE_KIND
};

/* Those that a notify file may name are all before TEST. */
enum { NOTICE_KINDS_TOLD = NOTICE_TEST, NOTICE_KINDS_ALL = NOTICE_DIGEST + 1 };

const char *notice_kind_name(enum notice_kind kind);
const char *notice_kind_when(enum notice_kind kind);
bool notice_kind_parse(const char *name, enum notice_kind *ret);

enum notice_level { NOTICE_FINE, NOTICE_LOOK, NOTICE_WRONG }; /* as in health */

const char *notice_level_name(enum notice_level level);

struct notice_part {
    const char *sentence;
    const char *action; /* NULL: nothing is to be done */
};

struct notice {
    enum notice_kind kind;
    enum notice_level level;
    const char *study; /* its name; "": about none */
    const char *key;
    int64_t at_ms; /* wall clock */
    struct notice_part is;
    size_t n_more;
    const struct notice_part *more; /* what goes with it */
};

/* Harmless text of at most NOTICE_BYTES, without secrets; NULL stays NULL. */
const char *notice_clean(const char *text, struct arena *a);

/* {"kind", "level", "study", "at_ms", "sentence", "action", "more": [{"sentence", "action"}], "key", "text"}; the
 * caller owns it. "text" is all of it for people, which is what chat programs show. */
json_t *notice_json(const struct notice *n);
/* STATUS_INVALID: it is none. */
enum status notice_read(const json_t *json, struct arena *a, struct notice *ret, struct error *err);

/* "g2p: 12 of 20 trials failed": one line. */
const char *notice_line(const struct notice *n, struct arena *a);
/* All of it, on several lines, at most NOTICE_TEXT_BYTES. */
const char *notice_text(const struct notice *n, struct arena *a);

/* Its texts as they are, in another arena. */
struct notice notice_copy(const struct notice *n, struct arena *a);

/* Several as one: the worst level, a line for each. n > 0. */
struct notice notice_digest(const struct notice *each, size_t n, int64_t at_ms, struct arena *a);

#endif
