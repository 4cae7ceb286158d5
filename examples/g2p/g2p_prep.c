/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_prep: turns the CMU pronouncing dictionary into the data of the demo.
 *
 *   g2p_prep DICTIONARY OUTPUT
 *
 * 1. clean: keep heads of letters a-z, fold variants "word(2)" into one entry;
 * 2. split: FNV-1a (32 bit) of the word mod 20: 0 validation, 1 test, rest training;
 * 3. align: each letter emits a chunk of 0, 1 or 2 phones. Chunk probabilities
 *    p(chunk | letter) are fitted by EM (forward-backward) on training words only:
 *    8 rounds, prune pairs seen fewer than 20 times, 6 more, prune again, then Viterbi.
 *
 * The output is text, one record a line:
 *   g2p 1
 *   class NAME            a chunk: phones joined by '+', or '_' for silence
 *   t WORD C C C …        training word, one class index per letter
 *   v WORD PH+PH+…|…      validation word with all its pronunciations
 *   x WORD PH+PH+…|…      test word, likewise
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LETTERS = 26,
    PHONES_MAX = 48,
    CHUNKS = 1 + PHONES_MAX + PHONES_MAX * PHONES_MAX, /* silence, one phone, two phones */
    WORD_MAX = 48,
    PRON_MAX = 48,
    VARIANTS_MAX = 8,
    FOLDS = 20,
};

struct pron {
    int n;
    unsigned char phone[PRON_MAX];
};

struct word {
    char text[WORD_MAX];
    int n_prons;
    struct pron *pron[VARIANTS_MAX];
};

struct dict {
    struct word *word;
    size_t n, room;
    char phone[PHONES_MAX][8];
    int n_phones;
};

