/* provisioner: agents got from elsewhere for studies that ask for it, such as jobs of Slurm.
 *
 *   look at the queue, every two seconds ─▶ cancel what is not wanted any more ─▶ submit what is missing
 *
 * From one look and what the studies wish follows all that is done. Nothing is remembered: a study's jobs have a name
 * that follows from the folder of the attempts' files and the study, so that a restart finds them again. A queue that
 * cannot be looked at is unknown, not empty: nothing is done then. An agent without work ends by itself after `idle`.
 *
 * Where agents come from is a const table of functions, a file each: a second one is a file, and a row in study.h.
 */
#ifndef TUNER_EXECUTION_PROVISIONER_H
#define TUNER_EXECUTION_PROVISIONER_H

#include "tuner/base/clock.h"
#include "tuner/study/study.h"

#include <uv.h>

struct fleet;
struct provisioner;

/* A study at work. */
struct provision_wish {
    const struct study *study;
    size_t wanted; /* trials that could be at agents now, those that are included */
};

struct provisioner_options {
    uv_loop_t *loop;
    const struct clock *clock;
    struct fleet *fleet;
    const char *files, *url, *ca; /* the attempts' files; where agents find the service; its certificate, NULL: none */
    /* What the studies at work wish, in the arena. */
    struct provision_wish *(*wishes)(void *data, struct arena *arena, size_t *ret_n);
    /* Sees to it that a valid token for agents of this kind is in the file. */
    enum status (*token)(void *data, enum provisioner_kind kind, const char *path, struct error *err);
    void (*say)(void *data, const char *study, const char *text); /* study may be NULL */
    void *data;
};

struct provisioner *provisioner_create(const struct provisioner_options *options);
void provisioner_free(struct provisioner *p);

/* Once a second or so. */
void provisioner_tick(struct provisioner *p);

const char *provisioner_product(enum provisioner_kind kind); /* "Slurm", for people */
/* The id of the job that this process is, and where; NULL: it is none. */
const char *provisioner_own_job(enum provisioner_kind *ret);
/* The study is not at work any more: its jobs are cancelled until the queue shows none. */
void provisioner_retire(struct provisioner *p, enum provisioner_kind kind, const char *study);

/* FILES/slurm.token, of the agents that are started; on the file system that they share. */
char *provisioner_token_file(const char *files, enum provisioner_kind kind, struct arena *arena);

#endif
