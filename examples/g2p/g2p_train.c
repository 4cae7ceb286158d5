/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_train: trains letters-to-sounds on the data of g2p_prep, with early stopping.
 *
 * Model: mlp (mlp.c), a window of letters and one layer, or conv (conv.c), two
 * convolutions over the word; H units a layer, and softmax over chunks. Adam at a constant rate on batches of whole
 * words, float32. What is evaluated is an exponential moving average of the weights (horizon 100k letters): it cuts the
 * seed noise of EM by half.
 *
 * em      share of validation words whose whole greedy output equals any listed
 *         pronunciation, at the best evaluation
 * em_test the same on the test split, with the weights of that evaluation
 * tokens  letters processed in training until the stop
 * bytes   of the model's file, with --save
 *
 * Early stopping: an evaluation counts as better if em > best + threshold; after
 * `patience` evaluations in a row that are not, training ends. Under Nocturne both
 * may be adapted while it trains, and rate and batch size be changed.
 *
 * With a teacher it also learns what that says of the training words (net.h).
 *
 * A checkpoint is left every --checkpoint evaluations and when it is asked to stop.
 */
#include "architecture.h"
#include "checkpoint.h"
#include "net.h"
#include "option.h"

#include "workers/sdk/c/nocturne.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data, *save, *init, *teacher;
    const struct architecture *arch;
    double rate, threshold, alpha, temperature;
    long batch, patience, words, validation, hidden, every, cap, checkpoint;
    unsigned long seed;
};

/* ---- training with early stopping ---- */

/* What a checkpoint holds besides the vectors of the network. The order of the words follows from seed and epoch. */
struct progress {
    unsigned long seed;
    long architecture, words, epochs, tokens, next, step, steps; /* epochs begun; next: tokens at the next evaluation */
    size_t at;                                                   /* word of the epoch */
    double seen, best;
    struct nocturne_stopping stopping;
};

struct training {
    struct settings o; /* rate and batch may change */
    struct nocturne *out;
    struct data *data;
    struct net net;
    struct pass *pass;
    struct model init, teacher;
    struct units units;
    struct lesson lesson;
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
    if (!wrong && (p->words != fresh.words || p->architecture != fresh.architecture))
        wrong = "it is of a training on other words, or of another network";
    if (wrong) {
        char text[600];
        snprintf(text, sizeof text, "cannot go on from %.400s: %s; beginning anew", path, wrong);
        fprintf(stderr, "g2p_train: %s\n", text);
        nocturne_log(t->out, text);
        if (p->words != fresh.words || p->architecture != fresh.architecture)
            die("a checkpoint of another training", path);
        return;
    }
    p->stopping.patience = fresh.stopping.patience;
    p->stopping.threshold = fresh.stopping.threshold;
    t->net.steps = p->steps;
    t->net.seen = p->seen;
    if (p->seed != fresh.seed) { /* its words come in its order */
        t->random = p->seed * 0x9e3779b97f4a7c15u + 1;
        struct net same = net_create(t->o.arch, t->units, t->data, &t->random);
        net_done(&same);
    }
    size_t at = p->at;
    long epochs = p->epochs;
    for (p->epochs = 0; p->epochs < epochs;) begin_epoch(t);
    p->at = at;
}

static double exact_match(struct training *t, float *weights, const struct words *ws)
{
    struct model m = net_model(&t->net, weights);
    return model_exact_match(&m, t->pass, t->data, ws);
}

static void evaluate(struct training *t)
{
    struct progress *p = &t->p;
    double em = exact_match(t, t->net.mean, &t->data->validation);
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
        p->tokens += net_train(&t->net, &t->lesson, &all->word[p->at], count, t->o.rate);
        p->at += count;
        if (p->tokens >= p->next || p->tokens >= t->o.cap) evaluate(t);
    }
    if (stopped) leave_checkpoint(t);
    if (p->step == 0) evaluate(t); /* stopped before it had anything to say */
}

/* A file's model of the same classes as the data's. */
static void load(struct model *m, const char *path, const struct data *d)
{
    char names[NAMES_MAX];
    const char *wrong = model_load(m, path);
    if (wrong) die(wrong, path);
    model_names(d, names);
    if (strcmp(m->names, names) != 0) die("a model of other data: its classes are others", path);
}

/* With alpha 0 the teacher would have no say. */
static void call_teacher(struct training *t)
{
    if (!t->o.teacher) return;
    load(&t->teacher, t->o.teacher, t->data);
    if (t->o.alpha <= 0) return;
    t->lesson = (struct lesson){.teacher = &t->teacher,
                                .pass = pass_create(&t->teacher),
                                .alpha = (float)t->o.alpha,
                                .temperature = (float)t->o.temperature};
}

static void choose_network(struct training *t)
{
    t->units = (struct units){(size_t)t->o.hidden, t->o.arch->taps ? (size_t)t->o.hidden : 0};
    if (!t->o.init) return;
    load(&t->init, t->o.init, t->data);
    if (t->init.bits != 32) die("only a model of 32 bits can learn", t->o.init);
    t->o.arch = t->init.arch;
    t->units = model_units(&t->init);
}

