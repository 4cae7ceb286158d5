/* optuna: reads the database of an Optuna study [Optuna 3 to 5, RDBStorage on SQLite]. Nothing is written to it. */
#ifndef STORE_OPTUNA_H
#define STORE_OPTUNA_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum optuna_state { OPTUNA_RUNNING, OPTUNA_WAITING, OPTUNA_COMPLETE, OPTUNA_PRUNED, OPTUNA_FAIL };

struct optuna_param {
    const char *name;
    double value;             /* categorical: index of the choice */
    const char *distribution; /* JSON: {"name": …, "attributes": {…}} */
};

struct optuna_constraint {
    const char *name;
    double value; /* satisfied: ≤ 0 */
};

struct optuna_trial {
    long number;
    enum optuna_state state;
    int64_t took_ms; /* 0: unknown */
    size_t n_params;
    struct optuna_param *param;
    size_t n_values;
    double *value; /* by objective; NaN: none, or not finite */
    size_t n_steps;
    long *step;
    double *intermediate; /* finite ones only */
    size_t n_constraints;
    struct optuna_constraint *constraint; /* by set_constraint, or constraints_func before Optuna 5 (called 0, 1, …) */
    const char *fixed;                    /* waiting: JSON of the parameters it was enqueued with; NULL: none */
};

struct optuna_study {
    const char *name;
    size_t n_objectives;
    bool maximize[16];           /* by objective */
    const char *metric_name[16]; /* by objective; NULL: it has none */
    size_t n;
    struct optuna_trial *trial; /* by number */
};

/* All studies of the file, in the arena. STATUS_INVALID: a file that is not an Optuna database, or of an unknown
 * version; STATUS_NOT_FOUND: no such file. */
enum status optuna_read(const char *path, struct arena *arena, size_t *ret_n, struct optuna_study **ret,
                        struct error *err);

#endif
