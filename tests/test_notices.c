/* Who is told what, when: the notify file, quiet hours, what waits, mail and signatures. */
#include "tests/store_file.h"

#include "tuner/notify/lookout.h"
#include "tuner/notify/mail.h"
#include "tuner/notify/notify.h"
#include "tuner/notify/signature.h"
#include "tuner/notify/web.h"

#include "tuner/base/digest.h"

#include <sys/stat.h>
#include <time.h>

/* ---- the file ---- */

static const char WHOLE[] =
    "channels:\n"
    "  team:  {webhook: 'https://hooks.example.org:8443/abc?key=1#x', header: {Authorization: Bearer abc}, secret: "
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}\n"
    "  phone: {command: [ntfy, publish, mine, '{study}: {sentence} {{x}}']}\n"
    "  mail:  {sendmail: [ada@example.org, bob@example.org], from: n@example.org, path: /bin/true}\n"
    "tell: {end: [team, mail], health: [phone], best: []}\n"
    "quiet: {from: '22:00', to: '07:00', but: [end, stalled]}\n"
    "heartbeat: {url: 'https://hc.example.org/ping/abc', every: 90s}\n";

static struct notify_file *parse(const char *text)
{
    struct notify_file *f = NULL;
    struct error err;
    assert_ok(notify_file_parse("n.yaml", text, strlen(text), &f, &err), err);
    return f;
}

static void test_notify_file__all_of_it(void **state)
{
    (void)state;
    struct notify_file *f = parse(WHOLE);
    assert_int_equal(f->n, 3);
    assert_string_equal(f->channel[0].url.host, "https://hooks.example.org:8443");
    assert_string_equal(f->channel[0].url.path, "/abc?key=1");
    assert_string_equal(f->channel[0].url.hidden, "https://hooks.example.org:8443/…");
    assert_string_equal(f->channel[0].header[0], "Authorization: Bearer abc");
    assert_int_equal(f->channel[0].n_secret, 24);
    assert_string_equal(f->channel[1].word[3], "{study}: {sentence} {{x}}");
    assert_string_equal(f->channel[2].to[1], "bob@example.org");
    assert_null(f->channel[2].to[2]);
    assert_int_equal(f->tell[NOTICE_END], 1 | 4);
    assert_int_equal(f->tell[NOTICE_HEALTH], 2);
    assert_int_equal(f->tell[NOTICE_STALLED], 2); /* as health */
    assert_int_equal(f->tell[NOTICE_BEST], 0);
    assert_true(f->quiet.some);
    assert_int_equal(f->but, 1u << NOTICE_END | 1u << NOTICE_STALLED);
    assert_int_equal(f->heartbeat.every_ms, 90000);
    notify_file_free(f);
}

static void test_notify_file__without_tell_all_hear_all(void **state)
{
    (void)state;
    struct notify_file *f = parse("channels: {a: {command: [x]}, b: {command: [y]}}\n");
    for (int kind = 0; kind < NOTICE_KINDS_TOLD; kind++) assert_int_equal(f->tell[kind], 3);
    assert_false(f->quiet.some);
    assert_null(f->heartbeat.url.host);
    notify_file_free(f);
}

