/* study: what a user asks for, read from a study file and never changed afterwards.
 *
 *     struct study *study = NULL;
 *     if (study_load("study.yaml", &study, &err)) …      err.text is "study.yaml:3:5: …"
 *     …
 *     study_free(study);
 *
 * All fields are read-only for everyone but study_file.c and owned by the study.
 */
#ifndef TUNER_STUDY_STUDY_H
#define TUNER_STUDY_STUDY_H

#include "tuner/study/derived.h"
#include "tuner/study/objective.h"
#include "tuner/study/space.h"

#include "tuner/base/arena.h"

#include <stdint.h>

enum { WARM_START_MAX = 5, STUDY_GPUS_MAX = 512, STAGES_MAX = 16 };

#define SAMPLERS(X) X(GP, gp) X(SOBOL, sobol) X(RANDOM, random) /* and their names in study files */

#define SAMPLER(id, name) SAMPLER_##id,
enum sampler { SAMPLERS(SAMPLER) };
#undef SAMPLER

struct budget {
    long trials;                    /* trials of the search, baseline and references included; 0 = no limit */
    double tokens;                  /* sum of the metric called tokens; 0 = no limit */
    int64_t wall_ms;                /* of one run; 0 = no limit */
    bool patience_auto;             /* ends when what is left to gain is below the noise */
    int until_minutes;              /* time of day, minutes after midnight; -1 = none */
    double cost;                    /* money; 0 = no limit */
    double price_token, price_hour; /* money for one token; for one slot during one hour of a trial */
};

/* Every pruner but 'none': a row here, by its name in study files, and its file tuner/search/pruner_<name>.c. */
#define PRUNERS(X) X(AUTO, auto) X(ASHA, asha) X(MEDIAN, median)

#define PRUNER(id, name) PRUNER_##id,
enum pruner { PRUNER_NONE, PRUNERS(PRUNER) };
#undef PRUNER

/* `stopping:`. Without that section nothing is stopped and nothing adapted. */
struct stopping {
    enum pruner pruner;
    double chance;                    /* auto: how little a chance must be to stop a trial (pruner_auto.c) */
    double audit;                     /* share of the condemned that run on, to measure false stops; and of all cost */
    long grace;                       /* reports that every trial may make */
    bool adaptive;                    /* change patience and threshold of running trials */
    double patience[2], threshold[2]; /* bounds for that, inclusive */
};

/* `schedule:`. A population of trainings whose settings change as they go [PB2, Parker-Holder et al. 2020]. */
struct schedule {
    size_t n;                       /* 0: there is none */
    size_t param[SPACE_PARAMS_MAX]; /* the parameters that change */
    double interval;                /* between changes: tokens, or reports in a study that counts none */
    long population;
    long rounds; /* intervals at most; 0: until it gets no better */
    bool clone;  /* weak members go on from a strong one's checkpoint; false: they are told new values and go on */
};

/* Where agents come from, besides people: a further place is a row here and a file of execution (provision.h). Its key
 * in `executor:`, its key for the part of it that is used, the tool whose options are in `extra`. */
#define PROVISIONER_ROWS(X) X(SLURM, slurm, "partition", "sbatch")

#define PROVISIONER_ID(id, key, part, tool) PROVISIONER_##id,
enum provisioner_kind { PROVISIONER_NONE, PROVISIONER_ROWS(PROVISIONER_ID) PROVISIONERS };

/* `executor: {slurm: …}`: agents are started as jobs of it. */
struct provision {
    enum provisioner_kind kind;
    const char *part; /* partition; NULL: its default */
    long max_agents;  /* at once */
    long slots;       /* of each agent */
    long gpus;        /* of each agent */
    int64_t time_ms;  /* that an agent may run; 0: the part's */
    int64_t idle_ms;  /* without work after which an agent ends */
    size_t n_extra;
    const char **extra; /* further options of the tool */
};

/* `workers: {gpus: …}`: which GPUs of this machine its slots get, one each. */
struct gpu_wish {
    enum { GPUS_UNTOUCHED, GPUS_NONE, GPUS_AUTO, GPUS_FIRST, GPUS_LISTED } kind;
    size_t n;                   /* first, listed: how many */
    long place[STUDY_GPUS_MAX]; /* listed: among those that this machine has, from 0; each once */
    int line, column;           /* in the study file */
};

