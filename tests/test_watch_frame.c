/* What a screen shows of a watched study: any size, ASCII, nothing and ten thousand trials, silent ones, hostile names;
 * and what keys make of it. */
#include "tests/told_world.h"

#include "tuner/report/report.h"
#include "tuner/report/scene.h"

#include "tuner/base/width.h"

#include <locale.h>

static const char STUDY[] =
    "study: s\nparameters:\n  lr: {type: float, range: [1e-4, 1], scale: log}\n  k: {type: int, range: [1, 9]}\n"
    "metrics:\n  em: {goal: maximize, kind: proportion, of: 1000}\n  tokens: {goal: minimize, kind: count}\n"
    "baseline: {lr: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\nbudget: {trials: 40, tokens: 1e8}\n";

/* ---- a shown study ---- */

struct shown {
    struct arena arena;
    struct screen screen;
    struct health health;
    struct document document;
    struct chart chart[WATCH_CHARTS];
    struct error err[WATCH_CHARTS];
    struct watch_facts facts;
    struct scene scene;
    struct frame frame;
};

static struct shown *facts_of(struct told_world *w, bool running)
{
    static const char *const happened[] = {"03:12:00  trial 1 is complete: em 0.5",
                                           "03:12:07  trial 2 is complete: em 0.6"};
    struct shown *x = calloc(1, sizeof *x);
    x->screen = (struct screen){.fd = -1, .marks = true, .unicode = true, .colour = true};
    x->health = health_of(w->memory, &(struct health_facts){.known = true, .running = running}, &x->arena);
    x->document = document_of(w->memory, &x->arena);
    x->scene = scene_begin(SCENE_STUDY);
    x->facts = (struct watch_facts){.memory = w->memory,
                                    .link = {WATCH_LIVE, w->clock.wall, NULL},
                                    .running = running,
                                    .where = "",
                                    .document = &x->document,
                                    .health = &x->health,
                                    .n_happened = 2,
                                    .happened = happened,
                                    .tail = "  epoch 1\n  epoch 2\n"};
    return x;
}

static void draw_charts(struct shown *x)
{
    const enum figure_kind kinds[WATCH_CHARTS] = {x->scene.chart, scene_other_chart(x->scene.chart, 0),
                                                  scene_other_chart(x->scene.chart, 1)};
    for (size_t i = 0; i < WATCH_CHARTS; i++) {
        bool none = figure_make(kinds[i], &(struct figure_wish){.memory = x->facts.memory}, &x->arena, &x->chart[i],
                                &x->err[i]);
        x->facts.chart[i] = (struct watch_chart){kinds[i], none ? NULL : &x->chart[i], x->err[i].text};
    }
}

/* No wider, no higher; nothing steers the terminal but colours that end where they begin. */
static void assert_harmless(struct shown *x, size_t columns, size_t rows)
{
    assert_true(x->frame.n <= rows);
    for (size_t i = 0; i < x->frame.n; i++) {
        const char *line = x->frame.line[i];
        if (frame_width(line) > columns)
            fail_msg("%zu × %zu: '%s' is %zu wide", columns, rows, line, frame_width(line));
        for (const char *c = line; *c; c++) {
            if (*c == '\033' && !(c[1] == '[' && c[2 + strspn(c + 2, "0123456789;")] == 'm'))
                fail_msg("'%s' steers", line);
            if ((unsigned char)*c < ' ' && *c != '\033') fail_msg("'%s' has a control character", line);
            if (!x->screen.unicode && (unsigned char)*c >= 0x80) fail_msg("'%s' is not ASCII", line);
            if (!x->screen.colour && *c == '\033') fail_msg("'%s' has a colour", line);
        }
    }
}

static void draw(struct shown *x, size_t columns, size_t rows)
{
    draw_charts(x);
    x->frame = frame_make(columns, rows, &x->screen, &x->arena);
    watch_frame(&x->facts, &x->scene, &x->frame);
    assert_harmless(x, columns, rows);
}