static void test_notify_file__errors_name_place_value_and_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"chanels: {}\n", "n.yaml:1:1: unknown key 'chanels' in 'the file'; did you mean 'channels'?"},
        {"tell: {}\n", "n.yaml:1:1: nobody is told anything"},
        {"channels: {a: {webhok: x}}\n", "n.yaml:1:12: channel 'a' has no way"},
        {"channels: {a: {webhook: x}}\n", "n.yaml:1:25: 'webhook' must be a URL such as https://"},
        {"channels: {a: {webhook: 'ftp://h/x'}}\n", "must be a URL"},
        {"channels: {a: {webhook: 'https://u:p@h/x'}}\n", "has a name or password before its host"},
        {"channels: {a: {webhook: \"https://h/x\\ny\"}}\n", "must be a URL"},
        {"channels: {a: {webhook: 'https://h/x', header: {\"X\\n\": y}}}\n", "is not a header"},
        {"channels: {a: {webhook: 'https://h/x', header: {X: \"y\\nz\"}}}\n", "is not a header"},
        {"channels: {a: {webhook: 'https://h/x', secret: 'whsec_§'}}\n", "whsec_ and base 64"},
        {"channels: {a: {command: ntfy publish}}\n", "'command' is a list, since there is no shell"},
        {"channels: {a: {command: []}}\n", "takes 1 to 64 items"},
        {"channels: {a: {command: [x, '{sentense}']}}\n", "{sentence}, {action}, {study}"},
        {"channels: {a: {command: [x, '{sentence']}}\n", "{{ and }} are braces"},
        {"channels: {a: {sendmail: ada}}\n", "'ada' is not a mail address such as ada@example.org"},
        {"channels: {a: {sendmail: \"a@b\\nBcc: c@d\"}}\n", "is not a mail address"},
        {"channels: {a: {sendmail: '-oQ/x@b'}}\n", "is not a mail address"},
        {"channels: {a: {sendmail: a@b, path: sendmail}}\n", "is not the whole path of a program"},
        {"channels: {'a b': {command: [x]}}\n", "is not a name for a channel"},
        {"channels: {team: {command: [x]}}\ntell: {end: [teem]}\n",
         "n.yaml:2:14: there is no channel 'teem'; did you mean 'team'?"},
        {"channels: {a: {command: [x]}}\ntell: {ends: [a]}\n", "'ends' is nothing that is told; did you mean 'end'?"},
        {"channels: {a: {command: [x]}}\ntell: {test: [a]}\n", "'test' is nothing that is told"},
        {"channels: {a: {command: [x]}}\nquiet: {from: '22:00'}\n", "'quiet' needs 'from' and 'to'"},
        {"channels: {a: {command: [x]}}\nquiet: {from: 22, to: '07:00'}\n", "'from' is not a time of day"},
        {"channels: {a: {command: [x]}}\nquiet: {from: '07:00', to: '07:00'}\n", "are the same"},
        {"heartbeat: {every: 5m}\n", "'heartbeat' needs a url"},
        {"heartbeat: {url: 'https://h', every: 1ms}\n", "is not a duration of a second or more"},
        {"[1]\n", "'the file' must be a map, not a list"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct notify_file *f = NULL;
        struct error err = {0};
        assert_int_equal(notify_file_parse("n.yaml", wrong[i].text, strlen(wrong[i].text), &f, &err), STATUS_INVALID);
        assert_contains(err.text, wrong[i].says);
        assert_null(f);
    }
}

static void test_notify_file__secrets_are_in_no_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "channels: {a: {webhook: 'https://h/hush hush'}}\n",
        "channels: {a: {webhook: 'https://hush:hush@h/x'}}\n",
        "channels: {a: {webhook: 'https://h/x', secret: whsec_hush!}}\n",
        "channels: {a: {webhook: 'https://h/x', header: {A b: hush}}}\n",
        "heartbeat: {url: 'hush://h/x'}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct notify_file *f = NULL;
        struct error err = {0};
        assert_int_equal(notify_file_parse("n.yaml", texts[i], strlen(texts[i]), &f, &err), STATUS_INVALID);
        assert_null(strstr(err.text, "hush"));
    }
}

static void test_notify_file__others_may_not_write_to_it(void **state)
{
    (void)state;
    char name[300];
    struct notify_file *f = NULL;
    struct error err;
    snprintf(name, sizeof name, "%s/notify.yaml", test_folder());
    FILE *out = fopen(name, "w");
    fputs(WHOLE, out);
    fclose(out);
    chmod(name, 0662);
    assert_int_equal(notify_file_load(name, &f, &err), STATUS_DENIED);
    assert_contains(err.text, "chmod go-w");
    chmod(name, 0600);
    assert_ok(notify_file_load(name, &f, &err), err);
    notify_file_free(f);
    assert_int_equal(notify_file_load(test_folder(), &f, &err), STATUS_INVALID);
    unlink(name);
    assert_int_equal(notify_file_load(name, &f, &err), STATUS_NOT_FOUND);
}

static void test_notify_file__where_it_is_looked_for(void **state)
{
    (void)state;
    struct arena a = {0};
    setenv("XDG_CONFIG_HOME", "/nowhere", 1);
    setenv("NOCTURNE_NOTIFY", "", 1);
    assert_null(notify_file_find(NULL, &a));
    assert_string_equal(notify_file_find("x.yaml", &a), "x.yaml");
    setenv("NOCTURNE_NOTIFY", "y.yaml", 1);
    assert_string_equal(notify_file_find(NULL, &a), "y.yaml");
    assert_null(notify_file_find("none", &a));
    setenv("NOCTURNE_NOTIFY", "none", 1);
    assert_null(notify_file_find(NULL, &a));
    unsetenv("NOCTURNE_NOTIFY");
    arena_done(&a);
}

