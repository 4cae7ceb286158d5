/* Charts: axes and ticks on any numbers, marks beyond the edge, and what SVG and terminals make of them. */
#include "tests/test.h"

#include "tuner/report/report.h"
#include "tuner/report/svg_layer.h"
#include "tuner/report/unicode_layer.h"

#include <float.h>
#include <locale.h>

/* ---- axes ---- */

static struct axis fitted(enum axis_scale scale, const double *v, size_t n)
{
    struct axis x = {.name = "x", .unit = "", .scale = scale};
    axis_fit(&x, v, n);
    return x;
}

#define FITTED(scale, ...) fitted(scale, (double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))

/* All ticks as text, with blanks between. */
static const char *ticks(const struct axis *x, size_t most)
{
    static char all[1024];
    char buf[AXIS_TEXT_MAX];
    double tick[AXIS_TICKS_MAX];
    size_t n = axis_ticks(x, most, tick);
    *all = 0;
    assert_true(n <= most);
    for (size_t i = 0; i < n; i++) {
        assert_true(axis_sees(x, tick[i]));
        assert_true(i == 0 || tick[i] > tick[i - 1]);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", axis_tick_text(x, tick, n, i, buf));
    }
    return all;
}

static void test_chart__ticks_are_one_two_five(void **state)
{
    (void)state;
    struct axis x = FITTED(AXIS_LINEAR, 0.5, 0.62);
    assert_string_equal(ticks(&x, 6), "0.50 0.55 0.60");
}

static void test_chart__log_ticks_are_one_two_five_or_powers(void **state)
{
    (void)state;
    struct axis x = FITTED(AXIS_LOG, 0.9e6, 6e6);
    assert_string_equal(ticks(&x, 6), "1M 2M 5M");
    x = FITTED(AXIS_LOG, 9e3, 2e7);
    assert_string_equal(ticks(&x, 6), "10k 100k 1M 10M");
    x = FITTED(AXIS_LOG, 1e-300, 1e300);
    assert_true(strlen(ticks(&x, 6)) > 0);
    x = FITTED(AXIS_LOG, 1.1e6, 1.9e6); /* between two of them */
    assert_string_equal(ticks(&x, 6), "1.2M 1.4M 1.6M 1.8M");
}

static void test_chart__whole_numbers_have_whole_ticks(void **state)
{
    (void)state;
    struct axis x = {.whole = true, .low = 0, .high = 2};
    assert_string_equal(ticks(&x, 6), "0 1 2");
}

static void test_chart__a_clock_has_local_times(void **state)
{
    (void)state;
    setenv("TZ", "UTC-2", 1); /* two hours ahead */
    tzset();
    struct axis x = {.scale = AXIS_CLOCK, .low = 1790000000000.0, .high = 1790000000000.0 + 7.2e6};
    assert_string_equal(ticks(&x, 6), "16:30 17:00 17:30 18:00");
    setenv("TZ", "UTC", 1);
    tzset();
}

static void test_chart__nothing_one_and_constant_values_have_a_range(void **state)
{
    (void)state;
    const struct axis all[] = {
        fitted(AXIS_LINEAR, NULL, 0),
        fitted(AXIS_LOG, NULL, 0),
        FITTED(AXIS_LINEAR, 0),
        FITTED(AXIS_LINEAR, 0.6, 0.6, 0.6),
        FITTED(AXIS_LOG, 7, 7),
        FITTED(AXIS_LINEAR, NAN, INFINITY, -INFINITY),
        FITTED(AXIS_LOG, 0, -3, NAN),
        FITTED(AXIS_LINEAR, -DBL_MAX, DBL_MAX),
        FITTED(AXIS_LINEAR, DBL_MAX, DBL_MAX),
        FITTED(AXIS_LOG, DBL_MIN / 4, DBL_MAX),
        FITTED(AXIS_LINEAR, 1e15, 1e15 + 1),
        FITTED(AXIS_LINEAR, 5e-324, 1e-323),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct axis x = all[i];
        if (!(x.low < x.high)) fail_msg("%zu: %g to %g", i, x.low, x.high);
        axis_pad(&x, 0.05);
        assert_true(isfinite(x.low) && isfinite(x.high) && x.low < x.high);
        ticks(&x, 6);
        assert_near(axis_place(&x, x.low), 0, 1e-9);
        assert_near(axis_place(&x, x.high), 1, 1e-9);
    }
}

