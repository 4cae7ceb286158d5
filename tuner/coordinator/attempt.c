#include "tuner/coordinator/attempt.h"

#include "tuner/coordinator/fold.h"
#include "tuner/coordinator/lease.h"
#include "tuner/coordinator/overseer.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- ends ---- */

static enum status complete(struct session *s, struct trial *t, const json_t *metrics, struct error *err)
{
    enum status st = session_finish(s, t, TRIAL_COMPLETE, metrics, NULL, NULL, err);
    return st == STATUS_INVALID ? session_finish(s, t, TRIAL_FAILED, NULL, err->text, NULL, err) : st;
}

/* Has it been stopped where its course ends? */
static bool is_through(const struct session *s, const struct trial *t, const json_t *metrics)
{
    double value[METRICS_MAX];
    if (t->course.until <= 0 || !metrics) return false;
    fold_values(s, metrics, value);
    return session_cost(s, value, t->step) >= t->course.until;
}

enum status attempt_conclude(struct session *s, struct trial *t, const struct job_outcome *outcome, bool out_of_memory,
                             struct error *err)
{
    const char *how = job_end_name(outcome->end);
    switch (outcome->end) {
    case JOB_COMPLETE: return complete(s, t, outcome->metrics, err);
    case JOB_INFEASIBLE: return session_finish(s, t, TRIAL_INFEASIBLE, NULL, outcome->reason, NULL, err);
    case JOB_FAILED:
    case JOB_TIMED_OUT: return session_finish(s, t, TRIAL_FAILED, NULL, outcome->reason, how, err);
    case JOB_CRASHED:
        if (out_of_memory)
            return lease_crashed(s, t, "crashed the machine", "killed by the kernel: the machine was out of memory",
                                 err);
        return lease_crashed(s, t, how, outcome->reason, err);
    case JOB_STOPPED:
        if (t->doom == DOOM_PRUNED) return overseer_prune(s, t, outcome->metrics, err);
        if (is_through(s, t, outcome->metrics)) return complete(s, t, outcome->metrics, err);
        return session_return(s, t, how, outcome->reason, 0, err);
    case JOB_NOT_STARTED: return session_return(s, t, how, outcome->reason, 0, err);
    }
    return STATUS_OK;
}

/* ---- checkpoints ---- */

/* A regular file or a folder, with no link on the way. */
static enum status look(const char *path, struct stat *ret, struct error *err)
{
    int fd = -1;
    enum status s = beneath_open(AT_FDCWD, path, O_RDONLY, 0, &fd, err);
    if (s == STATUS_INVALID) s = beneath_folder(AT_FDCWD, path, false, &fd, err);
    if (s) return s;
    if (fstat(fd, ret) != 0) s = error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return s;
}

enum status attempt_checkpoint(struct session *s, struct trial *t, const char *dir, long step, const char *path,
                               struct error *err)
{
    struct arena arena = {0};
    struct stat file;
    char *real = realpath(*path == '/' ? path : arena_printf(&arena, "%s/%s", dir, path), NULL);
    enum status st = STATUS_OK;
    bool inside = real && beneath_rest(dir, real); /* `dir` has no link in it, unless the trial has put one there */
    if (!real || (inside && (look(real, &file, err) || (S_ISREG(file.st_mode) && file.st_size == 0))))
        st = error_set(err, STATUS_NOT_FOUND,
                       "trial %ld reported the checkpoint '%.200s', which is no file with content", t->number, path);
    else if (!inside)
        st = error_set(err, STATUS_INVALID,
                       "trial %ld reported the checkpoint '%.200s', which is not in its own folder NOCTURNE_DIR",
                       t->number, path);
    else
        session_checkpoint(s, t, real, step, S_ISREG(file.st_mode) ? (int64_t)file.st_size : 0);
    free(real);
    arena_done(&arena);
    return st;
}

const char *attempt_resume(const struct session *s, const struct trial *t, struct arena *arena, double *ret_cost,
                           struct error *err)
{
    const struct trial *from = t->checkpoint.path ? t : session_trial(s, t->parent);
    struct stat file;
    error_set(err, STATUS_OK, "%s", "");
    if (!from) return NULL;
    if (!from->checkpoint.path) {
        error_set(err, STATUS_NOT_FOUND, "trial %ld left no checkpoint to go on from", from->number);
        return NULL;
    }
    enum status st = look(from->checkpoint.path, &file, NULL);
    if (st && st != STATUS_INVALID)
        error_set(err, STATUS_NOT_FOUND, "the checkpoint of trial %ld is gone: %s", from->number,
                  from->checkpoint.path);
    else if (st || !(from->checkpoint.bytes ? S_ISREG(file.st_mode) : S_ISDIR(file.st_mode)))
        error_set(err, STATUS_INVALID, "the checkpoint of trial %ld is no longer a %s: %s", from->number,
                  from->checkpoint.bytes ? "regular file" : "folder", from->checkpoint.path);
    else if (from->checkpoint.bytes && file.st_size != from->checkpoint.bytes)
        error_set(err, STATUS_INVALID, "the checkpoint of trial %ld has %lld bytes instead of %lld: %s", from->number,
                  (long long)file.st_size, (long long)from->checkpoint.bytes, from->checkpoint.path);
    if (!err->status) *ret_cost = from->checkpoint.cost;
    return err->status ? NULL : arena_strdup(arena, from->checkpoint.path);
}