/* ---- quiet hours ---- */

static int64_t at(const char *zone, int year, int month, int day, int minutes)
{
    setenv("TZ", zone, 1);
    tzset();
    struct tm t = {.tm_year = year - 1900,
                   .tm_mon = month - 1,
                   .tm_mday = day,
                   .tm_hour = minutes / 60,
                   .tm_min = minutes % 60,
                   .tm_isdst = -1};
    return (int64_t)mktime(&t) * 1000;
}

enum { H = 60, HOUR_MS = 3600000 };

static void test_quiet__across_midnight(void **state)
{
    (void)state;
    const struct quiet night = {true, 22 * H, 7 * H}, noon = {true, 12 * H, 13 * H}, none = {0};
    assert_false(quiet_is(&night, at("UTC", 2026, 11, 30, 22 * H - 1)));
    assert_true(quiet_is(&night, at("UTC", 2026, 11, 30, 22 * H)));
    assert_true(quiet_is(&night, at("UTC", 2026, 12, 1, 3 * H)));
    assert_true(quiet_is(&night, at("UTC", 2026, 12, 1, 7 * H - 1)));
    assert_false(quiet_is(&night, at("UTC", 2026, 12, 1, 7 * H)));
    assert_true(quiet_is(&noon, at("UTC", 2026, 12, 1, 12 * H + 30)));
    assert_false(quiet_is(&noon, at("UTC", 2026, 12, 1, 13 * H)));
    assert_false(quiet_is(&none, at("UTC", 2026, 12, 1, 0)));
    assert_int_equal(quiet_end_ms(&night, at("UTC", 2026, 11, 30, 23 * H)), at("UTC", 2026, 12, 1, 7 * H));
    assert_int_equal(quiet_end_ms(&night, at("UTC", 2026, 12, 1, 3 * H)), at("UTC", 2026, 12, 1, 7 * H));
}

static void test_quiet__nights_in_which_clocks_are_set(void **state)
{
    (void)state;
    const struct quiet night = {true, 22 * H, 7 * H}, gap = {true, 1 * H, 2 * H + 30};
    const char *berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
    int64_t spring = at(berlin, 2026, 3, 28, 23 * H), autumn = at(berlin, 2026, 10, 24, 23 * H);
    assert_int_equal(quiet_end_ms(&night, spring) - spring, 7 * HOUR_MS);                   /* an hour is missing */
    assert_int_equal(quiet_end_ms(&night, autumn) - autumn, 9 * HOUR_MS);                   /* one is there twice */
    int64_t before = at(berlin, 2026, 3, 29, 1 * H + 30), end = quiet_end_ms(&gap, before); /* 02:30 is not there */
    assert_true(quiet_is(&gap, before));
    assert_true(end > before && end <= before + HOUR_MS);
    assert_false(quiet_is(&gap, end));
    setenv("TZ", "UTC", 1);
    tzset();
}

/* ---- what waits ---- */

struct world {
    struct notify_file *file;
    struct store *store;
    struct postbox *box;
    int64_t study;
};

static struct world begin(const char *text)
{
    struct world w = {.file = parse(text)};
    clean(NULL);
    w.store = open_store();
    w.study = add_study(w.store, "s");
    w.box = postbox_create(w.file, w.store);
    return w;
}

/* As after kill -9. */
static void begin_again(struct world *w)
{
    struct error err;
    postbox_free(w->box);
    w->box = postbox_create(w->file, w->store);
    assert_ok(postbox_load(w->box, w->study, &err), err);
}

static void end(struct world *w)
{
    postbox_free(w->box);
    store_close(w->store);
    notify_file_free(w->file);
}

static void post(struct world *w, enum notice_kind kind, const char *key, int64_t now)
{
    const struct notice n = {
        .kind = kind, .level = NOTICE_LOOK, .study = "s", .key = key, .at_ms = now, .is = {key, "do this"}};
    postbox_post(w->box, w->study, &n, now);
}

