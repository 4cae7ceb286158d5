/* caller: questions to a service, one after the other, each waited for. For commands; what has a loop uses `client`.
 *
 *     struct caller *c = NULL;
 *     if (caller_create(&(struct client_options){url, token, ca}, NULL, &c, &err)) …
 *     json_t *me = NULL;
 *     if (caller_ask(c, &(struct question){.method = "GET", .path = "/api/v1/me"}, &me, &err)) …
 *     caller_free(c);
 *
 * The connection is kept from question to question. What comes back is bounded (CALLER_ANSWER_MAX; who takes it piece
 * by piece says himself when it is enough) and checked: an answer is JSON, or it is none.
 *
 * Errors name the URL and the way out. STATUS_IO: no answer, or none of a service of ours;
 * STATUS_DENIED: the token is not valid there, or may not do that; STATUS_NOT_FOUND, STATUS_INVALID, STATUS_CONFLICT,
 * STATUS_FULL: in the service's own words. None of them is STATUS_BUSY, which is for studies that another process has.
 */
#ifndef TUNER_REMOTE_CALLER_H
#define TUNER_REMOTE_CALLER_H

#include "tuner/remote/client.h"

#include "tuner/base/arena.h"

#include <jansson.h>
#include <stdbool.h>

enum { CALLER_ANSWER_MAX = 16 << 20 /* bytes */, CALLER_MARKS_MAX = 500000 /* of JSON */ };

struct caller;

/* `loop`: of who has one. It turns while an answer is waited for, so that its callbacks, which may not ask themselves,
 * are called meanwhile; questions come from between its turns. NULL: a loop of its own. */
enum status caller_create(const struct client_options *options, uv_loop_t *loop, struct caller **ret,
                          struct error *err);
void caller_free(struct caller *c); /* NULL is fine */
const char *caller_url(const struct caller *c);
/* How long it is waited for bytes; a minute otherwise. */
void caller_set_patience(struct caller *c, long seconds);
/* From a callback of the loop: the question that is waited for ends without an answer, and so do all later ones. */
void caller_interrupt(struct caller *c);

struct question {
    const char *method, *path; /* "/api/v1/…" */
    const json_t *body;        /* NULL: none */
};

/* *ret: the answer, an object, the caller's. */
enum status caller_ask(struct caller *c, const struct question *q, json_t **ret, struct error *err);
/* GET of what is there already as `etag` says ("": it is not), CALLER_ETAG_MAX; *ret NULL: it is still that. */
enum { CALLER_ETAG_MAX = 128 };
enum status caller_ask_anew(struct caller *c, const char *path, char *etag, json_t **ret, struct error *err);
/* The bytes of an answer: all of them or STATUS_IO. `take`: false for no more; then *its* reason is the error's, which
 * stays as it is. */
enum status caller_read(struct caller *c, const char *path, bool (*take)(void *data, const char *bytes, size_t n),
                        void *data, struct error *err);
/* The first `max` bytes of an answer, with a NUL behind them; the caller's. */
enum status caller_read_some(struct caller *c, const char *path, size_t max, char **ret, size_t *ret_n,
                             struct error *err);

/* A part of a path or of a query: what is not plain becomes %XX. In the arena. */
const char *caller_escaped(struct arena *arena, const char *text);

#endif
