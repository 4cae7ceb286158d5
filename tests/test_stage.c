/* Stages: what they follow from, what is taken over, what becomes of checkpoints: in memory, in the depot, on the way.
 */
#include "tests/fake_clock.h"
#include "tests/folder.h"
#include "tests/test.h"

#include "tuner/execution/execution.h"
#include "tuner/history/history.h"
#include "tuner/history/internal.h"
#include "tuner/policy/policy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char STAGED[] = "study: s\n"
                             "parameters:\n"
                             "  distill: {type: bool}\n"
                             "  teacher: {type: int, range: [1, 9], when: distill == true}\n"
                             "  lr: {type: float, range: [0.1, 1]}\n"
                             "  bits: {type: ordinal, values: [4, 8]}\n"
                             "metrics:\n"
                             "  em: {goal: maximize, kind: proportion, of: 1000000}\n"
                             "  tokens: {goal: minimize, kind: count}\n"
                             "  bytes: {goal: minimize, kind: count}\n"
                             "objective: {maximize: em}\n"
                             "stages:\n"
                             "  teach: {command: [t, \"{teacher}\"], parameters: [teacher], when: distill == true}\n"
                             "  train: {command: [t, \"{lr}\", -T, \"{input}\"], parameters: [lr, distill]}\n"
                             "  compress: {command: [c, \"{bits}\", \"{input}\"], parameters: [bits]}\n"
                             "  evaluate: {command: [e, \"{input}\", \"{input.teach}\"], input: [compress, teach]}\n"
                             "checkpoints: {keep: 100}\n";

enum { TEACH, TRAIN, COMPRESS, EVALUATE, STAGES };

struct world {
    struct fake_clock clock;
    struct study *study;
    struct store *store;
    struct history *history;
};

static const char *const prints[] = {"p0", "p1", "p2", "p3"};

static void open_world(struct world *w, const char *const *print)
{
    struct error err;
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 7, .print = print}, &w->clock.clock,
                           &w->history, &err),
              err);
}

static void make(struct world *w)
{
    struct error err;
    *w = (struct world){.clock = fake_clock_at(1000000, 1000000)};
    assert_ok(study_parse("s.yaml", STAGED, strlen(STAGED), &w->study, &err), err);
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &err), err);
    open_world(w, prints);
}

static void done(struct world *w)
{
    history_free(w->history);
    store_close(w->store);
    study_free(w->study);
}

static void reopen(struct world *w, const char *const *print)
{
    struct error err;
    assert_ok(history_flush(w->history, &err), err);
    history_free(w->history);
    w->history = NULL;
    open_world(w, print);
}

static const struct trial *add(struct world *w, double teacher, double lr, double bits)
{
    const double config[] = {!isnan(teacher), teacher, lr, bits};
    return history_add(w->history, &(struct addition){.role = ROLE_SEARCH, .config = config, .source = "test"});
}

/* Runs the stage that comes next; "" leaves nothing. Returns its place; STAGES: the trial has ended. */
static size_t run(struct world *w, const struct trial *t, const char *digest, double tokens)
{
    struct stage_order order;
    struct error err;
    switch (stage_step(w->history, t, &order)) {
    case STAGE_OVER: return STAGES;
    case STAGE_WAITS: fail_msg("trial %ld waits", t->number);
    case STAGE_RUNS: break;
    }
    const struct lease_order lease = {
        .dir = "/d", .stage = w->study->pipeline.stage[order.stage].name, .key = order.key};
    assert_ok(history_lease_to(w->history, t, &lease, &err), err);
    assert_ok(history_started(w->history, t, 1, product_cost(history_memory(w->history), t), &err), err);
    fake_clock_pass(&w->clock, 1000);
    json_t *said = json_pack("{s:f, s:f}", "em", 0.1 + 0.1 * (double)order.stage + 0.3 * (t->config[2] - 0.5), "bytes",
                             10.0 * (double)order.stage);
    if (tokens > 0) json_object_set_new(said, "tokens", json_real(tokens));
    const struct stage_end end = {.digest = *digest ? digest : NULL, .bytes = 40, .metrics = said};
    assert_ok(history_stage(w->history, t, &end, &err), err);
    json_decref(said);
    return order.stage;
}

/* ---- what stages follow from ---- */

