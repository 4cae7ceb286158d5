/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_evaluate: how good, large and fast is a model, or a cascade: a small model says each word, and where it is less
 * sure than --confidence, a large one says it again.
 *
 * em                  share of validation words whose whole greedy output equals any listed pronunciation
 * em_test             the same on the test split
 * bytes               of the model files that are needed
 * letters_per_second  CPU time of one core, best of some repetitions over the validation words
 * cost_per_word       multiply-adds (model_cost in model.h) for a validation word, on average; in a cascade the small
 *                     model's for each word, and the large one's for those that it is asked
 * asked_large         share of the validation words that the large model was asked; 0 without one
 */
#include "option.h"
#include "speaker.h"

#include "workers/sdk/c/nocturne.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct settings {
    const char *data, *model, *cascade;
    double confidence;
    long words, validation, repetitions;
};

/* What has been counted over some words. */
struct tally {
    double right, asked, cost, letters;
};

static void open_speaker(struct speaker *s, const char *path, const struct data *d)
{
    char names[NAMES_MAX];
    const char *wrong = speaker_open(s, path);
    if (wrong) die(wrong, path);
    model_names(d, names);
    if (strcmp(names, s->model.names) != 0) die("a model of other data: its classes are others", path);
}

static struct tally judge(const struct cascade *c, const struct data *d, const struct words *ws)
{
    struct tally t = {0};
    unsigned char chunk[WORD_MAX];
    for (size_t i = 0; i < ws->n; i++) {
        const struct word *w = &ws->word[i];
        bool asked = cascade_say(c, w, chunk);
        t.right += model_is_right(d, w, chunk);
        t.asked += asked;
        t.cost += cascade_cost(c, w->len, asked);
        t.letters += w->len;
    }
    return t;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Decoding alone. */
static double fastest_pass(const struct cascade *c, const struct words *ws, long repetitions)
{
    unsigned char chunk[WORD_MAX];
    double best = INFINITY;
    for (long r = 0; r < repetitions; r++) {
        double start = cpu_seconds();
        for (size_t i = 0; i < ws->n; i++) cascade_say(c, &ws->word[i], chunk);
        double took = cpu_seconds() - start;
        if (r == 0 || took < best) best = took;
    }
    return best > 1e-9 ? best : 1e-9;
}

static void run(const struct settings *o, const struct data *d, struct nocturne *out)
{
    struct speaker small, large;
    const bool asks = o->cascade && o->confidence > 0;
    const struct cascade c = {&small, asks ? &large : NULL, o->confidence};
    open_speaker(&small, o->model, d);
    if (asks) open_speaker(&large, o->cascade, d);
    struct tally v = judge(&c, d, &d->validation), x = judge(&c, d, &d->test);
    double n = (double)d->validation.n, took = fastest_pass(&c, &d->validation, o->repetitions);
    size_t bytes = model_bytes(&small.model) + (asks ? model_bytes(&large.model) : 0);
    nocturne_result(out, 6,
                    (struct nocturne_metric[]){{"em", v.right / n},
                                               {"em_test", x.right / (double)d->test.n},
                                               {"bytes", (double)bytes},
                                               {"letters_per_second", v.letters / took},
                                               {"cost_per_word", v.cost / n},
                                               {"asked_large", v.asked / n}});
    speaker_close(&small);
    if (asks) speaker_close(&large);
}

static const struct argp_option options[] = {
    {"data", 'd', "FILE", 0, "output of g2p_prep (default g2p.data)", 0},
    {"model", 'm', "MODEL", 0, "of g2p_train or g2p_compress", 0},
    {"cascade", 'c', "MODEL", 0, "a larger one, which is asked where the first is not sure", 0},
    {"confidence", 'C', "P", 0,
     "how sure it must be of a word, 0 to 1; 0, the default: the larger model is not asked, and not needed", 0},
    {"repetitions", 'r', "N", 0, "of the measurement of speed, of which the fastest counts (default 15)", 0},
    {"validation", 'v', "N", 0, "validation and test words used, each (default: all)", 0},
    {"seed", 's', "N", 0, "changes nothing: nothing here is random", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *o = state->input;
    switch (key) {
    case 'd': o->data = arg; return 0;
    case 'm': o->model = arg; return 0;
    case 'c': o->cascade = arg; return 0;
    case 'C': o->confidence = option_real(arg, 0, 1, state); return 0;
    case 'r': o->repetitions = option_whole(arg, 1, 100000, state); return 0;
    case 'v': o->validation = option_whole(arg, 1, INT32_MAX, state); return 0;
    case 's': option_whole(arg, 0, INT32_MAX, state); return 0;
    case ARGP_KEY_END:
        if (!o->model) argp_failure(state, 1, 0, "--model says which model");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    struct settings o = {.data = "g2p.data", .confidence = 0, .validation = INT32_MAX, .repetitions = 15};
    const struct argp argp = {options,
                              parse,
                              NULL,
                              "How good, large and fast is a model?\v"
                              "Example: g2p_evaluate --data g2p.data --model small.model --cascade large.model "
                              "--confidence 0.6",
                              NULL,
                              NULL,
                              NULL};
    option_parse(&argp, argc, argv, &o);
    struct data d = {0};
    data_open(&d, o.data, INT32_MAX, o.validation);
    struct nocturne *out = nocturne_open(argc, argv);
    if (!out) die("out of memory", "nocturne");
    run(&o, &d, out);
    nocturne_close(out);
    data_free(&d);
    return 0;
}
