#include "tuner/remote/errand.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <string.h>

/* Who may not do it hears what he may, and what it takes. */
static enum status denied(struct caller *c, struct error *err)
{
    json_t *me = NULL;
    if (caller_ask(c, &(struct question){"GET", "/api/v1/me", NULL}, &me, NULL)) return STATUS_DENIED;
    const char *role = json_string_value(json_object_get(me, "role"));
    const char *may = role && strcmp(role, "viewer") == 0   ? "look"
                      : role && strcmp(role, "worker") == 0 ? "run trials"
                      : role && strcmp(role, "client") == 0 ? "ask rollouts"
                                                            : NULL;
    if (may)
        error_set(err, STATUS_DENIED,
                  "this token may only %s (role %s): a change takes an operator's; on the service's machine "
                  "'nocturne token create --role operator' makes one",
                  may, role);
    json_decref(me);
    return STATUS_DENIED;
}

static enum status ask_for(struct caller *c, const struct question *q, json_t **ret, struct error *err)
{
    enum status s = caller_ask(c, q, ret, err);
    return s == STATUS_DENIED ? denied(c, err) : s;
}

static enum status ask(struct caller *c, const char *method, const char *path, const json_t *body, struct error *err)
{
    json_t *answer = NULL;
    enum status s = ask_for(c, &(struct question){method, path, body}, &answer, err);
    json_decref(answer);
    return s;
}

enum status errand_stop(struct caller *c, const char *study, bool *ret_asked, struct error *err)
{
    struct arena a = {0};
    json_t *nothing = json_object();
    enum status s =
        ask(c, "POST", arena_printf(&a, "/api/v1/studies/%s/stop", caller_escaped(&a, study)), nothing, err);
    *ret_asked = s == STATUS_OK;
    json_decref(nothing);
    arena_done(&a);
    return s == STATUS_CONFLICT ? STATUS_OK : s; /* it has ended */
}

enum status errand_resume(struct caller *c, const char *study, const json_t *budget, struct error *err)
{
    struct arena a = {0};
    json_t *body = json_object();
    if (budget) json_object_set(body, "budget", (json_t *)budget);
    enum status s = ask(c, "POST", arena_printf(&a, "/api/v1/studies/%s/resume", caller_escaped(&a, study)), body, err);
    json_decref(body);
    arena_done(&a);
    return s;
}

enum status errand_enqueue(struct caller *c, const char *study, const json_t *params, struct error *err)
{
    struct arena a = {0};
    json_t *body = json_pack("{s:O}", "params", params);
    enum status s = ask(c, "POST", arena_printf(&a, "/api/v1/studies/%s/trials", caller_escaped(&a, study)), body, err);
    json_decref(body);
    arena_done(&a);
    return s;
}

enum status errand_note(struct caller *c, const char *study, long trial, const char *text, struct error *err)
{
    struct arena a = {0};
    json_t *body = json_pack("{s:s}", "text", text);
    char of[40] = "";
    if (trial >= 0) snprintf(of, sizeof of, "/trials/%ld", trial);
    enum status s =
        body ? ask(c, "PUT", arena_printf(&a, "/api/v1/studies/%s%s/note", caller_escaped(&a, study), of), body, err)
             : error_set(err, STATUS_INVALID, "a note is UTF-8 text");
    json_decref(body);
    arena_done(&a);
    return s;
}

enum status errand_retry(struct caller *c, const char *study, const long *trial, size_t n, struct error *err)
{
    struct arena a = {0};
    json_t *nothing = json_object();
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < n; i++) {
        s = ask(c, "POST", arena_printf(&a, "/api/v1/studies/%s/trials/%ld/retry", caller_escaped(&a, study), trial[i]),
                nothing, err);
        if (s && n > 1) error_context(err, "trial %ld", trial[i]);
    }
    json_decref(nothing);
    arena_done(&a);
    return s;
}

/* ---- rollouts ---- */

enum status errand_start(struct caller *c, const json_t *body, struct error *err)
{
    return ask(c, "POST", "/api/v1/rollouts", body, err);
}

enum status errand_watch(struct caller *c, const char *rollout, const json_t *body, struct error *err)
{
    return errand_order(c, rollout, "watch", body, err);
}

enum status errand_order(struct caller *c, const char *rollout, const char *verb, const json_t *body, struct error *err)
{
    struct arena a = {0};
    enum status s =
        ask(c, "POST", arena_printf(&a, "/api/v1/rollouts/%s/%s", caller_escaped(&a, rollout), verb), body, err);
    arena_done(&a);
    return s;
}

enum status errand_outcomes(struct caller *c, const char *rollout, const json_t *body, json_t **ret, struct error *err)
{
    struct arena a = {0};
    const char *path = arena_printf(&a, "/api/v1/rollouts/%s/outcomes", caller_escaped(&a, rollout));
    enum status s = ask_for(c, &(struct question){"POST", path, body}, ret, err);
    arena_done(&a);
    return s;
}
