#include "tuner/service/tailing.h"

#include "tuner/service/active_study.h"

#include "tuner/base/beneath.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

bool tailing_is_wanted(const struct request *r)
{
    return request_query(r, "from") || request_query(r, "follow");
}

bool tailing_read(struct request *r, struct tailing *ret)
{
    *ret = (struct tailing){.study = r->param[0], .name = r->param[2]};
    if (!request_number(r, "from", 0, 0, 1000000000000000, &ret->from) ||
        !request_number(r, "follow", 0, 0, TAILING_S, &ret->follow_s))
        return false;
    ret->until_ms = clock_mono_ms(r->service->clock) + 1000 * ret->follow_s;
    return true;
}

/* −1: there is no such file (yet). */
static ssize_t read_on(const struct tailing *t, char *buf)
{
    int fd = -1;
    if (beneath_open(AT_FDCWD, t->path, O_RDONLY, 0, &fd, NULL)) return -1;
    ssize_t n = pread(fd, buf, TAILING_BYTES, t->from);
    close(fd);
    return n;
}

void tailing_look(struct request *r, struct tailing *t)
{
    char *buf = must_alloc(TAILING_BYTES, 1);
    ssize_t n = read_on(t, buf);
    bool over = !t->runs || clock_mono_ms(r->service->clock) >= t->until_ms;
    if (n > 0 || (n == 0 && over))
        request_text(r, 200, "application/octet-stream", buf, (size_t)n);
    else if (over)
        request_problem(r, 404, "trial %ld has no artefact '%.60s'", t->trial, t->name);
    free(buf);
}

/* Nothing has to be taken back. */
static void leave(struct request *r)
{
    (void)r;
}

void tailing_wait(struct request *r, struct tailing *t)
{
    if (!r->http) return; /* it is gone */
    r->state = t;
    request_wait(r, &r->service->queues.tailing, leave);
}

static void look_again(struct request *r)
{
    tailing_look(r, r->state);
}

static void wait_again(struct request *r)
{
    tailing_wait(r, r->state);
}

/* Of a study that another process runs nothing is known: it waits to the end. */
static bool runs_still(const struct service *s, const struct tailing *t)
{
    const struct active_study *as = active_study_find(s, t->study);
    const struct trial *x = as ? memory_trial(as->active->memory, t->trial) : NULL;
    return !x || (!trial_state_final(x->state) && x->effort.attempts <= t->attempt);
}

void tailing_tick(struct service *s)
{
    struct request *next;
    struct request *all = s->queues.tailing;
    for (struct request *r = all; r; r = next) {
        struct tailing *t = r->state;
        next = r->wait.next;
        t->runs = t->runs && runs_still(s, t);
        r->cancel = NULL;
        request_work(r, look_again, wait_again);
    }
}