static void test_stage__hands_on_its_input_where_it_does_not_exist(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    const double with[] = {1, 3, 0.5, 0}, without[] = {0, NAN, 0.5, 0};
    assert_int_equal(stage_next(w.study, 0, with), TEACH);
    assert_int_equal(stage_next(w.study, 0, without), TRAIN);
    assert_int_equal(stage_source(w.study, TEACH, with), TEACH);
    assert_int_equal(stage_source(w.study, TEACH, without), -1);
    bool reach[SPACE_PARAMS_MAX];
    stage_reach(w.study, TEACH, reach);
    assert_true(reach[0] && reach[1] && !reach[2] && !reach[3]);
    stage_reach(w.study, TRAIN, reach);
    assert_true(reach[0] && reach[1] && reach[2] && !reach[3]);
    stage_reach(w.study, EVALUATE, reach);
    assert_true(reach[0] && reach[1] && reach[2] && reach[3]);
    done(&w);
}

static void test_stage__a_command_leaves_out_what_is_not_there(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    struct arena a = {0};
    struct error err;
    char **arg;
    size_t n;
    double config[SPACE_PARAMS_MAX];
    const struct stage_run with = {.name = "train", .n_inputs = 1, .input = {{"teach", "/k/1"}}, .output = "/d/output"},
                           without = {
                               .name = "train", .n_inputs = 1, .input = {{"teach", NULL}}, .output = "/d/output"};
    stage_config(w.study, TRAIN, (double[]){0, NAN, 0.5, 0}, config);
    assert_true(isnan(config[3]));
    struct study_run run = {.config = config, .dir = "/d", .stage = &with};
    assert_ok(command_fill(w.study->pipeline.stage[TRAIN].alone, &run, &a, &arg, &n, &err), err);
    assert_int_equal(n, 4);
    assert_string_equal(arg[1], "0.5");
    assert_string_equal(arg[3], "/k/1");
    run.stage = &without;
    assert_ok(command_fill(w.study->pipeline.stage[TRAIN].alone, &run, &a, &arg, &n, &err), err);
    assert_int_equal(n, 2); /* -T goes with it */
    arena_done(&a);
    done(&w);
}

/* ---- taking over ---- */

static void test_stage__what_was_run_is_taken_over_and_not_paid_again(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    const struct memory *s = history_memory(w.history);
    const struct trial *a = add(&w, NAN, 0.5, 0), *b = add(&w, NAN, 0.5, 1);
    assert_int_equal(a->seed, b->seed);
    assert_int_equal(run(&w, a, "d1", 1000), TRAIN);
    assert_int_equal(run(&w, a, "d2", 0), COMPRESS);
    assert_int_equal(run(&w, a, "", 0), EVALUATE);
    assert_int_equal(run(&w, a, "", 0), STAGES);
    assert_int_equal(a->state, TRIAL_COMPLETE);
    assert_near(a->value[1], 1000, 0);
    assert_near(a->value[0], 0.4, 1e-12); /* the last word */
    assert_int_equal(run(&w, b, "d3", 0), COMPRESS);
    assert_int_equal(run(&w, b, "", 50), EVALUATE);
    assert_int_equal(run(&w, b, "", 0), STAGES);
    assert_near(b->value[1], 1050, 0);     /* what it would cost alone */
    assert_near(b->effort.tokens, 50, 0);  /* what it has cost */
    assert_near(s->tally.tokens, 1050, 0); /* of the budget */
    assert_near(s->products.saved, 1000, 0);
    assert_int_equal(s->products.taken, 1);
    done(&w);
}

static void test_stage__one_waits_for_another_that_runs_the_same(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    struct stage_order order;
    struct error err;
    const struct trial *a = add(&w, NAN, 0.5, 0), *b = add(&w, NAN, 0.5, 1), *c = add(&w, NAN, 0.6, 1);
    assert_int_equal(stage_step(w.history, a, &order), STAGE_RUNS);
    const struct lease_order lease = {.dir = "/d", .stage = "train", .key = order.key};
    assert_ok(history_lease_to(w.history, a, &lease, &err), err);
    assert_int_equal(stage_step(w.history, b, &order), STAGE_WAITS);
    assert_int_equal(stage_step(w.history, c, &order), STAGE_RUNS);
    assert_ok(history_return(w.history, a, OUTCOME_CRASHED, "so", 0, &err), err);
    assert_int_equal(stage_step(w.history, b, &order), STAGE_RUNS);
    done(&w);
}

