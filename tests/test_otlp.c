/* OTLP in: what real exporters sent (fixtures/otlp), what is refused, and whose an outcome is, in any order of parts.
 */
#include "tests/test.h"

#include "tuner/live/join.h"
#include "tuner/live/otlp.h"
#include "tuner/live/salvage.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"

/* ---- a plan, and a list of what was told ---- */

static const struct mapping_row ROWS[] = {{"correctness", "em"}, {"tokens", "tokens"}};
static const struct mapping G2P = {"g2p", 2, ROWS, false};
static const struct mappings PLANS = {1, &G2P};

enum { LINES_MAX = 4000, LINE_MAX = 400, NOW = 1000000 };

struct lines {
    size_t n;
    char line[LINES_MAX][LINE_MAX];
};

/* A stored row. */
struct row {
    char *text, *id;
    int64_t at_ms;
};

struct world {
    struct join *join;
    struct join_options options;
    struct lines *told;
    struct row row[LINES_MAX];
    size_t n;
    int64_t now_ms;
};

static void say(struct lines *all, const char *line)
{
    assert_true(all->n < LINES_MAX && strlen(line) < LINE_MAX);
    strcpy(all->line[all->n++], line);
}

static void on_item(void *data, const struct join_item *item)
{
    struct world *w = data;
    char line[LINE_MAX];
    int n = snprintf(line, sizeof line, "%s %s %s %s @%lld", item->rollout, item->unit, item->variant,
                     *item->id ? item->id : "served", (long long)item->at_ms);
    for (size_t i = 0; i < item->n; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %s=%g", item->each[i].name, item->each[i].value);
    say(w->told, line);
}

static void on_keep(void *data, const struct part *p)
{
    struct world *w = data;
    assert_true(w->n < LINES_MAX);
    w->row[w->n++] = (struct row){part_write(p), must_strdup(p->id), w->now_ms};
}

static void on_drop(void *data, const char *id)
{
    struct world *w = data;
    size_t i = 0;
    while (i < w->n && strcmp(w->row[i].id, id) != 0) i++;
    assert_true(i < w->n); /* only what was kept is dropped */
    free(w->row[i].text);
    free(w->row[i].id);
    memmove(&w->row[i], &w->row[i + 1], (--w->n - i) * sizeof *w->row);
}

static struct world *begin(void)
{
    struct world *w = must_alloc(1, sizeof *w);
    w->told = must_alloc(1, sizeof *w->told);
    w->options = (struct join_options){JOIN_LIMITS, {on_item, on_keep, on_drop, w}};
    w->join = join_create(&w->options);
    w->now_ms = NOW;
    return w;
}

static void end(struct world *w)
{
    join_free(w->join);
    for (size_t i = 0; i < w->n; i++) free(w->row[i].text), free(w->row[i].id);
    free(w->told);
    free(w);
}

/* The process dies, and the next one has what is on the disk. */
static void die(struct world *w)
{
    struct arena a = {0};
    struct part p;
    struct error err;
    join_free(w->join);
    w->join = join_create(&w->options);
    for (size_t i = 0; i < w->n; i++) {
        assert_ok(part_read(w->row[i].text, &a, &p, &err), err);
        join_restore(w->join, &p, w->row[i].at_ms);
    }
    arena_done(&a);
}

static enum join_verdict take(struct world *w, const struct part *p)
{
    return join_take(w->join, p, w->now_ms);
}

static void wait_ms(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    join_tick(w->join, w->now_ms);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Sorted, each once: what the intake makes of it. */
static void settle_lines(struct lines *all)
{
    size_t n = 0;
    qsort(all->line, all->n, LINE_MAX, by_text);
    for (size_t i = 0; i < all->n; i++)
        if (n == 0 || strcmp(all->line[n - 1], all->line[i]) != 0) memmove(all->line[n++], all->line[i], LINE_MAX);
    all->n = n;
}

static bool was_told(const struct world *w, const char *part)
{
    for (size_t i = 0; i < w->told->n; i++)
        if (strstr(w->told->line[i], part)) return true;
    return false;
}

static void assert_told(const struct world *w, const char *part)
{
    if (was_told(w, part)) return;
    for (size_t i = 0; i < w->told->n; i++) fprintf(stderr, "told: %s\n", w->told->line[i]);
    fail_msg("'%s' was not told", part);
}

static size_t told_with(const struct world *w, const char *part)
{
    size_t n = 0;
    for (size_t i = 0; i < w->told->n; i++) n += strstr(w->told->line[i], part) != NULL;
    return n;
}

/* ---- bodies ---- */

static json_t *load(const char *name)
{
    char path[300];
    json_error_t at;
    snprintf(path, sizeof path, FIXTURES "/otlp/%s.json", name);
    json_t *body = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (!body) fail_msg("%s: %s", path, at.text);
    return body;
}

static void send_body(struct world *w, enum otlp_signal signal, const json_t *body)
{
    struct arena a = {0};
    struct error err;
    struct otlp_batch batch;
    assert_ok(otlp_read(&(struct otlp_request){signal, body, &PLANS, w->now_ms}, &a, &batch, &err), err);
    assert_int_equal(batch.refused, 0);
    for (size_t i = 0; i < batch.n; i++) take(w, &batch.part[i]);
    arena_done(&a);
}

static void send_fixture(struct world *w, const char *name)
{
    json_t *body = load(name);
    send_body(w, strstr(name, "logs") ? OTLP_LOGS : OTLP_TRACES, body);
    json_decref(body);
}

#define PYTHON_TRACE "ad773e2a00c1d21b114d09bc7588f079"
#define JS_TRACE_17 "31a7165a0ba7155595e42b5fe005e8fc"
#define JS_TRACE_18 "5f61845fea9adcaac7c91ee46a68a28e"

/* Two calls of a model, 120 and 320 tokens, and the agent above them that says 440 again. Helpfulness is no metric. */
static void test_otlp__what_python_sends(void **state)
{
    (void)state;
    struct world *w = begin();
    send_fixture(w, "python-logs");
    send_fixture(w, "python-traces");
    wait_ms(w, 30000);
    settle_lines(w->told);
    assert_told(w, "g2p user-17 challenger " PYTHON_TRACE
                   "/9e47f989ecb096fa/chatcmpl-3/correctness @1796015209703 correctness=1");
    assert_told(w, "g2p user-17 challenger " PYTHON_TRACE
                   "/usage @1796015209703 tokens=440 input_tokens=400 output_tokens=40");
    assert_told(w, "g2p user-17 challenger served @1796015209703");
    assert_int_equal(w->told->n, 3); /* the flag's span event and its log event are one */
    end(w);
}

/* The judge's log, the spans and the flag's log in every order, with a kill -9 after each. */
static void test_otlp__what_javascript_sends_in_any_order(void **state)
{
    (void)state;
    static const char *const name[] = {"js-logs-1", "js-traces-1", "js-logs-2"};
    static const int order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t k = 0; k < 6; k++) {
        struct world *w = begin();
        for (size_t i = 0; i < 3; i++) {
            send_fixture(w, name[order[k][i]]);
            die(w);
            wait_ms(w, 40000); /* over settle_ms: sums may be told before the flag is known */
        }
        settle_lines(w->told);
        assert_told(w, "g2p user-17 challenger " JS_TRACE_17
                       "/688e323a81ae2c12//correctness @1796015188374 correctness=1");
        assert_told(w,
                    "g2p user-18 champion " JS_TRACE_18 "/880d3063ba8b482d//correctness @1796015188376 correctness=0");
        assert_told(w, "g2p user-17 challenger " JS_TRACE_17
                       "/usage @1796015188374 tokens=35 input_tokens=30 output_tokens=5");
        assert_told(w, "g2p user-18 champion " JS_TRACE_18
                       "/usage @1796015188376 tokens=50 input_tokens=45 output_tokens=5");
        assert_int_equal(w->told->n, 6);
        end(w);
    }
}

/* What an exporter sends again, because the first answer was lost, is nothing new. */
static void test_otlp__repeats_tell_nothing(void **state)
{
    (void)state;
    static const char *const name[] = {"js-logs-1", "js-traces-1", "js-logs-2"};
    struct world *w = begin();
    for (size_t i = 0; i < 3; i++) send_fixture(w, name[i]);
    wait_ms(w, 30000);
    size_t n = w->told->n, rows = w->n;
    assert_int_equal(n, 6);
    for (size_t i = 0; i < 3; i++) send_fixture(w, name[i]);
    wait_ms(w, 30000);
    assert_int_equal(w->told->n, n);
    assert_int_equal(w->n, rows);
    assert_true(join_counts(w->join).repeated > 0);
    end(w);
}

/* ---- reading ---- */

static struct otlp_batch read_for(const struct mappings *plans, enum otlp_signal signal, const char *text,
                                  struct arena *a)
{
    struct error err;
    struct otlp_batch batch;
    json_t *body = NULL;
    assert_ok(json_parse_object(text, strlen(text), &body, &err), err);
    assert_ok(otlp_read(&(struct otlp_request){signal, body, plans, NOW}, a, &batch, &err), err);
    for (size_t i = 0; i < batch.n; i++) { /* texts may be the body's */
        char *row = part_write(&batch.part[i]);
        assert_ok(part_read(row, a, &batch.part[i], &err), err);
        free(row);
    }
    json_decref(body);
    return batch;
}

static struct otlp_batch read_text(enum otlp_signal signal, const char *text, struct arena *a)
{
    return read_for(&PLANS, signal, text, a);
}

/* A log record of this event, with these attributes: pieces of JSON. */
static const char *event_text(const char *event, const char *attributes, const char *more, struct arena *a)
{
    return arena_printf(a,
                        "{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"eventName\": \"%s\", "
                        "\"attributes\": [%s]%s}]}]}]}",
                        event, attributes, more);
}

static struct otlp_batch read_event(const char *event, const char *attributes, const char *more, struct arena *a)
{
    return read_text(OTLP_LOGS, event_text(event, attributes, more, a), a);
}

#define TEXT(key, text) "{\"key\": \"" key "\", \"value\": {\"stringValue\": \"" text "\"}}"
#define WHOLE(key, n) "{\"key\": \"" key "\", \"value\": {\"intValue\": \"" n "\"}}"
#define REAL(key, v) "{\"key\": \"" key "\", \"value\": {\"doubleValue\": " v "}}"
#define TRACE_A "0123456789abcdef0123456789abcdef"
#define SPAN_A "0123456789abcdef"
#define IN_TRACE ", \"traceId\": \"" TRACE_A "\", \"spanId\": \"" SPAN_A "\""

static void test_otlp__names_of_earlier_years(void **state)
{
    (void)state;
    struct arena a = {0};
    struct otlp_batch b =
        read_text(OTLP_LOGS,
                  "{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"timeUnixNano\": \"1790000000123999999\", "
                  "\"attributes\": [" TEXT("event.name", "feature_flag") "," TEXT("feature_flag.key", "g2p") "," TEXT(
                      "feature_flag.variant", "champion") "," TEXT("feature_flag.context.id", "u") "]}]}]}]}",
                  &a);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.part[0].kind, PART_FLAG);
    assert_string_equal(b.part[0].variant, "champion");
    assert_true(b.part[0].counted);
    assert_int_equal(b.part[0].at_ms, 1790000000123);
    b = read_text(
        OTLP_TRACES,
        "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"traceId\": \"0123456789ABCDEF0123456789ABCDEF\", "
        "\"spanId\": \"" SPAN_A "\", \"parentSpanId\": \"" SPAN_A "\", \"attributes\": [" WHOLE(
            "gen_ai.usage.prompt_tokens", "7") "," WHOLE("gen_ai.usage.completion_tokens", "3") "]}]}]}]}",
        &a);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.part[0].trace, TRACE_A);
    assert_near(b.part[0].amount[AMOUNT_INPUT], 7, 0);
    assert_near(b.part[0].amount[AMOUNT_OUTPUT], 3, 0);
    assert_true(isnan(b.part[0].amount[AMOUNT_REASONING]));
    assert_int_equal(b.part[0].at_ms, NOW);
    arena_done(&a);
}

