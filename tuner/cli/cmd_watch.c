#include "tuner/cli/cli.h"

#include "tuner/cli/keeper.h"
#include "tuner/cli/rollout.h"
#include "tuner/cli/rollouts.h"
#include "tuner/cli/watch_wish.h"

#include <stdlib.h>
#include <string.h>

static const struct argp_option table[] = {
    {"rollout", 'r', "NAME", 0, "what clients ask for (default: the study's name)", 0},
    {"plan", 'P', "FILE", 0, "how it is watched, YAML (default: the study's metrics)", 0},
    {"every", 'e', "DURATION", 0, "run the champion again so often, besides the outcomes that come; 0: never (default)", 0},
    {"then", 't', "STEP", 0, "how far it goes by itself: drifted, evaluating, tuning or trying (default)", 0},
    {"ask", 'a', "STEP,…", 0, "before these somebody is asked: evaluating, tuning, trying; none (default: tuning,trying)", 0},
    {"trials", 'n', "N", 0, "of the study that is tuned anew (default 25)", 0},
    {"top", 'k', "N", 0, "configurations that are run again after an alarm (default 3)", 0},
    {"run-length", 'l', "N", 0, "units between two false alarms, at least, on average (default 10000)", 0},
    {"champion", 'c', "WHICH", 0,
     "of a new rollout, what is served: a trial's number, best (default, confirmed), baseline, a reference, or a FILE", 0},
    {"command", 'x', "PROGRAM", 0,
     "with its arguments, last: run this with the champion instead of the study's program, by the same contract", 0},
    {"once", 'o', NULL, 0, "what is due now, and no more: for cron", 0},
    CLI_NOTIFY_OPTION,
    {"quiet", 'q', NULL, 0, "print nothing but errors", 0},
    {0},
};

static void take_command(struct watch_options *o, char *program, struct argp_state *state)
{
    o->command = must_alloc((size_t)(state->argc - state->next) + 2, sizeof *o->command);
    o->command[o->n_command++] = program;
    while (state->next < state->argc) o->command[o->n_command++] = state->argv[state->next++];
    if (o->n_command > WATCH_COMMAND_MAX) argp_error(state, "--command: %d words are the most", WATCH_COMMAND_MAX);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct watch_options *o = state->input;
    switch (key) {
    case 'r': o->rollout = arg; return 0;
    case 'P': o->plan = arg; return 0;
    case 'e': o->every = arg; return 0;
    case 't': o->then = arg; return 0;
    case 'a': o->ask = arg; return 0;
    case 'n': o->trials = cli_whole(arg, "--trials", 1, 1000000, state); return 0;
    case 'k': o->top = cli_whole(arg, "--top", 1, 20, state); return 0;
    case 'l': o->run_length = cli_number(arg, "--run-length", 10, 1e15, state); return 0;
    case 'c': o->champion = arg; return 0;
    case 'x': take_command(o, arg, state); return 0;
    case 'o': o->once = true; return 0;
    case 'q': o->quiet = true; return 0;
    case CLI_NOTIFY: o->notify = arg; return 0;
    case ARGP_KEY_END:
        if (o->common.service.url && (o->once || o->notify))
            argp_error(state, "--once and --notify are for who does the work, at the database: with --url a watch is only begun");
        return cli_parse_study(key, arg, state);
    default: return cli_parse_study(key, arg, state);
    }
}

/* ---- what is to be watched ---- */

struct beginning {
    const struct watch_options *o;
    struct cli_study at;
    struct arena arena;
    const char *rollout;
    json_t *status; /* of the rollout; NULL: it is new */
    int64_t seen;   /* seq of its last event before */
};

