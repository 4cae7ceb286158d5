#include "tuner/notify/carrier.h"

#include "tuner/notify/mail.h"
#include "tuner/notify/signature.h"
#include "tuner/notify/web.h"

#include "tuner/base/plain.h"

#include "workers/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_MAX = 300 };

struct carrier {
    const struct channel_plan *plan;
    uv_loop_t *loop;
    struct web *web;         /* NULL: it is none */
    char *guard;             /* of commands */
    struct command *command; /* on its way; NULL */
    uv_timer_t last;         /* says that it is closed, from the loop */
    reply_fn *done;
    void *data;
    void (*closed)(void *data);
    void *closed_data;
};

enum status carrier_open(const struct channel_plan *plan, uv_loop_t *loop, struct carrier **ret, struct error *err)
{
    struct web *web = NULL;
    char guard[WORKERS_PATH_MAX] = "";
    enum status s =
        plan->kind == CHANNEL_WEBHOOK ? web_open(&plan->url, plan->ca, loop, &web, err) : workers_guard(guard, err);
    if (s) return s;
    struct carrier *c = must_alloc(1, sizeof *c);
    c->plan = plan;
    c->loop = loop;
    c->web = web;
    c->guard = must_strdup(guard);
    uv_timer_init(loop, &c->last);
    c->last.data = c;
    *ret = c;
    return STATUS_OK;
}

/* ---- commands ---- */

static const char *value_of(const char *name, size_t n, const struct notice *x, struct arena *a)
{
    if (strncmp(name, "sentence", n) == 0) return x->is.sentence;
    if (strncmp(name, "action", n) == 0) return x->is.action ? x->is.action : "";
    if (strncmp(name, "study", n) == 0) return x->study;
    if (strncmp(name, "kind", n) == 0) return notice_kind_name(x->kind);
    if (strncmp(name, "level", n) == 0) return notice_level_name(x->level);
    return notice_text(x, a);
}

/* The file was checked: braces are pairs, and around names that there are. */
static const char *filled(const char *word, const struct notice *x, struct arena *a)
{
    const char *all = "", *begin = word;
    for (const char *at; (at = strpbrk(word, "{}"));) {
        bool brace = at[1] == at[0];
        size_t n = brace ? 0 : strcspn(at + 1, "}");
        all = arena_printf(a, "%s%.*s%s", all, (int)(at - word) + brace, word, brace ? "" : value_of(at + 1, n, x, a));
        word = at + n + 2;
    }
    all = arena_printf(a, "%s%s", all, word);
    return *all == '-' && *begin == '{' ? arena_printf(a, " %s", all) : all;
}

static char *const *words_of(const struct channel_plan *plan, const struct notice *x, struct arena *a)
{
    size_t n = 0;
    while (plan->word[n]) n++;
    char **all = arena_array(a, n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) all[i] = arena_strdup(a, i ? filled(plan->word[i], x, a) : plan->word[i]);
    return all;
}

static const char *const *environment_of(const struct notice *x, struct arena *a)
{
    const char **all = arena_array(a, 6, sizeof *all);
    all[0] = arena_printf(a, "NOCTURNE_KIND=%s", notice_kind_name(x->kind));
    all[1] = arena_printf(a, "NOCTURNE_LEVEL=%s", notice_level_name(x->level));
    all[2] = arena_printf(a, "NOCTURNE_STUDY=%s", x->study);
    all[3] = arena_printf(a, "NOCTURNE_SENTENCE=%s", x->is.sentence);
    all[4] = arena_printf(a, "NOCTURNE_ACTION=%s", x->is.action ? x->is.action : "");
    return all;
}

