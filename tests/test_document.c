/* What is said of a study, to JSON and back: every field, and what no version has written. */
#include "tests/test.h"

#include "tuner/analysis/analysis.h"

#include "tuner/base/json.h"

static const char study_text[] =
    "study: s\n"
    "parameters: {x: {type: float, range: [0, 1]}, k: {type: int, range: [1, 9]}, c: {type: categorical, values: [a, null, [1, 2]]},\n"
    "  d: {type: bool}, y: {type: float, range: [1e-5, 1], scale: log, when: d == true}}\n"
    "metrics: {em: {goal: maximize, kind: proportion}, tokens: {goal: minimize, kind: count}, loss: {goal: minimize}}\n"
    "objective: {weights: {em: 0.7, tokens: 0.3}}\n"
    "baseline: {x: 0.5, k: 2, c: a, d: false}\n"
    "constraints: [em >= baseline - 0.01]\n";

static struct study *a_study(void)
{
    struct study *study = NULL;
    struct error err;
    assert_ok(study_parse("s.yaml", study_text, strlen(study_text), &study, &err), err);
    return study;
}

static const double base_config[] = {0.5, 2, 0, 0, NAN}, other_config[] = {0.1234567890123456789, 9, 2, 1, 1e-3};
static const double base_mean[] = {0.6, 1000, NAN}, other_mean[] = {0.62500001, 812.5, 3.25},
                    other_sd[] = {0.01, 12.5, NAN};
static const struct difference apart[] = {
    {false, 0.025, 0.001, 0.049}, {true, -0.1875, -INFINITY, INFINITY}, {false, NAN, NAN, NAN}};
static const double margins[] = {0.01, 0.005, NAN};
static const struct verdict against[] = {{"baseline", 0, VERDICT_PROMISING, apart, margins, 21}};
static const struct breach breaches[] = {{"em >= baseline - 0.01", 0, 0.59, 0.02, "em >= baseline - 0.03"}};
static const struct trajectory_step steps[] = {{0, base_config, 1}, {200, other_config, -1}};
static const struct trajectory course = {800, 2, steps};
static const struct comparison_row rows[] = {
    {.trial = 0,
     .config = base_config,
     .mean = base_mean,
     .feasible = true,
     .seeds = 1,
     .repeats = true,
     .label = "baseline",
     .verdict = VERDICT_NO_BETTER,
     .baseline = true},
    {.trial = 7,
     .config = other_config,
     .mean = other_mean,
     .sd = other_sd,
     .utility = -0.125,
     .searched = 0.0625,
     .seeds = 3,
     .on_front = true,
     .verdict = VERDICT_PROMISING,
     .n_against = 1,
     .against = against,
     .n_breaches = 1,
     .breach = breaches,
     .caution = "em was \"0.6\" at first",
     .schedule = &course,
     .winner = true},
    {.trial = 9, .searched = NAN, .config = base_config, .mean = base_mean, .utility = NAN},
};

/* With a value in every field. */
static struct document a_document(const struct study *study)
{
    struct document d = {.study = study,
                         .seq = 1234567890123,
                         .phase = STUDY_FAILED,
                         .trials = 12,
                         .tokens = 4.1e6,
                         .fallbacks = 2,
                         .n_budgets = 5,
                         .budget = {{"trials", UNIT_TRIALS, 40, 12, 2},
                                    {"tokens", UNIT_TOKENS, 2e9, 4.1e6, 1e5},
                                    {"cost", UNIT_COST, 10, 0.25, 0.125},
                                    {"wall", UNIT_MS, 9e6, 1500, 0},
                                    {"until", UNIT_MS, 8e6, 2500, 0}},
                         .began_ms = 1790000000000,
                         .spent_ms = 1500,
                         .gone_ms = 2500,
                         .comparison = comparison_of(study, 3, rows),
                         .failure = "the baseline \"failed\"",
                         .exhausted = "all 9 have been tried",
                         .watched = "no search"};
    for (size_t i = 0; i < TRIAL_STATES; i++) d.states[i] = 3 * i + 1;
    return d;
}

static char *kept_text(const struct document *d)
{
    json_t *json = document_kept_json(d);
    assert_non_null(json);
    char *text = json_tight(json);
    json_decref(json);
    return text;
}

/* ---- back again ---- */

static void assert_same(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static void assert_numbers(const double *a, const double *b, size_t n)
{
    assert_int_equal(!a, !b);
    for (size_t i = 0; a && i < n; i++) assert_same(a[i], b[i]);
}

static void assert_text(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a) assert_string_equal(a, b);
}

