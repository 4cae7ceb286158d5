/* A power cut at any moment. The program runs on a file system (an SQLite VFS) that keeps the bytes of every write
 * apart until they are synced; a cut leaves the synced ones, and of the others any part, sector by sector. What was
 * acknowledged must be there when the machine is back, and the database sound. */
#include "tests/test.h"

#include "surrogate/surrogate.h"

#include "tuner/history/history.h"
#include "tuner/analysis/snapshot.h"

#include "tuner/base/rng.h"

#include <sqlite3.h>
#include <unistd.h>

enum { FILES = 4, SECTOR = 512, CUTS = 150 };

/* ---- what is on the disk, and what is only on its way ---- */

struct pending {
    sqlite3_int64 at; /* −1: a truncation to `n` bytes */
    size_t n;
    unsigned char *bytes;
};

struct disk_file {
    char name[128];
    unsigned char *durable;
    size_t n, capacity;
    struct pending *pending;
    size_t n_pending, pending_room;
};

static struct disk_file disk[FILES];
static long writes_left = -1; /* −1: the power stays on */
static int power = 1;

static struct disk_file *disk_find(const char *name)
{
    size_t i = 0;
    while (i < FILES && *disk[i].name && strcmp(disk[i].name, name) != 0) i++;
    assert_true(i < FILES);
    snprintf(disk[i].name, sizeof disk[i].name, "%s", name);
    return &disk[i];
}

static void disk_apply(struct disk_file *f, const struct pending *p, size_t from, size_t n)
{
    size_t at = (size_t)p->at + from;
    if (p->at < 0) {
        if (p->n < f->n) f->n = p->n;
        return;
    }
    if (at + n > f->n) {
        if (at + n > f->capacity) f->durable = realloc(f->durable, f->capacity = 2 * (at + n));
        memset(f->durable + f->n, 0, at + n - f->n);
        f->n = at + n;
    }
    memcpy(f->durable + at, p->bytes + from, n);
}

static void disk_sync(struct disk_file *f)
{
    for (size_t i = 0; i < f->n_pending; i++) {
        disk_apply(f, &f->pending[i], 0, f->pending[i].n);
        free(f->pending[i].bytes);
    }
    f->n_pending = 0;
}

static void disk_queue(struct disk_file *f, sqlite3_int64 at, const void *bytes, size_t n)
{
    if (f->n_pending == f->pending_room)
        f->pending = realloc(f->pending, (f->pending_room = 2 * f->pending_room + 16) * sizeof *f->pending);
    struct pending *p = &f->pending[f->n_pending++];
    *p = (struct pending){at, n, bytes ? malloc(n) : NULL};
    if (bytes) memcpy(p->bytes, bytes, n);
}

/* The disk keeps any sectors of what was not synced, in any order. */
static void disk_cut(struct rng *rng)
{
    for (size_t k = 0; k < FILES; k++) {
        struct disk_file *f = &disk[k];
        double share = rng_unit(rng);
        for (size_t i = 0; i < f->n_pending; i++) {
            struct pending *p = &f->pending[i];
            for (size_t at = 0; at < p->n && p->at >= 0; at += SECTOR)
                if (rng_unit(rng) < share) disk_apply(f, p, at, p->n - at < SECTOR ? p->n - at : SECTOR);
            free(p->bytes);
        }
        f->n_pending = 0;
    }
}

static void disk_format(void)
{
    for (size_t k = 0; k < FILES; k++) {
        disk_sync(&disk[k]);
        free(disk[k].durable);
        free(disk[k].pending);
        disk[k] = (struct disk_file){0};
    }
}

/* ---- the file system ---- */

struct power_file {
    sqlite3_file base;
    struct disk_file *disk; /* NULL: a file whose loss is harmless */
    sqlite3_file *real;
};

static sqlite3_io_methods methods;
static sqlite3_vfs vfs, *real_vfs;

static struct power_file *of(sqlite3_file *f)
{
    return (struct power_file *)f;
}

static int power_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    if (writes_left == 0) power = 0;
    if (writes_left > 0) writes_left--;
    if (!power) return SQLITE_IOERR_WRITE;
    if (of(f)->disk) disk_queue(of(f)->disk, at, bytes, (size_t)n);
    return of(f)->real->pMethods->xWrite(of(f)->real, bytes, n, at);
}

static int power_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    if (!power) return SQLITE_IOERR_TRUNCATE;
    if (of(f)->disk) disk_queue(of(f)->disk, -1, NULL, (size_t)n);
    return of(f)->real->pMethods->xTruncate(of(f)->real, n);
}

static int power_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    if (!power) return SQLITE_IOERR_FSYNC;
    if (of(f)->disk) disk_sync(of(f)->disk);
    return SQLITE_OK;
}

static int power_close(sqlite3_file *f)
{
    return of(f)->real->pMethods->xClose(of(f)->real);
}
static int power_read(sqlite3_file *f, void *b, int n, sqlite3_int64 at)
{
    return of(f)->real->pMethods->xRead(of(f)->real, b, n, at);
}
static int power_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return of(f)->real->pMethods->xFileSize(of(f)->real, n);
}
static int power_lock(sqlite3_file *f, int k)
{
    return of(f)->real->pMethods->xLock(of(f)->real, k);
}
static int power_unlock(sqlite3_file *f, int k)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, k);
}
static int power_reserved(sqlite3_file *f, int *k)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, k);
}
static int power_control(sqlite3_file *f, int op, void *p)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, p);
}
static int power_sector(sqlite3_file *f)
{
    (void)f;
    return SECTOR;
}
static int power_device(sqlite3_file *f)
{
    (void)f;
    return 0;
} /* promises nothing */
static int power_map(sqlite3_file *f, int a, int b, int c, void volatile **d)
{
    return of(f)->real->pMethods->xShmMap(of(f)->real, a, b, c, d);
}
static int power_shm_lock(sqlite3_file *f, int a, int b, int c)
{
    return of(f)->real->pMethods->xShmLock(of(f)->real, a, b, c);
}
static void power_barrier(sqlite3_file *f)
{
    of(f)->real->pMethods->xShmBarrier(of(f)->real);
}
static int power_unmap(sqlite3_file *f, int d)
{
    return of(f)->real->pMethods->xShmUnmap(of(f)->real, d);
}

