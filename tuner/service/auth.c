#include "tuner/service/auth.h"

#include "tuner/service/peers.h"

#include "tuner/base/digest.h"
#include "tuner/study/study.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEERS_MAX = 8192, ID_BYTES = 6, SECRET_BYTES = 32 };

static const char prefix[] = "noct_";

_Static_assert((int)STORE_HASH_BYTES == (int)DIGEST_BYTES, "a token's hash is a SHA-256");

unsigned auth_grants(const char *role)
{
    if (strcmp(role, "viewer") == 0) return GRANT_VIEW;
    if (strcmp(role, "worker") == 0) return GRANT_WORK;
    if (strcmp(role, "client") == 0) return GRANT_CLIENT;
    if (strcmp(role, "operator") == 0) return GRANT_VIEW | GRANT_WORK | GRANT_OPERATE | GRANT_CLIENT;
    return 0;
}

/* ---- tokens ---- */

/* "a,b": names of studies, which need not be there yet. */
static enum status check_scope(const char *scope, struct error *err)
{
    char copy[TOKEN_SCOPE_MAX], *at = copy;
    if (strlen(scope) >= sizeof copy)
        return error_set(err, STATUS_INVALID, "a token's studies take %d characters at most", TOKEN_SCOPE_MAX - 1);
    strcpy(copy, scope);
    for (char *name; (name = strsep(&at, ","));)
        if (!study_is_name(name))
            return error_set(err, STATUS_INVALID, "'%.60s' cannot be the name of a study; studies are given as a,b",
                             name);
    return STATUS_OK;
}

enum status auth_check_wish(const struct token_wish *wish, struct error *err)
{
    if (!auth_grants(wish->role))
        return error_set(err, STATUS_INVALID, "'%.40s' is not a role: viewer, worker, client or operator", wish->role);
    if (!wish->scope) return STATUS_OK;
    if (auth_grants(wish->role) & GRANT_OPERATE)
        return error_set(err, STATUS_INVALID,
                         "only an operator's token cannot be limited to studies: it may do everything");
    return check_scope(wish->scope, err);
}

struct new_token {
    char id[TOKEN_ID_MAX], secret[2 * SECRET_BYTES + 1], text[TOKEN_TEXT_MAX];
};

static void invent(struct new_token *ret)
{
    digest_random_hex(ret->id, ID_BYTES);
    digest_random_hex(ret->secret, SECRET_BYTES);
    snprintf(ret->text, sizeof ret->text, "%s%s_%s", prefix, ret->id, ret->secret);
}

static enum status insert(struct store *store, const struct clock *clock, const struct token_wish *wish,
                          const struct new_token *new, struct error *err)
{
    int64_t now = clock_wall_ms(clock);
    struct store_token t = {.id = new->id,
                            .name = wish->name,
                            .role = wish->role,
                            .scope = wish->scope,
                            .created_ms = now,
                            .expires_ms = wish->ttl_ms ? now + wish->ttl_ms : 0};
    digest(new->secret, strlen(new->secret), t.hash);
    return store_token_insert(store, &t, err);
}

enum status auth_create(struct store *store, const struct clock *clock, const struct token_wish *wish, char *ret_text,
                        char *ret_id, struct error *err)
{
    struct new_token new;
    enum status s = auth_check_wish(wish, err);
    invent(&new);
    if (!s) s = insert(store, clock, wish, &new, err);
    if (s) return s;
    snprintf(ret_text, TOKEN_TEXT_MAX, "%s", new.text);
    snprintf(ret_id, TOKEN_ID_MAX, "%s", new.id);
    return STATUS_OK;
}

static bool is_valid(const struct store_token *t, int64_t now)
{
    return !t->revoked_ms && (!t->expires_ms || now < t->expires_ms);
}

static json_t *names_json(const char *scope)
{
    json_t *all = json_array();
    for (const char *at = scope; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        json_array_append_new(all, json_stringn(at, n));
        at += n;
    }
    return all;
}

struct listing {
    json_t *array;
    const char *role; /* of which a valid one is looked for */
    bool found;
    int64_t now;
};

