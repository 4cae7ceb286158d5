/* width: how many columns of a terminal a text takes: two for wide characters, none for those that combine. */
#ifndef TUNER_BASE_WIDTH_H
#define TUNER_BASE_WIDTH_H

#include "tuner/base/arena.h"

#include <stdbool.h>

/* Of UTF-8 without control characters (plain_shown); what is not UTF-8 counts a column for each byte. */
size_t width_of(const char *text);

/* Bytes of the longest beginning that fits `columns`, and the columns it takes; ret_columns may be NULL. */
size_t width_fit(const char *text, size_t columns, size_t *ret_columns);

/* `text` itself if it fits, else what does of it, with "…" at its end. In the arena. */
const char *width_cut(struct arena *a, const char *text, size_t columns);

/* Cut or filled up with spaces to exactly `columns`. In the arena. */
const char *width_cell(struct arena *a, const char *text, size_t columns, bool right);

#endif
