/* workers: runs other people's programs and leaves nothing behind.
 *
 * A job is one execution of a trial program in a slot of this machine. Everything happens on
 * one libuv loop: workers_start returns at once, the handler's functions are called from the
 * loop, `end` exactly once and last. When workers_start fails, no function will be called.
 *
 * The trial contract (environment, messages) is described in workers/README.md. Each program
 * runs under nocturne-guard, which kills its whole process group when it ends or when this
 * process dies, kill -9 included.
 *
 *     struct workers *w = workers_create(loop, "/usr/bin/nocturne-guard", 2);
 *     workers_start(w, &spec, &handler, trial, &job, &err);
 *     uv_run(loop, UV_RUN_DEFAULT);
 *     workers_free(w);                      after the last `end` and once the loop has run dry
 */
#ifndef WORKERS_WORKERS_H
#define WORKERS_WORKERS_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct workers;
struct job;

struct job_match { /* where a metric's number is found (base/pattern) */
    const char *metric, *pattern;
    const char *file; /* relative to the attempt's folder; NULL: what the program prints */
};

struct job_spec {              /* read during workers_start only */
    char *const *argv;         /* NULL-terminated; argv[0] is looked up in PATH, never in a shell */
    char *const *env;          /* NULL-terminated NAME=value, added to this process's environment */
    const char *cwd;           /* the study file's folder */
    const char *dir;           /* folder of this attempt, absolute, no link in it; made here; logs go there */
    const char *params;        /* text of params.json in `dir`; NOCTURNE_PARAMS */
    const char *const *metric; /* names that a result must have */
    size_t n_metrics;
    const struct job_match *match;
    size_t n_matches;
    int64_t timeout_ms, grace_ms; /* timeout 0: none; grace: between SIGTERM and SIGKILL */
    double output_max;            /* bytes on stdout and stderr together */
    bool may_be_silent;           /* exit 0 is enough: no numbers are asked for */
};

enum job_end {
    JOB_COMPLETE,   /* metrics are set */
    JOB_INFEASIBLE, /* reported by the trial */
    JOB_FAILED,     /* the trial's own doing: bad report, no result, too much output: not worth a retry */
    JOB_CRASHED,    /* signal or exit code: worth a retry */
    JOB_TIMED_OUT,
    JOB_STOPPED,     /* by job_stop */
    JOB_NOT_STARTED, /* the machine had no process left for it */
};

struct job_outcome {
    enum job_end end;
    const json_t
        *metrics;       /* complete: {"name": number}, all finite; stopped: its result, or its last report, or NULL */
    const char *reason; /* for a person; "" when complete */
    int signal;         /* that ended the program; 0: none */
    bool out_of_memory; /* it was the kernel's, for the machine had no memory left */
};

struct job_handler {
    void (*report)(void *data, long step, const json_t *metrics);
    void (*checkpoint)(void *data, long step, const char *path);
    void (*policy)(void *data, const json_t *policy); /* the stopping rule that the trial says it follows */
    void (*end)(void *data, const struct job_outcome *outcome);
    void (*artefact)(void *data, const char *path);                    /* a file to be kept; may be NULL, as the next */
    void (*item)(void *data, const char *id, const json_t *metrics);   /* what it says of one of its items */
    void (*output)(void *data, bool err, const char *bytes, size_t n); /* stdout and stderr, without secrets */
};

const char *job_end_name(enum job_end end);

enum { WORKERS_PATH_MAX = 4096 };
/* nocturne-guard, beside this program; path: WORKERS_PATH_MAX */
enum status workers_guard(char *path, struct error *err);

/* The slots have numbers from 0; a job has the lowest that is free, and it is free again when nothing of the job's
 * processes is left. */
struct workers *workers_create(uv_loop_t *loop, const char *guard, size_t n_slots);
void workers_free(struct workers *w);
/* Also those that an earlier process, killed, has started there count: each slot has a lock in `folder`, absolute,
 * that its guard holds. Where files cannot be locked this changes nothing. */
void workers_lock_slots(struct workers *w, const char *folder);
#define WORKERS_LEFT_OVER "something of an earlier run is still in them; they are used when that is gone"
size_t workers_slots(const struct workers *w); /* all */
size_t workers_free_slots(const struct workers *w);
/* The slot that workers_start takes now; workers_slots(w): none is free. */
size_t workers_next_slot(const struct workers *w);

/* STATUS_INVALID: what the study asks for cannot be started (an argument too long, no such folder); other errors are
 * the machine's and may pass. */
