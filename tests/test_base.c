#include "tests/test.h"

#include "tuner/base/arena.h"
#include "tuner/base/clock.h"
#include "tuner/base/digest.h"
#include "tuner/base/json.h"
#include "tuner/base/redact.h"
#include "tuner/base/rng.h"
#include "tuner/base/words.h"
#include "tuner/base/yaml.h"

static void test_words__durations_that_people_write(void **state)
{
    (void)state;
    int64_t ms;
    assert_true(words_duration_ms("90s", &ms));
    assert_int_equal(ms, 90000);
    assert_true(words_duration_ms("1h30m", &ms));
    assert_int_equal(ms, 5400000);
    assert_true(words_duration_ms("0.5s", &ms));
    assert_int_equal(ms, 500);
    const char *const wrong[] = {"", "soon", "10", "-5m", "5x", "0s", "m", "1h30", "99999999d"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(words_duration_ms(wrong[i], &ms));
}

static void test_words__times_of_day(void **state)
{
    (void)state;
    int minutes;
    assert_true(words_time_of_day("07:05", &minutes));
    assert_int_equal(minutes, 425);
    const char *const wrong[] = {"7:00", "24:00", "12:60", "12-30", "noon", "", "12:3x", "-1:30"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(words_time_of_day(wrong[i], &minutes));
}

static void test_words__next_time_is_within_a_day(void **state)
{
    (void)state;
    int64_t now = 1795000000000, at = words_next_time_ms(420, now);
    assert_true(at > now);
    assert_true(at - now <= 25 * 3600000LL); /* a day with a clock change has 25 hours */
}

static void test_words__nearest_suggests_only_what_is_near(void **state)
{
    (void)state;
    const char *const names[] = {"budget", "baseline", "search"};
    assert_string_equal(words_nearest("bugdet", names, 3), "budget");
    assert_string_equal(words_nearest("serch", names, 3), "search");
    assert_null(words_nearest("qqqqqq", names, 3));
}

static void test_words__shown_for_people(void **state)
{
    (void)state;
    char buf[40];
    assert_string_equal(words_show_duration(4200, buf, sizeof buf), "4.2s");
    assert_string_equal(words_show_duration(59000, buf, sizeof buf), "59s");
    assert_string_equal(words_show_duration(200000, buf, sizeof buf), "3m 20s");
    assert_string_equal(words_show_duration(3900000, buf, sizeof buf), "1h 05m");
    assert_string_equal(words_show_count(7.5e6, buf, sizeof buf), "7.50M");
    assert_string_equal(words_show_count(820000, buf, sizeof buf), "820k");
    assert_string_equal(words_show_count(61, buf, sizeof buf), "61");
}

static void test_words__paths_that_stay_inside(void **state)
{
    static const char *const in[] = {"a", "a/b", "..a", "a..", "a/..b/c", "*.csv", "./a"};
    static const char *const out[] = {"", "/", "/a", "..", "../a", "a/..", "a/../b", "a/b/../../.."};
    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        if (!words_is_inside(in[i])) fail_msg("%s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (words_is_inside(out[i])) fail_msg("%s", out[i]);
    assert_int_equal(words_length("aäb…"), 4);
}

/* FIPS 180-4, "abc". */
static void test_digest__known_answer_and_text(void **state)
{
    static const char known[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    unsigned char hash[DIGEST_BYTES], again[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    struct error err;
    (void)state;
    digest("abc", 3, hash);
    assert_string_equal(digest_hex(hash, hex), known);
    assert_true(digest_parse(known, again));
    assert_true(digest_equal(hash, again));
    again[31] ^= 1;
    assert_false(digest_equal(hash, again));
    assert_false(digest_parse("ba78", again));
    hex[5] = 'G';
    assert_false(digest_parse(hex, again));
    FILE *file = tmpfile();
    fputs("abc", file);
    fflush(file);
    assert_ok(digest_file(fileno(file), again, &err), err);
    assert_true(digest_equal(hash, again));
    fclose(file);
}

static void test_redact__takes_out_secrets_and_nothing_else(void **state)
{
    char text[300];
    (void)state;
    setenv("TEST_API_KEY", "swordfish", 1);
    setenv("TEST_TOKEN_SHORT", "abc", 1); /* too short to be looked for */
    setenv("TEST_PLAIN", "plainvalue", 1);
    snprintf(text, sizeof text, "swordfish, xswordfishx, abc, plainvalue, noct_0123456789ab_%064d.", 7);
    redact(text, strlen(text));
    assert_string_equal(text, "*********, x*********x, abc, plainvalue, noct_0123456789ab_"
                              "****************************************************************.");
    char torn[] = "noct_0123456789ab_0000";
    redact(torn, strlen(torn));
    assert_string_equal(torn, "noct_0123456789ab_****");
    char bytes[] = {0, (char)255, 'n', 'o', 'c', 't', '_'};
    redact(bytes, sizeof bytes);
    redact(bytes, 0);
    unsetenv("TEST_API_KEY");
}

static void test_rng__same_name_same_numbers_other_name_others(void **state)
{
    (void)state;
    struct rng a = rng_derive(7, "suggest", 12), b = rng_derive(7, "suggest", 12), c = rng_derive(7, "suggest", 13),
               d = rng_derive(7, "trial", 12);
    uint64_t first = rng_bits(&a);
    assert_true(first == rng_bits(&b));
    assert_true(first != rng_bits(&c));
    assert_true(first != rng_bits(&d));
}

static void test_rng__moments_of_the_normal(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "moments", 0);
    double sum = 0, square = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&r);
        sum += x;
        square += x * x;
    }
    assert_near(sum / N, 0, 0.02);
    assert_near(square / N, 1, 0.03);
}

static void test_rng__below_is_even(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "below", 0);
    int count[3] = {0};
    for (int i = 0; i < 30000; i++) count[rng_below(&r, 3)]++;
    for (int i = 0; i < 3; i++) assert_in_range(count[i], 9600, 10400);
}

static void test_json__refuses_what_json_is_not(void **state)
{
    (void)state;
    const char *const wrong[] = {"{\"a\": NaN}",   "{\"a\": 1, \"a\": 2}", "[1]", "{} {}", "",
                                 "{\"a\": 1e400}", "{\"a\": \"\xff\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *v = NULL;
        struct error err;
        assert_int_equal(json_parse_object(wrong[i], strlen(wrong[i]), &v, &err), STATUS_INVALID);
        assert_null(v);
    }
    struct error err;
    json_t *v;
    json_parse_object(wrong[0], strlen(wrong[0]), &v, &err);
    assert_contains(err.text, "NaN and infinity are not numbers");
}

static void test_json__exact_numbers_come_back(void **state)
{
    (void)state;
    json_t *v = json_pack("{s:f}", "x", 0.1 + 0.2), *again;
    char *text = json_exact(v);
    struct error err;
    assert_ok(json_parse_object(text, strlen(text), &again, &err), err);
    assert_true(json_number_value(json_object_get(again, "x")) == 0.1 + 0.2);
    free(text);
    json_decref(v);
    json_decref(again);
}

static void test_arena__survives_large_and_many_blocks(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int i = 0; i < 1000; i++) {
        char *s = arena_printf(&a, "number %d", i);
        assert_true((uintptr_t)arena_alloc(&a, 24) % 16 == 0);
        assert_int_equal(atoi(s + 7), i);
    }
    double *big = arena_array(&a, 100000, sizeof *big);
    assert_true(big[99999] == 0);
    arena_done(&a);
    assert_null(a.chunk);
}

