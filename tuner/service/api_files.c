/* /api/v1/studies/{study}: the files that its trials need, up to the service and down to agents */
#include "tuner/service/api.h"

#include "tuner/base/beneath.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- down ---- */

void api_study_definition(struct call *c)
{
    struct hosted *h = call_hosted(c);
    if (!h) return;
    if (*h->unpacked) {
        call_problem(c, 409, "%s", h->unpacked);
        return;
    }
    call_text(c, 200, "application/json", h->parcel.text, strlen(h->parcel.text));
}

void api_blob_get(struct call *c)
{
    unsigned char hash[DIGEST_BYTES];
    struct stat st;
    struct hosted *h = call_hosted(c);
    if (!h) return;
    const struct shipped *f = digest_parse(c->param[1], hash) ? parcel_find(&h->parcel, hash) : NULL;
    if (!f) {
        call_problem(c, 404, "no file of study '%s' has this SHA-256", c->param[0]);
        return;
    }
    int fd = -1;
    beneath_open(AT_FDCWD, arena_printf(&c->arena, "%s/%s", h->study->dir, f->path), O_RDONLY, 0, &fd, NULL);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size != f->bytes) {
        if (fd >= 0) close(fd);
        call_problem(c, 410, "the file has changed since the study began; ask for the definition again");
        return;
    }
    call_file(c, "application/octet-stream", fd, (uint64_t)st.st_size);
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
    struct hosted *hosted; /* at work: agents need its files anew; NULL */
    struct parcel parcel;
    char unpacked[sizeof((struct hosted *)0)->unpacked];
    struct error err;
};

static void keep_upload(struct call *c)
{
    struct upload *x = c->state;
    struct hosted *h = x->hosted;
    struct error err;
    if (workers_keep_spool(x->dir, c->param[1], c->spool, x->executable ? 0755 : 0644, &x->err)) return;
    x->err.status = STATUS_OK;
    if (h && parcel_make(&x->parcel, &h->parcel, h->study, &err))
        snprintf(x->unpacked, sizeof x->unpacked, "%s", err.text);
}

static void uploaded(struct call *c)
{
    struct upload *x = c->state;
    if (x->err.status) {
        call_fail(c, &x->err);
        return;
    }
    if (x->hosted) {
        parcel_done(&x->hosted->parcel);
        x->hosted->parcel = x->parcel;
        memcpy(x->hosted->unpacked, x->unpacked, sizeof x->unpacked);
        if (!x->hosted->over) hosted_packed(x->hosted);
    }
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:I}", "study", c->param[0], "path", c->param[1], "bytes", (json_int_t)c->bytes));
}

/* Also before the study is created, so that it finds its program. */
void api_study_file_put(struct call *c)
{
    struct upload *x = arena_alloc(&c->arena, sizeof *x);
    int64_t id;
    if (!call_boolean(c, "executable", false, &x->executable)) return;
    if (!is_plain_path(c->param[1])) {
        call_problem(c, 422, "'%.200s' is not a relative path of plain characters", c->param[1]);
        return;
    }
    if (!study_is_name(c->param[0])) {
        call_problem(c, 404, "'%.60s' cannot be the name of a study", c->param[0]);
        return;
    }
    x->dir = call_study_folder(c, c->param[0]);
    if (access(x->dir, F_OK) != 0 && call_knows(c, c->param[0], &id)) {
        call_problem(c, 409, "study '%s' was not created here: its files are where its study file is", c->param[0]);
        return;
    }
    if (service_waits(c, c->param[0])) return;
    x->hosted = service_hosted(c->service, c->param[0]);
    c->state = x;
    call_take_spool(c);
    call_lend(c, x->hosted);
    call_work(c, c->param[0], keep_upload, uploaded);
}
