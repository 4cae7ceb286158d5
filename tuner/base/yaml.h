/* yaml: a YAML 1.1 document as a checked tree with positions.
 *
 * libyaml reads; this wraps what a study file needs on top: every node knows its line
 * and column, duplicate keys are errors, aliases are followed within bounds (an alias
 * bomb or a cycle is an error, not a hang) and share the node that they stand for. Depth
 * (16), values (20,000), anchors (256) and directives (4 KiB) are bounded while it reads,
 * so that the time is in proportion to the bytes. Nodes live in the caller's arena.
 */
#ifndef TUNER_BASE_YAML_H
#define TUNER_BASE_YAML_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line, column;         /* from 1 */
    const char *text;         /* YAML_TEXT: the scalar, without NUL bytes */
    bool quoted;              /* YAML_TEXT: "no" in quotes is text, plain no is a boolean */
    size_t n;                 /* items or pairs */
    struct yaml_node **value; /* YAML_LIST: items; YAML_MAP: values */
    struct yaml_node **key;   /* YAML_MAP: scalars */
};

/* Parses `text` (at most 1 MiB). Errors read "file:line:column: message", with `file` as given. */
enum status yaml_read(const char *file, const char *text, size_t len, struct arena *arena, struct yaml_node **ret,
                      struct error *err);

/* The value of `key` in a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* "text", "list" or "map": for messages. */
const char *yaml_kind_name(enum yaml_kind kind);

#endif
