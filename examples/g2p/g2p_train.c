/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_train: trains letters-to-sounds on the data of g2p_prep, with early stopping.
 *
 * Model: for each letter, the sum of embeddings of a window of ±5 letters and of
 * the two chunks predicted before, one ReLU layer of H units, softmax over chunks.
 * Adam at a constant rate on batches of whole words, float32. What is evaluated is
 * an exponential moving average of the weights (horizon 100k letters): it cuts the
 * seed noise of EM by half.
 *
 * em      share of validation words whose whole greedy output equals any listed
 *         pronunciation, at the best evaluation
 * em_test the same on the test split, with the weights of that evaluation
 * tokens  letters processed in training until the stop
 *
 * Early stopping: an evaluation counts as better if em > best + threshold; after
 * `patience` evaluations in a row that are not, training ends. Under Nocturne both
 * may be adapted while it trains, and rate and batch size be changed.
 *
 * A checkpoint is left every --checkpoint evaluations and when it is asked to stop.
 */
#include "checkpoint.h"
#include "net.h"

#include "workers/sdk/c/nocturne.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data;
    double rate, threshold;
    long batch, patience, words, validation, hidden, every, cap, checkpoint;
    unsigned long seed;
};

/* ---- training with early stopping ---- */

/* What a checkpoint holds besides the vectors of the network. The order of the words follows from seed and epoch. */
struct progress {
    unsigned long seed;
    long words, epochs, tokens, next, step, steps; /* epochs begun; next: tokens at the next evaluation */
    size_t at;                                     /* word of the epoch */
    double seen, best;
    struct nocturne_stopping stopping;
};

struct training {
    struct settings o; /* rate and batch may change */
    struct nocturne *out;
    struct data *data;
    struct net net;
    struct block *block;
    float *best_weights;
    uint64_t random;
    struct progress p;
};

static void set_rate(void *data, double v)
{
    struct training *t = data;
    if (v > 0 && v <= 10) t->o.rate = v;
}

static void set_batch(void *data, double v)
{
    struct training *t = data;
    if (v >= 1 && v <= 1 << 20) t->o.batch = (long)(v + 0.5);
}

static void begin_epoch(struct training *t)
{
    shuffle(&t->data->train, &t->random);
    t->p.epochs++;
    t->p.at = 0;
}

enum { PIECES = 6 };

static void pieces_of(struct training *t, struct piece ret[PIECES])
{
    float *vector[PIECES - 1] = {t->net.w, t->net.m, t->net.v, t->net.mean, t->best_weights};
    ret[0] = (struct piece){&t->p, sizeof t->p};
    for (int i = 1; i < PIECES; i++) ret[i] = (struct piece){vector[i - 1], t->net.n * sizeof(float)};
}

static void leave_checkpoint(struct training *t)
{
    char path[4096];
    struct piece piece[PIECES];
    t->p.steps = t->net.steps;
    t->p.seen = t->net.seen;
    pieces_of(t, piece);
    snprintf(path, sizeof path, "%s/checkpoint.bin", nocturne_folder(t->out));
    if (checkpoint_save(path, piece, PIECES) == 0)
        nocturne_checkpoint(t->out, t->p.step, path);
    else
        fprintf(stderr, "g2p_train: %s: %s; going on without a checkpoint\n", path, strerror(errno));
}

/* Goes on from a checkpoint; one that cannot be used is said, and training begins anew. The patience and threshold are
 * this run's own. */
static void resume(struct training *t, const char *path)
{
    struct piece piece[PIECES];
    struct progress fresh = t->p, *p = &t->p;
    pieces_of(t, piece);
    const char *wrong = checkpoint_load(path, piece, PIECES);
    if (!wrong && p->words != fresh.words) wrong = "it is of a training on other words";
    if (wrong) {
        char text[600];
        snprintf(text, sizeof text, "cannot go on from %.400s: %s; beginning anew", path, wrong);
        fprintf(stderr, "g2p_train: %s\n", text);
        nocturne_log(t->out, text);
        if (p->words != fresh.words) die("a checkpoint of another training", path);
        return;
    }
    p->stopping.patience = fresh.stopping.patience;
    p->stopping.threshold = fresh.stopping.threshold;
    t->net.steps = p->steps;
    t->net.seen = p->seen;
    if (p->seed != fresh.seed) { /* its words come in its order */
        t->random = p->seed * 0x9e3779b97f4a7c15u + 1;
        struct net same = net_create((size_t)t->o.hidden, t->data->classes, &t->random);
        net_done(&same);
    }
    size_t at = p->at;
    long epochs = p->epochs;
    for (p->epochs = 0; p->epochs < epochs;) begin_epoch(t);
    p->at = at;
}