/* What comes, as text; "": nothing. It is on its way then. */
static const char *take(struct world *w, size_t channel, int64_t now)
{
    static char text[4096];
    struct arena a = {0};
    struct notice n;
    *text = 0;
    if (postbox_take(w->box, channel, now, &a, &n)) snprintf(text, sizeof text, "%s", notice_text(&n, &a));
    arena_done(&a);
    return text;
}

static enum sent settle(struct world *w, size_t channel, bool ok, int64_t now)
{
    return postbox_settle(w->box, channel, &(struct reply){.ok = ok, .why = ok ? "" : "it answers 500"}, now);
}

static const char TWO[] = "channels: {a: {command: [x]}, b: {command: [y]}}\n";

static void test_postbox__the_same_key_is_told_once(void **state)
{
    (void)state;
    struct world w = begin(TWO);
    post(&w, NOTICE_END, "end/1", 1000);
    post(&w, NOTICE_END, "end/1", 1001);
    assert_string_equal(take(&w, 0, 1000), "s: end/1\n  → do this\n");
    assert_string_equal(take(&w, 0, 1000), ""); /* it is on its way */
    assert_int_equal(settle(&w, 0, true, 1000), SENT_DONE);
    assert_string_equal(take(&w, 0, 1000), "");
    begin_again(&w);
    post(&w, NOTICE_END, "end/1", 2000);
    assert_string_equal(take(&w, 0, 2000), "");
    assert_string_equal(take(&w, 1, 2000), "s: end/1\n  → do this\n"); /* the other channel's was not delivered */
    settle(&w, 1, true, 2000);
    begin_again(&w);
    assert_string_equal(take(&w, 1, 3000), "");
    end(&w);
}

static void test_postbox__what_was_on_its_way_is_told_again_after_a_kill(void **state)
{
    (void)state;
    struct world w = begin(TWO);
    post(&w, NOTICE_STALLED, "health/reports/wrong", 1000);
    assert_string_not_equal(take(&w, 0, 1000), "");
    begin_again(&w);
    assert_string_equal(take(&w, 0, 1000), "s: health/reports/wrong\n  → do this\n");
    end(&w);
}

static void test_postbox__it_rests_longer_each_time(void **state)
{
    (void)state;
    assert_int_equal(postbox_rest_ms(1, 0), BACK_OFF_MS);
    assert_int_equal(postbox_rest_ms(2, 0), 2 * BACK_OFF_MS);
    assert_int_equal(postbox_rest_ms(1000000, 0), REST_MAX_MS);
    assert_int_equal(postbox_rest_ms(1, 120), 120000); /* Retry-After */
    assert_int_equal(postbox_rest_ms(1, 1), BACK_OFF_MS);
    assert_int_equal(postbox_rest_ms(1, LONG_MAX), ASKED_MAX_MS);
    assert_int_equal(postbox_rest_ms(1, LONG_MIN), BACK_OFF_MS);
    struct world w = begin(TWO);
    int64_t now = 1000;
    post(&w, NOTICE_END, "end/1", now);
    for (long i = 1; i <= 5; i++) {
        assert_string_not_equal(take(&w, 0, now), "");
        assert_int_equal(settle(&w, 0, false, now), SENT_AGAIN);
        if (i == 3) begin_again(&w); /* how often it failed is remembered */
        assert_string_equal(take(&w, 0, now + postbox_rest_ms(i, 0) - 1), "");
        now += postbox_rest_ms(i, 0);
    }
    assert_string_not_equal(take(&w, 1, 1000), ""); /* the other does not wait for it */
    end(&w);
}

static void test_postbox__it_is_given_up_some_time(void **state)
{
    (void)state;
    struct world w = begin(TWO);
    post(&w, NOTICE_END, "end/1", 1000);
    take(&w, 0, 1000);
    assert_int_equal(settle(&w, 0, false, 1000 + GIVE_UP_MS), SENT_GIVEN_UP);
    assert_string_equal(take(&w, 0, 1000 + 2 * (int64_t)GIVE_UP_MS), "");
    take(&w, 1, 1000);
    assert_int_equal(postbox_settle(w.box, 1, &(struct reply){.never = true, .why = "it answers 410"}, 1000),
                     SENT_GIVEN_UP);
    assert_false(postbox_is_busy(w.box, 1000 + 2 * (int64_t)GIVE_UP_MS));
    end(&w);
}

