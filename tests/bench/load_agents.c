/* A load of agents that speaks the protocol of `nocturne worker` without running anything: AGENTS agents with SLOTS
 * slots each, trials of DURATION seconds with REPORTS reports.
 *
 *     load_agents PORT TOKEN_FILE AGENTS SLOTS DURATION REPORTS SECONDS
 *
 * Connections that break are made again, agents register again and say again what was not acknowledged, as the real one
 * does. Prints a JSON line a second: trials ended and acknowledged, leases, and at the end the latencies of a lease:
 * from the moment that a slot is free (its end is on its way) to the next assignment; and writes each acknowledged end
 * as "study trial lease loss" to ends.txt.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BUF = 1 << 16, RETRY_MS = 200, LATENCIES = 4000000 };

struct agent;

struct connection {
    struct agent *agent;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool open, connecting, busy, poll;
    char *in;
    size_t n, capacity;
};

struct slot {
    char study[64];
    long trial;
    long long lease; /* 0: free */
    int reported;
    uint64_t next_ms; /* of the next report, or the end */
    uint64_t free_ms; /* since when it is free */
};

struct agent {
    int number;
    char ticket[64];
    bool registered, registering;
    long long got;
    struct connection poll, talk;
    struct slot *slot;
    json_t *unsaid, *saying; /* messages */
    uint64_t retry_ms;
};

static uv_loop_t *loop;
static struct sockaddr_in server;
static char token[128];
static int n_agents, n_slots, n_reports;
static double duration_ms;
static struct agent *agents;
static float *latency;
static size_t n_latency;
static unsigned long ends, leases, reports, reconnects, stale;
static FILE *acknowledged;
static bool draining;

static uint64_t now(void)
{
    return uv_now(loop);
}

static void send_request(struct connection *c, const char *method, const char *path, json_t *body);
static void step(struct agent *a);

/* ---- connections ---- */

static void on_closed(uv_handle_t *h)
{
    struct connection *c = h->data;
    c->open = c->connecting = c->busy = false;
    c->n = 0;
    c->agent->retry_ms = now() + RETRY_MS;
    c->agent->registered = c->agent->registering = false;
    if (c->agent->saying) { /* not acknowledged: said again */
        json_array_extend(c->agent->saying, c->agent->unsaid);
        json_decref(c->agent->unsaid);
        c->agent->unsaid = c->agent->saying;
        c->agent->saying = NULL;
    }
}

static void drop(struct connection *c)
{
    if (!c->open && !c->connecting) return;
    reconnects++;
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    static char capacity[BUF];
    (void)h;
    (void)suggested;
    *buf = uv_buf_init(capacity, BUF);
}

static void on_answer(struct connection *c, int status, json_t *body);

static void take_answers(struct connection *c)
{
    for (;;) {
        c->in[c->n] = 0;
        char *end = strstr(c->in, "\r\n\r\n"), *length = strstr(c->in, "Content-Length: ");
        if (!end || !length || length > end) return;
        size_t head = (size_t)(end - c->in) + 4, size = strtoul(length + 16, NULL, 10);
        if (c->n < head + size) return;
        int status = atoi(c->in + 9);
        json_t *body = json_loadb(c->in + head, size, 0, NULL);
        memmove(c->in, c->in + head + size, c->n - head - size);
        c->n -= head + size;
        c->busy = false;
        on_answer(c, status, body);
        json_decref(body);
    }
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = s->data;
    if (n < 0) {
        drop(c);
        return;
    }
    if (c->n + (size_t)n + 1 > c->capacity) c->in = realloc(c->in, c->capacity = 2 * (c->n + (size_t)n) + 1024);
    memcpy(c->in + c->n, buf->base, (size_t)n);
    c->n += (size_t)n;
    take_answers(c);
}

static void on_connected(uv_connect_t *r, int status)
{
    struct connection *c = r->data;
    if (status < 0) {
        c->connecting = true;
        drop(c);
        return;
    }
    c->connecting = false;
    c->open = true;
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    step(c->agent);
}

static void connect_to(struct connection *c)
{
    if (uv_is_closing((uv_handle_t *)&c->tcp) && c->connecting) return;
    uv_tcp_init(loop, &c->tcp);
    c->tcp.data = c->connect.data = c;
    c->connecting = true;
    uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&server, on_connected);
}

static void on_written(uv_write_t *w, int status)
{
    struct connection *c = w->handle->data;
    free(w->data);
    free(w);
    if (status < 0) drop(c);
}

