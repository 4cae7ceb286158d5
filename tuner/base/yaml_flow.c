#include "tuner/base/yaml_flow.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Plain text that flow style would take apart means a text, whatever it is in: no number and no boolean has these. */
static bool needs_quotes(const struct yaml_node *node)
{
    const char *t = node->text;
    return node->quoted || strpbrk(t, ",[]{}#\"'\\\n\t") || strstr(t, ": ") || (*t && t[strlen(t) - 1] == ':');
}

static void write_text(FILE *out, const struct yaml_node *node)
{
    if (!needs_quotes(node)) {
        fputs(*node->text ? node->text : "~", out);
        return;
    }
    json_t *text = json_string(node->text);
    char *quoted = json_dumps(text, JSON_ENCODE_ANY);
    fputs(quoted ? quoted : "\"\"", out);
    free(quoted);
    json_decref(text);
}

static void write_node(FILE *out, const struct yaml_node *node)
{
    if (node->kind == YAML_TEXT) {
        write_text(out, node);
        return;
    }
    fputc(node->kind == YAML_MAP ? '{' : '[', out);
    for (size_t i = 0; i < node->n; i++) {
        if (i) fputs(", ", out);
        if (node->kind == YAML_MAP) {
            write_text(out, node->key[i]);
            fputs(": ", out);
        }
        write_node(out, node->value[i]);
    }
    fputc(node->kind == YAML_MAP ? '}' : ']', out);
}

const char *yaml_flow(const struct yaml_node *node, struct arena *arena)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) abort(); /* of memory */
    write_node(out, node);
    fclose(out);
    char *kept = arena_strdup(arena, text);
    free(text);
    return kept;
}