/* All that a checkpoint follows from, and nothing else, makes another key. */
static void test_stage__keys_differ_by_what_they_follow_from(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    char one[DIGEST_HEX], other[DIGEST_HEX];
    const struct memory *s = history_memory(w.history);
    const struct trial *a = add(&w, NAN, 0.5, 0), *bits = add(&w, NAN, 0.5, 1), *lr = add(&w, NAN, 0.6, 0),
                       *teacher = add(&w, 3, 0.5, 0);
    assert_true(product_key(s, a, TRAIN, one));
    assert_true(product_key(s, bits, TRAIN, other));
    assert_string_equal(one, other);
    assert_true(product_key(s, lr, TRAIN, other));
    assert_string_not_equal(one, other);
    assert_false(product_key(s, teacher, TRAIN, other)); /* its input is not there yet */
    assert_int_equal(run(&w, teacher, "t", 10), TEACH);
    assert_true(product_key(s, teacher, TRAIN, other));
    assert_string_not_equal(one, other);
    const double config[] = {0, NAN, 0.5, 0};
    const struct trial *seed = history_add(
        w.history,
        &(struct addition){.role = ROLE_CONFIRM, .config = config, .source = "c", .confirms = a->number, .seed = 5});
    assert_true(product_key(s, seed, TRAIN, other));
    assert_string_not_equal(one, other);
    long number = a->number;
    reopen(&w, (const char *const[]){"p0", "new", "p2", "p3"});
    s = history_memory(w.history);
    assert_true(product_key(s, s->trial[number], TRAIN, other));
    assert_string_not_equal(one, other);
    done(&w);
}

static void assert_same_product(const struct product *a, const struct product *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (!a) return;
    assert_string_equal(a->key, b->key);
    assert_string_equal(a->metrics, b->metrics);
    assert_true(a->gone == b->gone && a->trial == b->trial && a->cost == b->cost && a->bytes == b->bytes);
}

static void test_stage__the_log_gives_back_the_same(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    struct error err;
    const struct trial *a = add(&w, 3, 0.5, 0), *b = add(&w, 3, 0.5, 1);
    run(&w, a, "t1", 10);
    run(&w, a, "d1", 1000);
    run(&w, a, "d2", 0);
    run(&w, b, "d3", 0);
    history_evict(w.history, "d2", "so");
    assert_ok(history_flush(w.history, &err), err);
    struct history *again = NULL;
    assert_ok(
        history_open(w.store, w.study, &(struct opening){.seed = 7, .print = prints}, &w.clock.clock, &again, &err),
        err);
    const struct memory *x = history_memory(w.history), *y = history_memory(again);
    assert_int_equal(x->products.n, y->products.n);
    assert_int_equal(x->products.bytes, y->products.bytes);
    assert_near(x->products.saved, y->products.saved, 0);
    assert_int_equal(x->products.bytes, 3 * 40);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < STAGES; k++) assert_same_product(x->trial[i]->left[k], y->trial[i]->left[k]);
    history_free(again);
    done(&w);
}

/* A checkpoint that is gone is made again, and only if somebody needs it. */
static void test_stage__what_is_not_kept_is_run_again_where_it_is_needed(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    const struct trial *a = add(&w, NAN, 0.5, 0);
    for (const char *const *d = (const char *const[]){"d1", "d2", "", NULL}; *d; d++) run(&w, a, *d, 100);
    run(&w, a, "", 0);
    history_evict(w.history, "d1", "so");
    const struct trial *same = add(&w, NAN, 0.5, 0), *other = add(&w, NAN, 0.5, 1);
    assert_int_equal(run(&w, same, "", 0), STAGES); /* all its numbers are known */
    assert_int_equal(run(&w, other, "d1", 100), TRAIN);
    assert_int_equal(run(&w, other, "d4", 100), COMPRESS);
    history_evict(w.history, "d1", "so");
    const struct trial *third = add(&w, NAN, 0.5, 1);
    assert_int_equal(run(&w, third, "d5", 100), EVALUATE); /* what it takes is there */
    done(&w);
}

/* Chance may make another checkpoint of the same: what came of the first is not the trial's any more. */
static void test_stage__what_came_of_another_checkpoint_is_forgotten(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    const struct trial *a = add(&w, NAN, 0.5, 0);
    run(&w, a, "d1", 100);
    run(&w, a, "d2", 0);
    history_evict(w.history, "d2", "so");
    history_evict(w.history, "d1", "so");
    assert_int_equal(run(&w, a, "x1", 100), TRAIN);
    assert_null(a->left[COMPRESS]);
    assert_int_equal(run(&w, a, "x2", 0), COMPRESS);
    done(&w);
}

