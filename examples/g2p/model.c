/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model.h"

#include "architecture.h"
#include "sealed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct seal SEAL = {0x316c646d703267 /* "g2pmdl1" */, "it is no model of g2p_train or g2p_compress"};
static const float NEVER = -1e9f, WEIGHT_MAX = 1e6f;

/* ---- shape and memory ---- */

static bool is_units(size_t n)
{
    return n >= UNITS_STEP && n <= HIDDEN_MAX && n % UNITS_STEP == 0;
}

void model_shape(struct model *m, const struct architecture *arch, struct units units, size_t classes)
{
    *m = (struct model){.arch = arch, .bits = 32, .classes = classes, .kernels = kernels_best()};
    arch->shape(m, units);
}

struct units model_units(const struct model *m)
{
    return (struct units){m->letters.out, m->conv.in ? m->conv.out : 0};
}

size_t model_layers(struct model *m, struct layer *ret[LAYERS_MAX])
{
    struct layer *all[LAYERS_MAX] = {&m->letters, &m->conv, &m->chunks, &m->out};
    size_t n = 0;
    for (size_t i = 0; i < LAYERS_MAX; i++)
        if (all[i]->in) ret[n++] = all[i];
    return n;
}

size_t model_floats(struct model *m)
{
    struct layer *l[LAYERS_MAX];
    size_t floats = 0, n = model_layers(m, l);
    for (size_t i = 0; i < n; i++) floats += (l[i]->in + l[i]->has_bias) * l[i]->out;
    return floats;
}

void model_place(struct model *m, float *vector)
{
    struct layer *l[LAYERS_MAX];
    size_t n = model_layers(m, l);
    for (size_t i = 0; i < n; i++) {
        l[i]->w = vector;
        l[i]->bias = vector + l[i]->in * l[i]->out;
        vector += (l[i]->in + l[i]->has_bias) * l[i]->out;
    }
}

/* Classes that are not there are never predicted. */
static void bar_padding(struct model *m)
{
    for (size_t c = m->out.cols; c < m->out.out; c++) m->out.bias[c] = NEVER;
}

static void own_floats(struct model *m)
{
    m->owned = zeroed(model_floats(m), sizeof(float));
    model_place(m, m->owned);
}

/* Every vector begins at a multiple of 64 bytes, as out is one of 16. */
static void own_integers(struct model *m, int bits)
{
    struct layer *l[LAYERS_MAX];
    size_t size = 0, n = model_layers(m, l);
    for (size_t i = 0; i < n; i++) size += l[i]->out * (l[i]->in + 64) + 64;
    char *at = m->owned = zeroed(size, 1);
    for (size_t i = 0; i < n; i++) {
        size_t out = l[i]->out;
        *l[i] =
            (struct layer){.in = l[i]->in, .out = out, .cols = l[i]->cols, .has_bias = l[i]->has_bias, .bits = bits};
        l[i]->scale = (float *)at, at += out * sizeof(float);
        l[i]->bias = (float *)at, at += out * sizeof(float);
        l[i]->start = (int16_t *)at, at += (out * sizeof(int16_t) + 63) / 64 * 64;
        l[i]->q = (int8_t *)at, at += (out * l[i]->in + 63) / 64 * 64;
    }
}

void model_allocate(struct model *m, int bits)
{
    m->bits = bits;
    if (bits == 32)
        own_floats(m);
    else
        own_integers(m, bits);
    bar_padding(m);
}

void model_done(struct model *m)
{
    free(m->owned);
    m->owned = NULL;
}

void model_names(const struct data *d, char ret[NAMES_MAX])
{
    size_t at = 0;
    ret[0] = 0;
    for (int c = 0; c < d->classes; c++) at += (size_t)snprintf(ret + at, NAMES_MAX - at, "%s ", d->class_name[c]);
}

/* ---- file ---- */

enum header { ARCHITECTURE, BITS, FIRST, SECOND, CLASSES, NAMES, HEADER };

/* One description of the file for writing and reading. */
struct transfer {
    char *bytes;
    size_t at;
    bool reads;
};

static void transfer(struct transfer *t, void *memory, size_t n)
{
    if (t->reads)
        memcpy(memory, t->bytes + t->at, n);
    else
        memcpy(t->bytes + t->at, memory, n);
    t->at += n;
}

/* Two numbers of four bits in a byte. */
static void transfer_packed(struct transfer *t, int8_t *q, size_t n)
{
    for (size_t i = 0; i < n; i += 2) {
        int8_t none = 0, *odd = i + 1 < n ? &q[i + 1] : &none;
        uint8_t both = (uint8_t)((q[i] & 15) | (*odd & 15) << 4);
        transfer(t, &both, 1);
        if (!t->reads) continue;
        q[i] = (int8_t)((both & 15) - 2 * (both & 8));
        *odd = (int8_t)((both >> 4) - 2 * (both >> 4 & 8));
    }
}

