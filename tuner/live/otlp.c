#include "tuner/live/otlp.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- attributes ---- */

enum attribute {
    ATTRIBUTE_EVENT,
    ATTRIBUTE_KEY,
    ATTRIBUTE_VARIANT,
    ATTRIBUTE_REASON,
    ATTRIBUTE_CONTEXT, /* from here in the order of part_who */
    ATTRIBUTE_USER,
    ATTRIBUTE_ENDUSER,
    ATTRIBUTE_SESSION,
    ATTRIBUTE_CONVERSATION,
    ATTRIBUTE_NAME,
    ATTRIBUTE_SCORE,
    ATTRIBUTE_LABEL,
    ATTRIBUTE_RESPONSE,
    ATTRIBUTE_OPERATION,
    ATTRIBUTE_INPUT, /* from here in the order of part_amount */
    ATTRIBUTE_OUTPUT,
    ATTRIBUTE_REASONING,
    ATTRIBUTES
};

static const struct {
    const char *name;
    enum attribute is;
} KNOWN[] = {
    {"event.name", ATTRIBUTE_EVENT}, /* before log records had an eventName */
    {"feature_flag.key", ATTRIBUTE_KEY},
    {"feature_flag.result.variant", ATTRIBUTE_VARIANT},
    {"feature_flag.variant", ATTRIBUTE_VARIANT}, /* earlier */
    {"feature_flag.result.reason", ATTRIBUTE_REASON},
    {"feature_flag.evaluation.reason", ATTRIBUTE_REASON}, /* earlier */
    {"feature_flag.context.id", ATTRIBUTE_CONTEXT},
    {"user.id", ATTRIBUTE_USER},
    {"enduser.id", ATTRIBUTE_ENDUSER},
    {"session.id", ATTRIBUTE_SESSION},
    {"gen_ai.conversation.id", ATTRIBUTE_CONVERSATION},
    {"gen_ai.evaluation.name", ATTRIBUTE_NAME},
    {"gen_ai.evaluation.score.value", ATTRIBUTE_SCORE},
    {"gen_ai.evaluation.score.label", ATTRIBUTE_LABEL},
    {"gen_ai.response.id", ATTRIBUTE_RESPONSE},
    {"gen_ai.operation.name", ATTRIBUTE_OPERATION},
    {"gen_ai.usage.input_tokens", ATTRIBUTE_INPUT},
    {"gen_ai.usage.prompt_tokens", ATTRIBUTE_INPUT}, /* earlier */
    {"gen_ai.usage.output_tokens", ATTRIBUTE_OUTPUT},
    {"gen_ai.usage.completion_tokens", ATTRIBUTE_OUTPUT}, /* earlier */
    {"gen_ai.usage.reasoning.output_tokens", ATTRIBUTE_REASONING},
};

enum { KNOWN_N = sizeof KNOWN / sizeof *KNOWN };

/* What is read of a log record, a span event or a span. */
struct record {
    const char *name, *trace, *span;
    const json_t *time, *time_else; /* nanoseconds since 1970 */
    const json_t *value[ATTRIBUTES];
};

static void read_attribute(const json_t *pair, struct record *r)
{
    const char *key = json_string_value(json_object_get(pair, "key"));
    for (size_t i = 0; key && i < KNOWN_N; i++)
        if (strcmp(key, KNOWN[i].name) == 0 && !r->value[KNOWN[i].is])
            r->value[KNOWN[i].is] = json_object_get(pair, "value");
}

static void read_attributes(const json_t *list, struct record *r)
{
    for (size_t i = 0; i < json_array_size(list); i++) read_attribute(json_array_get(list, i), r);
}

/* "" if there is none; NULL: it is no text, or too long. */
static const char *text_of(const struct record *r, enum attribute a)
{
    if (!r->value[a]) return "";
    const char *text = json_string_value(json_object_get(r->value[a], "stringValue"));
    return text && strlen(text) <= PART_TEXT_MAX ? text : NULL;
}

