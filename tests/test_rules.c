/* What is served from memory: rules that are known, killed by the file, or not looked after; the kill file; flags as text. */
#include "tests/fake_clock.h"
#include "tests/folder.h"
#include "tests/live_world.h"

#include "tuner/service/rules.h"

#include <sys/stat.h>

#define PLAN "learn: 0\nramp: [0.5]\nmetrics: {em: {prove: not_worse}}\n"

struct place {
    char db[100], file[110];
};

static struct place in_folder(const char *name)
{
    struct place p;
    snprintf(p.db, sizeof p.db, "%s/%s.db", test_folder(), name);
    snprintf(p.file, sizeof p.file, "%s-kill", p.db);
    return p;
}

static void write_file(const struct place *p, const char *text)
{
    FILE *out = fopen(p->file, "w");
    fputs(text, out);
    fclose(out);
}

static void assert_file(const struct place *p, const char *want)
{
    char text[200] = "";
    FILE *in = fopen(p->file, "r");
    if (in) {
        text[fread(text, 1, sizeof text - 1, in)] = 0;
        fclose(in);
    }
    assert_string_equal(text, want);
}

/* ---- the kill file ---- */

static void expect(const struct place *p, const char *text, bool all, const char *killed, const char *spared)
{
    struct arena a = {0};
    write_file(p, text);
    const struct kill_list list = kill_file_read(p->file, &a);
    assert_int_equal(list.all, all);
    if (killed) assert_true(kill_list_has(&list, killed));
    if (spared) assert_false(kill_list_has(&list, spared));
    arena_done(&a);
}

static void test_kill_file__names_and_remarks(void **state)
{
    (void)state;
    struct place p = in_folder("names");
    struct arena a = {0};
    assert_string_equal(kill_file_path(p.db, &a), p.file);
    assert_false(kill_list_has(&(struct kill_list){.why = ""}, "g2p"));
    expect(&p, "", false, NULL, "g2p");
    expect(&p, "g2p", false, "g2p", "g2");
    expect(&p, "\n# g2p\n  other \t\r\n", false, "other", "g2p");
    expect(&p, "g2p # Ada, at night\n", false, "g2p", "g2p # Ada, at night");
    expect(&p, "other\nall\n", true, "g2p", NULL);
    expect(&p, "all of them\n", false, NULL, "g2p");
    arena_done(&a);
}

static void test_kill_file__what_cannot_be_read_kills_all(void **state)
{
    (void)state;
    struct place p = in_folder("unreadable");
    struct arena a = {0};
    assert_int_equal(mkdir(p.file, 0700), 0);
    struct kill_list list = kill_file_read(p.file, &a);
    assert_true(list.all && *list.why && kill_list_has(&list, "g2p"));
    rmdir(p.file);
    char *large = must_alloc(KILL_FILE_BYTES + 2, 1);
    memset(large, '\n', KILL_FILE_BYTES + 1);
    write_file(&p, large);
    assert_true(kill_file_read(p.file, &a).all);
    free(large);
    list = kill_file_read("/nowhere/at/all.db-kill", &a);
    assert_false(list.all);
    arena_done(&a);
}

