/* provision: what a place where agents come from has to know: how its queue is looked at, how jobs are submitted and
 * cancelled. Each does so by short commands of the machine, which the provisioner runs. */
#ifndef TUNER_EXECUTION_PROVISION_H
#define TUNER_EXECUTION_PROVISION_H

#include "tuner/study/study.h"

enum { PROVISION_NAME_MAX = 64 /* bytes */ };

/* As the queue shows it. */
struct provision_job {
    long id;
    char name[PROVISION_NAME_MAX + 1];
};

/* What is the same for all agents. */
struct provision_site {
    const char *program, *user; /* of ours */
    const char *files, *url, *ca;
};

struct provision_order {
    const struct study *study;
    const char *name; /* of the jobs */
    const char *token_file;
    size_t agents;
};

/* Each command is a list of words, NULL-terminated, in the arena. */
struct provisioner_ops {
    const char *name, *product; /* of the token and its file; for people */
    const char *const *scrub;   /* variables that the commands do not see */
    bool (*serves)(const struct study *study);
    size_t (*agents)(const struct study *study, size_t trials); /* that so many trials need */
    char **(*look)(const struct provision_site *site, struct arena *arena);
    bool (*read_job)(const char *line, struct provision_job *ret); /* a line of what `look` printed; false: none */
    enum status (*submit)(const struct provision_site *site, const struct provision_order *order, char ***ret,
                          struct arena *arena, struct error *err);
    char **(*cancel)(const char *name, struct arena *arena);
};

#endif