/* The variant of an override is in no experiment, whatever its name; reasons as OpenFeature has them. Where there is no
 * experiment, but a watch, all have the champion. */
static void test_otlp__only_what_was_drawn_is_counted(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        bool counted, alone;
    } each[] = {{"split", true, true},     {"SPLIT", true, true},   {"cached", true, true},
                {"unknown", true, true},   {"static", false, true}, {"targeting_match", false, false},
                {"default", false, false}, {"STALE", false, false}, {"error", false, false},
                {"disabled", false, false}};
    static const struct mapping watched = {"g2p", 2, ROWS, true};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct arena a = {0};
        char attributes[400];
        snprintf(attributes, sizeof attributes,
                 TEXT("feature_flag.key", "g2p") "," TEXT("feature_flag.context.id", "u") "," TEXT(
                     "feature_flag.result.variant", "challenger") "," TEXT("feature_flag.result.reason", "%s"),
                 each[i].reason);
        struct otlp_batch b = read_event("feature_flag.evaluation", attributes, "", &a);
        assert_int_equal(b.n, 1);
        assert_int_equal(b.part[0].counted, each[i].counted);
        const char *text = event_text("feature_flag.evaluation", attributes, "", &a);
        b = read_for(&(struct mappings){1, &watched}, OTLP_LOGS, text, &a);
        assert_int_equal(b.part[0].counted, each[i].alone);
        arena_done(&a);
    }
}

/* Where an evaluation failed the client's code says what is served. That is known of the unit, as the outcome in that
 * trace is none of a variant, and it is read back from the store. */
