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

#include "workers/sdk/c/nocturne.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One binary: the loader picks the clone that the processor can run. x86-64-v3 is AVX2 and FMA, of any maker (a clone
 * for "haswell" would be taken on Intel alone); AVX-512 is no faster here. Without AVX2 it takes four times as long. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FAST __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FAST
#endif

enum {
    SIDE = 5,
    WINDOW = 2 * SIDE + 1,
    SYMBOLS = 27, /* 26 letters and the word's edge */
    CLASSES_MAX = 80,
    PAD = CLASSES_MAX, /* floats in a vector of logits */
    HIDDEN_MAX = 1024,
    LANES = 8,
    LOGIT_LANES = PAD / LANES,
    BLOCK = 16, /* letters whose gradients are added together */
    WORD_MAX = 48,
    TEXT_MAX = 64,
    ROWS = WINDOW + 2, /* embedding rows that are summed for one letter */
};

/* One 256-bit register, or two narrower ones: the compiler splits it. All vectors here are 64-byte aligned. */
typedef float lanes __attribute__((vector_size(4 * LANES), may_alias));

struct word {
    unsigned char len;
    unsigned char letter[WORD_MAX];
    unsigned char chunk[WORD_MAX]; /* training words: the target of each letter */
    char *prons;                   /* held-out words: "|PH+PH|PH+PH|" */
};

struct words {
    struct word *word;
    size_t n, room;
};

struct data {
    struct words train, validation, test;
    int classes;
    char class_name[CLASSES_MAX][16];
};

struct settings {
    const char *data;
    double rate, threshold;
    long batch, patience, words, validation, hidden, every, cap, checkpoint;
    unsigned long seed;
};

/* All weights in one vector of `n` floats:
 * embed rows × H | hidden bias H | out H × PAD | out bias PAD */
struct net {
    size_t H, classes, n;
    size_t at_bias, at_out, at_out_bias;
    float *w, *grad, *m, *v, *mean; /* weights, gradient, Adam's moments, moving average */
    long steps;
    double seen;
};

/* What one letter needs between its forward and its backward pass. */
struct letter {
    size_t row[ROWS];
    _Alignas(64) float h[HIDDEN_MAX], dh[HIDDEN_MAX], logit[PAD];
};

struct block {
    int n;
    struct letter letter[BLOCK];
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "g2p_train: %s: %s\n", name, what);
    exit(1);
}

static void *zeroed(size_t n, size_t size)
{
    void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);
    if (!p) die("out of memory", "allocation");
    return memset(p, 0, n * size);
}

/* ---- random numbers: SplitMix64 ---- */

static uint64_t random_bits(uint64_t *s)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double random_unit(uint64_t *s)
{
    return ((double)(random_bits(s) >> 11) + 0.5) * 0x1p-53;
}

static double random_normal(uint64_t *s)
{
    return sqrt(-2 * log(random_unit(s))) * cos(2 * M_PI * random_unit(s));
}

/* ---- data ---- */

static struct word *add_word(struct words *ws, const char *text)
{
    if (ws->n == ws->room) {
        ws->room = ws->room ? 2 * ws->room : 8192;
        ws->word = realloc(ws->word, ws->room * sizeof *ws->word);
        if (!ws->word) die("out of memory", "data");
    }
    struct word *w = &ws->word[ws->n++];
    memset(w, 0, sizeof *w);
    for (; text[w->len] >= 'a' && text[w->len] <= 'z' && w->len < WORD_MAX; w->len++)
        w->letter[w->len] = (unsigned char)(text[w->len] - 'a' + 1);
    return w;
}

static void read_targets(struct word *w, char *text, int classes, const char *path)
{
    for (int i = 0; i < w->len; i++) {
        long c = strtol(text, &text, 10);
        if (c < 0 || c >= classes) die("a class index is out of range: run g2p_prep again", path);
        w->chunk[i] = (unsigned char)c;
    }
}

