/*   {"report": {"step": 3, "em": 0.41}}   or short   {"step": 3, "em": 0.41}
 *   {"result": {"em": 0.61, "tokens": 3100000}}
 *   {"infeasible": "why"}    {"checkpoint": {"path": "c3.bin", "step": 3}}    {"log": "text"}
 *   {"artefact": "model.bin"}    {"item": {"id": "q17", "em": 1}}
 *   {"policy": {"patience": 5, "threshold": 1e-4, "metric": "em", "mode": "max"}}
 */
#include "workers/contract.h"

#include "workers/ansi.h"

#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/redact.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WHY_ROOM = 251, LINE_ROOM = 121 }; /* of what is shown of it */

static const char *const verbs[] = {"report", "result",   "infeasible", "checkpoint",
                                    "policy", "artefact", "item",       "log"}; /* by message_kind */

static enum status take_step(const char *verb, json_t *body, long *ret, struct error *err)
{
    const json_t *step = json_object_get(body, "step");
    if (!json_is_integer(step) || json_integer_value(step) < 0)
        return error_set(err, STATUS_INVALID, "\"%s\" needs a whole \"step\" from 0", verb);
    *ret = (long)json_integer_value(step);
    json_object_del(body, "step");
    return STATUS_OK;
}

static enum status read_metrics(json_t *body, struct message *m, struct error *err)
{
    if (!json_is_object(body)) return error_set(err, STATUS_INVALID, "\"%s\" is not an object", verbs[m->kind]);
    m->metrics = json_copy(body);
    enum status s = m->kind == MESSAGE_REPORT ? take_step(verbs[m->kind], m->metrics, &m->step, err) : STATUS_OK;
    if (!s) s = metrics_check(m->metrics, err);
    if (s) json_decref(m->metrics);
    return s;
}

/* A whole number stands for its digits. */
static bool read_id(const json_t *id, struct message *m)
{
    if (json_is_integer(id)) return snprintf(m->text, sizeof m->text, "%" JSON_INTEGER_FORMAT, json_integer_value(id)) > 0;
    return metrics_is_item_id(id) && snprintf(m->text, sizeof m->text, "%s", json_string_value(id)) > 0;
}

static enum status read_item(json_t *body, struct message *m, struct error *err)
{
    if (!json_is_object(body)) return error_set(err, STATUS_INVALID, "\"item\" is not an object");
    if (!read_id(json_object_get(body, "id"), m))
        return error_set(err, STATUS_INVALID,
                         "\"item\" needs an \"id\": a text of 1 to %d bytes without control characters, or a whole number of at most 64 "
                         "bits",
                         ITEM_ID_MAX);
    m->metrics = json_copy(body);
    json_object_del(m->metrics, "id");
    enum status s = metrics_check(m->metrics, err);
    if (s) json_decref(m->metrics);
    return s;
}

static enum status read_checkpoint(json_t *body, struct message *m, struct error *err)
{
    const char *path = json_string_value(json_object_get(body, "path"));
    if (!path || !*path || strlen(path) >= sizeof m->text)
        return error_set(err, STATUS_INVALID, "\"checkpoint\" needs a \"path\" of less than %zu bytes", sizeof m->text);
    snprintf(m->text, sizeof m->text, "%s", path);
    return take_step("checkpoint", body, &m->step, err);
}

