#include "workers/cgroup.h"
#include "workers/job.h"

#include "tuner/base/arena.h"
#include "tuner/base/beneath.h"

#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* FREE ──start──▶ TAKEN ──its processes are gone──▶ FREE. A slot is UNSEEN until its lock shows that nothing of an
 * earlier process is left in it. */
enum slot_use { SLOT_UNSEEN, SLOT_UNUSED, SLOT_TAKEN };

struct work_slot {
    struct workers *workers;
    enum slot_use use;
};

struct workers {
    uv_loop_t *loop;
    char *guard, *folder; /* folder: of the slots' locks; NULL: there are none */
    size_t n_slots;
    struct work_slot *slot;
};

struct workers *workers_create(uv_loop_t *loop, const char *guard, size_t n_slots)
{
    struct workers *w = must_alloc(1, sizeof *w);
    w->loop = loop;
    w->guard = must_strdup(guard);
    w->n_slots = n_slots;
    w->slot = must_alloc(n_slots + 1, sizeof *w->slot);
    for (size_t i = 0; i < n_slots; i++) w->slot[i] = (struct work_slot){w, SLOT_UNUSED};
    if (n_slots) cgroup_sweep();
    return w;
}

void workers_lock_slots(struct workers *w, const char *folder)
{
    free(w->folder);
    w->folder = must_strdup(folder);
    for (size_t i = 0; i < w->n_slots; i++)
        if (w->slot[i].use == SLOT_UNUSED) w->slot[i].use = SLOT_UNSEEN;
}

void workers_free(struct workers *w)
{
    if (!w) return;
    free(w->slot);
    free(w->folder);
    free(w->guard);
    free(w);
}

/* ---- locks ---- */

/* −1: its folder is not there, or something else is in its place; then nobody has it. */
static int open_lock(const struct workers *w, size_t slot)
{
    struct arena a = {0};
    int folder = -1, fd = -1;
    if (w->folder && beneath_folder(AT_FDCWD, w->folder, false, &folder, NULL) == STATUS_OK) {
        beneath_open(folder, arena_printf(&a, ".slot.%zu", slot), O_RDWR | O_CREAT, 0600, &fd, NULL);
        close(folder);
    }
    arena_done(&a);
    return fd;
}

static bool is_unused(struct work_slot *s, size_t slot)
{
    if (s->use != SLOT_UNSEEN) return s->use == SLOT_UNUSED;
    int fd = open_lock(s->workers, slot);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) s->use = SLOT_UNUSED;
    if (fd >= 0) close(fd);
    return s->use == SLOT_UNUSED;
}

/* The lock is the guard's: it lasts as long as the guard does, whatever becomes of us. The attempt's folder is made
 * first, as the lock may lie above it. */
static enum status lock_slot(const struct workers *w, size_t slot, const char *dir, int *ret, struct error *err)
{
    int folder = -1;
    if (workers_attempt_folder(dir, &folder, err)) return err->status = STATUS_IO; /* as job_start has it */
    close(folder);
    *ret = open_lock(w, slot);
    if (*ret >= 0) flock(*ret, LOCK_EX | LOCK_NB);
    return STATUS_OK;
}

/* ---- taking ---- */

size_t workers_slots(const struct workers *w)
{
    return w->n_slots;
}

size_t workers_next_slot(const struct workers *w)
{
    size_t i = 0;
    while (i < w->n_slots && !is_unused(&w->slot[i], i)) i++;
    return i;
}

size_t workers_free_slots(const struct workers *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_slots; i++) n += is_unused(&w->slot[i], i);
    return n;
}

static void on_gone(void *owner)
{
    struct work_slot *s = owner;
    s->use = SLOT_UNUSED;
}

enum status workers_start(struct workers *w, const struct job_spec *spec, const struct job_handler *handler, void *data,
                          struct job **ret, struct error *err)
{
    size_t slot = workers_next_slot(w);
    if (slot == w->n_slots) return error_set(err, STATUS_FAILED, "no free slot");
    int lock = -1;
    if (lock_slot(w, slot, spec->dir, &lock, err)) return err->status;
    const struct job_seat seat = {w->loop, w->guard, lock, on_gone, &w->slot[slot]};
    struct job *job = job_start(&seat, spec, handler, data, err);
    if (lock >= 0) close(lock);
    if (!job) return err->status;
    w->slot[slot].use = SLOT_TAKEN;
    *ret = job;
    return STATUS_OK;
}