static void send_request(struct connection *c, const char *method, const char *path, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT), *all = malloc(strlen(text) + 512);
    int n = sprintf(all,
                    "%s /api/v1/agents/load%d%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: "
                    "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                    method, c->agent->number, path, token, strlen(text), text);
    uv_write_t *w = malloc(sizeof *w);
    uv_buf_t buf = uv_buf_init(all, (unsigned)n);
    w->data = all;
    c->busy = true;
    uv_write(w, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
    free(text);
    json_decref(body);
}

/* ---- the protocol ---- */

static json_t *lease_name(const char *study, long long lease)
{
    return json_pack("{s:s, s:I}", "study", study, "lease", (json_int_t)lease);
}

static void enroll(struct agent *a)
{
    json_t *held = json_array(), *m;
    size_t i;
    char name[32];
    for (int k = 0; k < n_slots; k++)
        if (a->slot[k].lease) json_array_append_new(held, lease_name(a->slot[k].study, a->slot[k].lease));
    json_array_foreach(a->unsaid, i, m) if (json_object_get(m, "end"))
        json_array_append_new(held, lease_name(json_string_value(json_object_get(m, "study")),
                                               json_integer_value(json_object_get(m, "lease"))));
    snprintf(name, sizeof name, "load%d", a->number);
    a->registering = true;
    a->got = 0;
    send_request(&a->talk, "PUT", "",
                 json_pack("{s:s, s:s, s:s, s:s, s:i, s:o}", "instance", name, "host", "load", "boot", "b", "version",
                           "load", "slots", n_slots, "held", held));
}

static void say(struct agent *a, const struct slot *s, const char *key, json_t *body)
{
    json_array_append_new(a->unsaid, json_pack("{s:s, s:I, s:I, s:o}", "study", s->study, "trial", (json_int_t)s->trial,
                                               "lease", (json_int_t)s->lease, key, body));
}

static double loss_of(const struct slot *s)
{
    return (double)((s->trial * 7919 + s->lease) % 10007) / 10007;
}

static void assign(struct agent *a, const json_t *x)
{
    struct slot *s = a->slot;
    while (s < a->slot + n_slots && s->lease) s++;
    if (s == a->slot + n_slots) return; /* it cannot be */
    if (s->free_ms && n_latency < LATENCIES) latency[n_latency++] = (float)(now() - s->free_ms);
    leases++;
    snprintf(s->study, sizeof s->study, "%s", json_string_value(json_object_get(x, "study")));
    s->trial = (long)json_integer_value(json_object_get(x, "trial"));
    s->lease = json_integer_value(json_object_get(x, "lease"));
    s->reported = 0;
    s->next_ms = now() + (uint64_t)(duration_ms / (n_reports + 1));
    say(a, s, "started", json_pack("{s:i}", "pid", 1));
}

static void forget(struct agent *a, const json_t *gone)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)gone, i, x)
    {
        const char *study = json_string_value(json_object_get(x, "study"));
        for (int k = 0; k < n_slots; k++)
            if (a->slot[k].lease == json_integer_value(json_object_get(x, "lease")) &&
                strcmp(a->slot[k].study, study) == 0) {
                a->slot[k].lease = 0;
                a->slot[k].free_ms = 0;
                stale++;
            }
    }
}

static void acknowledge(struct agent *a)
{
    json_t *m;
    size_t i;
    json_array_foreach(a->saying, i, m)
    {
        json_t *end = json_object_get(m, "end");
        if (!end) continue;
        ends++;
        fprintf(acknowledged, "%s %lld %lld %.9g\n", json_string_value(json_object_get(m, "study")),
                (long long)json_integer_value(json_object_get(m, "trial")),
                (long long)json_integer_value(json_object_get(m, "lease")),
                json_number_value(json_object_get(json_object_get(end, "metrics"), "loss")));
    }
    json_decref(a->saying);
    a->saying = NULL;
}

static void on_answer(struct connection *c, int status, json_t *body)
{
    struct agent *a = c->agent;
    json_t *x;
    size_t i;
    if (status != 200) {
        drop(&a->talk);
        drop(&a->poll);
        return;
    }
    if (c->poll) {
        json_array_foreach(json_object_get(body, "mail"), i, x)
        {
            a->got = json_integer_value(json_object_get(x, "n"));
            if (json_object_get(x, "assign")) assign(a, json_object_get(x, "assign"));
        }
    } else if (a->registering) {
        a->registering = false;
        a->registered = true;
        snprintf(a->ticket, sizeof a->ticket, "%s", json_string_value(json_object_get(body, "ticket")));
        forget(a, json_object_get(body, "gone"));
    } else {
        forget(a, json_object_get(body, "gone"));
        acknowledge(a);
    }
    step(a);
}