static enum status read_message(json_t *object, struct message *m, struct error *err)
{
    json_t *body = object;
    if (!json_object_get(object, "step")) {
        size_t k = 0, n = sizeof verbs / sizeof *verbs;
        while (k < n && !json_object_get(object, verbs[k])) k++;
        if (k == n || json_object_size(object) != 1)
            return error_set(err, STATUS_INVALID,
                             "a message holds one of report, result, infeasible, checkpoint, policy, artefact, item, log");
        m->kind = (enum message_kind)k;
        body = json_object_get(object, verbs[k]);
    }
    switch (m->kind) {
    case MESSAGE_REPORT:
    case MESSAGE_RESULT: return read_metrics(body, m, err);
    case MESSAGE_INFEASIBLE:
        if (!json_is_string(body)) return error_set(err, STATUS_INVALID, "\"infeasible\" says why in a string");
        redact_cut(json_string_value(body), json_string_length(body), m->text, WHY_ROOM);
        return STATUS_OK;
    case MESSAGE_CHECKPOINT: return read_checkpoint(body, m, err);
    case MESSAGE_POLICY:
        if (!json_is_object(body)) return error_set(err, STATUS_INVALID, "\"policy\" is not an object");
        m->metrics = json_copy(body);
        return STATUS_OK;
    case MESSAGE_ARTEFACT:
        if (!json_is_string(body) || json_string_length(body) == 0 || json_string_length(body) >= sizeof m->text)
            return error_set(err, STATUS_INVALID, "\"artefact\" names a file in a string");
        snprintf(m->text, sizeof m->text, "%s", json_string_value(body));
        return STATUS_OK;
    case MESSAGE_ITEM: return read_item(body, m, err);
    case MESSAGE_LOG: return STATUS_OK;
    }
    return STATUS_OK;
}

/* ---- what is printed ---- */

static const char WORD[] = "nocturne:";
enum { WORD_LEN = sizeof WORD - 1 };

static size_t blanks(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && (text[n] == ' ' || text[n] == '\t')) n++;
    return n;
}

/* Bytes of the object that begins here: to the brace that closes it, or to the end. */
static size_t object_length(const char *text, size_t len)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') quoted = !quoted;
        if (quoted && text[i] == '\\') i++;
        if (quoted) continue;
        depth += text[i] == '{';
        if (text[i] == '}' && --depth == 0) return i + 1;
    }
    return len;
}

size_t contract_clean(char **line, size_t len)
{
    static const char bom[] = "\xef\xbb\xbf";
    len = ansi_strip(*line, len);
    if (len < 3 || memcmp(*line, bom, 3) != 0) return len;
    *line += 3;
    return len - 3;
}

static void find_in_part(char *text, size_t len, void (*message)(void *, const char *, size_t), void *data)
{
    len = contract_clean(&text, len);
    size_t begin = blanks(text, len);
    for (size_t i = begin; i + WORD_LEN <= len; i++) {
        const char *word = memmem(text + i, len - i, WORD, WORD_LEN);
        if (!word) return;
        i = (size_t)(word - text);
        size_t at = i + WORD_LEN + blanks(word + WORD_LEN, len - i - WORD_LEN);
        if (at < len && text[at] == '{') {
            size_t n = object_length(text + at, len - at);
            message(data, text + at, n);
            i = at + n - 1;
        } else if (i == begin)
            message(data, text + at, len - at);
    }
}

void contract_find(char *line, size_t len, void (*message)(void *data, const char *json, size_t len), void *data)
{
    for (size_t at = 0; at < len;) {
        char *end = memchr(line + at, '\r', len - at);
        size_t n = end ? (size_t)(end - line) - at : len - at;
        find_in_part(line + at, n, message, data);
        at += n + 1;
    }
}

/* ---- messages ---- */

/* The beginning of the line and what is wrong with it, without secrets. */
static enum status blame(const char *line, size_t len, struct error *err)
{
    char begin[LINE_ROOM];
    if (!err) return STATUS_INVALID;
    redact(err->text, strlen(err->text));
    redact_cut(line, len, begin, sizeof begin);
    return error_context(err, "reported '%s'", begin);
}

enum status contract_parse(const char *line, size_t len, struct message *ret, struct error *err)
{
    json_t *object;
    struct message m = {.kind = MESSAGE_REPORT};
    enum status s = json_parse_object(line, len, &object, err);
    if (s) return blame(line, len, err);
    s = read_message(object, &m, err);
    json_decref(object);
    if (s) return blame(line, len, err);
    *ret = m;
    return STATUS_OK;
}
