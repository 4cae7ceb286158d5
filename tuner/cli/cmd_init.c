#include "tuner/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct options {
    const char *file;
    bool force;
};

static const char template[] =
    "# A Nocturne study. Check it with: nocturne plan FILE\n"
    "study: my_study\n"
    "\n"
    "trial:\n"
    "  # A list, never a shell line. {name} becomes the parameter's value; {seed}, {dir} and {slot} exist as well.\n"
    "  command: [./train, --lr, \"{learning_rate}\", --batch, \"{batch_size}\", --patience, \"{patience}\", --threshold, \"{threshold}\"]\n"
    "  timeout: 30m                # a trial that takes longer fails\n"
    "  retries: 1                  # after a crash; never after a failure that the trial reports itself\n"
    "\n"
    "# Or a pipeline, whose checkpoints are kept and taken over by trials that need the same:\n"
    "# stages:\n"
    "#   train:    {command: [./train, --lr, \"{learning_rate}\", --save, \"{output}\"], parameters: [learning_rate, batch_size, patience, threshold]}\n"
    "#   compress: {command: [./compress, --bits, \"{bits}\", \"{input}\", \"{output}\"], parameters: [bits]}\n"
    "#   evaluate: {command: [./evaluate, \"{input}\"]}\n"
    "# checkpoints: {keep: 20GB}\n"
    "\n"
    "parameters:\n"
    "  patience:      {type: int, range: [1, 20]}\n"
    "  threshold:     {type: float, range: [1e-4, 3e-2], scale: log}\n"
    "  batch_size:    {type: int, range: [8, 1024], scale: log}\n"
    "  learning_rate: {type: float, range: [3e-4, 3e-2], scale: log}\n"
    "  # model:       {type: categorical, values: [small, large]}\n"
    "  # hidden:      {type: ordinal, values: [64, 128, 256]}\n"
    "  # distill:     {type: bool}\n"
    "  # temperature: {type: float, range: [1, 8], when: distill == true}   # exists only then; and, or, not, in [a, b]\n"
    "\n"
    "# What a trial reports: {\"result\": {\"em\": 0.61, \"tokens\": 3100000}} as a line on stdout behind the\n"
    "# word \"nocturne:\", or on the descriptor NOCTURNE_FD.\n"
    "metrics:\n"
    "  em:     {goal: maximize, kind: proportion, of: 5000}   # of: number of questions, so that the noise is known\n"
    "  tokens: {goal: minimize, kind: count}\n"
    "  # A program that stays as it is: the number in the last line, of its output or of a file below {dir}, that has one.\n"
    "  # accuracy: {goal: maximize, match: 'Mean accuracy: ([0-9.]+)'}                  # file: metrics.txt\n"
    "  # val_acc:  {goal: maximize, match: 'epoch (?P<step>[0-9]+).*acc=(?P<value>[0-9.]+)'}   # each line is a report\n"
    "\n"
    "# The configuration that everything is compared with: what you use today.\n"
    "baseline: {patience: 5, threshold: 1e-4, batch_size: 64, learning_rate: 1e-3}\n"
    "\n"
    "objective:\n"
    "  weights: {em: 0.7, tokens: 0.3}     # relative to the baseline; or exchange: 1.0, minimize: tokens, pareto: [em, tokens]\n"
    "constraints: [em >= baseline]\n"
    "\n"
    "budget: {trials: 50}                  # and/or until: \"07:00\", tokens: 2e9, wall: 9h, cost: 40, price: {token: 2e-6, hour: 1.5}, patience: auto\n"
    "stopping: {pruner: auto}              # of all pruners the best winners for equal cost (or asha, median); without this line, as with none, nothing is stopped; needs reports while trials run. audit: 0.05\n"
    "# stopping: {adaptive: true}          # also adapts patience and threshold of programs that use the SDK's early stopping\n"
    "# schedule: {learning_rate: pb2, interval: 500k tokens}   # settings that change while a population trains\n"
    "confirm: {top: 3, seeds: 3}           # re-run the winners on fresh seeds before believing them\n"
    "search: {sampler: gp, seed: 1}        # gp, sobol or random\n"
    "# warm_start: [earlier_study]         # studies in the same database that this one may learn from\n"
    "workers: {local: 1}                   # trials at the same time; gpus: auto gives each of them one GPU\n"
    "# files: [train.py, data/*.csv]       # what agents on other machines need (nocturne serve, nocturne worker)\n"
    "# executor: {slurm: {partition: gpu, max_agents: 8, slots: 1, time: 8h}}   # agents as jobs of Slurm\n";

static const struct argp_option table[] = {{"force", 'f', NULL, 0, "overwrite an existing file", 0}, {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'f': o->force = true; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "one file, not '%s' as well", arg);
        o->file = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_init(int argc, char **argv)
{
    static const struct argp argp = {.options = table,
                                     .parser = parse,
                                     .args_doc = "[FILE]",
                                     .doc = "Write a commented study file to start from (default study.yaml).\v"
                                            "Example: nocturne init study.yaml",
                                     .children = cli_help_child};
    struct options o = {.file = "study.yaml"};
    struct error err;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    FILE *out = fopen(o.file, o.force ? "w" : "wx");
    if (!out && errno == EEXIST)
        error_set(&err, STATUS_FAILED, "%s exists already; --force overwrites it", o.file);
    else if (!out || fputs(template, out) < 0 || fclose(out) != 0)
        error_set(&err, STATUS_IO, "%s: cannot write: %s", o.file, strerror(errno));
    else {
        printf("wrote %s; edit it, then: nocturne plan %s, which checks it, and nocturne run %s\n", o.file, o.file,
               o.file);
        return EXIT_OK;
    }
    return cli_fail(&err);
}
