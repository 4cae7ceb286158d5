/* SPDX-License-Identifier: MIT
 *
 * Copyright (c) 2026 The Nocturne developers
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to
 * deal in the Software without restriction, including without limitation the
 * rights to use, copy, modify, merge, publish, distribute, sublicense, and/or
 * sell copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
 * FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
 * IN THE SOFTWARE.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* uselocale, getentropy */
#endif
#include "nocturne_live.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif
#ifdef CLOCK_BOOTTIME /* goes on while the machine sleeps */
#define CLOCK CLOCK_BOOTTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

enum {
    SALT_MAX_ = 128,
    UNIT_MAX_ = 1024,
    NAME_MAX_ = 100,  /* bytes of a rollout's name */
    TEXT_MAX_ = 1 << 20, /* bytes of a ruleset */
    DEPTH_MAX = 64,
    LINE_MAX_ = 16384, /* bytes of an outcome */
    FILE_LINES_MAX = 5000,
    FILE_BYTES_MAX = 900000,
    PATH_MAX_ = 1024,
    LOOK_MS = 1000, /* between two looks at files */
    SEAL_MS =
        1000, /* an outcomes' file that is older is given to its sender; where n wait already, after n times that */
    WAITING_MAX = 60,
    FUTURE_MS = 10000 /* a file from further ahead is not believed */
};