static void test_otlp__an_evaluation_that_failed_has_no_variant(void **state)
{
    (void)state;
    static const char *const reasons[] = {"error", "default", "DISABLED"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct arena a = {0};
        struct part again;
        struct error err;
        const char *attributes =
            arena_printf(&a,
                         TEXT("feature_flag.key", "g2p") "," TEXT("feature_flag.context.id", "u") "," TEXT(
                             "feature_flag.result.reason", "%s") "," TEXT("error.type", "general"),
                         reasons[i]);
        struct otlp_batch b = read_event("feature_flag.evaluation", attributes, IN_TRACE, &a);
        assert_int_equal(b.refused, 0);
        assert_int_equal(b.n, 1);
        assert_false(b.part[0].counted);
        assert_string_equal(b.part[0].variant, "");
        char *line = part_write(&b.part[0]);
        assert_int_equal(part_read(line, &a, &again, &err), STATUS_OK);
        assert_string_equal(again.unit, "u");
        free(line);
        arena_done(&a);
    }
}

static void test_otlp__labels_that_say_yes_or_no(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        double value;
    } each[] = {
        {TEXT("gen_ai.evaluation.score.label", "Pass"), 1},
        {TEXT("gen_ai.evaluation.score.label", "incorrect"), 0},
        {REAL("gen_ai.evaluation.score.value", "0.25") "," TEXT("gen_ai.evaluation.score.label", "pass"), 0.25},
        {WHOLE("gen_ai.evaluation.score.value", "1"), 1},
        {"{\"key\": \"gen_ai.evaluation.score.value\", \"value\": {\"intValue\": 0}}", 0},
        {"{\"key\": \"gen_ai.evaluation.score.value\", \"value\": {\"boolValue\": true}}", 1},
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct arena a = {0};
        const char *all = arena_printf(&a, TEXT("gen_ai.evaluation.name", "correctness") ",%s", each[i].attributes);
        struct otlp_batch b = read_event("gen_ai.evaluation.result", all, IN_TRACE, &a);
        assert_int_equal(b.n, 1);
        assert_near(b.part[0].value, each[i].value, 0);
        assert_string_equal(b.part[0].id, TRACE_A "/" SPAN_A "//correctness");
        arena_done(&a);
    }
}

/* Other flags, other evaluations, one that failed, and everything else. */
static void test_otlp__what_is_not_ours_is_taken_without_a_word(void **state)
{
    (void)state;
    static const struct {
        const char *event, *attributes;
    } each[] = {
        {"feature_flag.evaluation", TEXT("feature_flag.key", "banner")},
        {"feature_flag.evaluation", WHOLE("feature_flag.key", "7")},
        {"feature_flag.evaluation", ""},
        {"gen_ai.evaluation.result", TEXT("gen_ai.evaluation.name", "helpfulness")},
        {"gen_ai.evaluation.result", TEXT("gen_ai.evaluation.name", "correctness") "," TEXT("error.type", "timeout")},
        {"exception", TEXT("exception.type", "Error")},
        {"", "{\"key\": 7}, 7, null, {\"value\": {}}"},
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct arena a = {0};
        struct otlp_batch b = read_event(each[i].event, each[i].attributes, "", &a);
        assert_int_equal(b.n, 0);
        assert_int_equal(b.refused, 0);
        json_t *answer = otlp_answer(OTLP_LOGS, &b);
        assert_int_equal(json_object_size(answer), 0);
        json_decref(answer);
        arena_done(&a);
    }
}

static void test_otlp__what_cannot_be_used_is_refused_by_itself(void **state)
{
    (void)state;
#define FLAG(more) TEXT("feature_flag.key", "g2p") more
#define SCORE(more) TEXT("gen_ai.evaluation.name", "correctness") more
    static const struct {
        const char *event, *attributes, *more, *says;
    } each[] = {
        {"feature_flag.evaluation", FLAG("," TEXT("feature_flag.result.variant", "a")), "",
         "log record 0: feature_flag.context.id is missing, too long or no text; give the evaluation a targeting key"},
        {"feature_flag.evaluation", FLAG("," WHOLE("feature_flag.context.id", "7")), "", "feature_flag.context.id is"},
        {"feature_flag.evaluation", FLAG("," TEXT("feature_flag.context.id", "u")), "",
         "feature_flag.result.variant is"},
        {"feature_flag.evaluation",
         FLAG("," TEXT("feature_flag.context.id", "u") "," TEXT("feature_flag.result.reason", "split")), "",
         "feature_flag.result.variant is"},
        {"gen_ai.evaluation.result", SCORE("," REAL("gen_ai.evaluation.score.value", "\"NaN\"")), IN_TRACE,
         "no finite"},
        {"gen_ai.evaluation.result", SCORE("," TEXT("gen_ai.evaluation.score.label", "so so")), IN_TRACE,
         "'correctness' has no gen_ai.evaluation.score.value, and its label says neither yes nor no"},
        {"gen_ai.evaluation.result", SCORE("," REAL("gen_ai.evaluation.score.value", "1")), "", "nobody's outcome"},
        {"gen_ai.evaluation.result", SCORE("," REAL("gen_ai.evaluation.score.value", "1")),
         ", \"traceId\": \"rXc+KgDB0hsRTQm8dYjweQ==\"", "'rXc+KgDB0hsRTQm8dYjweQ==' is no id of 32 hexadecimal digits"},
        {"gen_ai.evaluation.result", SCORE("," REAL("gen_ai.evaluation.score.value", "1") "," WHOLE("user.id", "7")),
         IN_TRACE, "the id of a user"},
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct arena a = {0};
        struct otlp_batch b = read_event(each[i].event, each[i].attributes, each[i].more, &a);
        assert_int_equal(b.n, 0);
        assert_int_equal(b.refused, 1);
        assert_contains(b.why, each[i].says);
        arena_done(&a);
    }
}

static void test_otlp__a_part_is_refused_and_the_others_are_taken(void **state)
{
    (void)state;
    struct arena a = {0};
    static const struct {
        const char *span, *tokens;
    } each[] = {{"000000000000000a", WHOLE("gen_ai.usage.input_tokens", "1")},
                {"000000000000000b", WHOLE("gen_ai.usage.input_tokens", "-1")},
                {"000000000000000c", TEXT("gen_ai.usage.input_tokens", "many")},
                {"00", WHOLE("gen_ai.usage.input_tokens", "1")},
                {"000000000000000e", WHOLE("gen_ai.usage.output_tokens", "9223372036854775807")}};
    const char *spans = "";
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        spans = arena_printf(&a,
                             "%s%s{\"traceId\": \"" TRACE_A "\", \"spanId\": \"%s\", \"parentSpanId\": \"" SPAN_A
                             "\", \"attributes\": [%s]}",
                             spans, i ? "," : "", each[i].span, each[i].tokens);
    const char *body = arena_printf(&a, "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [%s]}]}]}", spans);
    struct otlp_batch b = read_text(OTLP_TRACES, body, &a);
    assert_int_equal(b.n, 4);
    assert_string_equal(b.part[1].id, TRACE_A "/spoiled");
    assert_string_equal(b.part[2].id, TRACE_A "/spoiled");
    assert_string_equal(b.part[3].id, TRACE_A "/000000000000000e/usage");
    json_t *answer = otlp_answer(OTLP_TRACES, &b);
    char *text = json_tight(answer);
    assert_string_equal(text,
                        "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"span 1: gen_ai.usage.* are "
                        "whole numbers from 0; without this one nothing is told of its trace's tokens\"}}");
    free(text);
    json_decref(answer);
    arena_done(&a);
}

