/* alike: failures that are one. When nothing has completed and trials fail for the same reason, but for its numbers and its last lines,
 * the program or its command is wrong, and each further trial would only cost time. */
#ifndef TUNER_COORDINATOR_ALIKE_H
#define TUNER_COORDINATOR_ALIKE_H

#include <stdbool.h>
#include <stddef.h>

enum { ALIKE_MAX = 3 };

struct alike { /* zero: none yet */
    size_t n;
    char reason[256]; /* of the last one, without digits */
};

/* One more; true: it is the third in a row. */
bool alike_add(struct alike *a, const char *reason);

#endif
