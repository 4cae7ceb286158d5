/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "architecture.h"

#include <string.h>

static const struct architecture *const all[] = {&mlp, &conv}; /* files know them by their number: append only */

const struct architecture *architecture_numbered(size_t i)
{
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}

const struct architecture *architecture_named(const char *name)
{
    for (size_t i = 0; architecture_numbered(i); i++)
        if (strcmp(all[i]->name, name) == 0) return all[i];
    return NULL;
}

size_t architecture_number(const struct architecture *arch)
{
    size_t i = 0;
    while (all[i] != arch) i++;
    return i;
}

void rows_of_letters(const struct word *w, int i, int side, size_t units, size_t *row)
{
    for (int k = 0; k < 2 * side + 1; k++) {
        int at = i + k - side;
        size_t symbol = at >= 0 && at < w->len ? w->letter[at] : 0;
        row[k] = ((size_t)k * SYMBOLS + symbol) * units;
    }
}

void rows_of_chunks(const struct model *m, const int prev[2], size_t units, size_t row[2])
{
    row[0] = (size_t)(prev[0] + 1) * units;
    row[1] = (m->classes + 1 + (size_t)(prev[1] + 1)) * units;
}
