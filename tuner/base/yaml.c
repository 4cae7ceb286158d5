/* libyaml's events, one at a time, so that what is too deep or too much ends the reading at once: its own trees are
 * built to the end first, and take quadratic time for nested flow lists and for anchors.
 */
#include "tuner/base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { BYTES_MAX = 1 << 20, DEPTH_MAX = 16, VALUES_MAX = 20000, ANCHORS_MAX = 256, DIRECTIVE_BYTES_MAX = 4096 };

struct anchor {
    char *name;
    struct yaml_node *node; /* NULL while it is being read */
    size_t values;          /* that it expands to */
};

struct reader {
    const char *file;
    struct arena *arena;
    yaml_parser_t parser;
    yaml_event_t event; /* that is looked at */
    size_t values;      /* so far, with those that aliases stand for */
    size_t n_anchors;
    struct anchor anchor[ANCHORS_MAX];
    struct error *err;
};

static enum status refuse(struct reader *r, size_t line, size_t column, const char *what)
{
    return error_set(r->err, STATUS_INVALID, "%s:%zu:%zu: %s", r->file, line, column, what);
}

static enum status refuse_event(struct reader *r, const char *what)
{
    return refuse(r, r->event.start_mark.line + 1, r->event.start_mark.column + 1, what);
}

static enum status next(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event)) return STATUS_OK;
    bool escape = p->problem && strstr(p->problem, "unknown escape character"); /* "\d" of a pattern */
    return error_set(r->err, STATUS_INVALID, "%s:%zu:%zu: not YAML: %s%s", r->file, p->problem_mark.line + 1,
                     p->problem_mark.column + 1, p->problem ? p->problem : "unreadable",
                     escape ? "; in single quotes a backslash is itself" : "");
}

/* ---- lists that grow ---- */

struct nodes {
    size_t n, capacity;
    struct yaml_node **node;
};

static void add(struct nodes *list, struct yaml_node *node)
{
    list->node = must_reserve(list->node, list->n + 1, &list->capacity, sizeof *list->node);
    list->node[list->n++] = node;
}

static struct yaml_node **keep(struct nodes *list, struct arena *arena)
{
    struct yaml_node **out = arena_array(arena, list->n, sizeof *out);
    if (list->n) memcpy(out, list->node, list->n * sizeof *out);
    free(list->node);
    return out;
}

/* ---- anchors and aliases ---- */

static const struct anchor *find_anchor(const struct reader *r, const char *name)
{
    for (size_t i = 0; i < r->n_anchors; i++)
        if (strcmp(r->anchor[i].name, name) == 0) return &r->anchor[i];
    return NULL;
}

static const char *anchor_of(const yaml_event_t *e)
{
    const yaml_char_t *name = e->type == YAML_SCALAR_EVENT           ? e->data.scalar.anchor
                              : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.anchor
                                                                     : e->data.mapping_start.anchor;
    return (const char *)name;
}

/* *ret: NULL if the value has none. */
static enum status begin_anchor(struct reader *r, struct anchor **ret)
{
    const char *name = anchor_of(&r->event);
    if (!name) return STATUS_OK;
    if (find_anchor(r, name)) return refuse_event(r, "not YAML: a second anchor of this name");
    if (r->n_anchors == ANCHORS_MAX) return refuse_event(r, "too many anchors; a file may hold 256");
    *ret = &r->anchor[r->n_anchors++];
    (*ret)->name = arena_strdup(r->arena, name);
    return STATUS_OK;
}

/* The values are shared, not copied: text that is referred to many times is there once. */
static enum status read_alias(struct reader *r, struct yaml_node **ret)
{
    const struct anchor *a = find_anchor(r, (const char *)r->event.data.alias.anchor);
    if (!a) return refuse_event(r, "not YAML: found undefined alias");
    if (!a->node) return refuse_event(r, "nested too deeply, or an alias that contains itself");
    r->values += a->values;
    if (r->values > VALUES_MAX) return refuse_event(r, "aliases expand to too many values");
    *ret = a->node;
    return STATUS_OK;
}

/* ---- tags ---- */

static bool is_tag(const yaml_char_t *tag, const char *name)
{
    static const char core[] = "tag:yaml.org,2002:";
    return strncmp((const char *)tag, core, sizeof core - 1) == 0 &&
           strcmp((const char *)tag + sizeof core - 1, name) == 0;
}

/* What a tag says of a value is so anyway, or would change it; only !!str may do that here. */
static enum status check_tag(struct reader *r, bool *ret_text)
{
    const yaml_event_t *e = &r->event;
    bool scalar = e->type == YAML_SCALAR_EVENT, list = e->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = scalar ? e->data.scalar.tag
                             : list ? e->data.sequence_start.tag
                                    : e->data.mapping_start.tag;
    if (!tag) return STATUS_OK;
    *ret_text = scalar && (is_tag(tag, "str") || strcmp((const char *)tag, "!") == 0);
    if (*ret_text || (list && is_tag(tag, "seq")) || (!list && !scalar && is_tag(tag, "map"))) return STATUS_OK;
    return refuse_event(r, "a tag that is not understood; of those with ! only !!str is, which makes a value text");
}

/* ---- values; each reader begins at the first event of its value and ends at the last ---- */

static enum status read_value(struct reader *r, int depth, struct yaml_node **ret);

static enum status read_text(struct reader *r, struct yaml_node *out)
{
    const char *text = (const char *)r->event.data.scalar.value;
    if (strlen(text) != r->event.data.scalar.length) return refuse_event(r, "text with a NUL byte");
    out->kind = YAML_TEXT;
    out->text = arena_strdup(r->arena, text);
    out->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return STATUS_OK;
}