struct model {
    double p[LETTERS][CHUNKS];     /* p(chunk | letter); 0 = pruned */
    double count[LETTERS][CHUNKS]; /* expected counts of this round */
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "g2p_prep: %s: %s%s%s\n", name, what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static void *must(void *p)
{
    if (!p) die("out of memory", "allocation");
    return p;
}

static int phone_index(struct dict *d, const char *name)
{
    for (int i = 0; i < d->n_phones; i++)
        if (strcmp(d->phone[i], name) == 0) return i;
    if (d->n_phones == PHONES_MAX || strlen(name) >= sizeof d->phone[0]) die("too many or too long phones", name);
    strcpy(d->phone[d->n_phones], name);
    return d->n_phones++;
}

/* Cuts "word(2)" to "word"; false unless what is left is all a-z. */
static bool clean_head(char *head)
{
    char *paren = strchr(head, '(');
    if (paren) *paren = 0;
    size_t n = strlen(head);
    return n > 0 && n < WORD_MAX && strspn(head, "abcdefghijklmnopqrstuvwxyz") == n;
}

static struct word *word_for(struct dict *d, const char *head)
{
    if (d->n && strcmp(d->word[d->n - 1].text, head) == 0) return &d->word[d->n - 1];
    if (d->n == d->room) {
        d->room = d->room ? 2 * d->room : 4096;
        d->word = must(realloc(d->word, d->room * sizeof *d->word));
    }
    struct word *w = &d->word[d->n++];
    memset(w, 0, sizeof *w);
    strcpy(w->text, head);
    return w;
}

static void dict_read(struct dict *d, const char *path)
{
    FILE *in = fopen(path, "r");
    if (!in) die("cannot read the dictionary (Debian package pocketsphinx-en-us)", path);
    char line[1024];
    while (fgets(line, sizeof line, in)) {
        char *save = NULL, *head = strtok_r(line, " \t\r\n", &save);
        if (!head || !clean_head(head)) continue;
        struct word *w = word_for(d, head);
        if (w->n_prons == VARIANTS_MAX) continue;
        struct pron *p = must(calloc(1, sizeof *p));
        for (char *ph; (ph = strtok_r(NULL, " \t\r\n", &save)) && p->n < PRON_MAX;)
            p->phone[p->n++] = (unsigned char)phone_index(d, ph);
        w->pron[w->n_prons++] = p;
    }
    fclose(in);
    if (!d->n) die("no words found in it", path);
}

static unsigned fold_of(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h % FOLDS;
}

/* Chunk of `n` phones ending before position `j`. */
static int chunk_at(const struct pron *p, int j, int n)
{
    if (n == 0) return 0;
    if (n == 1) return 1 + p->phone[j - 1];
    return 1 + PHONES_MAX + p->phone[j - 2] * PHONES_MAX + p->phone[j - 1];
}

typedef double lattice[WORD_MAX + 1][PRON_MAX + 1]; /* letters read × phones read */

static void add_expected_counts(struct model *m, const struct word *w, lattice fwd, lattice bwd)
{
    const struct pron *p = w->pron[0];
    int n = (int)strlen(w->text), k = p->n;
    memset(fwd, 0, sizeof(lattice));
    memset(bwd, 0, sizeof(lattice));
    fwd[0][0] = 1;
    for (int i = 1; i <= n; i++)
        for (int j = 0; j <= k; j++)
            for (int c = 0; c <= 2 && c <= j; c++)
                fwd[i][j] += fwd[i - 1][j - c] * m->p[w->text[i - 1] - 'a'][chunk_at(p, j, c)];
    double total = fwd[n][k];
    if (!(total > 0)) return;
    bwd[n][k] = 1;
    for (int i = n; i >= 1; i--)
        for (int j = 0; j <= k; j++)
            for (int c = 0; c <= 2 && c <= j; c++) {
                int l = w->text[i - 1] - 'a', h = chunk_at(p, j, c);
                double step = m->p[l][h] * bwd[i][j];
                bwd[i - 1][j - c] += step;
                m->count[l][h] += fwd[i - 1][j - c] * step / total;
            }
}

static void normalise(struct model *m, double seen_min)
{
    for (int l = 0; l < LETTERS; l++) {
        double sum = 0;
        for (int c = 0; c < CHUNKS; c++) {
            if (m->count[l][c] < seen_min) m->count[l][c] = 0;
            sum += m->count[l][c];
        }
        for (int c = 0; c < CHUNKS; c++) m->p[l][c] = sum > 0 ? m->count[l][c] / sum : 0;
    }
}

static void em_round(struct model *m, const struct dict *d, double seen_min)
{
    lattice *fwd = must(malloc(sizeof(lattice))), *bwd = must(malloc(sizeof(lattice)));
    memset(m->count, 0, sizeof m->count);
    for (size_t i = 0; i < d->n; i++)
        if (fold_of(d->word[i].text) > 1) add_expected_counts(m, &d->word[i], *fwd, *bwd);
    normalise(m, seen_min);
    free(fwd);
    free(bwd);
}

static void fit(struct model *m, const struct dict *d)
{
    for (int l = 0; l < LETTERS; l++)
        for (int c = 0; c < CHUNKS; c++) m->p[l][c] = 1.0 / CHUNKS;
    for (int r = 0; r < 8; r++) em_round(m, d, r == 7 ? 20 : 0);
    for (int r = 0; r < 6; r++) em_round(m, d, r == 5 ? 20 : 0);
}

/* Best alignment of the first pronunciation; chunk[i] for each letter. */
static bool viterbi(const struct model *m, const struct word *w, int *chunk)
{
    static const double NEVER = -1e300;
    const struct pron *p = w->pron[0];
    int n = (int)strlen(w->text), k = p->n;
    double best[WORD_MAX + 1][PRON_MAX + 1];
    int from[WORD_MAX + 1][PRON_MAX + 1];
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= k; j++) best[i][j] = NEVER;
    best[0][0] = 0;
    for (int i = 1; i <= n; i++)
        for (int j = 0; j <= k; j++)
            for (int c = 0; c <= 2 && c <= j; c++) {
                double q = m->p[w->text[i - 1] - 'a'][chunk_at(p, j, c)];
                double s = q > 0 && best[i - 1][j - c] > NEVER ? best[i - 1][j - c] + log(q) : NEVER;
                if (s > best[i][j]) best[i][j] = s, from[i][j] = c;
            }
    if (best[n][k] <= NEVER) return false;
    for (int i = n, j = k; i >= 1; j -= from[i][j], i--) chunk[i - 1] = chunk_at(p, j, from[i][j]);
    return true;
}

