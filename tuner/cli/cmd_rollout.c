#include "tuner/cli/rollout.h"

#include "tuner/cli/rollouts.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include "tuner/report/report.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct argp_option table[] = {
    {"rollout", 'r', "NAME", 0, "start: what clients ask for (default: the study's name)", 0},
    {"champion", 'c', "WHICH", 0,
     "start: what is served: a trial's number, baseline, best, a reference, or a FILE of parameters (default: what is "
     "served now; of a new rollout the baseline)",
     0},
    {"challenger", 'x', "WHICH", 0, "start: what is tried, the same way; several times (default: best, confirmed)", 0},
    {"plan", 'p', "FILE", 0, "start: what it is to show, see 'nocturne rollout plan' (default: that)", 0},
    {"units", 'u', "N", 0, "start: it may take so many, and is sooner decided", 0},
    {"window", 'w', "DURATION", 0, "start: of a unit, from its first exposure to its score", 0},
    {"promote", 'm', "ask|auto", 0, "start: once all is proven, ask first, or by itself", 0},
    {"salt", 's', "TEXT", 0, "start: who gets what is drawn by it (default: a new one)", 0},
    {"share", 'a', "SHARE", 0, "ramp: at least so far, 0.25 or 25% (default: the next step)", 0},
    {"variant", 'v', "NAME", 0, "promote: which of several challengers", 0},
    {"why", 'y', "TEXT", 0, "ramp … revive: for the events", 0},
    {"version", 'V', "N", 0, "ramp … revive: only if nobody has changed it since you saw it at this version", 0},
    {"experiment", 'e', "N", 0, "status: an earlier one", 0},
    {"from", 'f', "N", 0, "events: from this number on", 0},
    {"follow", 'F', NULL, 0, "tick: every second, until Ctrl-C", 0},
    {"rate", 'R', "N/day", 0, "plan: so many units come, 5000/day or 60/minute", 0},
    {0},
};

struct verb {
    const char *name;
    enum rollout_do what;
    size_t least, most;  /* arguments */
    const char *missing; /* of fewer */
    const char *options; /* keys that go with it */
};

static const struct verb verbs[] = {
    {"start", ROLLOUT_START, 1, 1, "which study? For example: nocturne rollout start g2p", "rcxpuwms"},
    {"status", ROLLOUT_STATUS, 0, 1, "", "e"},
    {"ramp", ROLLOUT_ORDER, 1, 1, "which rollout?", "ayV"},
    {"pause", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"resume", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"stop", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"promote", ROLLOUT_ORDER, 1, 1, "which rollout?", "vyV"},
    {"rollback", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"kill", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"revive", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"approve", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"decline", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"unwatch", ROLLOUT_ORDER, 1, 1, "which rollout?", "yV"},
    {"outcomes", ROLLOUT_OUTCOMES, 1, 2, "which rollout? And from which file, or standard input?", ""},
    {"tick", ROLLOUT_TICK, 0, 1, "", "F"},
    {"assign", ROLLOUT_ASSIGN, 2, 1000, "which rollout, and who? For example: nocturne rollout assign g2p user-17", ""},
    {"ruleset", ROLLOUT_RULESET, 1, 1, "which rollout?", ""},
    {"events", ROLLOUT_EVENTS, 1, 1, "which rollout?", "f"},
    {"plan", ROLLOUT_PLAN, 0, 1, "", "R"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

/* ---- reading the command line ---- */

struct parsing {
    struct rollout_options *o;
    char given[sizeof table / sizeof *table + 1]; /* keys of options */
};

static const struct verb *find_verb(const char *name, struct argp_state *state)
{
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) names[i] = verbs[i].name;
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(name, names[i]) == 0) return &verbs[i];
    const char *near = words_nearest(name, names, VERBS);
    argp_error(state, "'%s' is none of start, status, ramp, pause, …%s%s%s", name, near ? "; did you mean '" : "",
               near ? near : "", near ? "'?" : "");
    return NULL;
}

static void check_options(const struct parsing *p, const struct verb *verb, struct argp_state *state)
{
    for (const char *k = p->given; *k; k++)
        for (const struct argp_option *row = table; row->name && !strchr(verb->options, *k); row++)
            if (row->key == *k) argp_error(state, "--%s does not go with '%s'", row->name, verb->name);
    if (p->o->common.service.url && (verb->what == ROLLOUT_TICK || verb->what == ROLLOUT_PLAN))
        argp_error(state,
                   verb->what == ROLLOUT_TICK ? "a service does that by itself" : "a plan is read here, without --url");
}

