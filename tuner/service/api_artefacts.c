/* /api/v1/studies/{study}/trials/{trial}/artefacts: what an attempt leaves */
#include "tuner/service/tailing.h"
#include "tuner/service/waking.h"

#include "tuner/base/beneath.h"

#include "workers/workers.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FILES/STUDY/TRIAL.ATTEMPT of the last attempt (of one that has not begun: of the first), or of ?attempt=N. NULL: a
 * problem has been answered. */
static char *attempt_folder(struct request *r, const struct reading *from, long *ret_attempt)
{
    const struct trial *t = request_trial(r, from->history);
    if (!t || !request_number(r, "attempt", t->effort.attempts ? t->effort.attempts : 1, 1, 1000000, ret_attempt))
        return NULL;
    return launch_folder(r->service->files, from->study, t->number, *ret_attempt, &r->arena);
}

static void list_artefacts(struct request *r)
{
    struct reading from;
    long attempt;
    if (!request_read(r, &from)) return;
    const char *path = attempt_folder(r, &from, &attempt);
    if (path) {
        int fd = -1;
        DIR *dir = beneath_folder(AT_FDCWD, path, false, &fd, NULL) == STATUS_OK ? fdopendir(fd) : NULL;
        json_t *all = json_array();
        for (struct dirent *d; dir && (d = readdir(dir));) {
            struct stat st;
            if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
            json_t *name = S_ISREG(st.st_mode) ? json_string(d->d_name) : NULL; /* NULL: not UTF-8, too */
            if (name)
                json_array_append_new(all, json_pack("{s:o, s:I}", "name", name, "bytes", (json_int_t)st.st_size));
        }
        if (dir) closedir(dir);
        request_answer(r, 200, json_pack("{s:s, s:o}", "study", from.study->name, "artefacts", all));
    }
    request_read_done(r, &from);
}

static void on_list_artefacts(struct request *r)
{
    request_work(r, list_artefacts, NULL);
}

static bool is_plain_name(const char *name)
{
    return *name && *name != '.' && strlen(name) <= 150 && !strchr(name, '/') && !strchr(name, '\\');
}

static void get_artefact(struct request *r)
{
    struct reading from;
    struct stat st;
    long attempt;
    if (!request_read(r, &from)) return;
    const char *path = attempt_folder(r, &from, &attempt);
    if (path) {
        int fd = -1;
        beneath_open(AT_FDCWD, arena_printf(&r->arena, "%s/%s", path, r->param[2]), O_RDONLY, 0, &fd, NULL);
        if (fd >= 0 && fstat(fd, &st) == 0) {
            request_file(r, "application/octet-stream", fd, (uint64_t)st.st_size);
        } else {
            if (fd >= 0) close(fd);
            request_problem(r, 404, "trial %s has no artefact '%.60s'", r->param[1], r->param[2]);
        }
    }
    request_read_done(r, &from);
}

static void tail_artefact(struct request *r)
{
    struct tailing *t = r->state;
    struct reading from;
    if (!request_read(r, &from)) return;
    const char *folder = attempt_folder(r, &from, &t->attempt);
    const struct trial *x = folder ? request_trial(r, from.history) : NULL;
    if (x) {
        t->trial = x->number;
        t->path = arena_printf(&r->arena, "%s/%s", folder, t->name);
        t->runs = !trial_state_final(x->state) && t->attempt >= x->effort.attempts;
    }
    request_read_done(r, &from);
    if (x) tailing_look(r, t);
}

static void wait_for_more(struct request *r)
{
    tailing_wait(r, r->state);
}

static void on_get_artefact(struct request *r)
{
    if (!is_plain_name(r->param[2])) {
        request_problem(r, 404, "'%.60s' is not the name of an artefact", r->param[2]);
        return;
    }
    struct tailing *t = r->state = arena_alloc(&r->arena, sizeof *t);
    if (!tailing_is_wanted(r))
        request_work(r, get_artefact, NULL);
    else if (tailing_read(r, t))
        request_work(r, tail_artefact, wait_for_more);
}

struct artefact {
    const char *dir;
    long trial;
};