static void read_line(struct data *d, char *line, const char *path)
{
    char *save = NULL, *kind = strtok_r(line, " \n", &save), *text = strtok_r(NULL, " \n", &save);
    if (!kind || !text) return;
    if (strcmp(kind, "class") == 0) {
        if (d->classes == CLASSES_MAX || strlen(text) >= sizeof d->class_name[0]) die("bad class record", path);
        strcpy(d->class_name[d->classes++], text);
    } else if (strcmp(kind, "t") == 0) {
        read_targets(add_word(&d->train, text), save, d->classes, path);
    } else if (strcmp(kind, "v") == 0 || strcmp(kind, "x") == 0) {
        struct word *w = add_word(*kind == 'v' ? &d->validation : &d->test, text);
        size_t n = strlen(save);
        w->prons = malloc(n + 3);
        if (!w->prons) die("out of memory", "data");
        snprintf(w->prons, n + 3, "|%.*s|", (int)strcspn(save, "\n"), save);
    }
}

static void data_read(struct data *d, const char *path)
{
    FILE *in = fopen(path, "r");
    if (!in) die("cannot read the data; make it with g2p_prep", path);
    char line[2048];
    if (!fgets(line, sizeof line, in) || strcmp(line, "g2p 1\n") != 0) die("not the output of g2p_prep", path);
    while (fgets(line, sizeof line, in)) read_line(d, line, path);
    fclose(in);
    if (!d->train.n || !d->validation.n || !d->test.n) die("no words in it: run g2p_prep again", path);
}

static void words_free(struct words *ws)
{
    for (size_t i = 0; i < ws->n; i++) free(ws->word[i].prons);
    free(ws->word);
}

static void shuffle(struct words *ws, uint64_t *s)
{
    for (size_t i = ws->n; i > 1; i--) {
        size_t j = random_bits(s) % i;
        struct word w = ws->word[i - 1];
        ws->word[i - 1] = ws->word[j];
        ws->word[j] = w;
    }
}

/* ---- network ---- */

static struct net net_create(size_t H, int classes, uint64_t *s)
{
    struct net n = {
        .H = H,
        .classes = (size_t)classes,
    };
    size_t rows = WINDOW * SYMBOLS + 2 * ((size_t)classes + 1);
    n.at_bias = rows * H;
    n.at_out = n.at_bias + H;
    n.at_out_bias = n.at_out + H * PAD;
    n.n = n.at_out_bias + PAD;
    n.w = zeroed(n.n, sizeof(float));
    n.grad = zeroed(n.n, sizeof(float));
    n.m = zeroed(n.n, sizeof(float));
    n.v = zeroed(n.n, sizeof(float));
    n.mean = zeroed(n.n, sizeof(float));
    for (size_t i = 0; i < n.at_bias; i++) n.w[i] = (float)(sqrt(2.0 / ROWS) * random_normal(s));
    for (size_t j = 0; j < H; j++)
        for (size_t c = 0; c < n.classes; c++)
            n.w[n.at_out + j * PAD + c] = (float)(sqrt(1.0 / (double)H) * random_normal(s));
    for (size_t c = n.classes; c < PAD; c++) n.w[n.at_out_bias + c] = -1e9f; /* never predicted */
    memcpy(n.mean, n.w, n.n * sizeof(float));
    return n;
}

static void net_done(struct net *n)
{
    free(n->w);
    free(n->grad);
    free(n->m);
    free(n->v);
    free(n->mean);
}

/* Offsets of the embedding rows for letter i; prev1, prev2 are chunks, or -1 before the word. */
static void rows_of(const struct net *n, const struct word *w, int i, int prev1, int prev2, size_t row[ROWS])
{
    for (int k = 0; k < WINDOW; k++) {
        int at = i + k - SIDE;
        size_t symbol = at >= 0 && at < w->len ? w->letter[at] : 0;
        row[k] = ((size_t)k * SYMBOLS + symbol) * n->H;
    }
    size_t base = WINDOW * SYMBOLS;
    row[WINDOW] = (base + (size_t)(prev1 + 1)) * n->H;
    row[WINDOW + 1] = (base + n->classes + 1 + (size_t)(prev2 + 1)) * n->H;
}

