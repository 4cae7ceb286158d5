#include "tuner/agent/inputs.h"

#include "tuner/base/beneath.h"
#include "tuner/base/digest.h"
#include "tuner/base/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct input {
    const char *stage, *digest, *path; /* digest: NULL: it does not exist now */
};

struct inputs {
    struct inputs_wish wish;
    struct arena arena;
    const char *depot;
    size_t n, at;
    struct input input[STAGES_MAX];
    struct inquiry *inquiry;
    int fd; /* of what comes; −1: none */
    uv_work_t work;
    bool working, dropped; /* the pool has it; it goes as soon as it is back */
    enum status status;
    struct error err;
    inputs_ready_fn *ready;
    void *data;
};

char *inputs_depot(const char *dir, struct arena *arena)
{
    return arena_printf(arena, "%s/checkpoints", dir);
}

/* ---- reading the wish ---- */

static bool is_digest(const char *text)
{
    unsigned char hash[DIGEST_BYTES];
    return text && digest_parse(text, hash);
}

/* What makes no sense is refused: its names become paths. */
static bool read_list(struct inputs *x)
{
    const json_t *one;
    size_t i;
    json_array_foreach(x->wish.list, i, one)
    {
        const char *stage = json_string_value(json_object_get(one, "stage")),
                   *digest = json_string_value(json_object_get(one, "sha256"));
        if (x->n == STAGES_MAX || !stage || !study_is_name(stage) || (digest && !is_digest(digest))) return false;
        struct input *in = &x->input[x->n++];
        in->stage = arena_strdup(&x->arena, stage);
        in->digest = digest ? arena_strdup(&x->arena, digest) : NULL;
        in->path = digest ? depot_path(x->depot, digest, &x->arena) : NULL;
    }
    return true;
}

/* ---- getting them ---- */

static void step(struct inputs *x);

static void release(struct inputs *x)
{
    if (x->fd >= 0) close(x->fd);
    arena_done(&x->arena);
    free(x);
}

static void on_done(uv_work_t *work, int cancelled);

static void beside(struct inputs *x, uv_work_cb run)
{
    x->working = true;
    x->work.data = x;
    uv_queue_work(x->wish.loop, &x->work, run, on_done);
}

static void check(uv_work_t *work)
{
    struct inputs *x = work->data;
    x->status = depot_verify(x->depot, x->input[x->at].digest, &x->err);
    if (!x->status) utimensat(AT_FDCWD, x->input[x->at].path, NULL, AT_SYMLINK_NOFOLLOW); /* it was used now */
}

/* What came is what was asked for, or nothing. */
static void unpack(uv_work_t *work)
{
    struct inputs *x = work->data;
    struct arena a = {0};
    struct deposit left;
    const char *path = arena_printf(&a, "%s/input.%zu", x->wish.folder, x->at);
    x->status = parcel_read(x->fd, path, &x->err);
    if (!x->status) x->status = depot_keep(x->depot, path, &left, &x->err);
    if (!x->status && strcmp(left.digest, x->input[x->at].digest) != 0) {
        depot_remove(x->depot, left.digest);
        x->status = error_set(&x->err, STATUS_BUSY, "a checkpoint came damaged");
    }
    if (x->status) x->status = STATUS_BUSY; /* of this machine, or the way: tried again */
    arena_done(&a);
}

static void on_sent(void *data, long status, const char *body, size_t n)
{
    struct inputs *x = data;
    (void)n;
    x->inquiry = NULL;
    if (status == 200) {
        beside(x, unpack);
        return;
    }
    bool again = status == 0 || status >= 500 || status == 401 || status == 429;
    struct error err;
    error_set(&err, STATUS_FAILED, "the checkpoint of stage '%s' cannot be had: %.300s", x->input[x->at].stage, body);
    x->ready(x->data, again ? STATUS_BUSY : STATUS_FAILED, err.text);
}

