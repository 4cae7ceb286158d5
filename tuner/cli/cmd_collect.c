#include "tuner/cli/cli.h"

#include "tuner/cli/spool.h"
#include "tuner/cli/whole_file.h"

#include "tuner/base/clock.h"
#include "tuner/base/json.h"

#include "tuner/live/live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURN_MS = 1000, REFRESH_MS = 5000, BACKOFF_MAX_MS = 60000, PATIENCE_S = 20, OPTION_CA = 256, OPTION_ONCE };

struct options {
    struct cli_service service;
    const char *rollout, *spool;
    bool sums, once;
};

static const struct argp_option table[] = {
    {"url", 'u', "URL", 0, "of the service, for example https://host:8470", 0},
    {"token-file", 't', "FILE", 0, "a client's token ('nocturne token create --role client'); only you may read it", 0},
    {"ca", OPTION_CA, "FILE", 0, "certificates to trust, PEM (default: the system's)", 0},
    {"rollout", 'r', "NAME", 0, "whose outcomes these are", 0},
    {"spool", 'd', "DIR", 0, "folder of the SDKs; this rollout's is DIR/NAME (default: ~/.local/state/nocturne/live)", 0},
    {"sums", 's', NULL, 0, "score units here and send counts: for more outcomes than one service takes. All outcomes of a unit must "
     "come to the same collector", 0},
    {"once", OPTION_ONCE, NULL, 0, "one turn: what there is now, and then end", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'u': o->service.url = arg; return 0;
    case 't': o->service.token_file = arg; return 0;
    case OPTION_CA: o->service.ca = arg; return 0;
    case 'r': o->rollout = arg; return 0;
    case 'd': o->spool = arg; return 0;
    case 's': o->sums = true; return 0;
    case OPTION_ONCE: o->once = true; return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); return 0;
    case ARGP_KEY_END:
        if (!o->service.url || !o->service.token_file || !o->rollout)
            argp_error(state, "--url, --token-file and --rollout are needed: where is the service, and whose outcomes are these?");
        if (strchr(o->rollout, '/') || *o->rollout == '.') argp_error(state, "--rollout: '%s' is no name of a rollout", o->rollout);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one collector ---- */

struct collecting {
    struct options *o;
    struct arena arena;
    const char *folder, *path; /* of the rollout: its spool; what the service calls it */
    struct cli_remote remote;
    struct collector collector; /* sums; its store NULL: outcomes are passed on */
    char etag[CALLER_ETAG_MAX];
    char *ruleset;              /* its text; NULL: there has been none */
    int64_t refresh_at_ms, refresh_ms; /* monotonic */
    int failed;                 /* turns in a row */
    enum status wrong;          /* of the last of them */
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t pause;
    enum { TURNING, WAITING, ENDED } state; /* ended: a signal came */
};

/* What cannot be done now is said once, and that it can be again. A rollout may begin after its collector. */
static void say(struct collecting *c, const struct error *err)
{
    enum status s = err ? err->status : STATUS_OK;
    if (s && s != c->wrong) cli_say(c->o->rollout, err->text);
    if (s == STATUS_NOT_FOUND && s != c->wrong) cli_say(c->o->rollout, "it is waited for, and outcomes with it");
    if (!s && c->wrong) cli_say(c->o->rollout, c->wrong == STATUS_NOT_FOUND ? "it is there" : "the service answers again");
    c->failed = s ? c->failed + 1 : 0;
    c->wrong = s;
}

static const char *path_of(struct collecting *c, const char *what)
{
    return arena_printf(&c->arena, "%s/%s", c->path, what);
}

static enum status make_folders(const char *path, struct error *err)
{
    struct arena a = {0};
    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        const char *part = slash ? arena_printf(&a, "%.*s", (int)(slash - path), path) : path;
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            error_set(err, STATUS_IO, "%s: %s", part, strerror(errno));
            arena_done(&a);
            return STATUS_IO;
        }
        if (!slash) break;
    }
    arena_done(&a);
    return STATUS_OK;
}

/* ---- the ruleset ---- */

/* Its time is that of the service's last word on it. */
static enum status write_ruleset(struct collecting *c, struct error *err)
{
    struct whole_file f;
    const char *path = arena_printf(&c->arena, "%s/ruleset.json", c->folder);
    enum status s = whole_file_begin(&f, path, err);
    if (s) return s;
    fputs(c->ruleset, f.out);
    return whole_file_end(&f, s, err);
}

static enum status mirror(struct collecting *c, struct error *err)
{
    json_t *scoring = NULL;
    enum status s = caller_ask(c->remote.caller, &(struct question){"GET", path_of(c, "scoring"), NULL}, &scoring, err);
    if (!s) s = collector_mirror(&c->collector, scoring, err);
    json_decref(scoring);
    return s;
}