/* An agent in this process repeats what its calls spent; one elsewhere is asked by a client's span, and has none here.
 * A trace of zeros is none. */
static void test_otlp__who_spends(void **state)
{
    (void)state;
    static const struct {
        const char *operation;
        int kind;
        size_t n;
    } each[] = {{"chat", 3, 1},         {"embeddings", 1, 1},      {"my own", 1, 1},       {"invoke_agent", 3, 1},
                {"invoke_agent", 1, 0}, {"invoke_workflow", 1, 0}, {"execute_tool", 1, 0}, {"create_agent", 3, 0}};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct arena a = {0};
        const char *span =
            arena_printf(&a,
                         "{\"traceId\": \"" TRACE_A "\", \"spanId\": \"" SPAN_A "\", \"parentSpanId\": \"" SPAN_A
                         "\", \"kind\": %d, \"attributes\": [" TEXT("gen_ai.operation.name", "%s") "," WHOLE(
                             "gen_ai.usage.output_tokens", "1") "]}",
                         each[i].kind, each[i].operation);
        const char *body = arena_printf(&a, "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [%s]}]}]}", span);
        assert_int_equal(read_text(OTLP_TRACES, body, &a).n, each[i].n);
        arena_done(&a);
    }
    struct arena a = {0};
    struct otlp_batch b = read_event("gen_ai.evaluation.result",
                                     TEXT("gen_ai.evaluation.name", "correctness") "," WHOLE(
                                         "gen_ai.evaluation.score.value", "1") "," TEXT("session.id", "s"),
                                     ", \"traceId\": \"00000000000000000000000000000000\"", &a);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.part[0].trace, "");
    assert_string_equal(b.part[0].id, "//s@1000000/correctness");
    arena_done(&a);
}

/* What cannot be read is null: it costs the record that needs it, and nothing if nobody does. */
static void test_otlp__what_cannot_be_read_takes_no_other_along(void **state)
{
    (void)state;
#define SPLIT(unit)                                                                                                    \
    TEXT("feature_flag.key", "g2p")                                                                                    \
    "," TEXT("feature_flag.context.id", unit) "," TEXT("feature_flag.result.variant", "champion") "," TEXT(            \
        "prompt", "cut \\ud83d") "," TEXT("\\u0000",                                                                   \
                                          "\xff") "," REAL("p", "NaN") "," REAL("huge", "1e999") "," WHOLE("n", "1")
    static const char text[] = "{\"resourceLogs\": [{\"resource\": {\"attributes\": [" TEXT(
        "cmd",
        "a\\u0000b") "]}, \"scopeLogs\": [{\"logRecords\": ["
                     "{\"eventName\": \"feature_flag\", \"attributes\": [" SPLIT(
                         "a") "]}, "
                              "{\"eventName\": \"feature_flag\", \"attributes\": [" SPLIT(
                                  "b\\u0000") "]}, "
                                              "{\"eventName\": \"feature_flag\", \"attributes\": [" SPLIT(
                                                  "\\ud83dc") "]}, "
                                                              "{\"eventName\": \"feature_flag\", \"attributes\": [" SPLIT(
                                                                  "]\\\"}") "]}]}]}]}";
    struct arena a = {0};
    json_t *body;
    struct otlp_batch batch;
    struct error err;
    assert_int_equal(json_parse_object(text, strlen(text), &body, &err), STATUS_INVALID);
    assert_true(salvage_values(text, strlen(text), &body));
    assert_ok(otlp_read(&(struct otlp_request){OTLP_LOGS, body, &PLANS, NOW}, &a, &batch, &err), err);
    assert_int_equal(batch.n, 2);
    assert_string_equal(batch.part[0].unit, "a");
    assert_string_equal(batch.part[1].unit, "]\"}");
    assert_int_equal(batch.refused, 2);
    assert_non_null(strstr(batch.why, "log record 1: feature_flag.context.id is missing, too long or no text"));
    json_decref(body);
    arena_done(&a);
}

static void test_salvage__what_is_no_object_all_the_same(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       "\"",
                                       "NaN",
                                       "[NaN]",
                                       "{\"a\": NaN",
                                       "{\"a\\u0000\": 1}",
                                       "{\"a\": NaN} x",
                                       "{\"a\": NaN NaN}",
                                       "{\"a\": NaN, \"a\": 1}",
                                       "{\"a\": \"\\u0000}"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        json_t *body = NULL;
        if (salvage_values(none[i], strlen(none[i]), &body)) fail_msg("'%s' was read", none[i]);
        assert_null(body);
    }
}

/* Each byte is read once, however many quotes have no end: else this takes an hour. */
static void test_salvage__a_million_quotes_without_an_end(void **state)
{
    (void)state;
    enum { N = 1000000 };
    char *text = must_alloc(N, 1);
    json_t *body = NULL;
    for (size_t i = 0; i < N; i++) text[i] = i % 2 ? '"' : '\\';
    assert_false(salvage_values(text, N, &body));
    text[0] = '"';
    assert_false(salvage_values(text, N, &body));
    free(text);
}

static void test_otlp__bodies_that_are_none(void **state)
{
    (void)state;
    static const struct {
        enum otlp_signal signal;
        const char *text, *says;
    } each[] = {
        {OTLP_LOGS, "{\"resourceSpans\": []}", "\"resourceSpans\" goes to /v1/traces"},
        {OTLP_TRACES, "{\"resourceLogs\": []}", "\"resourceLogs\" goes to /v1/logs"},
        {OTLP_LOGS, "{\"resource_logs\": []}",
         "there is no \"resourceLogs\" in it; OTLP's JSON has its names in camelCase"},
        {OTLP_LOGS, "{\"resourceLogs\": {}}", "\"resourceLogs\" is no list"},
        {OTLP_LOGS, "{\"resourceLogs\": [7]}", "resourceLogs[0] is no object"},
        {OTLP_TRACES, "{\"resourceSpans\": [{}, {\"scopeSpans\": 7}]}", "\"scopeSpans\" is no list"},
        {OTLP_TRACES, "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{}, []]}]}]}", "spans[1] is no object"},
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct arena a = {0};
        struct error err = {0};
        struct otlp_batch b;
        json_t *body = NULL;
        assert_ok(json_parse_object(each[i].text, strlen(each[i].text), &body, &err), err);
        assert_int_equal(otlp_read(&(struct otlp_request){each[i].signal, body, &PLANS, NOW}, &a, &b, &err),
                         STATUS_INVALID);
        assert_contains(err.text, each[i].says);
        json_decref(body);
        arena_done(&a);
    }
    struct arena a = {0};
    assert_int_equal(read_text(OTLP_LOGS, "{}", &a).n, 0); /* protobuf's empty message */
    assert_contains(otlp_only_json("application/x-protobuf", &a), "not 'application/x-protobuf'. JavaScript");
    assert_contains(otlp_only_json(NULL, &a), "http/json");
    arena_done(&a);
}

