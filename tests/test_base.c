#include "tests/fake_clock.h"
#include "tests/test.h"

#include "tuner/base/arena.h"
#include "tuner/base/clock.h"
#include "tuner/base/digest.h"
#include "tuner/base/host.h"
#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/plain.h"
#include "tuner/base/redact.h"
#include "tuner/base/rng.h"
#include "tuner/base/width.h"
#include "tuner/base/yaml.h"

#include <unistd.h>

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

/* Every way to cut the text in two, and byte by byte, says what the whole text says. */
static void feed(struct redactor *r, const char *bytes, size_t n, char *out, size_t *at)
{
    size_t k;
    const char *safe = redactor_take(r, bytes, n, &k);
    memcpy(out + *at, safe, k);
    *at += k;
}

static size_t feed_end(struct redactor *r, char *out, size_t at)
{
    size_t k;
    const char *safe = redactor_end(r, &k);
    memcpy(out + at, safe, k);
    redactor_done(r);
    return at + k;
}

static void assert_redacted_in_pieces(const char *text, const char *whole)
{
    size_t n = strlen(text);
    char *out = malloc(n + 1);
    for (size_t cut = 0; cut <= n + 1; cut++) {
        struct redactor r = {0};
        size_t at = 0;
        if (cut <= n) {
            feed(&r, text, cut, out, &at);
            feed(&r, text + cut, n - cut, out, &at);
        } else
            for (size_t i = 0; i < n; i++) feed(&r, text + i, 1, out, &at);
        assert_int_equal(feed_end(&r, out, at), n);
        assert_memory_equal(out, whole, n);
    }
    free(out);
}

static void test_redact__a_secret_in_pieces_is_one(void **state)
{
    char text[300], whole[300];
    (void)state;
    setenv("TEST_API_KEY", "abcabcabd", 1);
    setenv("TEST_PASSWORD", "abdefghijk", 1); /* begins where the other ends */
    assert_redacted_in_pieces("abcabcabcabd abcabcab", "abc********* abcabcab");
    assert_redacted_in_pieces("abcabcabdefghijk abcabcabdefghij", "**************** *********efghij");
    assert_redacted_in_pieces("no secret at all: abd, noct, noct_", "no secret at all: abd, noct, noct_");
    snprintf(text, sizeof text, "noct_noct_0123456789ab_%064dff noct_0123456789ab_ff.noct_", 7);
    snprintf(whole, sizeof whole, "noct_noct_0123456789ab_%.64sff noct_0123456789ab_**.noct_",
             "****************************************************************");
    assert_redacted_in_pieces(text, whole);
    unsetenv("TEST_API_KEY");
    unsetenv("TEST_PASSWORD");
}

/* Longer than any buffer it comes in. */
static void test_redact__a_long_secret_in_pieces(void **state)
{
    (void)state;
    enum { LONG = 100000, PIECE = 4096 };
    char *secret = malloc(LONG + 1), *out = malloc(2 * LONG);
    for (size_t i = 0; i < LONG; i++) secret[i] = (char)('a' + i * i % 23);
    secret[LONG] = 0;
    setenv("TEST_PRIVATE_KEY", secret, 1);
    struct redactor r = {0};
    size_t at = 0;
    feed(&r, "before ", 7, out, &at);
    for (size_t i = 0; i < LONG; i += PIECE) feed(&r, secret + i, i + PIECE < LONG ? PIECE : LONG - i, out, &at);
    feed(&r, " after", 6, out, &at);
    assert_int_equal(feed_end(&r, out, at), LONG + 13);
    for (size_t i = 0; i < LONG; i++) assert_int_equal(out[7 + i], '*');
    assert_memory_equal(out + 7 + LONG, " after", 6);
    unsetenv("TEST_PRIVATE_KEY");
    free(secret);
    free(out);
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
    char *text = json_text(v);
    struct error err;
    assert_ok(json_parse_object(text, strlen(text), &again, &err), err);
    assert_true(json_number_value(json_object_get(again, "x")) == 0.1 + 0.2);
    free(text);
    json_decref(v);
    json_decref(again);
}

static void assert_writes(const char *text, const char *written)
{
    json_t *v = json_pack("{s:[s]}", text, text);
    char *out = json_tight(v), want[100];
    snprintf(want, sizeof want, "{\"%s\":[\"%s\"]}", written, written);
    assert_string_equal(out, want);
    free(out);
    json_decref(v);
}

