/* provision: what a place where agents come from has to know: how its queue is looked at, how jobs are submitted and
 * cancelled. Each does so by short commands of the machine, which the provisioner runs. */
#ifndef TUNER_EXECUTION_PROVISION_H
#define TUNER_EXECUTION_PROVISION_H

#include "tuner/study/study.h"

enum { PROVISION_NAME_MAX = 64, PROVISION_ID_MAX = 63 /* bytes */ };

/* As the queue shows it. */
struct provision_job {
    char id[PROVISION_ID_MAX + 1];
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
    const char *product;            /* for people */
    const char *variable;           /* that tells a job its id */
    bool (*is_id)(const char *job); /* could it be the id of a job of this place? */
    const char *const *scrub;       /* variables that the commands do not see */
    char **(*look)(const struct provision_site *site, struct arena *arena);
    bool (*read_job)(const char *line, struct provision_job *ret); /* a line of what `look` printed; false: none */
    enum status (*submit)(const struct provision_site *site, const struct provision_order *order, char ***ret,
                          struct arena *arena, struct error *err);
    char **(*cancel)(const char *name, struct arena *arena);
};

#define PROVISIONER_DECLARE(id, key, part, tool) extern const struct provisioner_ops key##_provisioner;
PROVISIONER_ROWS(PROVISIONER_DECLARE)

#endif
