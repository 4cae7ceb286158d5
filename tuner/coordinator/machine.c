#include "tuner/coordinator/machine.h"

#include <stdlib.h>

bool machine_runs_trials(const struct coordinator *c)
{
    return c->phase == PHASE_SEARCH || c->phase == PHASE_CONFIRM;
}

void machine_say_now(struct coordinator *c, enum news event, const struct trial *t, const char *text)
{
    c->options.listen(c->options.data, event, t, text);
}

struct saying {
    struct coordinator *c;
    enum news news;
    const struct trial *trial;
    char *text;
};

static void drop(void *data)
{
    struct saying *s = data;
    free(s->text);
    free(s);
}

static void say(void *data)
{
    struct saying *s = data;
    machine_say_now(s->c, s->news, s->trial, s->text);
    drop(s);
}

/* Once what has been recorded so far is durable. */
void machine_say(struct coordinator *c, enum news news, const struct trial *t, const char *text)
{
    struct saying *s = must_alloc(1, sizeof *s);
    *s = (struct saying){c, news, t, text ? must_strdup(text) : NULL};
    journal_when_durable(c->journal, say, s, drop);
}