static void step(struct agent *a)
{
    if (!a->talk.open || a->talk.busy) {
        if (!a->registered) return;
    } else if (!a->registered) {
        if (!a->registering) enroll(a);
        return;
    } else if (json_array_size(a->unsaid)) {
        a->saying = a->unsaid;
        a->unsaid = json_array();
        send_request(&a->talk, "POST", "/messages",
                     json_pack("{s:s, s:O}", "ticket", a->ticket, "messages", a->saying));
    }
    if (a->registered && a->poll.open && !a->poll.busy)
        send_request(&a->poll, "POST", "/poll",
                     json_pack("{s:s, s:I, s:i}", "ticket", a->ticket, "got", (json_int_t)a->got, "capacity",
                               draining ? 0 : n_slots));
}

/* ---- trials ---- */

static void run_slot(struct agent *a, struct slot *s)
{
    if (!s->lease || now() < s->next_ms) return;
    if (s->reported < n_reports) {
        say(a, s, "report",
            json_pack("{s:i, s:i, s:{s:f}}", "n", s->reported, "step", s->reported, "metrics", "loss",
                      1.0 / (1 + s->reported)));
        s->reported++;
        reports++;
        s->next_ms = now() + (uint64_t)(duration_ms / (n_reports + 1));
        return;
    }
    say(a, s, "end", json_pack("{s:s, s:{s:f}, s:s}", "end", "complete", "metrics", "loss", loss_of(s), "reason", ""));
    s->lease = 0;
    s->free_ms = now();
}

static void on_tick(uv_timer_t *t)
{
    (void)t;
    for (int i = 0; i < n_agents; i++) {
        struct agent *a = &agents[i];
        for (int k = 0; k < n_slots; k++) run_slot(a, &a->slot[k]);
        if (now() >= a->retry_ms && !a->poll.open && !a->poll.connecting) connect_to(&a->poll);
        if (now() >= a->retry_ms && !a->talk.open && !a->talk.connecting) connect_to(&a->talk);
        step(a);
    }
}

static int by_value(const void *a, const void *b)
{
    return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b);
}

static uint64_t until_ms, drain_ms;
static unsigned long last_ends;

static bool is_quiet(void)
{
    for (int i = 0; i < n_agents; i++) {
        if (agents[i].saying || json_array_size(agents[i].unsaid)) return false;
        for (int k = 0; k < n_slots; k++)
            if (agents[i].slot[k].lease) return false;
    }
    return true;
}

static void on_second(uv_timer_t *t)
{
    (void)t;
    printf(
        "{\"ends\": %lu, \"per_second\": %lu, \"leases\": %lu, \"reports\": %lu, \"reconnects\": %lu, \"stale\": %lu}\n",
        ends, ends - last_ends, leases, reports, reconnects, stale);
    fflush(stdout);
    last_ends = ends;
    if (now() < until_ms) return;
    if (!draining) drain_ms = now();
    draining = true;
    if (!is_quiet() && now() - drain_ms < 30000) return;
    qsort(latency, n_latency, sizeof *latency, by_value);
    printf(
        "{\"latency_ms\": {\"n\": %zu, \"p50\": %g, \"p90\": %g, \"p99\": %g, \"p999\": %g, \"max\": %g}, \"quiet\": %s}\n",
        n_latency, latency[n_latency / 2], latency[n_latency * 9 / 10], latency[(size_t)((double)n_latency * 0.99)],
        latency[(size_t)((double)n_latency * 0.999)], latency[n_latency - 1], is_quiet() ? "true" : "false");
    fclose(acknowledged);
    exit(0);
}

int main(int argc, char **argv)
{
    uv_timer_t tick, second;
    if (argc != 8) {
        fputs("usage: load_agents PORT TOKEN_FILE AGENTS SLOTS DURATION REPORTS SECONDS\n", stderr);
        return 2;
    }
    uv_ip4_addr("127.0.0.1", atoi(argv[1]), &server);
    FILE *in = fopen(argv[2], "r");
    if (!in || !fgets(token, sizeof token, in)) return 1;
    token[strcspn(token, "\n")] = 0;
    n_agents = atoi(argv[3]);
    n_slots = atoi(argv[4]);
    duration_ms = atof(argv[5]) * 1000;
    n_reports = atoi(argv[6]);
    loop = uv_default_loop();
    until_ms = now() + (uint64_t)(atof(argv[7]) * 1000);
    acknowledged = fopen("ends.txt", "w");
    latency = malloc(LATENCIES * sizeof *latency);
    agents = calloc((size_t)n_agents, sizeof *agents);
    for (int i = 0; i < n_agents; i++) {
        struct agent *a = &agents[i];
        a->number = i;
        a->slot = calloc((size_t)n_slots, sizeof *a->slot);
        a->unsaid = json_array();
        a->poll.agent = a->talk.agent = a;
        a->poll.poll = true;
        a->retry_ms = now() + (uint64_t)(i * 5);
    }
    uv_timer_init(loop, &tick);
    uv_timer_init(loop, &second);
    uv_timer_start(&tick, on_tick, 10, 10);
    uv_timer_start(&second, on_second, 1000, 1000);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