/* What is scored by is never older than what is assigned by. */
static enum status refresh(struct collecting *c, struct error *err)
{
    json_t *rules = NULL;
    int64_t now = clock_mono_ms(clock_real());
    if (now < c->refresh_at_ms) return STATUS_OK;
    enum status s = caller_ask_anew(c->remote.caller, path_of(c, "ruleset"), c->etag, &rules, err);
    if (!s && rules) {
        double every = json_number_at(rules, "refresh_ms");
        c->refresh_ms = every >= 100 && every <= BACKOFF_MAX_MS ? (int64_t)every : REFRESH_MS;
        free(c->ruleset);
        c->ruleset = json_tight(rules);
    }
    json_decref(rules);
    if (!s && c->collector.store) s = mirror(c, err);
    if (!s) s = write_ruleset(c, err);
    if (!s) c->refresh_at_ms = now + c->refresh_ms;
    return s;
}

/* ---- outcomes ---- */

static void say_refused(const struct collecting *c, const json_t *refused)
{
    const char *why = json_string_value(json_object_get(json_array_get(refused, 0), "why"));
    if (!why) return;
    char *text = NULL;
    if (asprintf(&text, "%zu outcomes were refused; the first: %.300s", json_array_size(refused), why) < 0) return;
    cli_say(c->o->rollout, text);
    free(text);
}

/* `list` is taken. */
static enum status send_plain(struct collecting *c, json_t *list, struct error *err)
{
    json_t *answer = NULL, *body = json_pack("{s:o}", "outcomes", list);
    enum status s = STATUS_OK;
    if (json_array_size(list) > 0)
        s = caller_ask(c->remote.caller, &(struct question){"POST", path_of(c, "outcomes"), body}, &answer, err);
    if (answer) say_refused(c, json_object_get(answer, "refused"));
    json_decref(answer);
    json_decref(body);
    return s;
}

/* `list` is taken. What is newer than the mirror waits for a new one; what is newer even then the service is asked of. */
static enum status take(struct collecting *c, json_t *list, struct error *err)
{
    struct collector_taken taken = {.newer = true};
    enum status s = STATUS_OK;
    for (int turn = 0; !s && taken.newer; turn++) {
        if (turn == 1) s = mirror(c, err);
        if (!s) s = collector_take(&c->collector, list, turn > 0, clock_wall_ms(clock_real()), &taken, err);
    }
    json_decref(list);
    if (s) return s;
    say_refused(c, taken.refused);
    json_decref(taken.refused);
    return send_plain(c, taken.plain, err);
}

static enum status send_batches(struct collecting *c, FILE *in, struct error *err)
{
    long broken = 0;
    enum status s = STATUS_OK;
    for (json_t *list; !s && (list = spool_batch(in, &broken));)
        s = c->collector.store ? take(c, list, err) : send_plain(c, list, err);
    if (broken) cli_say(c->o->rollout, "lines of the spool that are no outcomes were left out");
    return s;
}

/* What the service will never take is set aside. */
static enum status send_file(struct collecting *c, const char *path, struct error *err)
{
    FILE *in = spool_claim(path);
    if (!in) return STATUS_OK;
    enum status s = send_batches(c, in, err);
    if (!s) spool_done(path);
    if (s == STATUS_INVALID) {
        cli_say(c->o->rollout, err->text);
        spool_set_aside(path);
        s = STATUS_OK;
    }
    fclose(in);
    return s;
}

static enum status send_spool(struct collecting *c, struct error *err)
{
    struct arena a = {0};
    const char **path = NULL;
    size_t n = 0;
    enum status s = spool_ready(c->folder, clock_wall_ms(clock_real()), &a, &path, &n, err);
    for (size_t i = 0; !s && i < n; i++) s = send_file(c, path[i], err);
    arena_done(&a);
    return s;
}

/* ---- sums ---- */

static enum status send_packed(struct collecting *c, const json_t *sums, struct error *err)
{
    json_t *answer = NULL;
    enum status s = caller_ask(c->remote.caller, &(struct question){"POST", path_of(c, "sums"), sums}, &answer, err);
    json_decref(answer);
    if (s == STATUS_INVALID) { /* they would never be taken, and keep all others from being */
        cli_say(c->o->rollout, err->text);
        s = STATUS_OK;
    }
    return s ? s : collector_sent(&c->collector, err);
}

