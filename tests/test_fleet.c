/* Agents and their seats, without a network: registering, mail, fairness, silence; and messages of agents, understood.
 */
#include "tests/fake_clock.h"
#include "tests/test.h"

#include "tuner/execution/execution.h"

#include "tuner/base/json.h"

#include <unistd.h>

struct heard {
    size_t messages, lost;
    enum seat_loss loss;
    void *owner;
    char why[200];
    bool knows; /* does the member take what it hears? */
};

static bool hear(void *data, const struct holder *from, const json_t *message)
{
    struct heard *h = data;
    (void)from;
    (void)message;
    h->messages++;
    return h->knows;
}

static void lose(void *data, void *owner, enum seat_loss loss, const char *why)
{
    struct heard *h = data;
    h->lost++;
    h->loss = loss;
    h->owner = owner;
    snprintf(h->why, sizeof h->why, "%s", why);
}

/* Of an agent "x" with one slot. */
static struct agent_card card_of(const char *token, const char *instance, const char *boot)
{
    return (struct agent_card){
        .name = "x", .token = token, .instance = instance, .host = "h", .boot = boot, .version = "1", .slots = 1};
}

struct world {
    struct fake_clock clock;
    struct fleet *fleet;
    struct heard heard[2];
    struct tenant *tenant[2];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->clock = fake_clock_at(1000000, 1000000);
    w->fleet = fleet_create(&w->clock.clock, 60000);
    for (int i = 0; i < 2; i++) {
        struct tenant_hooks hooks = {hear, lose, &w->heard[i]};
        w->heard[i].knows = true;
        w->tenant[i] = fleet_join(w->fleet, i ? "b" : "a", &hooks);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fleet_leave(w->tenant[0]);
    fleet_leave(w->tenant[1]);
    fleet_free(w->fleet);
    free(w);
    return 0;
}

static struct agent *enlist(struct world *w, const char *name, size_t slots, const char *held_text, json_t **gone)
{
    struct agent_card card = {
        .name = name, .token = "t", .instance = name, .host = "h", .boot = "b", .version = "1", .slots = slots};
    struct agent *a = NULL;
    struct error err;
    json_t *held = json_loads(held_text, 0, NULL), *over = json_array();
    assert_ok(fleet_register(w->fleet, &card, held, over, &a, &err), err);
    json_decref(held);
    if (gone)
        *gone = over;
    else
        json_decref(over);
    return a;
}

static void test_fleet__a_seat_is_where_somebody_waits(void **state)
{
    struct world *w = *state;
    int owner;
    assert_false(fleet_has_room(w->tenant[0]));
    struct agent *a = enlist(w, "x", 2, "[]", NULL);
    assert_null(fleet_take(w->tenant[0], &owner)); /* it does not wait yet */
    agent_waits(a, 0, 1);
    struct seat *s = fleet_take(w->tenant[0], &owner);
    assert_non_null(s);
    assert_string_equal(seat_holder(s).agent, "x");
    assert_string_equal(seat_holder(s).token, "t");
    assert_null(fleet_take(w->tenant[0], &owner)); /* it takes one only */
    agent_waits(a, 0, 2);
    struct seat *t = fleet_take(w->tenant[0], &owner);
    assert_non_null(t);
    agent_waits(a, 0, 9);
    assert_null(fleet_take(w->tenant[0], &owner)); /* more than its slots */
    seat_leave(s);
    assert_true(fleet_has_room(w->tenant[0]));
    seat_leave(t);
}

static void test_fleet__an_agent_of_one_study_works_for_no_other(void **state)
{
    struct world *w = *state;
    struct agent_card card = {
        .name = "x", .token = "t", .instance = "i", .host = "h", .boot = "b", .version = "1", .slots = 2, .study = "b"};
    struct agent *a;
    struct error err;
    json_t *none = json_array();
    assert_ok(fleet_register(w->fleet, &card, none, none, &a, &err), err);
    agent_waits(a, 0, 2);
    assert_false(fleet_has_room(w->tenant[0]));
    assert_true(fleet_has_room(w->tenant[1]));
    json_decref(none);
}

static void test_fleet__the_muster_counts_who_is_silent_or_of_another_version(void **state)
{
    struct world *w = *state;
    assert_int_equal(fleet_muster(w->fleet, "a", "1").agents, 0);
    agent_waits(enlist(w, "x", 1, "[]", NULL), 0, 1);
    enlist(w, "y", 1, "[]", NULL); /* does not wait */
    fake_clock_pass(&w->clock, 20000);
    struct muster m = fleet_muster(w->fleet, "a", "1");
    assert_int_equal(m.agents, 2);
    assert_int_equal(m.silent + m.other, 0);
    fake_clock_pass(&w->clock, 20000);
    m = fleet_muster(w->fleet, "a", "2");
    assert_int_equal(m.silent, 1);
    assert_string_equal(m.silent_name, "y");
    assert_int_equal(m.other, 2);
    assert_string_equal(m.other_version, "1");
}

static void test_fleet__the_muster_of_a_study_is_of_agents_that_serve_it(void **state)
{
    struct world *w = *state;
    struct agent_card card = {
        .name = "x", .token = "t", .instance = "i", .host = "h", .boot = "b", .version = "1", .slots = 2};
    struct agent *a;
    struct error err;
    json_t *none = json_array();
    card.study = "b";
    assert_ok(fleet_register(w->fleet, &card, none, none, &a, &err), err);
    assert_int_equal(fleet_muster(w->fleet, "a", "1").agents, 0);
    assert_int_equal(fleet_muster(w->fleet, "b", "1").agents, 1);
    json_decref(none);
}

static void test_fleet__mail_is_kept_until_it_has_arrived(void **state)
{
    struct world *w = *state;
    struct agent *a = enlist(w, "x", 2, "[]", NULL);
    agent_waits(a, 0, 2);
    struct seat *s = fleet_take(w->tenant[0], w);
    seat_assign(s, 7, json_pack("{s:i}", "trial", 3));
    seat_send(s, json_pack("{s:s}", "stop", "why"));
    for (int again = 0; again < 2; again++) {
        json_t *mail = agent_mail(a);
        assert_int_equal(json_array_size(mail), 2);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(mail, 1), "lease")), 7);
        json_decref(mail);
    }
    agent_waits(a, 1, 2);
    json_t *mail = agent_mail(a);
    assert_int_equal(json_array_size(mail), 1);
    json_decref(mail);
    agent_waits(a, 2, 2);
    assert_null(agent_mail(a));
    seat_leave(s);
}

