/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "words.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, name, what);
    exit(1);
}

void *zeroed(size_t n, size_t size)
{
    void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);
    if (!p) die("out of memory", "allocation");
    return memset(p, 0, n * size);
}

/* ---- random numbers: SplitMix64 ---- */

uint64_t random_bits(uint64_t *s)
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

double random_normal(uint64_t *s)
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
}

void shuffle(struct words *ws, uint64_t *s)
{
    for (size_t i = ws->n; i > 1; i--) {
        size_t j = random_bits(s) % i;
        struct word w = ws->word[i - 1];
        ws->word[i - 1] = ws->word[j];
        ws->word[j] = w;
    }
}

static void limit(struct words *ws, long n)
{
    for (; (long)ws->n > n; ws->n--) free(ws->word[ws->n - 1].prons);
}

void data_open(struct data *d, const char *path, long words, long validation)
{
    uint64_t fixed = 42; /* which words a small variant uses does not depend on the seed */
    data_read(d, path);
    if (!d->train.n || !d->validation.n || !d->test.n) die("no words in it: run g2p_prep again", path);
    shuffle(&d->train, &fixed);
    shuffle(&d->validation, &fixed);
    shuffle(&d->test, &fixed);
    limit(&d->train, words);
    limit(&d->validation, validation);
    limit(&d->test, validation);
}

void data_open_validation(struct data *d, const char *path)
{
    data_read(d, path);
    if (!d->classes || !d->validation.n) die("there must be classes and validation words in it", path);
}

void data_free(struct data *d)
{
    struct words *all[] = {&d->train, &d->validation, &d->test};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        limit(all[i], 0);
        free(all[i]->word);
    }
}