static void test_stage__the_oldest_goes_that_nobody_stands_on(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    const struct trial *a = add(&w, NAN, 0.5, 0), *b = add(&w, NAN, 0.6, 0);
    run(&w, a, "d1", 100);
    run(&w, a, "d2", 0);
    assert_null(stage_surplus(history_memory(w.history))); /* 80 of 100 */
    run(&w, b, "d3", 100);
    assert_null(stage_surplus(history_memory(w.history))); /* all of it is needed */
    run(&w, a, "", 0);
    run(&w, a, "", 0);
    assert_null(stage_surplus(history_memory(w.history))); /* it is the best */
    const struct trial *better = add(&w, NAN, 0.7, 0);
    for (const char *const *d = (const char *const[]){"e1", "e2", "", "", NULL}; *d; d++) run(&w, better, *d, 100);
    struct error err;
    assert_ok(history_finish(w.history, b, &(struct ending){.state = TRIAL_CANCELLED, .reason = "so"}, &err), err);
    const char *first = stage_surplus(history_memory(w.history));
    assert_non_null(first);
    assert_string_equal(first, history_memory(w.history)->best.trial == a ? "d3" : "d1");
    done(&w);
}

/* ---- the search ---- */

/* A trial without a teacher, from beginning to end: training is dear, what comes after it is not. */
static void complete(struct world *w, double lr, double bits)
{
    const struct trial *t = add(w, NAN, lr, bits);
    char digest[40];
    for (int k = 0;; k++) {
        snprintf(digest, sizeof digest, "%g/%g/%d", lr, k == 0 ? 0 : bits, k);
        if (run(w, t, k < 2 ? digest : "", k == 0 ? 1e6 * lr : 1) == STAGES) return;
    }
}

static void test_search__keeps_stages_that_are_there_while_tokens_are_left(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    for (int i = 0; i < 8; i++) complete(&w, 0.2 + 0.1 * i, i % 2);
    const struct memory *s = history_memory(w.history);
    struct search_history h = history_view(w.history);
    struct search *one = search_create(w.study, s->seed, NULL, 0), *other = search_create(w.study, s->seed, NULL, 0);
    struct suggestion x, y;
    struct error err;
    size_t kept = 0;
    h.left = 1000; /* too little for a training */
    for (long number = 8; number < 14; number++) {
        assert_ok(search_suggest(one, &h, number, &x, &err), err);
        kept += x.cost < 1000;
        if (x.cost < 1000) { /* to the last bit that of an earlier trial */
            bool same = false;
            for (size_t i = 0; i < h.n; i++)
                same |= h.trial[i].config[2] == x.config[2] && h.trial[i].config[0] == x.config[0];
            assert_true(same);
        }
    }
    assert_true(kept > 0);
    assert_ok(search_suggest(other, &h, 13, &y, &err), err); /* a new one says the same */
    assert_memory_equal(x.config, y.config, w.study->space.n * sizeof *x.config);
    assert_true(x.cost == y.cost);
    search_free(one);
    search_free(other);
    done(&w);
}

static void test_search__what_fails_at_a_stage_teaches_what_the_others_cost(void **state)
{
    (void)state;
    struct world w;
    make(&w);
    struct error err;
    const struct trial *t = add(&w, NAN, 0.5, 0);
    assert_int_equal(run(&w, t, "d", 500), TRAIN);
    struct stage_order order;
    assert_int_equal(stage_step(w.history, t, &order), STAGE_RUNS);
    const struct lease_order lease = {.dir = "/d", .stage = "compress", .key = order.key};
    assert_ok(history_lease_to(w.history, t, &lease, &err), err);
    assert_ok(history_started(w.history, t, 1, 500, &err), err);
    assert_ok(history_finish(w.history, t, &(struct ending){.state = TRIAL_INFEASIBLE, .reason = "so"}, &err), err);
    struct search_history h = history_view(w.history);
    assert_int_equal(h.trial[0].outcome, SEARCH_FAILED);
    assert_near(h.trial[0].stage[TRAIN].cost, 500, 0);
    assert_true(h.trial[0].stage[TRAIN].kept && !h.trial[0].stage[COMPRESS].kept);
    assert_true(isnan(h.trial[0].stage[COMPRESS].cost));
    const struct trial *again = add(&w, NAN, 0.5, 1); /* the training is there */
    assert_int_equal(run(&w, again, "d2", 0), COMPRESS);
    done(&w);
}

/* ---- the depot ---- */

