#include "tuner/coordinator/pause.h"

#include "tuner/base/words.h"

#include <stdio.h>

enum { DELAY_MS = 500, DELAY_MAX_MS = 30000 };

void pause_machine_failed(struct pause *p, const char *why, int64_t now_ms)
{
    p->delay_ms = !*p->machine ? DELAY_MS : 2 * p->delay_ms < DELAY_MAX_MS ? 2 * p->delay_ms : DELAY_MAX_MS;
    p->again_ms = now_ms + p->delay_ms;
    snprintf(p->machine, sizeof p->machine, "%s", why);
}

void pause_machine_works(struct pause *p, int64_t now_ms)
{
    if (now_ms >= p->again_ms) *p->machine = 0;
}

enum pause_change pause_look(struct pause *p, const struct error *disk, int64_t now_ms, char *text, size_t size)
{
    char took[40];
    bool paused = disk->status || *p->machine;
    if (paused == (p->since_ms != 0)) return PAUSE_SAME;
    if (paused) {
        snprintf(p->reason, sizeof p->reason, "%s", disk->status ? disk->text : p->machine);
        snprintf(text, size, "paused: %s; goes on by itself when that is over", p->reason);
        p->since_ms = now_ms;
        return PAUSE_BEGAN;
    }
    words_show_duration(now_ms - p->since_ms, took, sizeof took);
    snprintf(text, size, "was paused for %s: %s", took, p->reason);
    p->since_ms = 0;
    return PAUSE_ENDED;
}

bool pause_holds(const struct pause *p, const struct error *disk, int64_t now_ms)
{
    return disk->status || (*p->machine && now_ms < p->again_ms);
}