/* ---- mapping ---- */

static void test_mapping__names_of_metrics(void **state)
{
    (void)state;
    const struct mapping_row rows[] = {{"correctness", "em"}, {"output_tokens", "tokens"}}, none[] = {{"em", "em"}};
    const struct mapping m[] = {{"g2p", 2, rows, false}, {"other", 1, none, true}};
    struct measurement each[] = {{"tokens", 440}, {"input_tokens", 400}, {"output_tokens", 40}, {"em", 1}};
    assert_int_equal(mapping_apply(&m[0], each, 4), 1);
    assert_string_equal(each[0].name, "tokens");
    assert_near(each[0].value, 40, 0);
    assert_true(mappings_want(&(struct mappings){2, m}, "em"));
    assert_false(mappings_want(&(struct mappings){1, m}, "em"));
    assert_true(mappings_want_tokens(&(struct mappings){2, m}));
    assert_false(mappings_want_tokens(&(struct mappings){1, m + 1}));
    assert_ptr_equal(mappings_find(&(struct mappings){2, m}, "other"), &m[1]);
    assert_null(mappings_find(&(struct mappings){2, m}, "others"));
}

/* ---- joining ---- */

/* Parts as the tests make them; ids of traces and spans are short here. */
static struct part flag(struct arena *a, const char *trace, const char *unit, const char *variant, int64_t at_ms)
{
    struct part p;
    part_init(&p, PART_FLAG, trace, at_ms);
    p.rollout = "g2p";
    p.unit = unit;
    p.variant = variant;
    p.counted = true;
    part_name(&p, "", a);
    return p;
}

static struct part score(struct arena *a, const char *trace, const char *span, double value, int64_t at_ms)
{
    struct part p;
    part_init(&p, PART_SCORE, trace, at_ms);
    p.name = "em";
    p.value = value;
    part_name(&p, span, a);
    return p;
}

static struct part usage(struct arena *a, const char *trace, const char *span, double tokens, int64_t at_ms)
{
    struct part p;
    part_init(&p, PART_USAGE, trace, at_ms);
    p.amount[AMOUNT_OUTPUT] = tokens;
    part_name(&p, span, a);
    return p;
}

static struct part root(struct arena *a, const char *trace, int64_t at_ms)
{
    struct part p;
    part_init(&p, PART_ROOT, trace, at_ms);
    part_name(&p, "", a);
    return p;
}

static struct part spoiled(struct arena *a, const char *trace, int64_t at_ms)
{
    struct part p;
    part_init(&p, PART_SPOILED, trace, at_ms);
    part_name(&p, "", a);
    return p;
}

static struct part named(struct arena *a, struct part p, enum part_who who, const char *unit)
{
    p.who[who] = unit;
    if (p.kind == PART_SCORE) part_name(&p, "", a);
    return p;
}

static struct part answered(struct arena *a, struct part p, const char *response)
{
    p.response = response;
    if (p.kind == PART_SCORE) part_name(&p, "", a);
    return p;
}

/* Everything that a join knows how to do: two rollouts in a trace, names, responses, several units, overrides. */
static size_t make_all(struct arena *a, struct part *p)
{
    size_t n = 0;
    p[n++] = flag(a, "t1", "ada", "challenger", 10);
    p[n] = flag(a, "t1", "ada", "champion", 10);
    p[n].rollout = "other";
    part_name(&p[n++], "", a);
    p[n++] = score(a, "t1", "s1", 1, 500);
    p[n++] = usage(a, "t1", "s1", 10, 20);
    p[n++] = usage(a, "t1", "s2", 20, 30);
    p[n++] = root(a, "t1", 40);
    /* the score of a span by its response only */
    p[n++] = answered(a, usage(a, "t2", "s1", 5, 20), "r2");
    p[n++] = answered(a, score(a, "", "", 0, 700), "r2");
    p[n++] = flag(a, "t2", "bob", "champion", 15);
    p[n++] = root(a, "t2", 50);
    /* another user's flag, evaluated outside; the span names her */
    p[n++] = flag(a, "", "eve", "challenger", 5);
    p[n++] = named(a, named(a, usage(a, "t3", "s1", 4, 59), WHO_USER, "eve"), WHO_SESSION, "eve");
    p[n++] = named(a, usage(a, "t3", "s2", 3, 60), WHO_USER, "eve");
    p[n++] = named(a, named(a, score(a, "", "", 1, 61), WHO_USER, "eve"), WHO_SESSION, "eve");
    p[n++] = root(a, "t3", 62);
    /* by response to a span that names its unit */
    p[n++] = answered(a, named(a, usage(a, "t4", "s1", 9, 63), WHO_SESSION, "eve"), "r4");
    p[n++] = answered(a, score(a, "", "", 0.5, 800), "r4");
    p[n++] = root(a, "t4", 64);
    /* both ways to her at once */
    p[n++] = answered(a, named(a, score(a, "", "", 0.25, 65), WHO_USER, "eve"), "r4");
    p[n - 1].name = "tokens"; /* another judge's */
    part_name(&p[n - 1], "", a);
    /* two units in one trace: each outcome says whose it is */
    p[n++] = flag(a, "t5", "u1", "champion", 70);
    p[n++] = flag(a, "t5", "u2", "challenger", 71);
    p[n++] = named(a, usage(a, "t5", "s1", 1, 72), WHO_CONTEXT, "u1");
    p[n++] = named(a, usage(a, "t5", "s2", 2, 73), WHO_CONTEXT, "u2");
    p[n++] = root(a, "t5", 74);
    /* set by hand: served, and not told */
    p[n] = flag(a, "t6", "tester", "challenger", 80);
    p[n].counted = false;
    part_name(&p[n++], "", a);
    p[n++] = score(a, "t6", "s1", 1, 81);
    /* nobody's */
    p[n++] = score(a, "t7", "s1", 1, 90);
    /* a sum that would be too small */
    p[n++] = flag(a, "t8", "max", "champion", 95);
    p[n++] = usage(a, "t8", "s1", 6, 96);
    p[n++] = answered(a, score(a, "t8", "", 1, 97), "r8");
    p[n++] = spoiled(a, "t8", 98);
    p[n++] = root(a, "t8", 99);
    p[n++] = usage(a, "t7", "s1", 1, 91);
    return n;
}