static void keep_artefact(struct request *r)
{
    const struct artefact *x = r->state;
    struct error err;
    if (workers_keep_spool(x->dir, r->param[2], r->spool.fd, 0644, &err))
        request_fail(r, &err);
    else
        request_answer(r, 200,
                       json_pack("{s:I, s:s, s:I}", "trial", (json_int_t)x->trial, "name", r->param[2], "bytes",
                                 (json_int_t)r->spool.bytes));
}

/* An agent's token holds what its agents hold. */
static bool may_leave_artefacts(const struct request *r, const struct trial *t, long lease)
{
    const struct lease_claim claim = {lease, {t->attempt.holder.agent, r->who.id}};
    return lease > 0 && lease_is_held(t, &claim);
}

static void on_put_artefact(struct request *r)
{
    long lease;
    struct active_study *as = waking_find(r);
    const struct trial *t = as ? request_trial(r, as->active->memory) : NULL;
    if (!t || !request_number(r, "lease", 0, 1, 1000000000000, &lease)) return;
    if (!is_plain_name(r->param[2]))
        request_problem(r, 422, "'%.60s' cannot be the name of an artefact", r->param[2]);
    else if (!may_leave_artefacts(r, t, lease))
        request_problem(r, 409, "the lease of trial %ld is over, or somebody else's", t->number);
    else {
        struct artefact *x = r->state = arena_alloc(&r->arena, sizeof *x);
        x->dir = launch_folder(r->service->files, as->study, t->number, t->effort.attempts, &r->arena);
        x->trial = t->number;
        request_take_spool(r);
        request_work_changing(r, keep_artefact, NULL);
    }
}

/* ---- checkpoints of stages, to agents ---- */

/* One that the trial's running stage takes, for who holds its lease. */
static bool takes(const struct memory *s, const struct trial *t, const char *digest)
{
    const struct product *all[STAGES_MAX];
    size_t n = t->attempt.stage < 0 ? 0 : product_takes(s, t, (size_t)t->attempt.stage, all);
    for (size_t i = 0; i < n; i++)
        if (all[i]->digest && strcmp(all[i]->digest, digest) == 0) return true;
    return false;
}

static void send_checkpoint(struct request *r)
{
    struct error err;
    struct stat st;
    int fd = service_spool(r->service);
    enum status s =
        fd < 0 ? error_set(&err, STATUS_IO, "no room for the checkpoint") : parcel_write(r->state, fd, &err);
    if (!s && fstat(fd, &st) != 0) s = error_set(&err, STATUS_IO, "the checkpoint cannot be read");
    if (!s) {
        request_file(r, "application/octet-stream", fd, (uint64_t)st.st_size);
        return;
    }
    if (fd >= 0) close(fd);
    request_fail(r, &err);
}

static void on_get_checkpoint(struct request *r)
{
    unsigned char hash[DIGEST_BYTES];
    long lease;
    struct active_study *as = waking_find(r);
    const struct trial *t = as ? request_trial(r, as->active->memory) : NULL;
    if (!t || !request_number(r, "lease", 0, 1, 1000000000000, &lease)) return;
    if (!may_leave_artefacts(r, t, lease))
        request_problem(r, 409, "the lease of trial %ld is over, or somebody else's", t->number);
    else if (!digest_parse(r->param[2], hash) || !takes(as->active->memory, t, r->param[2]))
        request_problem(r, 404, "trial %ld takes no checkpoint of this SHA-256", t->number);
    else {
        r->state = depot_path(launch_depot(r->service->files, as->study, &r->arena), r->param[2], &r->arena);
        request_work_changing(r, send_checkpoint, NULL);
    }
}

const struct route api_artefacts_routes[] = {
    {"GET", ROUTE_TRIAL "/artefacts", GRANT_VIEW | GRANT_WORK, on_list_artefacts, 0, BODY_NONE, false},
    {"GET", ROUTE_TRIAL "/artefacts/{name}", GRANT_VIEW | GRANT_WORK, on_get_artefact, 0, BODY_NONE, false},
    {"PUT", ROUTE_TRIAL "/artefacts/{name}", GRANT_WORK, on_put_artefact, ROUTE_FILE_MAX, BODY_FILE, false},
    {"GET", ROUTE_TRIAL "/checkpoints/{sha256}", GRANT_WORK, on_get_checkpoint, 0, BODY_NONE, false},
    {0},
};