static void test_json__texts_are_escaped_where_they_must_be(void **state)
{
    (void)state;
    assert_writes("", "");
    assert_writes("plain /text~", "plain /text~");
    assert_writes("a \"b\" \\", "a \\\"b\\\" \\\\");
    assert_writes("\x01\n\t\x1b", "\\u0001\\n\\t\\u001B");
    assert_writes("grün € 😀", "grün € 😀");
    assert_writes("\x7f\xc2\x85\xc2\xa0", "\\u007f\\u0085\xc2\xa0");
    assert_writes("\xe2\x80\xa8\xef\xbb\xbf", "\\u2028\\ufeff");
    json_t *v = json_pack("[b, b, n, I, I, f]", 1, 0, (json_int_t)INT64_MIN, (json_int_t)7, 7.0);
    char *out = json_text(v);
    assert_string_equal(out, "[true, false, null, -9223372036854775808, 7, 7.0]");
    free(out);
    json_decref(v);
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
}

/* Or JSON would not take it, and nobody be told. */
static void test_error__is_utf8_whatever_it_shows(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, STATUS_INVALID, "no metric '%.3s'", "aéé");
    assert_string_equal(err.text, "no metric 'aé'");
    error_set(&err, STATUS_INVALID, "no metric '%.4s'", "aéé");
    assert_string_equal(err.text, "no metric 'aé?'");
    error_context(&err, "%.1s", "é");
    assert_string_equal(err.text, "?: no metric 'aé?'");
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

/* `head`, then `part` as often as it fits below 1 MiB; freed by the caller. "#" in `part` becomes a running number.
 */
static char *repeat(const char *head, const char *part, size_t limit)
{
    char *text = malloc((1 << 20) + 64);
    size_t n = (size_t)sprintf(text, "%s", head);
    for (size_t i = 0; i < limit && n + strlen(part) + 16 < 1 << 20; i++)
        for (const char *c = part; *c; c++)
            n += (size_t)(*c == '#' ? sprintf(text + n, "%zu", i) : sprintf(text + n, "%c", *c));
    return text;
}

/* Each of these took libyaml seconds to hours; the position in the error says how far the reading went. */
static void test_yaml__stops_at_the_first_excess(void **state)
{
    static const struct {
        const char *head, *part, *error;
    } worst[] = {
        {"", "[", "f:1:18: nested too deeply"},
        {"", "{", "f:1:18: nested too deeply"},
        {"", "{? [", "f:1:36: nested too deeply"},
        {"", "{a: [", "f:1:42: nested too deeply"},
        {"", "- ", "f:1:35: nested too deeply"},
        {"[", "[[],", "f:1:63: nested too deeply"},
        {"", "- &a# x\n", "f:257:3: too many anchors"},
        {"", "k#: &a# x\n", "f:257:7: too many anchors"},
        {"", "- x\n", "f:20000:3: too many values"},
        {"- &a x\n", "- *a\n", "f:20000:3: aliases expand to too many values"},
        {"", "%TAG !a#! tag:x#\n", "f:216:1: more than 4096 bytes in lines that begin with %"},
        {"", "%TAG !a#! tag:x#\r", "f:1:1: more than 4096 bytes in lines that begin with %"},
        {"", "%TAG !a#! tag:x#\xc2\x85", "f:1:1: more than 4096 bytes in lines that begin with %"},
        {"a: 1\n...\n", "%TAG !a#! tag:x#\xe2\x80\xa9", "f:3:1: more than 4096 bytes in lines that begin with %"},
    };
    (void)state;
    alarm(60);
    for (size_t i = 0; i < sizeof worst / sizeof *worst; i++) {
        struct arena arena = {0};
        struct yaml_node *root;
        struct error err;
        char *text = repeat(worst[i].head, worst[i].part, SIZE_MAX);
        assert_int_equal(yaml_read("f", text, strlen(text), &arena, &root, &err), STATUS_INVALID);
        assert_contains(err.text, worst[i].error);
        arena_done(&arena);
        free(text);
    }
    alarm(0);
}