/* `trial:`. What one attempt may take, and what follows a crash. */
struct trial_limits {
    int64_t timeout_ms; /* 0: none */
    int64_t grace_ms;   /* between SIGTERM and SIGKILL */
    int64_t lease_ms;   /* that a client may hold a trial without renewing, at most */
    double output_max;  /* bytes that a trial may print */
    long retries;       /* after crashes; 0 to 100 */
    int64_t backoff_ms; /* after the first crash; doubles with each further one */
};

/* `workers:`. What runs on this machine. */
struct own_workers {
    long slots; /* trials at the same time, from 1 */
    struct gpu_wish gpus;
};

/* `confirm:`. */
struct confirm_plan {
    long top, seeds; /* configurations, and seeds of each; 0, 0: no confirmation */
};

struct study;

struct stage {
    const char *name;
    const struct study *alone;    /* the study as if this stage were all of it: its command, its files, its timeout */
    bool names[SPACE_PARAMS_MAX]; /* the parameters that its program sees */
    const struct condition *when; /* NULL: always exists */
    const char *when_text;
    size_t n_inputs;
    size_t input[STAGES_MAX]; /* places of stages above; each once */
    bool leads_on;            /* it is some stage's input, and so has to leave a checkpoint */
};

/* `stages:` and `checkpoints:`. A study without them has one program, which is its `command`. */
struct pipeline {
    size_t n; /* 0: there are no stages */
    struct stage *stage;
    double keep;     /* bytes of checkpoints, about; 0: all are kept */
    bool anew;       /* every trial runs all of its stages */
    bool cost_blind; /* the search does not ask what a suggestion would cost */
};

struct text_list {
    size_t n;
    const char **text;
};

struct reference { /* a named configuration to compare with */
    const char *name;
    double *config;
};

struct study {
    struct arena arena;
    const char *name, *path, *dir; /* dir: absolute folder of the file; trials run there */
    const char *text;              /* the file as read */
    const char *note;              /* what of it was understood otherwise than it is written; NULL: nothing */
    size_t n_args;                 /* 0: no command (only advise can use the study) */
    const char **arg;              /* with {parameter} still in it */
    struct trial_limits limits;
    struct space space;
    struct objective objective;
    double *baseline; /* NULL if the study has none */
    size_t n_references;
    struct reference *reference;
    struct budget budget;
    struct stopping stopping;
    struct schedule schedule;
    struct confirm_plan confirm;
    struct text_list warm; /* earlier studies in the same database */
    enum sampler sampler;
    uint64_t seed; /* of the search: where all its random numbers come from */
    struct own_workers workers;
    struct provision agents;
    struct text_list files; /* what an agent needs besides: paths and patterns relative to dir */
    struct pipeline pipeline;
};

enum status study_load(const char *path, struct study **ret, struct error *err);

/* The same from memory; `path` is for messages and for the folder. */
enum status study_parse(const char *path, const char *text, size_t len, struct study **ret, struct error *err);

void study_free(struct study *study);

/* A configuration from a file of its own, YAML or JSON: all its parameters, alone or among what `nocturne export`
 * writes. ret: space.n. Errors name the place. */
enum status study_read_config(const struct study *study, const char *file, const char *text, double *ret,
                              struct error *err);

/* Letters, digits, _ and -, at most 48, starting with a letter: what a study, a parameter or a metric may be called. */
bool study_is_name(const char *text);

/* By their enum; *ret_n of them. */
const char *const *sampler_names(size_t *ret_n);
const char *const *pruner_names(size_t *ret_n);

const char *sampler_name(enum sampler sampler);

/* Its key in the study file, "slurm"; not of PROVISIONER_NONE. */
const char *provisioner_key(enum provisioner_kind kind);
const char *pruner_name(enum pruner pruner);

/* What makes the trials of a study belong together: space and metrics. Canonical JSON text; the caller frees it. */
char *study_identity(const struct study *study);

/* Ranges, scales, values and conditions may change between two runs: *ret says which did, in one line, "" if none.
 * STATUS_INVALID if parameters came, went or changed type, or the metrics are others. */
enum status study_identity_compare(const char *before, const char *now, struct arena *arena, const char **ret,
                                   struct error *err);