static void test_postbox__quiet_hours_hold_back_all_but(void **state)
{
    (void)state;
    struct world w = begin("channels: {a: {command: [x]}}\nquiet: {from: '22:00', to: '07:00', but: [end]}\n");
    int64_t night = at("UTC", 2026, 11, 30, 23 * H), morning = at("UTC", 2026, 12, 1, 7 * H);
    post(&w, NOTICE_STALLED, "one", night);
    post(&w, NOTICE_END, "two", night);
    assert_string_equal(take(&w, 0, night), "s: two\n  → do this\n");
    settle(&w, 0, true, night);
    post(&w, NOTICE_FAILURES, "three", night + HOUR_MS);
    assert_string_equal(take(&w, 0, morning - 1), "");
    begin_again(&w);
    assert_string_equal(take(&w, 0, morning),
                        "s: 2 notices were held back meanwhile, the worst of them of something to look at\n\n"
                        "one\n  → do this\n\nthree\n  → do this\n");
    settle(&w, 0, true, morning);
    begin_again(&w);
    assert_string_equal(take(&w, 0, morning), "");
    post(&w, NOTICE_STALLED, "four", morning + HOUR_MS);
    assert_string_equal(take(&w, 0, morning + HOUR_MS), "s: four\n  → do this\n");
    end(&w);
}

static void test_postbox__one_best_an_hour_and_the_end_says_it_all(void **state)
{
    (void)state;
    struct world w = begin("channels: {a: {command: [x]}}\n");
    int64_t now = at("UTC", 2026, 11, 30, 9 * H);
    post(&w, NOTICE_BEST, "best/1", now);
    assert_string_not_equal(take(&w, 0, now), "");
    settle(&w, 0, true, now);
    post(&w, NOTICE_BEST, "best/2", now + 1000);
    begin_again(&w);
    post(&w, NOTICE_BEST, "best/3", now + 2000); /* instead of the one before */
    assert_string_equal(take(&w, 0, now + HOUR_MS - 1), "");
    assert_string_equal(take(&w, 0, now + HOUR_MS), "s: best/3\n  → do this\n");
    settle(&w, 0, true, now + HOUR_MS);
    post(&w, NOTICE_BEST, "best/4", now + HOUR_MS + 1);
    post(&w, NOTICE_END, "end/1", now + HOUR_MS + 2);
    assert_string_equal(take(&w, 0, now + 3 * HOUR_MS), "s: end/1\n  → do this\n");
    settle(&w, 0, true, now + 3 * HOUR_MS);
    assert_string_equal(take(&w, 0, now + 9 * HOUR_MS), "");
    end(&w);
}

static void test_postbox__there_are_not_more_than_so_many(void **state)
{
    (void)state;
    char key[40];
    struct world w = begin("channels: {a: {command: [x]}}\n");
    post(&w, NOTICE_END, "end/1", 1);
    for (int i = 0; i < 3 * POSTBOX_MAX; i++) {
        snprintf(key, sizeof key, "health/%d", i);
        post(&w, NOTICE_HEALTH, key, 2 + i);
    }
    const char *why;
    int64_t next;
    assert_int_equal(postbox_waiting(w.box, 0, &why, &next), POSTBOX_MAX);
    begin_again(&w);
    assert_int_equal(postbox_waiting(w.box, 0, &why, &next), POSTBOX_MAX);
    assert_string_equal(take(&w, 0, 1000), "s: end/1\n  → do this\n"); /* an end is kept */
    end(&w);
}

static void test_postbox__a_database_that_refuses_is_no_reason_not_to_tell(void **state)
{
    (void)state;
    struct world w = begin(TWO);
    run_sql("DROP TABLE notice");
    post(&w, NOTICE_HEALTH, "health/work/wrong", 1000);
    post(&w, NOTICE_HEALTH, "health/work/wrong", 1000);
    assert_string_not_equal(take(&w, 0, 1000), "");
    assert_int_equal(settle(&w, 0, true, 1000), SENT_DONE);
    assert_string_equal(take(&w, 0, 1000), "");
    end(&w);
}

static void test_postbox__a_deleted_study_is_not_spoken_of(void **state)
{
    (void)state;
    struct error err;
    struct world w = begin(TWO);
    post(&w, NOTICE_END, "end/1", 1000);
    assert_ok(store_telling_add(w.store, w.study, 1, "told a", &err), err);
    assert_ok(store_study_delete(w.store, w.study, &err), err);
    begin_again(&w);
    assert_string_equal(take(&w, 0, 1000), "");
    end(&w);
}

