/* import: trials that were run elsewhere become trials of a study: from a CSV table, or from an Optuna study.
 *
 * Everything of one call is one batch: all of it becomes durable with history_flush, or nothing.
 */
#ifndef TUNER_IMPORT_IMPORT_H
#define TUNER_IMPORT_IMPORT_H

#include "tuner/history/history.h"

#include "store/store.h"

struct imported {
    size_t trials, reports;
    size_t skipped;  /* trials that do not fit the study */
    size_t known;    /* trials of an Optuna study that an import before has taken */
    char note[1000]; /* what was left out, and why; "": nothing */
};

/* Columns: every parameter, every metric that the objective uses, and if they are there `state` (complete, failed,
 * infeasible) and `reason`; others are noted and ignored. Without a `state` a row is complete. Errors name the line. */
enum status import_csv(struct history *s, const char *file, const char *text, size_t len, struct imported *ret,
                       struct error *err);

/* A study file for an Optuna study, in the arena: its parameters with all ranges that any trial used, `when:` where a
 * parameter is there for some values of another, its objectives and constraints as metrics. *ret_note says what could
 * not be taken over; "" if all was. */
enum status import_optuna_file(const struct optuna_study *from, struct arena *arena, char **ret_text,
                               const char **ret_note, struct error *err);

/* The trials of `from` into the study that was made of it; those that are there already stay as they are. */
enum status import_optuna(struct history *s, const struct optuna_study *from, struct imported *ret, struct error *err);

#endif