static void transfer_layer(struct transfer *t, struct layer *l, int bits)
{
    if (bits != 32) transfer(t, l->scale, l->cols * sizeof(float));
    if (l->has_bias) transfer(t, l->bias, l->cols * sizeof(float));
    for (size_t j = 0; j < l->in; j++)
        if (bits == 32)
            transfer(t, l->w + j * l->out, l->cols * sizeof(float));
        else if (bits == 8)
            transfer(t, l->q + j * l->out, l->cols);
        else
            transfer_packed(t, l->q + j * l->out, l->cols);
}

static void transfer_model(struct transfer *t, struct model *m)
{
    struct layer *l[LAYERS_MAX];
    size_t n = model_layers(m, l);
    for (size_t i = 0; i < n; i++) transfer_layer(t, l[i], m->bits);
}

/* Bytes that transfer_model moves. */
static size_t count_weights(struct model *m)
{
    struct layer *l[LAYERS_MAX];
    size_t bytes = 0, n = model_layers(m, l);
    for (size_t i = 0; i < n; i++) {
        size_t row = m->bits == 32 ? l[i]->cols * sizeof(float) : m->bits == 8 ? l[i]->cols : (l[i]->cols + 1) / 2;
        size_t floats = (m->bits != 32 ? 1u : 0u) + l[i]->has_bias; /* of a column: scale, bias */
        bytes += l[i]->in * row + floats * l[i]->cols * sizeof(float);
    }
    return bytes;
}

size_t model_bytes(struct model *m)
{
    return 2 * sizeof(uint64_t) /* the seal */ + HEADER * sizeof(uint32_t) + strlen(m->names) + count_weights(m);
}

int model_save(struct model *m, const char *path)
{
    struct units u = model_units(m);
    uint32_t h[HEADER] = {(uint32_t)architecture_number(m->arch),
                          (uint32_t)m->bits,
                          (uint32_t)u.first,
                          (uint32_t)u.second,
                          (uint32_t)m->classes,
                          (uint32_t)strlen(m->names)};
    size_t size = count_weights(m);
    struct transfer t = {.bytes = malloc(size)};
    if (!t.bytes) return -1;
    transfer_model(&t, m);
    int failed = sealed_save(path, &SEAL, (struct piece[]){{h, sizeof h}, {m->names, h[NAMES]}, {t.bytes, size}}, 3);
    int why = errno;
    free(t.bytes);
    return errno = why, failed;
}

/* Fills in shape and names; false: no such model can be. */
static bool read_header(struct model *m, struct transfer *t, size_t size)
{
    uint32_t h[HEADER];
    if (size < sizeof h) return false;
    transfer(t, h, sizeof h);
    const struct architecture *arch = architecture_numbered(h[ARCHITECTURE]);
    if (!arch || (h[BITS] != 32 && h[BITS] != 8 && h[BITS] != 4) || !is_units(h[FIRST])) return false;
    if (arch->taps ? !is_units(h[SECOND]) : h[SECOND] != 0) return false;
    if (h[CLASSES] < 1 || h[CLASSES] > CLASSES_MAX || h[NAMES] >= NAMES_MAX || h[NAMES] > size - t->at) return false;
    model_shape(m, arch, (struct units){h[FIRST], h[SECOND]}, h[CLASSES]);
    m->bits = (int)h[BITS];
    transfer(t, m->names, h[NAMES]);
    return strlen(m->names) == h[NAMES];
}

/* Compared as bits: -ffast-math believes that every float is a number. */
static bool are_numbers(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        if ((bits >> 23 & 0xff) == 0xff || fabsf(v[i]) > WEIGHT_MAX) return false;
    }
    return true;
}

static bool is_sound(const struct layer *l)
{
    if (l->bits && !are_numbers(l->scale, l->cols)) return false;
    if (l->has_bias && !are_numbers(l->bias, l->cols)) return false;
    for (size_t j = 0; !l->bits && j < l->in; j++)
        if (!are_numbers(l->w + j * l->out, l->cols)) return false;
    return true;
}

/* A bias that is far beyond what rows can make up for may be cut off. */
static void set_start(struct layer *l)
{
    for (size_t j = 0; j < l->cols; j++) {
        float start = l->scale[j] > 0 ? l->bias[j] / l->scale[j] : 0;
        l->start[j] = (int16_t)lrintf(fminf(fmaxf(start, -16000), 16000));
    }
}

/* What a model of integers needs besides what is in its file. */
static void prepare(struct model *m)
{
    if (m->bits == 32) return;
    set_start(&m->letters);
    layer_interleave(&m->out);
    if (m->conv.in) layer_interleave(&m->conv);
}

