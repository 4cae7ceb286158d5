/* wiring: how a study's parameters and its seed reach the program, as far as that can be seen without running it.
 *
 * The command says what is handed over as an argument. What is not can be read from the environment: then the program
 * names NOCTURNE_PARAM_…, NOCTURNE_PARAMS, NOCTURNE_SEED or an SDK, in a script that the command names or in what that
 * imports or calls from the study's folder (sources.h). REACH_NONE is said only of a program all of which was read:
 * one that hands its environment on, or imports what is installed elsewhere and could read it, is not judged (idiom.h).
 */
#ifndef TUNER_EXECUTION_WIRING_H
#define TUNER_EXECUTION_WIRING_H

#include "tuner/study/study.h"

enum reach {
    REACH_NONE,     /* nothing that was read asks for it */
    REACH_ARGUMENT, /* {name} or {args} */
    REACH_VARIABLE, /* the program names its variable */
    REACH_FILE,     /* the command names params.json */
    REACH_PROGRAM,  /* the program has an SDK, or reads params.json */
    REACH_UNSEEN,   /* it is in the environment; whether the program looks there cannot be seen */
    REACH_CHOICE,   /* no stage sees it: it decides which stages and parameters there are */
};

enum { WIRING_WARNINGS_MAX = 4 };

struct wiring {
    const char *program; /* what is talked about: the script, or the program itself */
    enum reach param[SPACE_PARAMS_MAX];
    enum reach seed;
    size_t n_warnings;
    char warning[WIRING_WARNINGS_MAX][300];
};

/* Texts live in the arena. */
void wiring_look(const struct study *study, struct arena *arena, struct wiring *ret);

const char *reach_name(enum reach reach); /* "none", "argument", "variable", "file", "program", "unseen", "choice" */

#endif
