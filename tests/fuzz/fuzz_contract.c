/* One line from a trial: as a message, and as something that a program prints and that may hold some. And as a pattern
 * with what is printed behind it, in pieces. */
#include "workers/contract.h"
#include "workers/match.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void on_message(void *data, const char *json, size_t len)
{
    struct message m;
    (void)data;
    if (contract_parse(json, len, &m, NULL) == STATUS_OK) json_decref(m.metrics);
}

static void on_report(void *data, long step, json_t *metrics)
{
    (void)data;
    (void)step;
    json_decref(metrics);
}

static void on_wrong(void *data, const char *why)
{
    (void)data;
    (void)why;
}

static void print_in_pieces(struct matcher *m, const uint8_t *data, size_t size)
{
    size_t piece = 1;
    for (size_t at = 0; at < size; at += piece) {
        piece = 1 + data[at] % 29;
        if (piece > size - at) piece = size - at;
        matcher_take(m, data[at] & 1 ? MATCH_STDERR : MATCH_STDOUT, (const char *)data + at, piece);
    }
    matcher_end(m);
}

/* The first line is the pattern. */
static void match(const uint8_t *data, size_t size)
{
    static const struct match_handler handler = {on_report, on_wrong};
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    struct matcher *m = NULL;
    char why[512];
    if (!end) return;
    char *pattern = strndup((const char *)data, (size_t)(end - data));
    const struct job_match both[] = {{.metric = "a", .pattern = pattern}, {.metric = "b", .pattern = "(.*)"}};
    if (matcher_create(both, 2, &handler, NULL, &m, NULL) == STATUS_OK) {
        json_t *all = json_object();
        print_in_pieces(m, end + 1, size - (size_t)(end + 1 - data));
        matcher_join(m, all);
        matcher_why(m, "a", why, sizeof why);
        json_decref(all);
        matcher_free(m);
    }
    free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size ? size : 1); /* of just this length: a byte too far is seen */
    if (size) memcpy(line, data, size);
    on_message(NULL, line, size);
    contract_find(line, size, on_message, NULL);
    free(line);
    match(data, size);
    return 0;
}