static const char *const ALL_TOLD[] = {
    "g2p ada challenger served @10",
    "g2p ada challenger t1/s1//em @10 em=1",
    "g2p ada challenger t1/usage @10 tokens=30 output_tokens=30",
    "g2p bob champion //r2/em @15 em=0",
    "g2p bob champion served @15",
    "g2p bob champion t2/usage @15 tokens=5 output_tokens=5",
    "g2p eve challenger //eve@61/em @61 em=1",
    "g2p eve challenger //r4/em @800 em=0.5",
    "g2p eve challenger //r4/tokens @65 tokens=0.25",
    "g2p eve challenger served @5",
    "g2p eve challenger t3/usage @59 tokens=7 output_tokens=7",
    "g2p eve challenger t4/usage @63 tokens=9 output_tokens=9",
    "g2p max champion served @95",
    "g2p max champion t8//r8/em @95 em=1",
    "g2p u1 champion served @70",
    "g2p u1 champion t5/usage @70 tokens=1 output_tokens=1",
    "g2p u2 challenger served @71",
    "g2p u2 challenger t5/usage @71 tokens=2 output_tokens=2",
    "other ada champion served @10",
    "other ada champion t1/s1//em @10 em=1",
    "other ada champion t1/usage @10 tokens=30 output_tokens=30",
};

static void assert_all_told(struct world *w)
{
    size_t n = sizeof ALL_TOLD / sizeof *ALL_TOLD;
    settle_lines(w->told);
    for (size_t i = 0; i < w->told->n && i < n; i++) assert_string_equal(w->told->line[i], ALL_TOLD[i]);
    assert_int_equal(w->told->n, n);
}

static void shuffle(struct part *p, size_t n, struct rng *r)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_below(r, i);
        struct part x = p[i - 1];
        p[i - 1] = p[k];
        p[k] = x;
    }
}

/* In whatever order parts come, with repeats, and whenever the process dies. A flag may come hours after the sum; a
 * span not, so that time passes at the end only. */
static void test_join__any_order_tells_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct arena a = {0};
        struct part p[64];
        struct rng r = rng_derive(seed, "order", 0);
        struct world *w = begin();
        size_t n = make_all(&a, p);
        shuffle(p, n, &r);
        for (size_t i = 0; i < n; i++) {
            take(w, &p[i]);
            if (rng_below(&r, 4) == 0) take(w, &p[rng_below(&r, i + 1)]);
            if (seed % 2 && rng_below(&r, 3) == 0) die(w);
            wait_ms(w, (int64_t)rng_below(&r, 500));
        }
        for (size_t i = 0; i < n; i++) /* a root that came first was alone */
            if (p[i].kind == PART_ROOT) take(w, &p[i]);
        wait_ms(w, 600000);
        assert_all_told(w);
        end(w);
        arena_done(&a);
    }
}

/* Flags last, after every sum was told to nobody. */
static void test_join__flags_may_come_long_after(void **state)
{
    (void)state;
    struct arena a = {0};
    struct part p[64];
    struct world *w = begin();
    size_t n = make_all(&a, p);
    for (size_t i = 0; i < n; i++)
        if (p[i].kind != PART_FLAG) take(w, &p[i]);
    wait_ms(w, 3600000);
    assert_int_equal(w->told->n, 0);
    die(w);
    for (size_t i = 0; i < n; i++)
        if (p[i].kind == PART_FLAG) take(w, &p[i]);
    size_t once = w->told->n;
    assert_all_told(w);
    assert_int_equal(once, w->told->n); /* nothing was told twice */
    end(w);
    arena_done(&a);
}

/* Told once for each rollout, without the intake's help. */
static void test_join__nothing_is_told_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct arena a = {0};
        struct part p[64];
        struct rng r = rng_derive(seed, "twice", 0);
        struct world *w = begin();
        size_t n = make_all(&a, p);
        shuffle(p, n, &r);
        for (size_t i = 0; i < n; i++) take(w, &p[i]);
        wait_ms(w, 600000);
        size_t once = w->told->n;
        settle_lines(w->told);
        assert_int_equal(once, w->told->n);
        end(w);
        arena_done(&a);
    }
}

/* A model's answer that was traced twice, under one id: the score is told to the unit that was found first. */
static void test_join__an_answer_of_two_spans(void **state)
{
    (void)state;
    struct arena a = {0};
    struct part p[] = {flag(&a, "t1", "u1", "champion", 1), flag(&a, "t2", "u2", "challenger", 2),
                       answered(&a, score(&a, "", "", 1, 9), "r"), answered(&a, usage(&a, "t1", "s", 1, 3), "r"),
                       answered(&a, usage(&a, "t2", "s", 1, 4), "r")};
    struct world *w = begin();
    for (size_t i = 0; i < 5; i++) take(w, &p[i]);
    assert_int_equal(told_with(w, "em=1"), 1);
    assert_told(w, "g2p u1 champion //r/em @1 em=1");
    end(w);
    w = begin(); /* the first span is asked, and its trace has no flag yet: another cannot make it another's later */
    for (size_t i = 2; i < 5; i++) take(w, &p[i]);
    take(w, &p[1]);
    assert_int_equal(told_with(w, "em=1"), 0);
    take(w, &p[0]);
    assert_told(w, "g2p u1 champion //r/em @1 em=1");
    assert_int_equal(told_with(w, "em=1"), 1);
    end(w);
    w = begin(); /* both in one trace */
    struct part second = answered(&a, usage(&a, "t1", "x", 1, 3), "r");
    take(w, &p[2]);
    take(w, &p[3]);
    take(w, &second);
    take(w, &p[0]);
    assert_int_equal(told_with(w, "em=1"), 1);
    end(w);
    arena_done(&a);
}

/* The variant that it was given first. */
static void test_join__two_variants_in_one_trace(void **state)
{
    (void)state;
    struct arena a = {0};
    for (size_t k = 0; k < 2; k++) {
        struct world *w = begin();
        struct part p[] = {flag(&a, "t", "u", k ? "challenger" : "champion", k ? 9 : 1),
                           flag(&a, "t", "u", k ? "champion" : "challenger", k ? 1 : 9), score(&a, "t", "s", 1, 10)};
        for (size_t i = 0; i < 3; i++) take(w, &p[i]);
        assert_told(w, "g2p u champion t/s//em @1 em=1");
        end(w);
    }
    arena_done(&a);
}

static void test_join__tokens_wait_for_the_end_of_the_trace(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    struct part p[] = {flag(&a, "t", "u", "champion", 1), usage(&a, "t", "a", 1, 2),
                       usage(&a, "t", "b", 2, 3),         root(&a, "t", 4),
                       usage(&a, "t", "c", 4, 5),         usage(&a, "t", "d", 8, 6)};
    take(w, &p[0]);
    take(w, &p[1]);
    wait_ms(w, 599999); /* a call may take minutes */
    assert_int_equal(told_with(w, "usage"), 0);
    take(w, &p[2]);
    take(w, &p[3]);
    assert_int_equal(join_next_ms(w->join), w->now_ms + 30000);
    wait_ms(w, 29999);
    take(w, &p[4]); /* exported by another process, after the root */
    wait_ms(w, 29999);
    assert_int_equal(told_with(w, "usage"), 0);
    wait_ms(w, 1);
    assert_told(w, "t/usage @1 tokens=7 ");
    assert_int_equal(take(w, &p[5]), JOIN_LATE);
    die(w);
    assert_int_equal(take(w, &p[5]), JOIN_LATE);
    wait_ms(w, 600000);
    assert_int_equal(told_with(w, "usage"), 1);
    assert_int_equal(join_counts(w->join).late, 1);
    end(w);
    arena_done(&a);
}

