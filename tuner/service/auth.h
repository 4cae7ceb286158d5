/* auth: who may do what. Bearer tokens [RFC 6750] with a role, kept as hashes in the database.
 *
 * A token is "noct_" ID "_" SECRET: 12 and 64 hexadecimal digits. The secret has 256 random bits, so that one SHA-256
 * of it is as good as a slow hash; it is shown once and never stored.
 */
#ifndef TUNER_SERVICE_AUTH_H
#define TUNER_SERVICE_AUTH_H

#include "store/store.h"
#include "tuner/base/clock.h"

#include <jansson.h>

enum grant {
    GRANT_VIEW = 1,    /* look at everything but secrets */
    GRANT_WORK = 2,    /* run trials: agents, ask and tell, artefacts */
    GRANT_OPERATE = 4, /* studies and what they run, rollouts, tokens */
    GRANT_CLIENT = 8,  /* of rollouts: what to serve whom, and what came of it */
};

enum { TOKEN_TEXT_MAX = 96, TOKEN_ID_MAX = 16, TOKEN_NAME_MAX = 60 /* characters */, TOKEN_SCOPE_MAX = 800 };

/* "viewer", "worker", "client", "operator" → grants; 0: none of them. A worker and a client may not look around, an operator
 * may everything. */
unsigned auth_grants(const char *role);

/* What a token is to be. */
struct token_wish {
    const char *name, *role;
    const char *scope; /* not of an operator's: names of the studies and rollouts that it is for, "a,b"; NULL: all */
    int64_t ttl_ms;    /* 0: for ever */
};

/* STATUS_INVALID: no such role, or a scope that is no list of names, or an operator's. */
enum status auth_check_wish(const struct token_wish *wish, struct error *err);
/* text: TOKEN_TEXT_MAX; id: TOKEN_ID_MAX. */
enum status auth_create(struct store *store, const struct clock *clock, const struct token_wish *wish, char *ret_text,
                        char *ret_id, struct error *err);
/* The same, its text into a file that only its owner can read; a file that is there is replaced, anything else, such as
 * /dev/null or a link, is STATUS_INVALID. It is in PATH.part until the token is valid, so that a kill at any moment
 * leaves no file whose token is none; what a killed process has left there is revoked by the next that makes one. */
enum status auth_create_file(struct store *store, const struct clock *clock, const struct token_wish *wish,
                             const char *path, char *ret_id, struct error *err);
/* The same, if there is no valid token of this role: only then is `ret_id` not "". Of many processes at once, one makes
 * it. */
enum status auth_create_first(struct store *store, const struct clock *clock, const struct token_wish *wish,
                              const char *path, char *ret_id, struct error *err);
/* {"id", "name", "role", "studies"?, "created_ms", "expires_ms"?, "revoked_ms"?, "valid"} of all tokens */
enum status auth_list(struct store *store, const struct clock *clock, json_t **ret, struct error *err);

struct auth;

/* `tries`: without a valid token, from one address, in a minute. */
struct auth *auth_open(struct store *store, const struct clock *clock, long tries);
void auth_close(struct auth *a);
/* A token of this process: valid as long as `a` is, and nowhere written down. `text`: TOKEN_TEXT_MAX. */
void auth_lend(struct auth *a, const struct token_wish *wish, char *ret_text);
/* {"name", "role", "studies", "expires_ms"} of the token with this id; null: for all studies, for ever. `store`: the
 * calling thread's. */
enum status auth_describe(const struct auth *a, struct store *store, const char *id, json_t **ret, struct error *err);

struct identity {
    char id[TOKEN_ID_MAX];
    unsigned grants;
    char scope[TOKEN_SCOPE_MAX]; /* names of the studies and rollouts that it may speak of, "a,b"; "": all */
};

/* `header`: of Authorization; NULL: none. STATUS_NOT_FOUND: no valid token; STATUS_BUSY: too many tries from this
 * address without one; a valid token passes all the same. STATUS_IO: the database cannot be read. */
enum status auth_check(struct auth *a, const char *peer, const char *header, struct identity *ret, struct error *err);

/* Is the token that was valid once still so? Of a database that cannot be read: yes. */
bool auth_is_valid(struct auth *a, const char *id);

/* One request more from this address (or with the token of this id): is that too many? `rate` a second, ten times that
 * in a burst. */
bool auth_is_flood(struct auth *a, const char *peer, double rate);

#endif