static void test_kill_file__written_and_taken_out(void **state)
{
    (void)state;
    struct place p = in_folder("written");
    struct error err;
    struct stat st;
    assert_ok(kill_file_remove(p.file, "g2p", &err), err);
    assert_ok(kill_file_add(p.file, "g2p", &err), err);
    assert_int_equal(stat(p.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(kill_file_add(p.file, "g2p", &err), err);
    assert_file(&p, "\ng2p\n");
    write_file(&p, "other"); /* without an end of the line */
    assert_ok(kill_file_add(p.file, "g2p", &err), err);
    assert_ok(kill_file_remove(p.file, "other", &err), err);
    assert_file(&p, "g2p\n");
    assert_ok(kill_file_remove(p.file, "g2p", &err), err);
    assert_int_equal(stat(p.file, &st), -1);
    write_file(&p, "all\n");
    assert_ok(kill_file_add(p.file, "g2p", &err), err);
    assert_file(&p, "all\n");
    assert_int_equal(kill_file_remove(p.file, "g2p", &err), STATUS_CONFLICT);
    assert_contains(err.text, "kills all");
    static const char *const none[] = {"", "a\nall", "a #b", "a b"};
    for (size_t i = 0; i < 4; i++) assert_int_equal(kill_file_add(p.file, none[i], &err), STATUS_INVALID);
    assert_int_equal(kill_file_add("/nowhere/at/all.db-kill", "g2p", &err), STATUS_IO);
}

/* ---- rules ---- */

static struct ruleset *ruleset_of(struct world *w)
{
    struct ruleset *set = NULL;
    assert_ok(live_ruleset(w->store, "g2p", &set, &w->err), w->err);
    return set;
}

static long challenged(const struct rules *rules)
{
    long n = 0;
    char unit[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(unit, sizeof unit, "user-%d", i);
        struct assigned a = rules_assign(rules, rules_find(rules, "g2p"), unit);
        n += strcmp(a.variant, "challenger") == 0;
        assert_int_equal(a.counted, a.reason == REASON_SPLIT);
    }
    return n;
}

static void test_rules__whom_nobody_looks_after_gets_the_champion(void **state)
{
    (void)state;
    struct world w;
    struct fake_clock clock = fake_clock_at(0, 1000000);
    struct place p = in_folder("away");
    struct rules *rules = rules_create(p.db, &clock.clock);
    world_open(&w, 1);
    assert_ok(world_start(&w, PLAN, 1), w.err);
    assert_null(rules_find(rules, "g2p"));
    rules_put(rules, "g2p", ruleset_of(&w));
    const struct served *of = rules_find(rules, "g2p");
    assert_int_equal(of->version, 1);
    assert_string_equal(of->tag, "\"1\"");
    assert_in_range(challenged(rules), 400, 600);
    fake_clock_pass(&clock, RULESET_VALID_MS);
    assert_int_equal(rules_word(rules, of), RULES_HOLD);
    fake_clock_pass(&clock, 1);
    assert_int_equal(rules_word(rules, of), RULES_AWAY);
    assert_int_equal(challenged(rules), 0);
    assert_int_equal(rules_assign(rules, of, "ada").reason, REASON_DISABLED);
    rules_seen(rules, "g2p");
    rules_seen(rules, "another");
    assert_in_range(challenged(rules), 400, 600);
    rules_drop(rules, "g2p");
    assert_null(rules_find(rules, "g2p"));
    rules_free(rules);
    world_close(&w);
}

/* Its folder is not there, then it is. */
static void test_rules__what_cannot_be_written_is_remembered(void **state)
{
    (void)state;
    struct place p = in_folder("remembered");
    struct fake_clock clock = fake_clock_at(0, 1000000);
    struct arena a = {0};
    const char *folder = arena_printf(&a, "%s.d", p.db), *db = arena_printf(&a, "%s/n.db", folder), *file = kill_file_path(db, &a);
    struct world w;
    world_open(&w, 3);
    assert_ok(world_start(&w, PLAN, 1), w.err);
    struct rules *rules = rules_create(db, &clock.clock);
    rules_put(rules, "g2p", ruleset_of(&w));
    const struct served *of = rules_find(rules, "g2p");
    rules_kill(rules, "g2p");
    rules_kill(rules, "g2p");
    rules_kill(rules, "other");
    assert_int_equal(rules_word(rules, of), RULES_KILLED);
    assert_int_equal(rules_assign(rules, of, "ada").reason, REASON_DISABLED);
    assert_contains(rules_killed_by(rules, "g2p", &a), "only until it ends");
    rules_revive(rules, "other");
    rules_look_at_switch(rules);
    assert_int_equal(rules_word(rules, of), RULES_KILLED);
    assert_int_equal(mkdir(folder, 0700), 0);
    rules_look_at_switch(rules); /* now it can */
    assert_int_equal(access(file, F_OK), 0);
    assert_int_equal(rules_word(rules, of), RULES_KILLED);
    assert_contains(rules_killed_by(rules, "g2p", &a), "the file ");
    rules_revive(rules, "g2p");
    rules_look_at_switch(rules);
    assert_int_equal(rules_word(rules, of), RULES_HOLD);
    assert_int_equal(access(file, F_OK), -1);
    rmdir(folder);
    rules_free(rules);
    arena_done(&a);
    world_close(&w);
}

static void test_rules__the_file_is_seen_when_it_is_looked_at(void **state)
{
    (void)state;
    struct world w;
    struct fake_clock clock = fake_clock_at(0, 1000000);
    struct place p = in_folder("seen");
    struct rules *rules = rules_create(p.db, &clock.clock);
    world_open(&w, 2);
    assert_ok(world_start(&w, PLAN, 1), w.err);
    rules_put(rules, "g2p", ruleset_of(&w));
    assert_false(rules_look_at_switch(rules));
    write_file(&p, "other\n");
    assert_true(rules_look_at_switch(rules));
    assert_in_range(challenged(rules), 400, 600);
    write_file(&p, "g2p\n");
    assert_true(rules_look_at_switch(rules));
    assert_false(rules_look_at_switch(rules));
    assert_int_equal(challenged(rules), 0);
    rules_free(rules);
    rules = rules_create(p.db, &clock.clock); /* from the first moment */
    rules_put(rules, "g2p", ruleset_of(&w));
    assert_int_equal(challenged(rules), 0);
    unlink(p.file);
    assert_true(rules_look_at_switch(rules));
    assert_in_range(challenged(rules), 400, 600);
    rules_free(rules);
    world_close(&w);
}

/* ---- flags ---- */

static json_t *written(const struct flag *f, size_t which, const struct assigned *a)
{
    struct flag_text t = {.n = 0};
    json_t *out = NULL;
    struct error err;
    flag_write(f, which, a, &t);
    assert_ok(json_parse_object(t.bytes, t.n, &out, &err), err);
    free(t.bytes);
    return out;
}

static void test_flag__names_are_text_whatever_they_hold(void **state)
{
    (void)state;
    struct world w;
    struct configuration champion, challenger;
    json_t *body[] = {json_pack("{s:{s:i, s:s, s:n}}", "parameters", "a\"b\\", 1, "c", "\n\xc3\xa9</script>", "d"),
                      json_pack("{s:{s:f}}", "parameters", "only here", 0.5)};
    configuration_of_json(body[0], &champion);
    configuration_of_json(body[1], &challenger);
    world_open(&w, 3);
    struct live_wish wish = {.rollout = "g2p", .study = "g2p", .plan_name = "plan", .plan = PLAN, .champion = &champion, .n = 1,
                             .challenger = &challenger, .by = "test"};
    assert_ok(live_start(w.store, &wish, w.now, &w.err), w.err);
    struct ruleset *set = ruleset_of(&w);
    struct flag *f = flag_create(set);
    assert_int_equal(flag_count(f), 5);
    assert_int_equal(flag_find(f, ""), 0);
    assert_int_equal(flag_find(f, ".nothing"), -1);
    assert_int_equal(flag_find(f, "c"), -1);
    const struct assigned split = {"challenger", REASON_SPLIT, true}, off = {"champion", REASON_DISABLED, false};
    for (size_t i = 0; i < 5; i++) {
        json_t *a = written(f, i, &split), *b = written(f, i, &off);
        assert_string_equal(json_string_value(json_object_get(a, "variant")), "challenger");
        assert_non_null(json_object_get(json_object_get(a, "metadata"), "experiment"));
        assert_null(json_object_get(json_object_get(b, "metadata"), "experiment"));
        json_decref(a);
        json_decref(b);
    }
    json_t *odd = written(f, (size_t)flag_find(f, ".a\"b\\"), &off), *none = written(f, (size_t)flag_find(f, ".d"), &off),
           *other = written(f, (size_t)flag_find(f, ".c"), &split);
    assert_string_equal(json_string_value(json_object_get(odd, "key")), "g2p.a\"b\\");
    assert_int_equal(json_integer_value(json_object_get(odd, "value")), 1);
    assert_null(json_object_get(none, "value"));
    assert_null(json_object_get(other, "value"));
    json_decref(odd);
    json_decref(none);
    json_decref(other);
    flag_free(f);
    ruleset_free(set);
    for (int i = 0; i < 2; i++) json_decref(body[i]);
    free(champion.body);
    free(challenger.body);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_file__names_and_remarks),
        cmocka_unit_test(test_kill_file__what_cannot_be_read_kills_all),
        cmocka_unit_test(test_kill_file__written_and_taken_out),
        cmocka_unit_test(test_rules__whom_nobody_looks_after_gets_the_champion),
        cmocka_unit_test(test_rules__what_cannot_be_written_is_remembered),
        cmocka_unit_test(test_rules__the_file_is_seen_when_it_is_looked_at),
        cmocka_unit_test(test_flag__names_are_text_whatever_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