static void assert_verdict(const struct verdict *a, const struct verdict *b)
{
    assert_text(a->reference, b->reference);
    assert_int_equal(a->trial, b->trial);
    assert_int_equal(a->word, b->word);
    assert_int_equal(a->seeds, b->seeds);
    for (size_t i = 0; i < 3; i++) {
        assert_same(a->apart[i].by, b->apart[i].by);
        if (isnan(a->apart[i].by)) continue; /* nothing is said of it */
        assert_int_equal(a->apart[i].ratio, b->apart[i].ratio);
        assert_same(a->apart[i].low, b->apart[i].low);
        assert_same(a->apart[i].high, b->apart[i].high);
        assert_same(a->margin[i], b->margin[i]);
    }
}

static void assert_schedule(const struct trajectory *a, const struct trajectory *b)
{
    assert_int_equal(!a, !b);
    if (!a) return;
    assert_same(a->until, b->until);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_same(a->step[i].from, b->step[i].from);
        assert_int_equal(a->step[i].trial, b->step[i].trial);
        assert_numbers(a->step[i].config, b->step[i].config, 5);
    }
}

static void assert_row(const struct comparison_row *a, const struct comparison_row *b)
{
    assert_int_equal(a->trial, b->trial);
    assert_numbers(a->config, b->config, 5);
    assert_numbers(a->mean, b->mean, 3);
    assert_numbers(a->sd, b->sd, 3);
    assert_same(a->utility, b->utility);
    assert_same(a->searched, b->searched);
    assert_int_equal(a->feasible, b->feasible);
    assert_int_equal(a->seeds, b->seeds);
    assert_int_equal(a->repeats, b->repeats);
    assert_text(a->label, b->label);
    assert_int_equal(a->on_front, b->on_front);
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->n_against, b->n_against);
    for (size_t i = 0; i < a->n_against; i++) assert_verdict(&a->against[i], &b->against[i]);
    assert_int_equal(a->n_breaches, b->n_breaches);
    for (size_t i = 0; i < a->n_breaches; i++) {
        assert_text(a->breach[i].constraint, b->breach[i].constraint);
        assert_int_equal(a->breach[i].metric, b->breach[i].metric);
        assert_same(a->breach[i].bound, b->breach[i].bound);
        assert_same(a->breach[i].by, b->breach[i].by);
        assert_text(a->breach[i].would_hold, b->breach[i].would_hold);
    }
    assert_text(a->caution, b->caution);
    assert_schedule(a->schedule, b->schedule);
    assert_int_equal(a->winner, b->winner);
    assert_int_equal(a->baseline, b->baseline);
}

static void assert_document(const struct document *a, const struct document *b)
{
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->trials, b->trials);
    assert_memory_equal(a->states, b->states, sizeof a->states);
    assert_same(a->tokens, b->tokens);
    assert_int_equal(a->fallbacks, b->fallbacks);
    assert_int_equal(a->n_budgets, b->n_budgets);
    for (size_t i = 0; i < a->n_budgets; i++) {
        assert_text(a->budget[i].name, b->budget[i].name);
        assert_int_equal(a->budget[i].unit, b->budget[i].unit);
        assert_same(a->budget[i].limit, b->budget[i].limit);
        assert_same(a->budget[i].spent, b->budget[i].spent);
        assert_same(a->budget[i].reserved, b->budget[i].reserved);
    }
    assert_int_equal(a->began_ms, b->began_ms);
    assert_int_equal(a->spent_ms, b->spent_ms);
    assert_int_equal(a->gone_ms, b->gone_ms);
    assert_text(a->failure, b->failure);
    assert_text(a->exhausted, b->exhausted);
    assert_text(a->watched, b->watched);
    assert_int_equal(a->comparison.n, b->comparison.n);
    for (size_t i = 0; i < a->comparison.n; i++) assert_row(&a->comparison.row[i], &b->comparison.row[i]);
    assert_ptr_equal(b->comparison.winner, a->comparison.winner ? &b->comparison.row[1] : NULL);
    assert_ptr_equal(b->comparison.baseline, a->comparison.baseline ? &b->comparison.row[0] : NULL);
}

static void assert_comes_back(const struct document *d)
{
    struct document again;
    struct arena arena = {0};
    struct error err;
    char *text = kept_text(d), *twice;
    assert_ok(document_read(d->study, text, &arena, &again, &err), err);
    assert_document(d, &again);
    twice = kept_text(&again);
    assert_string_equal(text, twice);
    free(text);
    free(twice);
    arena_done(&arena);
}

static void test_document__every_field_comes_back(void **state)
{
    (void)state;
    struct study *study = a_study();
    struct document whole = a_document(study), bare = {.study = study, .comparison = comparison_of(study, 0, NULL)};
    assert_comes_back(&whole);
    assert_comes_back(&bare);
    study_free(study);
}