static void test_join__without_a_root_quiet_is_the_end(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    struct part f = flag(&a, "t", "u", "champion", 1), u = usage(&a, "t", "a", 1, 2), alone = root(&a, "x", 1);
    assert_int_equal(join_next_ms(w->join), INT64_MAX);
    assert_int_equal(take(w, &alone), JOIN_ALONE); /* most of what others trace is none of ours */
    take(w, &u);
    w->now_ms -= 5000; /* the clock is set back */
    take(w, &f);
    w->now_ms += 5000;
    assert_int_equal(join_next_ms(w->join), w->now_ms + 600000);
    wait_ms(w, 600000);
    assert_told(w, "t/usage @1 tokens=1 ");
    end(w);
    arena_done(&a);
}

/* Several units in a trace, and the outcome does not say whose it is. */
static void test_join__what_may_be_several_units_is_nobodys(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    struct part p[] = {flag(&a, "t", "u1", "champion", 1),
                       flag(&a, "t", "u2", "challenger", 2),
                       flag(&a, "t", "u3", "challenger", 3),
                       score(&a, "t", "s", 1, 4),
                       named(&a, score(&a, "t", "s", 0, 5), WHO_USER, "u1"),
                       named(&a, score(&a, "t", "x", 0, 5), WHO_CONTEXT, "u4")};
    p[4].name = "tokens"; /* another than p[3] */
    part_name(&p[4], "s", &a);
    for (size_t i = 0; i < 6; i++) take(w, &p[i]);
    assert_int_equal(w->told->n, 4);
    assert_told(w, "g2p u1 champion t/s//tokens @1 tokens=0");
    assert_int_equal(join_counts(w->join).torn, 1);
    end(w);
    arena_done(&a);
}

/* By name only: the variant is the one of the unit's last evaluation before, else of the first after. */
static void test_join__a_units_variant_when_it_happened(void **state)
{
    (void)state;
    struct arena a = {0};
    static const struct {
        int64_t at_ms;
        const char *variant;
    } each[] = {{50, "champion"},    {100, "champion"},   {150, "champion"},
                {200, "challenger"}, {299, "challenger"}, {900, "champion"}};
    for (size_t i = 0; i < 6; i++) {
        struct world *w = begin();
        struct part p[] = {flag(&a, "", "u", "champion", 100), flag(&a, "t2", "u", "challenger", 200),
                           flag(&a, "", "u", "champion", 300),
                           named(&a, score(&a, "", "", 1, each[i].at_ms), WHO_SESSION, "u")};
        for (size_t k = 0; k < 4; k++) take(w, &p[k]);
        assert_int_equal(told_with(w, "em=1"), 1);
        assert_told(w, arena_printf(&a, "g2p u %s //u@%lld/em", each[i].variant, (long long)each[i].at_ms));
        end(w);
    }
    arena_done(&a);
}

/* A unit that was not in the experiment yet, and is now: what came before the news is told with them. */
static void test_join__a_flag_that_was_not_counted_hides_nothing(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    struct part old = flag(&a, "", "u", "champion", 10), now = flag(&a, "", "u", "challenger", 20),
                s = named(&a, score(&a, "", "", 1, 30), WHO_USER, "u");
    old.counted = false;
    part_name(&old, "", &a);
    take(w, &old);
    take(w, &s);
    assert_int_equal(w->told->n, 0);
    take(w, &now);
    assert_told(w, "g2p u challenger //u@30/em @30 em=1");
    end(w);
    arena_done(&a);
}

/* ---- bounds ---- */

static void test_join__the_oldest_trace_goes_first(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    w->options.limits.parts = 6;
    die(w);
    for (int i = 0; i < 3; i++) {
        const char *trace = arena_printf(&a, "t%d", i);
        struct part p[] = {flag(&a, trace, trace, "champion", 1), score(&a, trace, "s", i, 2)};
        take(w, &p[0]);
        take(w, &p[1]);
        wait_ms(w, 1);
    }
    struct part again = score(&a, "t0", "x", 1, 3), more = flag(&a, "t4", "t4", "champion", 4);
    assert_int_equal(join_counts(w->join).pushed, 0);
    take(w, &again); /* t0 is the newest now: t1 goes */
    assert_int_equal(join_counts(w->join).pushed, 2);
    assert_int_equal(w->n, 5);
    for (size_t i = 0; i < w->n; i++) assert_null(strstr(w->row[i].text, "\"t1\""));
    take(w, &more);
    assert_int_equal(join_counts(w->join).parts, 6);
    w->options.limits.parts = 1; /* a smaller table, after the next start */
    die(w);
    wait_ms(w, 0);
    assert_int_equal(join_counts(w->join).parts, 1);
    assert_int_equal(w->n, 1);
    end(w);
    arena_done(&a);
}

static void test_join__bytes_are_bounded(void **state)
{
    (void)state;
    struct world *w = begin();
    w->options.limits.bytes = 20000;
    die(w);
    for (int i = 0; i < 200; i++) {
        struct arena a = {0};
        char unit[1001];
        memset(unit, 'u', 1000);
        unit[1000] = 0;
        struct part p = flag(&a, arena_printf(&a, "t%d", i), unit, "champion", i);
        take(w, &p);
        assert_true(join_counts(w->join).bytes <= 20000);
        assert_int_equal(join_counts(w->join).parts, w->n);
        arena_done(&a);
    }
    assert_true(w->n > 5);
    end(w);
}

static void test_join__time_is_bounded(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    struct part f = flag(&a, "t", "u", "champion", 1), s = score(&a, "t", "s", 1, 2), x = score(&a, "x", "s", 1, 2);
    take(w, &f);
    wait_ms(w, 86399999);
    take(w, &s);
    w->now_ms -= 3600000; /* the clock is set back: time stands still */
    take(w, &x);
    w->now_ms += 3600000;
    wait_ms(w, 86399999);
    assert_int_equal(w->n, 3);
    wait_ms(w, 1);
    assert_int_equal(w->n, 0);
    assert_int_equal(join_counts(w->join).aged, 3);
    assert_int_equal(join_counts(w->join).bytes, 0);
    end(w);
    arena_done(&a);
}