static void test_chart__one_wild_value_does_not_squash_the_rest(void **state)
{
    (void)state;
    double v[40];
    for (int i = 0; i < 40; i++) v[i] = i;
    v[7] = 1e9;
    struct axis x = fitted(AXIS_LINEAR, v, 40);
    assert_true(x.high < 100);
    axis_include(&x, 200);
    assert_true(axis_sees(&x, 200));
    v[7] = 7;
    x = fitted(AXIS_LINEAR, v, 40);
    assert_near(x.high, 39, 0);
}

static void test_chart__places_and_values_are_inverse(void **state)
{
    (void)state;
    struct axis linear = {.low = -3, .high = 5}, logs = {.scale = AXIS_LOG, .low = 1e-3, .high = 1e6};
    for (double p = -1; p <= 2; p += 0.25) {
        assert_near(axis_place(&linear, axis_value(&linear, p)), p, 1e-12);
        assert_near(axis_place(&logs, axis_value(&logs, p)), p, 1e-12);
    }
    assert_true(axis_place(&logs, 0) == -INFINITY && axis_place(&logs, -5) == -INFINITY);
    assert_true(isnan(axis_place(&logs, NAN)));
}

/* ---- a chart of any numbers ---- */

struct sample {
    struct arena arena;
    struct chart chart;
};

static struct chart_layer *marks(struct sample *s, enum axis_scale scale, size_t n, const double *x, const double *y)
{
    s->chart =
        (struct chart){.name = "sample", .title = "Trial 9 is best, by 2 points", .caption = "Each dot is a trial."};
    struct chart_panel *p = chart_panel(&s->chart, &s->arena);
    p->x = (struct axis){.name = "tokens", .unit = "", .scale = scale};
    p->y = (struct axis){.name = "em", .unit = ""};
    axis_fit(&p->x, x, n);
    axis_fit(&p->y, y, n);
    struct chart_layer *l = chart_layer(p, &s->arena, CHART_MARKS);
    l->n = n;
    l->x = x;
    l->y = y;
    l->look = CHART_COMPLETE;
    return l;
}

static char *svg_of(const struct chart *c, double width)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    svg_write(out, c, &(struct svg_wish){.width = width});
    fclose(out);
    assert_non_null(strstr(text, "</svg>\n"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf\""));
    assert_null(strstr(text, "inf "));
    return text;
}

static char *text_of(const struct chart *c, enum unicode_dots dots, bool colour)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    const struct screen screen = {.unicode = true, .colour = colour, .marks = true};
    unicode_write(out, c, &screen, &(struct unicode_wish){.columns = 80, .rows = 24, .dots = dots});
    fclose(out);
    return text;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

static void test_chart__what_is_beyond_is_counted(void **state)
{
    (void)state;
    struct sample s = {0};
    double x[40], y[40];
    for (int i = 0; i < 40; i++) x[i] = 1 + i, y[i] = 0.5 + 0.001 * i;
    x[3] = 0; /* not above 0, on a logarithmic axis */
    x[4] = -1;
    y[5] = 1e9; /* wild */
    y[6] = NAN; /* nowhere */
    y[7] = -INFINITY;
    marks(&s, AXIS_LOG, 40, x, y);
    struct chart_beyond b = chart_beyond(&s.chart.panel[0]);
    assert_int_equal(b.left, 2);
    assert_int_equal(b.above, 1);
    assert_int_equal(b.below, 1);
    assert_int_equal(b.right, 0);
    char *svg = svg_of(&s.chart, 720), *text = text_of(&s.chart, UNICODE_BRAILLE, false);
    assert_contains(svg, "← 2 beyond");
    assert_contains(svg, "↑ 1 above");
    assert_contains(text, "2 left, 1 above, 1 below");
    assert_int_equal(count(svg, "h0"), 35);
    free(svg);
    free(text);
    arena_done(&s.arena);
}