static void write_chunk(FILE *out, const struct dict *d, int c)
{
    if (c == 0)
        fputs("_", out);
    else if (c <= PHONES_MAX)
        fputs(d->phone[c - 1], out);
    else {
        c -= 1 + PHONES_MAX;
        fprintf(out, "%s+%s", d->phone[c / PHONES_MAX], d->phone[c % PHONES_MAX]);
    }
}

static void write_held_out(FILE *out, const struct dict *d, const struct word *w, char kind)
{
    fprintf(out, "%c %s ", kind, w->text);
    for (int v = 0; v < w->n_prons; v++)
        for (int i = 0; i < w->pron[v]->n; i++)
            fprintf(out, "%s%s", i ? "+" : v ? "|" : "", d->phone[w->pron[v]->phone[i]]);
    fputc('\n', out);
}

/* Writes all records; returns the number of training words that could be aligned. */
static size_t write_all(FILE *out, const struct dict *d, const struct model *m, size_t split[3], int *ret_classes)
{
    int class_of[CHUNKS], n_classes = 0;
    for (int c = 0; c < CHUNKS; c++) class_of[c] = -1;
    fputs("g2p 1\n", out);
    for (int c = 0; c < CHUNKS; c++)
        for (int l = 0; l < LETTERS && class_of[c] < 0; l++)
            if (m->p[l][c] > 0) {
                class_of[c] = n_classes++;
                fputs("class ", out);
                write_chunk(out, d, c);
                fputc('\n', out);
            }
    size_t aligned = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct word *w = &d->word[i];
        unsigned fold = fold_of(w->text);
        int chunk[WORD_MAX];
        split[fold > 1 ? 2 : fold]++;
        if (fold <= 1)
            write_held_out(out, d, w, fold ? 'x' : 'v');
        else if (viterbi(m, w, chunk)) {
            aligned++;
            fprintf(out, "t %s", w->text);
            for (size_t c = 0; w->text[c]; c++) fprintf(out, " %d", class_of[chunk[c]]);
            fputc('\n', out);
        }
    }
    *ret_classes = n_classes;
    return aligned;
}

static void dict_free(struct dict *d)
{
    for (size_t i = 0; i < d->n; i++)
        for (int v = 0; v < d->word[i].n_prons; v++) free(d->word[i].pron[v]);
    free(d->word);
    free(d);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: g2p_prep DICTIONARY OUTPUT\n", stderr);
        return 2;
    }
    struct dict *d = must(calloc(1, sizeof *d));
    struct model *m = must(calloc(1, sizeof *m));
    char tmp[4096];
    snprintf(tmp, sizeof tmp, "%s.part", argv[2]);
    dict_read(d, argv[1]);
    fit(m, d);
    FILE *out = fopen(tmp, "w");
    if (!out) die("cannot write", tmp);
    size_t split[3] = {0};
    int classes;
    size_t aligned = write_all(out, d, m, split, &classes);
    if (fclose(out) != 0 || rename(tmp, argv[2]) != 0) die("cannot write", argv[2]);
    printf("%zu words: %zu training (%zu aligned), %zu validation, %zu test; %d classes\n", d->n, split[2], aligned,
           split[0], split[1], classes);
    free(m);
    dict_free(d);
    return 0;
}
