#include "tuner/history/event_fast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at;
};

static bool take(struct reader *r, char c)
{
    if (*r->at != c) return false;
    r->at++;
    return true;
}

/* A string without escapes, between its quotes. */
static bool take_string(struct reader *r, const char **ret, size_t *ret_n)
{
    if (!take(r, '"')) return false;
    size_t n = strcspn(r->at, "\"\\");
    *ret = r->at;
    *ret_n = n;
    r->at += n;
    return take(r, '"');
}

static bool take_number(struct reader *r, double *ret)
{
    char *end;
    if (!strchr("-0123456789", *r->at)) return false;
    *ret = strtod(r->at, &end);
    if (end == r->at || !isfinite(*ret)) return false;
    r->at = end;
    return true;
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(s, word, n) == 0;
}

/* The next key of an object, with its colon; *ret_n 0: the object ends. */
static bool take_key(struct reader *r, bool first, const char **ret, size_t *ret_n)
{
    *ret_n = 0;
    if (take(r, '}')) return true;
    if (!first && !take(r, ',')) return false;
    return take_string(r, ret, ret_n) && *ret_n > 0 && take(r, ':');
}

/* ---- configurations ---- */

/* One of a parameter's values: text in quotes, or a bare number or word, just as it is written now. */
static bool take_choice(struct reader *r, const struct param *p, double *ret)
{
    const char *text = r->at;
    size_t n = strcspn(r->at, ",}");
    bool quoted = *r->at == '"';
    if (quoted && !take_string(r, &text, &n)) return false;
    if (!quoted) r->at += n;
    for (size_t i = 0; i < p->n_values; i++) {
        const char *json = p->value[i].json;
        bool same = quoted ? *json == '"' && is_word(text, n, p->value[i].text) : is_word(text, n, json);
        if (same) return *ret = (double)i, true;
    }
    return false;
}

static bool take_param(struct reader *r, const struct param *p, double *ret)
{
    if (p->n_values) return take_choice(r, p, ret);
    return take_number(r, ret) && param_number(p, *ret, ret, NULL) == STATUS_OK;
}

/* In the order of the space, which is how they are written. */
static bool take_config(struct reader *r, const struct space *space, double *ret)
{
    const char *key;
    size_t n, i = 0;
    if (!take(r, '{')) return false;
    for (bool first = true; take_key(r, first, &key, &n); first = false) {
        while (n && i < space->n && !is_word(key, n, space->param[i].name)) ret[i++] = NAN;
        if (n && (i == space->n || !take_param(r, &space->param[i], &ret[i]))) return false;
        if (n && ++i) continue;
        while (i < space->n) ret[i++] = NAN;
        for (i = 0; i < space->n; i++)
            if (condition_holds(space->param[i].when, ret) == isnan(ret[i])) return false;
        return true;
    }
    return false;
}

/* ---- metrics ---- */

static bool take_metrics(struct reader *r, const struct objective *o, double *ret)
{
    const char *key;
    size_t n;
    for (size_t i = 0; i < o->n_metrics; i++) ret[i] = NAN;
    if (!take(r, '{')) return false;
    for (bool first = true; take_key(r, first, &key, &n); first = false) {
        size_t i = 0;
        if (n == 0) return true;
        while (i < o->n_metrics && !is_word(key, n, o->metric[i].name)) i++;
        if (i == o->n_metrics || !isnan(ret[i]) || !take_number(r, &ret[i])) return false;
    }
    return false;
}

/* ---- events ---- */

static bool take_text(struct reader *r, char *ret, size_t size)
{
    const char *text;
    size_t n;
    if (!take_string(r, &text, &n) || n >= size) return false;
    memcpy(ret, text, n);
    ret[n] = 0;
    return true;
}

static bool take_added(struct reader *r, const struct study *study, const char *key, size_t n, struct event_fast *q,
                       struct event_added *e)
{
    if (is_word(key, n, "source")) return take_text(r, q->source, sizeof q->source);
    if (is_word(key, n, "params")) return take_config(r, &study->space, q->config) && (e->config = q->config);
    if (is_word(key, n, "expect_tokens")) return take_number(r, &e->expect_tokens);
    if (is_word(key, n, "expect_gain")) return take_number(r, &e->expect_gain);
    return is_word(key, n, "expect_ms") && take_number(r, &e->expect_ms);
}

static bool take_finished(struct reader *r, const struct study *study, const char *key, size_t n, struct event_fast *q,
                          struct event_finished *e)
{
    if (is_word(key, n, "metrics")) return take_metrics(r, &study->objective, q->value) && (e->value = q->value);
    return is_word(key, n, "ms") && take_number(r, &e->end.took_ms);
}

static bool take_field(struct reader *r, const struct study *study, const char *key, size_t n, struct event_fast *q,
                       struct event *e)
{
    if (is_word(key, n, "token")) return take_text(r, q->token, sizeof q->token) && (e->token = q->token);
    return e->kind == EVENT_ADDED ? take_added(r, study, key, n, q, &e->added)
                                  : take_finished(r, study, key, n, q, &e->finished);
}

/* What is not said is as usual. */
static void begin(struct event *e, struct event_fast *q)
{
    *q->source = 0;
    if (e->kind == EVENT_ADDED)
        e->added = (struct event_added){
            .role = ROLE_SEARCH, .source = q->source, .confirms = -1, .parent = -1, .known = e->seq - 1};
    else
        e->finished = (struct event_finished){.state = TRIAL_COMPLETE};
}

bool event_fast_read(const struct store_event *stored, const struct study *study, struct event_fast *q,
                     struct event *ret)
{
    struct reader r = {stored->body};
    struct event e = {
        .kind = (enum event_kind)stored->kind, .trial = stored->trial, .seq = stored->seq, .at_ms = stored->at_ms};
    const char *key;
    size_t n;
    if ((e.kind != EVENT_ADDED && e.kind != EVENT_FINISHED) || !take(&r, '{')) return false;
    begin(&e, q);
    for (bool first = true; take_key(&r, first, &key, &n); first = false) {
        if (n && take_field(&r, study, key, n, q, &e)) continue;
        if (n || *r.at || !(e.kind == EVENT_ADDED ? e.added.config : e.finished.value)) return false;
        *ret = e;
        return true;
    }
    return false;
}