/* ---- texts ---- */

static void test_notice__hostile_texts_become_harmless(void **state)
{
    (void)state;
    struct arena a = {0};
    char *pages = calloc(1, 10000);
    memset(pages, 'x', 9999);
    assert_string_equal(notice_clean("a\nBcc: b\x1b[31m\xff", &a), "a\\nBcc: b\\x1b[31m\\xff");
    assert_true(strlen(notice_clean(pages, &a)) <= NOTICE_BYTES + 3);
    assert_null(notice_clean(NULL, &a));
    free(pages);
    arena_done(&a);
}

static void test_notice__json_both_ways(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    const struct notice_part more[] = {{"m1", NULL}, {"m2", "a2"}};
    const struct notice n = {NOTICE_END, NOTICE_WRONG, "s", "end/1", 5, {"it is “so”", NULL}, 2, more};
    struct notice back;
    json_t *json = notice_json(&n), *again;
    assert_ok(notice_read(json, &a, &back, &err), err);
    again = notice_json(&back);
    assert_true(json_equal(json, again));
    assert_string_equal(json_string_value(json_object_get(json, "text")), "s: it is “so”\n\nm1\n\nm2\n  → a2\n");
    json_object_set_new(json, "kind", json_string("x"));
    assert_int_equal(notice_read(json, &a, &back, &err), STATUS_INVALID);
    json_decref(json);
    json_decref(again);
    arena_done(&a);
}

static void test_mail__no_text_becomes_a_header(void **state)
{
    (void)state;
    struct arena a = {0};
    struct notify_file *f = parse(WHOLE);
    const struct notice n = {.kind = NOTICE_END,
                             .study = "s",
                             .key = "k",
                             .is = {"=?UTF-8?Q?x?= übel\nBcc: eve@example.org\r\n\r\nhello", "."}};
    const char *text = mail_text(&f->channel[2], &n, INT64_C(1796002840000), &a);
    const char *body = strstr(text, "\n\n");
    assert_non_null(body);
    assert_contains(text, "From: n@example.org\nTo: ada@example.org,\n bob@example.org\nSubject: =?UTF-8?B?");
    assert_contains(text, "\nDate: Mon, 30 Nov 2026 01:40:40 +0000\n");
    for (const char *line = text; line < body; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 76);
        assert_true(strncmp(line, "Bcc", 3) != 0);
    }
    assert_null(strstr(text, "eve@"));
    for (const char *at_ = text; *at_; at_++) assert_true((unsigned char)*at_ < 127 && *at_ != '\r');
    notify_file_free(f);
    arena_done(&a);
}

