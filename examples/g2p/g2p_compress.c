/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_compress: makes a model of g2p_train smaller and faster (compress.h).
 *
 * bytes  of the new file
 */
#include "architecture.h"
#include "compress.h"
#include "option.h"

#include "workers/sdk/c/nocturne.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *in, *out, *data;
    struct compression how;
    long words, seed;
};

static const struct argp_option options[] = {
    {"in", 'i', "MODEL", 0, "of g2p_train", 0},
    {"out", 'o', "MODEL", 0, "to be written", 0},
    {"bits", 'b', "N", 0, "of a weight: 32, 8 or 4 (default 8)", 0},
    {"sparsity", 's', "SHARE", 0, "of the units of each layer that go, 0 to 0.95 (default 0)", 0},
    {"calibration", 'c', "NAME", 0, "what is the largest integer: max, percentile or mse of the weights (default mse)",
     0},
    {"data", 'd', "FILE", 0, "output of g2p_prep, to make up on its training words for what is lost (default: none)",
     0},
    {"words", 'w', "N", 0, "training words it may use (default: all)", 0},
    {"seed", 'S', "N", 0, "which of them it looks at (default: NOCTURNE_SEED, else 1)", 0},
    {0},
};

static enum calibration calibration_of(const char *arg, struct argp_state *state)
{
    static const char *const name[] = {"max", "percentile", "mse"};
    for (int i = 0; i < 3; i++)
        if (strcmp(arg, name[i]) == 0) return (enum calibration)i;
    argp_failure(state, 1, 0, "'%s' is not a calibration: max, percentile or mse", arg);
    return CALIBRATION_MAX;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *o = state->input;
    switch (key) {
    case 'i': o->in = arg; return 0;
    case 'o': o->out = arg; return 0;
    case 'd': o->data = arg; return 0;
    case 'b':
        o->how.bits = (int)option_whole(arg, 4, 32, state);
        if (o->how.bits != 32 && o->how.bits != 8 && o->how.bits != 4)
            argp_failure(state, 1, 0, "'%s' is not 32, 8 or 4 bits", arg);
        return 0;
    case 's': o->how.sparsity = option_real(arg, 0, 0.95, state); return 0;
    case 'c': o->how.calibration = calibration_of(arg, state); return 0;
    case 'w': o->words = option_whole(arg, 1, INT32_MAX, state); return 0;
    case 'S': o->seed = option_whole(arg, 0, INT32_MAX, state); return 0;
    case ARGP_KEY_END:
        if (!o->in || !o->out) argp_failure(state, 1, 0, "--in and --out say which model, and where to");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void look_at(struct settings *o, struct data *d, const struct model *m)
{
    char names[NAMES_MAX];
    uint64_t random = (uint64_t)o->seed;
    data_open(d, o->data, o->words, 1);
    model_names(d, names);
    if (strcmp(names, m->names) != 0) die("its classes are not those of the model", o->data);
    shuffle(&d->train, &random);
    o->how.words = &d->train;
}

static double run(struct settings *o)
{
    struct model m;
    struct data d = {0};
    const char *wrong = model_load(&m, o->in);
    if (wrong) die(wrong, o->in);
    if (m.bits != 32) die("it is compressed already", o->in);
    if (o->data) look_at(o, &d, &m);
    compress(&m, &o->how);
    if (model_save(&m, o->out) != 0) die(strerror(errno), o->out);
    double bytes = (double)model_bytes(&m);
    model_done(&m);
    data_free(&d);
    return bytes;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("NOCTURNE_SEED");
    struct settings o = {.how = {.bits = 8, .calibration = CALIBRATION_MSE},
                         .words = INT32_MAX,
                         .seed = seed ? strtol(seed, NULL, 10) : 1};
    const struct argp argp = {options,
                              parse,
                              NULL,
                              "Make a model smaller and faster.\v"
                              "Example: g2p_compress --in large.model --out small.model --bits 8 --data g2p.data",
                              NULL,
                              NULL,
                              NULL};
    option_parse(&argp, argc, argv, &o);
    struct nocturne *out = nocturne_open(argc, argv);
    if (!out) die("out of memory", "nocturne");
    nocturne_result(out, 1, (struct nocturne_metric[]){{"bytes", run(&o)}});
    nocturne_close(out);
    return 0;
}
