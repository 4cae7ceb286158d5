#include "tuner/coordinator/load.h"

#include "tuner/base/beneath.h"
#include "tuner/coordinator/background.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct load {
    struct load_home home;
    struct arena arena;
    const char *depot;
    void *data;
    struct error err;
    /* of what a stage takes */
    size_t n;
    const char *digest[STAGES_MAX];
    const char *bad;
    void (*checked)(void *data, const char *bad, const char *why);
    /* of what it leaves */
    const char *dir, *output;
    bool sent;
    enum status status;
    struct deposit left;
    void (*kept)(void *data, const struct deposit *left, enum status s, const char *why);
};

static struct load *create(const struct load_home *h, void *data)
{
    struct load *x = must_alloc(1, sizeof *x);
    x->home = *h;
    x->depot = launch_depot(h->files, history_memory(h->history)->study, &x->arena);
    x->data = data;
    return x;
}

static void release(struct load *x)
{
    arena_done(&x->arena);
    free(x);
}

/* ---- removing ---- */

static void take_away(void *data)
{
    const struct load *x = data;
    depot_remove(x->depot, x->bad);
}

static void on_taken_away(void *data)
{
    release(data);
}

/* Another may have left the same meanwhile. */
static void discard(void *data)
{
    struct load *x = data;
    if (product_has(history_memory(x->home.history), x->bad))
        release(x);
    else
        background_think(x->home.loop, take_away, on_taken_away, x);
}

void load_discard(const struct load_home *h, const char *digest)
{
    struct load *x = create(h, NULL);
    x->bad = arena_strdup(&x->arena, digest);
    discard(x);
}

static void clear(void *data)
{
    struct load *x = data;
    int dir = -1;
    if (beneath_folder(AT_FDCWD, x->dir, false, &dir, NULL)) return;
    beneath_remove(dir, strrchr(x->output, '/') + 1);
    parcel_remove(dir, LAUNCH_PARCEL);
    close(dir);
}

void load_clear(const struct load_home *h, const struct trial *t, long attempt)
{
    if (attempt < 1 || (t->checkpoint.name && t->checkpoint.attempt == attempt)) return;
    struct load *x = create(h, NULL);
    x->dir = launch_folder(h->files, history_memory(h->history)->study, t->number, attempt, &x->arena);
    x->output = launch_output(x->dir, &x->arena);
    background_think(h->loop, clear, on_taken_away, x);
}

/* It goes when the log says for good that it has gone. */
static void evict(const struct load_home *h, const char *digest, const char *why)
{
    struct load *x = create(h, NULL);
    x->bad = arena_strdup(&x->arena, digest);
    history_evict(h->history, digest, why);
    journal_when_durable(history_journal(h->history), discard, x, on_taken_away);
}

void load_evict(const struct load_home *h)
{
    for (const char *digest; (digest = stage_surplus(history_memory(h->history)));)
        evict(h, digest, "more checkpoints than the study keeps");
}

static bool is_known(void *data, const char *digest)
{
    return product_has(data, digest);
}

void load_sweep(const struct load_home *h)
{
    struct arena arena = {0};
    const struct memory *s = history_memory(h->history);
    if (s->study->pipeline.n) depot_sweep(launch_depot(h->files, s->study, &arena), is_known, (void *)s);
    arena_done(&arena);
}

/* ---- what a stage takes ---- */

static void check(void *data)
{
    struct load *x = data;
    for (size_t i = 0; !x->bad && i < x->n; i++)
        if (depot_verify(x->depot, x->digest[i], &x->err)) x->bad = x->digest[i];
}

static void on_checked(void *data)
{
    struct load *x = data;
    if (x->bad) evict(&x->home, x->bad, x->err.text);
    x->checked(x->data, x->bad, x->err.text);
    release(x);
}

struct load *load_check(const struct load_home *h, const struct trial *t,
                        void (*done)(void *data, const char *bad, const char *why), void *data)
{
    const struct product *takes[STAGES_MAX];
    size_t n = t->attempt.stage < 0 ? 0 : product_takes(history_memory(h->history), t, (size_t)t->attempt.stage, takes);
    if (n == 0) return NULL;
    struct load *x = create(h, data);
    x->checked = done;
    for (; x->n < n; x->n++) x->digest[x->n] = arena_strdup(&x->arena, takes[x->n]->digest);
    background_think(h->loop, check, on_checked, x);
    return x;
}

/* ---- what it leaves ---- */

/* An agent sends it as a parcel. One that came damaged is not the program's fault; what lies in the folder of a program
 * that ran here is. */
static void keep(void *data)
{
    struct load *x = data;
    if (x->sent) x->status = parcel_join(x->dir, LAUNCH_PARCEL, x->output, &x->err);
    if (x->status == STATUS_INVALID) x->status = STATUS_IO;
    if (x->status == STATUS_OK || x->status == STATUS_NOT_FOUND)
        x->status = depot_keep(x->depot, x->output, &x->left, &x->err);
}

static void on_kept(void *data)
{
    struct load *x = data;
    x->kept(x->data, &x->left, x->status, x->err.text);
    release(x);
}

struct load *load_keep(const struct load_home *h, const char *dir, bool sent,
                       void (*done)(void *data, const struct deposit *left, enum status s, const char *why), void *data)
{
    struct load *x = create(h, data);
    x->kept = done;
    x->sent = sent;
    x->dir = arena_strdup(&x->arena, dir);
    x->output = launch_output(dir, &x->arena);
    background_think(h->loop, keep, on_kept, x);
    return x;
}
