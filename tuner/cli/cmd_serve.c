#include "tuner/cli/cli.h"

#include "tuner/base/words.h"

#include "tuner/coordinator/coordinator.h"
#include "tuner/notify/notify.h"
#include "tuner/service/service.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#ifdef NOCTURNE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum { PORT = 8470, CONNECTIONS = 4096, SILENCE_MS = 900000 };

enum {
    OPTION_CERT = 256,
    OPTION_KEY,
    OPTION_INSECURE,
    OPTION_DEADLINE,
    OPTION_RATE,
    OPTION_CONNECTIONS,
    OPTION_TOKEN,
    OPTION_URL,
    OPTION_TRIES
};

struct options {
    struct cli_common common;
    char address[64];
    bool insecure;
    const char *token_file, *notify;
    struct service_options service;
};

static const struct argp_option table[] = {
    {"listen", 'l', "ADDRESS:PORT", 0, "where to listen (default: 127.0.0.1:8470)", 0},
    {"slots", 's', "N", 0, "trials of all studies on this machine (default: 1; 0: agents only)", 0},
    {"tls-cert", OPTION_CERT, "FILE", 0, "certificate, PEM; with --tls-key", 0},
    {"tls-key", OPTION_KEY, "FILE", 0, "its key, PEM", 0},
    {"insecure", OPTION_INSECURE, NULL, 0, "allow another address than this machine's own without TLS", 0},
    {"token-file", OPTION_TOKEN, "FILE", 0,
     "where the first operator's token is written (default: beside the database)", 0},
    {"url", OPTION_URL, "URL", 0, "where agents that Slurm starts find the service (default: as it listens)", 0},
    {"agent-deadline", OPTION_DEADLINE, "DURATION", 0,
     "an agent that is silent for so long has lost its trials (default: 15m)", 0},
    {"rate", OPTION_RATE, "N", 0, "requests a second from one address (default: 2000)", 0},
    {"tries", OPTION_TRIES, "N", 0, "requests without a valid token from one address in a minute (default: 10)", 0},
    CLI_NOTIFY_OPTION,
    {"connections", OPTION_CONNECTIONS, "N", 0, "connections at once (default: 4096)", 0},
    {0},
};

/* "127.0.0.1:8470", "[::1]:8470", ":8470" */
static void parse_listen(struct options *o, const char *arg, struct argp_state *state)
{
    const char *colon = strrchr(arg, ':');
    size_t n = colon ? (size_t)(colon - arg) : strlen(arg);
    bool bracketed = n >= 2 && arg[0] == '[' && arg[n - 1] == ']';
    long port = colon ? cli_whole(colon + 1, "--listen: the port", 0, 65535, state) : PORT;
    snprintf(o->address, sizeof o->address, "%.*s", (int)(bracketed ? n - 2 : n), bracketed ? arg + 1 : arg);
    if (!*o->address) snprintf(o->address, sizeof o->address, "127.0.0.1");
    o->service.port = (uint16_t)port;
}

static bool is_address(const char *text)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(text, NULL, &hints, &found) != 0) return false;
    freeaddrinfo(found);
    return true;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'l': parse_listen(o, arg, state); return 0;
    case 's': o->service.slots = (size_t)cli_whole(arg, "--slots", 0, 256, state); return 0;
    case OPTION_CERT: o->service.cert = arg; return 0;
    case OPTION_KEY: o->service.key = arg; return 0;
    case OPTION_INSECURE: o->insecure = true; return 0;
    case OPTION_URL: o->service.url = arg; return 0;
    case OPTION_TOKEN: o->token_file = arg; return 0;
    case CLI_NOTIFY: o->notify = arg; return 0;
    case OPTION_DEADLINE:
        if (!words_duration_ms(arg, &o->service.silence_ms))
            argp_error(state, "--agent-deadline: '%s' is not a duration such as 90s or 15m", arg);
        return 0;
    case OPTION_RATE: o->service.rate = cli_number(arg, "--rate", 1, 1e6, state); return 0;
    case OPTION_TRIES: o->service.tries = cli_whole(arg, "--tries", 1, CLI_COUNT_MAX, state); return 0;
    case OPTION_CONNECTIONS:
        o->service.connections = (unsigned)cli_whole(arg, "--connections", 8, 100000, state);
        return 0;
    case ARGP_KEY_END:
        if (!is_address(o->address))
            argp_error(state, "--listen: '%s' is no address; for example 127.0.0.1:8470, [::1]:8470 or 0.0.0.0:8470",
                       o->address);
        if (!o->service.cert != !o->service.key) argp_error(state, "--tls-cert and --tls-key go together");
        if (!is_loopback(o->address) && !o->service.cert && !o->insecure)
            argp_error(state,
                       "%s can be reached from other machines: give --tls-cert and --tls-key, or --insecure if the "
                       "network itself is trusted",
                       o->address);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the first token ---- */