static void test_chart__empty_and_single_are_drawn(void **state)
{
    (void)state;
    const double one = 3, odd[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 0};
    for (size_t k = 0; k < 3; k++) {
        struct sample s = {0};
        const double *v = k == 1 ? &one : odd;
        marks(&s, k == 2 ? AXIS_LOG : AXIS_LINEAR, k == 0 ? 0 : k == 1 ? 1 : 6, v, v);
        free(svg_of(&s.chart, 360));
        for (int dots = UNICODE_USUAL; dots <= UNICODE_ASCII; dots++)
            free(text_of(&s.chart, (enum unicode_dots)dots, true));
        arena_done(&s.arena);
    }
}

static void test_chart__many_marks_are_a_density(void **state)
{
    (void)state;
    enum { N = 50000 };
    struct sample s = {0};
    double *x = arena_array(&s.arena, N, sizeof *x), *y = arena_array(&s.arena, N, sizeof *y);
    for (int i = 0; i < N; i++) x[i] = i, y[i] = sin(i * 12.9898) * (i % 97);
    struct chart_layer *l = marks(&s, AXIS_LINEAR, CHART_DENSE, x, y);
    assert_false(chart_is_dense(l));
    l->n = N;
    assert_true(chart_is_dense(l));
    char *svg = svg_of(&s.chart, 720), *text = text_of(&s.chart, UNICODE_BRAILLE, false);
    assert_true(strlen(svg) < 150000);
    assert_int_equal(count(svg, "h0"), 0);
    assert_true(strlen(text) < 10000);
    free(svg);
    free(text);
    arena_done(&s.arena);
}

/* Names that would be markup, steer a terminal, or turn the direction of writing. */
static void test_chart__names_are_harmless(void **state)
{
    (void)state;
    struct sample s = {0};
    const double x[] = {1, 2}, y[] = {1, 2};
    const char *const names[] = {"<script>alert(1)</script>", "\"&\x1b[2J\xff\xe2\x80\xae end"};
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 2, x, y);
    l->name = names;
    s.chart.title = "a<b & \"c\" \x1b]0;x\x07";
    s.chart.caption = "]]><!-- \xc3\x28";
    s.chart.panel[0].x.name = "<x>";
    s.chart.panel[0].title = "<title>";
    char *svg = svg_of(&s.chart, 720), *text = text_of(&s.chart, UNICODE_BRAILLE, false);
    assert_null(strstr(svg, "<script"));
    assert_contains(svg, "&lt;script&gt;alert(1)&lt;/script&gt;");
    assert_contains(svg, "a&lt;b &amp; &quot;c&quot; \\x1b]0;x\\x07");
    assert_null(strstr(svg, "\x1b"));
    assert_null(strstr(svg, "\xff"));
    assert_null(strstr(text, "\x1b"));
    assert_contains(text, "\\u202e");
    free(svg);
    free(text);
    arena_done(&s.arena);
}

static void test_chart__no_label_covers_another(void **state)
{
    (void)state;
    struct sample s = {0};
    double x[30], y[30];
    const char *names[30];
    enum chart_look each[30];
    for (int i = 0; i < 30; i++) {
        x[i] = i % 6;
        y[i] = i / 6;
        names[i] = "some reference";
        each[i] = CHART_REFERENCE;
    }
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 30, x, y);
    l->name = names;
    l->each = each;
    char *svg = svg_of(&s.chart, 1200);
    double left[30], top[30];
    size_t n = 0;
    for (const char *at = svg; (at = strstr(at, "<text x=\"")); at++) {
        double px = strtod(at + 9, NULL), py = strtod(strstr(at, " y=\"") + 4, NULL);
        if (!strstr(at, ">some reference") || strstr(at, ">some reference") > strchr(at, '\n')) continue;
        for (size_t k = 0; k < n; k++) assert_true(fabs(px - left[k]) > 60 || fabs(py - top[k]) >= 13);
        left[n] = px;
        top[n++] = py;
    }
    assert_int_equal(n, 30);
    free(svg);
    arena_done(&s.arena);
}

