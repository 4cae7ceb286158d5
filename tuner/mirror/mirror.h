/* mirror: a study of a service, as a store in memory: whatever reads a study of a database reads one of a service.
 *
 *     struct mirror *m = NULL;
 *     bool anew = false;
 *     if (mirror_open(caller, "g2p", &(struct mirror_wish){.depth = MIRROR_ALL}, &m, &err)) …
 *     struct store *store = mirror_store(m);      for history_load, and then every command's own code
 *     if (mirror_refresh(m, &anew, &err)) …      what has happened since
 *     mirror_settle(m);                           what was read of it before is not used any more
 *     mirror_free(m);
 *
 * It comes in pages (page.h): GET /api/v1/studies/{study}/mirror?since=SEQ&open=LEASE:N,… A page is stored as a whole
 * or not at all, so that a cut answer changes nothing. Of leases that may still report it is known how many reports are
 * here; they are named with the next question. What the store knows of its machine (store_elsewhere) is what the
 * service says of its own. This room's one public header.
 *
 * What comes is somebody else's: page.h bounds and checks it, nothing in it is opened as a file, and no more than
 * MIRROR_BYTES_MAX is taken. One thread at a time. */
#ifndef TUNER_MIRROR_MIRROR_H
#define TUNER_MIRROR_MIRROR_H

#include "tuner/mirror/page.h"

#include "tuner/remote/remote.h"

#define MIRROR_BYTES_MAX 4e9 /* of text, in one go */

struct mirror;

/* What is to be here besides the events. */
enum mirror_depth {
    MIRROR_ROW,     /* not even these: what the study is */
    MIRROR_RUNNING, /* the reports of attempts that run */
    MIRROR_TRIAL,   /* … and those of one trial */
    MIRROR_ALL,     /* all reports */
};

struct mirror_wish {
    enum mirror_depth depth;
    long trial; /* of MIRROR_TRIAL */
};

/* A study in the service's list. */
struct mirror_listed {
    const char *name;
    bool over;   /* it is complete or was stopped, and nobody is at it */
    int64_t seq; /* of its last event; 0: unknown */
};

/* All that the token may see, in order of creation; in the arena, names too. */
enum status mirror_list(struct caller *c, struct arena *arena, struct mirror_listed **ret, size_t *ret_n,
                        struct error *err);
/* Their names alone. */
enum status mirror_names(struct caller *c, struct arena *arena, const char ***ret, size_t *ret_n, struct error *err);

/* The caller stays the caller's, and must outlive it. STATUS_NOT_FOUND: there is no such study; the error suggests what
 * was meant. STATUS_FAILED: it is of a version that this one cannot read; both are named. */
enum status mirror_open(struct caller *c, const char *study, const struct mirror_wish *wish, struct mirror **ret,
                        struct error *err);
void mirror_free(struct mirror *m); /* NULL is fine */

/* What has happened since. *ret_anew: the study has another file, or is another of its name: what was read of the store
 * has to be read again. After a failure all is as it was. */
enum status mirror_refresh(struct mirror *m, bool *ret_anew, struct error *err);
/* That was done. Until then it is said again, and the store that was given up, of which something was read, lives on. */
void mirror_settle(struct mirror *m);

struct store *mirror_store(const struct mirror *m);
const char *mirror_study(const struct mirror *m);
/* The same words for what this version cannot make of it, if the service is of another one. Returns err's status. */
enum status mirror_blame(const struct mirror *m, struct error *err);

#endif