/* ---- SHA-256 [FIPS 180-4] of "SALT:UNIT" ---- */

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static void expand(const unsigned char *block, uint32_t w[64])
{
    for (int i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
}

static void compress(uint32_t h[8], const unsigned char *block)
{
    uint32_t w[64], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
    expand(block, w);
    for (int i = 0; i < 64; i++) {
        uint32_t x = k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[i] + w[i];
        uint32_t y = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        k = g, g = f, f = e, e = d + x, d = c, c = b, b = a, a = x + y;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
}

/* 52 bits of the digest. */
static double place(const char *salt, size_t n_salt, const char *unit, size_t n_unit)
{
    unsigned char text[SALT_MAX_ + 1 + UNIT_MAX_ + 9 + 64];
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    size_t n = n_salt + 1 + n_unit, all = (n + 9 + 63) / 64 * 64;
    memcpy(text, salt, n_salt);
    text[n_salt] = ':';
    memcpy(text + n_salt + 1, unit, n_unit);
    memset(text + n, 0, all - n);
    text[n] = 0x80;
    for (size_t i = 0, bits = 8 * n; i < 8; i++, bits >>= 8) text[all - 1 - i] = (unsigned char)bits;
    for (size_t at = 0; at < all; at += 64) compress(h, text + at);
    return (double)((uint64_t)h[0] << 20 | h[1] >> 12) / 4503599627370496.0;
}

/* ---- text ---- */

/* Bytes of the UTF-8 character at s, of the n that there are; 0: it is none. */
static size_t utf8(const char *s, size_t n)
{
    static const struct {
        unsigned char least, most, from, to; /* of the first byte, and of the second */
        size_t bytes;
    } kinds[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                 {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    const unsigned char *c = (const unsigned char *)s;
    if (n && c[0] < 0x80) return 1;
    for (size_t k = 0; n && k < sizeof kinds / sizeof *kinds; k++) {
        if (c[0] < kinds[k].least || c[0] > kinds[k].most) continue;
        if (n < kinds[k].bytes || c[1] < kinds[k].from || c[1] > kinds[k].to) return 0;
        for (size_t i = 2; i < kinds[k].bytes; i++)
            if ((c[i] & 0xc0) != 0x80) return 0;
        return kinds[k].bytes;
    }
    return 0;
}

static int is_text(const char *s, size_t n)
{
    for (size_t at = 0, k; at < n; at += k)
        if (!(k = utf8(s + at, n - at))) return 0;
    return 1;
}

static int is_unit(const char *unit, size_t n)
{
    return n > 0 && n <= UNIT_MAX_ && !memchr(unit, 0, n) && is_text(unit, n);
}

/* With its final 0; a salt of more bytes is none. */
static int is_salt(const char *salt)
{
    return strlen(salt) <= SALT_MAX_ && !strchr(salt, ':');
}

double nocturne_live_place(const char *salt, const char *unit, size_t unit_bytes)
{
    return is_salt(salt) && is_unit(unit, unit_bytes) ? place(salt, strlen(salt), unit, unit_bytes) : -1;
}

/* isfinite() that survives -ffast-math: an exponent of all ones is NaN or infinity. */
static int is_finite(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

/* ---- JSON: text that ends with a 0 is checked once (value_end), then read without looking for errors ---- */

static const char *blank(const char *p)
{
    return p + strspn(p, " \t\n\r");
}

/* Of four hexadecimal digits; -1: there are none. */
static long hex4(const char *p)
{
    long v = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *d = p[i] ? strchr(digits, p[i]) : NULL;
        if (!d) return -1;
        v = v << 4 | ((d - digits) & 15);
    }
    return v;
}

/* What a backslash at p stands for, and where it ends; NULL: nothing. */
static const char *unescape(const char *p, long *ret)
{
    const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t", *at = p[1] ? strchr(from, p[1]) : NULL;
    if (at) return *ret = to[at - from], p + 2;
    if (p[1] != 'u' || (*ret = hex4(p + 2)) < 0) return NULL;
    p += 6;
    if (*ret < 0xd800 || *ret > 0xdfff) return p;
    long low = p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
    if (*ret > 0xdbff || low < 0xdc00 || low > 0xdfff) return NULL;
    *ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
    return p + 6;
}

static const char *string_end(const char *p)
{
    long c;
    for (p++; *p != '"';) {
        if (*p == '\\') {
            if (!(p = unescape(p, &c))) return NULL;
            continue;
        }
        size_t n = (unsigned char)*p < 0x20 ? 0 : utf8(p, strnlen(p, 4));
        if (!n) return NULL;
        p += n;
    }
    return p + 1;
}

static const char *digits(const char *p)
{
    size_t n = strspn(p, "0123456789");
    return n ? p + n : NULL;
}

static const char *number_end(const char *p)
{
    p += *p == '-';
    const char *end = digits(p);
    if (!end || (*p == '0' && end > p + 1)) return NULL;
    if (*end == '.' && !(end = digits(end + 1))) return NULL;
    if (*end == 'e' || *end == 'E') end = digits(end + 1 + (end[1] == '-' || end[1] == '+'));
    return end;
}

static const char *value_end(const char *p, int depth);

/* A list, or an object, each of whose values is behind a key. */
static const char *items_end(const char *p, int depth, char close)
{
    p = blank(p + 1);
    if (*p == close) return p + 1;
    for (;; p = blank(p + 1)) {
        if (close == '}') {
            if (*p != '"' || !(p = string_end(p)) || *(p = blank(p)) != ':') return NULL;
            p = blank(p + 1);
        }
        if (!(p = value_end(p, depth + 1))) return NULL;
        p = blank(p);
        if (*p == close) return p + 1;
        if (*p != ',') return NULL;
    }
}

/* Behind the value at p; NULL: it is no JSON, or too deep. */
static const char *value_end(const char *p, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    if (depth > DEPTH_MAX) return NULL;
    if (*p == '{' || *p == '[') return items_end(p, depth, *p == '{' ? '}' : ']');
    if (*p == '"') return string_end(p);
    for (size_t i = 0; i < 3; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0) return p + strlen(words[i]);
    return number_end(p);
}

/* The first item of a list, or key of an object; NULL: there is none. */
static const char *first(const char *p)
{
    p = blank(p + 1);
    return *p == ']' || *p == '}' ? NULL : p;
}

/* The one behind it: of an item of a list, or of a value of an object. */
static const char *next(const char *item)
{
    const char *p = blank(value_end(item, 0));
    return *p == ',' ? blank(p + 1) : NULL;
}

static const char *value_of(const char *key)
{
    return blank(blank(string_end(key)) + 1);
}

/* UTF-8 of a character; returns its bytes. */
static size_t encode(long c, char ret[4])
{
    if (c < 0x80) return ret[0] = (char)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; --i > 0; c >>= 6) ret[i] = (char)(0x80 | (c & 0x3f));
    ret[0] = (char)(0xf00 >> n | c);
    return n;
}

/* A byte, or what an escape stands for, of a string; returns where it goes on. */
static const char *read_some(const char *p, char ret[4], size_t *ret_n)
{
    long c;
    if (*p != '\\') return ret[0] = *p, *ret_n = 1, p + 1;
    p = unescape(p, &c);
    *ret_n = encode(c, ret);
    return p;
}

/* ret: room for the string as it is written, its quotes among it; a 0 follows it. Returns its bytes. */
static size_t read_string(const char *p, char *ret)
{
    size_t at = 0, n;
    char some[4];
    for (p++; *p != '"'; at += n) {
        p = read_some(p, some, &n);
        memcpy(ret + at, some, n);
    }
    ret[at] = 0;
    return at;
}

static int string_is(const char *p, const char *text)
{
    size_t left = strlen(text), n;
    char some[4];
    for (p++; *p != '"'; text += n, left -= n) {
        p = read_some(p, some, &n);
        if (n > left || memcmp(some, text, n) != 0) return 0;
    }
    return left == 0;
}

/* The value of a member, the last one of that name; NULL: there is none. */
static const char *find(const char *object, const char *name)
{
    const char *found = NULL;
    for (const char *key = first(object), *value; key; key = next(value)) {
        value = value_of(key);
        if (string_is(key, name)) found = value;
    }
    return found;
}

/* With the numbers of C's locale, whatever the program's is. */
static int read_number(const char *p, double *ret)
{
    if (!p || !(*p == '-' || (*p >= '0' && *p <= '9'))) return 0;
    *ret = strtod(p, NULL);
    return is_finite(*ret);
}

static int number_in(const char *object, const char *name, double least, double most, double *ret)
{
    return read_number(find(object, name), ret) && *ret >= least && *ret <= most;
}

/* ---- the ruleset ---- */

struct face { /* of a variant, as it is shown; kept until the object is closed */
    struct face *next;
    char *name, *hash, *parameters;
};

struct range {
    double from, to;
    const struct face *face;
};

struct override {
    const char *unit;
    size_t n;
    const struct face *face;
};

enum { VARIANTS_MAX = 128 };

struct rules {
    const struct face *faces[VARIANTS_MAX], *champion, *shadow[VARIANTS_MAX];
    size_t n_faces, n_shadow;
    int killed;                          /* by an operator of the service */
    double valid_ms, experiment, period; /* -1: none */
    const char *salt, *group_salt, *holdout_salt;
    double group_from, group_to, holdout_share;
    struct range *ranges;
    size_t n_ranges;
    struct override *overrides; /* sorted */
    size_t n_overrides;
    char *strings; /* those above */
    size_t n_strings;
};

struct spool {
    pthread_mutex_t lock;
    char folder[PATH_MAX_], path[PATH_MAX_ + 64];
    int fd;                                    /* -1: no file is open */
    size_t lines, bytes, used, limit, waiting; /* in it; in all files, the files */
    long long opened_ms;
};

struct nocturne_live {
    char rollout[SALT_MAX_ + 1];
    void (*say)(void *data, const char *text);
    void *data;
    locale_t plain;          /* numbers as JSON has them */
    pthread_rwlock_t lock;   /* of rules and until_ms */
    struct rules *rules;     /* NULL: none yet */
    long long until_ms;      /* valid, on CLOCK */
    pthread_mutex_t looking; /* of what follows */
    struct face *faces;
    struct timespec read_at; /* the time of the file that was read last, whatever it was */
    char said[200];
    atomic_llong look_ms; /* the next look is due, on CLOCK */
    atomic_int killed;
    struct spool spool;
};

static long long now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void free_rules(struct rules *r)
{
    if (!r) return;
    free(r->ranges);
    free(r->overrides);
    free(r->strings);
    free(r);
}

static void free_face(struct face *f)
{
    if (!f) return;
    free(f->name);
    free(f->hash);
    free(f->parameters);
    free(f);
}

/* A string of the text, kept with the rules. */
static const char *keep(struct rules *r, const char *p, size_t *ret_n)
{
    char *to = r->strings + r->n_strings;
    *ret_n = read_string(p, to);
    r->n_strings += *ret_n + 1;
    return to;
}

static char *copy(const char *p, const char *end)
{
    char *to = malloc((size_t)(end - p) + 1);
    if (!to) return NULL;
    memcpy(to, p, (size_t)(end - p));
    to[end - p] = 0;
    return to;
}

static char *copy_string(const char *p)
{
    char *to = malloc((size_t)(string_end(p) - p) + 1);
    if (to) read_string(p, to);
    return to;
}

/* The face that is like this one, which is taken over or freed. NULL: no memory. */
static const struct face *intern(struct nocturne_live *l, struct face *new)
{
    if (!new->name || !new->hash || !new->parameters) return free_face(new), NULL;
    for (struct face *f = l->faces; f; f = f->next)
        if (strcmp(f->name, new->name) == 0 && strcmp(f->hash, new->hash) == 0 &&
            strcmp(f->parameters, new->parameters) == 0)
            return free_face(new), f;
    new->next = l->faces;
    return l->faces = new;
}

/* Each of these returns what is wrong, or NULL. */
static const char *read_variants(struct nocturne_live *l, struct rules *r, const char *text)
{
    const char *variants = find(text, "variants");
    if (!variants || *variants != '{') return "it has no variants";
    for (const char *key = first(variants), *value; key; key = next(value)) {
        value = value_of(key);
        const char *hash = *value == '{' ? find(value, "hash") : NULL,
                   *parameters = hash ? find(value, "parameters") : NULL;
        if (!parameters || *hash != '"' || *parameters != '{') return "a variant has no hash and parameters";
        if (r->n_faces == VARIANTS_MAX) return "it has too many variants";
        struct face *f = calloc(1, sizeof *f);
        if (!f) return "no memory";
        *f = (struct face){NULL, copy_string(key), copy_string(hash), copy(parameters, value_end(parameters, 0))};
        if (!(r->faces[r->n_faces] = intern(l, f))) return "no memory";
        if (strcmp(r->faces[r->n_faces++]->name, "champion") == 0) r->champion = r->faces[r->n_faces - 1];
    }
    return r->champion ? NULL : "it has no champion";
}

/* The last of a name, as in `find`. */
static const struct face *face_of(const struct rules *r, const char *name)
{
    for (size_t i = r->n_faces; *name == '"' && i-- > 0;)
        if (string_is(name, r->faces[i]->name)) return r->faces[i];
    return NULL;
}

static size_t count(const char *items, int is_object)
{
    size_t n = 0;
    for (const char *p = first(items); p; p = next(is_object ? value_of(p) : p)) n++;
    return n;
}

static const char *read_salt(struct rules *r, const char *object, const char **ret)
{
    const char *p = find(object, "salt");
    size_t n;
    if (!p || *p != '"') return "a salt is missing";
    *ret = keep(r, p, &n);
    return strlen(*ret) == n && is_salt(*ret) ? NULL : "a salt has a colon or more than 128 bytes";
}

static const char *read_range(const struct rules *r, const char *p, struct range *ret)
{
    const char *from = *p == '[' && count(p, 0) == 3 ? first(p) : NULL, *to = from ? next(from) : NULL;
    if (!from || !read_number(from, &ret->from) || !read_number(to, &ret->to))
        return "a range is no [FROM, TO, VARIANT]";
    return (ret->face = face_of(r, next(to))) ? NULL : "a range has an unknown variant";
}

static const char *read_experiment(struct rules *r, const char *text)
{
    const char *ranges = find(text, "ranges"), *why;
    double end = 0;
    if (!find(text, "experiment")) return NULL;
    if (!number_in(text, "experiment", 1, 0x1p53, &r->experiment) || !number_in(text, "period", 0, 0x1p53, &r->period))
        return "experiment and period are no numbers";
    if ((why = read_salt(r, text, &r->salt))) return why;
    if (!ranges || *ranges != '[') return "it has no ranges";
    if (!(r->ranges = calloc(count(ranges, 0) + 1, sizeof *r->ranges))) return "no memory";
    for (const char *p = first(ranges); p; p = next(p), r->n_ranges++) {
        struct range *range = &r->ranges[r->n_ranges];
        if ((why = read_range(r, p, range))) return why;
        if (!(range->from >= end && range->from < range->to && range->to <= 1)) return "its ranges are not in order";
        end = range->to;
    }
    return NULL;
}

static int by_unit(const void *a, const void *b)
{
    const struct override *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : memcmp(x->unit, y->unit, x->n);
}

/* A member that may be missing or null. */
static const char *part(const char *text, const char *name, const char **ret)
{
    const char *p = find(text, name);
    *ret = p && *p != 'n' ? p : NULL;
    return !*ret || *p == '{' ? NULL : "group, holdout or overrides are no object";
}

static const char *read_overrides(struct rules *r, const char *text)
{
    const char *all, *why = part(text, "overrides", &all);
    if (why || !all) return why;
    if (!(r->overrides = calloc(count(all, 1) + 1, sizeof *r->overrides))) return "no memory";
    for (const char *key = first(all), *value; key; key = next(value)) {
        struct override *o = &r->overrides[r->n_overrides++];
        value = value_of(key);
        o->unit = keep(r, key, &o->n);
        if (!(o->face = face_of(r, value))) return "an override has an unknown variant";
    }
    qsort(r->overrides, r->n_overrides, sizeof *r->overrides, by_unit);
    for (size_t i = 1; i < r->n_overrides; i++)
        if (by_unit(&r->overrides[i - 1], &r->overrides[i]) == 0) return "an override is there twice";
    return NULL;
}

static const char *read_group(struct rules *r, const char *text)
{
    const char *group, *holdout, *why = part(text, "group", &group);
    if (!why) why = part(text, "holdout", &holdout);
    if (why) return why;
    if (group && (why = read_salt(r, group, &r->group_salt))) return why;
    if (group && !(number_in(group, "from", 0, 1, &r->group_from) && number_in(group, "to", 0, 1, &r->group_to)))
        return "the group has no from and to in [0, 1]";
    if (holdout && (why = read_salt(r, holdout, &r->holdout_salt))) return why;
    if (holdout && !number_in(holdout, "share", 0, 1, &r->holdout_share)) return "the holdout has no share in [0, 1]";
    return NULL;
}

static const char *read_state(struct rules *r, const char *text)
{
    const char *killed = find(text, "killed"), *shadow = find(text, "shadow");
    if (killed && *killed != 'n' && *killed != '"') return "killed is no text";
    r->killed = killed && *killed == '"' && !string_is(killed, "");
    if (!shadow || *shadow == 'n') return NULL;
    if (*shadow != '[') return "shadow is no list";
    for (const char *p = first(shadow); p; p = next(p)) {
        const struct face *face = face_of(r, p);
        if (!face) return "the shadow has an unknown variant";
        if (r->n_shadow == VARIANTS_MAX) return "the shadow has too many variants";
        r->shadow[r->n_shadow++] = face;
    }
    return NULL;
}

static const char *read_all(struct nocturne_live *l, struct rules *r, const char *text, size_t n)
{
    const char *p = blank(text), *end = strlen(text) == n ? value_end(p, 0) : NULL, *why;
    double refresh_ms;
    if (!end || *blank(end) || *p != '{') return "it is no JSON object";
    const char *rollout = find(p, "rollout");
    if (!rollout || *rollout != '"' || !string_is(rollout, l->rollout)) return "it is of another rollout";
    if (!number_in(p, "valid_ms", 1, 1e15, &r->valid_ms) || !number_in(p, "refresh_ms", 1, 1e15, &refresh_ms))
        return "valid_ms and refresh_ms are no numbers from 1 on";
    if (!(r->strings = malloc(n + 1))) return "no memory";
    if ((why = read_variants(l, r, p)) || (why = read_state(r, p)) || (why = read_experiment(r, p))) return why;
    if ((why = read_group(r, p))) return why;
    return read_overrides(r, p);
}

/* NULL: *ret_why says why not. */
static struct rules *read_rules(struct nocturne_live *l, const char *text, size_t n, const char **ret_why)
{
    struct rules *r = calloc(1, sizeof *r);
    locale_t before = uselocale(l->plain);
    if (r) r->experiment = r->period = -1;
    *ret_why = r ? read_all(l, r, text, n) : "no memory";
    uselocale(before);
    if (!*ret_why) return r;
    free_rules(r);
    return NULL;
}

/* ---- its file, and the switches ---- */

static void complain(struct nocturne_live *l, const char *what, const char *why)
{
    char text[sizeof l->said];
    snprintf(text, sizeof text, "%.100s%s%.60s", what, *what ? ": " : "", why);
    if (strcmp(text, l->said) == 0) return;
    memcpy(l->said, text, sizeof text);
    if (l->say && *text) l->say(l->data, text);
}

static void take_rules(struct nocturne_live *l, struct rules *r, const struct timespec *written)
{
    long long age = now_ms(CLOCK_REALTIME) - ((long long)written->tv_sec * 1000 + written->tv_nsec / 1000000);
    pthread_rwlock_wrlock(&l->lock);
    struct rules *old = l->rules;
    l->rules = r;
    l->until_ms = age < -FUTURE_MS ? INT64_MIN : now_ms(CLOCK) - age + (long long)r->valid_ms;
    pthread_rwlock_unlock(&l->lock);
    free_rules(old);
}

/* All of a file with a 0 behind it; NULL with errno. */
static char *read_file(int fd, size_t *ret_n)
{
    char *text = malloc(TEXT_MAX_ + 2);
    size_t n = 0;
    ssize_t k;
    while (text && (k = read(fd, text + n, TEXT_MAX_ + 1 - n)) != 0) {
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return free(text), NULL;
        n += (size_t)k;
    }
    if (text) text[n] = 0;
    *ret_n = n;
    return text;
}

static void look_at_file(struct nocturne_live *l)
{
    char path[PATH_MAX_ + 32];
    struct stat s;
    size_t n = 0;
    const char *why = NULL;
    snprintf(path, sizeof path, "%s/ruleset.json", l->spool.folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s) != 0) {
        complain(l, path, strerror(errno));
    } else if (s.st_mtim.tv_sec != l->read_at.tv_sec || s.st_mtim.tv_nsec != l->read_at.tv_nsec) {
        char *text = S_ISREG(s.st_mode) ? read_file(fd, &n) : NULL;
        struct rules *r = text ? read_rules(l, text, n, &why) : NULL;
        l->read_at = s.st_mtim;
        if (r) take_rules(l, r, &s.st_mtim);
        complain(l, r ? "" : path, r ? "" : why ? why : "it cannot be read");
        free(text);
    }
    if (fd >= 0) close(fd);
}

/* Is the name, or "all", in a list with commas? */
static int is_listed(const char *list, const char *name)
{
    while (list && *list) {
        size_t lead = strspn(list, ", "), n = strcspn(list + lead, ",");
        const char *one = list + lead;
        list = one + n;
        while (n && one[n - 1] == ' ') n--;
        if ((n == 3 && strncmp(one, "all", 3) == 0) || (n && n == strlen(name) && strncmp(one, name, n) == 0)) return 1;
    }
    return 0;
}

static int is_killed(const struct nocturne_live *l)
{
    const char *path = getenv("NOCTURNE_LIVE_KILL_FILE");
    struct stat s;
    return is_listed(getenv("NOCTURNE_LIVE_KILL"), l->rollout) || (path && *path && stat(path, &s) == 0);
}

/* At most once a second, and by one thread. */
static void look(struct nocturne_live *l, long long now)
{
    if (now < atomic_load_explicit(&l->look_ms, memory_order_relaxed) || pthread_mutex_trylock(&l->looking) != 0)
        return;
    atomic_store(&l->look_ms, now + LOOK_MS);
    atomic_store(&l->killed, is_killed(l));
    look_at_file(l);
    pthread_mutex_unlock(&l->looking);
}

/* ---- assigning ---- */

static const struct face *overridden(const struct rules *r, const char *unit, size_t n)
{
    const struct override key = {unit, n, NULL};
    const struct override *found =
        r->n_overrides ? bsearch(&key, r->overrides, r->n_overrides, sizeof key, by_unit) : NULL;
    return found ? found->face : NULL;
}

static double place_of(const char *salt, const struct nocturne_variant *v)
{
    return place(salt, strlen(salt), v->unit, v->unit_bytes);
}

static int takes_part(const struct rules *r, const struct nocturne_variant *v)
{
    if (r->holdout_salt && place_of(r->holdout_salt, v) < r->holdout_share) return 0;
    if (!r->group_salt) return 1;
    double at = place_of(r->group_salt, v);
    return at >= r->group_from && at < r->group_to;
}

static const struct face *face_at(const struct rules *r, double at)
{
    for (size_t i = 0; i < r->n_ranges; i++)
        if (at >= r->ranges[i].from && at < r->ranges[i].to) return r->ranges[i].face;
    return r->champion;
}

static enum nocturne_reason decide(struct nocturne_live *l, const struct nocturne_variant *v, long long now,
                                   const struct face **ret)
{
    const struct rules *r = l->rules;
    const struct face *face;
    *ret = r->champion;
    if (!is_unit(v->unit, v->unit_bytes)) return NOCTURNE_ERROR;
    if (r->killed || atomic_load_explicit(&l->killed, memory_order_relaxed)) return NOCTURNE_DISABLED;
    if ((face = overridden(r, v->unit, v->unit_bytes))) return *ret = face, NOCTURNE_TARGETING_MATCH;
    if (r->experiment < 0) return NOCTURNE_STATIC;
    if (now > l->until_ms) return NOCTURNE_STALE;
    if (!takes_part(r, v)) return NOCTURNE_STATIC;
    *ret = face_at(r, place_of(r->salt, v));
    return NOCTURNE_SPLIT;
}

struct nocturne_variant nocturne_live_assign(struct nocturne_live *l, const char *unit, size_t unit_bytes)
{
    struct nocturne_variant v = {unit, unit_bytes, "champion", "", "{}", -1, -1, NOCTURNE_DEFAULT, 0};
    const struct face *face;
    long long now = now_ms(CLOCK);
    look(l, now);
    pthread_rwlock_rdlock(&l->lock);
    if (l->rules) {
        v.reason = decide(l, &v, now, &face);
        v.variant = face->name, v.hash = face->hash, v.parameters = face->parameters;
        v.experiment = (long long)l->rules->experiment, v.period = (long long)l->rules->period;
        v.counted = v.reason == NOCTURNE_SPLIT;
    }
    pthread_rwlock_unlock(&l->lock);
    return v;
}

size_t nocturne_live_shadow(struct nocturne_live *l, const struct nocturne_variant *v, struct nocturne_variant *ret,
                            size_t size)
{
    size_t n = 0;
    if (!v->counted || strcmp(v->variant, "champion") != 0) return 0;
    pthread_rwlock_rdlock(&l->lock);
    const struct rules *r = l->rules;
    if (v->experiment == (long long)r->experiment && v->period == (long long)r->period)
        for (; n < r->n_shadow && n < size; n++) {
            const struct face *face = r->shadow[n];
            ret[n] = *v;
            ret[n].variant = face->name, ret[n].hash = face->hash, ret[n].parameters = face->parameters;
        }
    pthread_rwlock_unlock(&l->lock);
    return n;
}

double nocturne_variant_number(const struct nocturne_variant *v, const char *name, double fallback)
{
    double value;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
    int found = read_number(find(v->parameters, name), &value);
    uselocale(before);
    if (plain) freelocale(plain);
    return found ? value : fallback;
}

int nocturne_variant_text(const struct nocturne_variant *v, const char *name, char *buf, size_t size)
{
    const char *p = find(v->parameters, name);
    char *text = p && *p == '"' ? copy_string(p) : NULL;
    int fits = text && strlen(text) < size;
    if (fits) strcpy(buf, text);
    free(text);
    return fits ? 0 : -1;
}

/* ---- outcomes ---- */

struct line {
    char text[LINE_MAX_];
    size_t n; /* goes on counting when it is full */
};

static void put(struct line *line, const char *bytes, size_t n)
{
    if (line->n + n <= sizeof line->text) memcpy(line->text + line->n, bytes, n);
    line->n += n;
}

static void put_text(struct line *line, const char *format, ...)
{
    char text[64];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    put(line, text, (size_t)n);
}

/* 0: it is no UTF-8. */
static int put_string(struct line *line, const char *text, size_t n)
{
    put(line, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            put_text(line, "\\%c", c);
        else if (c < 32)
            put_text(line, "\\u%04x", c);
        else
            put(line, &text[i], 1);
    }
    put(line, "\"", 1);
    return is_text(text, n);
}

static int put_id(struct line *line, const char *id)
{
    unsigned char random[12];
    if (id) return put_string(line, id, strlen(id));
    if (getentropy(random, sizeof random) != 0) return 0;
    put(line, "\"", 1);
    for (size_t i = 0; i < sizeof random; i++) put_text(line, "%02x", random[i]);
    put(line, "\"", 1);
    return 1;
}

static int put_metrics(struct line *line, size_t n, const struct nocturne_live_metric *m)
{
    int fine = 1;
    put_text(line, "{");
    for (size_t i = 0; i < n; i++) {
        put_text(line, i ? "," : "");
        fine = put_string(line, m[i].name, strlen(m[i].name)) && is_finite(m[i].value) && fine;
        put_text(line, ":%.17g", m[i].value);
    }
    put_text(line, "}");
    return fine;
}

static int put_shadow(struct line *line, const struct nocturne_outcome *o)
{
    int fine = 1;
    put_text(line, ",\"shadow\":");
    for (size_t i = 0; i < o->n_shadow; i++) {
        const struct nocturne_shadow *s = &o->shadow[i];
        put_text(line, i ? "," : "{");
        fine = put_string(line, s->variant, strlen(s->variant)) && fine;
        put_text(line, ":");
        fine = put_metrics(line, s->n, s->metrics) && fine;
    }
    put_text(line, "}");
    return fine;
}

/* 0: it is no outcome. */
static int put_outcome(struct line *line, const struct nocturne_variant *v, const struct nocturne_outcome *o)
{
    int fine = 1;
    put_text(line, "{\"unit\":");
    fine = put_string(line, v->unit, v->unit_bytes);
    put_text(line, ",\"variant\":");
    fine = put_string(line, v->variant, strlen(v->variant)) && fine;
    put_text(line, ",\"at_ms\":%lld", o->at_ms ? o->at_ms : now_ms(CLOCK_REALTIME));
    if (v->experiment >= 0) put_text(line, ",\"experiment\":%lld,\"period\":%lld", v->experiment, v->period);
    if (o->segment) {
        put_text(line, ",\"segment\":");
        fine = put_string(line, o->segment, strlen(o->segment)) && fine;
    }
    if (o->expected) put_text(line, ",\"expected\":%.17g", *o->expected);
    if (o->expected) fine = is_finite(*o->expected) && fine;
    if (o->n) {
        put_text(line, ",\"id\":");
        fine = put_id(line, o->id) && fine;
        put_text(line, ",\"metrics\":");
        fine = put_metrics(line, o->n, o->metrics) && fine;
    }
    if (o->n_shadow) fine = put_shadow(line, o) && fine;
    put_text(line, "}\n");
    return fine;
}

/* ---- the spool: as nocturne/_spool.py has it, which says why it loses nothing ---- */

static void make_folder(const char *path)
{
    char part[PATH_MAX_];
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        const char *end = strchr(slash + 1, '/');
        snprintf(part, sizeof part, "%.*s", (int)(end ? (size_t)(end - path) : strlen(path)), path);
        mkdir(part, 0700);
    }
}

/* What waits, anybody's. */
static void measure(struct spool *spool)
{
    struct stat s;
    DIR *d = opendir(spool->folder);
    spool->used = spool->waiting = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *point = strrchr(e->d_name, '.');
        int ours =
            point && (strcmp(point, ".open") == 0 || strcmp(point, ".jsonl") == 0 || strcmp(point, ".refused") == 0);
        if (ours && fstatat(dirfd(d), e->d_name, &s, 0) == 0) spool->used += (size_t)s.st_size, spool->waiting++;
    }
    if (d) closedir(d);
}

