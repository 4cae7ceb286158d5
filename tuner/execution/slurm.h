/* slurm: agents as jobs of Slurm ("pilot jobs"), for studies with `executor: {slurm: …}`.
 *
 * squeue tells of all jobs, sbatch submits an array of them, scancel cancels those of a name. A job's script is a file
 * of options with "#!…/nocturne worker" as its first line: there is no shell.
 */
#ifndef TUNER_EXECUTION_SLURM_H
#define TUNER_EXECUTION_SLURM_H

#include "tuner/execution/provision.h"

/* What one line of `squeue -h -r -o "%A|%T|%j"` says; false: it is none. */
bool slurm_read_job(const char *line, struct provision_job *ret);

#endif
