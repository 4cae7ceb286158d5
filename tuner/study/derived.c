#include "tuner/study/derived.h"

#include "tuner/base/yaml_flow.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct deriving {
    const struct derived_keys *keys;
    const struct yaml_node *root;
    FILE *out;
};

static const struct derived_key *find(const struct deriving *d, const char *name)
{
    for (size_t i = 0; i < d->keys->n; i++)
        if (strcmp(d->keys->at[i].key, name) == 0) return &d->keys->at[i];
    return NULL;
}

static void write_key(const struct deriving *d, const struct derived_key *k)
{
    if (k->value) fprintf(d->out, "%s: %s\n", k->key, k->value);
}

/* Those that the file does not have come behind the first of those that it has. */
static void write_new(const struct deriving *d)
{
    for (size_t i = 0; i < d->keys->n; i++)
        if (!yaml_get(d->root, d->keys->at[i].key)) write_key(d, &d->keys->at[i]);
}

/* ---- block style: line by line ---- */

/* Each key begins a line of its own, at its beginning. */
static bool is_block(const struct yaml_node *root)
{
    for (size_t i = 0; i < root->n; i++)
        if (root->key[i]->column != 1 || (i && root->key[i]->line == root->key[i - 1]->line)) return false;
    return true;
}

/* Blank, or a comment at the beginning of the line: it belongs to what follows. No value has such a line, but one of
 * several lines, of which nothing is left. */
static bool is_between(const char *line)
{
    return *line == '#' || line[strspn(line, " \t\r")] == '\n' || line[strspn(line, " \t\r")] == 0;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

/* The key that begins at this line; root->n: none does. */
static size_t key_at(const struct yaml_node *root, int line)
{
    for (size_t i = 0; i < root->n; i++)
        if (root->key[i]->line == line) return i;
    return root->n;
}

/* Where what belongs to the key that begins here ends. */
static const char *end_of(const struct deriving *d, size_t i, const char *line, int *number)
{
    int last = i + 1 < d->root->n ? d->root->key[i + 1]->line : 0, at = *number;
    const char *end = line;
    for (const char *c = line; *c && at != last; c = next_line(c), at++)
        if (!is_between(c)) end = next_line(c), *number = at + 1;
    return end;
}

static void write_lines(const struct deriving *d, const char *text)
{
    bool first = true;
    int number = 1;
    for (const char *line = text; *line;) {
        size_t i = key_at(d->root, number);
        const struct derived_key *k = i < d->root->n ? find(d, d->root->key[i]->text) : NULL;
        const char *next = next_line(line);
        if (!k) {
            fwrite(line, 1, (size_t)(next - line), d->out);
            if (next[-1] != '\n') fputc('\n', d->out);
            line = next, number++;
            continue;
        }
        line = end_of(d, i, line, &number);
        write_key(d, k);
        if (first) write_new(d);
        first = false;
    }
}

/* ---- flow style ---- */

static void write_pairs(const struct deriving *d, struct arena *arena)
{
    write_new(d);
    for (size_t i = 0; i < d->root->n; i++) {
        const struct derived_key *k = find(d, d->root->key[i]->text);
        if (k)
            write_key(d, k);
        else
            fprintf(d->out, "%s: %s\n", yaml_flow(d->root->key[i], arena), yaml_flow(d->root->value[i], arena));
    }
}

enum status study_derive(const char *file, const char *text, const struct derived_keys *keys, struct arena *arena,
                         const char **ret, struct error *err)
{
    struct yaml_node *root = NULL;
    char *made = NULL;
    size_t len = 0;
    enum status s = yaml_read(file, text, strlen(text), arena, &root, err);
    if (!s && (!root || root->kind != YAML_MAP)) s = error_set(err, STATUS_INVALID, "%s: it is no map of keys", file);
    if (s) return s;
    struct deriving d = {keys, root, open_memstream(&made, &len)};
    if (!d.out) abort(); /* of memory */
    if (is_block(root))
        write_lines(&d, text);
    else
        write_pairs(&d, arena);
    fclose(d.out);
    *ret = arena_strdup(arena, made);
    free(made);
    return STATUS_OK;
}