static void test_chart__colours_are_for_screens_that_have_them(void **state)
{
    (void)state;
    struct sample s = {0};
    const double x[] = {1, 2, 3}, y[] = {1, 3, 2};
    const enum chart_look each[] = {CHART_COMPLETE, CHART_FAILED, CHART_INFEASIBLE};
    marks(&s, AXIS_LINEAR, 3, x, y)->each = each;
    char *plain = text_of(&s.chart, UNICODE_BRAILLE, false), *colour = text_of(&s.chart, UNICODE_BRAILLE, true),
         *ascii = text_of(&s.chart, UNICODE_ASCII, false);
    assert_null(strstr(plain, "\033"));
    assert_contains(colour, "\033[31m✕\033[0m");
    assert_contains(plain, "● complete  ✕ failed  ◇ infeasible");
    assert_contains(ascii, "* complete  x failed  d infeasible");
    for (const char *c = ascii; *c; c++) assert_true((unsigned char)*c < 128);
    free(plain);
    free(colour);
    free(ascii);
    arena_done(&s.arena);
}

/* Every kind of layer, with numbers as bad as they come. */
static void test_chart__every_layer_takes_any_number(void **state)
{
    (void)state;
    const double bad[] = {0, 1, NAN, INFINITY, -INFINITY, 1e308, -1e308, 2}, rows[] = {0, 1, 2, 0, 1, 2, 0, 1},
                 middle[] = {0.25, 0.75};
    static const char *const names[] = {"a", "b", NULL, "d", "e", "f", "g", "h"}, *const row[] = {"one", "two",
                                                                                                  "<three>"};
    for (int kind = CHART_MARKS; kind <= CHART_CELLS; kind++)
        for (int k = 0; k < 2; k++) {
            struct sample s = {0};
            struct chart_layer *l = marks(&s, k ? AXIS_LOG : AXIS_LINEAR, 8, bad, bad);
            bool in_rows = kind == CHART_BARS || kind == CHART_INTERVALS || kind == CHART_SPANS;
            l->kind = (enum chart_kind)kind;
            l->y = in_rows ? rows : bad;
            l->low = bad + 1;
            l->high = bad;
            l->n = 7;
            l->name = names;
            l->label = "label";
            l->cells = (struct chart_cells){2, 2, middle, middle, bad, bad, "value"};
            if (in_rows) s.chart.panel[0].y = (struct axis){.scale = AXIS_ROWS, .n_rows = 3, .row = row, .name = ""};
            free(svg_of(&s.chart, 320));
            for (int dots = UNICODE_BRAILLE; dots <= UNICODE_ASCII; dots++)
                free(text_of(&s.chart, (enum unicode_dots)dots, false));
            json_t *json = chart_json(&s.chart);
            assert_non_null(json);
            json_decref(json);
            arena_done(&s.arena);
        }
}

static void test_chart__doubtful_cells_are_hatched(void **state)
{
    (void)state;
    struct sample s = {0};
    const double v[] = {0, 1, 2, 4}, sd[] = {0.1, 0.1, 2.5, 0.1}, middle[] = {0.25, 0.75};
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 0, NULL, NULL);
    l->kind = CHART_CELLS;
    l->cells = (struct chart_cells){2, 2, middle, middle, v, sd, "em"};
    double low, high;
    assert_true(chart_cells_range(&l->cells, &low, &high));
    assert_near(low, 0, 0);
    assert_near(high, 4, 0);
    assert_true(chart_cell_is_doubtful(&l->cells, 2, low, high));
    assert_false(chart_cell_is_doubtful(&l->cells, 0, low, high));
    char *svg = svg_of(&s.chart, 480), *text = text_of(&s.chart, UNICODE_BRAILLE, false);
    assert_contains(svg, ">0.0</text>");
    assert_contains(svg, ">4.0</text>");
    assert_contains(text, "em: [ ░▒▓█] 0.0 to 4.0  / little is known");
    assert_contains(text, "██");
    free(svg);
    free(text);
    arena_done(&s.arena);
}

