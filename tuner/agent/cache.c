#include "tuner/agent/cache.h"

#include "workers/workers.h"

#include "tuner/base/beneath.h"
#include "tuner/base/digest.h"
#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANSWER_S = 30 };

struct waiting {
    struct waiting *next;
    cache_ready_fn *ready;
    void *data;
};

/* One study as it was at one time. */
struct item {
    struct item *next;
    struct cache *cache;
    char *name, *definition;
    struct study *study; /* NULL: on its way */
    json_t *manifest;
    size_t file; /* of the manifest: the next to be looked at */
    int fd;      /* of the blob that is coming */
    struct inquiry *inquiry;
    struct waiting *waiting;
};

struct cache {
    struct client *client;
    char *dir;
    struct item *item;
};

/* ---- the cache ---- */

struct cached {
    char name[DIGEST_HEX];
    double bytes;
    time_t used;
};

static int by_use(const void *a, const void *b)
{
    const struct cached *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

/* The longest unused files go until the others fit; what a download left behind goes, too. */
static void make_room(const char *dir)
{
    struct arena a = {0};
    struct cached *all = NULL;
    size_t n = 0, capacity = 0;
    double bytes = 0;
    DIR *folder = NULL;
    int fd = -1;
    if (beneath_folder(AT_FDCWD, arena_printf(&a, "%s/blobs", dir), true, &fd, NULL) == STATUS_OK) {
        beneath_tighten(fd);
        folder = fdopendir(fd);
    }
    for (struct dirent *d; folder && (d = readdir(folder));) {
        struct stat st;
        if (*d->d_name == '.' || fstatat(dirfd(folder), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (strlen(d->d_name) != DIGEST_HEX - 1) {
            beneath_remove(dirfd(folder), d->d_name);
            continue;
        }
        all = must_reserve(all, n + 1, &capacity, sizeof *all);
        all[n] = (struct cached){.bytes = (double)st.st_size, .used = st.st_mtime};
        memcpy(all[n].name, d->d_name, DIGEST_HEX);
        bytes += all[n++].bytes;
    }
    if (n) qsort(all, n, sizeof *all, by_use);
    for (size_t i = 0; i < n && bytes > CACHE_BYTES_MAX; bytes -= all[i++].bytes)
        unlinkat(dirfd(folder), all[i].name, 0);
    if (folder) closedir(folder);
    free(all);
    arena_done(&a);
}

struct cache *cache_create(struct client *client, const char *dir)
{
    struct cache *d = must_alloc(1, sizeof *d);
    d->client = client;
    d->dir = must_strdup(dir);
    make_room(dir);
    return d;
}

static void item_free(struct item *x)
{
    if (x->inquiry) client_drop(x->inquiry);
    if (x->fd >= 0) close(x->fd);
    study_free(x->study);
    json_decref(x->manifest);
    for (struct waiting *w = x->waiting, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    free(x->name);
    free(x->definition);
    free(x);
}

void cache_free(struct cache *d)
{
    if (!d) return;
    for (struct item *x = d->item, *next; x; x = next) {
        next = x->next;
        item_free(x);
    }
    free(d->dir);
    free(d);
}

void cache_forget(struct cache *d, const void *data)
{
    for (struct item *x = d->item; x; x = x->next)
        for (struct waiting **at = &x->waiting; *at;) {
            struct waiting *w = *at;
            if (w->data != data) {
                at = &w->next;
                continue;
            }
            *at = w->next;
            free(w);
        }
}

/* ---- the end of waiting ---- */

static void tell(struct item *x, const struct error *err)
{
    struct waiting *list = x->waiting;
    x->waiting = NULL;
    for (struct waiting *w = list, *next; w; w = next) {
        next = w->next;
        w->ready(w->data, x->study, err);
        free(w);
    }
}

/* It is asked for again when it is needed again. */
static void fail(struct item *x, const struct error *err)
{
    struct item **at = &x->cache->item;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    tell(x, err);
    item_free(x);
}

static void fail_with(struct item *x, long status, const char *body)
{
    struct error err;
    json_t *problem = NULL;
    json_parse_object(body, strlen(body), &problem, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    bool again = status == 0 || status >= 500 || status == 410 || status == 429 || status == 401;
    error_set(&err, again ? STATUS_BUSY : STATUS_FAILED, "study '%s' cannot be had: %.600s", x->name,
              detail ? detail : body);
    json_decref(problem);
    fail(x, &err);
}

/* ---- files ---- */

static const json_t *file_at(const struct item *x, size_t i)
{
    return json_array_get(json_object_get(x->manifest, "files"), i);
}

static enum status open_cache(const struct item *x, int *ret, struct error *err)
{
    struct arena a = {0};
    enum status s = beneath_folder(AT_FDCWD, arena_printf(&a, "%s/blobs", x->cache->dir), true, ret, err);
    arena_done(&a);
    return s;
}

/* A file of the cache, open; −1: it is not there. */
static int open_blob(const struct item *x, const char *sha)
{
    struct arena a = {0};
    int fd = -1;
    beneath_open(AT_FDCWD, arena_printf(&a, "%s/blobs/%s", x->cache->dir, sha), O_RDONLY, 0, &fd, NULL);
    arena_done(&a);
    return fd;
}

static bool has_blob(const struct item *x, const char *sha, json_int_t bytes)
{
    struct stat st;
    int fd = open_blob(x, sha);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_size == bytes;
    if (fd >= 0) close(fd);
    return ok;
}

static char *folder(const struct item *x, struct arena *a)
{
    return arena_printf(a, "%s/studies/%s.%.12s", x->cache->dir, x->name, x->definition);
}

/* From the cache into the study's folder. */
static enum status place(const struct item *x, const json_t *file, struct error *err)
{
    struct arena a = {0};
    const char *path = json_string_value(json_object_get(file, "path"));
    int fd = open_blob(x, json_string_value(json_object_get(file, "sha256")));
    enum status s = fd < 0 ? error_set(err, STATUS_IO, "a cached file is gone")
                           : workers_keep_spool(folder(x, &a), path, fd,
                                                json_is_true(json_object_get(file, "executable")) ? 0755 : 0644, err);
    if (fd >= 0) futimens(fd, NULL); /* it was used now */
    if (fd >= 0) close(fd);
    arena_done(&a);
    return s;
}

/* A study that ships nothing is where it was written, on a file system that all machines share. */
static enum status parse(struct item *x, struct error *err)
{
    struct arena a = {0};
    const char *text = json_string_value(json_object_get(x->manifest, "file")),
               *path = json_string_value(json_object_get(x->manifest, "path"));
    enum status s = STATUS_OK;
    if (json_is_true(json_object_get(x->manifest, "ships"))) {
        path = arena_printf(&a, "%s/study.yaml", folder(x, &a));
        s = workers_keep_file(folder(x, &a), "study.yaml", text, strlen(text), err);
        for (size_t i = 0; !s && file_at(x, i); i++) s = place(x, file_at(x, i), err);
    } else if (access(path, R_OK) != 0)
        s = error_set(err, STATUS_FAILED,
                      "%s is not on this machine: name what the trials need under 'files:' of the study", path);
    if (!s) s = study_parse(path, text, strlen(text), &x->study, err);
    arena_done(&a);
    return s;
}

static void next_file(struct item *x);

static char *part_name(const char *sha, struct arena *a)
{
    return arena_printf(a, "%s.part", sha);
}

static bool keep_part(const struct item *x, const char *sha)
{
    struct arena a = {0};
    int dir = -1;
    if (open_cache(x, &dir, NULL)) return false;
    beneath_remove(dir, sha);
    bool ok = renameat(dir, part_name(sha, &a), dir, sha) == 0;
    close(dir);
    arena_done(&a);
    return ok;
}

static void on_blob(void *data, long status, const char *body, size_t n)
{
    struct item *x = data;
    struct error err;
    unsigned char hash[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    (void)n;
    const char *sha = json_string_value(json_object_get(file_at(x, x->file), "sha256"));
    x->inquiry = NULL;
    bool whole =
        status == 200 && digest_file(x->fd, hash, &err) == STATUS_OK && strcmp(digest_hex(hash, hex), sha) == 0;
    whole = whole && keep_part(x, sha);
    close(x->fd);
    x->fd = -1;
    if (status != 200)
        fail_with(x, status, body);
    else if (!whole)
        fail_with(x, 0, "a file came damaged, or could not be kept");
    else {
        x->file++;
        next_file(x);
    }
}

static void fetch(struct item *x, const char *sha, struct arena *a)
{
    struct error err;
    int dir = -1;
    enum status s = open_cache(x, &dir, &err);
    if (!s) s = beneath_create(dir, part_name(sha, a), 0600, &x->fd, &err);
    if (dir >= 0) close(dir);
    if (s) {
        error_context(&err, "%s", x->cache->dir);
        err.status = STATUS_BUSY; /* tried again */
        fail(x, &err);
        return;
    }
    struct request_spec spec = {.method = "GET",
                                .path = arena_printf(a, "/api/v1/studies/%s/blobs/%s", x->name, sha),
                                .upload = -1,
                                .download = x->fd};
    x->inquiry = client_send(x->cache->client, &spec, on_blob, x);
}

/* The next file that is not in the cache; when all are, the study is ready. */
static void next_file(struct item *x)
{
    struct arena a = {0};
    struct error err;
    const json_t *file;
    while ((file = file_at(x, x->file))) {
        const char *sha = json_string_value(json_object_get(file, "sha256"));
        if (!has_blob(x, sha, json_integer_value(json_object_get(file, "bytes")))) {
            fetch(x, sha, &a);
            arena_done(&a);
            return;
        }
        x->file++;
    }
    arena_done(&a);
    if (parse(x, &err))
        fail(x, &err);
    else
        tell(x, NULL);
}

/* ---- the definition ---- */

static bool is_manifest(const json_t *m)
{
    const json_t *files = json_object_get(m, "files"), *f;
    size_t i;
    unsigned char hash[DIGEST_BYTES];
    if (!json_is_string(json_object_get(m, "file")) || !json_is_string(json_object_get(m, "path")) ||
        !json_is_array(files))
        return false;
    json_array_foreach((json_t *)files, i, f)
    {
        const char *path = json_string_value(json_object_get(f, "path")),
                   *sha = json_string_value(json_object_get(f, "sha256"));
        if (!path || !words_is_inside(path) || !sha || !digest_parse(sha, hash) ||
            !json_is_integer(json_object_get(f, "bytes")))
            return false;
    }
    return true;
}

static void on_definition(void *data, long status, const char *body, size_t n)
{
    struct item *x = data;
    x->inquiry = NULL;
    if (status == 200 && json_parse_object(body, n, &x->manifest, NULL) == STATUS_OK && is_manifest(x->manifest))
        next_file(x);
    else
        fail_with(x, status == 200 ? 0 : status, body);
}

static struct item *find(const struct cache *d, const char *study, const char *definition)
{
    struct item *x = d->item;
    while (x && (strcmp(x->name, study) != 0 || strcmp(x->definition, definition) != 0)) x = x->next;
    return x;
}

static struct item *order(struct cache *d, const char *study, const char *definition)
{
    struct item *x = must_alloc(1, sizeof *x);
    struct arena a = {0};
    *x = (struct item){
        .next = d->item, .cache = d, .name = must_strdup(study), .definition = must_strdup(definition), .fd = -1};
    d->item = x;
    struct request_spec spec = {.method = "GET",
                                .path = arena_printf(&a, "/api/v1/studies/%s/definition", study),
                                .upload = -1,
                                .download = -1,
                                .timeout_s = ANSWER_S};
    x->inquiry = client_send(d->client, &spec, on_definition, x);
    arena_done(&a);
    return x;
}

void cache_get(struct cache *d, const char *study, const char *definition, cache_ready_fn *ready, void *data)
{
    struct item *x = find(d, study, definition);
    if (x && x->study) {
        ready(data, x->study, NULL);
        return;
    }
    if (!x) x = order(d, study, definition);
    struct waiting *w = must_alloc(1, sizeof *w);
    *w = (struct waiting){x->waiting, ready, data};
    x->waiting = w;
}
