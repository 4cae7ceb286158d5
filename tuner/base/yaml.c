#include "tuner/base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { BYTES_MAX = 1 << 20, DEPTH_MAX = 16, NODES_MAX = 20000 };

struct reader {
    const char *file;
    struct arena *arena;
    yaml_document_t *document;
    size_t nodes;
    struct error *err;
};

static enum status convert(struct reader *r, int id, int depth, struct yaml_node **ret);

static enum status refuse(struct reader *r, const yaml_node_t *at, const char *what)
{
    return error_set(r->err, STATUS_INVALID, "%s:%zu:%zu: %s", r->file, at->start_mark.line + 1,
                     at->start_mark.column + 1, what);
}

static enum status convert_text(struct reader *r, const yaml_node_t *in, struct yaml_node *out)
{
    const char *text = (const char *)in->data.scalar.value;
    if (strlen(text) != in->data.scalar.length) return refuse(r, in, "text with a NUL byte");
    out->kind = YAML_TEXT;
    out->text = arena_strdup(r->arena, text);
    out->quoted = in->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return STATUS_OK;
}

static enum status convert_list(struct reader *r, const yaml_node_t *in, struct yaml_node *out, int depth)
{
    const yaml_node_item_t *first = in->data.sequence.items.start;
    out->kind = YAML_LIST;
    out->n = (size_t)(in->data.sequence.items.top - first);
    out->value = arena_array(r->arena, out->n, sizeof *out->value);
    for (size_t i = 0; i < out->n; i++) {
        enum status s = convert(r, first[i], depth + 1, &out->value[i]);
        if (s) return s;
    }
    return STATUS_OK;
}

static int by_text(const void *a, const void *b)
{
    const struct yaml_node *const *x = a, *const *y = b;
    int order = strcmp((*x)->text, (*y)->text);
    if (order) return order;
    if ((*x)->line != (*y)->line) return (*x)->line < (*y)->line ? -1 : 1;
    return (*x)->column < (*y)->column ? -1 : 1;
}

static enum status check_unique(struct reader *r, const struct yaml_node *map)
{
    if (map->n < 2) return STATUS_OK;
    struct yaml_node **sorted = must_alloc(map->n, sizeof *sorted);
    memcpy(sorted, map->key, map->n * sizeof *sorted);
    qsort(sorted, map->n, sizeof *sorted, by_text);
    enum status s = STATUS_OK;
    for (size_t i = 1; i < map->n && !s; i++)
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
            s = error_set(r->err, STATUS_INVALID, "%s:%d:%d: '%.80s' appears twice (first on line %d)", r->file,
                          sorted[i]->line, sorted[i]->column, sorted[i]->text, sorted[i - 1]->line);
    free(sorted);
    return s;
}

static enum status convert_map(struct reader *r, const yaml_node_t *in, struct yaml_node *out, int depth)
{
    const yaml_node_pair_t *first = in->data.mapping.pairs.start;
    out->kind = YAML_MAP;
    out->n = (size_t)(in->data.mapping.pairs.top - first);
    out->key = arena_array(r->arena, out->n, sizeof *out->key);
    out->value = arena_array(r->arena, out->n, sizeof *out->value);
    for (size_t i = 0; i < out->n; i++) {
        enum status s = convert(r, first[i].key, depth + 1, &out->key[i]);
        if (s) return s;
        if (out->key[i]->kind != YAML_TEXT)
            return refuse(r, yaml_document_get_node(r->document, first[i].key), "a key must be plain text");
        s = convert(r, first[i].value, depth + 1, &out->value[i]);
        if (s) return s;
    }
    return check_unique(r, out);
}

static enum status convert(struct reader *r, int id, int depth, struct yaml_node **ret)
{
    const yaml_node_t *in = yaml_document_get_node(r->document, id);
    if (depth > DEPTH_MAX) return refuse(r, in, "nested too deeply, or an alias that contains itself");
    if (++r->nodes > NODES_MAX) return refuse(r, in, "aliases expand to too many values");
    struct yaml_node *out = arena_alloc(r->arena, sizeof *out);
    out->line = (int)in->start_mark.line + 1;
    out->column = (int)in->start_mark.column + 1;
    enum status s = STATUS_INVALID;
    switch (in->type) {
    case YAML_SCALAR_NODE: s = convert_text(r, in, out); break;
    case YAML_SEQUENCE_NODE: s = convert_list(r, in, out, depth); break;
    case YAML_MAPPING_NODE: s = convert_map(r, in, out, depth); break;
    case YAML_NO_NODE: s = refuse(r, in, "not a value"); break;
    }
    if (!s) *ret = out;
    return s;
}

static enum status syntax_error(const char *file, const yaml_parser_t *p, struct error *err)
{
    size_t line = p->problem_mark.line + 1, column = p->problem_mark.column + 1;
    return error_set(err, STATUS_INVALID, "%s:%zu:%zu: not YAML: %s", file, line, column,
                     p->problem ? p->problem : "unreadable");
}

static enum status read_document(yaml_parser_t *p, struct reader *r, struct yaml_node **ret)
{
    yaml_document_t document;
    if (!yaml_parser_load(p, &document)) return syntax_error(r->file, p, r->err);
    r->document = &document;
    enum status s;
    if (!yaml_document_get_root_node(&document))
        s = error_set(r->err, STATUS_INVALID, "%s:1:1: the file is empty; 'nocturne init' writes one to start from",
                      r->file);
    else
        s = convert(r, 1, 0, ret);
    yaml_document_delete(&document);
    r->document = NULL;
    return s;
}

static enum status refuse_second_document(yaml_parser_t *p, const struct reader *r)
{
    yaml_document_t document;
    if (!yaml_parser_load(p, &document)) return syntax_error(r->file, p, r->err);
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    enum status s = STATUS_OK;
    if (root)
        s = error_set(r->err, STATUS_INVALID, "%s:%zu:%zu: a second document; a study file holds one", r->file,
                      root->start_mark.line + 1, root->start_mark.column + 1);
    yaml_document_delete(&document);
    return s;
}

enum status yaml_read(const char *file, const char *text, size_t len, struct arena *arena, struct yaml_node **ret,
                      struct error *err)
{
    if (len > BYTES_MAX)
        return error_set(err, STATUS_INVALID, "%s:1:1: the file is over 1 MiB; a study file is a few kilobytes", file);
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, STATUS_FAILED, "%s: cannot start the YAML reader", file);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    struct reader r = {.file = file, .arena = arena, .err = err};
    struct yaml_node *root = NULL;
    enum status s = read_document(&parser, &r, &root);
    if (!s) s = refuse_second_document(&parser, &r);
    yaml_parser_delete(&parser);
    if (!s) *ret = root;
    return s;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->key[i]->text, key) == 0) return map->value[i];
    return NULL;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    static const char *const name[] = {"text", "a list", "a map"};
    return name[kind];
}
