#include "tuner/cli/retuning.h"

#include "tuner/cli/whole_file.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 10000 };

static const char *path_of(const struct study *base, const char *name, struct arena *a)
{
    return arena_printf(a, "%s/%s.yaml", base->dir, name);
}

static bool is_known(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

enum status retuning_name(struct store *store, const struct study *base, struct arena *arena, const char **ret,
                          struct error *err)
{
    const char **names = NULL;
    size_t n = 0;
    enum status s = store_study_names(store, arena, &names, &n, err);
    for (int k = 2; !s && k < NAMES_MAX; k++) {
        const char *name = arena_printf(arena, "%s-%d", base->name, k);
        if (!study_is_name(name))
            return error_set(err, STATUS_INVALID, "'%s' is too long for a study's name; call study '%s' something shorter",
                             name, base->name);
        if (is_known(names, n, name) || access(path_of(base, name, arena), F_OK) == 0) continue;
        return *ret = name, STATUS_OK;
    }
    return s ? s : error_set(err, STATUS_FAILED, "study '%s' was tuned anew %d times", base->name, NAMES_MAX);
}

/* The base, and what was tuned anew from it, the newest first. */
static enum status warm_text(const struct retuning *r, struct arena *a, const char **ret, struct error *err)
{
    const char **names = NULL, *all = "", *each[WARM_START_MAX] = {r->base->name};
    size_t n = 0, found = 1, length = strlen(r->base->name);
    enum status s = store_study_names(r->store, a, &names, &n, err);
    for (int k = 2; !s && k < NAMES_MAX && strcmp(r->name + length, arena_printf(a, "-%d", k)) != 0; k++) {
        const char *name = arena_printf(a, "%s-%d", r->base->name, k);
        if (!is_known(names, n, name)) continue;
        if (found == WARM_START_MAX) memmove(each + 1, each + 2, (WARM_START_MAX - 2) * sizeof *each), found--;
        each[found++] = name;
    }
    while (found-- > 0) all = arena_printf(a, "%s%s%s", all, *all ? ", " : "", each[found]);
    *ret = arena_printf(a, "[%s]", all);
    return s;
}

static enum status make_text(const struct retuning *r, struct arena *a, const char **ret, struct error *err)
{
    const char *warm = "";
    enum status s = warm_text(r, a, &warm, err);
    if (s) return s;
    char *baseline = json_text(json_object_get(r->champion, "parameters"));
    const struct derived_key key[] = {{"study", r->name},
                                      {"baseline", arena_strdup(a, baseline)},
                                      {"references", NULL},
                                      {"warm_start", warm},
                                      {"budget", arena_printf(a, "{trials: %ld}", r->trials)},
                                      {"confirm", "{top: 3, seeds: 3}"}};
    free(baseline);
    size_t n = sizeof key / sizeof *key - (study_confirm_count(r->base) > 0);
    return study_derive(r->base->path, r->base->text, &(struct derived_keys){n, key}, a, ret, err);
}

static enum status write_text(const char *path, const char *text, struct error *err)
{
    struct whole_file f;
    enum status s = whole_file_begin(&f, path, err);
    if (s) return s;
    fputs(text, f.out);
    return whole_file_end(&f, STATUS_OK, err);
}

enum status retuning_file(const struct retuning *r, struct arena *arena, const char **ret, struct error *err)
{
    struct study *made = NULL;
    const char *path = path_of(r->base, r->name, arena), *text = NULL;
    if (access(path, F_OK) == 0) return *ret = path, STATUS_OK;
    enum status s = make_text(r, arena, &text, err);
    if (!s) s = study_parse(path, text, strlen(text), &made, err);
    study_free(made);
    if (!s) s = write_text(path, text, err);
    if (!s) *ret = path;
    return s;
}