static void on_token(void *data, const struct store_token *t)
{
    struct listing *l = data;
    bool valid = is_valid(t, l->now);
    l->found |= valid && l->role && strcmp(t->role, l->role) == 0;
    if (!l->array) return;
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:b}", "id", t->id, "name", t->name, "role", t->role, "created_ms",
                          (json_int_t)t->created_ms, "valid", valid);
    if (*t->scope) json_object_set_new(o, "studies", names_json(t->scope));
    if (t->expires_ms) json_object_set_new(o, "expires_ms", json_integer(t->expires_ms));
    if (t->revoked_ms) json_object_set_new(o, "revoked_ms", json_integer(t->revoked_ms));
    json_array_append_new(l->array, o);
}

enum status auth_list(struct store *store, const struct clock *clock, json_t **ret, struct error *err)
{
    struct listing l = {.array = json_array(), .now = clock_wall_ms(clock)};
    enum status s = store_tokens(store, NULL, on_token, &l, err);
    if (s)
        json_decref(l.array);
    else
        *ret = l.array;
    return s;
}

static bool has_valid(struct store *store, const struct clock *clock, const char *role)
{
    struct listing l = {.role = role, .now = clock_wall_ms(clock)};
    struct error ignored;
    return store_tokens(store, NULL, on_token, &l, &ignored) == STATUS_OK && l.found;
}

/* ---- a token in a file ----
 *
 *   PATH.part is locked ─▶ written, synced ─▶ the row is durable ─▶ renamed to PATH
 */

enum { PART_PATH_MAX = 4200 };

struct part {
    char path[PART_PATH_MAX];
    int fd;
};

/* A device, a pipe or a link would be gone, for everybody, once a file has its name. */
static enum status check_place(const char *path, struct error *err)
{
    struct stat there;
    if (lstat(path, &there) != 0 || S_ISREG(there.st_mode)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: is no file, and a token is written into one of its own; name another",
                     path);
}