/* How the objective of `now` differs from that of `before`, in one line, in the arena; "" if it does not. */
const char *study_objective_compare(const struct study *before, const struct study *now, struct arena *arena);

/* ---- the arguments of a trial's program: command.c ----
 *
 *     command: [python3, train.py, --lr, "{lr}", "--depth={depth}", "{args}"]
 *
 * An argument may hold {parameter}, {study}, {trial}, {attempt}, {seed}, {dir}, {slot}; "{{" and "}}" are braces. An
 * option whose parameter does not exist under its condition is left out with its value ("--lr", "{lr}" and
 * "--depth={depth}").
 * "{args}" stands for all parameters that exist: --name value, a bool as the flag --name or nothing. Other forms:
 *     "{args: --name=value}"  "{args: name=value}"  "{args: -name value}"  "{args: --name value, hyphens}"
 * where hyphens or underscores is how names are spelt; a bool is a flag where the form begins with '-', else a value.
 */

/* What else they stand for in a stage: {stage}, {input} (the first one), {input.STAGE}, {output}. */
struct stage_run {
    const char *name;
    size_t n_inputs;
    struct stage_input {
        const char *stage, *path; /* path: NULL: it does not exist now, and is left out as a parameter would be */
    } input[STAGES_MAX];
    const char *output; /* where its checkpoint is to be left */
};

/* What the placeholders stand for: {parameter}, {trial}, {attempt}, {slot}, {seed} and {dir}. */
struct study_run {
    const double *config; /* NAN: the parameter does not exist */
    long trial, attempt, slot;
    uint64_t seed;
    const char *dir;
    const struct stage_run *stage; /* NULL: it is the whole of the trial */
};

/* All arguments, NULL-terminated, in `arena`. */
enum status command_fill(const struct study *study, const struct study_run *run, struct arena *arena, char ***ret,
                         size_t *ret_n, struct error *err);

/* One argument, which is not "{args}". Fails for an unknown name, or a brace that is not closed. */
enum status command_fill_one(const struct study *study, const char *argument, const struct study_run *run,
                             struct arena *arena, char **ret, struct error *err);

/* Does some argument hold a parameter, or all? Otherwise the program finds them in its environment. */
bool command_has_parameters(const struct study *study);

/* "--name value" for each parameter that exists, as "{args}" has it. */
void command_pairs(const struct study *study, const double *config, struct arena *arena, char ***ret, size_t *ret_n);

/* ---- stages: stage.c ----
 *
 * A step of a trial. Its program is given the checkpoints of stages above, and leaves one itself.
 *
 *     stages:
 *       train:    {command: [./train, --lr, "{lr}", --save, "{output}"], parameters: [lr]}
 *       compress: {command: [./compress, "{input}", "{output}"], parameters: [bits], when: small == true}
 *       evaluate: {command: [./evaluate, "{input}"]}
 *
 * What a stage does follows from its command, the parameters that it names, the seed, its files and its inputs; so the
 * program sees no other parameters, and what equals in these need not run twice. A stage takes the checkpoint of the
 * one above it, or of those under `input:`. One whose `when` does not hold does not exist: it hands on its own first
 * input.
 */

/* Place of the stage of that name; −1: there is none. */
int stage_find(const struct study *study, const char *name);

/* Does it exist in this configuration? */
bool stage_exists(const struct study *study, size_t stage, const double *config);

/* The first stage from `stage` on that exists; pipeline.n: there is none. */
size_t stage_next(const struct study *study, size_t stage, const double *config);

/* What its program sees of a configuration; others are NaN. ret: space.n */
void stage_config(const struct study *study, size_t stage, const double *config, double *ret);

/* The stage whose checkpoint comes as the input called `input`: itself, or what it hands on; −1: nothing does. */
int stage_source(const struct study *study, size_t input, const double *config);

/* The parameters that decide what a stage leaves: its own, those of all that it takes something from, and those that
 * decide which of these exist. ret: space.n */
void stage_reach(const struct study *study, size_t stage, bool *ret);

/* Is there a program to run? Otherwise only clients can have trials of it. */
bool study_has_program(const struct study *study);

/* How many trials a full confirmation runs; 0 if it is switched off. */
size_t study_confirm_count(const struct study *study);

#endif