/* On a heat map a mark is no shade, and the lowest shade no mark. */
static void test_chart__marks_are_seen_on_cells(void **state)
{
    (void)state;
    struct sample s = {0};
    const double v[] = {0, 4, 0, 4}, middle[] = {0.25, 0.75}, x[] = {0.4}, y[] = {0.5};
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 0, NULL, NULL);
    l->kind = CHART_CELLS;
    l->cells = (struct chart_cells){2, 2, middle, middle, v, NULL, "em"};
    l = chart_layer(&s.chart.panel[0], &s.arena, CHART_MARKS);
    l->look = CHART_QUIET;
    l->n = 1;
    l->x = x;
    l->y = y;
    char *text = text_of(&s.chart, UNICODE_BRAILLE, false), *ascii = text_of(&s.chart, UNICODE_ASCII, false);
    assert_int_equal(count(text, "●"), 1);
    assert_null(strstr(text, "·"));
    assert_contains(ascii, " * ");
    assert_contains(ascii, "em: [ :+%@] 0.0 to 4.0\n");
    free(text);
    free(ascii);
    arena_done(&s.arena);
}

static void test_chart__what_is_pale_and_what_is_queued_differ(void **state)
{
    (void)state;
    for (int dots = UNICODE_BRAILLE; dots <= UNICODE_ASCII; dots++) {
        const struct canvas c = {.dots = (enum unicode_dots)dots};
        assert_string_not_equal(canvas_mark(&c, CHART_QUEUED), canvas_mark(&c, CHART_QUIET));
        assert_string_not_equal(canvas_mark(&c, CHART_QUEUED), canvas_mark(&c, CHART_RUNNING));
    }
}

/* In whatever order they were made: else a band would hide a line, and a shade a mark. */
static void test_chart__areas_are_behind_marks(void **state)
{
    (void)state;
    struct sample s = {0};
    const double x[] = {1, 2}, y[] = {1, 2};
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 2, x, y);
    assert_false(chart_is_behind(l));
    assert_true(chart_has(&s.chart.panel[0], CHART_MARKS));
    assert_false(chart_has(&s.chart.panel[0], CHART_AT_Y));
    chart_line_at(&s.chart.panel[0], &s.arena, CHART_AT_Y, 2, NULL);
    assert_true(chart_is_behind(&s.chart.panel[0].layer[1]));
    s.chart.panel[0].layer[1].dashed = true;
    char *svg = svg_of(&s.chart, 480), *text = text_of(&s.chart, UNICODE_BRAILLE, false);
    assert_true(strstr(svg, "class=\"no-l2\"") > strstr(svg, "stroke-dasharray=\"2 3\""));
    assert_int_equal(count(text, "●"), 2);
    free(svg);
    free(text);
    arena_done(&s.arena);
}

/* Where names stand above their rows, numbers do too: they cover no bar. */
static void test_chart__bars_have_their_numbers(void **state)
{
    (void)state;
    struct sample s = {0};
    const double v[] = {81, 0}, y[] = {0, 1}, low[] = {75, 0}, high[] = {96, 25};
    const char *const number[] = {"81 % (75–96)", "0 % (0–25)"};
    const char *const row[] = {"a name of a parameter that is longer than its room is", "k  1–9"};
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 2, v, y);
    l->kind = CHART_BARS;
    l->low = low;
    l->high = high;
    l->name = number;
    s.chart.panel[0].x = (struct axis){.name = "share, %", .unit = "", .low = 0, .high = 100};
    s.chart.panel[0].y = (struct axis){.name = "", .unit = "", .scale = AXIS_ROWS, .n_rows = 2, .row = row};
    char *svg = svg_of(&s.chart, 480), *text = text_of(&s.chart, UNICODE_BRAILLE, false);
    const char *at = strstr(svg, number[0]), *anchor = at;
    assert_non_null(at);
    while (anchor > svg && *anchor != '<') anchor--;
    assert_true(strstr(anchor, "text-anchor=\"end\"") != NULL && strstr(anchor, "text-anchor=\"end\"") < at);
    assert_contains(svg, number[1]);
    assert_contains(text, number[0]);
    assert_contains(text, number[1]);
    assert_int_equal(count(text, "├"), 2); /* nor do they cover an end of an interval */
    assert_int_equal(count(text, "┤"), 2);
    free(svg);
    free(text);
    arena_done(&s.arena);
}

