/* command: the arguments a trial's program is started with.
 *
 *     command: [python3, train.py, --lr, "{lr}", "--depth={depth}", "{args}"]
 *
 * An argument may hold {parameter}, {study}, {trial}, {attempt}, {seed}, {dir}; "{{" and "}}" are braces. An option
 * whose parameter does not exist under its condition is left out with its value ("--lr", "{lr}" and "--depth={depth}").
 * "{args}" stands for all parameters that exist: --name value, a bool as the flag --name or nothing. Other forms:
 *     "{args: --name=value}"  "{args: name=value}"  "{args: -name value}"  "{args: --name value, hyphens}"
 * where hyphens or underscores is how names are spelt; a bool is a flag where the form begins with '-', else a value.
 */
#ifndef TUNER_STUDY_COMMAND_H
#define TUNER_STUDY_COMMAND_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct study;

/* What {trial}, {attempt}, {seed} and {dir} stand for. */
struct study_run {
    long trial, attempt;
    uint64_t seed;
    const char *dir;
};

/* All arguments, NULL-terminated, in `arena`. */
enum status command_fill(const struct study *study, const double *config, const struct study_run *run,
                         struct arena *arena, char ***ret, size_t *ret_n, struct error *err);

/* One argument, which is not "{args}". Fails for an unknown name, or a brace that is not closed. */
enum status command_fill_one(const struct study *study, const char *argument, const double *config,
                             const struct study_run *run, struct arena *arena, char **ret, struct error *err);

/* Does some argument hold a parameter, or all? Otherwise the program finds them in its environment. */
bool command_has_parameters(const struct study *study);

/* "--name value" for each parameter that exists, as "{args}" has it. */
void command_pairs(const struct study *study, const double *config, struct arena *arena, char ***ret, size_t *ret_n);

#endif
