/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The integer half of layer.h. One instruction of AVX2 (vpmaddubsw) multiplies 32 inputs of 0..127 by 32 weights and
 * adds pairs in 16 bits, where neither the sum of 4 products of 8-bit weights (63 · 127 · 4) nor that of 32 of 4-bit
 * ones (127 · 7 · 32) overflows: those are added up there before they are widened to 32 bits. Without that, widening
 * takes as long as multiplying, and a float network that skips what its ReLUs have switched off is as fast. And where
 * there are more vectors of inputs than one, as in a convolution, each weight that comes from memory serves three.
 * Processors with VNNI add four products to 32 bits at once, and have registers for twice as many sums. */
#include "layer.h"

#include "words.h"

#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

int layer_input_max(const struct layer *l)
{
    return l->bits == 4 ? 127 : 63;
}

/* ---- any processor ---- */

static void add_rows_plain(const struct layer *l, const size_t *row, int n, int16_t *sum)
{
    memcpy(sum, l->start, l->out * sizeof *sum);
    for (int k = 0; k < n; k++)
        for (size_t j = 0; j < l->out; j++) sum[j] = (int16_t)(sum[j] + l->q[row[k] + j]);
}

static void multiply_one(const struct layer *l, const uint8_t *x, int32_t *y)
{
    memset(y, 0, l->out * sizeof *y);
    for (size_t j = 0; j < l->in; j++)
        for (size_t c = 0; x[j] && c < l->cols; c++) y[c] += x[j] * l->q[(j / 4 * l->out + c) * 4 + j % 4];
}

static void multiply_plain(const struct layer *l, const uint8_t *x, size_t step, size_t n, int32_t *y)
{
    for (size_t k = 0; k < n; k++) multiply_one(l, x + k * step, y + k * l->out);
}

static const struct kernels kernels_plain = {"plain", add_rows_plain, multiply_plain};

/* ---- AVX2 ---- */

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))
#define AVX2_PART static inline __attribute__((target("avx2"), always_inline))

AVX2_PART __m256i at(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* 8 bits: 13 rows need 16 bits; v: vectors of 16 units. */
AVX2_PART void add_wide(const struct layer *l, const size_t *row, int n, size_t j, int16_t *sum, const int v)
{
    __m256i s[4];
    for (int i = 0; i < v; i++) s[i] = at(l->start + j + 16 * (size_t)i);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < v; i++) {
            const int8_t *q = l->q + row[k] + j + 16 * (size_t)i;
            s[i] = _mm256_add_epi16(s[i], _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)q)));
        }
    for (int i = 0; i < v; i++) _mm256_storeu_si256((__m256i *)(sum + j + 16 * (size_t)i), s[i]);
}

/* 4 bits: 13 rows of ±7 fit into 8 bits. */
AVX2_PART void add_narrow(const struct layer *l, const size_t *row, int n, size_t j, int16_t *sum)
{
    __m128i s = _mm_setzero_si128();
    for (int k = 0; k < n; k++) s = _mm_add_epi8(s, _mm_loadu_si128((const __m128i *)(l->q + row[k] + j)));
    _mm256_storeu_si256((__m256i *)(sum + j), _mm256_add_epi16(at(l->start + j), _mm256_cvtepi8_epi16(s)));
}

AVX2_PART void add_narrow_2(const struct layer *l, const size_t *row, int n, size_t j, int16_t *sum)
{
    __m256i s = _mm256_setzero_si256();
    for (int k = 0; k < n; k++) s = _mm256_add_epi8(s, at(l->q + row[k] + j));
    __m256i low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(s));
    __m256i high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(s, 1));
    _mm256_storeu_si256((__m256i *)(sum + j), _mm256_add_epi16(at(l->start + j), low));
    _mm256_storeu_si256((__m256i *)(sum + j + 16), _mm256_add_epi16(at(l->start + j + 16), high));
}

AVX2 static void add_rows_avx2(const struct layer *l, const size_t *row, int n, int16_t *sum)
{
    size_t j = 0;
    if (l->bits == 4) {
        for (; j + 32 <= l->out; j += 32) add_narrow_2(l, row, n, j, sum);
        for (; j < l->out; j += 16) add_narrow(l, row, n, j, sum);
    } else {
        for (; j + 64 <= l->out; j += 64) add_wide(l, row, n, j, sum, 4);
        for (; j < l->out; j += 16) add_wide(l, row, n, j, sum, 1);
    }
}