/* All lines, without colours. */
static const char *text_of(struct shown *x)
{
    const char *all = "";
    for (size_t i = 0; i < x->frame.n; i++) all = arena_printf(&x->arena, "%s%s\n", all, x->frame.line[i]);
    return all;
}

static void assert_shows(struct shown *x, const char *part)
{
    if (!strstr(text_of(x), part)) fail_msg("no '%s' in\n%s", part, text_of(x));
}

static void assert_lacks(struct shown *x, const char *part)
{
    if (strstr(text_of(x), part)) fail_msg("'%s' in\n%s", part, text_of(x));
}

static void shown_free(struct shown *x)
{
    arena_done(&x->arena);
    free(x);
}

static void plain(struct shown *x)
{
    x->screen.colour = false;
}

/* ---- studies ---- */

static const struct trial *begin(struct told_world *w, double lr, double k)
{
    struct error err;
    const struct trial *t =
        history_add(w->history, &(struct addition){.role = ROLE_SEARCH, .config = (double[]){lr, k}, .source = "test"});
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 4242, 0, &err), err);
    return t;
}

static void report_now(struct told_world *w, const struct trial *t, long step, double em)
{
    json_t *m = json_pack("{s:f, s:f}", "em", em, "tokens", 1000.0 * (double)(step + 1));
    history_report(w->history, t, step, m);
    json_decref(m);
}

static struct told_world *small(size_t trials)
{
    struct told_world *w = told_make(STUDY);
    history_suppose(w->history, &w->study->budget, 2);
    told_end(w, w->memory->trial[0], TRIAL_COMPLETE, json_pack("{s:f, s:f}", "em", 0.6, "tokens", 1e6));
    for (size_t i = 0; i < trials; i++) {
        double config[2];
        told_draw(w, config);
        told_add(w, config,
                 i % 7 == 6 ? NULL
                            : json_pack("{s:f, s:f}", "em", 0.5 + 0.15 * rng_unit(&w->rng), "tokens",
                                        1e6 * (0.3 + rng_unit(&w->rng))));
    }
    return w;
}

