#include "tuner/cli/cli.h"

#include "tuner/base/host.h"
#include "tuner/base/words.h"

#include "tuner/agent/agent.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/execution/execution.h"

#include "workers/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OPTION_CA = 256, OPTION_DIR, OPTION_IDLE };

struct options {
    struct agent_options worker;
    const char *token_file, *dir;
    bool remove_dir; /* at the end */
    struct gpus gpus;
    struct arena arena;
};

static const struct argp_option table[] = {
    {"url", 'u', "URL", 0, "of the service, for example https://host:8470", 0},
    {"token-file", 't', "FILE", 0, "a worker's token ('nocturne token create --role worker'); only you may read it", 0},
    {"slots", 's', "N", 0, "trials at the same time (default: one for each GPU, or 1)", 0},
    {"gpus", 'g', "auto|N|LIST", 0, "GPUs for the trials, one each: all there are, the first N, or such as 0,2", 0},
    {"name", 'n', "NAME", 0, "of this agent (default: the machine's)", 0},
    {"study", 'S', "STUDY", 0, "work for this study only", 0},
    {"ca", OPTION_CA, "FILE", 0, "certificates to trust, PEM (default: the system's)", 0},
    {"dir", OPTION_DIR, "DIR", 0, "for cache, outbox and running trials (default: ~/.local/state/nocturne/NAME)", 0},
    {"idle", OPTION_IDLE, "DURATION", 0, "leave when there has been no work for so long (default: never)", 0},
    {0},
};

/* ---- GPUs ---- */

