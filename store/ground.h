/* ground: is the open database still the file that its path names, whole and ours?
 *
 * SQLite goes on writing into a file that was moved, deleted or replaced, and notices one that was overwritten only when
 * it happens to read it. What is written there is lost, so the store looks before and after it writes.
 */
#ifndef STORE_GROUND_H
#define STORE_GROUND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct store;

enum { GROUND_PARTS = 3 }; /* the database, its log, the log's index */

struct ground { /* as it was when the store was opened; zero: not known, in memory or not open yet */
    bool known;
    struct ground_part {
        dev_t device;
        ino_t inode;
    } part[GROUND_PARTS];
    int64_t bytes;    /* of the database, when it was looked at last */
    uint32_t changes; /* its change counter then */
    uint32_t id;      /* its application id when it was opened: 0 in the file of a new one, whose first page is in the log */
};

/* Takes away what others may do with the files of a store. Before the first statement. */
void ground_tighten(struct store *store);
/* Remembers the files of a store that has just been opened. */
void ground_note(struct store *store);

#endif
