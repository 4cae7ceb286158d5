/* pause: why nothing new starts now, and when to try again.
 *
 * Two causes: the journal's disk refuses, or the machine can start no program (no processes, descriptors or memory
 * left, no folder for logs). A person is told once when a pause begins and once when it is over.
 */
#ifndef TUNER_COORDINATOR_PAUSE_H
#define TUNER_COORDINATOR_PAUSE_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pause {          /* zero: none. Times in milliseconds of the monotonic clock */
    char machine[1024]; /* why no program could be started; "": it could */
    int64_t again_ms, delay_ms;
    int64_t since_ms;  /* that a person was told of; 0: there is none */
    char reason[1100]; /* … and why */
};

/* No program could be started: wait, twice as long as the last time, from half a second to half a minute. */
void pause_machine_failed(struct pause *p, const char *why, int64_t now_ms);

/* One was started. What began together with a failure does not end its pause. */
void pause_machine_works(struct pause *p, int64_t now_ms);

enum pause_change { PAUSE_SAME, PAUSE_BEGAN, PAUSE_ENDED };

/* What a person should be told now, in `text`. `disk`: the journal's trouble. */
enum pause_change pause_look(struct pause *p, const struct error *disk, int64_t now_ms, char *text, size_t size);

/* May nothing start now? */
bool pause_holds(const struct pause *p, const struct error *disk, int64_t now_ms);

#endif