static void evaluate(struct training *t)
{
    struct progress *p = &t->p;
    double em = exact_match(&t->net, t->net.mean, t->data, &t->data->validation);
    if (em > p->best) p->best = em, memcpy(t->best_weights, t->net.mean, t->net.n * sizeof(float));
    nocturne_stopping_update(&p->stopping, em);
    nocturne_report(t->out, p->step++, 2, (struct nocturne_metric[]){{"em", em}, {"tokens", (double)p->tokens}});
    p->next = p->tokens + t->o.every;
    if (t->o.checkpoint && p->step % t->o.checkpoint == 0) leave_checkpoint(t);
}

static bool is_over(struct training *t)
{
    return t->p.tokens >= t->o.cap || (t->p.stopping.begun && (double)t->p.stopping.bad >= t->p.stopping.patience);
}

static void train(struct training *t)
{
    struct progress *p = &t->p;
    bool stopped = false;
    while (!is_over(t) && !(stopped = nocturne_should_stop(t->out))) {
        struct words *all = &t->data->train;
        if (p->epochs == 0 || p->at >= all->n) begin_epoch(t);
        size_t count = all->n - p->at < (size_t)t->o.batch ? all->n - p->at : (size_t)t->o.batch;
        p->tokens += train_batch(&t->net, t->block, &all->word[p->at], count, t->o.rate);
        p->at += count;
        if (p->tokens >= p->next || p->tokens >= t->o.cap) evaluate(t);
    }
    if (stopped) leave_checkpoint(t);
    if (p->step == 0) evaluate(t); /* stopped before it had anything to say */
}

static void run(const struct settings *o, struct data *d, struct nocturne *out)
{
    struct training t = {.o = *o, .out = out, .data = d, .random = o->seed * 0x9e3779b97f4a7c15u + 1};
    const char *from = nocturne_resume_from(out);
    t.net = net_create((size_t)o->hidden, d->classes, &t.random);
    t.block = block_create();
    t.best_weights = zeroed(t.net.n, sizeof(float));
    t.p = (struct progress){.seed = o->seed,
                            .words = (long)d->train.n,
                            .next = o->every,
                            .best = -1,
                            .stopping = {.patience = (double)o->patience, .threshold = o->threshold}};
    memcpy(t.best_weights, t.net.mean, t.net.n * sizeof(float));
    if (from) resume(&t, from);
    nocturne_on_set(out, "learning_rate", set_rate, &t);
    nocturne_on_set(out, "batch_size", set_batch, &t);
    nocturne_early_stopping(out, &t.p.stopping, "em");
    train(&t);
    double em = exact_match(&t.net, t.best_weights, d, &d->validation),
           test = exact_match(&t.net, t.best_weights, d, &d->test);
    nocturne_result(out, 3, (struct nocturne_metric[]){{"em", em}, {"em_test", test}, {"tokens", (double)t.p.tokens}});
    free(t.best_weights);
    free(t.block);
    net_done(&t.net);
}

