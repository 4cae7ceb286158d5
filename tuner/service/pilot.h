/* pilot: agents as jobs of Slurm, for studies with `executor: {slurm: …}`.
 *
 * One look at the queue (squeue) every two seconds tells of all jobs; from that and what the studies want follows what
 * is submitted (sbatch, one array at a time) and what is cancelled (scancel). Nothing is remembered: a study's jobs
 * have a name that follows from the database and the study, so that a restart finds them again. A queue that cannot be
 * looked at is unknown, not empty: nothing is done then. An agent without work ends by itself after `idle`.
 *
 * A job's script is a file of options with "#!…/nocturne worker" as its first line: there is no shell.
 */
#ifndef TUNER_SERVICE_PILOT_H
#define TUNER_SERVICE_PILOT_H

#include "tuner/service/api.h"

struct pilot;

/* `url`: where agents find the service. */
struct pilot *pilot_create(struct service *s, const char *url);
void pilot_free(struct pilot *p);

/* Is it the token of the agents that are started here? They are as many as the studies say. */
bool pilot_owns(const struct pilot *p, const char *token);

/* Once a second or so. */
void pilot_tick(struct pilot *p);
/* The study is not at work any more: its jobs are cancelled until the queue shows none. */
void pilot_retire(struct pilot *p, const char *study);

/* What one line of `squeue -h -r -o "%A|%T|%j"` says; false: it is none. name: 65 bytes. */
struct pilot_job {
    long id;
    char name[65];
};
bool pilot_read_job(const char *line, struct pilot_job *ret);

#endif