enum status workers_start(struct workers *w, const struct job_spec *spec, const struct job_handler *handler, void *data,
                          struct job **ret, struct error *err);
int64_t job_pid(const struct job *job);

/* Appends to a log of an attempt's folder, which keeps its last 8 to 16 MB, and makes the folder if need be. */
void workers_keep_log(const char *dir, const char *name, const char *bytes, size_t n);

/* A folder that a user has named, and those above it. */
enum status workers_make_folder(const char *dir, struct error *err);
/* The folder of an attempt, open; whatever else is in its place goes. */
enum status workers_attempt_folder(const char *dir, int *ret, struct error *err);
void workers_remove_folder(const char *dir); /* with all that is in it; no link is followed, above it neither */

/* A file of a folder, whole or not at all; the folder, and those in `path`, are made if need be, and no link is
 * followed (base/beneath). workers_keep_spool: the content of an open file. */
enum status workers_keep_file(const char *dir, const char *path, const char *bytes, size_t n, struct error *err);
enum status workers_keep_spool(const char *dir, const char *path, int fd, unsigned mode, struct error *err);

/* While held, what the program says is left in its pipes. */
void job_throttle(struct job *job, bool held);

/* Sends one line of JSON to the program, {"set": …} or {"policy": …}. One that never reads loses it. */
void job_send(struct job *job, const json_t *message);

enum stop_mode {
    STOP_GENTLY, /* it may finish what it does, within its grace; again: nothing more */
    STOP_NOW,    /* it is killed, also amid its grace */
};

/* Gently: {"stop": why} and SIGTERM now, SIGKILL after the grace. Now: {"stop": why} and SIGKILL. */
void job_stop(struct job *job, enum stop_mode mode, const char *why);

/* ---- the GPUs of this machine ---- */

enum { GPUS_MAX = 512, GPU_ID_MAX = 96 };

struct gpus {
    const char *variable; /* by which a program is told which ones it has: CUDA_VISIBLE_DEVICES */
    size_t n;             /* 0: there are none */
    char id[GPUS_MAX][GPU_ID_MAX];
    size_t beyond;     /* there are so many more, which are not used */
    char trouble[240]; /* "nvidia-smi did not answer in 15 s"; "": nothing was in the way */
};

/* Those that this process may use: of CUDA_VISIBLE_DEVICES (or HIP_ and ROCR_VISIBLE_DEVICES), if that is set, else all
 * that the machine has. May wait some seconds for nvidia-smi. */
void gpus_find(struct gpus *ret);
/* Of `all` those at n places, numbers from 0, each once. */
void gpus_select(const struct gpus *all, size_t n, const long *place, struct gpus *ret);
/* Of a machine that does not say what it has: by their numbers. */
void gpus_number(size_t n, const long *place, struct gpus *ret);
/* "VARIABLE=id", or with nothing behind it if there are none; the arena's. */
char *gpus_of_slot(const struct gpus *gpus, size_t slot, struct arena *arena);
/* "4 slots share 2 GPUs": what it means for so many slots, and what was in the way of knowing. */
char *gpus_sentence(const struct gpus *gpus, size_t slots, struct arena *arena);

/* ---- short commands of the machine, such as sbatch ---- */

struct command;

/* `code`: exit code; −1: not started, killed by a signal, or too slow; `text`: its stdout, or why: what it said on
 * stderr, else on stdout; "too slow"; the system's reason why it was not started. Called once, from the
 * loop. */
typedef void command_done_fn(void *data, int code, const char *text);

/* argv[0] is looked up in PATH, never in a shell; of the environment, variables that begin with `scrub` (a list, NULL-
 * terminated; may be NULL) are left out. */
struct command *command_start(uv_loop_t *loop, char *const *argv, const char *const *scrub, int64_t timeout_ms,
                              command_done_fn *done, void *data);
/* The same with more than that; nothing of it need live on. */
struct command_spec {
    char *const *argv;
    const char *const *scrub;
    const char *const *add; /* "NAME=value", NULL-terminated: besides the environment; NULL: nothing */
    const char *input;      /* on its stdin, whole before it starts; NULL: /dev/null */
    const char *guard; /* workers_guard: ends with all that it started when it ends, or this process; NULL: does not */
    int64_t timeout_ms;
};
struct command *command_start_with(uv_loop_t *loop, const struct command_spec *spec, command_done_fn *done, void *data);
/* Nobody is called any more; the command is killed. */
void command_drop(struct command *c);

#endif
