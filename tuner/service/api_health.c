/* /api/v1/studies/{study}: is it all right, when will it end, and the story of it in the morning */
#include "tuner/service/active_study.h"
#include "tuner/service/folded.h"
#include "tuner/service/request.h"
#include "tuner/service/waking.h"

#include "tuner/analysis/analysis.h"
#include "tuner/live/live.h"
#include "tuner/report/report.h"

#include "tuner/base/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What only the loop knows; taken before a work reads the rest. */
struct around {
    struct health_facts facts;
    bool hosted, as_md;
};

/* ---- facts ---- */

static const char *keep(struct request *r, const char *text)
{
    return text && *text ? arena_strdup(&r->arena, text) : NULL;
}

static void count_agents(struct request *r, struct health_facts *ret)
{
    const struct muster m = fleet_muster(r->service->fleet, r->param[0], NOCTURNE_VERSION);
    ret->agents = m.agents;
    ret->agents_lost = m.silent;
    ret->agent_lost = keep(r, m.silent_name);
    ret->agents_other = m.other;
    ret->agent_other = keep(r, m.other_name);
    ret->agent_version = keep(r, m.other_version);
    ret->version = NOCTURNE_VERSION;
}

/* On the loop, for the work that follows. */
static void look_around(struct request *r, struct around *x)
{
    const struct active_study *as = active_study_find(r->service, r->param[0]);
    x->facts = (struct health_facts){.known = true};
    x->hosted = as != NULL;
    if (as) {
        x->facts.paused = keep(r, coordinator_pause_reason(as->active->coordinator));
        count_agents(r, &x->facts);
    }
    r->state = x;
}

/* By a work, with what running trials have reported. False: a problem has been answered. */
static bool read_now(struct request *r, struct reading *from)
{
    if (!request_read(r, from)) return false;
    if (request_checked(r, folded_look(from->folded, r->store, &r->err))) return true;
    request_read_done(r, from);
    return false;
}

/* By a work. False: a problem has been answered. */
static bool read_health(struct request *r, struct reading *from, struct arena *a, struct health *ret)
{
    struct around *x = r->state;
    x->facts.running = x->hosted || store_hold_taken(r->store, r->param[0]);
    x->facts.disk_free = store_in_memory(r->store) ? 0 : host_disk_free(store_path(r->store));
    if (!read_now(r, from)) return false;
    *ret = health_of(from->history, &x->facts, a);
    return true;
}

/* ---- health and forecast ---- */

static void show_health(struct request *r)
{
    struct reading from;
    struct arena a = {0};
    struct health h;
    if (read_health(r, &from, &a, &h)) {
        request_answer(r, 200, health_json(&h));
        request_read_done(r, &from);
    }
    arena_done(&a);
}

static void show_forecast(struct request *r)
{
    struct reading from;
    struct plan plan;
    if (!read_now(r, &from)) return;
    plan_make(from.history, 0, &plan);
    const struct end_forecast f = end_forecast_of(from.history, &plan);
    request_answer(r, 200, end_forecast_json(&f));
    request_read_done(r, &from);
}

static void on_get_health(struct request *r)
{
    if (waking_waits(r, r->param[0])) return;
    look_around(r, arena_alloc(&r->arena, sizeof(struct around)));
    request_work_slowly(r, show_health); /* it looks two thousand nights ahead */
}

static void on_get_forecast(struct request *r)
{
    if (!waking_waits(r, r->param[0])) request_work_slowly(r, show_forecast);
}

/* ---- the report ---- */

static void send_story(struct request *r, const struct story *story)
{
    const struct around *x = r->state;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (x->as_md)
        story_md_write(out, story);
    else
        story_html_write(out, story);
    fclose(out);
    request_text(r, 200, x->as_md ? "text/markdown; charset=utf-8" : "text/html; charset=utf-8", text, n);
    free(text);
}

static void show_report(struct request *r)
{
    const struct around *x = r->state;
    struct reading from;
    struct arena a = {0};
    struct health h;
    struct story story;
    json_t *rollouts = NULL;
    if (read_health(r, &from, &a, &h)) {
        int64_t now_ms = clock_wall_ms(r->service->clock);
        enum status s = live_status_all(r->store, r->param[0], now_ms, &rollouts, &r->err);
        if (!s) s = live_courses(r->store, rollouts, now_ms, &r->err);
        const struct morning_facts facts = {.version = NOCTURNE_VERSION,
                                            .running = x->facts.running,
                                            .health = &h,
                                            .plan = &h.plan,
                                            .rollouts = rollouts};
        if (!s) s = morning_make(from.history, &facts, &a, &story, &r->err);
        if (request_checked(r, s)) send_story(r, &story);
        request_read_done(r, &from);
    }
    json_decref(rollouts);
    arena_done(&a);
}

static void on_get_report(struct request *r)
{
    const char *format = request_query(r, "format");
    if (waking_waits(r, r->param[0])) return;
    struct around *x = arena_alloc(&r->arena, sizeof *x);
    x->as_md = format && strcmp(format, "md") == 0;
    if (format && !x->as_md && strcmp(format, "html") != 0) {
        request_problem(r, 422, "'format' is html or md, not '%.40s'", format);
        return;
    }
    look_around(r, x);
    request_work_slowly(r, show_report);
}

const struct route api_health_routes[] = {
    {"GET", ROUTE_STUDY "/health", GRANT_VIEW, on_get_health, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/forecast", GRANT_VIEW, on_get_forecast, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/report", GRANT_VIEW, on_get_report, 0, BODY_NONE, false},
    {0},
};
