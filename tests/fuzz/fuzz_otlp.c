/* libFuzzer: any bytes as a body of OTLP, or as a play of parts that come in any order, repeated, with deaths between:
 * what is kept is what is held, within bounds; what is told is whole, a score once. */
#include "tuner/live/join.h"
#include "tuner/live/otlp.h"
#include "tuner/live/salvage.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS_MAX = 60, PLAY_MAX = 150, ROWS_MAX = PARTS_MAX + 2, TOLD_MAX = 4096 };

static const struct mapping_row ROWS[] = {{"correctness", "em"}, {"tokens", "tokens"}};
static const struct mapping PLAN[] = {{"g2p", 2, ROWS, false}, {"other", 2, ROWS, true}};
static const struct mappings PLANS = {2, PLAN};

struct world {
    struct join *join;
    struct join_options options;
    char *row[ROWS_MAX], *id[ROWS_MAX];
    size_t n;
    char *told[TOLD_MAX];
    size_t n_told;
    bool forgot; /* something was dropped, and may come again */
    int64_t now_ms;
};

static void on_item(void *data, const struct join_item *item)
{
    struct world *w = data;
    char line[800];
    if (!mappings_find(&PLANS, item->rollout) || !*item->unit || !*item->variant || item->n > AMOUNTS + 1)
        __builtin_trap();
    if ((item->n == 0) != (*item->id == 0) || strlen(item->id) > PART_ID_MAX) __builtin_trap();
    for (size_t i = 0; i < item->n; i++)
        if (!isfinite(item->each[i].value)) __builtin_trap();
    if (item->n != 1 || w->forgot || w->n_told == TOLD_MAX) return; /* a sum has two numbers or more */
    snprintf(line, sizeof line, "%.300s %s", item->rollout, item->id);
    for (size_t i = 0; i < w->n_told; i++)
        if (strcmp(w->told[i], line) == 0) __builtin_trap();
    w->told[w->n_told++] = strdup(line);
}

static void on_keep(void *data, const struct part *p)
{
    struct world *w = data;
    if (w->n == ROWS_MAX) __builtin_trap();
    w->row[w->n] = part_write(p);
    w->id[w->n++] = strdup(p->id);
}

static void on_drop(void *data, const char *id)
{
    struct world *w = data;
    size_t i = 0;
    while (i < w->n && strcmp(w->id[i], id) != 0) i++;
    if (i == w->n) __builtin_trap();
    w->forgot = true;
    free(w->row[i]);
    free(w->id[i]);
    w->n--;
    memmove(&w->row[i], &w->row[i + 1], (w->n - i) * sizeof *w->row);
    memmove(&w->id[i], &w->id[i + 1], (w->n - i) * sizeof *w->id);
}

static void live(struct world *w)
{
    struct arena a = {0};
    struct part p;
    w->join = join_create(&w->options);
    for (size_t i = 0; i < w->n; i++) {
        if (part_read(w->row[i], &a, &p, NULL)) __builtin_trap();
        join_restore(w->join, &p, w->now_ms);
    }
    arena_done(&a);
}

static void look(const struct world *w)
{
    struct join_counts c = join_counts(w->join);
    if (c.parts != w->n || c.parts > PARTS_MAX || c.bytes > w->options.limits.bytes) __builtin_trap();
    if ((join_next_ms(w->join) == INT64_MAX) != (c.parts == 0)) __builtin_trap();
}

static void as_body(struct world *w, const char *text, size_t n, enum otlp_signal signal)
{
    struct arena a = {0};
    struct otlp_batch batch;
    json_t *body = NULL;
    if (json_parse_object(text, n, &body, NULL) && !salvage_values(text, n, &body)) return;
    if (otlp_read(&(struct otlp_request){signal, body, &PLANS, w->now_ms}, &a, &batch, NULL) == STATUS_OK) {
        for (size_t i = 0; i < batch.n; i++) {
            join_take(w->join, &batch.part[i], w->now_ms);
            look(w);
        }
        json_t *answer = otlp_answer(signal, &batch);
        if (!answer || (batch.refused > 0) != (json_object_size(answer) > 0)) __builtin_trap();
        json_decref(answer);
    }
    json_decref(body);
    arena_done(&a);
}

/* Four bytes are a part; the last of them says what happens then. */
static void as_play(struct world *w, const uint8_t *b, size_t n)
{
    static const char *const trace[] = {"", "t1", "t2", "t3"}, *const name[] = {"", "ada", "bob", "eve"};
    for (size_t k = 0; n >= 4 && k < PLAY_MAX; k++, b += 4, n -= 4) {
        struct arena a = {0};
        struct part p;
        part_init(&p, (enum part_kind)(b[0] % PART_SETTLED), trace[b[0] >> 3 & 3], b[0] >> 5);
        p.rollout = p.kind == PART_FLAG ? PLAN[b[1] & 1].rollout : "";
        p.unit = p.kind == PART_FLAG ? name[1 + (b[1] >> 1) % 3] : "";
        p.variant = p.kind == PART_FLAG ? (b[1] & 8 ? "challenger" : "champion") : "";
        p.counted = p.kind == PART_FLAG && !(b[1] & 16);
        p.response = p.kind == PART_SCORE || p.kind == PART_USAGE ? trace[b[1] & 3] : "";
        for (size_t i = 0; i < 3 && *p.response; i++) p.who[i] = name[b[2] >> 2 * i & 3];
        p.name = p.kind == PART_SCORE ? "correctness" : "";
        if (p.kind == PART_USAGE) p.amount[b[1] >> 6 & 1] = b[2];
        if (!*p.trace && p.kind > PART_SCORE) p.trace = "t1";
        part_name(&p, name[b[3] & 3], &a);
        join_take(w->join, &p, w->now_ms);
        look(w);
        w->now_ms += b[3] >> 5;
        if (b[3] & 4) join_tick(w->join, w->now_ms);
        if ((b[3] & 24) == 24) join_free(w->join), live(w);
        look(w);
        arena_done(&a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w || size < 1) {
        free(w);
        return 0;
    }
    w->options = (struct join_options){{PARTS_MAX, 1 << 20, 40, 3, 9}, {on_item, on_keep, on_drop, w}};
    live(w);
    if (*data == 'P')
        as_play(w, data + 1, size - 1);
    else
        as_body(w, (const char *)data, size, memmem(data, size, "Spans", 5) ? OTLP_TRACES : OTLP_LOGS);
    join_tick(w->join, w->now_ms + 100);
    look(w);
    join_free(w->join);
    for (size_t i = 0; i < w->n; i++) free(w->row[i]), free(w->id[i]);
    for (size_t i = 0; i < w->n_told; i++) free(w->told[i]);
    free(w);
    return 0;
}
