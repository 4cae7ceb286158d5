/* cli: what the commands share. One cmd_<verb>.c each: options, help, run, top to bottom. */
#ifndef TUNER_CLI_CLI_H
#define TUNER_CLI_CLI_H

#include "tuner/history/history.h"
#include "tuner/mirror/mirror.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <uv.h>

struct health; /* of tuner/analysis */

enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_INTERRUPTED };

/* Whom a command's output is for: a screen may fold what people read, and nothing else. */
enum reader { READER_PERSON, READER_PROGRAM };

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is "nocturne <name>" */
    enum reader reader;                /* with --json it is a program in any case */
    const char *summary;
};

extern const struct command cli_commands[]; /* ends with a NULL name */

int cmd_advise(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_best(int argc, char **argv);
int cmd_collect(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_delete(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_enqueue(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_importance(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_lineage(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_loop(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_reproduce(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_note(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_retry(int argc, char **argv);
int cmd_rollout(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_stopping(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_trials(int argc, char **argv);
int cmd_watch(int argc, char **argv);

int cmd_worker(int argc, char **argv);

/* Where a service is, and what opens it. */
struct cli_service {
    const char *url; /* NULL: the database */
    const char *token_file, *ca;
    uv_loop_t *loop; /* that turns while it is waited for (caller.h); NULL: none */
    struct mirror_wish
        wish; /* what is fetched of a study besides its events: reports of what runs, if nobody says more */
};

/* --db and --json, as a child parser; its input is a struct cli_common. */
struct cli_common {
    const char *db; /* never NULL after parsing */
    bool db_given, json;
    const char *study; /* the first argument, or NULL */
    struct cli_service service;
};
extern const struct argp_child cli_common_child[];
/* The same with --url, --token-file and --ca, for commands that a service can be asked for. */
extern const struct argp_child cli_remote_child[];
extern const struct argp_child cli_help_child[]; /* -h alone, for commands without these options */
void cli_common_init(struct cli_common *c);

/* Parser of a command that takes [STUDY]; its input is a struct cli_common. */
error_t cli_parse_study(int key, char *arg, struct argp_state *state);

/* Prints "nocturne: …" on stderr and returns the exit code for the status. */
int cli_fail(const struct error *err);

/* A service that is spoken to, and what of it is here. */
struct cli_remote {
    struct caller *caller;
    struct mirror *mirror; /* NULL: none yet */
};
/* The token of a file, in ret; says so if others can read it. */
enum status cli_read_token(const char *path, char *ret, size_t size, struct error *err);
enum status cli_call(const struct cli_service *at, struct cli_remote *ret, struct error *err);
/* Mirrors the study called `name`, or the only one if NULL. */
enum status cli_mirror(const struct cli_service *at, const char *name, struct cli_remote *ret, struct error *err);
void cli_hang_up(struct cli_remote *r);
/* " --url URL --token-file FILE", as it was given, for a command to be copied; nothing for a database. */
void cli_print_service(FILE *out, const struct cli_service *at);
/* The last lines that a trial of a service has printed, of each log; what cannot be had is left out. */
void cli_show_logs(FILE *out, struct caller *c, const char *study, long trial, size_t lines);

/* A study of the database, or of a service, with its trials. `name` NULL: the only study there is. */
struct cli_study {
    struct store *store;
    struct study *study;
    struct history *history;
    const struct memory *memory; /* of it */
    long loaded;                 /* how often it was read as a whole: what was made of an earlier memory is void */
    struct cli_remote remote;    /* its caller is NULL: the store is the database */
};
/* The study called `name`, or the only one if NULL; in the arena. The error suggests what was meant. */
enum status cli_choose(struct store *store, const char *name, struct arena *arena, const char **ret, struct error *err);
/* The same of some names; `place`: what has them, for words. */
struct cli_names {
    const char *place, **name;
    size_t n;
};
enum status cli_choose_of(const struct cli_names *all, const char *name, const char **ret, struct error *err);
enum status cli_open(const struct cli_common *c, const char *name, struct cli_study *ret, struct error *err);
/* What has happened since comes in, also of a database that was put in the place of this one, of a study that was begun
 * anew, or has another file: then all is read anew, and study, history and memory of `s` are others. After a failure
 * `s` is as it was, and it may be tried again. STATUS_BUSY: it cannot be read now. */
enum status cli_refresh(struct cli_study *s, struct error *err);
/* The same as cli_open, and the right to write to it: NULL if somebody runs it, or if it is a service's. */
enum status cli_open_held(const struct cli_common *c, struct cli_study *ret, struct store_hold **ret_hold,
                          struct error *err);
void cli_close(struct cli_study *s);
/* The same without its trials: for what need not read the whole log. */
struct cli_found {
    struct store *store;
    struct study *study;
    int64_t id;
    struct cli_remote remote;
};
enum status cli_find(const struct cli_common *c, const char *name, struct cli_found *ret, struct error *err);
void cli_found_done(struct cli_found *f);

/* Is a coordinator at work on it now? */
bool cli_is_running(const struct cli_study *s);

/* As it is now, with what this machine says of it; texts in the arena. */
void cli_health(const struct memory *s, bool running, struct arena *arena, struct health *ret);

/* Shows a study, or all of them (`name` NULL), in the terminal until somebody quits. */
int cli_watch(const struct cli_common *c);

/* A line of a long-running command's log, with the time. */
void cli_say(const char *study, const char *text);
/* `on` is called from the loop with handle->data = data; the handle is the caller's to close. */
void cli_catch_signal(uv_loop_t *loop, uv_signal_t *handle, int number, void (*on)(uv_signal_t *, int), void *data);

/* Prints JSON and a newline; takes the reference. */
void cli_print_json(json_t *value);

/* [STUDY] [TRIAL], for argp. */
struct cli_trial {
    struct cli_common common;
    const char *arg[2];
    size_t n;
};
error_t cli_parse_trial(int key, char *arg, struct argp_state *state);
/* The last argument, if it is a trial number, which is then taken off; else −1. */
long cli_take_trial(struct cli_trial *o);

/* Parses a decimal number; calls argp_error otherwise. */
double cli_number(const char *text, const char *option, double min, double max, struct argp_state *state);
/* The same of a whole number, in digits. */
enum { CLI_COUNT_MAX = 1000000000 };  /* of trials, and what else is counted */
#define CLI_SEED_MAX 9000000000000000 /* below 2^53, so that JSON keeps it */
long cli_whole(const char *text, const char *option, long min, long max, struct argp_state *state);

/* Trials that are run, and nothing else: no search, no confirmation. */
struct run_errand {
    enum status (*add)(struct history *h, void *data, struct error *err); /* adds them, to the study as it was found */
    int (*over)(struct history *h, void *data);                           /* all have ended: the exit code */
    /* As coordinator_options have it; NULL: what is said of items is kept, and no more. */
    const char *(*weigh)(void *data, const struct trial *t, const char *id, const json_t *metrics);
    void *data;
};

/* What run and resume share. */
struct run_options {
    struct budget budget; /* zero or −1: as the study says */
    long slots;           /* 0: as the study says */
    int64_t seed;         /* −1: as the study says */
    bool json, quiet, page;
    bool probe; /* see coordinator_options */
    const char *db;
    const char *schedule;            /* file: run this one, and nothing else; NULL: search */
    const struct run_errand *errand; /* NULL: search */
    const char *notify;              /* file that says who is told; NULL: as notify_file_find has it */
    struct error *err;               /* what went wrong, besides being said on stderr; NULL: nobody asks */
};
size_t run_slots(const struct study *study, const struct run_options *options); /* on this machine */
int run_study(const struct study *study, const struct run_options *options);

/* The rows of an argp table that run_parse reads. */
/* clang-format off */
#define RUN_LIMIT_OPTIONS \
    {"until", 'u', "HH:MM", 0, "start no trial that would not end by then, confirmation included", 0}, \
    {"trials", 'n', "N", 0, "trials of the search, baseline included", 0}, \
    {"tokens", 't', "N", 0, "tokens that all trials together may spend, for example 2e9", 0}, \
    {"cost", 'c', "MONEY", 0, "money that all trials together may cost, at the study's price", 0}, \
    {"wall", 'w', "DURATION", 0, "time for this run, for example 9h or 1h30m", 0}, \
    {"slots", 's', "N", 0, "trials at the same time", 0}
#define RUN_PAGE_OPTION \
    {"page", 'p', NULL, 0, "show it to a browser of this machine; in a terminal the page stays until Ctrl-C", 0}
/* clang-format on */

/* --notify FILE, of run, resume and serve. */
enum { CLI_NOTIFY = 1000 };
#define CLI_NOTIFY_OPTION                                                                                              \
    {                                                                                                                  \
        "notify", CLI_NOTIFY, "FILE", 0, "who is told what, see 'nocturne notify --help'; none: nobody", 0             \
    }

/* What of the file says, loaded; NULL: nobody is told. */
struct notify_file;
enum status cli_notify_file(const char *given, struct notify_file **ret, struct error *err);

/* --until, --trials, --tokens, --cost, --wall, --slots and --page, as far as the command lists them. */
error_t run_parse(int key, char *arg, struct argp_state *state, struct run_options *o);

/* A database that another program keeps locked is waited for, `limit_ms` at most, 0: for ever; a short wait needs no
 * words, a longer one is said on stderr. */
enum status cli_open_patiently(const char *db, enum store_mode mode, int64_t limit_ms, struct store **ret,
                               struct error *err);

/* Says on stderr what of the study's space differs from its last run, if anything does. */
void cli_print_changes(const struct memory *history);
/* … and what of its objective, as the coordinator says it when the study runs. */
void cli_print_rejudged(const struct memory *history);

#endif