static void begin(struct training *t)
{
    const struct settings *o = &t->o;
    choose_network(t);
    t->random = o->seed * 0x9e3779b97f4a7c15u + 1;
    t->net = net_create(o->arch, t->units, t->data, &t->random);
    if (o->init) net_begin_at(&t->net, &t->init);
    t->pass = pass_create(&t->net.model);
    t->best_weights = zeroed(t->net.n, sizeof(float));
    t->p = (struct progress){.seed = o->seed,
                             .architecture = (long)architecture_number(o->arch),
                             .words = (long)t->data->train.n,
                             .next = o->every,
                             .best = -1,
                             .stopping = {.patience = (double)o->patience, .threshold = o->threshold}};
    memcpy(t->best_weights, t->net.mean, t->net.n * sizeof(float));
    call_teacher(t);
}

static void end(struct training *t)
{
    struct model best = net_model(&t->net, t->best_weights);
    struct nocturne_metric result[] = {{"em", exact_match(t, t->best_weights, &t->data->validation)},
                                       {"em_test", exact_match(t, t->best_weights, &t->data->test)},
                                       {"tokens", (double)t->p.tokens},
                                       {"bytes", (double)model_bytes(&best)}};
    if (t->o.save && model_save(&best, t->o.save) != 0) die(strerror(errno), t->o.save);
    nocturne_result(t->out, t->o.save ? 4 : 3, result);
}

static void run(const struct settings *o, struct data *d, struct nocturne *out)
{
    struct training t = {.o = *o, .out = out, .data = d};
    const char *from = nocturne_resume_from(out);
    begin(&t);
    if (from) resume(&t, from);
    nocturne_on_set(out, "learning_rate", set_rate, &t);
    nocturne_on_set(out, "batch_size", set_batch, &t);
    nocturne_early_stopping(out, &t.p.stopping, "em");
    train(&t);
    end(&t);
    free(t.best_weights);
    free(t.pass);
    free(t.lesson.pass);
    model_done(&t.init);
    model_done(&t.teacher);
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
    {"model", 'm', "NAME", 0, "architecture: mlp or conv (default mlp)", 0},
    {"save", 'o', "FILE", 0, "write the best weights to this file", 0},
    {"init", 'i', "FILE", 0, "go on from the weights of this model; --model and --hidden are its own", 0},
    {"teacher", 'T', "FILE", 0, "learn from this model, too", 0},
    {"alpha", 'a', "SHARE", 0, "the teacher's share of the loss, 0 to 1 (default 0.3)", 0},
    {"temperature", 'D', "T", 0, "at which the teacher is asked, 1 to 8 (default 1)", 0},
    {"every", 'e', "LETTERS", 0, "letters between evaluations (default 100000)", 0},
    {"cap", 'c', "LETTERS", 0, "letters at most (default 8000000)", 0},
    {"checkpoint", 'k', "N", 0,
     "evaluations between checkpoints, in NOCTURNE_DIR; 0: none but when stopped (default: 10 under Nocturne, else 0)",
     0},
    {"resume", 'r', "FILE", 0, "go on from this checkpoint (default: NOCTURNE_RESUME)", 0},
    {"folder", 'f', "FOLDER", 0, "for checkpoints (default: NOCTURNE_DIR, else the current folder)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *o = state->input;
    switch (key) {
    case 'd': o->data = arg; return 0;
    case 'l': o->rate = option_real(arg, 1e-9, 10, state); return 0;
    case 'b': o->batch = option_whole(arg, 1, 1 << 20, state); return 0;
    case 'p': o->patience = option_whole(arg, 1, 1 << 20, state); return 0;
    case 't': o->threshold = option_real(arg, 0, 1, state); return 0;
    case 's': o->seed = (unsigned long)option_whole(arg, 0, INT32_MAX, state); return 0;
    case 'w': o->words = option_whole(arg, 1, INT32_MAX, state); return 0;
    case 'v': o->validation = option_whole(arg, 1, INT32_MAX, state); return 0;
    case 'h': o->hidden = option_whole(arg, 16, HIDDEN_MAX, state) / 16 * 16; return 0;
    case 'm':
        o->arch = architecture_named(arg);
        if (!o->arch) argp_failure(state, 1, 0, "'%s' is not a model: mlp or conv", arg);
        return 0;
    case 'o': o->save = arg; return 0;
    case 'i': o->init = arg; return 0;
    case 'T': o->teacher = arg; return 0;
    case 'a': o->alpha = option_real(arg, 0, 1, state); return 0;
    case 'D': o->temperature = option_real(arg, 1, 8, state); return 0;
    case 'e': o->every = option_whole(arg, 1, INT32_MAX, state); return 0;
    case 'c': o->cap = option_whole(arg, 1, INT32_MAX, state); return 0;
    case 'k': o->checkpoint = option_whole(arg, 0, INT32_MAX, state); return 0;
    case 'r':
    case 'f': return 0; /* the SDK reads them */
    default: return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    const char *seed = getenv("NOCTURNE_SEED");
    struct settings o = {.data = "g2p.data",
                         .arch = &mlp,
                         .alpha = 0.3,
                         .temperature = 1,
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
    option_parse(&argp, argc, argv, &o);
    struct data d = {0};
    data_open(&d, o.data, o.words, o.validation);
    struct nocturne *out = nocturne_open(argc, argv);
    if (!out) die("out of memory", "nocturne");
    run(&o, &d, out);
    nocturne_close(out);
    data_free(&d);
    return 0;
}