/* What it said last, in a line; words of the file may be secret. */
static const char *why_of(const struct carrier *c, int code, const char *text, char *why)
{
    struct arena a = {0};
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
    size_t from = n;
    while (from > 0 && text[from - 1] != '\n') from--;
    char *line = arena_strdup(&a, notice_clean(arena_printf(&a, "%.*s", (int)(n - from), text + from), &a));
    for (size_t i = 1; c->plan->word && c->plan->word[i]; i++) web_hide(line, c->plan->word[i]);
    const char *program = plain_bounded(&a, c->plan->word ? c->plan->word[0] : c->plan->path, 100);
    line = arena_strdup(&a, plain_bounded(&a, line, 150));
    if (code >= 0)
        snprintf(why, WHY_MAX, "%s ends with code %d: %s", program, code, line);
    else
        snprintf(why, WHY_MAX, "%s: %s", program, line);
    arena_done(&a);
    return why;
}

static void on_command(void *data, int code, const char *text)
{
    struct carrier *c = data;
    char why[WHY_MAX] = "";
    c->command = NULL;
    c->done(c->data, &(struct reply){.ok = code == 0, .why = code ? why_of(c, code, text, why) : why});
}

static void start_command(struct carrier *c, const struct notice *n, struct arena *a)
{
    json_t *json = notice_json(n);
    char *text = json_text(json);
    const struct command_spec spec = {.argv = words_of(c->plan, n, a),
                                      .add = environment_of(n, a),
                                      .input = text,
                                      .timeout_ms = CARRIER_TIMEOUT_MS,
                                      .guard = c->guard};
    c->command = command_start_with(c->loop, &spec, on_command, c);
    free(text);
    json_decref(json);
}

static void start_mail(struct carrier *c, const struct notice *n, int64_t wall_ms, struct arena *a)
{
    char *argv[] = {arena_strdup(a, c->plan->path), arena_strdup(a, "-t"), arena_strdup(a, "-i"), NULL};
    const struct command_spec spec = {
        .argv = argv, .input = mail_text(c->plan, n, wall_ms, a), .timeout_ms = CARRIER_TIMEOUT_MS, .guard = c->guard};
    c->command = command_start_with(c->loop, &spec, on_command, c);
}

/* ---- webhooks ---- */

static void on_web(void *data, const struct reply *reply)
{
    struct carrier *c = data;
    char why[WHY_MAX];
    struct reply clean = *reply;
    snprintf(why, sizeof why, "%s", reply->why);
    for (size_t i = 0; c->plan->header[i]; i++) web_hide(why, strchr(c->plan->header[i], ' ') + 1);
    clean.why = why;
    c->done(c->data, &clean);
}

static void post(struct carrier *c, const struct notice *n, int64_t wall_ms, struct arena *a)
{
    json_t *json = notice_json(n);
    char *body = json_text(json);
    web_call(c->web, body, signature_headers(c->plan, n, body, wall_ms, a), on_web, c);
    free(body);
    json_decref(json);
}

void carrier_send(struct carrier *c, const struct notice *n, int64_t wall_ms, reply_fn *done, void *data)
{
    struct arena a = {0};
    c->done = done;
    c->data = data;
    switch (c->plan->kind) {
    case CHANNEL_WEBHOOK: post(c, n, wall_ms, &a); break;
    case CHANNEL_COMMAND: start_command(c, n, &a); break;
    case CHANNEL_MAIL: start_mail(c, n, wall_ms, &a); break;
    }
    arena_done(&a);
}

/* ---- the end ---- */

static void on_last(uv_handle_t *handle)
{
    struct carrier *c = handle->data;
    void (*closed)(void *) = c->closed;
    void *data = c->closed_data;
    free(c->guard);
    free(c);
    closed(data);
}

static void on_web_closed(void *data)
{
    struct carrier *c = data;
    uv_close((uv_handle_t *)&c->last, on_last);
}

void carrier_close(struct carrier *c, void (*closed)(void *data), void *data)
{
    c->closed = closed;
    c->closed_data = data;
    if (c->command) command_drop(c->command);
    if (c->web)
        web_close(c->web, on_web_closed, c);
    else
        uv_close((uv_handle_t *)&c->last, on_last);
}
