/* kill_file: a switch beside the database that needs no database.
 *
 *     echo g2p >> nocturne.db-kill       rollout g2p serves its champion, whatever its experiment says
 *     echo all >> nocturne.db-kill       … all of them
 *
 * A name a line; blanks around it, empty lines and what comes behind a # are left out. It holds for as long as the line
 * is there. A file that cannot be read, or is larger than any list of names, kills all: somebody has meant something by
 * it.
 */
#ifndef TUNER_LIVE_KILL_FILE_H
#define TUNER_LIVE_KILL_FILE_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { KILL_FILE_BYTES = 64 << 10 };

struct kill_list {
    bool all;
    size_t n;
    const char **name;
    const char *why; /* it kills all, and does not say so: what keeps it from being read; else "" */
};

/* DB-kill; in the arena. */
const char *kill_file_path(const char *db, struct arena *arena);

/* What it says now; without a file nothing. In the arena. */
struct kill_list kill_file_read(const char *path, struct arena *arena);
bool kill_list_has(const struct kill_list *list, const char *rollout);

/* The rollout's line is there, and on the disk. STATUS_INVALID: it would be another's, or several. */
enum status kill_file_add(const char *path, const char *rollout, struct error *err);
/* It is not; the file goes with its last name. STATUS_CONFLICT: the file kills all. */
enum status kill_file_remove(const char *path, const char *rollout, struct error *err);

#endif
