/* route: from a path to its handler. Each api_*.c has a table of them, which ends with a row of zeros; dispatch goes
 * through all. A new resource is a file with its table, and a row in ROUTE_TABLES. */
#ifndef TUNER_SERVICE_ROUTE_H
#define TUNER_SERVICE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct request;

enum { ROUTE_JSON_MAX = 1 << 20, ROUTE_FILE_MAX = 256 << 20 }; /* bytes of a body */

#define ROUTE_STUDY "/api/v1/studies/{study}"
#define ROUTE_ROLLOUT "/api/v1/rollouts/{rollout}"
#define ROUTE_TRIAL ROUTE_STUDY "/trials/{trial}"

struct route {
    const char *method, *path; /* "/api/v1/studies/{study}"; a last {name...} takes the rest, slashes and all */
    unsigned grants;           /* any of them; 0: anybody */
    void (*handle)(struct request *r);
    size_t body_max;
    enum body_kind { BODY_NONE, BODY_JSON, BODY_OPTIONAL_JSON, BODY_LATER_JSON, BODY_QUESTION, BODY_ANY, BODY_FILE } body; /* the handler reads the last
        four; QUESTION: of a POST that changes nothing */
    bool creates; /* takes an Idempotency-Key */
};

/* A row for each file of resources: of `service` api_service.c with its table api_service_routes, and so on. */
/* clang-format off */
#define ROUTE_TABLES(X) \
    X(service) \
    X(look) \
    X(tokens) \
    X(studies) \
    X(creation) \
    X(life) \
    X(results) \
    X(views) \
    X(mirror) \
    X(health) \
    X(surface) \
    X(files) \
    X(trials) \
    X(notes) \
    X(notify) \
    X(artefacts) \
    X(agents) \
    X(space) \
    X(rollouts) \
    X(outcomes) \
    X(traces) \
    X(loop) \
    X(flags) \
    X(sums) \
    X(page)
/* clang-format on */

#define X(name) extern const struct route api_##name##_routes[];
ROUTE_TABLES(X)
#undef X

#endif