/* nocturne.db → nocturne.token */
static void token_path(const struct options *o, char *ret, size_t size)
{
    size_t n = strlen(o->common.db);
    if (n > 3 && strcmp(o->common.db + n - 3, ".db") == 0) n -= 3;
    if (o->token_file)
        snprintf(ret, size, "%s", o->token_file);
    else
        snprintf(ret, size, "%.*s.token", (int)n, o->common.db);
}

/* Nothing to configure: without an operator one is made, and its token lies in a file that only its owner can read. */
static enum status first_token(const struct options *o, struct error *err)
{
    char path[NEEDS_PATH_MAX], id[TOKEN_ID_MAX];
    struct store *store = NULL;
    enum status s = store_open(o->common.db, STORE_CREATE, &store, err);
    if (s) return s;
    token_path(o, path, sizeof path);
    s = auth_create_first(store, clock_real(), &(struct token_wish){.name = "first", .role = "operator"}, path, id,
                          err);
    if (!s && *id) printf("the operator's token is in %s\n", path);
    store_close(store);
    return s;
}

/* ---- the loop ---- */

struct serving {
    struct service *service;
    uv_signal_t interrupt, terminate;
    uv_timer_t watchdog;
};

static void say(void *data, const char *study, const char *text)
{
    (void)data;
    cli_say(study, text);
}

static void on_ended(void *data)
{
    struct serving *x = data;
    uv_close((uv_handle_t *)&x->interrupt, NULL);
    uv_close((uv_handle_t *)&x->terminate, NULL);
    uv_close((uv_handle_t *)&x->watchdog, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct serving *x = handle->data;
    (void)number;
#ifdef NOCTURNE_SYSTEMD
    sd_notify(0, "STOPPING=1");
#endif
    service_close(x->service);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
#ifdef NOCTURNE_SYSTEMD
    sd_notify(0, "WATCHDOG=1");
#endif
}

/* The service manager hears of us as long as the loop turns. */
static void start_watchdog(uv_timer_t *timer)
{
    uint64_t every_us = 0;
#ifdef NOCTURNE_SYSTEMD
    sd_notify(0, "READY=1");
    if (sd_watchdog_enabled(0, &every_us) <= 0) every_us = 0;
#endif
    if (every_us) uv_timer_start(timer, on_watchdog, every_us / 2000, every_us / 2000);
}

/* A connection is a descriptor. */
static void raise_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static enum status serve(struct options *o, struct error *err)
{
    struct serving x = {.service = NULL};
    uv_loop_t loop;
    setenv("UV_THREADPOOL_SIZE", "2", 0);
    uv_loop_init(&loop);
    o->service.db = o->common.db;
    o->service.address = o->address;
    o->service.say = say;
    o->service.ended = on_ended;
    o->service.data = &x;
    enum status s = service_create(&o->service, &loop, &x.service, err);
    if (!s) {
        bool v6 = strchr(o->address, ':') != NULL;
        printf("listening on http%s://%s%s%s:%u\n", o->service.cert ? "s" : "", v6 ? "[" : "", o->address,
               v6 ? "]" : "", service_port(x.service));
        fflush(stdout);
        uv_timer_init(&loop, &x.watchdog);
        start_watchdog(&x.watchdog);
        cli_catch_signal(&loop, &x.interrupt, SIGINT, on_signal, &x);
        cli_catch_signal(&loop, &x.terminate, SIGTERM, on_signal, &x);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&loop);
    return s;
}

int cmd_serve(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .doc =
            "The service: many studies, users and machines, over HTTP. Every request needs a token; the first operator's is made "
            "at the first start.\v"
            "All resources: GET /api/v1/openapi.yaml. A study is created by posting its file:\n"
            "  curl -H \"Authorization: Bearer $(cat nocturne.token)\" -H 'Content-Type: application/yaml' \\\n"
            "       --data-binary @study.yaml http://127.0.0.1:8470/api/v1/studies\n"
            "Other machines: nocturne worker --help. SIGTERM or kill -9: studies go on with the next start, agents meanwhile.\n"
            "Example: nocturne serve --listen 0.0.0.0:8470 --tls-cert cert.pem --tls-key key.pem",
        .children = cli_common_child};
    struct options o = {
        .address = "127.0.0.1",
        .service = {
            .port = PORT, .slots = 1, .silence_ms = SILENCE_MS, .rate = 2000, .tries = 10, .connections = CONNECTIONS}};
    struct notify_file *notify = NULL;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    raise_limit();
    enum status s = cli_notify_file(o.notify, &notify, &err);
    o.service.notify = notify;
    if (!s) s = first_token(&o, &err);
    if (!s) s = serve(&o, &err);
    notify_file_free(notify);
    return s ? cli_fail(&err) : EXIT_OK;
}