/* Older agents read "stop" alone, and kill when it comes twice: gently is said once. */
static void test_fleet__gently_is_said_once_and_now_by_name(void **state)
{
    struct world *w = *state;
    const struct study study = {.n_args = 1};
    const struct site site = {.study = &study, .tenant = w->tenant[0]};
    struct agent *a = enlist(w, "x", 1, "[]", NULL);
    agent_waits(a, 0, 1);
    assert_ptr_equal(executor_with_room(NULL, &site), &agent_executor);
    struct execution *x = agent_executor.take(&site, w);
    assert_null(executor_with_room(NULL, &site));
    x->at->stop(x, STOP_GENTLY, "why");
    x->at->stop(x, STOP_GENTLY, "why");
    x->at->stop(x, STOP_NOW, "why");
    json_t *mail = agent_mail(a);
    assert_int_equal(json_array_size(mail), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *order = json_object_get(json_array_get(mail, i), "order");
        assert_string_equal(json_string_value(json_object_get(order, "stop")), "why");
        assert_int_equal(json_is_true(json_object_get(order, "now")), i == 1);
    }
    json_decref(mail);
    x->at->free(x);
}

static void test_fleet__both_sides_compare_what_is_held(void **state)
{
    struct world *w = *state;
    json_t *gone;
    int one, two;
    struct agent *a = enlist(w, "x", 4, "[]", NULL);
    agent_waits(a, 0, 4);
    seat_assign(fleet_take(w->tenant[0], &one), 7, json_object());
    seat_assign(fleet_take(w->tenant[0], &two), 9, json_object());
    enlist(w, "x", 4, "[{\"study\":\"a\",\"lease\":9},{\"study\":\"a\",\"lease\":5},{\"study\":\"c\",\"lease\":9}]",
           &gone);
    assert_int_equal(w->heard[0].lost, 1); /* 7: the agent does not have it */
    assert_ptr_equal(w->heard[0].owner, &one);
    assert_int_equal(w->heard[0].loss, SEAT_DROPPED);
    assert_int_equal(json_array_size(gone), 2); /* what the service does not know */
    json_decref(gone);
}