static void test_error__context_comes_in_front(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, STATUS_IO, "disk %s", "full");
    assert_int_equal(error_context(&err, "trial %d", 12), STATUS_IO);
    assert_string_equal(err.text, "trial 12: disk full");
    assert_int_equal(error_set(NULL, STATUS_BUSY, "nobody listens"), STATUS_BUSY);
    assert_string_equal(status_text(STATUS_BUSY), "held by another process");
}

static void test_yaml__positions_and_quotes(void **state)
{
    (void)state;
    const char text[] = "a: 1\nb:\n  - \"no\"\n  - no\n";
    struct arena arena = {0};
    struct yaml_node *root;
    struct error err;
    assert_ok(yaml_read("f", text, strlen(text), &arena, &root, &err), err);
    const struct yaml_node *b = yaml_get(root, "b");
    assert_int_equal(b->n, 2);
    assert_true(b->value[0]->quoted);
    assert_false(b->value[1]->quoted);
    assert_int_equal(b->value[1]->line, 4);
    assert_int_equal(b->value[1]->column, 5);
    assert_null(yaml_get(root, "c"));
    arena_done(&arena);
}

static void test_clock__runs_forward(void **state)
{
    (void)state;
    int64_t a = clock_mono_ms(clock_real()), b = clock_mono_ms(clock_real());
    assert_true(b >= a);
    assert_true(clock_wall_ms(clock_real()) > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words__durations_that_people_write),
        cmocka_unit_test(test_words__times_of_day),
        cmocka_unit_test(test_words__next_time_is_within_a_day),
        cmocka_unit_test(test_words__nearest_suggests_only_what_is_near),
        cmocka_unit_test(test_words__shown_for_people),
        cmocka_unit_test(test_words__paths_that_stay_inside),
        cmocka_unit_test(test_digest__known_answer_and_text),
        cmocka_unit_test(test_redact__takes_out_secrets_and_nothing_else),
        cmocka_unit_test(test_rng__same_name_same_numbers_other_name_others),
        cmocka_unit_test(test_rng__moments_of_the_normal),
        cmocka_unit_test(test_rng__below_is_even),
        cmocka_unit_test(test_json__refuses_what_json_is_not),
        cmocka_unit_test(test_json__exact_numbers_come_back),
        cmocka_unit_test(test_arena__survives_large_and_many_blocks),
        cmocka_unit_test(test_error__context_comes_in_front),
        cmocka_unit_test(test_yaml__positions_and_quotes),
        cmocka_unit_test(test_clock__runs_forward),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
