/* ground: is the open database still the file that its path names, whole and ours?
 *
 * SQLite goes on writing into a file that was moved, deleted or replaced, and notices one that was overwritten only
 * when it happens to read it. What is written there is lost, so the store looks before and after it writes.
 */
#ifndef STORE_GROUND_H
#define STORE_GROUND_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { GROUND_PARTS = 3 }; /* the database, its log, the log's index */

struct ground { /* as it was when the store was opened; zero: not known, in memory or not open yet */
    bool known;
    struct ground_part {
        dev_t device;
        ino_t inode;
    } part[GROUND_PARTS];
    int64_t bytes;    /* of the database, when it was looked at last */
    uint32_t changes; /* its change counter then */
    uint32_t id;      /* the application id that it must have */
    uint32_t id_then; /* and had when it was opened: 0 in the file of a new one, whose first page is in the log */
};

enum ground_fault {
    GROUND_FIRM,
    GROUND_MOVED, /* moved, deleted or replaced */
    GROUND_CUT,   /* cut or overwritten */
};

/* Takes away what others than the owner may do with the files of a database. Before the first statement. */
void ground_tighten(sqlite3 *db);
/* Remembers the files of a database that has just been opened; nothing in memory. */
void ground_note(struct ground *g, sqlite3 *db, uint32_t id);
/* `path`: as the user named the database. *ret_tail: what stands after it in the name of the part at fault, "" or
 * "-wal". */
enum ground_fault ground_look(struct ground *g, sqlite3 *db, const char *path, const char **ret_tail);

#endif