/* Ten thousand leases held on either side: each with each would be a hundred million comparisons of texts. */
static void test_fleet__much_is_compared_in_linear_time(void **state)
{
    enum { N = 10000 };
    struct world *w = *state;
    json_t *gone, *held = json_array();
    static int owner[N];
    alarm(60);
    for (int i = 0; i < N; i++) {
        struct holder holder = {"x", NULL};
        fleet_expect(w->tenant[0], &holder, i + 1, &owner[i]);
        json_array_append_new(held, fleet_lease_name("a", N + 2 * i + 1));
    }
    char *text = json_dumps(held, 0);
    enlist(w, "x", 4, text, &gone);
    assert_int_equal(w->heard[0].lost, N);
    assert_int_equal(json_array_size(gone), N);
    alarm(0);
    free(text);
    json_decref(held);
    json_decref(gone);
}

/* An agent that never says that it has its mail is sent away before the mail fills the memory. */
static void test_fleet__mail_does_not_grow_without_end(void **state)
{
    struct world *w = *state;
    int owner;
    struct agent *a = enlist(w, "x", 4, "[]", NULL);
    agent_waits(a, 0, 4);
    struct seat *s = fleet_take(w->tenant[0], &owner);
    seat_assign(s, 7, json_object());
    for (int i = 0; i < 9999; i++) seat_send(s, json_object());
    fleet_tick(w->fleet);
    assert_int_equal(w->heard[0].lost, 0);
    seat_send(s, json_object());
    fleet_tick(w->fleet);
    assert_int_equal(w->heard[0].lost, 1);
    assert_null(fleet_agent(w->fleet, "x"));
}

static void test_fleet__a_lease_of_the_log_waits_for_its_agent(void **state)
{
    struct world *w = *state;
    int owner;
    fleet_expect(w->tenant[0], &(struct holder){"x", "t"}, 7, &owner);
    assert_null(fleet_agent(w->fleet, "x"));
    enlist(w, "x", 1, "[{\"study\":\"a\",\"lease\":7}]", NULL);
    assert_int_equal(w->heard[0].lost, 0);
    fleet_expect(w->tenant[0], &(struct holder){"never", NULL}, 8, &owner);
    fake_clock_pass(&w->clock, 61000);
    fleet_tick(w->fleet);
    assert_int_equal(w->heard[0].lost, 2); /* neither was heard of */
    assert_int_equal(w->heard[0].loss, SEAT_SILENT);
    assert_contains(w->heard[0].why, "was not heard of for 60 s");
}

static void test_fleet__a_machine_that_was_restarted_took_its_trials_along(void **state)
{
    struct world *w = *state;
    const struct agent_card card = card_of("t", "x", "another");
    struct agent *a = enlist(w, "x", 1, "[]", NULL);
    struct error err;
    json_t *none = json_array();
    int owner;
    agent_waits(a, 0, 1);
    seat_assign(fleet_take(w->tenant[0], &owner), 7, json_object());
    agent_waits_no_more(a);
    assert_ok(fleet_register(w->fleet, &card, none, none, &a, &err), err);
    assert_int_equal(w->heard[0].loss, SEAT_CRASHED);
    json_decref(none);
}

static void test_fleet__a_name_belongs_to_whoever_is_there(void **state)
{
    struct world *w = *state;
    const struct agent_card card = card_of("t", "other", "b");
    struct agent *a;
    struct error err;
    json_t *none = json_array();
    enlist(w, "x", 1, "[]", NULL);
    assert_int_equal(fleet_register(w->fleet, &card, none, none, &a, &err), STATUS_CONFLICT);
    assert_contains(err.text, "another --name");
    fake_clock_pass(&w->clock, 31000);
    assert_ok(fleet_register(w->fleet, &card, none, none, &a, &err), err);
    json_decref(none);
}

