/* /api/v1/rollouts/{rollout}/ruleset, …/outcomes: what clients assign by, and what came of it */
#include "tuner/service/gathering.h"
#include "tuner/service/request.h"
#include "tuner/service/rules.h"
#include "tuner/service/keeper.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

/* The champion alone, for as long as the kill file, or this process, says so. */
static void tell_killed(struct request *r, const struct served *of)
{
    static const char *const experiment[] = {"experiment", "period", "salt", "ranges", "group", "holdout", "overrides", "shadow"};
    json_t *out = json_copy((json_t *)ruleset_document(of->set));
    for (size_t i = 0; i < sizeof experiment / sizeof *experiment; i++) json_object_del(out, experiment[i]);
    json_object_set_new(out, "killed", json_string(rules_killed_by(r->service->live.rules, of->name, &r->arena)));
    char *text = json_text(out);
    const char *tag = arena_printf(&r->arena, "\"%lld-killed\"", (long long)of->version);
    request_tagged(r, tag, "application/json", text, strlen(text));
    free(text);
    json_decref(out);
}

/* A client goes on for a while with what it has, and then with the champion, by itself. */
static void tell_away(struct request *r)
{
    request_problem(r, 503, "this service has not been able to look after the rollout for more than %d s",
                    RULESET_VALID_MS / 1000);
}

static void on_get_ruleset(struct request *r)
{
    const struct service *s = r->service;
    const struct served *of = rules_find(s->live.rules, r->param[0]);
    if (!of && !keeper_knows(s->live.keeper))
        request_problem(r, 503, "rollouts have not been read yet");
    else if (!of)
        request_problem(r, 404, "there is no rollout '%s'", r->param[0]);
    else
        switch (rules_word(s->live.rules, of)) {
        case RULES_KILLED: tell_killed(r, of); break;
        case RULES_AWAY: tell_away(r); break;
        case RULES_HOLD: request_tagged(r, of->tag, "application/json", of->text, of->n); break;
        }
}

const struct route api_outcomes_routes[] = {
    {"GET", ROUTE_ROLLOUT "/ruleset", GRANT_CLIENT, on_get_ruleset, 0, BODY_NONE, false},
    {"POST", ROUTE_ROLLOUT "/outcomes", GRANT_CLIENT, gathering_add, ROUTE_JSON_MAX, BODY_LATER_JSON, false},
    {0},
};
