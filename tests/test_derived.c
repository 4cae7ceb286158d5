/* A study file made of another one, in every style that people and programs write; and a tree as text again. */
#include "tests/test.h"

#include "tuner/base/yaml_flow.h"
#include "tuner/study/study.h"

static const struct derived_key keys[] = {
    {"study", "g2p-2"}, {"baseline", "{x: 0.25}"}, {"references", NULL}, {"warm_start", "[g2p]"}, {"budget", "{trials: 7}"}};

static const char *derive(const char *text, struct arena *a)
{
    const char *out = NULL;
    struct error err;
    assert_ok(study_derive("s.yaml", text, &(struct derived_keys){sizeof keys / sizeof *keys, keys}, a, &out, &err), err);
    return out;
}

static void test_derived__lines_stay_as_they_are(void **state)
{
    (void)state;
    struct arena a = {0};
    const char *text = "# of the demo\nstudy: g2p   # its name\n\n# what runs\ntrial:\n  command: [./t]\n"
                       "baseline:\n  x: 0.9   # plain\n\n  # within\n\n# who was tuned by hand\nreferences:\n  strong: {x: 0.5}\n"
                       "# the end\nobjective: {minimize: t}";
    assert_string_equal(derive(text, &a),
                        "# of the demo\nstudy: g2p-2\nwarm_start: [g2p]\nbudget: {trials: 7}\n\n# what runs\ntrial:\n"
                        "  command: [./t]\nbaseline: {x: 0.25}\n\n# who was tuned by hand\n# the end\n"
                        "objective: {minimize: t}\n");
    arena_done(&a);
}

static void test_derived__the_last_key_and_texts_of_several_lines(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(derive("baseline: |\n  a\n\n  # b\nstudy: g2p\nbudget:\n  trials: 3\n", &a),
                        "baseline: {x: 0.25}\nwarm_start: [g2p]\nstudy: g2p-2\nbudget: {trials: 7}\n");
    assert_string_equal(derive("---\nstudy: g2p\r\nx: 1\r\n", &a),
                        "---\nstudy: g2p-2\nbaseline: {x: 0.25}\nwarm_start: [g2p]\nbudget: {trials: 7}\nx: 1\r\n");
    arena_done(&a);
}

static void test_derived__flow_style_becomes_lines(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(derive("{\"study\": \"g2p\", \"trial\": {\"command\": [\"./t\", \"{x}\"]}, \"n\": [1, \"1\", null]}", &a),
                        "baseline: {x: 0.25}\nwarm_start: [g2p]\nbudget: {trials: 7}\nstudy: g2p-2\n"
                        "\"trial\": {\"command\": [\"./t\", \"{x}\"]}\n\"n\": [1, \"1\", null]\n");
    arena_done(&a);
}

static void test_derived__of_every_good_file_comes_a_study(void **state)
{
    (void)state;
    struct arena a = {0};
    struct study *before = NULL, *after = NULL;
    struct error err;
    const struct derived_key some[] = {{"study", "other"}, {"budget", "{trials: 3}"}, {"references", NULL}};
    const char *out = NULL;
    assert_ok(study_load(FIXTURES "/good.yaml", &before, &err), err);
    assert_ok(study_derive("s", before->text, &(struct derived_keys){3, some}, &a, &out, &err), err);
    assert_ok(study_parse(before->path, out, strlen(out), &after, &err), err);
    char *was = study_identity(before), *is = study_identity(after);
    assert_string_equal(was, is);
    assert_string_equal(after->name, "other");
    assert_int_equal(after->budget.trials, 3);
    assert_int_equal(after->n_references, 0);
    free(was);
    free(is);
    study_free(before);
    study_free(after);
    arena_done(&a);
}

static void test_derived__what_is_no_map_is_refused(void **state)
{
    (void)state;
    struct arena a = {0};
    const char *out = NULL;
    struct error err;
    assert_int_equal(study_derive("s.yaml", "[1, 2]", &(struct derived_keys){1, keys}, &a, &out, &err), STATUS_INVALID);
    assert_int_equal(study_derive("s.yaml", "a: [", &(struct derived_keys){1, keys}, &a, &out, &err), STATUS_INVALID);
    assert_contains(err.text, "s.yaml:2");
    assert_null(out);
    arena_done(&a);
}

/* ---- a tree as text ---- */

static void assert_same(const struct yaml_node *a, const struct yaml_node *b)
{
    assert_int_equal(a->kind, b->kind);
    if (a->kind == YAML_TEXT && *a->text) assert_string_equal(a->text, b->text);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == YAML_MAP) assert_same(a->key[i], b->key[i]);
        assert_same(a->value[i], b->value[i]);
    }
}

static void test_flow__is_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a: b, c [d] {e}\nurl: http://x.y/z\nno: no\nq: 'it''s'\nw: \"a\\tb\\u00e9\"\nempty:\nlist:\n- 1\n- 'x: y'\n- {}\n- []\n",
        "- - a\n  - -1\n- - |\n    two\n    lines\n- >\n  folded\n  text\n- 'ends: '\n- a:b\n- x#y\n- a #c\n",
        "{a: [1, 2, {b: ''}], \"c d\": .5e-3, e: ~, f: 2026-11-30}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena a = {0};
        struct yaml_node *was = NULL, *is = NULL;
        struct error err;
        assert_ok(yaml_read("t", texts[i], strlen(texts[i]), &a, &was, &err), err);
        const char *flow = yaml_flow(was, &a);
        assert_null(strchr(flow, '\n'));
        assert_ok(yaml_read("t", flow, strlen(flow), &a, &is, &err), err);
        assert_same(was, is);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derived__lines_stay_as_they_are),
        cmocka_unit_test(test_derived__the_last_key_and_texts_of_several_lines),
        cmocka_unit_test(test_derived__flow_style_becomes_lines),
        cmocka_unit_test(test_derived__of_every_good_file_comes_a_study),
        cmocka_unit_test(test_derived__what_is_no_map_is_refused),
        cmocka_unit_test(test_flow__is_read_back),
    };
    return cmocka_run_group_tests_name("derived", tests, NULL, NULL);
}