static void fetch(struct inputs *x)
{
    struct arena a = {0};
    int dir = -1;
    if (x->fd >= 0) close(x->fd);
    x->fd = -1;
    if (workers_attempt_folder(x->wish.folder, &dir, NULL) == STATUS_OK) {
        int to = -1;
        beneath_create(dir, "input.parcel", 0600, &to, NULL);
        if (to >= 0) beneath_open(dir, "input.parcel", O_RDWR, 0, &x->fd, NULL);
        if (to >= 0) close(to);
        beneath_remove(dir, "input.parcel"); /* it has no name any more, and goes with its descriptor */
        close(dir);
    }
    struct request_spec spec = {.method = "GET",
                                .path = arena_printf(&a, "/api/v1/studies/%s/trials/%ld/checkpoints/%s?lease=%lld",
                                                     x->wish.study, x->wish.trial, x->input[x->at].digest,
                                                     (long long)x->wish.lease),
                                .upload = -1,
                                .download = x->fd};
    if (x->fd >= 0)
        x->inquiry = client_send(x->wish.client, &spec, on_sent, x);
    else
        x->ready(x->data, STATUS_BUSY, "a checkpoint cannot be written here");
    arena_done(&a);
}

/* After check or unpack. */
static void on_done(uv_work_t *work, int cancelled)
{
    struct inputs *x = work->data;
    bool unpacked = x->fd >= 0;
    (void)cancelled;
    x->working = false;
    if (x->dropped) {
        release(x);
        return;
    }
    if (unpacked) close(x->fd);
    x->fd = -1;
    if (!x->status) {
        x->at++;
        step(x);
    } else if (unpacked)
        x->ready(x->data, x->status, x->err.text);
    else
        fetch(x);
}

static void step(struct inputs *x)
{
    while (x->at < x->n && !x->input[x->at].digest) x->at++;
    if (x->at < x->n)
        beside(x, check);
    else
        x->ready(x->data, STATUS_OK, "");
}

static void nothing(uv_work_t *work)
{
    (void)work;
}

/* Not before it has returned. */
static void on_refused(uv_work_t *work, int cancelled)
{
    struct inputs *x = work->data;
    (void)cancelled;
    x->working = false;
    if (x->dropped)
        release(x);
    else
        x->ready(x->data, STATUS_FAILED, "the checkpoints of an assignment make no sense: is it another version?");
}

static void on_begun(uv_work_t *work, int cancelled)
{
    struct inputs *x = work->data;
    (void)cancelled;
    x->working = false;
    if (x->dropped)
        release(x);
    else
        step(x);
}

struct inputs *inputs_get(const struct inputs_wish *wish, inputs_ready_fn *ready, void *data)
{
    struct inputs *x = must_alloc(1, sizeof *x);
    *x = (struct inputs){.wish = *wish, .fd = -1, .ready = ready, .data = data};
    x->depot = inputs_depot(wish->dir, &x->arena);
    bool ok = read_list(x);
    x->working = true;
    x->work.data = x;
    uv_queue_work(wish->loop, &x->work, nothing, ok ? on_begun : on_refused);
    return x;
}

void inputs_free(struct inputs *x)
{
    if (!x) return;
    if (x->inquiry) client_drop(x->inquiry);
    x->inquiry = NULL;
    if (x->working)
        x->dropped = true;
    else
        release(x);
}

void inputs_fill(const struct inputs *x, struct stage_run *ret)
{
    ret->n_inputs = x->n;
    for (size_t i = 0; i < x->n; i++) ret->input[i] = (struct stage_input){x->input[i].stage, x->input[i].path};
}

/* ---- room ---- */

struct kept {
    char name[DIGEST_HEX];
    double bytes;
    time_t used;
};

static int by_use(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

void inputs_make_room(const char *dir)
{
    struct arena a = {0};
    struct kept *all = NULL;
    size_t n = 0, capacity = 0;
    double bytes = 0;
    int fd = -1;
    DIR *folder = beneath_folder(AT_FDCWD, inputs_depot(dir, &a), false, &fd, NULL) == STATUS_OK ? fdopendir(fd) : NULL;
    for (struct dirent *d; folder && (d = readdir(folder));) {
        struct stat st;
        if (*d->d_name == '.' || !is_digest(d->d_name) || fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        all = must_reserve(all, n + 1, &capacity, sizeof *all);
        all[n] = (struct kept){.bytes = (double)beneath_bytes(fd, d->d_name), .used = st.st_mtime};
        memcpy(all[n].name, d->d_name, DIGEST_HEX);
        bytes += all[n++].bytes;
    }
    if (n) qsort(all, n, sizeof *all, by_use);
    for (size_t i = 0; i < n && bytes > INPUTS_BYTES_MAX; bytes -= all[i++].bytes) beneath_remove(fd, all[i].name);
    if (folder) closedir(folder);
    free(all);
    arena_done(&a);
}
