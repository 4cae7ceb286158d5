/* What run and resume share: from a study to its end. */
#include "tuner/cli/cli.h"
#include "tuner/cli/run_page.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/execution/execution.h"
#include "tuner/notify/notify.h"
#include "tuner/policy/policy.h"
#include "tuner/report/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

error_t run_parse(int key, char *arg, struct argp_state *state, struct run_options *o)
{
    switch (key) {
    case 'u':
        if (!words_time_of_day(arg, &o->budget.until_minutes))
            argp_error(state, "--until: '%s' is not a time of day such as 07:00", arg);
        return 0;
    case 't': o->budget.tokens = cli_number(arg, "--tokens", 1, 1e300, state); return 0;
    case 'c': o->budget.cost = cli_number(arg, "--cost", 1e-9, 1e300, state); return 0;
    case 'w':
        if (!words_duration_ms(arg, &o->budget.wall_ms))
            argp_error(state, "--wall: '%s' is not a duration such as 90s, 10m, 9h or 1h30m", arg);
        return 0;
    case 'n': o->budget.trials = cli_whole(arg, "--trials", 1, CLI_COUNT_MAX, state); return 0;
    case 'p': o->page = true; return 0;
    case 's': o->slots = cli_whole(arg, "--slots", 1, 256, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

size_t run_slots(const struct study *study, const struct run_options *o)
{
    return (size_t)(o->slots ? o->slots : study->workers.slots);
}

static void print_next(const struct study *study, const struct run_options *o)
{
    struct arena a = {0};
    bool own = strcmp(o->db, "nocturne.db") != 0;
    const char *target = arena_printf(&a, "%s%s%s", study->name, own ? " --db " : "", own ? o->db : "");
    printf("\nNext:\n  nocturne export %s --format yaml    # or json, env, args, toml\n", target);
    printf("  nocturne trials %s                  # every trial\n", target);
    if (study->objective.form != OBJECTIVE_SINGLE && study->baseline)
        printf("  nocturne best %s --weights …        # if other things mattered: no new trial\n", target);
    arena_done(&a);
}

/* How many of its trials failed, and what the last one said, unless it was `said` as it ended; nothing if none did. */
static void print_failures(FILE *out, const struct memory *s, bool said)
{
    const struct trial *last = NULL;
    size_t n = memory_count(s, TRIAL_FAILED), all = 0;
    struct arena a = {0};
    for (size_t i = 0; i < s->n; i++) {
        if (s->trial[i]->state == TRIAL_FAILED) last = s->trial[i];
        all += trial_state_final(s->trial[i]->state);
    }
    if (last && said && last->finished_ms >= s->run.wall_ms)
        fprintf(out, "%zu of %zu trial%s failed ('nocturne trials %s --state failed')\n", n, all, words_s(all),
                s->study->name);
    else if (last)
        fprintf(out, "%zu of %zu trial%s failed; trial %ld: %s ('nocturne trials %s --state failed')\n", n, all,
                words_s(all), last->number, last->reason ? plain_shown(&a, last->reason) : "", s->study->name);
    arena_done(&a);
}

/* What was given on the command line, so that the hint does the same. */
static void print_given(FILE *out, const struct run_options *o)
{
    const struct budget *b = &o->budget;
    char text[40];
    if (b->until_minutes >= 0) fprintf(out, " --until %02d:%02d", b->until_minutes / 60, b->until_minutes % 60);
    if (b->trials) fprintf(out, " --trials %ld", b->trials);
    if (b->tokens > 0) fprintf(out, " --tokens %s", json_shortest(b->tokens, text));
    if (b->cost > 0) fprintf(out, " --cost %s", json_shortest(b->cost, text));
    if (b->wall_ms) fprintf(out, " --wall %s", words_give_duration(b->wall_ms, text, sizeof text));
    if (o->slots) fprintf(out, " --slots %ld", o->slots);
    if (strcmp(o->db, "nocturne.db")) fprintf(out, " --db %s", o->db);
}

static void print_end_json(const struct memory *s, const struct comparison *c, const struct health *health,
                           enum coordinator_end end)
{
    json_t *best = document_best_json(c);
    if (end == COORDINATOR_DONE) rerun_add(best, s, c);
    cli_print_json(json_pack("{s:s, s:s, s:o, s:o}", "event", "end", "end",
                             end == COORDINATOR_DONE ? "done" : "stopped", "best", best, "health",
                             health_json(health)));
}

static void print_unconfirmed(const struct memory *history, struct arena *a)
{
    const char *text = remark_unconfirmed(history, a);
    if (text) printf("note: %s\n", plain_shown(a, text));
}

static int print_end(const struct study *study, const struct memory *history, const struct run_options *o,
                     enum coordinator_end end)
{
    struct arena arena = {0};
    const struct ranking all = ranking_make(history, &study->objective, &arena);
    const struct comparison c = comparison_make(history, &study->objective, &all, &arena);
    struct health health;
    cli_health(history, false, &arena, &health);
    if (o->json)
        print_end_json(history, &c, &health, end);
    else if (!o->quiet && end == COORDINATOR_DONE) {
        report_comparison(stdout, &c);
        report_rerun(stdout, history, &c);
        report_health(stdout, &health, &history->study->objective, false);
        if (!c.winner || c.winner->label) report_stopped_early(stdout, history);
        print_unconfirmed(history, &arena);
        print_failures(stdout, history, true);
        if (c.winner) print_next(study, o);
    } else if (end == COORDINATOR_STOPPED) {
        fprintf(stderr, "stopped; nothing is lost. Go on with: nocturne run %s", study->path);
        print_given(stderr, o);
        fputc('\n', stderr);
    }
    arena_done(&arena);
    if (end != COORDINATOR_DONE) return EXIT_INTERRUPTED;
    bool barren = memory_count(history, TRIAL_COMPLETE) == 0 && memory_count(history, TRIAL_FAILED) > 0;
    if (barren && (o->quiet || o->json)) print_failures(stderr, history, false);
    return barren ? EXIT_FAILED : EXIT_OK; /* nothing works: that is no success for a script */
}

static enum progress_mode mode_of(const struct run_options *o)
{
    if (o->json) return PROGRESS_JSON;
    if (o->quiet) return PROGRESS_QUIET;
    return report_can_redraw() ? PROGRESS_TERMINAL : PROGRESS_LINES;
}

/* Forward only. */
enum own_state {
    OWN_OPENS, /* there is no loop yet */
    OWN_TURNS, /* loop and progress are there, the study runs or has ended */
    OWN_CLOSED /* the study's memory is gone; the loop turns on for its page */
};

/* What the loop's callbacks need. */
struct own_run {
    enum own_state state;
    uv_loop_t loop;
    struct progress *progress;
    struct active *run;
    const struct run_errand *errand; /* NULL: search */
    struct run_page *page;     /* NULL: nobody looks */
    struct notifier *notifier; /* NULL: nobody is told */
    bool told;                 /* all that could be */
    uv_signal_t interrupt, terminate;
    enum coordinator_end end;
    enum status status;
    struct error err;
};

static void on_event(void *data, enum news event, const struct trial *trial, const char *text)
{
    struct own_run *x = data;
    progress_event(x->progress, event, trial, text);
    if (x->notifier)
        notifier_look(
            x->notifier, x->run->study->name,
            &(struct look){.news = event != NEWS_TICK, .paused = coordinator_pause_reason(x->run->coordinator)});
}

static const char *on_item(void *data, const struct trial *t, const char *id, const json_t *metrics)
{
    const struct run_errand *errand = ((struct own_run *)data)->errand;
    return errand->weigh(errand->data, t, id, metrics);
}

static void on_told(void *data, const char *study, const char *text)
{
    (void)study;
    progress_event(((struct own_run *)data)->progress, NEWS_NOTE, NULL, text);
}

static void on_all_told(void *data)
{
    ((struct own_run *)data)->told = true;
}

static enum status start_telling(struct own_run *x, const struct run_options *o, const struct notify_file *f,
                                 struct error *err)
{
    const struct notifier_options options = {.file = f, .db = o->db, .loop = &x->loop, .say = on_told, .data = x};
    enum status s = notifier_create(&options, &x->notifier, err);
    if (!s) notifier_begin(x->notifier, x->run->study->name);
    return s;
}

static void on_ended(void *data, enum coordinator_end end, enum status status, const struct error *err)
{
    struct own_run *x = data;
    x->end = end;
    x->status = status;
    x->err = *err;
    if (x->notifier) notifier_over(x->notifier, x->run->study->name, status ? err->text : NULL);
    if (x->notifier) notifier_close(x->notifier, on_all_told, x);
    uv_close((uv_handle_t *)&x->interrupt, NULL);
    uv_close((uv_handle_t *)&x->terminate, NULL);
    if (x->page) run_page_ended(x->page);
    if (x->page) uv_stop(x->interrupt.loop); /* which goes on turning for the page */
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct own_run *x = handle->data;
    (void)number;
    coordinator_insist(x->run->coordinator);
}

/* What was found on this machine. */
struct found {
    char guard[WORKERS_PATH_MAX], files[NEEDS_PATH_MAX];
    struct gpu_grant grant;
    struct notify_file *notify; /* NULL: nobody is told */
};

static enum status start(struct own_run *x, const struct run_options *o, const struct found *found, struct error *err)
{
    struct coordinator_options options = {.slots = x->run->memory->run.slots,
                                          .gpus = found->grant.some ? &found->grant.gpus : NULL,
                                          .guard = found->guard,
                                          .files = found->files,
                                          .probe = o->probe,
                                          .only_queued = o->schedule || o->errand,
                                          .weigh = o->errand && o->errand->weigh ? on_item : NULL,
                                          .listen = on_event,
                                          .ended = on_ended,
                                          .data = x};
    enum status s = o->page ? run_page_open(o, x->run, &x->loop, &x->page, err) : STATUS_OK;
    return s ? s : active_start(x->run, &options, &x->loop, err);
}

/* From its start to its end. */
static enum status coordinate(struct own_run *x, const struct run_options *o, const struct found *found,
                              struct error *err)
{
    setenv("UV_THREADPOOL_SIZE", "2", 0); /* one suggestion and one judgement are computed at a time */
    uv_loop_init(&x->loop);
    x->progress = progress_create(stdout, mode_of(o), x->run->memory);
    x->state = OWN_TURNS;
    struct error why;
    enum status s = start(x, o, found, err);
    if (!s) {
        if (found->notify && start_telling(x, o, found->notify, &why)) on_told(x, NULL, why.text);
        cli_catch_signal(&x->loop, &x->interrupt, SIGINT, on_signal, x);
        cli_catch_signal(&x->loop, &x->terminate, SIGTERM, on_signal, x);
        uv_run(&x->loop, UV_RUN_DEFAULT);
        while (x->notifier && !x->told) uv_run(&x->loop, UV_RUN_ONCE); /* the page keeps it turning */
        s = x->status;
        if (s) *err = x->err;
    }
    progress_clear(x->progress);
    return s;
}

/* The run's memory goes, and with it the right to the study; the page may stay. */
static void close_run(struct own_run *x)
{
    if (x->page) {
        run_page_ended(x->page);
        run_page_let_go(x->page);
    }
    if (x->state == OWN_TURNS) x->state = OWN_CLOSED;
    progress_free(x->progress);
    active_close(x->run);
}

static void end_run(struct own_run *x)
{
    if (x->state != OWN_CLOSED) return;
    run_page_close(x->page);
    uv_loop_close(&x->loop);
}

static size_t count_searched(const struct memory *s, enum trial_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += s->trial[i]->state == state && memory_is_searched(s->trial[i]);
    return n;
}

/* Counted against the budget, as everywhere: without confirmations. */
/* As the last run left it: `again` of those that failed are tried again now. */
static void print_resumed(const struct memory *s, size_t again)
{
    size_t attempts = 0, pruned = count_searched(s, TRIAL_PRUNED),
           failed = again + count_searched(s, TRIAL_FAILED) + count_searched(s, TRIAL_INFEASIBLE),
           of = s->run.budget.trials ? (size_t)s->run.budget.trials : s->tally.searched;
    for (size_t i = 0; i < s->n; i++) attempts += (size_t)s->trial[i]->effort.attempts;
    if (!attempts) return;
    printf("going on with study %s: %zu of %zu trial%s complete", s->study->name, count_searched(s, TRIAL_COMPLETE), of,
           words_s(of));
    if (pruned) printf(", %zu stopped early", pruned);
    if (failed) printf(", %zu failed", failed);
    if (s->tally.confirmed) printf("; %zu confirmation%s", s->tally.confirmed, words_s(s->tally.confirmed));
    putchar('\n');
}

static enum status open_run(struct store *store, const struct study *study, const struct run_options *o,
                            const struct clock *clock, struct active **ret, struct error *err)
{
    struct budget budget = o->errand ? o->budget : active_budget(study, &o->budget); /* asked for by hand */
    struct opening opening = {.seed = o->seed >= 0 ? (uint64_t)o->seed : study->seed,
                              .budget = &budget,
                              .probe = o->probe,
                              .slots = run_slots(study, o)};
    bool said = false;
    enum status s = active_open(store, study, &opening, clock, ret, err);
    while (s == STATUS_BUSY && !store_hold_taken(store, study->name)) { /* it is the database that is locked */
        if (!said) fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", err->text);
        said = true;
        s = active_open(store, study, &opening, clock, ret, err); /* waits by itself */
    }
    if (s) store_close(store);
    return s;
}

/* One more trial: the schedule of a file, on a fresh seed. */
static enum status add_schedule(struct history *history, const char *path, struct error *err)
{
    enum { ROOM = 1 << 20 };
    struct arena arena = {0};
    struct trajectory trajectory;
    const double *config;
    json_t *object = NULL;
    FILE *in = fopen(path, "rb");
    if (!in) return error_set(err, STATUS_NOT_FOUND, "%s: cannot read the schedule: %s", path, strerror(errno));
    char *text = must_alloc(ROOM, 1);
    size_t n = fread(text, 1, ROOM, in);
    fclose(in);
    enum status s = json_parse_object(text, n, &object, err);
    if (!s) s = lineage_parse(history_memory(history), object, &arena, &config, &trajectory, err);
    if (s)
        s = error_context(err, "%s", path);
    else
        history_add(history, &(struct addition){.role = ROLE_ENQUEUED,
                                                .config = config,
                                                .source = arena_printf(&arena, "schedule of %s", path),
                                                .trajectory = &trajectory});
    json_decref(object);
    free(text);
    arena_done(&arena);
    return s;
}

static int end_errand(struct own_run *x, const struct run_errand *errand)
{
    return x->end == COORDINATOR_DONE ? errand->over(x->run->history, errand->data) : EXIT_INTERRUPTED;
}

/* What would otherwise be found out in the morning. */
static void print_warnings(const struct study *study, const struct run_options *o)
{
    struct arena a = {0};
    struct wiring w;
    wiring_look(study, &a, &w);
    for (size_t i = 0; i < w.n_warnings; i++)
        fprintf(o->json ? stderr : stdout, "%s: %s\n", o->json ? "nocturne" : "note", plain_shown(&a, w.warning[i]));
    arena_done(&a);
}

/* For who leaves this terminal. */
static void print_watch(const struct study *study, const struct run_options *o)
{
    bool own = strcmp(o->db, "nocturne.db") != 0;
    printf("from another terminal: nocturne status --watch %s%s%s\n", study->name, own ? " --db " : "",
           own ? o->db : "");
}

int run_study(const struct study *study, const struct run_options *o)
{
    struct found found = {.notify = NULL};
    bool all = !o->probe && !o->schedule && !o->errand; /* of it, not of one trial */
    struct clock *clock = clock_steady_create(clock_real());
    struct store *store = NULL;
    struct own_run x = {.end = COORDINATOR_STOPPED, .errand = o->errand};
    struct error err;
    struct arena arena = {0};
    enum status s = needs_command(study, &err);
    if (!s && o->budget.cost > 0 && study->budget.price_token <= 0 && study->budget.price_hour <= 0)
        s = error_set(&err, STATUS_INVALID, "--cost needs a price, for example 'budget: {price: {token: 2e-6}}' in %s",
                      study->path);
    if (!s && study->agents.kind)
        s = error_set(&err, STATUS_INVALID,
                      "%s: agents of %s need the service: 'nocturne serve', then create the study there (see "
                      "'nocturne serve --help'); or take 'executor:' out to run it here",
                      study->path, provisioner_product(study->agents.kind));
    if (!s && strcmp(o->db, ":memory:") == 0)
        s = error_set(&err, STATUS_INVALID, "run needs a database file: --db FILE");
    if (!s) s = needs_gpus(study, run_slots(study, o), &found.grant, &arena, &err);
    if (!s) s = workers_guard(found.guard, &err);
    if (!s && all) s = cli_notify_file(o->notify, &found.notify, &err);
    if (!s) s = cli_open_patiently(o->db, STORE_CREATE, 0, &store, &err);
    if (!s && (s = needs_folder(o->db, found.files, &err))) store_close(store);
    if (!s) s = open_run(store, study, o, clock, &x.run, &err);
    if (!s) cli_print_changes(x.run->memory);
    if (!s && found.grant.shown && !o->quiet) fprintf(stderr, "nocturne: %s\n", found.grant.shown);
    if (!s && !o->quiet) print_warnings(study, o);
    if (!s && o->schedule) s = add_schedule(x.run->history, o->schedule, &err);
    if (!s && o->errand) s = o->errand->add(x.run->history, o->errand->data, &err);
    if (!s && !o->quiet && !o->json && !o->errand) print_resumed(x.run->memory, x.run->n_again);
    if (!s && mode_of(o) == PROGRESS_TERMINAL) print_watch(study, o);
    if (!s) s = coordinate(&x, o, &found, &err);
    int code = s           ? cli_fail(&err)
               : o->errand ? end_errand(&x, o->errand)
                           : print_end(study, x.run->memory, o, x.end);
    if (s && o->err) *o->err = err;
    close_run(&x);
    if (!s && x.page && x.end == COORDINATOR_DONE) run_page_stay(x.page);
    end_run(&x);
    notify_file_free(found.notify);
    arena_done(&arena);
    clock_steady_free(clock);
    return code;
}
