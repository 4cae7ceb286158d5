/* /api/v1/studies/{study}: the files that its trials need, up to the service and down to agents */
#include "tuner/service/waking.h"

#include "tuner/base/beneath.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- down ---- */

static void on_get_definition(struct request *r)
{
    struct active_study *as = waking_find(r);
    if (!as) return;
    if (*as->unpacked) {
        request_problem(r, 409, "%s", as->unpacked);
        return;
    }
    request_text(r, 200, "application/json", as->bundle.text, strlen(as->bundle.text));
}

static void on_get_blob(struct request *r)
{
    unsigned char hash[DIGEST_BYTES];
    struct stat st;
    struct active_study *as = waking_find(r);
    if (!as) return;
    const struct bundle_file *f = digest_parse(r->param[1], hash) ? bundle_find(&as->bundle, hash) : NULL;
    if (!f) {
        request_problem(r, 404, "no file of study '%s' has this SHA-256", r->param[0]);
        return;
    }
    int fd = -1;
    beneath_open(AT_FDCWD, arena_printf(&r->arena, "%s/%s", as->study->dir, f->path), O_RDONLY, 0, &fd, NULL);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size != f->bytes) {
        if (fd >= 0) close(fd);
        request_problem(r, 410, "the file has changed since the study began; ask for the definition again");
        return;
    }
    request_file(r, "application/octet-stream", fd, (uint64_t)st.st_size);
}

/* ---- up ---- */

/* A relative path without "..", hidden parts or odd characters. */
static bool is_plain_path(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    bool at_start = true;
    if (!*path || strlen(path) > 200 || strspn(path, allowed) != strlen(path)) return false;
    for (; *path; path++) {
        if (at_start && (*path == '.' || *path == '/')) return false;
        at_start = *path == '/';
    }
    return !at_start;
}

struct upload {
    const char *dir;
    bool executable;
    struct active_study *active; /* at work: agents need its files anew; NULL */
    struct bundle bundle;
    char unpacked[sizeof((struct active_study *)0)->unpacked];
    struct error err;
};

static void keep_upload(struct request *r)
{
    struct upload *x = r->state;
    struct active_study *as = x->active;
    struct error err;
    if (workers_keep_spool(x->dir, r->param[1], r->spool.fd, x->executable ? 0755 : 0644, &x->err)) return;
    x->err.status = STATUS_OK;
    if (as && bundle_make(&x->bundle, &as->bundle, as->study, &err))
        snprintf(x->unpacked, sizeof x->unpacked, "%s", err.text);
}

static void uploaded(struct request *r)
{
    struct upload *x = r->state;
    if (x->err.status) {
        request_fail(r, &x->err);
        return;
    }
    if (x->active) {
        bundle_done(&x->active->bundle);
        x->active->bundle = x->bundle;
        memcpy(x->active->unpacked, x->unpacked, sizeof x->unpacked);
        if (!x->active->over) active_study_packed(x->active);
    }
    request_answer(
        r, 200,
        json_pack("{s:s, s:s, s:I}", "study", r->param[0], "path", r->param[1], "bytes", (json_int_t)r->spool.bytes));
}

/* Also before the study is created, so that it finds its program. */
static void on_put_file(struct request *r)
{
    struct upload *x = arena_alloc(&r->arena, sizeof *x);
    int64_t id;
    if (!request_boolean(r, "executable", false, &x->executable)) return;
    if (!is_plain_path(r->param[1])) {
        request_problem(r, 422, "'%.200s' is not a relative path of plain characters", r->param[1]);
        return;
    }
    if (!study_is_name(r->param[0])) {
        request_problem(r, 404, "'%.60s' cannot be the name of a study", r->param[0]);
        return;
    }
    x->dir = request_study_folder(r, r->param[0]);
    if (access(x->dir, F_OK) != 0 && request_knows(r, r->param[0], &id)) {
        request_problem(r, 409, "study '%s' was not created here: its files are where its study file is", r->param[0]);
        return;
    }
    if (waking_waits(r, r->param[0])) return;
    x->active = active_study_find(r->service, r->param[0]);
    r->state = x;
    request_take_spool(r);
    active_study_lend(x->active, r);
    request_work_changing(r, keep_upload, uploaded);
}

const struct route api_files_routes[] = {
    {"GET", ROUTE_STUDY "/definition", GRANT_WORK, on_get_definition, 0, BODY_NONE, false},
    {"PUT", ROUTE_STUDY "/files/{path...}", GRANT_OPERATE, on_put_file, ROUTE_FILE_MAX, BODY_FILE, false},
    {"GET", ROUTE_STUDY "/blobs/{sha256}", GRANT_WORK, on_get_blob, 0, BODY_NONE, false},
    {0},
};