static void close_file(struct spool *s)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    s->lines = s->bytes = 0;
}

/* It may be sent now. */
static void seal(struct spool *s)
{
    char to[sizeof s->path + 8];
    if (s->fd < 0) return;
    snprintf(to, sizeof to, "%.*s.jsonl", (int)(strrchr(s->path, '.') - s->path), s->path);
    rename(s->path, to); /* or somebody else has, who found it idle */
    close_file(s);
}

static int open_file(struct spool *s)
{
    unsigned char r[6];
    struct timespec t;
    if (getentropy(r, sizeof r) != 0) return -1;
    clock_gettime(CLOCK_REALTIME, &t);
    make_folder(s->folder);
    measure(s);
    snprintf(s->path, sizeof s->path, "%s/%016llx-%02x%02x%02x%02x%02x%02x.open", s->folder,
             (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec, r[0], r[1], r[2], r[3], r[4],
             r[5]);
    s->fd = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    s->opened_ms = now_ms(CLOCK);
    return s->fd < 0 ? -1 : 0;
}

static int write_line(struct spool *s, const struct line *line)
{
    ssize_t n = write(s->fd, line->text, line->n);
    if (n == (ssize_t)line->n) return 0;
    if (n >= 0) {
        seal(s); /* a torn line is the last of its file, and is not read */
        errno = ENOSPC;
    }
    return -1;
}

static int append(struct spool *s, const struct line *line)
{
    struct stat there;
    long long pause = SEAL_MS * (s->waiting < WAITING_MAX ? 1 + (long long)s->waiting : WAITING_MAX);
    if (s->fd >= 0 && now_ms(CLOCK) - s->opened_ms > pause) seal(s);
    do {
        if (s->fd < 0 && open_file(s) != 0) return -1;
        if (s->used + line->n > s->limit) return errno = ENOSPC, -1;
        if (write_line(s, line) != 0) return -1;
    } while (stat(s->path, &there) != 0 && (close_file(s), 1));
    s->used += line->n, s->bytes += line->n;
    if (++s->lines >= FILE_LINES_MAX || s->bytes >= FILE_BYTES_MAX) seal(s);
    return 0;
}

/* 0: it is in `line`; else errno. */
static int make_line(const struct nocturne_live *l, struct line *line, const struct nocturne_variant *v,
                     const struct nocturne_outcome *o)
{
    line->n = 0;
    locale_t before = uselocale(l->plain);
    int fine = put_outcome(line, v, o);
    uselocale(before);
    return !fine ? EINVAL : line->n > sizeof line->text ? EMSGSIZE : 0;
}

/* Of numbers that are none the unit was served all the same: who fails with nonsense is not to be unseen. */
int nocturne_live_outcome(struct nocturne_live *l, const struct nocturne_variant *v, const struct nocturne_outcome *o)
{
    struct line line;
    const struct nocturne_outcome served = {.segment = o->segment, .expected = o->expected, .at_ms = o->at_ms};
    if (!v->counted && (v->experiment >= 0 || v->reason != NOCTURNE_STATIC)) return 0; /* nobody counts it */
    int wrong = make_line(l, &line, v, o);
    if (wrong && (o->n == 0 || make_line(l, &line, v, &served) != 0)) return errno = wrong, -1;
    pthread_mutex_lock(&l->spool.lock);
    int failed = append(&l->spool, &line);
    pthread_mutex_unlock(&l->spool.lock);
    return wrong ? (errno = wrong, -1) : failed;
}

/* ---- the object ---- */

static int is_name(const char *name)
{
    size_t n = name ? strlen(name) : 0;
    return n > 0 && n <= NAME_MAX_ && *name != '.' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

/* 0: there is none, or it is too long. */
static int find_folder(char ret[PATH_MAX_], const struct nocturne_live_options *o)
{
    const char *home = getenv("HOME");
    if (!o->folder && !home) return 0;
    int n = o->folder ? snprintf(ret, PATH_MAX_, "%s/%s", o->folder, o->rollout)
                      : snprintf(ret, PATH_MAX_, "%s/.local/state/nocturne/live/%s", home, o->rollout);
    return n < PATH_MAX_;
}

/* One that many readers do not keep from its writer. */
static void begin_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t a;
    pthread_rwlockattr_init(&a);
#ifdef __GLIBC__
    pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(lock, &a);
    pthread_rwlockattr_destroy(&a);
}

struct nocturne_live *nocturne_live_open(const struct nocturne_live_options *o)
{
    struct nocturne_live *l = is_name(o->rollout) ? calloc(1, sizeof *l) : NULL;
    if (!l || !find_folder(l->spool.folder, o) || !(l->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0))) {
        free(l);
        errno = is_name(o->rollout) ? ENOMEM : EINVAL;
        return NULL;
    }
    strcpy(l->rollout, o->rollout);
    l->say = o->say, l->data = o->data;
    l->spool.limit = o->spool_bytes ? o->spool_bytes : (size_t)64 << 20;
    l->spool.fd = -1;
    l->read_at.tv_sec = -1;
    begin_lock(&l->lock);
    pthread_mutex_init(&l->looking, NULL);
    pthread_mutex_init(&l->spool.lock, NULL);
    look(l, now_ms(CLOCK));
    return l;
}

void nocturne_live_close(struct nocturne_live *l)
{
    if (!l) return;
    seal(&l->spool);
    free_rules(l->rules);
    for (struct face *f = l->faces, *after; f; f = after) {
        after = f->next;
        free_face(f);
    }
    pthread_rwlock_destroy(&l->lock);
    pthread_mutex_destroy(&l->looking);
    pthread_mutex_destroy(&l->spool.lock);
    freelocale(l->plain);
    free(l);
}
