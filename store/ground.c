#include "store/ground.h"

#include "store/migrate.h"
#include "store/statement.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 100, NAME_ROOM = 4200 }; /* of a database [SQLite, Database File Format, 1.3] */

static const char *const tails[GROUND_PARTS] = {"", "-wal", "-shm"};

/* The absolute name under which SQLite has it. */
static bool look_at(struct store *store, size_t part, struct stat *ret)
{
    char name[NAME_ROOM];
    const char *base = sqlite3_db_filename(store->db, "main");
    return snprintf(name, sizeof name, "%s%s", base, tails[part]) < (int)sizeof name && stat(name, ret) == 0;
}

/* For their owner alone. The names, as with the header: no descriptor of ours may be closed. */
void ground_tighten(struct store *store)
{
    char name[NAME_ROOM];
    struct stat st;
    const char *base = sqlite3_db_filename(store->db, "main");
    for (size_t i = 0; base && *base && i < GROUND_PARTS; i++) {
        if (snprintf(name, sizeof name, "%s%s", base, tails[i]) >= (int)sizeof name) return;
        if (lstat(name, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || !(st.st_mode & 077)) continue;
        if (chmod(name, st.st_mode & 07700) != 0) return; /* a file system without modes */
    }
}

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Through SQLite's own descriptor: to open the file once more and close it would end the process's locks on it. */
static bool read_header(struct store *store, unsigned char *ret)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file && file->pMethods && file->pMethods->xRead(file, ret, HEADER_BYTES, 0) == SQLITE_OK;
}

void ground_note(struct store *store)
{
    struct ground *g = &store->ground;
    unsigned char header[HEADER_BYTES];
    struct stat st;
    const char *name = sqlite3_db_filename(store->db, "main");
    if (!name || !*name) return;
    for (size_t i = 0; i < GROUND_PARTS; i++)
        if (look_at(store, i, &st)) {
            g->part[i] = (struct ground_part){st.st_dev, st.st_ino};
            if (i == 0) g->bytes = st.st_size;
        }
    if (read_header(store, header)) {
        g->changes = big_endian(header + 24);
        g->id = big_endian(header + 68);
    }
    g->known = true;
}

static bool is_where_it_was(struct store *store, size_t part, struct stat *ret)
{
    const struct ground_part *p = &store->ground.part[part];
    if (p->inode == 0) return true; /* there was none, and so none is open */
    return look_at(store, part, ret) && ret->st_dev == p->device && ret->st_ino == p->inode;
}

/* The name that was given may lead elsewhere by now although SQLite's is as it was: a link, a folder. */
static bool is_named(struct store *store)
{
    struct stat st;
    const struct ground_part *p = &store->ground.part[0];
    return stat(store->path, &st) == 0 && st.st_dev == p->device && st.st_ino == p->inode;
}

static bool has_moved(struct store *store)
{
    int moved = 0;
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

/* A file only grows, unless a VACUUM has made it smaller: then its header says so. */
static bool is_whole(struct store *store, int64_t bytes)
{
    static const char magic[16] = "SQLite format 3";
    struct ground *g = &store->ground;
    unsigned char h[HEADER_BYTES];
    if (!read_header(store, h)) return false;
    uint32_t page = (uint32_t)h[16] << 8 | h[17], changes = big_endian(h + 24), id = big_endian(h + 68);
    if (page == 1) page = 65536;
    bool ours = memcmp(h, magic, sizeof magic) == 0 && (id == STORE_APPLICATION_ID || id == g->id);
    bool cut = bytes < g->bytes && bytes < (int64_t)page * big_endian(h + 28);
    if (!ours || cut || (int32_t)(changes - g->changes) < 0) return false;
    g->bytes = bytes;
    g->changes = changes;
    return true;
}

enum status store_check_ground(struct store *store, struct error *err)
{
    struct stat st;
    if (!store->ground.known) return STATUS_OK;
    for (size_t i = GROUND_PARTS; i-- > 0;) {
        if (is_where_it_was(store, i, &st) && (i > 0 || (is_named(store) && !has_moved(store)))) continue;
        store->code = SQLITE_READONLY_DBMOVED;
        return error_set(err, STATUS_IO,
                         "%s%s was moved, deleted or replaced while it is in use, and nothing is accepted until it is "
                         "back: put it back, or stop and restore a backup",
                         store->path, tails[i]);
    }
    if (is_whole(store, st.st_size)) return STATUS_OK;
    store->code = SQLITE_CORRUPT;
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* nothing more into what is there now */
    return error_set(err, STATUS_IO,
                     "%s was cut or overwritten by another program while it is in use, and nothing is accepted any more: "
                     "stop all that use it, and restore a backup",
                     store->path);
}