static void test_document__what_is_left_and_who_is_at_it(void **state)
{
    (void)state;
    struct study *study = a_study();
    struct document d = a_document(study);
    const struct document_host host = {true, "search", "lunch", 3};
    json_t *json = document_kept_json(&d);
    assert_true(document_show(json, true, &host));
    assert_true(document_show(json, true, &host)); /* once more is no more */
    char *text = json_text(json);
    assert_contains(text, "\"limit\": 40.0, \"spent\": 12.0, \"reserved\": 2.0, \"left\": 26.0}");
    assert_contains(text, "\"limit_ms\": 9000000.0, \"began_ms\": 1790000000000, \"left_ms\": 8998500.0}");
    assert_contains(text,
                    "\"running\": true, \"hosted\": true, \"step\": \"search\", \"busy\": 3, \"paused\": \"lunch\"}");
    free(text);
    json_decref(json);
    study_free(study);
}

/* ---- what no version has written ---- */

static enum status reads(const struct study *study, const char *text, struct error *err)
{
    struct arena arena = {0};
    struct document d;
    enum status st = document_read(study, text, &arena, &d, err);
    if (!st) free(kept_text(&d)); /* and what was read can be said */
    arena_done(&arena);
    return st;
}

static void test_document__what_it_lacks_is_named(void **state)
{
    (void)state;
    static const char *const needed[] = {"seq",       "phase",   "trials",     "states", "tokens",
                                         "fallbacks", "budgets", "comparison", "run"};
    struct study *study = a_study();
    struct document d = a_document(study);
    struct error err;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        json_t *json = document_kept_json(&d);
        json_object_del(json, needed[i]);
        char *text = json_tight(json);
        assert_int_equal(reads(study, text, &err), STATUS_INVALID);
        assert_contains(err.text, "the kept state of study 's' has no '");
        free(text);
        json_decref(json);
    }
    assert_int_equal(reads(study, "{}", &err), STATUS_INVALID);
    assert_int_equal(reads(study, "[]", &err), STATUS_INVALID);
    study_free(study);
}

static unsigned draw(unsigned *seed, unsigned n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static json_t *some_value(unsigned *seed)
{
    static const char *const texts[] = {"null",   "true", "-1", "1e308",   "9223372036854775807", "\"\"",
                                        "\"em\"", "[]",   "{}", "[[],{}]", "\"baseline\"",        "0.5"};
    return json_loads(texts[draw(seed, 12)], JSON_DECODE_ANY, NULL);
}

/* One value somewhere in it becomes another, or goes. */
static void spoil(json_t *v, unsigned *seed)
{
    size_t n = json_is_object(v) ? json_object_size(v) : json_array_size(v);
    if (n == 0) return;
    unsigned at = draw(seed, (unsigned)n), what = draw(seed, 4);
    void *i = json_object_iter(v);
    for (unsigned k = 0; i && k < at; k++) i = json_object_iter_next(v, i);
    json_t *inner = json_is_object(v) ? json_object_iter_value(i) : json_array_get(v, at);
    if (what > 1 && (json_object_size(inner) || json_array_size(inner)))
        spoil(inner, seed);
    else if (json_is_object(v) && what == 0)
        json_object_del(v, json_object_iter_key(i));
    else if (json_is_object(v))
        json_object_iter_set_new(v, i, some_value(seed));
    else
        json_array_set_new(v, at, some_value(seed));
}

static void test_document__anything_can_be_read(void **state)
{
    (void)state;
    struct study *study = a_study();
    struct document d = a_document(study);
    json_t *whole = document_kept_json(&d);
    unsigned seed = 7, refused = 0, unshown = 0;
    for (int turn = 0; turn < 3000; turn++) {
        json_t *json = json_deep_copy(whole);
        struct error err;
        for (unsigned k = draw(&seed, 4) + 1; k > 0; k--) spoil(json, &seed);
        char *text = json_tight(json);
        refused += reads(study, text, &err) != STATUS_OK;
        unshown += !document_show(json, false, NULL);
        assert_true(json_is_false(json_object_get(json, "running")));
        free(text);
        json_decref(json);
    }
    assert_in_range(refused, 1, 2999);
    assert_in_range(unshown, 1, refused);
    json_decref(whole);
    study_free(study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document__every_field_comes_back),
        cmocka_unit_test(test_document__what_is_left_and_who_is_at_it),
        cmocka_unit_test(test_document__what_it_lacks_is_named),
        cmocka_unit_test(test_document__anything_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
