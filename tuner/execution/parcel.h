/* parcel: a checkpoint on its way between machines: a file, or a folder with all that is in it, as one stream of bytes,
 * in one file or in parts.
 *
 *     "nocturne parcel 1\n", then for each entry   KIND BYTES NAME-LENGTH "\n" NAME CONTENT   and "end\n"
 *
 * KIND is f, x (executable) or d; a checkpoint that is a file has one entry, without a name. A folder comes before what
 * is in it. What is read is from strangers: names that lead elsewhere, links and sizes that are not true are refused,
 * and nothing is written but below the place that was named.
 */
#ifndef TUNER_EXECUTION_PARCEL_H
#define TUNER_EXECUTION_PARCEL_H

#include "tuner/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { PARCEL_PARTS_MAX = 4096 };

/* What lies at `path` (absolute), written to the descriptor. STATUS_INVALID: something in it is no file or folder. */
enum status parcel_write(const char *path, int fd, struct error *err);

/* The same into DIR/NAME.0, .1, …, of `part_bytes` at most; *ret_parts of them. */
enum status parcel_split(const char *path, const char *dir, const char *name, int64_t part_bytes, size_t *ret_parts,
                         struct error *err);

/* What a descriptor holds, from its beginning, comes to lie at `path`, in the place of whatever is there.
 * STATUS_INVALID: it is no parcel. */
enum status parcel_read(int fd, const char *path, struct error *err);

/* The same from DIR/NAME.0, .1, …, which are removed; STATUS_NOT_FOUND: there is none. */
enum status parcel_join(const char *dir, const char *name, const char *path, struct error *err);
/* NAME.0, .1, … of the folder go. */
void parcel_remove(int dir, const char *name);

#endif