/* h = ReLU(Σ rows + bias); logits = h · out + bias. Lists the units that are on, so that
 * the loops over them need no unpredictable branch; returns how many there are. */
FAST static size_t forward(const struct net *n, const float *restrict w, const size_t row[ROWS], float *restrict h,
                           unsigned short *restrict on, float *restrict logit)
{
    size_t H = n->H, n_on = 0;
    const float *bias = w + n->at_bias, *out = w + n->at_out, *out_bias = w + n->at_out_bias;
    for (size_t j = 0; j < H; j += LANES) {
        lanes sum = *(const lanes *)(bias + j);
        for (int k = 0; k < ROWS; k++) sum += *(const lanes *)(w + row[k] + j);
        *(lanes *)(h + j) = sum;
    }
    for (size_t j = 0; j < H; j++) {
        on[n_on] = (unsigned short)j;
        n_on += h[j] > 0;
    }
    for (size_t part = 0; part < PAD; part += PAD / 2) {
        lanes sum[LOGIT_LANES / 2]; /* half of the logits at a time: they stay in registers, whatever their width */
        for (int i = 0; i < LOGIT_LANES / 2; i++) sum[i] = ((const lanes *)(out_bias + part))[i];
        for (size_t k = 0; k < n_on; k++) {
            const lanes *o = (const lanes *)(out + (size_t)on[k] * PAD + part);
            for (int i = 0; i < LOGIT_LANES / 2; i++) sum[i] += h[on[k]] * o[i];
        }
        for (int i = 0; i < LOGIT_LANES / 2; i++) ((lanes *)(logit + part))[i] = sum[i];
    }
    return n_on;
}

/* Turns logits into d(−log p[target])/dlogit. */
FAST static void softmax_gradient(float *restrict logit, size_t n, size_t target)
{
    float max = logit[0], sum = 0;
    for (size_t c = 1; c < n; c++)
        if (logit[c] > max) max = logit[c];
    for (size_t c = 0; c < n; c++) sum += logit[c] = expf(logit[c] - max);
    for (size_t c = 0; c < n; c++) logit[c] /= sum;
    logit[target] -= 1;
}

/* Adds the gradient of the letters of one block. Units are the outer loop, so that a row
 * of `out` and of its gradient is loaded once for the whole block. */
FAST static void backward(struct net *n, struct block *b)
{
    size_t H = n->H;
    float *g = n->grad;
    for (size_t j = 0; j < H; j++) {
        lanes o[LOGIT_LANES], go[LOGIT_LANES], *grad = (lanes *)(g + n->at_out + j * PAD);
        unsigned live = 0;
        for (int l = 0; l < b->n; l++) {
            live |= (unsigned)(b->letter[l].h[j] > 0) << l;
            b->letter[l].dh[j] = 0;
        }
        for (int i = 0; i < LOGIT_LANES; i++) o[i] = ((const lanes *)(n->w + n->at_out + j * PAD))[i], go[i] = grad[i];
        for (; live; live &= live - 1) {
            struct letter *x = &b->letter[__builtin_ctz(live)];
            const lanes *d = (const lanes *)x->logit;
            lanes dot = {0};
            for (int i = 0; i < LOGIT_LANES; i++) dot += d[i] * o[i], go[i] += x->h[j] * d[i];
            for (int i = 0; i < LANES; i++) x->dh[j] += dot[i];
        }
        for (int i = 0; i < LOGIT_LANES; i++) grad[i] = go[i];
    }
    for (int l = 0; l < b->n; l++) {
        const struct letter *x = &b->letter[l];
        for (int i = 0; i < LOGIT_LANES; i++) ((lanes *)(g + n->at_out_bias))[i] += ((const lanes *)x->logit)[i];
        for (size_t j = 0; j < H; j += LANES) {
            lanes d = *(const lanes *)(x->dh + j);
            *(lanes *)(g + n->at_bias + j) += d;
            for (int k = 0; k < ROWS; k++) *(lanes *)(g + x->row[k] + j) += d;
        }
    }
}