static void read_words(struct parsing *p, struct argp_state *state)
{
    struct rollout_options *o = p->o;
    const struct verb *verb = find_verb(state->argv[state->next], state);
    o->arg = (const char **)state->argv + state->next + 1;
    o->n = (size_t)(state->argc - state->next - 1);
    state->next = state->argc;
    if (o->n < verb->least) argp_error(state, "%s: %s", verb->name, verb->missing);
    if (o->n > verb->most) argp_error(state, "%s: what is '%s'?", verb->name, o->arg[verb->most]);
    o->what = verb->what;
    live_verb_parse(verb->name, &o->verb);
    check_options(p, verb, state);
}

/* "0.25", "25%" */
static double read_share(const char *text, struct argp_state *state)
{
    double v = 0;
    size_t n = strlen(text);
    char digits[32];
    bool percent = n > 1 && text[n - 1] == '%';
    snprintf(digits, sizeof digits, "%.*s", (int)(percent ? n - 1 : n), text);
    if (!words_decimal(digits, &v) || !(v > 0) || v > (percent ? 95 : 0.95))
        argp_error(state, "--share: '%s' is no share of at most 0.95, such as 0.25 or 25%%", text);
    return percent ? v / 100 : v;
}

/* "5000/day", "60/minute" */
static double read_rate(const char *text, struct argp_state *state)
{
    static const struct {
        const char *name;
        double per_day;
    } spans[] = {{"/day", 1}, {"/hour", 24}, {"/minute", 1440}, {"/second", 86400}};
    const char *slash = strchr(text, '/');
    char digits[40];
    double v = 0;
    snprintf(digits, sizeof digits, "%.*s", (int)(slash ? slash - text : 0), text);
    for (size_t i = 0; slash && i < sizeof spans / sizeof *spans; i++)
        if (strcmp(slash, spans[i].name) == 0 && words_decimal(digits, &v) && v > 0) return v * spans[i].per_day;
    argp_error(state, "--rate: '%s' is no rate such as 5000/day, 200/hour, 60/minute or 1/second", text);
    return 1;
}

static void read_window(struct rollout_options *o, const char *text, struct argp_state *state)
{
    int64_t ms;
    if (!words_duration_ms(text, &ms)) argp_error(state, "--window: '%s' is not a duration such as 10m", text);
    o->start.window = text;
}

static void read_promote(struct rollout_options *o, const char *text, struct argp_state *state)
{
    if (strcmp(text, "ask") != 0 && strcmp(text, "auto") != 0)
        argp_error(state, "--promote: 'ask' or 'auto', not '%s'", text);
    o->start.promote = text;
}

static void add_challenger(struct rollout_options *o, const char *text, struct argp_state *state)
{
    if (o->start.n_challengers == LIVE_CHALLENGERS_MAX)
        argp_error(state, "--challenger: at most %d", LIVE_CHALLENGERS_MAX);
    o->start.challenger[o->start.n_challengers++] = text;
}

static error_t read_option(struct rollout_options *o, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'r': o->start.rollout = arg; return 0;
    case 'c': o->start.champion = arg; return 0;
    case 'x': add_challenger(o, arg, state); return 0;
    case 'p': o->start.plan = arg; return 0;
    case 'u': o->start.units = (double)cli_whole(arg, "--units", 1, CLI_COUNT_MAX, state); return 0;
    case 'w': read_window(o, arg, state); return 0;
    case 'm': read_promote(o, arg, state); return 0;
    case 's': o->start.salt = arg; return 0;
    case 'a': o->order.share = read_share(arg, state); return 0;
    case 'v': o->order.variant = arg; return 0;
    case 'y': o->order.why = arg; return 0;
    case 'V': o->order.version = cli_whole(arg, "--version", 1, CLI_COUNT_MAX, state); return 0;
    case 'e': o->experiment = cli_whole(arg, "--experiment", 1, CLI_COUNT_MAX, state); return 0;
    case 'f': o->from = cli_whole(arg, "--from", 0, CLI_COUNT_MAX, state); return 0;
    case 'F': o->follow = true; return 0;
    case 'R': o->per_day = read_rate(arg, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct parsing *p = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &p->o->common; return 0;
    case ARGP_KEY_ARGS: read_words(p, state); return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "say what to do: start, status, promote …; see --help"); return 0;
    default: break;
    }
    error_t known = read_option(p->o, key, arg, state);
    if (known == 0 && !strchr(p->given, key)) p->given[strlen(p->given)] = (char)key;
    return known;
}

/* ---- what needs no file of its own ---- */

