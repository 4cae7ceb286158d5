#include "tuner/notify/overview.h"

#include <string.h>

/* ---- what waits ---- */

struct counting {
    struct overview *o;
    struct arena *arena;
};

static void on_notice(void *data, const struct store_notice *row)
{
    struct counting *c = data;
    int at = notify_file_channel(c->o->file, row->channel);
    if (at < 0) {
        c->o->others++;
        return;
    }
    struct overview_waiting *w = &c->o->waiting[at];
    w->n++;
    if (!w->next_ms || row->next_ms < w->next_ms) w->next_ms = row->next_ms;
    if (*row->trouble) w->why = arena_strdup(c->arena, row->trouble);
}

enum status overview_make(const struct notify_file *f, struct store *store, struct arena *a, struct overview *ret,
                          struct error *err)
{
    struct overview o = {.file = f};
    struct counting c = {&o, a};
    for (size_t i = 0; i < f->n; i++) o.waiting[i].why = "";
    enum status s = store ? store_notices(store, 0, on_notice, &c, err) : STATUS_OK;
    if (!s) *ret = o;
    return s;
}

/* ---- JSON ---- */

const char *overview_to(const struct channel_plan *plan, struct arena *a)
{
    const char *all = "";
    switch (plan->kind) {
    case CHANNEL_WEBHOOK: return plan->url.hidden;
    case CHANNEL_COMMAND: return plan->word[1] ? arena_printf(a, "%s …", plan->word[0]) : plan->word[0];
    case CHANNEL_MAIL:
        for (size_t i = 0; plan->to[i]; i++) all = arena_printf(a, "%s%s%s", all, *all ? ", " : "", plan->to[i]);
        return all;
    }
    return all;
}

static json_t *kinds_of(const struct notify_file *f, size_t channel)
{
    json_t *all = json_array();
    for (int kind = 0; kind < NOTICE_KINDS_TOLD; kind++)
        if (f->tell[kind] & 1u << channel)
            json_array_append_new(all, json_string(notice_kind_name((enum notice_kind)kind)));
    return all;
}

static json_t *channel_json(const struct overview *o, size_t i, struct arena *a)
{
    const struct channel_plan *plan = &o->file->channel[i];
    const struct overview_waiting *w = &o->waiting[i];
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:s?}", "channel", plan->name, "kind",
                     channel_kind_name(plan->kind), "to", overview_to(plan, a), "tells", kinds_of(o->file, i),
                     "waiting", (json_int_t)w->n, "next_ms", w->n ? json_integer(w->next_ms) : json_null(), "why",
                     *w->why ? w->why : NULL);
}

static json_t *quiet_json(const struct notify_file *f, struct arena *a)
{
    json_t *but = json_array();
    if (!f->quiet.some) {
        json_decref(but);
        return json_null();
    }
    for (int kind = 0; kind < NOTICE_KINDS_TOLD; kind++)
        if (f->but & 1u << kind) json_array_append_new(but, json_string(notice_kind_name((enum notice_kind)kind)));
    return json_pack("{s:s, s:s, s:o}", "from", arena_printf(a, "%02d:%02d", f->quiet.from / 60, f->quiet.from % 60),
                     "to", arena_printf(a, "%02d:%02d", f->quiet.to / 60, f->quiet.to % 60), "but", but);
}

json_t *overview_json(const struct overview *o)
{
    struct arena a = {0};
    json_t *channels = json_array();
    const struct heartbeat_plan *h = &o->file->heartbeat;
    for (size_t i = 0; i < o->file->n; i++) json_array_append_new(channels, channel_json(o, i, &a));
    json_t *out = json_pack(
        "{s:s, s:o, s:o, s:o, s:I}", "file", o->file->path, "channels", channels, "quiet", quiet_json(o->file, &a),
        "heartbeat",
        h->url.host ? json_pack("{s:s, s:I}", "to", h->url.hidden, "every_ms", (json_int_t)h->every_ms) : json_null(),
        "others", (json_int_t)o->others);
    arena_done(&a);
    return out;
}
