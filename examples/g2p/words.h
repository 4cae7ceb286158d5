/* words: the output of g2p_prep in memory, and the random numbers that shuffle it. */
#ifndef G2P_WORDS_H
#define G2P_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum { SYMBOLS = 27 /* 26 letters and the word's edge */, CLASSES_MAX = 80, WORD_MAX = 48 };

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

/* One sentence, and exit code 1. */
void die(const char *what, const char *name);
void *zeroed(size_t n, size_t size); /* 64-byte aligned; never NULL */

uint64_t random_bits(uint64_t *s); /* SplitMix64 */
double random_normal(uint64_t *s);

/* The same words whatever the seed: at most `words` for training, and `validation` of each of the held-out splits. */
void data_open(struct data *d, const char *path, long words, long validation);
/* Of a file that may have no words but validation words; all of them, in the file's order. */
void data_open_validation(struct data *d, const char *path);
void data_free(struct data *d);
void shuffle(struct words *ws, uint64_t *s);

#endif