static int power_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    struct power_file *p = of(f);
    (void)v;
    *p = (struct power_file){.real = (sqlite3_file *)(p + 1)};
    int code = real_vfs->xOpen(real_vfs, name, p->real, flags, ret_flags);
    if (code != SQLITE_OK) return code;
    if (name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL))) p->disk = disk_find(name);
    p->base.pMethods = &methods;
    return SQLITE_OK;
}

static int power_delete(sqlite3_vfs *v, const char *name, int dir)
{
    (void)v;
    if (!power) return SQLITE_IOERR_DELETE;
    struct disk_file *f = disk_find(name);
    disk_sync(f);
    f->n = 0;
    return real_vfs->xDelete(real_vfs, name, dir);
}

static void power_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "power";
    vfs.szOsFile = (int)sizeof(struct power_file) + real_vfs->szOsFile;
    vfs.xOpen = power_open;
    vfs.xDelete = power_delete;
    methods = (sqlite3_io_methods){2,
                                   power_close,
                                   power_read,
                                   power_write,
                                   power_truncate,
                                   power_sync,
                                   power_size,
                                   power_lock,
                                   power_unlock,
                                   power_reserved,
                                   power_control,
                                   power_sector,
                                   power_device,
                                   power_map,
                                   power_shm_lock,
                                   power_barrier,
                                   power_unmap,
                                   NULL,
                                   NULL};
    sqlite3_vfs_register(&vfs, 1);
}

/* ---- the run ---- */

static const char STUDY[] = "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\nmetrics:\n"
                            "  tokens: {goal: minimize}\nobjective: {minimize: tokens}\n";

static char folder[64], path[100];

static void write_back(void)
{
    char name[200];
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    for (size_t k = 0; k < 4; k++) {
        snprintf(name, sizeof name, "%s%s", path, tails[k]);
        unlink(name);
    }
    for (size_t k = 0; k < FILES; k++) {
        if (!*disk[k].name || disk[k].n == 0) continue;
        FILE *out = fopen(disk[k].name, "w");
        assert_int_equal(fwrite(disk[k].durable, 1, disk[k].n, out), disk[k].n);
        fclose(out);
    }
}

/* Trials until the power goes. *ret: how many results were acknowledged. */
static void work(long *ret)
{
    struct study *study = NULL;
    struct store *store = NULL;
    struct history *s = NULL;
    struct error err;
    assert_ok(study_parse("s.yaml", STUDY, strlen(STUDY), &study, &err), err);
    enum status st = store_open(path, STORE_CREATE, &store, &err);
    if (!st) st = history_open(store, study, &(struct opening){.seed = 7}, clock_real(), &s, &err);
    while (!st) {
        double x = 0.001 * (double)(*ret % 1000);
        const struct trial *t = history_add(s, &(struct addition){.role = ROLE_SEARCH, .config = &x, .source = "test"});
        json_t *m = json_pack("{s:f}", "tokens", (double)*ret);
        assert_ok(history_lease(s, t, NULL, 0, &err), err);
        history_report(s, t, 1, m);
        assert_ok(history_finish(s, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err), err);
        json_decref(m);
        if (*ret % 5 == 0) snapshot_keep(s);
        st = history_flush(s, &err);
        *ret += st == STATUS_OK;
    }
    history_free(s);
    store_close(store);
    study_free(study);
}

static void check(long acknowledged)
{
    struct study *study = NULL;
    struct store *store = NULL;
    struct history *s = NULL;
    struct error err;
    char *difference = NULL;
    assert_ok(study_parse("s.yaml", STUDY, strlen(STUDY), &study, &err), err);
    assert_ok(store_open(path, STORE_CREATE, &store, &err), err); /* with its quick_check */
    assert_ok(history_open(store, study, &(struct opening){.seed = 7}, clock_real(), &s, &err), err);
    assert_true((long)history_memory(s)->n >= acknowledged && (long)history_memory(s)->n <= acknowledged + 1);
    for (long i = 0; i < acknowledged; i++) {
        assert_int_equal(history_memory(s)->trial[i]->state, TRIAL_COMPLETE);
        assert_true(history_memory(s)->trial[i]->value[0] == (double)i);
    }
    assert_ok(snapshot_rebuild(store, "s", clock_real(), &difference, &err), err);
    assert_null(difference);
    history_free(s);
    store_close(store);
    study_free(study);
}

static void test_power__no_acknowledged_result_is_lost(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/nocturne-power-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/n.db", folder);
    power_install();
    long most = 0;
    for (long cut = 0; cut < CUTS; cut++) {
        struct rng rng = rng_derive(3, "cut", (uint64_t)cut);
        long acknowledged = 0;
        disk_format();
        write_back();
        power = 1;
        writes_left = cut < 60 ? cut : (long)rng_below(&rng, 2000); /* every write of the first steps, then anywhere */
        work(&acknowledged);
        disk_cut(&rng);
        write_back();
        power = 1;
        writes_left = -1;
        check(acknowledged);
        if (acknowledged > most) most = acknowledged;
    }
    assert_true(most > 100);
    disk_format();
    write_back();
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power__no_acknowledged_result_is_lost)};
    surrogate_setup();
    return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