static const char *at(const char *name, struct arena *a)
{
    return arena_printf(a, "%s/%s", test_folder(), name);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void make_tree(const char *path, struct arena *a)
{
    mkdir(path, 0700);
    mkdir(arena_printf(a, "%s/deep", path), 0700);
    mkdir(arena_printf(a, "%s/empty", path), 0700);
    write_file(arena_printf(a, "%s/model.bin", path), "weights", 0600);
    write_file(arena_printf(a, "%s/deep/run.sh", path), "#!/bin/sh\n", 0700);
    write_file(arena_printf(a, "%s/odd name\nwith a line", path), "", 0600);
}

static void test_depot__keeps_files_and_folders_by_their_content(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    struct deposit one, two, three;
    const char *depot = at("depot", &a), *output = at("output", &a);
    make_tree(output, &a);
    assert_ok(depot_keep(depot, output, &one, &err), err);
    assert_int_equal(access(output, F_OK), -1);
    assert_int_equal(one.bytes, 17);
    make_tree(output, &a);
    assert_ok(depot_keep(depot, output, &two, &err), err);
    assert_string_equal(one.digest, two.digest);
    write_file(output, "weights", 0600);
    assert_ok(depot_keep(depot, output, &three, &err), err);
    assert_string_not_equal(one.digest, three.digest);
    assert_ok(depot_verify(depot, one.digest, &err), err);
    assert_ok(depot_verify(depot, three.digest, &err), err);
    struct stat st;
    assert_int_equal(stat(depot_path(depot, three.digest, &a), &st), 0);
    assert_int_equal(st.st_mode & 0222, 0);
    arena_done(&a);
}

static void test_depot__notices_what_has_changed(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    struct deposit one;
    const char *depot = at("depot", &a), *output = at("output", &a);
    make_tree(output, &a);
    assert_ok(depot_keep(depot, output, &one, &err), err);
    const char *file = arena_printf(&a, "%s/model.bin", depot_path(depot, one.digest, &a));
    chmod(file, 0600);
    write_file(file, "weighty", 0600);
    assert_int_equal(depot_verify(depot, one.digest, &err), STATUS_INVALID);
    make_tree(output, &a); /* the same again takes its place */
    assert_ok(depot_keep(depot, output, &one, &err), err);
    assert_ok(depot_verify(depot, one.digest, &err), err);
    depot_remove(depot, one.digest);
    assert_int_equal(depot_verify(depot, one.digest, &err), STATUS_NOT_FOUND);
    arena_done(&a);
}

static void test_depot__refuses_what_is_no_file(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    struct deposit one;
    const char *depot = at("depot", &a), *output = at("output", &a), *inside = at("output/x", &a);
    assert_int_equal(depot_keep(depot, output, &one, &err), STATUS_NOT_FOUND);
    write_file(output, "", 0600);
    assert_int_equal(depot_keep(depot, output, &one, &err), STATUS_NOT_FOUND);
    unlink(output);
    mkdir(output, 0700);
    assert_int_equal(depot_keep(depot, output, &one, &err), STATUS_NOT_FOUND);
    assert_int_equal(symlink("/etc/passwd", inside), 0);
    assert_int_equal(depot_keep(depot, output, &one, &err), STATUS_INVALID);
    assert_contains(err.text, "a link");
    unlink(inside);
    assert_int_equal(mkfifo(inside, 0600), 0);
    assert_int_equal(depot_keep(depot, output, &one, &err), STATUS_INVALID);
    assert_contains(err.text, "a FIFO");
    unlink(inside);
    rmdir(output);
    assert_int_equal(symlink("/etc", output), 0);
    assert_int_equal(depot_keep(depot, output, &one, &err), STATUS_INVALID);
    unlink(output);
    arena_done(&a);
}

static bool is_first(void *data, const char *digest)
{
    return strcmp(data, digest) == 0;
}

static void test_depot__sweeps_what_nobody_knows(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    struct deposit one, two;
    const char *depot = at("swept", &a), *output = at("output", &a);
    make_tree(output, &a);
    assert_ok(depot_keep(depot, output, &one, &err), err);
    write_file(output, "other", 0600);
    assert_ok(depot_keep(depot, output, &two, &err), err);
    assert_int_equal(depot_sweep(depot, is_first, one.digest), 1);
    assert_ok(depot_verify(depot, one.digest, &err), err);
    assert_int_equal(depot_verify(depot, two.digest, &err), STATUS_NOT_FOUND);
    arena_done(&a);
}

/* ---- the way between machines ---- */

static void test_parcel__brings_the_same_whatever_its_parts(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    const char *from = at("from", &a), *to = at("to", &a);
    make_tree(from, &a);
    for (int64_t part = 1; part < 400; part += 37) {
        struct deposit sent, came;
        size_t parts;
        assert_ok(parcel_split(from, test_folder(), "p", part, &parts, &err), err);
        assert_true(parts > 0);
        assert_ok(parcel_join(test_folder(), "p", to, &err), err);
        assert_int_equal(access(at("p.0", &a), F_OK), -1);
        assert_ok(depot_keep(at("depot", &a), to, &came, &err), err);
        if (part > 1) continue;
        assert_ok(depot_keep(at("depot", &a), from, &sent, &err), err);
        assert_string_equal(sent.digest, came.digest);
        make_tree(from, &a);
    }
    arena_done(&a);
}

static void unpack(const char *text, size_t n, enum status expected, const char *to)
{
    struct arena a = {0};
    struct error err;
    FILE *f = tmpfile();
    assert_int_equal(fwrite(text, 1, n, f), n);
    fflush(f);
    assert_int_equal(parcel_read(fileno(f), to, &err), expected);
    fclose(f);
    arena_done(&a);
}

static void test_parcel__refuses_what_leads_elsewhere(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "nocturne parcel 2\nf 1 0\nxend\n",
        "nocturne parcel 1\n",
        "nocturne parcel 1\nend\n",
        "nocturne parcel 1\nf 5 0\nxend\n",
        "nocturne parcel 1\nf 1 0\nx",
        "nocturne parcel 1\nf 1 4\nnamexend\n",
        "nocturne parcel 1\nf 1 0\nxf 1 1\nyxend\n",
        "nocturne parcel 1\nd 0 0\nf 1 5\n../zxend\n",
        "nocturne parcel 1\nd 0 0\nf 1 9\na/../../zxend\n",
        "nocturne parcel 1\nd 0 0\nf 1 2\n/zxend\n",
        "nocturne parcel 1\nd 0 0\nl 1 1\nzxend\n",
        "nocturne parcel 1\nd 7 0\nend\n",
        "nocturne parcel 1\nd 0 0\nf -1 1\nzend\n",
        "nocturne parcel 1\nd 0 0\nf 1 99999\nzxend\n",
        "nocturne parcel 1\nd 0 0\nf 1 3\na/bxend\n", /* there is no a */
        "nocturne parcel 1\nd 0 0\nf 99999999999999999999999 1\nzxend\n",
    };
    struct arena a = {0};
    const char *to = at("into/output", &a);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unpack(bad[i], strlen(bad[i]), STATUS_INVALID, to);
        assert_int_equal(access(to, F_OK), -1); /* half of it is nothing */
    }
    static const char good[] = "nocturne parcel 1\nd 0 0\nd 0 1\naf 1 3\na/bxend\n";
    unpack(good, sizeof good - 1, STATUS_OK, to);
    assert_int_equal(access(at("into/output/a/b", &a), F_OK), 0);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stage__hands_on_its_input_where_it_does_not_exist),
        cmocka_unit_test(test_stage__a_command_leaves_out_what_is_not_there),
        cmocka_unit_test(test_stage__what_was_run_is_taken_over_and_not_paid_again),
        cmocka_unit_test(test_stage__one_waits_for_another_that_runs_the_same),
        cmocka_unit_test(test_stage__keys_differ_by_what_they_follow_from),
        cmocka_unit_test(test_stage__the_log_gives_back_the_same),
        cmocka_unit_test(test_stage__what_is_not_kept_is_run_again_where_it_is_needed),
        cmocka_unit_test(test_stage__what_came_of_another_checkpoint_is_forgotten),
        cmocka_unit_test(test_stage__the_oldest_goes_that_nobody_stands_on),
        cmocka_unit_test(test_search__keeps_stages_that_are_there_while_tokens_are_left),
        cmocka_unit_test(test_search__what_fails_at_a_stage_teaches_what_the_others_cost),
        cmocka_unit_test(test_depot__keeps_files_and_folders_by_their_content),
        cmocka_unit_test(test_depot__notices_what_has_changed),
        cmocka_unit_test(test_depot__refuses_what_is_no_file),
        cmocka_unit_test(test_depot__sweeps_what_nobody_knows),
        cmocka_unit_test(test_parcel__brings_the_same_whatever_its_parts),
        cmocka_unit_test(test_parcel__refuses_what_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