static void test_fleet__a_name_belongs_to_its_token(void **state)
{
    struct world *w = *state;
    const struct agent_card card = card_of("u", "x", "b");
    struct agent *a = NULL;
    struct error err;
    int owner;
    json_t *none = json_array(), *held = json_loads("[{\"study\":\"a\",\"lease\":7}]", 0, NULL);
    fleet_expect(w->tenant[0], &(struct holder){"x", "t"}, 7, &owner); /* as the log says */
    assert_int_equal(fleet_register(w->fleet, &card, held, none, &a, &err), STATUS_CONFLICT);
    assert_contains(err.text, "another token");
    assert_int_equal(w->heard[0].lost, 0);
    a = enlist(w, "x", 1, "[{\"study\":\"a\",\"lease\":7}]", NULL);
    assert_int_equal(fleet_register(w->fleet, &card, held, none, &a, &err), STATUS_CONFLICT);
    assert_true(agent_is_shown(a, agent_ticket(a), "t"));
    assert_false(agent_is_shown(a, agent_ticket(a), "u"));
    assert_false(agent_is_shown(a, "", "t"));
    assert_int_equal(w->heard[0].lost, 0);
    fake_clock_pass(&w->clock, 61000);
    fleet_tick(w->fleet);
    assert_int_equal(w->heard[0].lost, 1);
    assert_ok(fleet_register(w->fleet, &card, held, none, &a, &err), err);
    assert_int_equal(json_array_size(none), 1); /* what the other one held is over */
    json_decref(held);
    json_decref(none);
}

/* While a service begins, nobody knows yet whose names the logs will say. */
static void test_fleet__a_name_that_was_taken_too_early_is_given_back(void **state)
{
    struct world *w = *state;
    const struct agent_card card = card_of("u", "i", "b");
    struct agent *a = NULL;
    struct error err;
    int owner, other;
    json_t *none = json_array();
    assert_ok(fleet_register(w->fleet, &card, none, none, &a, &err), err);
    agent_waits(a, 0, 1);
    seat_assign(fleet_take(w->tenant[1], &other), 5, json_object());
    fleet_expect(w->tenant[0], &(struct holder){"x", "t"}, 7, &owner);
    assert_null(fleet_agent(w->fleet, "x"));
    assert_int_equal(w->heard[1].loss, SEAT_DROPPED);
    assert_int_equal(w->heard[1].lost, 1);
    assert_int_equal(fleet_register(w->fleet, &card, none, none, &a, &err), STATUS_CONFLICT);
    enlist(w, "x", 1, "[{\"study\":\"a\",\"lease\":7}]", NULL);
    assert_int_equal(w->heard[0].lost, 0);
    json_decref(none);
}

static void test_fleet__a_token_may_be_for_some_studies_only(void **state)
{
    struct world *w = *state;
    struct agent_card card = {.name = "x",
                              .token = "t",
                              .scope = "bb,b",
                              .instance = "i",
                              .host = "h",
                              .boot = "b",
                              .version = "1",
                              .slots = 2};
    struct agent *a;
    struct error err;
    json_t *none = json_array();
    assert_ok(fleet_register(w->fleet, &card, none, none, &a, &err), err);
    agent_waits(a, 0, 2);
    assert_false(fleet_has_room(w->tenant[0]));
    assert_true(fleet_has_room(w->tenant[1]));
    json_decref(none);
}

static void test_fleet__studies_share_fairly(void **state)
{
    struct world *w = *state;
    int owner;
    size_t n[2] = {0, 0};
    struct agent *a = enlist(w, "x", 10, "[]", NULL);
    agent_waits(a, 0, 10);
    while (fleet_take(w->tenant[0], &owner)) n[0]++;
    assert_int_equal(n[0], 10); /* nobody else wants any */
    fleet_dismiss(w->fleet, a);
    assert_int_equal(w->heard[0].lost, 10);
    a = enlist(w, "x", 10, "[]", NULL);
    assert_false(fleet_has_room(w->tenant[1])); /* wants, and does not get yet */
    agent_waits(a, 0, 10);
    for (int i = 0; i < 20; i++)
        n[1] += fleet_take(w->tenant[1], &owner) != NULL, n[0] += fleet_take(w->tenant[0], &owner) != NULL;
    assert_int_equal(n[0], 15);
    assert_int_equal(n[1], 5);
}

static void test_fleet__what_nobody_knows_is_gone(void **state)
{
    struct world *w = *state;
    struct agent *a = enlist(w, "x", 1, "[]", NULL);
    json_t *gone = json_array();
    json_t *messages =
        json_loads("[{\"study\":\"a\",\"lease\":3,\"report\":{}},{\"study\":\"zz\",\"lease\":4,\"report\":{}},"
                   "{\"study\":\"zz\",\"lease\":5,\"end\":{\"end\":\"complete\"}},{},7,null]",
                   0, NULL);
    agent_says(w->fleet, a, messages, gone);
    assert_int_equal(w->heard[0].messages, 1);
    assert_int_equal(json_array_size(gone), 4); /* an end is never said again */
    json_decref(messages);
    json_decref(gone);
}

