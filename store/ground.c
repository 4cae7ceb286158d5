#include "store/ground.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 100, NAME_ROOM = 4200 }; /* of a database [SQLite, Database File Format, 1.3] */

static const char *const tails[GROUND_PARTS] = {"", "-wal", "-shm"};

/* The absolute name under which SQLite has a part; false: none, in memory. */
static bool name_of(sqlite3 *db, size_t part, char *ret)
{
    const char *base = sqlite3_db_filename(db, "main");
    return base && *base && snprintf(ret, NAME_ROOM, "%s%s", base, tails[part]) < NAME_ROOM;
}

static bool look_at(sqlite3 *db, size_t part, struct stat *ret)
{
    char name[NAME_ROOM];
    return name_of(db, part, name) && stat(name, ret) == 0;
}

/* The names, as with the header: no descriptor of ours may be closed. */
void ground_tighten(sqlite3 *db)
{
    char name[NAME_ROOM];
    struct stat st;
    for (size_t i = 0; i < GROUND_PARTS && name_of(db, i, name); i++) {
        if (lstat(name, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || !(st.st_mode & 077)) continue;
        if (chmod(name, st.st_mode & 07700) != 0) return; /* a file system without modes */
    }
}

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Through SQLite's own descriptor: to open the file once more and close it would end the process's locks on it. */
static bool read_header(sqlite3 *db, unsigned char *ret)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file && file->pMethods && file->pMethods->xRead(file, ret, HEADER_BYTES, 0) == SQLITE_OK;
}

void ground_note(struct ground *g, sqlite3 *db, uint32_t id)
{
    unsigned char header[HEADER_BYTES];
    struct stat st;
    for (size_t i = 0; i < GROUND_PARTS; i++)
        if (look_at(db, i, &st)) {
            g->part[i] = (struct ground_part){st.st_dev, st.st_ino};
            g->known = true;
            if (i == 0) g->bytes = st.st_size;
        }
    g->id = id;
    if (!g->known || !read_header(db, header)) return;
    g->changes = big_endian(header + 24);
    g->id_then = big_endian(header + 68);
}

static bool is_where_it_was(const struct ground *g, sqlite3 *db, size_t part, struct stat *ret)
{
    const struct ground_part *p = &g->part[part];
    if (p->inode == 0) return true; /* there was none, and so none is open */
    return look_at(db, part, ret) && ret->st_dev == p->device && ret->st_ino == p->inode;
}

/* The name that was given may lead elsewhere by now although SQLite's is as it was: a link, a folder. */
static bool is_named(const struct ground *g, const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == g->part[0].device && st.st_ino == g->part[0].inode;
}

static bool has_moved(sqlite3 *db)
{
    int moved = 0;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

/* A file only grows, unless a VACUUM has made it smaller: then its header says so. */
static bool is_whole(struct ground *g, sqlite3 *db, int64_t bytes)
{
    static const char magic[16] = "SQLite format 3";
    unsigned char h[HEADER_BYTES];
    if (!read_header(db, h)) return false;
    uint32_t page = (uint32_t)h[16] << 8 | h[17], changes = big_endian(h + 24), id = big_endian(h + 68);
    if (page == 1) page = 65536;
    bool ours = memcmp(h, magic, sizeof magic) == 0 && (id == g->id || id == g->id_then);
    bool cut = bytes < g->bytes && bytes < (int64_t)page * big_endian(h + 28);
    if (!ours || cut || (int32_t)(changes - g->changes) < 0) return false;
    g->bytes = bytes;
    g->changes = changes;
    return true;
}

enum ground_fault ground_look(struct ground *g, sqlite3 *db, const char *path, const char **ret_tail)
{
    struct stat st = {0};
    if (!g->known) return GROUND_FIRM;
    for (size_t i = GROUND_PARTS; i-- > 0;) {
        *ret_tail = tails[i];
        if (!is_where_it_was(g, db, i, &st) || (i == 0 && (!is_named(g, path) || has_moved(db)))) return GROUND_MOVED;
    }
    return is_whole(g, db, st.st_size) ? GROUND_FIRM : GROUND_CUT;
}
