/* depot: the checkpoints that stages have left, by content: FOLDER/SHA256, a file or a folder, each once.
 *
 *     struct deposit left;
 *     struct error err;
 *     depot_keep("/srv/n.files/g2p/checkpoints", "/srv/n.files/g2p/0012.1/output", &left, &err);
 *     depot_verify("/srv/n.files/g2p/checkpoints", left.digest, &err);
 *
 * The digest of a file is that of its content; of a folder, that of the sorted list of what is in it (its regular files
 * and folders, with sizes and digests). What is kept is on the disk when depot_keep returns, is moved and not copied,
 * and is read only from then on. A link, a FIFO, a socket or a device in it is refused, and never followed. Everything
 * here may take as long as the disk does: call it from a pool.
 */
#ifndef TUNER_EXECUTION_DEPOT_H
#define TUNER_EXECUTION_DEPOT_H

#include "tuner/base/arena.h"
#include "tuner/base/digest.h"

/* What was kept. */
struct deposit {
    char digest[DIGEST_HEX];
    int64_t bytes; /* of all files */
};

/* STATUS_NOT_FOUND: nothing is there, or nothing is in it; STATUS_INVALID: it is, or holds, something else than regular
 * files and folders. */
enum status depot_keep(const char *depot, const char *path, struct deposit *ret, struct error *err);

/* Is it there, and still what it was? STATUS_NOT_FOUND, STATUS_INVALID: it is not. */
enum status depot_verify(const char *depot, const char *digest, struct error *err);

/* FOLDER/SHA256, in the arena. */
char *depot_path(const char *depot, const char *digest, struct arena *arena);

void depot_remove(const char *depot, const char *digest);

/* Whatever is in it that nobody knows goes. Returns how much that was. */
size_t depot_sweep(const char *depot, bool (*is_known)(void *data, const char *digest), void *data);

#endif
