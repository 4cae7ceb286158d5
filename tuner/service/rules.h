/* rules: what is served, in memory: of every rollout its ruleset, so that whoever asks is answered on the loop and
 * without the database.
 *
 * What is put here is what the database said last; of whom nothing was heard for RULESET_VALID_MS is away: nobody looks
 * after an experiment then, and everybody gets the champion. So he does while the kill file (tuner/live/kill_file.h)
 * names the rollout; and where that cannot be written either, while this process remembers it.
 *
 *     rules_put(rules, "g2p", set);                        as the database has it now
 *     const struct served *x = rules_find(rules, "g2p");
 *     struct assigned a = rules_assign(rules, x, "user-17");
 *
 * For the loop's thread.
 */
#ifndef TUNER_SERVICE_RULES_H
#define TUNER_SERVICE_RULES_H

#include "tuner/service/flag.h"

#include "tuner/base/clock.h"
#include "tuner/live/live.h"

struct rules;

struct served { /* a rollout */
    struct served *next;
    char *name;
    int64_t version;
    int64_t seen_ms; /* when the database said so; of the steady clock */
    struct ruleset *set;
    struct flag *flag;
    char *text, *tag; /* the ruleset's document, and its ETag */
    size_t n;         /* bytes of the text */
};

/* `db`: beside which the kill file lies. */
struct rules *rules_create(const char *db, const struct clock *clock);
void rules_free(struct rules *x);

/* Takes the ruleset, of a rollout of this name. */
void rules_put(struct rules *x, const char *name, struct ruleset *set);
/* The database says the same as before. */
void rules_seen(struct rules *x, const char *name);
/* There is no such rollout any more. */
void rules_drop(struct rules *x, const char *name);

const struct served *rules_find(const struct rules *x, const char *name); /* NULL: there is none */
const struct served *rules_first(const struct rules *x);                  /* by name; the others by `next` */

/* Reads the kill file anew. True: it says something else than before. */
bool rules_look_at_switch(struct rules *x);
const char *rules_switch(const struct rules *x); /* its path */

/* Killed by this process, for as long as it lives: neither the database nor the file could be written. Each look tries
 * the file again, and remembers no longer what is in it. */
void rules_kill(struct rules *x, const char *name);
/* No longer, wherever the name has gone meanwhile. */
void rules_revive(struct rules *x, const char *name);
/* Why a rollout is killed: "the file …"; in the arena. */
const char *rules_killed_by(const struct rules *x, const char *name, struct arena *arena);

enum rules_word {
    RULES_HOLD,
    RULES_KILLED, /* by the file, or from memory */
    RULES_AWAY,
};
enum rules_word rules_word(const struct rules *x, const struct served *of);

/* For an answer, until it is sent; whatever was in it is gone. */
struct flag_text *rules_text(struct rules *x);

/* Of one that is killed or away: the champion, DISABLED, not counted. */
struct assigned rules_assign(const struct rules *x, const struct served *of, const char *unit);

#endif
