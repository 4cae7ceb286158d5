/* file: a study file while it is read: its sections, and words that only it has. Only this folder includes it.
 *
 * Each section of the file is a table of keys. A key that is not in the table is an error that names the nearest one
 * that is; a key without a reader comes in a later version and is refused. Keys are read in the order of the table,
 * not of the file, because later ones refer to earlier ones.
 */
#ifndef TUNER_STUDY_FILE_H
#define TUNER_STUDY_FILE_H

#include "tuner/study/study.h"

#include "tuner/base/form.h"

struct file {
    struct form form;
    struct study *study; /* being filled */
    const struct yaml_node *root;
};

struct key {
    const char *name;
    enum status (*read)(struct file *f, const struct yaml_node *value); /* NULL: comes in a later version */
};

/* Remembers, with its position, what is understood otherwise than it is written. */
void file_note(struct file *f, const struct yaml_node *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

enum status file_choice(struct file *f, const struct yaml_node *v, const char *name, const char *const *choice,
                        size_t n, size_t *ret);
bool file_boolean(const struct yaml_node *v, bool *ret); /* YAML 1.1: true, yes, on, …; false if it is none */
enum status file_check_name(struct file *f, const struct yaml_node *v, const char *what);
/* Of a parameter or metric, which other programs may call model.lr or val-loss. */
enum status file_check_quantity(struct file *f, const struct yaml_node *v, const char *what);

enum status file_check_keys(struct file *f, const struct yaml_node *map, const char *section, const struct key *keys,
                            size_t n);
enum status file_section(struct file *f, const struct yaml_node *map, const char *section, const struct key *keys,
                         size_t n);
#define FILE_SECTION(f, map, section, keys) file_section(f, map, section, keys, sizeof(keys) / sizeof *(keys))
/* The reader of a key whose value is read elsewhere. */
enum status file_present(struct file *f, const struct yaml_node *v);

/* ---- the sections, as readers for the root's table ---- */

/* space_file.c */
enum status file_parameters(struct file *f, const struct yaml_node *v);
enum status file_baseline(struct file *f, const struct yaml_node *v);
enum status file_references(struct file *f, const struct yaml_node *v);

/* objective_file.c */
enum status file_metrics(struct file *f, const struct yaml_node *v);
enum status file_objective(struct file *f, const struct yaml_node *v);
enum status file_constraints(struct file *f, const struct yaml_node *v);

/* stopping_file.c */
enum status file_stopping(struct file *f, const struct yaml_node *v);

/* executor_file.c */
enum status file_workers(struct file *f, const struct yaml_node *v);
enum status file_executor(struct file *f, const struct yaml_node *v);
enum status file_files(struct file *f, const struct yaml_node *v);
/* Paths and patterns of files, into the arena. */
enum status file_patterns(struct file *f, const struct yaml_node *v, struct text_list *ret);
/* The `when` at `node`, on the parameters read so far; NULL where there is none. */
enum status file_when(struct file *f, const struct yaml_node *node, const struct condition **ret,
                      const char **ret_text);

/* command_file.c: the arguments of a command, into the arena; and, when the parameters are known, its placeholders, as
 * `as` and `run` have them. */
enum status file_command(struct file *f, const struct yaml_node *v, size_t *ret_n, const char ***ret);
enum status file_check_command(struct file *f, const struct yaml_node *command, const struct study *as,
                               const struct study_run *run);

/* stage_file.c; settled when all else is read */
enum status file_stages(struct file *f, const struct yaml_node *v);
enum status file_checkpoints(struct file *f, const struct yaml_node *v);
enum status file_search_cost(struct file *f, const struct yaml_node *v);
enum status file_settle_stages(struct file *f);

/* schedule_file.c */
enum status file_schedule(struct file *f, const struct yaml_node *v);

#endif