static void test_mail__words_are_folded_and_whole(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(mail_words("plain", &a), "plain");
    const char *folded = mail_words("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbb", &a);
    assert_string_equal(folded, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n bbb");
    const char *coded = mail_words("€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€", &a); /* 90 bytes: no character is cut */
    assert_int_equal(strncmp(coded, "=?UTF-8?B?4oKs4oKs", 18), 0);
    for (const char *word = coded; word; word = strstr(word + 1, "=?UTF-8"))
        assert_int_equal(strcspn(word + 10, "?") % 4, 0);
    arena_done(&a);
}

/* The example of the specification of Standard Webhooks. */
static void test_signature__as_the_specification_has_it(void **state)
{
    (void)state;
    struct arena a = {0};
    size_t n = 0;
    unsigned char mac[DIGEST_BYTES], *key = digest_base64_read("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &n);
    const char *what = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
    digest_hmac(key, n, what, strlen(what), mac);
    char *code = digest_base64(mac, sizeof mac);
    assert_string_equal(code, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    free(code);
    free(key);
    struct notify_file *f = parse(WHOLE);
    const struct notice x = {.study = "s", .key = "k", .at_ms = 5, .is = {"x", NULL}};
    const char **first = signature_headers(&f->channel[0], &x, "{}", 1000, &a),
               **later = signature_headers(&f->channel[0], &x, "{}", 99000, &a);
    assert_string_equal(first[1], later[1]);     /* the same id at each try, */
    assert_string_not_equal(first[3], later[3]); /* … signed anew */
    assert_null(first[4]);
    notify_file_free(f);
    arena_done(&a);
}

static void test_web__what_is_secret_is_hidden(void **state)
{
    (void)state;
    char text[] = "cannot reach /hidden/x at /hidden/x";
    web_hide(text, "/hidden/x");
    assert_string_equal(text, "cannot reach ********* at *********");
    char other[] = "a / b";
    web_hide(other, "/");
    assert_string_equal(other, "a / b");
}

/* ---- of what is live ---- */

static bool live(const char *event, struct arena *a, struct notice *ret)
{
    json_error_t ignored;
    json_t *parsed = json_loads(event, 0, &ignored);
    bool told = live_notice(&(struct live_subject){"g2p-live", "g2p"}, parsed, a, ret);
    json_decref(parsed);
    return told;
}

static void test_live_notice__of_the_log_what_people_did_not_do_themselves(void **state)
{
    (void)state;
    struct arena a = {0};
    struct notice n;
    assert_true(live("{\"seq\": 7, \"at_ms\": 12, \"kind\": \"drift\", \"why\": \"em has become worse\\u0007\"}", &a, &n));
    assert_int_equal(n.kind, NOTICE_DRIFT);
    assert_int_equal(n.level, NOTICE_LOOK);
    assert_int_equal(n.at_ms, 12);
    assert_string_equal(n.study, "g2p");
    assert_string_equal(n.key, "live/g2p-live/7");
    assert_contains(n.is.sentence, "what is live has drifted: em has become worse");
    assert_null(strchr(n.is.sentence, 7));
    assert_contains(n.is.action, "'nocturne loop g2p-live'");
    assert_true(live("{\"seq\": 8, \"kind\": \"promoted\", \"by\": \"nocturne\", \"why\": \"all is proven\"}", &a, &n));
    assert_int_equal(n.level, NOTICE_FINE);
    assert_null(n.is.action);
    assert_false(live("{\"seq\": 8, \"kind\": \"promoted\", \"by\": \"ada\"}", &a, &n));
    assert_false(live("{\"seq\": 9, \"kind\": \"evaluated\", \"metrics\": {}}", &a, &n));
    assert_false(live("{\"seq\": 9}", &a, &n));
    live_notice_asks(&(struct live_subject){"g2p-live", "g2p"}, "tuning", 99, &a, &n);
    assert_string_equal(n.key, "live/g2p-live/asks/99");
    assert_contains(n.is.action, "'nocturne rollout approve g2p-live'");
    assert_contains(n.is.action, "'nocturne rollout decline g2p-live'");
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_notice__of_the_log_what_people_did_not_do_themselves),
        cmocka_unit_test(test_notify_file__all_of_it),
        cmocka_unit_test(test_notify_file__without_tell_all_hear_all),
        cmocka_unit_test(test_notify_file__errors_name_place_value_and_remedy),
        cmocka_unit_test(test_notify_file__secrets_are_in_no_error),
        store_test(test_notify_file__others_may_not_write_to_it),
        cmocka_unit_test(test_notify_file__where_it_is_looked_for),
        cmocka_unit_test(test_quiet__across_midnight),
        cmocka_unit_test(test_quiet__nights_in_which_clocks_are_set),
        store_test(test_postbox__the_same_key_is_told_once),
        store_test(test_postbox__what_was_on_its_way_is_told_again_after_a_kill),
        store_test(test_postbox__it_rests_longer_each_time),
        store_test(test_postbox__it_is_given_up_some_time),
        store_test(test_postbox__quiet_hours_hold_back_all_but),
        store_test(test_postbox__one_best_an_hour_and_the_end_says_it_all),
        store_test(test_postbox__there_are_not_more_than_so_many),
        store_test(test_postbox__a_database_that_refuses_is_no_reason_not_to_tell),
        store_test(test_postbox__a_deleted_study_is_not_spoken_of),
        cmocka_unit_test(test_notice__hostile_texts_become_harmless),
        cmocka_unit_test(test_notice__json_both_ways),
        cmocka_unit_test(test_mail__no_text_becomes_a_header),
        cmocka_unit_test(test_mail__words_are_folded_and_whole),
        cmocka_unit_test(test_signature__as_the_specification_has_it),
        cmocka_unit_test(test_web__what_is_secret_is_hidden),
    };
    return cmocka_run_group_tests_name("notices", tests, NULL, NULL);
}