/* 64-bit integers of JSON are texts, and real exporters write them as numbers. */
static bool get_integer(const json_t *v, int64_t *ret)
{
    const char *text = json_string_value(v);
    char *end = NULL;
    if (json_is_integer(v)) *ret = json_integer_value(v);
    if (json_is_integer(v)) return true;
    if (!text || strspn(text, "-0123456789") != strlen(text)) return false;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return end != text && !*end && !errno;
}

/* NaN: it is no number. */
static double number_of(const struct record *r, enum attribute a)
{
    const json_t *v = r->value[a], *yes = json_object_get(v, "boolValue");
    int64_t whole;
    if (get_integer(json_object_get(v, "intValue"), &whole)) return (double)whole;
    return json_is_boolean(yes) ? (double)json_is_true(yes) : json_number_at(v, "doubleValue");
}

/* ---- refusals ---- */

struct reading {
    const struct otlp_request *request;
    struct arena *arena;
    struct otlp_batch *batch;
    size_t at;        /* of the record that is read, from 0 */
    const char *says; /* why it is refused; NULL: it is not */
};

void otlp_refuse(struct otlp_batch *batch, const char *why)
{
    if (batch->refused++ == 0) batch->why = why;
}

/* The first reason stands. Returns false, so that `return refuse(…)` reads well. */
static bool refuse(struct reading *x, const char *why)
{
    if (!x->says) x->says = why;
    return false;
}

static void end_record(struct reading *x)
{
    const char *what = x->request->signal == OTLP_LOGS ? "log record" : "span";
    if (x->says) otlp_refuse(x->batch, arena_printf(x->arena, "%s %zu: %s", what, x->at, x->says));
    x->says = NULL;
    x->at++;
}

/* ---- parts ---- */

static void add(struct reading *x, struct part *p, const struct record *r)
{
    part_name(p, r->span, x->arena);
    x->batch->part = arena_more(x->arena, x->batch->part, x->batch->n, sizeof *p);
    x->batch->part[x->batch->n++] = *p;
}

/* For a refusal: a bit of what somebody sent. */
static const char *shown(struct reading *x, const char *text)
{
    return plain_shown(x->arena, plain_bounded(x->arena, text, 60));
}

/* In small letters; "" for none. */
static bool get_hex(struct reading *x, const char *text, size_t digits, const char **ret)
{
    static const char set[] = "0123456789abcdefABCDEF";
    *ret = "";
    if (!*text) return true;
    if (strlen(text) != digits || strspn(text, set) != digits)
        return refuse(x, arena_printf(x->arena, "'%s' is no id of %zu hexadecimal digits", shown(x, text), digits));
    if (strspn(text, "0") == digits) return true;
    char *own = arena_strdup(x->arena, text);
    for (char *c = own; *c; c++) *c = *c >= 'A' && *c <= 'F' ? (char)(*c - 'A' + 'a') : *c;
    *ret = own;
    return true;
}

static int64_t time_of(struct reading *x, const struct record *r)
{
    int64_t ns = 0;
    if (get_integer(r->time, &ns) && ns > 0) return ns / 1000000;
    if (get_integer(r->time_else, &ns) && ns > 0) return ns / 1000000;
    return x->request->now_ms;
}

/* A part with what all have: trace, time, names of its unit. */
static bool begin_part(struct reading *x, struct record *r, enum part_kind kind, struct part *ret)
{
    const char *trace;
    if (!get_hex(x, r->trace, 32, &trace) || !get_hex(x, r->span, 16, &r->span)) return false;
    part_init(ret, kind, trace, time_of(x, r));
    return true;
}