static void test_yaml__what_an_alias_stands_for_is_there_once(void **state)
{
    static const char *const bad[] = {"[*a]", "&a [*a]", "[&a x, &a y]", "a: &a {b: *a}", "? [a]\n: b"};
    const char text[] = "\xef\xbb\xbf%YAML 1.1\n---\na: &a [1, &t text]\nb: *a\n? *t\n: c\n";
    struct arena arena = {0};
    struct yaml_node *root;
    struct error err;
    (void)state;
    assert_ok(yaml_read("f", text, strlen(text), &arena, &root, &err), err);
    assert_int_equal(root->n, 3);
    assert_ptr_equal(root->value[0], root->value[1]);
    assert_string_equal(yaml_get(root, "text")->text, "c");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(yaml_read("f", bad[i], strlen(bad[i]), &arena, &root, &err), STATUS_INVALID);
    arena_done(&arena);
}

static void test_metrics__have_limits(void **state)
{
    static const struct {
        const char *text, *error;
    } wrong[] = {{"{\"\": 1}", "has no name"},
                 {"{\"a\\u001b[2J\": 1}", "holds a control character"},
                 {"{\"a\": \"1\"}", "'a' is not a number"},
                 {"{\"a\": null}", "'a' is not a number"}};
    struct error err;
    json_t *many = json_object();
    char name[300];
    (void)state;
    for (int i = 0; i < METRICS_SAID_MAX; i++) {
        snprintf(name, sizeof name, "m%d", i);
        json_object_set_new(many, name, json_real(i));
    }
    assert_ok(metrics_check(many, &err), err);
    json_object_set_new(many, "one more", json_real(1));
    assert_int_equal(metrics_check(many, &err), STATUS_INVALID);
    assert_contains(err.text, "65 metrics in one message; at most 64");
    json_object_clear(many);
    memset(name, 'n', METRIC_NAME_MAX + 1);
    name[METRIC_NAME_MAX + 1] = 0;
    json_object_set_new(many, name, json_real(1));
    assert_int_equal(metrics_check(many, &err), STATUS_INVALID);
    assert_contains(err.text, "over 200 bytes long");
    json_decref(many);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *m = json_loads(wrong[i].text, 0, NULL);
        assert_int_equal(metrics_check(m, &err), STATUS_INVALID);
        assert_contains(err.text, wrong[i].error);
        json_decref(m);
    }
}

static void test_plain__steers_no_terminal(void **state)
{
    struct arena a = {0};
    const char *good = "EM ≥ 0,6 – “ü” 漢字 🙂";
    (void)state;
    assert_ptr_equal(plain_shown(&a, good), good);
    assert_string_equal(plain_shown(&a, "\033[2J\033]0;x\007 a\nb\tc\r\177"),
                        "\\x1b[2J\\x1b]0;x\\x07 a\\nb\\tc\\x0d\\x7f");
    assert_string_equal(plain_shown(&a, "\xc2\x9b"
                                        "2J \xe2\x80\xae x \xff\xc0\x80\xed\xa0\x80"),
                        "\\x9b2J \\u202e x \\xff\\xc0\\x80\\xed\\xa0\\x80");
    assert_ptr_equal(plain_bounded(&a, good, 100), good);
    assert_string_equal(plain_bounded(&a, "a\xff\xe2\x82", 100), "a???");
    assert_string_equal(plain_bounded(&a, "äöü", 6), "äöü");
    assert_string_equal(plain_bounded(&a, "äöüß", 6), "ä…");
    assert_string_equal(plain_bounded(&a, "", 6), "");
    arena_done(&a);
}

static void test_clock__runs_forward(void **state)
{
    (void)state;
    int64_t a = clock_mono_ms(clock_real()), b = clock_mono_ms(clock_real());
    assert_true(b >= a);
    assert_true(clock_wall_ms(clock_real()) > 1700000000000);
}

static void test_clock__steady_never_goes_back(void **state)
{
    enum { DAY = 86400000 };
    (void)state;
    struct fake_clock set = fake_clock_at(100 * (int64_t)DAY, 5000);
    struct clock *steady = clock_steady_create(&set.clock);
    assert_int_equal(clock_wall_ms(steady), set.wall);
    set.wall -= DAY;
    set.mono += 1000;
    assert_int_equal(clock_wall_ms(steady), 100 * (int64_t)DAY + 1000); /* goes on at the monotonic clock's pace */
    set.mono += 1000;
    assert_int_equal(clock_wall_ms(steady), 100 * (int64_t)DAY + 2000);
    set.wall += 2 * (int64_t)DAY; /* forward is taken … */
    assert_int_equal(clock_wall_ms(steady), set.wall);
    set.wall -= DAY; /* … and kept */
    set.mono += 10;
    assert_int_equal(clock_wall_ms(steady), 101 * (int64_t)DAY + 10);
    int64_t before = clock_mono_ms(steady);
    set.mono -= DAY; /* none does that, but one that is pretended to be one */
    assert_int_equal(clock_mono_ms(steady), before);
    set.mono += 7;
    assert_int_equal(clock_mono_ms(steady), before + 7);
    clock_steady_free(steady);
    clock_steady_free(NULL);
}

