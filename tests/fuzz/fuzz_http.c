/* The service behind a real socket: the first byte chooses a resource, the rest is its body; 255: the rest is
 * everything, bytes of a connection as an enemy would send them. Whatever comes, the service answers or closes, and
 * stays.
 *
 *     build/fuzz/bin/fuzz_http -max_total_time=60 -max_len=4096 tests/fuzz/corpus/http
 */
#include "tuner/service/auth.h"
#include "tuner/service/service.h"

#include "surrogate/surrogate.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of 500 trials: each turn of the loop looks at all leases, and every input asks for more. */
static const char study[] =
    "study: c\nparameters:\n  x: {type: float, range: [0, 1]}\nmetrics:\n  m: {goal: minimize, kind: "
    "value}\nobjective: {minimize: m}\nbudget: {trials: 500}\nconfirm: {top: 0, seeds: 0}\n"
    "search: {sampler: sobol}\n";

static const char *const resources[] = {
    "POST /api/v1/studies",
    "POST /api/v1/studies/c/ask",
    "POST /api/v1/studies/c/trials",
    "POST /api/v1/studies/c/trials/0/tell",
    "POST /api/v1/studies/c/trials/0/reports",
    "POST /api/v1/studies/c/trials/0/renew",
    "POST /api/v1/studies/c/trials/1/cancel",
    "POST /api/v1/studies/c/resume",
    "PUT /api/v1/agents/a",
    "POST /api/v1/agents/a/poll",
    "POST /api/v1/agents/a/messages",
    "POST /api/v1/tokens",
};

enum { PATIENCE = 4, TURNS_MAX = 1000 }; /* milliseconds without a move; turns of the loop for one request */

static uv_loop_t loop;
static struct service *service;
static char token[TOKEN_TEXT_MAX], folder[] = "/dev/shm/fuzz_http.XXXXXX";

static void say(void *data, const char *name, const char *text)
{
    (void)data;
    (void)name;
    (void)text;
}

static void on_ended(void *data)
{
    (void)data;
}

static void pump(int times)
{
    for (int i = 0; i < times; i++) uv_run(&loop, UV_RUN_NOWAIT);
}

/* Waits for the client's side or the service's; false: neither has moved for a millisecond. */
static bool anything(int fd, bool *ret_answer)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = uv_backend_fd(&loop), .events = POLLIN}};
    bool moved = poll(p, 2, 1) > 0;
    *ret_answer = p[0].revents != 0;
    return moved;
}

/* Sends and reads until there is an answer, the connection is closed, or nothing has moved for a while. */
static void exchange(const char *bytes, size_t n, int patience)
{
    char buf[65536];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(service_port(service))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send(fd, bytes, n, MSG_NOSIGNAL) >= 0)
        for (int i = 0, turns = 0; i < patience && turns < TURNS_MAX + patience; turns++) {
            bool answer;
            pump(1);
            i += !anything(fd, &answer);
            if (answer && recv(fd, buf, sizeof buf, 0) >= 0) break;
        }
    close(fd);
    pump(3);
}

static void request(const char *line, const char *type, const char *body, size_t n, int patience)
{
    char *all = malloc(n + 1024);
    int head = snprintf(all, 1024,
                        "%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: "
                        "%zu\r\nConnection: close\r\n\r\n",
                        line, token, type, n);
    memcpy(all + head, body, n);
    exchange(all, (size_t)head + n, patience);
    free(all);
}

static void begin(void)
{
    char path[64], id[TOKEN_ID_MAX];
    struct error err;
    struct store *store = NULL;
    surrogate_setup();
    if (!mkdtemp(folder)) abort();
    snprintf(path, sizeof path, "%s/f.db", folder);
    char *db = strdup(path); /* for good */
    if (store_open(db, STORE_CREATE, &store, &err)) abort();
    if (auth_create(store, clock_real(), &(struct token_wish){.name = "f", .role = "operator"}, token, id, &err))
        abort();
    store_close(store);
    uv_loop_init(&loop);
    struct service_options o = {.db = db,
                                .address = "127.0.0.1",
                                .silence_ms = 60000,
                                .rate = 1e6,
                                .tries = 1000000,
                                .connections = 64,
                                .say = say,
                                .ended = on_ended};
    if (service_create(&o, &loop, &service, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    request("POST /api/v1/studies", "application/yaml", study, sizeof study - 1, 60000); /* opened beside the loop */
    request("POST /api/v1/studies/c/ask", "application/json", "{\"ttl\":\"1h\"}", 12, 60000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!service) begin();
    if (n == 0) return 0;
    size_t which = data[0];
    if (which == 255)
        exchange((const char *)data + 1, n - 1, PATIENCE);
    else
        request(resources[which % (sizeof resources / sizeof *resources)],
                which >= 128 ? "application/yaml" : "application/json", (const char *)data + 1, n - 1, PATIENCE);
    return 0;
}
