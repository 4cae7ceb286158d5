/* POST /api/v1/studies: a study on its way into being */
#include "tuner/service/standing.h"
#include "tuner/service/waking.h"

#include "tuner/base/json.h"

#include "workers/workers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool is_type(const char *type, const char *name)
{
    return strncasecmp(type, name, strlen(name)) == 0;
}

struct creation {
    const char *text, *name;
    bool json, paused;
    struct active_study *active;
};

static struct creation *read_creation(struct request *r)
{
    const char *type = http_request_header(r->http, "Content-Type");
    struct creation *x = arena_alloc(&r->arena, sizeof *x);
    x->json = type && is_type(type, "application/json");
    bool yaml = type && (is_type(type, "application/yaml") || is_type(type, "text/yaml") ||
                         is_type(type, "application/x-yaml"));
    if (!x->json && !yaml)
        request_problem(r, 415, "a study comes as application/yaml or application/json, not '%.80s'",
                        type ? type : "nothing");
    else if (strlen(r->http->body) != r->http->n)
        request_problem(r, 400, "a study file has no NUL bytes");
    else {
        x->text = arena_strdup(&r->arena, r->http->body);
        return x;
    }
    return NULL;
}

/* A JSON object is written as YAML, of which it is a part. */
static enum status to_yaml(struct request *r, struct creation *x, struct error *err)
{
    json_t *object = NULL;
    enum status st = x->json ? json_parse_object(x->text, strlen(x->text), &object, err) : STATUS_OK;
    if (st || !x->json) return st;
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    x->text = arena_strdup(&r->arena, text);
    x->json = false;
    free(text);
    json_decref(object);
    return STATUS_OK;
}

/* What it is called: all that follows is about this study. */
static void read_draft(struct request *r)
{
    struct creation *x = r->state;
    struct study *draft = NULL;
    struct error err;
    if (to_yaml(r, x, &err)) {
        request_problem(r, 400, "%s", err.text);
        return;
    }
    if (study_parse("study.yaml", x->text, strlen(x->text), &draft, &err))
        request_fail(r, &err);
    else
        x->name = arena_strdup(&r->arena, draft->name);
    study_free(draft);
}

/* One that is there is a conflict, or a repetition: a crash came between the study and its kept answer. True: it is
 * there. A row without events is none yet. */
static bool is_there(struct request *r, const struct creation *x)
{
    struct arena a = {0};
    struct store_study row;
    struct error ignored;
    int64_t last = 0;
    bool found = store_study_find(r->store, x->name, &a, &row, &ignored) == STATUS_OK &&
                 store_last_event(r->store, row.id, &last, &ignored) == STATUS_OK && last > 0;
    if (found && !(r->repeat.key && strcmp(row.file, x->text) == 0))
        request_problem(r, 409, "there is a study '%s' already", x->name);
    arena_done(&a);
    return found;
}

/* The right to make it, which one process on this database has; what it finds then is how it is. NULL: there is no
 * need. */
static struct store_hold *claim(struct request *r, const struct creation *x)
{
    struct error err;
    struct store_hold *hold = NULL;
    if (is_there(r, x)) return NULL;
    enum status st = store_hold_take(r->store, x->name, &hold, &err);
    if (st == STATUS_BUSY) request_problem(r, 409, "%s", err.text);
    if (st && st != STATUS_BUSY) request_fail(r, &err);
    if (st) return NULL;
    if (!is_there(r, x)) return hold;
    store_hold_release(hold); /* it was made just before */
    return NULL;
}

/* Its file is written, and then it is opened. */
static void create(struct request *r)
{
    struct creation *x = r->state;
    struct study *study = NULL;
    struct error err;
    struct store_hold *hold = claim(r, x);
    if (!hold) return;
    const struct opening how = {.token = r->who.id, .hold = hold};
    char *dir = request_study_folder(r, x->name), *path = arena_printf(&r->arena, "%s/study.yaml", dir);
    enum status st = workers_keep_file(dir, "study.yaml", x->text, strlen(x->text), &err);
    if (!st) st = study_parse(path, x->text, strlen(x->text), &study, &err);
    if (st)
        store_hold_release(hold);
    else
        st = active_study_open(r->service, study, &how, &x->active, &err);
    if (st) standing_fail_opening(r, x->name, &err);
}

/* Of `files:`, what is not in the study's folder yet, patterns aside: it may still be sent, or be on every agent. NULL:
 * all is there. */
static json_t *missing_of(struct request *r, const struct study *study)
{
    const char *dir = request_study_folder(r, study->name);
    json_t *out = json_array();
    for (size_t i = 0; i < study->files.n; i++) {
        const char *name = study->files.text[i];
        if (strpbrk(name, "*?[") || *name == '/' || strstr(name, "..")) continue;
        if (faccessat(AT_FDCWD, arena_printf(&r->arena, "%s/%s", dir, name), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            json_array_append_new(out, json_string(name));
    }
    if (json_array_size(out)) return out;
    json_decref(out);
    return NULL;
}

/* A repetition, after a crash; or the first time. */
static void created(struct request *r)
{
    struct creation *x = r->state;
    struct active_study *as = x->active;
    struct error err;
    r->location = arena_printf(&r->arena, "/api/v1/studies/%s", x->name);
    r->param[0] = x->name;
    if (!as) {
        standing_answer(r, 201, standing_show);
        return;
    }
    if (active_study_start(as, &err)) {
        request_fail(r, &err);
        return;
    }
    if (x->paused) active_study_pause(as, r, true);
    json_t *out = standing_fresh(r, as), *missing = missing_of(r, as->study);
    if (missing) json_object_set_new(out, "missing", missing);
    active_study_answer(as, r, 201, out);
}

static void create_drafted(struct request *r)
{
    request_work_changing(r, create, created);
}

static void on_create_study(struct request *r)
{
    bool paused;
    if (!request_boolean(r, "paused", false, &paused)) return;
    struct creation *x = read_creation(r);
    if (!x) return;
    x->paused = paused;
    r->state = x;
    request_work(r, read_draft, create_drafted);
}

const struct route api_creation_routes[] = {
    {"POST", "/api/v1/studies", GRANT_OPERATE, on_create_study, ROUTE_JSON_MAX, BODY_ANY, true},
    {0},
};
