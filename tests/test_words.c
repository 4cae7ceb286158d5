#include "tests/test.h"

#include "tuner/base/clock.h"
#include "tuner/base/words.h"

#include <limits.h>

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
    const char *const wrong[] = {"", "soon", "10", "-5m", "5x", "0s", "m", "1h30", "99999999d", "0x10s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(words_duration_ms(wrong[i], &ms));
}

static void test_words__whole_numbers_are_digits(void **state)
{
    (void)state;
    long v = -1;
    assert_true(words_whole("0", 0, 9, &v));
    assert_int_equal(v, 0);
    assert_true(words_whole("007", 0, 9, &v));
    assert_int_equal(v, 7);
    assert_true(words_whole("9223372036854775807", 0, LONG_MAX, &v));
    assert_true(v == LONG_MAX);
    const char *const wrong[] = {"",
                                 "2.5",
                                 "2.0",
                                 "0x2",
                                 "1e3",
                                 "+2",
                                 "-2",
                                 " 2",
                                 "2 ",
                                 "two",
                                 "1_0",
                                 "inf",
                                 "nan",
                                 "10",
                                 "99999999999999999999999",
                                 "9223372036854775808"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(words_whole(wrong[i], 0, 9, &v));
    assert_false(words_whole("9223372036854775808", 0, LONG_MAX, &v));
    assert_false(words_whole("2", 3, 9, &v));
    double x;
    assert_true(words_decimal("-1.5e3", &x) && x == -1500);
    const char *const odd[] = {"0x10", "0X1p3", "inf", "nan", " 1", "1 ", "", "1e999", "1,5", "e", "--1"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) assert_false(words_decimal(odd[i], &x));
    assert_true(v == LONG_MAX);
}

static void test_words__sizes_in_any_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double bytes;
    } cases[] = {{"300 MiB", 300 * 1048576.0},
                 {"300MiB", 300 * 1048576.0},
                 {"300 MB", 3e8},
                 {"300MB", 3e8},
                 {"300mb", 3e8},
                 {"64 KiB", 65536},
                 {"64kib", 65536},
                 {"1 kB", 1000},
                 {"1KB", 1000},
                 {"1.5 GiB", 1.5 * 1073741824},
                 {"2GB", 2e9},
                 {"1 TiB", 1099511627776},
                 {"1TB", 1e12},
                 {"1e6", 1e6},
                 {"1048576", 1048576},
                 {"5 B", 5},
                 {"1e3 MB", 1e9},
                 {"2 \t MB", 2e6},
                 {".5MB", 5e5}};
    double v = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!words_size(cases[i].text, &v)) fail_msg("'%s' is no size", cases[i].text);
        assert_near(v, cases[i].bytes, 0);
    }
    const char *const wrong[] = {"",      "MB",     "-1 MB",   "+1MB",   " 1 MB", "1 M", "1 MiBs",
                                 "1 iB",  "1 MB 2", "0x10",    "1,5MB",  "nan",   "inf", "1 Mb/s",
                                 "1 kBi", "64 PiB", "1e999 B", "one MB", "."};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (words_size(wrong[i], &v)) fail_msg("'%s' is a size", wrong[i]);
}

static void test_words__what_differs_in_numbers_alone_is_alike(void **state)
{
    (void)state;
    assert_int_equal(words_compare("out of memory: 12 MiB", "out of memory: 4096 MiB"), 0);
    assert_int_equal(words_compare("7", ""), 0);
    assert_true(words_compare("a 1", "b 0") < 0 && words_compare("b 0", "a 1") > 0);
    assert_true(words_compare("a", "a b") < 0);
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
    assert_string_equal(words_s(0), "s");
    assert_string_equal(words_s(1), "");
    assert_string_equal(words_s(2), "s");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words__durations_that_people_write),
        cmocka_unit_test(test_words__whole_numbers_are_digits),
        cmocka_unit_test(test_words__sizes_in_any_unit),
        cmocka_unit_test(test_words__what_differs_in_numbers_alone_is_alike),
        cmocka_unit_test(test_words__times_of_day),
        cmocka_unit_test(test_words__next_time_is_within_a_day),
        cmocka_unit_test(test_words__nearest_suggests_only_what_is_near),
        cmocka_unit_test(test_words__shown_for_people),
        cmocka_unit_test(test_words__paths_that_stay_inside),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