/* Of a trace with too many spans no sum is told: it would be too small, and look like a saving. */
static void test_join__a_crowded_trace_spends_nothing(void **state)
{
    (void)state;
    struct arena a = {0};
    struct world *w = begin();
    struct part f = flag(&a, "t", "u", "champion", 1);
    take(w, &f);
    for (int i = 0; i < JOIN_TRACE_MAX + 3; i++) {
        struct part u = usage(&a, "t", arena_printf(&a, "s%d", i), 1, 2);
        assert_int_equal(take(w, &u), i < JOIN_TRACE_MAX - 1 ? JOIN_TAKEN : JOIN_CROWDED);
    }
    wait_ms(w, 600000);
    assert_int_equal(told_with(w, "usage"), 0);
    assert_int_equal(join_counts(w->join).crowded, 4);
    for (int i = 0; i < JOIN_FLAGS_MAX + 1; i++) {
        f = flag(&a, "t2", arena_printf(&a, "u%d", i), "champion", 1);
        assert_int_equal(take(w, &f), i < JOIN_FLAGS_MAX ? JOIN_TAKEN : JOIN_CROWDED);
    }
    end(w);
    arena_done(&a);
}

/* In any order, before and after death; a judge is heard all the same. */
static void test_join__what_one_span_spent_is_not_known(void **state)
{
    (void)state;
    static const int order[][5] = {{0, 1, 2, 3, 4}, {2, 1, 4, 3, 0}, {1, 4, 2, 0, 3}, {4, 3, 2, 1, 0}, {2, 4, 3, 1, 0}};
    struct arena a = {0};
    const struct part p[] = {flag(&a, "t", "u", "champion", 1), usage(&a, "t", "a", 7, 2), spoiled(&a, "t", 3),
                             root(&a, "t", 4), score(&a, "t", "a", 1, 5)};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        struct world *w = begin();
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(take(w, &p[order[k][i]]),
                             p[order[k][i]].kind == PART_ROOT && i == 0 ? JOIN_ALONE : JOIN_TAKEN);
            die(w);
        }
        wait_ms(w, 600000);
        assert_int_equal(told_with(w, "usage"), 0);
        assert_told(w, "em=1");
        end(w);
    }
    struct world *w = begin(); /* too late: the sum was told, and is to nobody else */
    struct part other = flag(&a, "t", "v", "champion", 6);
    for (size_t i = 0; i < 4; i++)
        if (p[i].kind != PART_SPOILED) take(w, &p[i]);
    wait_ms(w, 600000);
    assert_int_equal(told_with(w, "usage"), 1);
    assert_int_equal(take(w, &p[2]), JOIN_TAKEN);
    take(w, &other);
    wait_ms(w, 600000);
    assert_int_equal(told_with(w, "usage"), 1);
    end(w);
    arena_done(&a);
}

/* ---- rows ---- */

static void test_part__a_row_is_a_part_again(void **state)
{
    (void)state;
    struct arena a = {0};
    struct part p[64], q;
    struct error err;
    size_t n = make_all(&a, p);
    for (size_t i = 0; i < n; i++) {
        char *text = part_write(&p[i]);
        assert_ok(part_read(text, &a, &q, &err), err);
        char *again = part_write(&q);
        assert_string_equal(text, again);
        assert_string_equal(q.id, p[i].id);
        free(text);
        free(again);
    }
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"kind\":\"flag\"}",
        "{\"kind\":\"flag\",\"id\":\"f\",\"at_ms\":1,\"rollout\":\"r\",\"unit\":\"u\",\"counted\":true}",
        "{\"kind\":\"score\",\"id\":\"s\",\"at_ms\":1,\"name\":\"em\"}",
        "{\"kind\":\"usage\",\"id\":\"s\",\"trace\":\"t\",\"at_ms\":1}",
        "{\"kind\":\"root\",\"trace\":\"t\",\"at_ms\":1}",
        "{\"kind\":\"root\",\"id\":\"r\",\"trace\":7,\"at_ms\":1}",
        "{\"kind\":\"tree\",\"id\":\"r\",\"trace\":\"t\",\"at_ms\":1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(part_read(wrong[i], &a, &q, &err), STATUS_INVALID);
    arena_done(&a);
}

/* Ids fit the contract of outcomes, whatever the names; other things have other ids. */
static void test_part__ids_are_short_and_differ(void **state)
{
    (void)state;
    struct arena a = {0};
    char name[1001];
    memset(name, 'n', 1000);
    name[1000] = 0;
    struct part x = score(&a, TRACE_A, SPAN_A, 1, 1);
    x.name = name;
    part_name(&x, SPAN_A, &a);
    assert_true(strlen(x.id) <= PART_ID_MAX);
    name[0] = 'm';
    const char *first = x.id;
    part_name(&x, SPAN_A, &a);
    assert_string_not_equal(x.id, first);
    struct part f = flag(&a, "", "b", "a 1 b", 1), g = flag(&a, "", "b 1 b", "a", 1);
    assert_string_not_equal(f.id, g.id);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_otlp__what_python_sends),
        cmocka_unit_test(test_otlp__what_javascript_sends_in_any_order),
        cmocka_unit_test(test_otlp__repeats_tell_nothing),
        cmocka_unit_test(test_otlp__names_of_earlier_years),
        cmocka_unit_test(test_otlp__only_what_was_drawn_is_counted),
        cmocka_unit_test(test_otlp__an_evaluation_that_failed_has_no_variant),
        cmocka_unit_test(test_otlp__labels_that_say_yes_or_no),
        cmocka_unit_test(test_otlp__what_is_not_ours_is_taken_without_a_word),
        cmocka_unit_test(test_otlp__what_cannot_be_used_is_refused_by_itself),
        cmocka_unit_test(test_otlp__a_part_is_refused_and_the_others_are_taken),
        cmocka_unit_test(test_otlp__who_spends),
        cmocka_unit_test(test_otlp__what_cannot_be_read_takes_no_other_along),
        cmocka_unit_test(test_salvage__what_is_no_object_all_the_same),
        cmocka_unit_test(test_salvage__a_million_quotes_without_an_end),
        cmocka_unit_test(test_otlp__bodies_that_are_none),
        cmocka_unit_test(test_mapping__names_of_metrics),
        cmocka_unit_test(test_join__any_order_tells_the_same),
        cmocka_unit_test(test_join__flags_may_come_long_after),
        cmocka_unit_test(test_join__nothing_is_told_twice),
        cmocka_unit_test(test_join__an_answer_of_two_spans),
        cmocka_unit_test(test_join__two_variants_in_one_trace),
        cmocka_unit_test(test_join__tokens_wait_for_the_end_of_the_trace),
        cmocka_unit_test(test_join__without_a_root_quiet_is_the_end),
        cmocka_unit_test(test_join__what_may_be_several_units_is_nobodys),
        cmocka_unit_test(test_join__a_units_variant_when_it_happened),
        cmocka_unit_test(test_join__a_flag_that_was_not_counted_hides_nothing),
        cmocka_unit_test(test_join__the_oldest_trace_goes_first),
        cmocka_unit_test(test_join__bytes_are_bounded),
        cmocka_unit_test(test_join__time_is_bounded),
        cmocka_unit_test(test_join__a_crowded_trace_spends_nothing),
        cmocka_unit_test(test_join__what_one_span_spent_is_not_known),
        cmocka_unit_test(test_part__a_row_is_a_part_again),
        cmocka_unit_test(test_part__ids_are_short_and_differ),
    };
    return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