static enum status send_sums(struct collecting *c, struct error *err)
{
    json_t *sums = NULL;
    bool more = true;
    enum status s = STATUS_OK;
    while (!s && more) {
        more = false;
        s = collector_score(&c->collector, &more, err);
    }
    while (!s) {
        s = collector_pack(&c->collector, &sums, err);
        if (s || !sums) return s;
        s = send_packed(c, sums, err);
        json_decref(sums);
        sums = NULL;
    }
    return s;
}

/* ---- turns ---- */

static enum status turn(struct collecting *c, struct error *err)
{
    enum status s = refresh(c, err);
    if (!s) s = send_spool(c, err);
    if (!s && c->collector.store) s = send_sums(c, err);
    return s;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct collecting *c = handle->data;
    (void)number;
    c->state = ENDED;
    if (c->remote.caller) caller_interrupt(c->remote.caller);
}

static void on_passed(uv_timer_t *timer)
{
    struct collecting *c = timer->data;
    if (c->state == WAITING) c->state = TURNING;
}

/* The longer, the more turns have failed; a service that answers need not be spared. */
static void wait_a_while(struct collecting *c)
{
    uint64_t ms = (uint64_t)TURN_MS << (c->failed < 6 ? c->failed : 6);
    uint64_t most = c->wrong == STATUS_NOT_FOUND ? REFRESH_MS : BACKOFF_MAX_MS;
    if (c->state == TURNING) c->state = WAITING;
    uv_timer_start(&c->pause, on_passed, ms < most ? ms : most, 0);
    while (c->state == WAITING) uv_run(&c->loop, UV_RUN_ONCE);
}

/* A token that is not taken at the first turn never will be. */
static enum status collect(struct collecting *c, struct error *err)
{
    enum status s = turn(c, err);
    if (s == STATUS_DENIED || c->o->once) return s;
    while (c->state != ENDED) {
        say(c, s ? err : NULL);
        wait_a_while(c);
        if (c->state == TURNING) s = turn(c, err);
    }
    return STATUS_OK;
}

static enum status open_all(struct collecting *c, struct error *err)
{
    struct options *o = c->o;
    const char *home = getenv("HOME"), *name = caller_escaped(&c->arena, o->rollout);
    c->folder = o->spool ? arena_printf(&c->arena, "%s/%s", o->spool, o->rollout)
                         : arena_printf(&c->arena, "%s/.local/state/nocturne/live/%s", home ? home : ".", o->rollout);
    c->path = arena_printf(&c->arena, "/api/v1/rollouts/%s", name);
    c->refresh_ms = REFRESH_MS;
    enum status s = make_folders(c->folder, err);
    if (!s) s = cli_call(&o->service, &c->remote, err);
    if (s) return s;
    caller_set_patience(c->remote.caller, PATIENCE_S);
    c->collector.rollout = o->rollout;
    if (!o->sums) return s;
    return store_open(arena_printf(&c->arena, "%s/collector.db", c->folder), STORE_CREATE, &c->collector.store, err);
}

static void begin_loop(struct collecting *c)
{
    uv_loop_init(&c->loop);
    c->o->service.loop = &c->loop;
    cli_catch_signal(&c->loop, &c->interrupt, SIGINT, on_signal, c);
    cli_catch_signal(&c->loop, &c->terminate, SIGTERM, on_signal, c);
    uv_timer_init(&c->loop, &c->pause);
    c->pause.data = c;
}

static void end_loop(struct collecting *c)
{
    uv_close((uv_handle_t *)&c->interrupt, NULL);
    uv_close((uv_handle_t *)&c->terminate, NULL);
    uv_close((uv_handle_t *)&c->pause, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    uv_loop_close(&c->loop);
}

int cmd_collect(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .doc =
            "Keeps the folder of a rollout for its clients: the ruleset comes, outcomes go. Programs with an SDK and without a URL "
            "assign by that file and put outcomes down beside it.\v"
            "No outcome is lost: each is in a file of the SDK's until the service has it on its disk; with --sums in DIR/NAME/collector.db "
            "until it is counted, and counts until the service has them. The service away: clients get the champion once the ruleset "
            "is a minute old, and outcomes wait. A rollout that is not there yet is waited for; with --once that is an error.\n\n"
            "Example: nocturne collect -u https://host:8470 -t client.token -r g2p\n",
        .children = cli_help_child,
    };
    struct options o = {.once = false};
    struct error err = {STATUS_OK, ""};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    struct collecting c = {.o = &o};
    begin_loop(&c);
    enum status s = open_all(&c, &err);
    if (!s) s = collect(&c, &err);
    store_close(c.collector.store);
    cli_hang_up(&c.remote);
    end_loop(&c);
    free(c.ruleset);
    arena_done(&c.arena);
    return s ? cli_fail(&err) : EXIT_OK;
}
