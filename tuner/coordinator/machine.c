#include "tuner/coordinator/machine.h"

bool machine_runs_trials(const struct coordinator *c)
{
    return c->phase == PHASE_SEARCH || c->phase == PHASE_CONFIRM;
}

void machine_say_now(struct coordinator *c, enum news event, const struct trial *t, const char *text)
{
    c->options.listen(c->options.data, event, t, text);
}

/* Once what has been recorded so far is durable. */
void machine_say(struct coordinator *c, enum news event, const struct trial *t, const char *text)
{
    announce(&c->said, journal_mark(c->journal), event, t, text);
}

void machine_speak(struct coordinator *c, uint64_t durable)
{
    announcements_release(&c->said, durable, c->options.listen, c->options.data);
}
