/* /api/v1/studies/{study}/note, …/trials/{trial}/note: what people have to say */
#include "tuner/service/mailbox.h"
#include "tuner/service/waking.h"

#include "tuner/base/json.h"

#include "tuner/analysis/analysis.h"

#include <string.h>

static json_t *note_json(const struct study *study, const struct trial *t, const char *text)
{
    json_t *out = json_pack("{s:s, s:s}", "study", study->name, "text", text ? text : "");
    if (t) json_object_set_new(out, "trial", json_integer(t->number));
    return out;
}

/* *ret: NULL for the study's. False: a problem has been answered. */
static bool find_subject(struct request *r, const struct memory *s, const struct trial **ret)
{
    *ret = r->param[1] ? request_trial(r, s) : NULL;
    return *ret || !r->param[1];
}

static void show_note(struct request *r)
{
    struct reading from;
    const struct trial *t;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    if (find_subject(r, from.history, &t))
        request_answer(r, 200, note_json(from.study, t, t ? t->note : from.history->note));
    request_read_done(r, &from);
}

static void on_get_note(struct request *r)
{
    request_work(r, show_note, NULL);
}

/* NULL: a problem has been answered. */
static const char *read_text(struct request *r)
{
    const char *text = json_string_value(json_object_get(r->body, "text"));
    if (!request_fields(r, "text", NULL)) return NULL;
    if (text && strlen(text) <= HISTORY_NOTE_MAX) return text;
    request_problem(r, 422, "\"text\" is a text of at most %d bytes; \"\" takes the note away", HISTORY_NOTE_MAX);
    return NULL;
}

/* Of a study that nobody runs. */
static enum status annotate_alone(struct request *r, struct history *h)
{
    const struct memory *s = history_memory(h);
    const char *text = r->state;
    const struct trial *t;
    if (!find_subject(r, s, &t)) return STATUS_OK;
    history_on_behalf_of(h, r->who.id);
    enum status st = history_annotate(h, t, text, &r->err);
    if (!st) snapshot_keep(h);
    if (!st) st = history_flush(h, &r->err);
    if (!st) request_answer(r, 200, note_json(s->study, t, text));
    return st;
}

/* Of one that another process runs, which writes it down next. */
static void annotate_elsewhere(struct request *r)
{
    struct reading from;
    const struct trial *t;
    if (!request_read(r, &from)) return;
    if (find_subject(r, from.history, &t)) {
        json_t *letter = json_pack("{s:s}", "text", r->state);
        if (t) json_object_set_new(letter, "trial", json_integer(t->number));
        mailbox_post(r, "note", letter);
        json_decref(letter);
    }
    request_read_done(r, &from);
}

static void annotate_held(struct request *r)
{
    if (mailbox_is_read(r))
        annotate_elsewhere(r);
    else
        request_hold(r, annotate_alone);
}

static void on_put_note(struct request *r)
{
    struct active_study *as = active_study_find(r->service, r->param[0]);
    const char *text = read_text(r);
    const struct trial *t;
    int64_t id;
    if (!text || (!as && waking_waits(r, r->param[0]))) return;
    if (!as && !request_knows(r, r->param[0], &id))
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (!as) {
        r->state = (void *)text;
        request_work_changing(r, annotate_held, NULL);
    } else if (find_subject(r, as->active->memory, &t) &&
               request_checked(r, history_annotate(as->active->history, t, text, &r->err)))
        active_study_answer(as, r, 200, note_json(as->study, t, text));
}

const struct route api_notes_routes[] = {
    {"GET", ROUTE_STUDY "/note", GRANT_VIEW, on_get_note, 0, BODY_NONE, false},
    {"PUT", ROUTE_STUDY "/note", GRANT_OPERATE, on_put_note, ROUTE_JSON_MAX, BODY_JSON, false},
    {"GET", ROUTE_TRIAL "/note", GRANT_VIEW, on_get_note, 0, BODY_NONE, false},
    {"PUT", ROUTE_TRIAL "/note", GRANT_OPERATE, on_put_note, ROUTE_JSON_MAX, BODY_JSON, false},
    {0},
};
