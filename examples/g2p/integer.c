/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The integer half of layer.h. One instruction of AVX2 (vpmaddubsw) multiplies 32 inputs of 0..127 by 32 weights and
 * adds pairs in 16 bits, where neither the sum of 4 products of 8-bit weights (63 · 127 · 4) nor that of 32 of 4-bit
 * ones (127 · 7 · 32) overflows: those are added up there before they are widened to 32 bits. Without that, widening
 * takes as long as multiplying, and a float network that skips what its ReLUs have switched off is as fast. */
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

static void multiply_plain(const struct layer *l, const uint8_t *x, int32_t *y)
{
    memset(y, 0, l->out * sizeof *y);
    for (size_t j = 0; j < l->in; j++)
        for (size_t c = 0; x[j] && c < l->cols; c++) y[c] += x[j] * l->q[(j / 4 * l->out + c) * 4 + j % 4];
}

const struct kernels kernels_plain = {"plain", add_rows_plain, multiply_plain};

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

enum { PART = 9 /* vectors of 8 sums that are in registers at once: all classes of the data */ };

/* The products of 8 inputs, in 16 bits; t: what is there already. */
#define EIGHT(w, step, x0, x1)                                                                                         \
    _mm256_add_epi16(_mm256_maddubs_epi16(x0, at(w)), _mm256_maddubs_epi16(x1, at((w) + (step))))

/* v: vectors of 8 sums. */
AVX2_PART void multiply_8(const struct layer *l, const uint8_t *x, size_t part, int32_t *y, const int v)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i s[PART];
    for (int i = 0; i < v; i++) s[i] = _mm256_setzero_si256();
    for (size_t j = 0; j < l->in; j += 8) {
        if (are_off(x + j)) continue;
        const __m256i x0 = four_inputs(x + j), x1 = four_inputs(x + j + 4);
        const int8_t *w = l->q + j * l->out + part * 4;
        for (int i = 0; i < v; i++)
            s[i] = _mm256_add_epi32(s[i], _mm256_madd_epi16(EIGHT(w + 32 * i, 4 * l->out, x0, x1), one));
    }
    for (int i = 0; i < v; i++) _mm256_storeu_si256((__m256i *)(y + part + 8 * (size_t)i), s[i]);
}

AVX2_PART void multiply_4(const struct layer *l, const uint8_t *x, size_t part, int32_t *y, const int v)
{
    const __m256i one = _mm256_set1_epi16(1);
    for (int i = 0; i < v; i++) _mm256_storeu_si256((__m256i *)(y + part + 8 * (size_t)i), _mm256_setzero_si256());
    for (size_t from = 0; from < l->in; from += 64) {
        __m256i t[PART];
        for (int i = 0; i < v; i++) t[i] = _mm256_setzero_si256();
        for (size_t j = from; j < l->in && j < from + 64; j += 8) {
            if (are_off(x + j)) continue;
            const __m256i x0 = four_inputs(x + j), x1 = four_inputs(x + j + 4);
            const int8_t *w = l->q + j * l->out + part * 4;
            for (int i = 0; i < v; i++) t[i] = _mm256_add_epi16(t[i], EIGHT(w + 32 * i, 4 * l->out, x0, x1));
        }
        for (int i = 0; i < v; i++) {
            __m256i *s = (__m256i *)(y + part + 8 * (size_t)i);
            _mm256_storeu_si256(s, _mm256_add_epi32(at(s), _mm256_madd_epi16(t[i], one)));
        }
    }
}

AVX2 static void multiply_avx2(const struct layer *l, const uint8_t *x, int32_t *y)
{
    size_t part = 0, end = (l->cols + 7) / 8 * 8;
    if (l->bits == 4) {
        for (; end - part == 72; part += 72) multiply_4(l, x, part, y, 9);
        for (; part + 64 <= end; part += 64) multiply_4(l, x, part, y, 8);
        for (; part + 16 <= end; part += 16) multiply_4(l, x, part, y, 2);
        for (; part < end; part += 8) multiply_4(l, x, part, y, 1);
    } else {
        for (; end - part == 72; part += 72) multiply_8(l, x, part, y, 9);
        for (; part + 64 <= end; part += 64) multiply_8(l, x, part, y, 8);
        for (; part + 16 <= end; part += 16) multiply_8(l, x, part, y, 2);
        for (; part < end; part += 8) multiply_8(l, x, part, y, 1);
    }
}

static const struct kernels kernels_avx2 = {"avx2", add_rows_avx2, multiply_avx2};
#endif

const struct kernels *kernels_best(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) return &kernels_avx2;
#endif
    return &kernels_plain;
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