const char *rollout_by(struct arena *a)
{
    const struct passwd *user = getpwuid(getuid());
    return user ? arena_strdup(a, user->pw_name) : arena_printf(a, "user %ld", (long)getuid());
}

const char *rollout_where(const struct rollout_options *o, struct arena *a)
{
    const struct cli_service *at = &o->common.service;
    if (!at->url) return "";
    return arena_printf(a, " --url %s --token-file %s%s%s", at->url, at->token_file, at->ca ? " --ca " : "",
                        at->ca ? at->ca : "");
}

/* How it stands, and how that came. */
static enum status show_one(const struct rollout_options *o, const struct rollouts *r, const json_t *status,
                            struct error *err)
{
    struct arena a = {0};
    json_t *course = NULL;
    const char *name = json_string_value(json_object_get(status, "rollout"));
    enum status s = name ? rollouts_course(r, name, o->experiment, &course, err) : STATUS_OK;
    if (!s) report_rollout(stdout, status, rollout_where(o, &a));
    if (!s) report_rollout_course(stdout, status, course);
    json_decref(course);
    arena_done(&a);
    return s;
}

static enum status show_all(const struct rollout_options *o, const struct rollouts *r, json_t *list, struct error *err)
{
    enum status s = STATUS_OK;
    if (o->common.json)
        cli_print_json(json_pack("{s:O}", "rollouts", list));
    else if (json_array_size(list) == 1)
        s = show_one(o, r, json_array_get(list, 0), err);
    else
        report_rollouts(stdout, list);
    return s;
}

static enum status show_status(const struct rollout_options *o, const struct rollouts *r, struct error *err)
{
    json_t *out = NULL;
    enum status s = o->n ? rollouts_status(r, o->arg[0], o->experiment, &out, err) : rollouts_all(r, NULL, &out, err);
    if (!s && !o->n)
        s = show_all(o, r, out, err);
    else if (!s && o->common.json)
        cli_print_json(json_incref(out));
    else if (!s)
        s = show_one(o, r, out, err);
    json_decref(out);
    return s;
}

static enum status give_order(const struct rollout_options *o, const struct rollouts *r, struct error *err)
{
    struct arena a = {0};
    json_t *status = NULL;
    const struct live_order order = {.verb = o->verb,
                                     .version = o->order.version,
                                     .share = o->order.share,
                                     .variant = o->order.variant,
                                     .why = o->order.why,
                                     .by = rollout_by(&a)};
    enum status s = rollouts_order(r, o->arg[0], &order, err);
    if (!s) s = rollouts_status(r, o->arg[0], 0, &status, err);
    if (!s && o->common.json)
        cli_print_json(json_incref(status));
    else if (!s)
        report_rollout_head(stdout, status, rollout_where(o, &a));
    json_decref(status);
    arena_done(&a);
    return s;
}

/* The database refuses, and everybody is to get the champion all the same. */
static bool is_for_switch(const struct rollout_options *o, enum status s)
{
    return s && o->verb == LIVE_DO_KILL && !o->common.service.url &&
           (s == STATUS_IO || s == STATUS_FULL || s == STATUS_BUSY);
}

static enum status pull_switch(const struct rollout_options *o, struct error *err)
{
    struct arena a = {0};
    const struct error refused = *err;
    const char *path = kill_file_path(o->common.db, &a);
    enum status s = kill_file_add(path, o->arg[0], err);
    if (!s && o->common.json)
        cli_print_json(json_pack("{s:s, s:s, s:s}", "rollout", o->arg[0], "killed", path, "detail", refused.text));
    else if (!s)
        printf("rollout %s: killed by the file %s, as the database refuses it: %s\n", plain_shown(&a, o->arg[0]),
               plain_shown(&a, path), plain_shown(&a, refused.text));
    arena_done(&a);
    return s;
}

enum { PAGE = 1000 };

static void show_events(const struct rollout_options *o, const json_t *events)
{
    json_t *event;
    size_t i;
    if (!o->common.json) report_rollout_events(stdout, events);
    json_array_foreach((json_t *)events, i, event)
    {
        if (o->common.json) cli_print_json(json_incref(event));
    }
}

static enum status show_all_events(const struct rollout_options *o, const struct rollouts *r, struct error *err)
{
    json_t *events = NULL;
    size_t n = PAGE;
    enum status s = STATUS_OK;
    for (int64_t from = o->from; !s && n == PAGE;) {
        s = rollouts_events(r, o->arg[0], from, PAGE, &events, err);
        if (s) break;
        show_events(o, events);
        n = json_array_size(events);
        from = n ? json_integer_value(json_object_get(json_array_get(events, n - 1), "seq")) + 1 : from;
        json_decref(events);
    }
    return s;
}