/* ---- messages ---- */

static enum status read_text(const char *text, struct agent_message *r, json_t **keep)
{
    struct error err;
    *keep = json_loads(text, 0, NULL);
    return agent_message_read(*keep, r, &err);
}

static void test_remote__messages(void **state)
{
    static const char *const good[] = {
        "{\"trial\":0,\"lease\":1,\"started\":{\"pid\":1}}",
        "{\"trial\":0,\"lease\":1,\"report\":{\"n\":0,\"step\":0,\"metrics\":{\"m\":1}}}",
        "{\"trial\":0,\"lease\":1,\"policy\":{}}",
        "{\"trial\":0,\"lease\":1,\"checkpoint\":{\"path\":\"c\",\"step\":2}}",
        "{\"trial\":0,\"lease\":1,\"log\":{\"stream\":\"stderr\",\"text\":\"\"}}",
        "{\"trial\":0,\"lease\":1,\"end\":{\"end\":\"crashed\",\"reason\":\"x\",\"signal\":9}}",
        "{\"trial\":0,\"lease\":1,\"end\":{\"end\":\"complete\",\"metrics\":{}}}",
    };
    static const char *const bad[] = {
        "{}",
        "{\"trial\":0,\"lease\":0,\"started\":{\"pid\":1}}",
        "{\"trial\":-1,\"lease\":1,\"started\":{\"pid\":1}}",
        "{\"trial\":0,\"lease\":1}",
        "{\"trial\":0,\"lease\":1,\"started\":7}",
        "{\"trial\":0,\"lease\":1,\"started\":{\"pid\":1,\"resumed\":-1}}",
        "{\"trial\":0,\"lease\":1,\"report\":{\"n\":-1,\"step\":0,\"metrics\":{}}}",
        "{\"trial\":0,\"lease\":1,\"report\":{\"n\":0,\"step\":0,\"metrics\":{\"m\":\"1\"}}}",
        "{\"trial\":0,\"lease\":1,\"checkpoint\":{\"path\":\"\",\"step\":2}}",
        "{\"trial\":0,\"lease\":1,\"log\":{\"stream\":\"else\",\"text\":\"\"}}",
        "{\"trial\":0,\"lease\":1,\"end\":{\"end\":\"whatever\"}}",
        "{\"trial\":0,\"lease\":1,\"end\":{\"end\":\"complete\"}}",
    };
    struct agent_message r;
    json_t *keep;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (read_text(good[i], &r, &keep)) fail_msg("%s", good[i]);
        json_decref(keep);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_text(bad[i], &r, &keep) != STATUS_INVALID) fail_msg("%s", bad[i]);
        json_decref(keep);
    }
}

#define fleet_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fleet_test(test_fleet__a_seat_is_where_somebody_waits),
        fleet_test(test_fleet__an_agent_of_one_study_works_for_no_other),
        fleet_test(test_fleet__the_muster_counts_who_is_silent_or_of_another_version),
        fleet_test(test_fleet__the_muster_of_a_study_is_of_agents_that_serve_it),
        fleet_test(test_fleet__mail_is_kept_until_it_has_arrived),
        fleet_test(test_fleet__gently_is_said_once_and_now_by_name),
        fleet_test(test_fleet__both_sides_compare_what_is_held),
        fleet_test(test_fleet__much_is_compared_in_linear_time),
        fleet_test(test_fleet__mail_does_not_grow_without_end),
        fleet_test(test_fleet__a_lease_of_the_log_waits_for_its_agent),
        fleet_test(test_fleet__a_machine_that_was_restarted_took_its_trials_along),
        fleet_test(test_fleet__a_name_belongs_to_whoever_is_there),
        fleet_test(test_fleet__a_name_belongs_to_its_token),
        fleet_test(test_fleet__a_name_that_was_taken_too_early_is_given_back),
        fleet_test(test_fleet__a_token_may_be_for_some_studies_only),
        fleet_test(test_fleet__studies_share_fairly),
        fleet_test(test_fleet__what_nobody_knows_is_gone),
        cmocka_unit_test(test_remote__messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