static const struct argp_option options[] = {
    {"data", 'd', "FILE", 0, "output of g2p_prep (default g2p.data)", 0},
    {"lr", 'l', "RATE", 0, "Adam's learning rate (default 1e-3)", 0},
    {"batch", 'b', "WORDS", 0, "words a batch (default 64)", 0},
    {"patience", 'p', "N", 0, "evaluations without improvement before stopping (default 5)", 0},
    {"threshold", 't', "EM", 0, "improvement that counts, as a share of words (default 0)", 0},
    {"seed", 's', "N", 0, "random seed (default: NOCTURNE_SEED, else 1)", 0},
    {"words", 'w', "N", 0, "training words used (default: all)", 0},
    {"validation", 'v', "N", 0, "validation and test words used, each (default: all)", 0},
    {"hidden", 'h', "N", 0, "hidden units, a multiple of 16 up to 1024 (default 128)", 0},
    {"every", 'e', "LETTERS", 0, "letters between evaluations (default 100000)", 0},
    {"cap", 'c', "LETTERS", 0, "letters at most (default 8000000)", 0},
    {"checkpoint", 'k', "N", 0,
     "evaluations between checkpoints, in NOCTURNE_DIR; 0: none but when stopped (default: 10 under Nocturne, else 0)",
     0},
    {"resume", 'r', "FILE", 0, "go on from this checkpoint (default: NOCTURNE_RESUME)", 0},
    {"folder", 'f', "FOLDER", 0, "for checkpoints (default: NOCTURNE_DIR, else the current folder)", 0},
    {0},
};

static long whole(const char *arg, long min, long max, struct argp_state *state)
{
    char *end;
    long v = strtol(arg, &end, 10);
    if (*arg == 0 || *end || v < min || v > max)
        argp_error(state, "'%s' is not a whole number from %ld to %ld", arg, min, max);
    return v;
}

static double real(const char *arg, double min, double max, struct argp_state *state)
{
    char *end;
    double v = strtod(arg, &end);
    if (*arg == 0 || *end || !(v >= min && v <= max)) argp_error(state, "'%s' is not from %g to %g", arg, min, max);
    return v;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *o = state->input;
    switch (key) {
    case 'd': o->data = arg; return 0;
    case 'l': o->rate = real(arg, 1e-9, 10, state); return 0;
    case 'b': o->batch = whole(arg, 1, 1 << 20, state); return 0;
    case 'p': o->patience = whole(arg, 1, 1 << 20, state); return 0;
    case 't': o->threshold = real(arg, 0, 1, state); return 0;
    case 's': o->seed = (unsigned long)whole(arg, 0, INT32_MAX, state); return 0;
    case 'w': o->words = whole(arg, 1, INT32_MAX, state); return 0;
    case 'v': o->validation = whole(arg, 1, INT32_MAX, state); return 0;
    case 'h': o->hidden = whole(arg, 16, HIDDEN_MAX, state) / 16 * 16; return 0;
    case 'e': o->every = whole(arg, 1, INT32_MAX, state); return 0;
    case 'c': o->cap = whole(arg, 1, INT32_MAX, state); return 0;
    case 'k': o->checkpoint = whole(arg, 0, INT32_MAX, state); return 0;
    case 'r':
    case 'f': return 0; /* the SDK reads them */
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void limit(struct words *ws, long n)
{
    for (; (long)ws->n > n; ws->n--) free(ws->word[ws->n - 1].prons);
}

int main(int argc, char **argv)
{
    const char *seed = getenv("NOCTURNE_SEED");
    struct settings o = {.data = "g2p.data",
                         .rate = 1e-3,
                         .batch = 64,
                         .patience = 5,
                         .words = INT32_MAX,
                         .validation = INT32_MAX,
                         .hidden = 128,
                         .every = 100000,
                         .cap = 8000000,
                         .checkpoint = getenv("NOCTURNE_DIR") ? 10 : 0,
                         .seed = seed ? strtoul(seed, NULL, 10) : 1};
    const struct argp argp = {options,
                              parse,
                              NULL,
                              "Train letters-to-sounds with early stopping.\v"
                              "Example: g2p_train --data g2p.data --lr 3e-3 --batch 16 --patience 4 --threshold 1e-3",
                              NULL,
                              NULL,
                              NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    struct data d = {0};
    data_read(&d, o.data);
    uint64_t fixed = 42; /* which words a small variant uses does not depend on the seed */
    shuffle(&d.train, &fixed);
    shuffle(&d.validation, &fixed);
    shuffle(&d.test, &fixed);
    limit(&d.train, o.words);
    limit(&d.validation, o.validation);
    limit(&d.test, o.validation);
    struct nocturne *out = nocturne_open(argc, argv);
    if (!out) die("out of memory", "nocturne");
    run(&o, &d, out);
    nocturne_close(out);
    words_free(&d.train);
    words_free(&d.validation);
    words_free(&d.test);
    return 0;
}