static enum status show_ruleset(const struct rollout_options *o, const struct rollouts *r, struct error *err)
{
    json_t *rules = NULL;
    enum status s = rollouts_ruleset(r, o->arg[0], &rules, err);
    if (!s) cli_print_json(rules);
    return s;
}

static enum status with_rollouts(const struct rollout_options *o,
                                 enum status (*act)(const struct rollout_options *o, const struct rollouts *r,
                                                    struct error *err),
                                 struct error *err)
{
    struct rollouts r = {.store = NULL};
    enum status s = rollouts_open(&o->common, &r, err);
    if (!s) s = act(o, &r, err);
    rollouts_close(&r);
    return s;
}

static enum status order(const struct rollout_options *o, struct error *err)
{
    enum status s = with_rollouts(o, give_order, err);
    return is_for_switch(o, s) ? pull_switch(o, err) : s;
}

static enum status act(const struct rollout_options *o, int *ret_code, struct error *err)
{
    switch (o->what) {
    case ROLLOUT_START: return rollout_start(o, err);
    case ROLLOUT_STATUS: return with_rollouts(o, show_status, err);
    case ROLLOUT_OUTCOMES: return rollout_outcomes(o, ret_code, err);
    case ROLLOUT_TICK: return rollout_tick(o, ret_code, err);
    case ROLLOUT_ASSIGN: return rollout_assign(o, err);
    case ROLLOUT_RULESET: return with_rollouts(o, show_ruleset, err);
    case ROLLOUT_EVENTS: return with_rollouts(o, show_all_events, err);
    case ROLLOUT_PLAN: return rollout_plan(o, err);
    case ROLLOUT_ORDER: return order(o, err);
    }
    return STATUS_OK;
}

/* For programs: what they read is never folded. */
static bool is_for_program(const struct rollout_options *o)
{
    return o->common.json || o->what == ROLLOUT_RULESET || (o->what == ROLLOUT_PLAN && o->n == 0);
}

static const char usage[] = "start STUDY\n"
                            "status [ROLLOUT]\n"
                            "ramp|pause|resume|promote ROLLOUT\n"
                            "rollback|stop|kill|revive ROLLOUT\n"
                            "approve|decline|unwatch ROLLOUT\n"
                            "outcomes ROLLOUT [FILE]\n"
                            "tick [ROLLOUT]\n"
                            "assign ROLLOUT UNIT…\n"
                            "ruleset|events ROLLOUT\n"
                            "plan [FILE]";

static const char doc[] =
    "The winner of a study goes live: a rollout serves its champion, and an experiment tries challengers against it "
    "on a growing part of the units (users, sessions, requests), until it is proven, or taken back.\v"
    "start     a new experiment: the study's best beside what is served\n"
    "status    what is known so far, how it came, what is wrong, what happens next\n"
    "ramp      the next step of the ramp\n"
    "pause     the champion for all, for now; resume goes on\n"
    "promote   the challenger is the champion from now on\n"
    "rollback  it was no good: the champion for all, after promote the one before\n"
    "stop      no more of it\n"
    "kill      the champion for all, at once, whatever runs; revive\n"
    "approve   what 'nocturne watch' waits with goes on\n"
    "decline   it does not: what is usual now is learnt; unwatch: nobody watches\n"
    "outcomes  what units did, of a file or standard input, as JSON lines:\n"
    "          {\"unit\": \"user-17\", \"id\": \"o-1\", \"variant\": \"challenger\",\n"
    "           \"metrics\": {\"em\": 1, \"tokens\": 120}}\n"
    "          or as the API's body; the same again changes nothing\n"
    "tick      score and decide now; 'nocturne serve' does it each second\n"
    "assign    who gets what, and why\n"
    "ruleset   what clients assign by, as JSON\n"
    "events    what has happened, and by whom\n"
    "plan      the default plan with comments; of a FILE: what it needs\n\n"
    "Example: nocturne rollout start g2p --units 20000\n"
    "         nocturne rollout outcomes g2p outcomes.jsonl\n"
    "         nocturne rollout status g2p";

int cmd_rollout(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = usage,
        .doc = doc,
        .children = cli_remote_child};
    struct rollout_options o = {.n = 0};
    struct parsing p = {.o = &o};
    struct error err;
    int code = EXIT_OK;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &p);
    if (!is_for_program(&o)) report_fold();
    enum status s = act(&o, &code, &err);
    return s ? cli_fail(&err) : code;
}
