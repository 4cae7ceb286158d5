/* Health, metrics, and the API's own description */
#include "tuner/service/active_study.h"
#include "tuner/service/service.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char service_openapi_begin[], service_openapi_end[]; /* openapi.S */

static void on_get_openapi(struct request *r)
{
    request_text(r, 200, "application/yaml", service_openapi_begin,
                 (size_t)(service_openapi_end - service_openapi_begin));
}

static void on_get_service(struct request *r)
{
    request_answer(r, 200,
                   json_pack("{s:s, s:s, s:I, s:I}", "name", "nocturne", "version", NOCTURNE_VERSION, "up_ms",
                             (json_int_t)(clock_mono_ms(r->service->clock) - r->service->counts.since_ms), "slots",
                             (json_int_t)r->service->options.slots));
}

/* 503 while a study's disk refuses: nothing is lost, but nothing new starts. */
static void on_get_health(struct request *r)
{
    struct error trouble;
    if (store_check_ground(r->service->store, &trouble)) {
        request_fail(r, &trouble);
        return;
    }
    for (struct active_study *as = r->service->active; as; as = as->next)
        if (!as->over && journal_trouble(history_journal(as->active->history), &trouble)) {
            request_problem(r, 503, "the disk refuses; the studies pause and go on by themselves");
            return;
        }
    request_answer(r, 200, json_pack("{s:s}", "status", "ok"));
}

/* ---- Prometheus [text format 0.0.4] ---- */

static void put_help(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP nocturne_%s %s\n# TYPE nocturne_%s %s\n", name, help, name, type);
}

static void put_studies(FILE *out, const struct service *s)
{
    size_t n = 0;
    for (const struct active_study *as = s->active; as; as = as->next) n += !as->over;
    put_help(out, "studies", "gauge", "Studies at work.");
    fprintf(out, "nocturne_studies %zu\n", n);
    put_help(out, "trials", "gauge", "Trials of the studies at work, by state.");
    for (const struct active_study *as = s->active; as; as = as->next)
        for (int state = 0; !as->over && state < TRIAL_STATES; state++)
            fprintf(out, "nocturne_trials{study=\"%s\",state=\"%s\"} %zu\n", as->study->name,
                    trial_state_name((enum trial_state)state),
                    memory_count(as->active->memory, (enum trial_state)state));
    put_help(out, "tokens_spent", "gauge", "Tokens that trials of the studies at work have spent.");
    for (const struct active_study *as = s->active; as; as = as->next)
        if (!as->over)
            fprintf(out, "nocturne_tokens_spent{study=\"%s\"} %.0f\n", as->study->name,
                    ledger_tokens(as->active->memory));
    put_help(out, "best_utility", "gauge", "Utility of the best trial so far.");
    for (const struct active_study *as = s->active; as; as = as->next)
        if (!as->over && as->active->memory->best.trial)
            fprintf(out, "nocturne_best_utility{study=\"%s\"} %.9g\n", as->study->name,
                    as->active->memory->best.utility);
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in) return 0;
    if (fscanf(in, "%*s %ld", &pages) != 1) pages = 0;
    fclose(in);
    return pages * sysconf(_SC_PAGESIZE);
}

static void on_get_metrics(struct request *r)
{
    const struct service *s = r->service;
    char *text = NULL;
    size_t n = 0, busy, seats = fleet_seats(s->fleet, &busy);
    if (!request_sees_all(r)) return;
    FILE *out = open_memstream(&text, &n);
    put_studies(out, s);
    put_help(out, "trials_finished_total", "counter", "Trials that have become final since the start.");
    fprintf(out, "nocturne_trials_finished_total %llu\n", s->counts.trials_finished);
    put_help(out, "agent_slots", "gauge", "Slots of all agents.");
    fprintf(out, "nocturne_agent_slots %zu\n", seats);
    put_help(out, "agent_slots_busy", "gauge", "Slots of agents that have a trial.");
    fprintf(out, "nocturne_agent_slots_busy %zu\n", busy);
    put_help(out, "http_answers_total", "counter", "Answers, by status.");
    for (int i = 100; i < SERVICE_STATUSES; i++)
        if (s->counts.answers[i])
            fprintf(out, "nocturne_http_answers_total{status=\"%d\"} %llu\n", i, s->counts.answers[i]);
    put_help(out, "http_connections", "gauge", "Open connections.");
    fprintf(out, "nocturne_http_connections %u\n", http_connections(s->http));
    put_help(out, "resident_bytes", "gauge", "Resident memory of the service.");
    fprintf(out, "nocturne_resident_bytes %ld\n", resident_bytes());
    fclose(out);
    request_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", text, n);
    free(text);
}

const struct route api_service_routes[] = {
    {"GET", "/healthz", 0, on_get_health, 0, BODY_NONE, false},
    {"GET", "/metrics", GRANT_VIEW, on_get_metrics, 0, BODY_NONE, false},
    {"GET", "/api/v1", GRANT_VIEW | GRANT_WORK, on_get_service, 0, BODY_NONE, false},
    {"GET", "/api/v1/openapi.yaml", 0, on_get_openapi, 0, BODY_NONE, false},
    {0},
};
