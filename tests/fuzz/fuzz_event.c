/* libFuzzer: any bytes as the event log of a study: a kind and a body a line. Whatever both readers understand they
 * must understand alike, and `apply` refuses what is not legal. */
#include "tuner/history/apply.h"
#include "tuner/history/event_fast.h"
#include "tuner/history/history.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "study: s\nparameters: {x: {type: float, range: [0, 1]}, c: {type: bool}, y: {type: int, range: [1, 9], when: c == true}}\n"
    "objective: {minimize: loss}\nsearch: {sampler: sobol}\n";

static void compare(const struct event *quick, const struct event *full)
{
    if (quick->kind != full->kind) __builtin_trap();
    if (quick->kind == EVENT_ADDED) {
        const struct event_added *x = &quick->added, *y = &full->added;
        if (strcmp(x->source, y->source ? y->source : "") != 0 || x->role != y->role) __builtin_trap();
        if (x->expect_ms != y->expect_ms || x->expect_gain != y->expect_gain) __builtin_trap();
    } else {
        double x = quick->finished.value[0], y = full->finished.value[0];
        if (quick->finished.end.took_ms != full->finished.end.took_ms) __builtin_trap();
        if (x != y && !isnan(x)) __builtin_trap();
    }
}

static void one_event(struct history *s, const struct store_event *e)
{
    struct event full, fast;
    struct event_fast q;
    struct arena a = {0};
    json_t *body = NULL;
    bool quick = event_fast_read(e, history_memory(s)->study, &q, &fast);
    if (!event_read(e, history_memory(s)->study, &a, &body, &full,
                    NULL)) { /* else it is no JSON: the fast reader is less strict */
        if (quick) compare(&fast, &full);
        apply_event(s, &full, NULL);
    }
    json_decref(body);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct study *study; /* opening them takes a hundred times as long as the rest */
    static struct store *store;
    if (!study &&
        (study_parse("s", text, strlen(text), &study, NULL) || store_open(":memory:", STORE_CREATE, &store, NULL)))
        __builtin_trap();
    struct history *s = history_bare(store, study, 1, 7, clock_real());
    while (size > 2) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) : size;
        char line[4096];
        if (n > 2 && n < sizeof line) {
            memcpy(line, data + 2, n - 2);
            line[n - 2] = 0;
            one_event(s, &(struct store_event){.seq = history_memory(s)->seq + 1,
                                               .trial = (long)data[1] % 16 - 1,
                                               .kind = 1 + data[0] % 16,
                                               .at_ms = 5,
                                               .body = line});
        }
        data += n;
        size -= n;
        if (size > 0) data++, size--;
    }
    history_free(s);
    return 0;
}