static const size_t sizes[][2] = {{240, 80}, {200, 60}, {120, 40}, {110, 20}, {109, 50}, {80, 60}, {80, 24}, {79, 23},
                                  {60, 16},  {40, 12},  {30, 8},   {20, 5},   {12, 3},   {5, 2},   {1, 1}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void draw_all_sizes(struct shown *x)
{
    for (int unicode = 0; unicode < 2; unicode++)
        for (int colour = 0; colour < 2; colour++)
            for (size_t i = 0; i < SIZES; i++) {
                x->screen.unicode = unicode;
                x->screen.colour = colour;
                draw(x, sizes[i][0], sizes[i][1]);
                assert_int_equal(x->frame.n, sizes[i][1]);
            }
}

static void test_watch_frame__every_size_has_a_frame(void **state)
{
    (void)state;
    struct told_world *w = small(30);
    const struct trial *t = begin(w, 0.1, 3);
    report_now(w, t, 4, 0.55);
    struct shown *x = facts_of(w, true);
    for (int view = SCENE_STUDY; view <= SCENE_KEYS; view++) {
        x->scene.view = (enum scene_view)view;
        x->scene.chosen = t->number;
        draw_all_sizes(x);
    }
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__eighty_by_twenty_four_says_what_matters(void **state)
{
    (void)state;
    struct told_world *w = small(30);
    const struct trial *t = begin(w, 0.1, 3);
    report_now(w, t, 4, 0.55);
    struct shown *x = facts_of(w, true);
    plain(x);
    draw(x, 80, 24);
    assert_shows(x, "s: searching");
    assert_shows(x, "1 running, 27 complete, 4 failed");
    assert_shows(x, "  live\n");
    assert_shows(x, "is the best so far: em 0.");
    assert_shows(x, "beside baseline");
    assert_shows(x, "ends about");
    assert_shows(x, "31 of 40, 1 running");
    assert_shows(x, "100.00M");
    assert_shows(x, "trial 31");
    assert_shows(x, "step 4");
    assert_shows(x, "lr=0.1 k=3");
    assert_shows(x, "? keys  q quit");
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__a_wide_screen_has_two_charts_a_narrow_one_its_words(void **state)
{
    (void)state;
    struct told_world *w = small(30);
    struct shown *x = facts_of(w, true);
    plain(x);
    draw(x, 160, 50);
    assert_shows(x, "history: ");
    assert_shows(x, "front: ");
    assert_shows(x, "last events");
    draw(x, 240, 80);
    assert_shows(x, "curves"); /* a third */
    draw(x, 40, 12);
    assert_lacks(x, "history: ");
    assert_shows(x, "is the best so far");
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__an_empty_study_says_so(void **state)
{
    (void)state;
    struct told_world *w = told_make(STUDY);
    struct shown *x = facts_of(w, true);
    plain(x);
    draw(x, 80, 24);
    assert_shows(x, "No result yet");
    assert_shows(x, "when it will end is not known yet");
    assert_shows(x, "no trial runs");
    x->scene.view = SCENE_CHART;
    draw(x, 80, 24);
    assert_shows(x, "a history needs a complete trial");
    draw_all_sizes(x);
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__one_trial(void **state)
{
    (void)state;
    struct told_world *w = small(0);
    struct shown *x = facts_of(w, true);
    plain(x);
    draw(x, 80, 24);
    assert_shows(x, "Nothing that was tried is better than the baseline so far: em 0.6000, tokens\n");
    draw_all_sizes(x);
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__before_anything_is_made_there_is_a_frame(void **state)
{
    (void)state;
    struct told_world *w = small(3);
    struct shown *x = facts_of(w, true);
    x->facts.document = NULL;
    x->facts.health = NULL;
    x->facts.n_happened = 0;
    draw_all_sizes(x);
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__ten_thousand_trials(void **state)
{
    (void)state;
    struct told_world *w = small(10000);
    for (int i = 0; i < 60; i++) begin(w, 0.1, 3);
    struct shown *x = facts_of(w, true);
    draw(x, 240, 80);
    draw(x, 80, 24);
    plain(x);
    draw(x, 80, 24);
    assert_shows(x, "60 trials run, ");
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__the_chosen_one_of_many_is_shown(void **state)
{
    (void)state;
    struct told_world *w = small(3);
    for (int i = 0; i < 60; i++) begin(w, 0.1, 3);
    struct shown *x = facts_of(w, true);
    plain(x);
    draw(x, 80, 24);
    assert_lacks(x, "trial 60 ");
    x->scene.chosen = 60;
    draw(x, 80, 24);
    assert_shows(x, "▸ trial 60 ");
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__a_silent_trial_is_called_stalled(void **state)
{
    (void)state;
    struct told_world *w = small(5);
    const struct trial *t = begin(w, 0.1, 3), *other = begin(w, 0.2, 4);
    for (long step = 0; step < 6; step++) {
        report_now(w, t, step, 0.5);
        report_now(w, other, step, 0.5);
        fake_clock_pass(&w->clock, 2000);
    }
    struct shown *x = facts_of(w, true);
    plain(x);
    draw(x, 100, 24);
    assert_lacks(x, "stalled");
    assert_shows(x, "2.0s ago");
    fake_clock_pass(&w->clock, 90000);
    report_now(w, other, 6, 0.5);
    draw(x, 100, 24);
    assert_shows(x, "‖ trial 6 ");
    assert_shows(x, "stalled: silent 1m 32s");
    assert_shows(x, "just now");
    assert_shows(x, "2 trials run, 1 stalled");
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__nobody_is_at_it(void **state)
{
    (void)state;
    struct told_world *w = small(5);
    begin(w, 0.1, 3);
    struct shown *x = facts_of(w, false);
    plain(x);
    x->facts.where = " --db other.db";
    draw(x, 80, 24);
    assert_shows(x, "s: not running");
    assert_shows(x, "1 cut off");
    assert_shows(x, "not running; go on with: nocturne resume s --db other.db");
    assert_shows(x, "cut off  lr=0.1 k=3");
    assert_lacks(x, "ends about");
    assert_lacks(x, "nobody is at it");
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__the_sign_says_how_old_it_is(void **state)
{
    (void)state;
    struct told_world *w = small(5);
    struct shown *x = facts_of(w, true);
    plain(x);
    x->facts.link = (struct watch_link){WATCH_BEHIND, w->clock.wall - 40000, "the database is locked"};
    draw(x, 80, 24);
    assert_shows(x, "behind 40s\n");
    assert_shows(x, "the database is locked");
    x->facts.link = (struct watch_link){WATCH_LOST, 0, "nocturne.db is gone"};
    draw(x, 80, 24);
    assert_shows(x, "lost since 00:00, trying again\n");
    assert_shows(x, "nocturne.db is gone");
    assert_shows(x, "6 complete"); /* what was read stays */
    shown_free(x);
    told_free(w);
}

static void test_watch_frame__what_others_wrote_does_not_steer(void **state)
{
    (void)state;
    struct told_world *w = told_make(
        "study: s\nparameters:\n  p: {type: categorical, values: [\"a b\", \"日本語日本語日本語日本語日本語\", \"\\u0301x\"]}\n"
        "metrics:\n  em: {goal: maximize, kind: proportion}\nobjective: {maximize: em}\nbudget: {trials: 9}\n");
    struct error err;
    for (double p = 0; p < 3; p++) told_add(w, &p, json_pack("{s:f}", "em", 0.5 + 0.1 * p));
    const struct trial *t =
        history_add(w->history, &(struct addition){.role = ROLE_SEARCH, .config = (double[]){0}, .source = "\033[2J"});
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 1, 0, &err), err);
    static const char *const happened[] = {"03:12:07  trial 1 has failed: \\x1b[2J"};
    struct shown *x = facts_of(w, true);
    x->facts.happened = happened;
    x->facts.n_happened = 1;
    x->facts.link = (struct watch_link){WATCH_LOST, 0, "bad \033]0;title\007 \xff\xfe text"};
    x->facts.tail = "  \033[2J\033]0;t\007\xff progress 1\rprogress 2\n  \t日本語\n";
    x->scene.chosen = t->number;
    for (int view = SCENE_STUDY; view <= SCENE_KEYS; view++) {
        x->scene.view = (enum scene_view)view;
        draw_all_sizes(x);
    }
    x->scene.view = SCENE_LOG;
    draw(x, 80, 24);
    assert_shows(x, "\\x1b[2J");
    shown_free(x);
    told_free(w);
}

/* ---- events ---- */

static void on_event(void *data, const struct store_event *e)
{
    struct shown *x = data;
    const char *text = happening_text(x->facts.memory, e, &x->arena);
    if (text) x->facts.tail = arena_printf(&x->arena, "%s%s\n", x->facts.tail, text + strcspn(text, " ") + 2);
}

static void test_watch_frame__events_are_told_in_words(void **state)
{
    (void)state;
    struct told_world *w = small(0);
    struct error err;
    told_add(w, (double[]){0.1, 3}, NULL);
    const struct trial *t = begin(w, 0.1, 3);
    assert_ok(history_return(w->history, t, OUTCOME_CRASHED, "exit code 1: \033[2J", 0, &err), err);
    assert_ok(history_flush(w->history, &err), err);
    struct shown *x = facts_of(w, true);
    x->facts.tail = "";
    assert_ok(store_events(w->store, w->memory->study_id, -1, on_event, x, &err), err);
    assert_string_equal(x->facts.tail, "trial 0 is complete: em 0.6000, tokens 1.00M\ntrial 1 has failed: test\n"
                                       "trial 2 runs again: exit code 1: \\x1b[2J\n");
    shown_free(x);
    told_free(w);
}

/* ---- keys ---- */

static enum scene_deed press(struct scene *s, const char *keys, const struct scene_list *list)
{
    enum scene_deed deed = SCENE_STAYS;
    for (; *keys; keys++) deed = scene_press(s, *keys, list);
    return deed;
}

static void test_watch_frame__keys_choose_charts_and_trials(void **state)
{
    (void)state;
    const struct scene_list list = {3, (long[]){4, 7, 9}};
    struct scene s = scene_begin(SCENE_STUDY);
    assert_int_equal(press(&s, "f", &list), SCENE_CHANGES);
    assert_true(s.view == SCENE_CHART && s.chart == FIGURE_FRONT);
    press(&s, "\033", &list);
    assert_true(s.view == SCENE_STUDY && s.chart == FIGURE_FRONT);
    for (int i = 0; i < 5; i++) press(&s, "\t", &list);
    assert_true(s.view == SCENE_STUDY && s.chart == FIGURE_FRONT); /* all around */
    press(&s, "jj", &list);
    assert_int_equal(s.chosen, 7);
    press(&s, "jjj", &list);
    assert_int_equal(s.chosen, 9);
    assert_int_equal(press(&s, "j", &list), SCENE_STAYS);
    press(&s, "kkkk", &list);
    assert_int_equal(s.chosen, 4);
    press(&s, "l", &list);
    assert_int_equal(s.view, SCENE_LOG);
    press(&s, "jl", &list);
    assert_true(s.view == SCENE_STUDY && s.chosen == 7);
    assert_int_equal(press(&s, "q", &list), SCENE_QUITS);
    assert_int_equal(press(&s, "\f", &list), SCENE_RENEWS);
}

static void test_watch_frame__keys_without_anything_to_choose(void **state)
{
    (void)state;
    const struct scene_list none = {0, NULL};
    struct scene s = scene_begin(SCENE_STUDY);
    assert_int_equal(press(&s, "jkl\r", &none), SCENE_STAYS);
    assert_int_equal(s.view, SCENE_STUDY);
    s = scene_begin(SCENE_LIST);
    assert_int_equal(press(&s, "jk\r", &none), SCENE_STAYS);
}

static void test_watch_frame__a_trial_that_ended_is_left_by_the_next_key(void **state)
{
    (void)state;
    const struct scene_list list = {2, (long[]){4, 7}};
    struct scene s = scene_begin(SCENE_STUDY);
    s.chosen = 3;
    press(&s, "k", &list);
    assert_int_equal(s.chosen, 7);
    s.chosen = 3;
    press(&s, "l", &list);
    assert_true(s.view == SCENE_LOG && s.chosen == 4);
}

static void test_watch_frame__a_filter_is_typed_and_taken_back(void **state)
{
    (void)state;
    struct told_world *w = small(1);
    struct arena a = {0};
    const struct trial *const *run;
    const struct scene_list none = {0, NULL};
    struct scene s = scene_begin(SCENE_STUDY);
    begin(w, 0.1, 3);
    begin(w, 0.2, 4);
    press(&s, "/lr=0.2q", &none);
    assert_int_equal(s.view, SCENE_FILTER);
    press(&s, "\177\r", &none);
    assert_string_equal(s.filter, "lr=0.2");
    assert_int_equal(watch_running(w->memory, s.filter, &a, &run), 1);
    assert_int_equal(run[0]->number, 3);
    press(&s, "\033", &none);
    assert_string_equal(s.filter, "");
    assert_int_equal(watch_running(w->memory, s.filter, &a, &run), 2);
    for (int i = 0; i < 200; i++) press(&s, "/x", &none);
    assert_true(strlen(s.filter) < SCENE_FILTER_MAX);
    arena_done(&a);
    told_free(w);
}

static void test_watch_frame__help_covers_and_uncovers(void **state)
{
    (void)state;
    const struct scene_list list = {1, (long[]){4}};
    struct scene s = scene_begin(SCENE_LIST);
    press(&s, "?", &list);
    assert_int_equal(s.view, SCENE_KEYS);
    press(&s, "x", &list);
    assert_int_equal(s.view, SCENE_LIST);
    assert_int_equal(press(&s, "\r", &list), SCENE_OPENS);
    s.view = SCENE_STUDY;
    press(&s, "h?\033", &list);
    assert_int_equal(s.view, SCENE_CHART);
    press(&s, "\033", &list);
    assert_int_equal(s.view, SCENE_STUDY);
    assert_int_equal(press(&s, "\033", &list), SCENE_RETURNS);
    assert_int_equal(s.view, SCENE_LIST);
}

/* ---- several studies ---- */

static void test_watch_frame__the_list_has_a_line_for_each_study(void **state)
{
    (void)state;
    struct arena a = {0};
    struct screen screen = {.fd = -1, .marks = true, .unicode = true};
    struct watch_row row[40];
    for (int i = 0; i < 40; i++)
        row[i] = (struct watch_row){.id = i + 1,
                                    .name = arena_printf(&a, "study-%d\033[2J", i),
                                    .running = i == 0,
                                    .best = "best: trial 9, a trade"};
    row[0].states[TRIAL_COMPLETE] = 12;
    row[1].problem = "made by a later version";
    const struct watch_rows rows = {"nocturne.db", {WATCH_LIVE, 0, NULL}, 0, 40, row};
    struct scene s = scene_begin(SCENE_LIST);
    for (size_t i = 0; i < SIZES; i++) {
        struct shown x = {.screen = screen, .arena = a};
        x.frame = frame_make(sizes[i][0], sizes[i][1], &screen, &x.arena);
        watch_list_frame(&rows, &s, &x.frame);
        assert_harmless(&x, sizes[i][0], sizes[i][1]);
        if (sizes[i][0] == 80 && sizes[i][1] == 24) {
            assert_shows(&x, "40 studies in nocturne.db");
            assert_shows(&x, "▸ study-0\\x1b[2J");
            assert_shows(&x, "running      12 complete; best: trial 9, a trade");
            assert_shows(&x, "made by a later version");
            assert_lacks(&x, "study-39");
        }
        a = x.arena;
    }
    s.chosen = 40;
    struct shown x = {.screen = screen, .arena = a};
    x.frame = frame_make(80, 24, &screen, &x.arena);
    watch_list_frame(&rows, &s, &x.frame);
    assert_shows(&x, "▸ study-39");
    arena_done(&x.arena);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_frame__every_size_has_a_frame),
        cmocka_unit_test(test_watch_frame__eighty_by_twenty_four_says_what_matters),
        cmocka_unit_test(test_watch_frame__a_wide_screen_has_two_charts_a_narrow_one_its_words),
        cmocka_unit_test(test_watch_frame__an_empty_study_says_so),
        cmocka_unit_test(test_watch_frame__one_trial),
        cmocka_unit_test(test_watch_frame__before_anything_is_made_there_is_a_frame),
        cmocka_unit_test(test_watch_frame__ten_thousand_trials),
        cmocka_unit_test(test_watch_frame__the_chosen_one_of_many_is_shown),
        cmocka_unit_test(test_watch_frame__a_silent_trial_is_called_stalled),
        cmocka_unit_test(test_watch_frame__nobody_is_at_it),
        cmocka_unit_test(test_watch_frame__the_sign_says_how_old_it_is),
        cmocka_unit_test(test_watch_frame__what_others_wrote_does_not_steer),
        cmocka_unit_test(test_watch_frame__events_are_told_in_words),
        cmocka_unit_test(test_watch_frame__keys_choose_charts_and_trials),
        cmocka_unit_test(test_watch_frame__keys_without_anything_to_choose),
        cmocka_unit_test(test_watch_frame__a_trial_that_ended_is_left_by_the_next_key),
        cmocka_unit_test(test_watch_frame__a_filter_is_typed_and_taken_back),
        cmocka_unit_test(test_watch_frame__help_covers_and_uncovers),
        cmocka_unit_test(test_watch_frame__the_list_has_a_line_for_each_study),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
