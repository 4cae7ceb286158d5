/* failure: what a study cannot go on with before somebody has mended it: a baseline without a result, or three trials
 * in a row that failed alike while nothing has completed. Then the program or its command is wrong, not the
 * configurations, and each further trial would only cost time. */
#ifndef TUNER_COORDINATOR_FAILURE_H
#define TUNER_COORDINATOR_FAILURE_H

#include "tuner/history/history.h"

enum { ALIKE_MAX = 3 };

struct alike { /* failures of a run so far; zero: none */
    size_t n;
    char reason[256]; /* of the last one, without digits and last lines */
};

/* A trial of the study is final: STATUS_FAILED and a sentence if that is the end of it. */
enum status failure_look(const struct memory *s, const struct trial *t, struct alike *alike, struct error *err);

/* The same of the baseline alone. */
enum status failure_of_baseline(const struct memory *s, const struct trial *t, struct error *err);

#endif