static enum status read_list(struct reader *r, struct yaml_node *out, int depth)
{
    struct nodes items = {0};
    enum status s = next(r);
    while (!s && r->event.type != YAML_SEQUENCE_END_EVENT) {
        struct yaml_node *item = NULL;
        s = read_value(r, depth + 1, &item);
        if (!s) s = next(r);
        add(&items, item);
    }
    out->kind = YAML_LIST;
    out->n = items.n;
    out->value = keep(&items, r->arena);
    return s;
}

static int by_text(const void *a, const void *b)
{
    const struct yaml_node *const *x = a, *const *y = b;
    int order = strcmp((*x)->text, (*y)->text);
    if (order) return order;
    if ((*x)->line != (*y)->line) return (*x)->line < (*y)->line ? -1 : 1;
    return ((*x)->column > (*y)->column) - ((*x)->column < (*y)->column);
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

static enum status read_pair(struct reader *r, int depth, struct yaml_node **ret_key, struct yaml_node **ret_value)
{
    enum status s = read_value(r, depth, ret_key);
    if (!s && (*ret_key)->kind != YAML_TEXT)
        s = refuse(r, (size_t)(*ret_key)->line, (size_t)(*ret_key)->column, "a key must be plain text");
    if (!s) s = next(r);
    if (!s) s = read_value(r, depth, ret_value);
    return s ? s : next(r);
}

static enum status read_map(struct reader *r, struct yaml_node *out, int depth)
{
    struct nodes keys = {0}, values = {0};
    enum status s = next(r);
    while (!s && r->event.type != YAML_MAPPING_END_EVENT) {
        struct yaml_node *key = NULL, *value = NULL;
        s = read_pair(r, depth + 1, &key, &value);
        add(&keys, key);
        add(&values, value);
    }
    out->kind = YAML_MAP;
    out->n = keys.n;
    out->key = keep(&keys, r->arena);
    out->value = keep(&values, r->arena);
    return s ? s : check_unique(r, out);
}

static enum status read_content(struct reader *r, int depth, struct yaml_node *out)
{
    bool as_text = false;
    enum status s = check_tag(r, &as_text);
    if (s) return s;
    if (r->event.type == YAML_SCALAR_EVENT) {
        s = read_text(r, out);
        out->quoted |= as_text;
        return s;
    }
    return r->event.type == YAML_SEQUENCE_START_EVENT ? read_list(r, out, depth) : read_map(r, out, depth);
}

static enum status read_value(struct reader *r, int depth, struct yaml_node **ret)
{
    size_t before = r->values;
    struct anchor *anchor = NULL;
    if (depth > DEPTH_MAX) return refuse_event(r, "nested too deeply, or an alias that contains itself");
    if (r->event.type == YAML_ALIAS_EVENT) return read_alias(r, ret);
    if (++r->values > VALUES_MAX) return refuse_event(r, "too many values; a file may hold 20000");
    enum status s = begin_anchor(r, &anchor);
    if (s) return s;
    struct yaml_node *out = arena_alloc(r->arena, sizeof *out);
    out->line = (int)r->event.start_mark.line + 1;
    out->column = (int)r->event.start_mark.column + 1;
    s = read_content(r, depth, out);
    if (s) return s;
    if (anchor) anchor->node = out, anchor->values = r->values - before;
    *ret = out;
    return STATUS_OK;
}

/* ---- the file ---- */

/* Behind one of the line breaks of YAML 1.1. */
static bool begins_line(const char *text, const char *at)
{
    static const char *const breaks[] = {"\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        size_t n = strlen(breaks[i]);
        if ((size_t)(at - text) >= n && memcmp(at - n, breaks[i], n) == 0) return true;
    }
    return at == text;
}

/* libyaml compares each directive with all before it, and puts its prefix before each tag. */
static enum status check_directives(struct reader *r, const char *text, size_t len)
{
    size_t bytes = 0, line = 1;
    const char *end = text + len, *from = text;
    for (const char *at = text; (at = memchr(at, '%', (size_t)(end - at))); at++) {
        if (!begins_line(text, at)) continue;
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        bytes += (size_t)((stop ? stop : end) - at);
        for (; from < at; from++) line += *from == '\n';
        if (bytes > DIRECTIVE_BYTES_MAX) return refuse(r, line, 1, "more than 4096 bytes in lines that begin with %");
    }
    return STATUS_OK;
}

/* The value of the only document. */
static enum status read_document(struct reader *r, struct yaml_node **ret)
{
    enum status s = next(r); /* the stream begins */
    if (!s) s = next(r);
    if (!s && r->event.type == YAML_STREAM_END_EVENT)
        return refuse(r, 1, 1, "the file is empty; 'nocturne init' writes one to start from");
    if (!s) s = next(r);
    if (!s) s = read_value(r, 0, ret);
    if (!s) s = next(r); /* the document ends */
    if (!s) s = next(r);
    if (s || r->event.type == YAML_STREAM_END_EVENT) return s;
    s = next(r);
    return s ? s : refuse_event(r, "a second document; a study file holds one");
}

enum status yaml_read(const char *file, const char *text, size_t len, struct arena *arena, struct yaml_node **ret,
                      struct error *err)
{
    if (len > BYTES_MAX)
        return error_set(err, STATUS_INVALID, "%s:1:1: the file is over 1 MiB; a study file is a few kilobytes", file);
    struct reader r = {.file = file, .arena = arena, .err = err};
    size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte order mark */
    enum status s = check_directives(&r, text + mark, len - mark);
    if (s) return s;
    if (!yaml_parser_initialize(&r.parser))
        return error_set(err, STATUS_FAILED, "%s: cannot start the YAML reader", file);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text + mark, len - mark);
    struct yaml_node *root = NULL;
    s = read_document(&r, &root);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
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
