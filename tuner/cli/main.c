/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nocturne: finds its command in a table and hands over. */
#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

#include "tuner/base/redact.h"
#include "tuner/base/words.h"
#include "surrogate/surrogate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

const struct command cli_commands[] = {
    {"init", cmd_init, READER_PROGRAM, "write a commented study file to start from"},
    {"plan", cmd_plan, READER_PERSON, "what a study will need, and what may go wrong, before it runs"},
    {"run", cmd_run, READER_PERSON, "run a study, or go on with it"},
    {"resume", cmd_resume, READER_PERSON, "go on with a study of the database"},
    {"status", cmd_status, READER_PERSON, "where the studies stand"},
    {"trials", cmd_trials, READER_PERSON, "list the trials of a study"},
    {"show", cmd_show, READER_PERSON, "one trial: parameters, metrics, attempts, reasons, logs"},
    {"lineage", cmd_lineage, READER_PERSON, "the stages that led to a trial, and what each cost"},
    {"best", cmd_best, READER_PERSON, "the best configuration, also under other weights"},
    {"export", cmd_export, READER_PROGRAM, "the best as yaml, json, env, args or toml; trials as csv or jsonl"},
    {"importance", cmd_importance, READER_PERSON, "which parameters matter, with intervals, and what is all the same"},
    {"plot", cmd_plot, READER_PERSON, "charts of a study, in the terminal or as SVG or PNG"},
    {"report", cmd_report, READER_PERSON, "the morning report: words first, as HTML, PDF or a chat message"},
    {"stopping", cmd_stopping, READER_PERSON, "what was stopped early, what it saved, and how often it was wrong"},
    {"stop", cmd_stop, READER_PERSON, "ask a running study to stop"},
    {"enqueue", cmd_enqueue, READER_PERSON, "have a configuration of your own tried next"},
    {"reproduce", cmd_reproduce, READER_PERSON, "run a trial again from nothing, and compare"},
    {"note", cmd_note, READER_PERSON, "what you have to say of a study, or of a trial"},
    {"notify", cmd_notify, READER_PERSON, "who is told what, when; whether it arrives"},
    {"retry", cmd_retry, READER_PERSON, "have failed trials tried again"},
    {"advise", cmd_advise, READER_PROGRAM, "the optimizer as a pipe: JSON lines in and out"},
    {"import", cmd_import, READER_PERSON, "trials from a CSV file or an Optuna database"},
    {"watch", cmd_watch, READER_PERSON, "watch what is live: find drift, tune anew, try the winner"},
    {"loop", cmd_loop, READER_PERSON, "what is live in one picture: how it does, drift, what comes"},
    {"serve", cmd_serve, READER_PERSON, "the service: many studies, users and machines over HTTP"},
    {"worker", cmd_worker, READER_PERSON, "run trials of a service on this machine"},
    {"rollout", cmd_rollout, READER_PROGRAM, "the winner goes live: what is served, tried against it, proven"},
    {"collect", cmd_collect, READER_PERSON, "keep the folder of a rollout's clients: rules come, outcomes go"},
    {"token", cmd_token, READER_PERSON, "tokens for the service"},
    {"log", cmd_log, READER_PERSON, "the event log of a study"},
    {"replay", cmd_replay, READER_PERSON, "compute every suggestion again from the log"},
    {"delete", cmd_delete, READER_PERSON, "delete a study with all its trials, for good"},
    {"gc", cmd_gc, READER_PERSON, "remove the folders of old trials"},
    {"backup", cmd_backup, READER_PROGRAM, "copy the database, also while studies run"},
    {"doctor", cmd_doctor, READER_PERSON, "check the database and the installation"},
    {"completion", cmd_completion, READER_PROGRAM, "shell completion for bash, zsh or fish"},
    {NULL, NULL, READER_PERSON, NULL},
};

static void print_help(FILE *out)
{
    fputs("Usage: nocturne COMMAND [OPTION…]\n"
          "Finds, overnight and unattended, the settings that spend the fewest tokens\n"
          "while exact match holds.\n\n",
          out);
    for (const struct command *c = cli_commands; c->name; c++) fprintf(out, "  %-11s %s\n", c->name, c->summary);
    fputs("\nExample:\n"
          "  nocturne init study.yaml && nocturne run study.yaml --until 07:00\n\n"
          "Each command has its own --help.\n"
          "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 interrupted or busy.\n",
          out);
}

static bool wants_json(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strncmp(argv[i], "--js", 4) == 0 || (argv[i][0] == '-' && argv[i][1] != '-' && strchr(argv[i], 'j')))
            return true; /* also abbreviated, or among other letters */
    return false;
}

static int unknown(const char *word)
{
    const char *names[64], *near;
    size_t n = 0;
    for (const struct command *c = cli_commands; c->name; c++) names[n++] = c->name;
    near = words_nearest(word, names, n);
    fprintf(stderr, "nocturne: unknown command '%s'%s%s%s; see 'nocturne --help'\n", word,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

/* ---- BLAS ---- */

static const char CORETYPE[] = "OPENBLAS_CORETYPE", CHOSEN[] = "NOCTURNE_BLAS_CORE";

/* Once more from the beginning, with this in the environment; returns if that cannot be. */
static void begin_again(const char *core, char **argv)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return;
    path[n] = 0;
    setenv(CORETYPE, core, 1);
    setenv(CHOSEN, core, 1);
    execv(path, argv);
    unsetenv(CORETYPE);
    unsetenv(CHOSEN);
}

/* The library chooses its kernels as it is loaded, before main; an old one chooses badly on a new processor. Whoever
 * has set OPENBLAS_CORETYPE has chosen; what was set here is not for the trials, whose libraries may be newer. */
static void take_right_kernels(char **argv)
{
    const char *given = getenv(CORETYPE), *chosen = getenv(CHOSEN),
               *better = blas_better(blas_core(), blas_processor_has_avx2());
    if (given && chosen && strcmp(given, chosen) == 0)
        unsetenv(CORETYPE);
    else if (better && !given)
        begin_again(better, argv);
}

/* From other processes of this user, which trials are: neither the memory nor the environment can be read. */
static void keep_secrets(void)
{
    redact_hide_own();
    prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
    char name[64];
    take_right_kernels(argv);
    keep_secrets();
    argp_err_exit_status = EXIT_USAGE;
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* argp's own knob: no boilerplate below the options */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write says so itself */
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        report_fold();
        print_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("nocturne " NOCTURNE_VERSION);
        return EXIT_OK;
    }
    for (const struct command *c = cli_commands; c->name; c++) {
        if (strcmp(argv[1], c->name) != 0) continue;
        surrogate_setup();
        if (c->reader == READER_PERSON && !wants_json(argc, argv)) report_fold();
        snprintf(name, sizeof name, "nocturne %s", c->name);
        argv[1] = name;
        return c->run(argc - 1, argv + 1);
    }
    return unknown(argv[1]);
}