const char *model_load(struct model *m, const char *path)
{
    const char *wrong = NULL;
    struct layer *l[LAYERS_MAX];
    size_t size;
    struct transfer t = {.bytes = sealed_load(path, &SEAL, &size, &wrong), .reads = true};
    if (!t.bytes) return wrong;
    if (!read_header(m, &t, size) || size - t.at != count_weights(m))
        return free(t.bytes), "it says of itself what cannot be";
    model_allocate(m, m->bits);
    transfer_model(&t, m);
    free(t.bytes);
    for (size_t i = 0, n = model_layers(m, l); i < n; i++)
        if (!is_sound(l[i])) wrong = "it holds a weight that is no number";
    if (wrong) return model_done(m), wrong;
    prepare(m);
    return NULL;
}

/* ---- inference ---- */

struct pass *pass_create(const struct model *m)
{
    struct units u = model_units(m);
    size_t n = u.first > u.second ? u.first : u.second, wide = TOGETHER * n > PAD ? TOGETHER * n : PAD;
    size_t floats = (2 * WORD_MAX + 2 * REACH + 1) * n, whole = WORD_MAX * n, bytes = (WORD_MAX + 2 * REACH) * n;
    struct pass *p = zeroed(1, sizeof *p + floats * sizeof(float) + wide * sizeof(int32_t) + 2 * whole + bytes);
    p->a = (float *)(p + 1);
    p->c = p->a + (WORD_MAX + 2 * REACH) * n;
    p->h = p->c + WORD_MAX * n;
    p->acc = (int32_t *)(p->h + n);
    p->sum = (int16_t *)(p->acc + wide);
    p->x = (uint8_t *)(p->sum + whole);
    return p;
}

/* The first of the largest. */
FAST static int best_of(const float *logit, int n)
{
    float top = logit[0];
    int best = PAD;
    for (int c = 1; c < n; c++) top = logit[c] > top ? logit[c] : top;
    for (int c = 0; c < n; c++) {
        int here = logit[c] >= top ? c : PAD;
        best = here < best ? here : best;
    }
    return best < n ? best : 0;
}

FAST static float probability(const float *logit, int best)
{
    float sum = 0, top = logit[best];
    for (int c = 0; c < PAD; c++) sum += expf(logit[c] - top);
    return 1 / sum;
}

void model_decode(const struct model *m, struct pass *p, const struct word *w, unsigned char *chunk, double *ret_sure)
{
    int prev[2] = {-1, -1};
    double sure = 1;
    if (m->arch->begin) m->arch->begin(m, p, w);
    for (int i = 0; i < w->len; i++) {
        m->arch->letter(m, p, w, i, prev);
        int best = best_of(p->logit, (int)m->classes);
        if (ret_sure) sure *= (double)probability(p->logit, best);
        prev[1] = prev[0], prev[0] = best;
        chunk[i] = (unsigned char)best;
    }
    if (ret_sure) *ret_sure = sure;
}

void model_logits(const struct model *m, struct pass *p, const struct word *w, float (*ret)[PAD])
{
    if (m->arch->begin) m->arch->begin(m, p, w);
    for (int i = 0; i < w->len; i++) {
        m->arch->letter(m, p, w, i, (int[]){i > 0 ? w->chunk[i - 1] : -1, i > 1 ? w->chunk[i - 2] : -1});
        memcpy(ret[i], p->logit, sizeof p->logit);
    }
}

bool model_phones(const struct data *d, const struct word *w, const unsigned char *chunk, char ret[PHONES_MAX])
{
    size_t at = 0;
    ret[0] = 0;
    for (int i = 0; i < w->len; i++)
        if (strcmp(d->class_name[chunk[i]], "_") != 0)
            at += (size_t)snprintf(ret + at, PHONES_MAX - at, "%s%s", at ? "+" : "", d->class_name[chunk[i]]);
    return at > 0;
}

bool model_is_right(const struct data *d, const struct word *w, const unsigned char *chunk)
{
    char phones[PHONES_MAX], text[PHONES_MAX + 2];
    model_phones(d, w, chunk, phones);
    snprintf(text, sizeof text, "|%s|", phones);
    return strstr(w->prons, text) != NULL;
}

double model_exact_match(const struct model *m, struct pass *p, const struct data *d, const struct words *ws)
{
    unsigned char chunk[WORD_MAX];
    size_t right = 0;
    for (size_t i = 0; i < ws->n; i++) {
        model_decode(m, p, &ws->word[i], chunk, NULL);
        right += model_is_right(d, &ws->word[i], chunk);
    }
    return (double)right / (double)ws->n;
}

double model_cost(const struct model *m, size_t letters)
{
    double adds =
        (double)((m->arch->window + (m->chunks.in ? 0 : 2)) * m->letters.out + (m->chunks.in ? 2 : 0) * m->chunks.out);
    double products = (double)(m->conv.in * m->conv.cols + m->out.in * m->out.cols);
    return (double)letters * (adds + products);
}