static void test_width__counts_columns_and_cuts_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
    } known[] = {{"", 0}, {"abc", 3}, {"日本語", 6}, {"e\xcc\x81x", 2}, {"±…●", 3}, {"a\xff", 2}, {"\xe6\x97", 2}};
    (void)state;
    struct arena a = {0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(width_of(known[i].text), known[i].columns);
        for (size_t n = 0; n < 8; n++) {
            assert_true(width_of(width_cut(&a, known[i].text, n)) <= n);
            assert_int_equal(width_of(width_cell(&a, known[i].text, n, n % 2)), n);
        }
    }
    assert_string_equal(width_cut(&a, "日本語", 6), "日本語");
    assert_string_equal(width_cut(&a, "日本語", 5), "日本…");
    assert_string_equal(width_cut(&a, "日本語", 4), "日…");
    assert_string_equal(width_cell(&a, "ab", 4, true), "  ab");
    assert_string_equal(width_cell(&a, "日本語", 4, false), "日… ");
    size_t used;
    assert_int_equal(width_fit("e\xcc\x81x", 1, &used), 3); /* what combines stays with its letter */
    assert_int_equal(used, 1);
    arena_done(&a);
}

static void test_metrics__a_hint_names_what_is_there(void **state)
{
    static const struct {
        const char *metrics, *missing, *hint;
    } known[] = {
        {"{}", "em", ""},
        {"{\"EM\": 1, \"x\": 2}", "em", "; it has 'EM', 'x' (did you mean 'EM'?)"},
        {"{\"tokns\": 1}", "tokens", "; it has 'tokns' (did you mean 'tokns'?)"},
        {"{\"a1\": 1, \"b2\": 1, \"c3\": 1, \"d4\": 1, \"e5\": 1, \"f6\": 1, \"g7\": 1}", "loss",
         "; it has 'a1', 'b2', 'c3', 'd4', 'e5' and 2 more"},
    };
    char hint[METRICS_HINT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        json_t *m = json_loads(known[i].metrics, 0, NULL);
        assert_string_equal(metrics_hint(m, known[i].missing, hint, sizeof hint), known[i].hint);
        json_decref(m);
    }
    assert_string_equal(metrics_hint(NULL, "em", hint, sizeof hint), "");
}

static void test_host__free_disk(void **state)
{
    (void)state;
    assert_true(host_disk_free("/tmp/x") > 0);
    assert_true(host_disk_free("x") > 0);
    assert_true(host_disk_free("/no/such/place/x") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host__free_disk),
        cmocka_unit_test(test_digest__known_answer_and_text),
        cmocka_unit_test(test_redact__takes_out_secrets_and_nothing_else),
        cmocka_unit_test(test_redact__a_secret_in_pieces_is_one),
        cmocka_unit_test(test_redact__a_long_secret_in_pieces),
        cmocka_unit_test(test_rng__same_name_same_numbers_other_name_others),
        cmocka_unit_test(test_rng__moments_of_the_normal),
        cmocka_unit_test(test_rng__below_is_even),
        cmocka_unit_test(test_json__refuses_what_json_is_not),
        cmocka_unit_test(test_json__exact_numbers_come_back),
        cmocka_unit_test(test_json__texts_are_escaped_where_they_must_be),
        cmocka_unit_test(test_arena__survives_large_and_many_blocks),
        cmocka_unit_test(test_error__context_comes_in_front),
        cmocka_unit_test(test_error__is_utf8_whatever_it_shows),
        cmocka_unit_test(test_yaml__positions_and_quotes),
        cmocka_unit_test(test_yaml__stops_at_the_first_excess),
        cmocka_unit_test(test_yaml__what_an_alias_stands_for_is_there_once),
        cmocka_unit_test(test_metrics__have_limits),
        cmocka_unit_test(test_metrics__a_hint_names_what_is_there),
        cmocka_unit_test(test_width__counts_columns_and_cuts_between_characters),
        cmocka_unit_test(test_plain__steers_no_terminal),
        cmocka_unit_test(test_clock__runs_forward),
        cmocka_unit_test(test_clock__steady_never_goes_back),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