static bool read_names(struct reading *x, const struct record *r, struct part *p)
{
    p->response = text_of(r, ATTRIBUTE_RESPONSE);
    for (int w = 0; w < WHOS; w++) {
        p->who[w] = text_of(r, (enum attribute)(ATTRIBUTE_CONTEXT + w));
        if (!p->who[w]) return refuse(x, "the id of a user, session or context is no text of at most 1024 bytes");
    }
    return p->response ? true : refuse(x, "gen_ai.response.id is no text of at most 1024 bytes");
}

/* Reasons with which a unit was not drawn, whatever variant it was given [OpenFeature, resolution reasons]. Without an
 * experiment the champion is static. */
static bool is_counted(const char *reason, const struct mapping *m)
{
    static const char *const not [] = {"targeting_match", "default", "disabled", "stale", "error"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (strcasecmp(reason, not [i]) == 0) return false;
    return m->alone || strcasecmp(reason, "static") != 0;
}

static bool read_flag(struct reading *x, struct record *r)
{
    struct part p;
    const char *key = text_of(r, ATTRIBUTE_KEY), *reason = text_of(r, ATTRIBUTE_REASON);
    const struct mapping *m = key ? mappings_find(x->request->mappings, key) : NULL;
    if (!m) return true; /* another flag */
    if (!begin_part(x, r, PART_FLAG, &p)) return false;
    p.rollout = key;
    p.unit = text_of(r, ATTRIBUTE_CONTEXT);
    p.variant = text_of(r, ATTRIBUTE_VARIANT);
    p.counted = reason && is_counted(reason, m);
    bool undrawn = reason && !p.counted; /* what the code has was served, which is no variant */
    if (!p.unit || !*p.unit)
        return refuse(x,
                      "feature_flag.context.id is missing, too long or no text; give the evaluation a targeting key");
    if (!p.variant || (!*p.variant && !undrawn))
        return refuse(x, "feature_flag.result.variant is missing, too long or no text");
    add(x, &p, r);
    return true;
}

/* Labels that say yes or no; NaN: none of them. */
static double label_value(const char *label)
{
    static const char *const yes[] = {"pass", "correct", "true", "yes", "relevant"}, *const no[] = {"fail", "incorrect",
                                                                                                    "false", "no",
                                                                                                    "not_relevant"};
    for (size_t i = 0; i < 5; i++) {
        if (strcasecmp(label, yes[i]) == 0) return 1;
        if (strcasecmp(label, no[i]) == 0) return 0;
    }
    return NAN;
}

static bool get_score(struct reading *x, const struct record *r, struct part *p)
{
    const char *label = text_of(r, ATTRIBUTE_LABEL);
    p->value = r->value[ATTRIBUTE_SCORE] ? number_of(r, ATTRIBUTE_SCORE) : label_value(label ? label : "");
    if (isfinite(p->value)) return true;
    if (r->value[ATTRIBUTE_SCORE]) return refuse(x, "gen_ai.evaluation.score.value is no finite number");
    return refuse(x, arena_printf(x->arena,
                                  "'%s' has no gen_ai.evaluation.score.value, and its label says neither yes nor no",
                                  shown(x, p->name)));
}

/* One without score and label is of an evaluation that failed: nothing was judged. */
static bool read_score(struct reading *x, struct record *r)
{
    struct part p;
    const char *name = text_of(r, ATTRIBUTE_NAME);
    if (!name || !mappings_want(x->request->mappings, name)) return true;
    if (!r->value[ATTRIBUTE_SCORE] && !r->value[ATTRIBUTE_LABEL]) return true;
    if (!begin_part(x, r, PART_SCORE, &p)) return false;
    p.name = name;
    if (!read_names(x, r, &p) || !get_score(x, r, &p)) return false;
    bool known = *p.trace || *p.response;
    for (size_t i = 0; i < WHOS; i++) known = known || *p.who[i];
    if (!known) return refuse(x, "it says neither its trace nor gen_ai.response.id nor whose it is: nobody's outcome");
    add(x, &p, r);
    return true;
}

/* Who repeats what those below it spent. An agent elsewhere is asked by a client's span, and has none of its own here.
 */
static bool repeats(const struct record *r, const json_t *kind)
{
    static const char *const upper[] = {"invoke_workflow", "execute_tool", "create_agent", "fetch_response"};
    enum { CLIENT = 3 };
    const char *operation = text_of(r, ATTRIBUTE_OPERATION);
    for (size_t i = 0; operation && i < sizeof upper / sizeof *upper; i++)
        if (strcmp(operation, upper[i]) == 0) return true;
    return operation && strcmp(operation, "invoke_agent") == 0 && json_integer_value(kind) != CLIENT;
}

static bool read_amounts(struct reading *x, const struct record *r, struct part *p)
{
    for (int a = 0; a < AMOUNTS; a++) {
        enum attribute is = (enum attribute)(ATTRIBUTE_INPUT + a);
        p->amount[a] = r->value[is] ? number_of(r, is) : NAN;
        if (r->value[is] && !(p->amount[a] >= 0 && isfinite(p->amount[a])))
            return refuse(
                x, "gen_ai.usage.* are whole numbers from 0; without this one nothing is told of its trace's tokens");
    }
    return true;
}

/* Its trace spent more than will be known. */
static bool spoil(struct reading *x, const struct record *r, const struct part *span)
{
    struct part p;
    part_init(&p, PART_SPOILED, span->trace, span->at_ms);
    add(x, &p, r);
    return false;
}

static bool read_usage(struct reading *x, struct record *r, const json_t *kind)
{
    struct part p;
    bool spent = false;
    for (int a = 0; a < AMOUNTS; a++) spent = spent || r->value[ATTRIBUTE_INPUT + a];
    if (!spent || repeats(r, kind)) return true;
    if (!begin_part(x, r, PART_USAGE, &p)) return false;
    if (!*p.trace) return refuse(x, "a span without traceId");
    if (!*r->span) refuse(x, "a span without spanId");
    if (!*r->span || !read_names(x, r, &p) || !read_amounts(x, r, &p)) return spoil(x, r, &p);
    add(x, &p, r);
    return true;
}

/* ---- records ---- */

static bool is_called(const struct record *r, const char *name)
{
    return r->name && strcmp(r->name, name) == 0;
}

static void read_record(struct reading *x, struct record *r)
{
    if (is_called(r, "feature_flag.evaluation") || is_called(r, "feature_flag")) read_flag(x, r);
    if (is_called(r, "gen_ai.evaluation.result")) read_score(x, r);
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Its time is at the first of two keys that has one. */
static struct record open_record(const json_t *o, const char *name, const char *time, const char *time_else)
{
    struct record r = {.name = text_at(o, name),
                       .trace = text_at(o, "traceId"),
                       .span = text_at(o, "spanId"),
                       .time = json_object_get(o, time),
                       .time_else = json_object_get(o, time_else)};
    read_attributes(json_object_get(o, "attributes"), &r);
    return r;
}

static void read_log(struct reading *x, const json_t *log)
{
    struct record r = open_record(log, "eventName", "timeUnixNano", "observedTimeUnixNano");
    if (!*r.name) r.name = text_of(&r, ATTRIBUTE_EVENT);
    read_record(x, &r);
}

static void read_span_event(struct reading *x, const json_t *event, const struct record *span)
{
    struct record r = open_record(event, "name", "timeUnixNano", "");
    r.trace = span->trace;
    r.span = span->span;
    r.time_else = span->time;
    read_record(x, &r);
}

static void read_root(struct reading *x, struct record *r)
{
    struct part p;
    if (!begin_part(x, r, PART_ROOT, &p) || !*p.trace) return;
    add(x, &p, r);
}

static void read_span(struct reading *x, const json_t *span)
{
    struct record r = open_record(span, "name", "endTimeUnixNano", "startTimeUnixNano");
    const json_t *events = json_object_get(span, "events");
    for (size_t i = 0; i < json_array_size(events); i++) read_span_event(x, json_array_get(events, i), &r);
    read_record(x, &r);
    if (!mappings_want_tokens(x->request->mappings)) return;
    read_usage(x, &r, json_object_get(span, "kind"));
    if (!*text_at(span, "parentSpanId")) read_root(x, &r);
}

/* ---- the body ---- */

/* How a request nests: resources, in each scopes, in each records. */
static const struct shape {
    const char *level[3], *path, *rejected;
} SHAPE[] = {
    {{"resourceLogs", "scopeLogs", "logRecords"}, "/v1/logs", "rejectedLogRecords"},
    {{"resourceSpans", "scopeSpans", "spans"}, "/v1/traces", "rejectedSpans"},
};

static void read_one(struct reading *x, const json_t *one)
{
    if (x->request->signal == OTLP_LOGS)
        read_log(x, one);
    else
        read_span(x, one);
    end_record(x);
}

/* The lists below `of`, and in them objects, down to the records. */
static enum status read_level(struct reading *x, const json_t *of, int level, struct error *err)
{
    enum status s = STATUS_OK;
    const char *key = SHAPE[x->request->signal].level[level];
    const json_t *list = json_object_get(of, key);
    if (list && !json_is_array(list)) return error_set(err, STATUS_INVALID, "\"%s\" is no list", key);
    for (size_t i = 0; !s && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_object(one)) return error_set(err, STATUS_INVALID, "%s[%zu] is no object", key, i);
        if (level < 2)
            s = read_level(x, one, level + 1, err);
        else
            read_one(x, one);
    }
    return s;
}

/* What was meant for the other path, or written with the names of protobuf's text, would be taken as nothing. */
static enum status check_signal(const struct otlp_request *request, struct error *err)
{
    const struct shape *mine = &SHAPE[request->signal], *other = &SHAPE[request->signal == OTLP_LOGS];
    if (json_object_get(request->body, mine->level[0])) return STATUS_OK;
    if (json_object_get(request->body, other->level[0]))
        return error_set(err, STATUS_INVALID, "\"%s\" goes to %s", other->level[0], other->path);
    if (json_object_size(request->body) > 0)
        return error_set(err, STATUS_INVALID, "there is no \"%s\" in it; OTLP's JSON has its names in camelCase",
                         mine->level[0]);
    return STATUS_OK;
}

enum status otlp_read(const struct otlp_request *request, struct arena *arena, struct otlp_batch *ret,
                      struct error *err)
{
    struct otlp_batch batch = {.why = ""};
    struct reading x = {.request = request, .arena = arena, .batch = &batch};
    enum status s = check_signal(request, err);
    if (!s) s = read_level(&x, request->body, 0, err);
    if (!s) *ret = batch;
    return s;
}

json_t *otlp_answer(enum otlp_signal signal, const struct otlp_batch *batch)
{
    char n[24];
    if (!*batch->why) return json_object();
    snprintf(n, sizeof n, "%zu", batch->refused);
    return json_pack("{s:{s:s, s:s}}", "partialSuccess", SHAPE[signal].rejected, n, "errorMessage", batch->why);
}

const char *otlp_only_json(const char *type, struct arena *arena)
{
    return arena_printf(
        arena,
        "OTLP is taken as application/json, not '%s'. JavaScript: the packages @opentelemetry/"
        "exporter-{logs,trace}-otlp-http; Python: opentelemetry-exporter-otlp-json-http and "
        "OTEL_LOGS_EXPORTER=otlp_json_http, OTEL_TRACES_EXPORTER=otlp_json_http; Java, .NET and others that "
        "have it: OTEL_EXPORTER_OTLP_PROTOCOL=http/json; through a Collector: 'encoding: json' of its "
        "otlphttp exporter",
        type ? plain_shown(arena, plain_bounded(arena, type, 60)) : "nothing");
}
