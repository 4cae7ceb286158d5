/* sources: the text of a study's program, as far as the study's folder has it: the script that the command names, and
 * what that imports or calls. At most 32 files and 4 MiB are read, and understood the first 256 KiB.
 */
#ifndef TUNER_EXECUTION_SOURCES_H
#define TUNER_EXECUTION_SOURCES_H

#include "tuner/study/study.h"

enum { SOURCES_MAX = 32 };

struct sources {
    const struct study *study;
    struct arena *arena;
    const char *program;           /* the script that the command names, or the program itself */
    const char *missing;           /* a script that the command names and that is not there; NULL: none */
    const char *file[SOURCES_MAX]; /* in the order in which they are read */
    size_t n, tries;
    char *text;                /* of all of them; no NUL in it but the last */
    size_t n_text, understood; /* understood: bytes that were read for what they import and call */
    bool found;                /* the command names something that was read */
    bool open;                 /* something else may look into the environment: nothing is sure that was not seen */
    bool sdk;                  /* it imports `nocturne` */
};

/* Strings live in the arena; the text until sources_done. */
void sources_read(const struct study *study, struct arena *arena, struct sources *ret);
void sources_done(struct sources *x);

/* Is it a program that runs the programs of others, by its name? */
bool sources_is_interpreter(const char *program);

/* All that could look into the environment has been read. */
bool sources_are_whole(const struct sources *x);

/* The word, and not the beginning of a longer one. */
bool sources_mention(const struct sources *x, const char *word);

/* Quoted or in capitals, whichever way the rest is written: what the names of variables begin with, such as
 * "NOCTURNE_PARAM", with or without a "_" at its end. */
bool sources_mention_prefix(const struct sources *x, const char *prefix);

#endif