/* "2", the first two, or "0,2": numbers among those that are there. */
static size_t read_places(char *arg, long *place, struct argp_state *state)
{
    size_t n = 0;
    char *save = NULL;
    if (!strchr(arg, ',')) {
        size_t count = (size_t)cli_whole(arg, "--gpus", 0, GPUS_MAX, state);
        for (; n < count; n++) place[n] = (long)n;
        return n;
    }
    if (strspn(arg, "0123456789,") != strlen(arg))
        argp_error(state, "--gpus: '%s' is not auto, a number or a list", arg);
    for (char *one = strtok_r(arg, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        if (n == GPUS_MAX) argp_error(state, "--gpus: %d at most", GPUS_MAX);
        place[n++] = cli_whole(one, "--gpus", 0, 9999, state);
    }
    return n;
}

/* Where none can be found, as in some containers, numbers are taken as they are. */
static void parse_gpus(struct options *o, char *arg, struct argp_state *state)
{
    long place[GPUS_MAX];
    struct gpus all;
    size_t n = 0;
    bool every = strcmp(arg, "auto") == 0;
    if (!every) n = read_places(arena_strdup(&o->arena, arg), place, state);
    gpus_find(&all);
    if (*all.trouble) fprintf(stderr, "nocturne: %s\n", all.trouble);
    if (all.beyond) fprintf(stderr, "nocturne: %zu GPUs are not used: %d at most\n", all.beyond, GPUS_MAX);
    if (every) {
        o->gpus = all;
        return;
    }
    for (size_t i = 0; all.n && i < n; i++)
        if (place[i] >= (long)all.n)
            argp_error(state, "--gpus: there is no GPU %ld; this machine has %zu, from 0", place[i], all.n);
    if (all.n)
        gpus_select(&all, n, place, &o->gpus);
    else
        gpus_number(n, place, &o->gpus);
}

/* ---- options ---- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'u': o->worker.url = arg; return 0;
    case 't': o->token_file = arg; return 0;
    case 's': o->worker.slots = (size_t)cli_whole(arg, "--slots", 1, 1024, state); return 0;
    case 'g': parse_gpus(o, arg, state); return 0;
    case 'n':
        if (!agent_is_name(arg)) argp_error(state, "--name: 1 to 64 letters, digits, '.', '_' and '-', not '%s'", arg);
        o->worker.name = arg;
        return 0;
    case 'S': o->worker.study = arg; return 0;
    case OPTION_CA: o->worker.ca = arg; return 0;
    case OPTION_DIR: o->dir = arg; return 0;
    case OPTION_IDLE:
        if (!words_duration_ms(arg, &o->worker.idle_ms))
            argp_error(state, "--idle: '%s' is not a duration such as 60s or 10m", arg);
        return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); return 0;
    case ARGP_KEY_END:
        if (!o->worker.url)
            argp_error(state, "--url is missing: where is the service? For example http://127.0.0.1:8470");
        if (!o->token_file)
            argp_error(state,
                       "--token-file is missing: 'nocturne token create --role worker --output FILE', on the service's "
                       "machine");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* 'nocturne worker FILE', where FILE holds an option a line: what "#!/usr/bin/nocturne worker" as the first line of a
 * job script comes to, without a shell in between. */
static void read_options(int *argc, char ***argv, struct arena *a)
{
    enum { LINES_MAX = 64 };
    char line[4096];
    if (*argc != 2 || (*argv)[1][0] == '-') return;
    FILE *in = fopen((*argv)[1], "re");
    if (!in) return;
    char **all = arena_array(a, LINES_MAX + 2, sizeof *all);
    int n = 0;
    all[n++] = (*argv)[0];
    while (n <= LINES_MAX && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = 0;
        if (*line && *line != '#') all[n++] = arena_strdup(a, line);
    }
    fclose(in);
    *argc = n;
    *argv = all;
}

/* ---- the loop ---- */

struct working {
    struct local_agent *agent;
    uv_signal_t interrupt, terminate;
    struct error err;
    bool failed;
    enum { ASKED_NOTHING, ASKED_DRAIN, ASKED_STOP } asked;
};

static void say(void *data, const char *text)
{
    (void)data;
    cli_say(NULL, text);
}

static void on_ended(void *data, const struct error *err)
{
    struct working *x = data;
    x->failed = err != NULL;
    if (err) x->err = *err;
    uv_close((uv_handle_t *)&x->interrupt, NULL);
    uv_close((uv_handle_t *)&x->terminate, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct working *x = handle->data;
    cli_say(NULL, number == SIGTERM ? "stopping now: running trials are ended and given back"
                                    : "stopping: running trials may finish; interrupt again to end them now");
    if (number == SIGINT && x->asked == ASKED_NOTHING) {
        x->asked = ASKED_DRAIN;
        local_agent_drain(x->agent);
    } else {
        enum stop_mode mode = x->asked == ASKED_STOP ? STOP_NOW : STOP_GENTLY;
        x->asked = ASKED_STOP;
        local_agent_stop(x->agent, mode);
    }
}

static enum status work(struct options *o, struct error *err)
{
    struct working x = {.failed = false};
    uv_loop_t loop;
    o->worker.say = say;
    o->worker.ended = on_ended;
    o->worker.data = &x;
    uv_loop_init(&loop);
    cli_catch_signal(&loop, &x.interrupt, SIGINT, on_signal, &x);
    cli_catch_signal(&loop, &x.terminate, SIGTERM, on_signal, &x);
    enum status s = local_agent_create(&o->worker, &loop, &x.agent, err);
    if (s) on_ended(&x, err);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return x.failed ? error_set(err, x.err.status, "%s", x.err.text) : STATUS_OK;
}

/* A job's agent has a name and a folder of its own, which go with it. */
static void take_job(struct options *o)
{
    enum provisioner_kind kind;
    const char *job = provisioner_own_job(&kind), *tmp = getenv("TMPDIR");
    if (!job) return;
    o->worker.job = job;
    if (!o->worker.name) o->worker.name = arena_printf(&o->arena, "%s-%s", provisioner_key(kind), job);
    if (!o->dir) {
        o->dir = arena_printf(&o->arena, "%s/nocturne-%s", tmp && *tmp == '/' ? tmp : "/tmp", o->worker.name);
        o->remove_dir = true;
    }
}

static const char *default_dir(struct options *o)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/') return arena_printf(&o->arena, "%s/nocturne/%s", state, o->worker.name);
    return arena_printf(&o->arena, "%s/.local/state/nocturne/%s", home && *home ? home : "/tmp", o->worker.name);
}

/* Absolute, as programs run in it, and without the links that its user may have there. */
static enum status make_dir(struct options *o, struct error *err)
{
    const char *dir = o->dir ? o->dir : default_dir(o);
    enum status s = workers_make_folder(dir, err);
    char *real = s ? NULL : realpath(dir, NULL);
    if (!s && !real) s = error_set(err, STATUS_IO, "%s: %s", dir, strerror(errno));
    if (real) o->worker.dir = arena_strdup(&o->arena, real);
    free(real);
    return s;
}

int cmd_worker(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .doc =
            "An agent: runs trials of a service on this machine, under the same contract as its own slots. When the service "
            "or the network is away, trials go on, and what they report is kept on the disk until it is back.\v"
            "What a study needs comes with it, if its file names it: 'files: [train.py, data/*.csv]'.\n"
            "Ctrl-C lets running trials finish; a second one, or SIGTERM, gives them back.\n"
            "Example: nocturne worker --url https://host:8470 --token-file worker.token --slots 4",
        .children = cli_help_child};
    struct options o = {.worker = {.slots = 0}};
    char token[128], guard[WORKERS_PATH_MAX], host[HOST_TEXT_MAX];
    struct error err;
    read_options(&argc, &argv, &o.arena);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (!o.worker.slots) o.worker.slots = o.gpus.n ? o.gpus.n : 1;
    if (o.gpus.n) o.worker.gpus = &o.gpus;
    take_job(&o);
    if (!o.worker.name) {
        for (char *c = (char *)host_name(host); *c; c++)
            if (!agent_is_name((char[]){*c, 0})) *c = '-';
        o.worker.name = *host ? host : "agent";
    }
    o.worker.token = token;
    o.worker.guard = guard;
    enum status s = cli_read_token(o.token_file, token, sizeof token, &err);
    if (!s) s = workers_guard(guard, &err);
    if (!s) s = make_dir(&o, &err);
    if (!s) s = work(&o, &err);
    if (!s && o.remove_dir) workers_remove_folder(o.worker.dir);
    arena_done(&o.arena);
    return s ? cli_fail(&err) : EXIT_OK;
}
