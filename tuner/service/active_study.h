/* active_study: a study that is at work in this process.
 *
 *     active_study_open     by a work: with all that is in its log
 *     active_study_start    on the loop
 *     active_study_sweep    takes it away at a turn of the loop, once it has ended
 */
#ifndef TUNER_SERVICE_ACTIVE_STUDY_H
#define TUNER_SERVICE_ACTIVE_STUDY_H

#include "tuner/execution/execution.h"
#include "tuner/service/parts.h"
#include "tuner/service/request.h"

#include "workers/workers.h"

struct active_study {
    struct active_study *next;
    struct service *service;
    const struct study *study;
    struct active *active;
    struct study *own; /* the same, if it is ours to free, and `active` with it; NULL: a guest */
    struct event_stream *stream;
    struct bundle bundle;
    struct gpus gpus;        /* for its trials on this machine */
    bool has_gpus;           /* … false: the environment stays as it is */
    char shown[120];         /* what that means, for people; "": nothing */
    char unpacked[1024];     /* why the files that agents need cannot be had; "": they can */
    struct request *waiting; /* for it */
    bool over;               /* has ended: taken away at a turn of the loop */
    size_t lent;             /* works that read its study: it stays until they are done */
};

/* Opening and starting take what they are given, also if they fail, the hold included. `how`: its seed and slots are
 * the study's; its budget, if there is one, goes before the file's. */
enum status active_study_open(struct service *s, struct study *study, const struct opening *how,
                              struct active_study **ret, struct error *err);
enum status active_study_start(struct active_study *as, struct error *err);
/* One that somebody else runs on this loop, and frees after he has let it go. */
void active_study_host(struct service *s, struct active *guest);
void active_study_leave(struct active_study *as);
void active_study_pause(struct active_study *as, const struct request *r, bool yes); /* or lets it go on */
void active_study_packed(const struct active_study *as); /* says what agents miss */
void active_study_sweep(struct service *s);              /* takes away those that are over */

struct active_study *active_study_find(const struct service *s, const char *study); /* NULL: not at work */

/* ---- requests about it ---- */

/* Answers once all that the study has recorded so far is durable, the answer's own record (if it creates) included. */
void active_study_answer(struct active_study *as, struct request *r, unsigned status, json_t *answer);
/* Handles it again, by `then`, when trials may be added. */
void active_study_calm(struct active_study *as, struct request *r, void (*then)(struct request *r));
/* A work of the request reads it; NULL is fine. */
void active_study_lend(struct active_study *as, struct request *r);
/* What the handler records in the study of {study}, if it is at work, is recorded on behalf of the request's token. */
void active_study_handle(struct request *r, void (*handle)(struct request *r));

#endif