/* One Adam step (Kingma & Ba 2015) with the gradient scaled by 1/letters, then the moving average. */
FAST static void adam(struct net *n, float rate, float scale, float keep)
{
    float *restrict w = n->w, *restrict g = n->grad, *restrict m = n->m, *restrict v = n->v, *restrict mean = n->mean;
    float c1 = 1 - powf(0.9f, (float)n->steps), c2 = 1 - powf(0.999f, (float)n->steps);
    float step = rate / c1, root = 1 / sqrtf(c2);
    for (size_t i = 0; i < n->n; i++) {
        float d = g[i] * scale;
        m[i] = 0.9f * m[i] + 0.1f * d;
        v[i] = 0.999f * v[i] + 0.001f * d * d;
        w[i] -= step * m[i] / (sqrtf(v[i]) * root + 1e-8f);
        mean[i] = keep * mean[i] + (1 - keep) * w[i];
        g[i] = 0;
    }
}

static long train_batch(struct net *n, struct block *b, const struct word *w, size_t count, double rate)
{
    unsigned short on[HIDDEN_MAX + 1];
    long letters = 0;
    b->n = 0;
    for (size_t k = 0; k < count; k++)
        for (int i = 0; i < w[k].len; i++, letters++) {
            struct letter *x = &b->letter[b->n++];
            rows_of(n, &w[k], i, i > 0 ? w[k].chunk[i - 1] : -1, i > 1 ? w[k].chunk[i - 2] : -1, x->row);
            forward(n, n->w, x->row, x->h, on, x->logit);
            softmax_gradient(x->logit, PAD, w[k].chunk[i]);
            if (b->n == BLOCK) backward(n, b), b->n = 0;
        }
    backward(n, b);
    n->steps++;
    n->seen += (double)letters;
    double horizon = fmin(100e3, (double)letters + 0.2 * n->seen); /* short at first, or the start's weights linger */
    adam(n, (float)rate, 1 / (float)letters, (float)exp(-(double)letters / horizon));
    return letters;
}

/* Greedy decoding; true if the phones equal one of the word's pronunciations. */
static bool decodes(const struct net *n, const float *weights, const struct data *d, const struct word *w)
{
    _Alignas(64) float h[HIDDEN_MAX], logit[CLASSES_MAX];
    unsigned short on[HIDDEN_MAX + 1];
    size_t row[ROWS];
    char text[16 * WORD_MAX + 2] = "|";
    size_t at = 1;
    int prev1 = -1, prev2 = -1;
    for (int i = 0; i < w->len; i++) {
        rows_of(n, w, i, prev1, prev2, row);
        forward(n, weights, row, h, on, logit);
        int best = 0;
        for (int c = 1; c < (int)n->classes; c++)
            if (logit[c] > logit[best]) best = c;
        prev2 = prev1, prev1 = best;
        if (strcmp(d->class_name[best], "_") != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 1 ? "+" : "", d->class_name[best]);
    }
    if (at + 2 > sizeof text) return false;
    strcpy(text + at, "|");
    return strstr(w->prons, text) != NULL;
}

static double exact_match(const struct net *n, const float *weights, const struct data *d, const struct words *ws)
{
    size_t right = 0;
    for (size_t i = 0; i < ws->n; i++) right += decodes(n, weights, d, &ws->word[i]);
    return (double)right / (double)ws->n;
}

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
    t.block = zeroed(1, sizeof *t.block);
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
