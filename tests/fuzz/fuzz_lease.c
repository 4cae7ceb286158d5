/* Lease messages, both ways: what an agent says of a lease (agent_message_read), what the service mails to an agent
 * (runner_take, runner_order, runner_fence), and what lies in an outbox after a crash.
 *
 *     build/fuzz/bin/fuzz_lease -max_total_time=60 tests/fuzz/corpus/lease
 */
#include "tuner/agent/runner.h"
#include "tuner/execution/agent_message.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uv_loop_t loop;
static struct client *client;
static char folder[] = "/tmp/fuzz_lease.XXXXXX";

static void say(void *data, const char *text)
{
    (void)data;
    (void)text;
}

static void on_change(void *data)
{
    (void)data;
}

static void begin(void)
{
    struct client_options o = {.url = "http://127.0.0.1:1"};
    struct error err;
    if (!mkdtemp(folder)) abort();
    uv_loop_init(&loop);
    if (client_create(&o, &loop, &client, &err)) abort();
}

static void as_outbox(const uint8_t *data, size_t n)
{
    char path[80];
    struct outbox *o = NULL;
    struct error err;
    size_t bytes;
    snprintf(path, sizeof path, "%s/o", folder);
    FILE *out = fopen(path, "w");
    fwrite(data, 1, n, out);
    fclose(out);
    if (outbox_open(path, 1 << 20, &o, &err)) abort();
    while (!outbox_is_empty(o)) {
        json_decref(outbox_take(o, 64, "upload", &bytes));
        if (bytes == 0) abort();
        outbox_drop(o, bytes);
    }
    outbox_close(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct agent_message r;
    struct error err;
    struct runner runner;
    json_t *object = NULL;
    if (!client) begin();
    as_outbox(data, n);
    if (json_parse_object((const char *)data, n, &object, &err)) return 0;
    if (agent_message_read(object, &r, &err) == STATUS_OK && r.outcome.end > JOB_NOT_STARTED) abort();
    struct runner_options o = {.dir = folder,
                               .guard = "/bin/false",
                               .slots = 2,
                               .client = client,
                               .loop = &loop,
                               .say = say,
                               .changed = on_change};
    if (runner_open(&runner, &o, &err)) abort();
    runner_take(&runner, object);
    runner_order(&runner, object, object);
    json_t *list = json_pack("[O]", object);
    runner_fence(&runner, list);
    json_decref(runner_held(&runner));
    json_decref(list);
    runner_done(&runner);
    json_decref(object);
    uv_run(&loop, UV_RUN_NOWAIT);
    snprintf(err.text, sizeof err.text, "%s/outbox.jsonl", folder);
    unlink(err.text);
    return 0;
}