/* The study of a rollout that is named alone. */
static enum status study_of_rollout(const struct watch_options *o, struct arena *a, const char **ret, struct error *err)
{
    struct store *store = NULL;
    struct store_rollout row;
    enum status s = store_open(o->common.db, STORE_EXISTING, &store, err);
    if (s) return s;
    s = o->rollout ? store_rollout_find(store, o->rollout, a, &row, err) : STATUS_NOT_FOUND;
    if (s == STATUS_OK) *ret = row.study;
    store_close(store);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status open_study(struct beginning *x, struct error *err)
{
    const struct watch_options *o = x->o;
    const char *study = o->common.study;
    enum status s = study || o->common.service.url ? STATUS_OK : study_of_rollout(o, &x->arena, &study, err);
    if (!s) s = cli_open(&o->common, study, &x->at, err);
    if (s) return s;
    x->rollout = o->rollout ? o->rollout : arena_strdup(&x->arena, x->at.study->name);
    const struct rollouts r = rollouts_beside(x->at.store, x->at.remote.caller);
    s = rollouts_status(&r, x->rollout, 0, &x->status, err);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status read_seen(struct beginning *x, struct error *err)
{
    json_t *events = NULL;
    if (!x->status || x->at.remote.caller) return STATUS_OK;
    enum status s = live_events(x->at.store, x->rollout, 0, 0, &events, err);
    size_t n = json_array_size(events);
    if (n) x->seen = json_integer_value(json_object_get(json_array_get(events, n - 1), "seq"));
    json_decref(events);
    return s;
}

static enum status check_study(const struct beginning *x, struct error *err)
{
    const char *of = json_string_value(json_object_get(x->status, "study"));
    if (!of || strcmp(of, x->at.study->name) == 0) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "rollout '%s' is of study '%s', not of '%s'; another --rollout is a new one",
                     x->rollout, of, x->at.study->name);
}

static enum status ask_service(const struct beginning *x, const char *plan, const struct configuration *champion,
                               struct error *err)
{
    json_t *body = json_pack("{s:s, s:s}", "study", x->at.study->name, "plan", plan);
    if (champion) json_object_set_new(body, "champion", rollout_asked(champion));
    enum status s = errand_watch(x->at.remote.caller, x->rollout, body, err);
    json_decref(body);
    return s;
}

static enum status begin_by(struct beginning *x, const struct configuration *champion, struct error *err)
{
    const char *plan = "";
    json_error_t ignored;
    json_t *served = champion ? json_loads(champion->body, 0, &ignored) : json_incref(json_object_get(x->status, "champion"));
    enum status s = watch_wish_plan(x->o, x->at.memory, served, &x->arena, &plan, err);
    const struct live_watch_wish wish = {.rollout = x->rollout,
                                         .study = x->at.study->name,
                                         .plan_name = x->o->plan ? x->o->plan : "the watch",
                                         .plan = plan,
                                         .champion = champion,
                                         .by = rollout_by(&x->arena)};
    if (!s && x->at.remote.caller)
        s = ask_service(x, plan, champion, err);
    else if (!s)
        s = live_watch(x->at.store, &wish, clock_wall_ms(clock_real()), err);
    json_decref(served);
    return s;
}

static enum status begin_watch(struct beginning *x, struct error *err)
{
    const struct watch_options *o = x->o;
    struct configuration champion = {.body = NULL};
    bool goes_on = json_object_get(x->status, "watch") && !watch_wish_is_given(o);
    enum status s = check_study(x, err);
    if (!s && (o->champion || !x->status)) {
        s = rollout_choose(x->at.memory, o->champion ? o->champion : "best", &champion, err);
        if (s) error_context(err, "--champion");
    }
    if (!s && (!goes_on || champion.body)) s = begin_by(x, champion.body ? &champion : NULL, err);
    free(champion.body);
    return s;
}

static enum status begin(const struct watch_options *o, struct arena *a, struct keeper_options *ret, struct error *err)
{
    struct beginning x = {.o = o};
    enum status s = open_study(&x, err);
    if (!s) s = read_seen(&x, err);
    if (!s) s = begin_watch(&x, err);
    if (!s)
        *ret = (struct keeper_options){.db = o->common.db,
                                       .rollout = arena_strdup(a, x.rollout),
                                       .seen = x.seen,
                                       .notify = o->notify,
                                       .json = o->common.json,
                                       .quiet = o->quiet,
                                       .once = o->once};
    if (x.at.study) cli_close(&x.at);
    json_decref(x.status);
    arena_done(&x.arena);
    return s;
}

/* Programs are run where the database is. */
static int say_begun(const struct watch_options *o, const char *rollout)
{
    if (!o->quiet)
        printf("rollout %s is watched; where its database is, 'nocturne watch --rollout %s' runs what is to be run\n", rollout, rollout);
    return EXIT_OK;
}

int cmd_watch(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc =
            "What is live is watched, until Ctrl-C: outcomes that clients tell, and with --every the study's program, run again "
            "with the champion. When it has begun to run worse, with a stated rate of false alarms, people are told; the "
            "champion and the best others are run again; the study is tuned anew, warm-started, in a file of its own beside "
            "the first; its winner is tried in an experiment. The same command goes on after any interruption.\v"
            "--ask says which steps wait for 'nocturne rollout approve'. With --plan all of it is in a file:\n"
            "  metrics:\n"
            "    em: {}\n"
            "    tokens: {amount: true}\n"
            "    letters: {range: [0, 40], both: true}\n"
            "  learn: 2000          # units of the champion show what is usual\n"
            "  run_length: 10000    # units between two false alarms\n"
            "  every: 24h\n"
            "  fresh: 500           # units from after an alarm, before runs\n"
            "  then: trying\n"
            "  ask: [tuning]\n"
            "  experiment: {ramp: [0.05, 0.5], promote: auto}   # else as the last one\n"
            "'nocturne loop' shows how it stands. With --url a service begins to watch, by an operator's token; what is to be run "
            "is run by this command at its database.\n\n"
            "Example: nocturne watch g2p --every 24h --ask tuning",
        .children = cli_remote_child};
    struct watch_options o = {.rollout = NULL};
    struct arena arena = {0};
    struct error err;
    struct keeper_options k;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = begin(&o, &arena, &k, &err);
    int code = s ? cli_fail(&err) : o.common.service.url ? say_begun(&o, k.rollout) : keeper_run(&k);
    free(o.command);
    arena_done(&arena);
    return code;
}