/* ---- without colours ---- */

/* What a timeline shows beside each other. */
static void test_chart__spans_are_told_apart_without_colour(void **state)
{
    (void)state;
    static const enum chart_look look[] = {CHART_COMPLETE, CHART_RUNNING, CHART_PRUNED, CHART_QUEUED};
    const struct canvas ascii = {.dots = UNICODE_ASCII}, blocks = {.dots = UNICODE_BRAILLE};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(unicode_layer_span(&ascii, look[i]), unicode_layer_span(&ascii, look[k]));
            assert_string_not_equal(unicode_layer_span(&blocks, look[i]), unicode_layer_span(&blocks, look[k]));
            assert_true(fabs(svg_span_half(look[i], 20) - svg_span_half(look[k], 20)) > 1);
        }
}

/* Where a name and a number are too wide for one line, each has its own. */
static void test_chart__a_number_does_not_run_into_its_name(void **state)
{
    (void)state;
    struct sample s = {0};
    const double v[] = {1}, y[] = {0}, low[] = {-1}, high[] = {2};
    const char *const number[] = {"+1.01 points (-0.49 to +2.50)"}, *const row[] = {"trial 13 beside baseline"};
    struct chart_layer *l = marks(&s, AXIS_LINEAR, 1, v, y);
    l->kind = CHART_INTERVALS;
    l->low = low;
    l->high = high;
    l->name = number;
    s.chart.panel[0].x = (struct axis){.name = "difference", .unit = "", .low = -2, .high = 3};
    s.chart.panel[0].y = (struct axis){.name = "", .unit = "", .scale = AXIS_ROWS, .n_rows = 1, .row = row};
    for (int narrow = 0; narrow < 2; narrow++) {
        char *svg = svg_of(&s.chart, narrow ? 328 : 720);
        double at[2] = {0};
        const char *const each[] = {row[0], number[0]};
        for (int i = 0; i < 2; i++) {
            const char *text = strstr(svg, each[i]);
            while (text && text > svg && strncmp(text, " y=\"", 4) != 0) text--;
            assert_non_null(text);
            at[i] = atof(text + 4);
        }
        assert_true(narrow ? at[1] > at[0] + 10 : at[1] == at[0]);
        free(svg);
    }
    arena_done(&s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chart__ticks_are_one_two_five),
        cmocka_unit_test(test_chart__log_ticks_are_one_two_five_or_powers),
        cmocka_unit_test(test_chart__whole_numbers_have_whole_ticks),
        cmocka_unit_test(test_chart__a_clock_has_local_times),
        cmocka_unit_test(test_chart__nothing_one_and_constant_values_have_a_range),
        cmocka_unit_test(test_chart__one_wild_value_does_not_squash_the_rest),
        cmocka_unit_test(test_chart__places_and_values_are_inverse),
        cmocka_unit_test(test_chart__what_is_beyond_is_counted),
        cmocka_unit_test(test_chart__empty_and_single_are_drawn),
        cmocka_unit_test(test_chart__many_marks_are_a_density),
        cmocka_unit_test(test_chart__names_are_harmless),
        cmocka_unit_test(test_chart__no_label_covers_another),
        cmocka_unit_test(test_chart__a_number_does_not_run_into_its_name),
        cmocka_unit_test(test_chart__colours_are_for_screens_that_have_them),
        cmocka_unit_test(test_chart__every_layer_takes_any_number),
        cmocka_unit_test(test_chart__doubtful_cells_are_hatched),
        cmocka_unit_test(test_chart__marks_are_seen_on_cells),
        cmocka_unit_test(test_chart__what_is_pale_and_what_is_queued_differ),
        cmocka_unit_test(test_chart__areas_are_behind_marks),
        cmocka_unit_test(test_chart__bars_have_their_numbers),
        cmocka_unit_test(test_chart__spans_are_told_apart_without_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