AVX2_PART __m256i four_inputs(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline bool are_off(const uint8_t *x)
{
    uint64_t eight;
    memcpy(&eight, x, sizeof eight);
    return !eight;
}

/* What is multiplied at once. `v` vectors of 8 outputs for `n` vectors of inputs: constants where it is inlined. */
struct tile {
    const struct layer *layer;
    const uint8_t *x;
    size_t step, part; /* from one vector of inputs to the next; the first output */
    int32_t *y;
};

/* The tiles that a processor has registers for: the widest first, one of 8 outputs last. */
struct shape {
    size_t outputs;
    void (*multiply)(const struct tile *t);
    bool whole; /* only where these are all outputs: 72 are the classes */
};

#define SHAPE(isa, of, v, n)                                                                                           \
    isa static void of##_##v##_##n(const struct tile *t)                                                               \
    {                                                                                                                  \
        of(t, v, n);                                                                                                   \
    }

static void go_through(const struct shape *s, struct tile t)
{
    size_t end = (t.layer->cols + 7) / 8 * 8;
    for (; t.part < end; s++)
        for (; s->whole ? t.part == 0 && s->outputs == end : t.part + s->outputs <= end; t.part += s->outputs)
            s->multiply(&t);
}

/* Three vectors of inputs at once, for which the weights come from memory once, or one after the other. */
static void multiply_by(const struct shape *three, const struct shape *single, struct tile t, size_t n)
{
    if (n == TOGETHER)
        go_through(three, t);
    else
        for (size_t k = 0; k < n; k++, t.x += t.step, t.y += t.layer->out) go_through(single, t);
}

enum { SUMS = 12 }; /* of 8 outputs each, in registers at once */

AVX2_PART __m256i *sums_at(const struct tile *t, int k, int i)
{
    return (__m256i *)(t->y + (size_t)k * t->layer->out + t->part + 8 * (size_t)i);
}

/* Adds the products of 8 inputs and 8 v outputs to sums of 16 bits, or where they are `wide`, of 32. */
AVX2_PART void add_products(const struct tile *t, size_t j, __m256i *s, const int v, const int n, const bool wide)
{
    const __m256i one = _mm256_set1_epi16(1);
    const int8_t *w = t->layer->q + j * t->layer->out + t->part * 4;
    for (int k = 0; k < n; k++) {
        const uint8_t *x = t->x + (size_t)k * t->step + j;
        if (are_off(x)) continue;
        const __m256i x0 = four_inputs(x), x1 = four_inputs(x + 4);
        for (int i = 0; i < v; i++) {
            __m256i low = _mm256_maddubs_epi16(x0, at(w + 32 * i));
            __m256i both = _mm256_add_epi16(low, _mm256_maddubs_epi16(x1, at(w + 32 * i + 4 * t->layer->out)));
            __m256i *sum = &s[k * v + i];
            *sum = wide ? _mm256_add_epi32(*sum, _mm256_madd_epi16(both, one)) : _mm256_add_epi16(*sum, both);
        }
    }
}

AVX2_PART void multiply_8(const struct tile *t, const int v, const int n)
{
    __m256i s[SUMS];
    for (int i = 0; i < n * v; i++) s[i] = _mm256_setzero_si256();
    for (size_t j = 0; j < t->layer->in; j += 8) add_products(t, j, s, v, n, true);
    for (int i = 0; i < n * v; i++) _mm256_storeu_si256(sums_at(t, i / v, i % v), s[i]);
}

AVX2_PART void multiply_4(const struct tile *t, const int v, const int n)
{
    const __m256i one = _mm256_set1_epi16(1);
    for (int i = 0; i < n * v; i++) _mm256_storeu_si256(sums_at(t, i / v, i % v), _mm256_setzero_si256());
    for (size_t from = 0; from < t->layer->in; from += 64) {
        __m256i s[SUMS];
        for (int i = 0; i < n * v; i++) s[i] = _mm256_setzero_si256();
        for (size_t j = from; j < t->layer->in && j < from + 64; j += 8) add_products(t, j, s, v, n, false);
        for (int i = 0; i < n * v; i++) {
            __m256i *sum = sums_at(t, i / v, i % v);
            _mm256_storeu_si256(sum, _mm256_add_epi32(at(sum), _mm256_madd_epi16(s[i], one)));
        }
    }
}

/* Twelve sums of 16 bits and of 32 would not fit into the registers: three vectors are widened as for 8 bits. */
AVX2_PART void multiply_tile(const struct tile *t, const int v, const int n)
{
    if (t->layer->bits == 4 && n == 1)
        multiply_4(t, v, n);
    else
        multiply_8(t, v, n);
}

SHAPE(AVX2, multiply_tile, 4, 3)
SHAPE(AVX2, multiply_tile, 2, 3)
SHAPE(AVX2, multiply_tile, 1, 3)
SHAPE(AVX2, multiply_tile, 9, 1)
SHAPE(AVX2, multiply_tile, 8, 1)
SHAPE(AVX2, multiply_tile, 2, 1)
SHAPE(AVX2, multiply_tile, 1, 1)

static void multiply_avx2(const struct layer *l, const uint8_t *x, size_t step, size_t n, int32_t *y)
{
    static const struct shape three[] = {
        {32, multiply_tile_4_3, false}, {16, multiply_tile_2_3, false}, {8, multiply_tile_1_3, false}};
    static const struct shape single[] = {{72, multiply_tile_9_1, true},
                                          {64, multiply_tile_8_1, false},
                                          {16, multiply_tile_2_1, false},
                                          {8, multiply_tile_1_1, false}};
    multiply_by(three, single, (struct tile){l, x, step, 0, y}, n);
}

static const struct kernels kernels_avx2 = {"avx2", add_rows_avx2, multiply_avx2};

/* ---- AVX-512 VNNI: four products of 8 bits are added to 32 bits by one instruction ---- */

#define VNNI __attribute__((target("avx2,avx512vl,avx512vnni")))
#define VNNI_PART static inline __attribute__((target("avx2,avx512vl,avx512vnni"), always_inline))

VNNI_PART void accumulate_tile(const struct tile *t, const int v, const int n)
{
    __m256i s[2 * SUMS]; /* of 32 registers */
    for (int i = 0; i < n * v; i++) s[i] = _mm256_setzero_si256();
    for (size_t j = 0; j < t->layer->in; j += 8) {
        const int8_t *w = t->layer->q + j * t->layer->out + t->part * 4;
        for (int k = 0; k < n; k++) {
            const uint8_t *x = t->x + (size_t)k * t->step + j;
            if (are_off(x)) continue;
            const __m256i x0 = four_inputs(x), x1 = four_inputs(x + 4);
            for (int i = 0; i < v; i++) {
                __m256i sum = _mm256_dpbusd_epi32(s[k * v + i], x0, at(w + 32 * i));
                s[k * v + i] = _mm256_dpbusd_epi32(sum, x1, at(w + 32 * i + 4 * t->layer->out));
            }
        }
    }
    for (int i = 0; i < n * v; i++) _mm256_storeu_si256(sums_at(t, i / v, i % v), s[i]);
}

SHAPE(VNNI, accumulate_tile, 8, 3)
SHAPE(VNNI, accumulate_tile, 4, 3)
SHAPE(VNNI, accumulate_tile, 1, 3)
SHAPE(VNNI, accumulate_tile, 9, 1)
SHAPE(VNNI, accumulate_tile, 8, 1)
SHAPE(VNNI, accumulate_tile, 1, 1)

static void multiply_vnni(const struct layer *l, const uint8_t *x, size_t step, size_t n, int32_t *y)
{
    static const struct shape three[] = {
        {64, accumulate_tile_8_3, false}, {32, accumulate_tile_4_3, false}, {8, accumulate_tile_1_3, false}};
    static const struct shape single[] = {
        {72, accumulate_tile_9_1, true}, {64, accumulate_tile_8_1, false}, {8, accumulate_tile_1_1, false}};
    multiply_by(three, single, (struct tile){l, x, step, 0, y}, n);
}

static const struct kernels kernels_vnni = {"vnni", add_rows_avx2, multiply_vnni};
#endif

size_t kernels_all(const struct kernels *ret[KERNELS_MAX])
{
    size_t n = 0;
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2");
    if (avx2 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl")) ret[n++] = &kernels_vnni;
    if (avx2) ret[n++] = &kernels_avx2;
#endif
    ret[n++] = &kernels_plain;
    return n;
}

const struct kernels *kernels_best(void)
{
    const struct kernels *all[KERNELS_MAX];
    kernels_all(all);
    return all[0];
}

/* ---- before and after ---- */

void layer_interleave(struct layer *l)
{
    int8_t *q = zeroed(l->in, l->out);
    for (size_t j = 0; j < l->in; j++)
        for (size_t c = 0; c < l->out; c++) q[(j / 4 * l->out + c) * 4 + j % 4] = l->q[j * l->out + c];
    memcpy(l->q, q, l->in * l->out);
    free(q);
}

FAST float squeeze_integers(const int16_t *sum, size_t n, int max, uint8_t *x)
{
    int16_t top = 0;
    for (size_t j = 0; j < n; j++) top = sum[j] > top ? sum[j] : top;
    if (top <= max) {
        for (size_t j = 0; j < n; j++) x[j] = (uint8_t)(sum[j] > 0 ? sum[j] : 0);
        return 1;
    }
    int16_t factor = (int16_t)((max << 15) / top); /* in 1/32768 */
    for (size_t j = 0; j < n; j++) {
        int16_t s = sum[j] > 0 ? sum[j] : 0;
        x[j] = (uint8_t)((((s * factor) >> 14) + 1) >> 1);
    }
    return 32768.0f / (float)factor;
}

FAST float squeeze_floats(const float *sum, size_t n, int max, uint8_t *x)
{
    float top = 1e-20f;
    for (size_t j = 0; j < n; j++) top = sum[j] > top ? sum[j] : top;
    float factor = (float)max / top;
    for (size_t j = 0; j < n; j++) x[j] = (uint8_t)(int)((sum[j] > 0 ? sum[j] : 0) * factor + 0.5f);
    return top / (float)max;
}

FAST void layer_scale(const struct layer *l, const int32_t *acc, float unit, float *y)
{
    for (size_t c = 0; c < l->out; c++) y[c] = l->bias[c] + (float)acc[c] * (l->scale[c] * unit);
}