/* Ours alone, and still in its place when we have the lock: whoever had it before has renamed it. */
static enum status open_part(const char *path, struct part *ret, struct error *err)
{
    struct stat ours, there;
    snprintf(ret->path, sizeof ret->path, "%s.part", path);
    for (;;) {
        ret->fd = open(ret->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (ret->fd < 0) return error_set(err, STATUS_IO, "%s: cannot write a token: %s", path, strerror(errno));
        bool good = fstat(ret->fd, &ours) == 0 && S_ISREG(ours.st_mode) && ours.st_uid == geteuid() &&
                    fchmod(ret->fd, 0600) == 0;
        bool locked = good && flock(ret->fd, LOCK_EX) == 0;
        if (locked && lstat(ret->path, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev)
            return STATUS_OK;
        close(ret->fd);
        if (!locked) return error_set(err, STATUS_IO, "%s: in the way of a token; remove it", ret->path);
    }
}

/* Nobody knows the token that is in it. */
static enum status disown(struct store *store, const struct clock *clock, const struct part *part, struct error *err)
{
    char text[TOKEN_TEXT_MAX] = "", id[TOKEN_ID_MAX] = "";
    size_t n = sizeof prefix - 1;
    if (pread(part->fd, text, sizeof text - 1, 0) < 0 || strncmp(text, prefix, n) != 0) return STATUS_OK;
    snprintf(id, sizeof id, "%.*s", 2 * ID_BYTES, text + n);
    enum status s = store_token_revoke(store, id, clock_wall_ms(clock), err);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status write_part(const struct part *part, const struct new_token *new, struct error *err)
{
    int n = (int)strlen(new->text);
    bool good = ftruncate(part->fd, 0) == 0 && dprintf(part->fd, "%s\n", new->text) == n + 1 && fsync(part->fd) == 0;
    return good ? STATUS_OK : error_set(err, STATUS_IO, "%s: cannot write a token: %s", part->path, strerror(errno));
}

/* The name is on the disk when its folder is. */
static enum status publish(const struct part *part, const char *path, struct error *err)
{
    char folder[PART_PATH_MAX];
    if (rename(part->path, path) != 0)
        return error_set(err, STATUS_IO, "%s: cannot write a token: %s", path, strerror(errno));
    snprintf(folder, sizeof folder, "%s", path);
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return STATUS_OK;
    fsync(fd);
    close(fd);
    return STATUS_OK;
}

/* Where it becomes valid, and where it lies. */
struct minting {
    struct store *store;
    const struct clock *clock;
    const struct token_wish *wish;
    const char *path;
};

static enum status fill(const struct minting *m, const struct part *part, char *ret_id, struct error *err)
{
    struct new_token new;
    struct error ignored;
    invent(&new);
    enum status s = write_part(part, &new, err);
    if (!s) s = insert(m->store, m->clock, m->wish, &new, err);
    if (!s) s = publish(part, m->path, err);
    if (!s)
        snprintf(ret_id, TOKEN_ID_MAX, "%s", new.id);
    else if (disown(m->store, m->clock, part, &ignored) == STATUS_OK)
        unlink(part->path);
    return s;
}

/* `first`: not if there is a valid one of its role. */
static enum status create_file(const struct minting *m, bool first, char *ret_id, struct error *err)
{
    struct part part;
    enum status s = auth_check_wish(m->wish, err);
    if (!s) s = check_place(m->path, err);
    if (!s) s = open_part(m->path, &part, err);
    if (s) return s;
    *ret_id = 0;
    s = disown(m->store, m->clock, &part, err);
    if (!s && first && has_valid(m->store, m->clock, m->wish->role))
        unlink(part.path);
    else if (!s)
        s = fill(m, &part, ret_id, err);
    close(part.fd);
    return s;
}

enum status auth_create_file(struct store *store, const struct clock *clock, const struct token_wish *wish,
                             const char *path, char *ret_id, struct error *err)
{
    const struct minting m = {store, clock, wish, path};
    return create_file(&m, false, ret_id, err);
}

enum status auth_create_first(struct store *store, const struct clock *clock, const struct token_wish *wish,
                              const char *path, char *ret_id, struct error *err)
{
    const struct minting m = {store, clock, wish, path};
    char part[PART_PATH_MAX];
    snprintf(part, sizeof part, "%s.part", path);
    *ret_id = 0;
    if (access(part, F_OK) != 0 && has_valid(store, clock, wish->role)) return STATUS_OK;
    return create_file(&m, true, ret_id, err);
}

/* ---- checking ---- */

struct lent {                 /* its texts are here */
    struct store_token token; /* no id: there is none */
    char id[TOKEN_ID_MAX];
};

struct auth {
    struct store *store;
    struct lent lent;
    const struct clock *clock;
    long tries;
    struct peers *peers;
};

struct auth *auth_open(struct store *store, const struct clock *clock, long tries)
{
    struct auth *a = must_alloc(1, sizeof *a);
    a->store = store;
    a->clock = clock;
    a->tries = tries;
    a->peers = peers_create(clock, PEERS_MAX);
    return a;
}

void auth_close(struct auth *a)
{
    if (!a) return;
    peers_free(a->peers);
    free(a);
}

void auth_lend(struct auth *a, const struct token_wish *wish, char *ret_text)
{
    struct new_token new;
    invent(&new);
    memcpy(a->lent.id, new.id, sizeof a->lent.id);
    a->lent.token = (struct store_token){
        .id = a->lent.id, .name = wish->name, .role = wish->role, .scope = "", .created_ms = clock_wall_ms(a->clock)};
    digest(new.secret, strlen(new.secret), a->lent.token.hash);
    snprintf(ret_text, TOKEN_TEXT_MAX, "%s", new.text);
}

/* The one with this id, wherever it is kept. */
static enum status look_up(const struct auth *a, struct store *store, const char *id, store_token_fn *fn, void *data,
                           struct error *err)
{
    if (!a->lent.token.id || strcmp(id, a->lent.id) != 0) return store_tokens(store, id, fn, data, err);
    fn(data, &a->lent.token);
    return STATUS_OK;
}

static void on_described(void *data, const struct store_token *t)
{
    json_t **out = data;
    json_decref(*out);
    *out = json_pack("{s:s, s:s, s:o, s:o}", "name", t->name, "role", t->role, "studies",
                     *t->scope ? names_json(t->scope) : json_null(), "expires_ms",
                     t->expires_ms ? json_integer(t->expires_ms) : json_null());
}

enum status auth_describe(const struct auth *a, struct store *store, const char *id, json_t **ret, struct error *err)
{
    json_t *out = NULL;
    enum status s = look_up(a, store, id, on_described, &out, err);
    if (!s && !out) s = error_set(err, STATUS_NOT_FOUND, "there is no token %s", id);
    if (s)
        json_decref(out);
    else
        *ret = out;
    return s;
}

bool auth_is_flood(struct auth *a, const char *peer, double rate)
{
    return peers_is_flood(a->peers, peer, rate);
}

struct check {
    const char *secret;
    int64_t now;
    struct identity *identity;
    bool ok;
};

static void on_candidate(void *data, const struct store_token *t)
{
    struct check *c = data;
    unsigned char hash[DIGEST_BYTES];
    digest(c->secret, strlen(c->secret), hash);
    if (!digest_equal(hash, t->hash) || !is_valid(t, c->now)) return;
    c->ok = true;
    c->identity->grants = auth_grants(t->role);
    snprintf(c->identity->id, sizeof c->identity->id, "%s", t->id);
    snprintf(c->identity->scope, sizeof c->identity->scope, "%s", t->scope);
}

/* "Bearer noct_ID_SECRET" */
static bool split(const char *header, char *id, const char **ret_secret)
{
    static const char scheme[] = "Bearer ";
    size_t n = sizeof scheme - 1 + sizeof prefix - 1;
    if (strncasecmp(header, scheme, sizeof scheme - 1) != 0) return false;
    if (strncmp(header + sizeof scheme - 1, prefix, sizeof prefix - 1) != 0) return false;
    const char *at = header + n;
    if (strspn(at, "0123456789abcdef") != 2 * ID_BYTES || at[2 * ID_BYTES] != '_') return false;
    memcpy(id, at, 2 * ID_BYTES);
    id[2 * ID_BYTES] = 0;
    *ret_secret = at + 2 * ID_BYTES + 1;
    return strlen(*ret_secret) == 2 * SECRET_BYTES;
}

/* STATUS_IO: nobody can tell now. */
static enum status find(struct auth *a, const char *header, struct identity *ret, bool *ret_found, struct error *err)
{
    char id[TOKEN_ID_MAX];
    struct error inner;
    struct check c = {.now = clock_wall_ms(a->clock), .identity = ret};
    bool broken = header && split(header, id, &c.secret) && look_up(a, a->store, id, on_candidate, &c, &inner);
    *ret_found = c.ok;
    if (!broken || store_check_ground(a->store, err)) return broken ? STATUS_IO : STATUS_OK;
    return error_set(err, STATUS_IO, "%s", inner.text);
}

enum status auth_check(struct auth *a, const char *peer, const char *header, struct identity *ret, struct error *err)
{
    bool found;
    if (find(a, header, ret, &found, err)) return STATUS_IO;
    if (found) return STATUS_OK;
    if (header && peers_tries(a->peers, peer, a->tries))
        return error_set(err, STATUS_BUSY, "too many requests with a token that is not valid; try again in %d s",
                         PEERS_TRIES_S);
    return error_set(err, STATUS_NOT_FOUND,
                     header ? "the token is unknown, expired or revoked"
                            : "a token is needed: 'Authorization: Bearer …'; 'nocturne token create' makes one");
}

static void on_named(void *data, const struct store_token *t)
{
    struct check *c = data;
    c->ok = is_valid(t, c->now);
}

bool auth_is_valid(struct auth *a, const char *id)
{
    struct error ignored;
    struct check c = {.now = clock_wall_ms(a->clock)};
    return look_up(a, a->store, id, on_named, &c, &ignored) != STATUS_OK || c.ok;
}
