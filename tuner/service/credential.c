#include "tuner/service/credential.h"

#include "tuner/base/beneath.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "noct_ID_SECRET" */
static void recall(const char *path, char *ret_id)
{
    char *text = NULL;
    if (beneath_read(AT_FDCWD, path, TOKEN_TEXT_MAX, &text, NULL, NULL) == STATUS_OK) {
        const char *id = text + strcspn(text, "_");
        id += *id == '_';
        snprintf(ret_id, TOKEN_ID_MAX, "%.*s", (int)strcspn(id, "_\n"), id);
    }
    free(text);
}

void credential_recall(struct service *s)
{
    struct arena a = {0};
    for (int kind = PROVISIONER_NONE + 1; kind < PROVISIONERS; kind++)
        recall(provisioner_token_file(s->files, (enum provisioner_kind)kind, &a), s->agents_token[kind]);
    arena_done(&a);
}

static bool is_valid(struct service *s, enum provisioner_kind kind, const char *path, struct identity *ret)
{
    char text[TOKEN_TEXT_MAX + 16], *file = NULL;
    struct error ignored;
    if (beneath_read(AT_FDCWD, path, TOKEN_TEXT_MAX, &file, NULL, NULL)) return false;
    snprintf(text, sizeof text, "Bearer %.*s", (int)strcspn(file, "\n"), file);
    free(file);
    return auth_check(s->auth, provisioner_key(kind), text, ret, &ignored) == STATUS_OK;
}

enum status credential_ensure(void *data, enum provisioner_kind kind, const char *path, struct error *err)
{
    struct service *s = data;
    const struct token_wish wish = {.name = provisioner_key(kind), .role = "worker"};
    struct identity who;
    if (!is_valid(s, kind, path, &who))
        return auth_create_file(s->store, s->clock, &wish, path, s->agents_token[kind], err);
    memcpy(s->agents_token[kind], who.id, sizeof s->agents_token[kind]);
    return STATUS_OK;
}

bool credential_owns(const struct service *s, const char *token)
{
    for (size_t i = PROVISIONER_NONE + 1; i < PROVISIONERS; i++)
        if (*s->agents_token[i] && strcmp(s->agents_token[i], token) == 0) return true;
    return false;
}
