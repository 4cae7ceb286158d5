#include "tuner/notify/postbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLED_MAX = 64, WHY_MAX = 300 };

struct letter { /* to one channel */
    struct letter *next;
    int64_t id, study; /* id 0: the database does not have it */
    size_t channel;
    int64_t due_ms, next_ms;
    long tries;
    bool held, going;
    struct notice notice;
    char trouble[WHY_MAX];
    struct arena arena; /* of the notice */
};

struct told {
    struct told *next;
    int64_t study, at_ms;
    char key[];
};

struct resting { /* a channel */
    int64_t until_ms;
    long tries;
};

struct postbox {
    const struct notify_file *file;
    struct store *store;
    struct letter *letter; /* in the order in which they became due */
    struct told *told;
    struct resting rest[CHANNELS_MAX];
    int64_t settled[SETTLED_MAX];
    size_t n_settled;
};

struct postbox *postbox_create(const struct notify_file *f, struct store *store)
{
    struct postbox *o = must_alloc(1, sizeof *o);
    o->file = f;
    o->store = store;
    return o;
}

static void letter_free(struct letter *l)
{
    arena_done(&l->arena);
    free(l);
}

void postbox_free(struct postbox *o)
{
    if (!o) return;
    while (o->letter) {
        struct letter *l = o->letter;
        o->letter = l->next;
        letter_free(l);
    }
    while (o->told) {
        struct told *t = o->told;
        o->told = t->next;
        free(t);
    }
    free(o);
}

/* ---- the list ---- */

static void append(struct postbox *o, struct letter *l)
{
    struct letter **at = &o->letter;
    while (*at) at = &(*at)->next;
    *at = l;
}

/* For good. */
static void take_away(struct postbox *o, struct letter *l)
{
    struct letter **at = &o->letter;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    if (l->id && o->store) store_notice_done(o->store, l->id, &(struct error){0});
    letter_free(l);
}

static struct letter *letter_new(const struct notice *n)
{
    struct letter *l = must_alloc(1, sizeof *l);
    l->notice = notice_copy(n, &l->arena);
    l->due_ms = n->at_ms;
    return l;
}

/* ---- what was told ---- */

static struct told **find_told(const struct postbox *o, int64_t study, const char *key)
{
    struct told **at = (struct told **)(uintptr_t)&o->told;
    while (*at && ((*at)->study != study || strcmp((*at)->key, key) != 0)) at = &(*at)->next;
    return at;
}

int64_t postbox_told_ms(const struct postbox *o, int64_t study, const char *key)
{
    const struct told *t = *find_told(o, study, key);
    return t ? t->at_ms : 0;
}

static void remember(struct postbox *o, int64_t study, const char *key, int64_t at_ms)
{
    struct told **at = find_told(o, study, key);
    size_t n = strlen(key) + 1;
    if (!*at) {
        *at = must_alloc(1, sizeof **at + n);
        (*at)->study = study;
        memcpy((*at)->key, key, n);
    }
    (*at)->at_ms = at_ms ? at_ms : 1;
}

void postbox_told(struct postbox *o, int64_t study, const char *key, int64_t now_ms)
{
    remember(o, study, key, now_ms);
    if (o->store) store_told_set(o->store, study, key, now_ms, &(struct error){0});
}

void postbox_untold(struct postbox *o, int64_t study, const char *key)
{
    struct told **at = find_told(o, study, key), *t = *at;
    if (!t) return;
    *at = t->next;
    free(t);
    if (o->store) store_told_take_back(o->store, study, key, &(struct error){0});
}

/* ---- what earlier processes have left ---- */

static void on_told(void *data, int64_t study, const char *key, int64_t at_ms)
{
    remember(data, study, key, at_ms);
}

static bool has_row(const struct postbox *o, int64_t id)
{
    for (const struct letter *l = o->letter; l; l = l->next)
        if (l->id == id) return true;
    return false;
}

static void on_notice(void *data, const struct store_notice *row)
{
    struct postbox *o = data;
    int channel = notify_file_channel(o->file, row->channel);
    json_t *json = NULL;
    if (has_row(o, row->id) || channel < 0 || json_parse_object(row->body, strlen(row->body), &json, NULL)) return;
    struct letter *l = must_alloc(1, sizeof *l);
    *l = (struct letter){.id = row->id,
                         .study = row->study,
                         .channel = (size_t)channel,
                         .due_ms = row->due_ms,
                         .next_ms = row->next_ms,
                         .tries = row->tries,
                         .held = row->held};
    strncpy(l->trouble, row->trouble, sizeof l->trouble - 1);
    if (notice_read(json, &l->arena, &l->notice, NULL))
        letter_free(l);
    else
        append(o, l);
    json_decref(json);
}

enum status postbox_load(struct postbox *o, int64_t study, struct error *err)
{
    if (!o->store) return STATUS_OK;
    enum status s = store_told(o->store, study, on_told, o, err);
    return s ? s : store_notices(o->store, study, on_notice, o, err);
}

/* ---- due ---- */

/* The oldest that is no end, of a channel that has too many. */
static bool make_room(struct postbox *o, size_t channel)
{
    struct letter *oldest = NULL;
    size_t n = 0;
    for (struct letter *l = o->letter; l; l = l->next) {
        if (l->channel != channel) continue;
        n++;
        if (!l->going && (!oldest || (oldest->notice.kind == NOTICE_END && l->notice.kind != NOTICE_END))) oldest = l;
    }
    if (n < POSTBOX_MAX || !oldest) return false;
    take_away(o, oldest);
    return true;
}

/* A better best, or the end, says it all. */
static void drop_bests(struct postbox *o, int64_t study, size_t channel)
{
    for (struct letter *l = o->letter, *next; l; l = next) {
        next = l->next;
        if (l->study == study && l->channel == channel && l->notice.kind == NOTICE_BEST && !l->going) take_away(o, l);
    }
}

static const char *best_key(size_t channel, char *buf, size_t size)
{
    snprintf(buf, size, "best-to/%zu", channel);
    return buf;
}

static void set_time(const struct postbox *o, struct letter *l, int64_t now_ms)
{
    const struct notify_file *f = o->file;
    char key[40];
    l->next_ms = now_ms;
    if (l->notice.kind == NOTICE_BEST) {
        int64_t last = postbox_told_ms(o, l->study, best_key(l->channel, key, sizeof key));
        if (last && last + BEST_EVERY_MS > now_ms && last <= now_ms) l->next_ms = last + BEST_EVERY_MS;
    }
    if (!quiet_is(&f->quiet, l->next_ms) || f->but & 1u << l->notice.kind) return;
    l->held = true;
    l->next_ms = quiet_end_ms(&f->quiet, l->next_ms);
}

/* Writes all of them with their key. False: it was told before. */
static bool keep(struct postbox *o, int64_t study, const struct notice *n, struct letter **each, size_t n_each)
{
    struct store_notice rows[CHANNELS_MAX];
    json_t *json = notice_json(n);
    char *body = json_tight(json);
    struct error err;
    for (size_t i = 0; i < n_each; i++)
        rows[i] = (struct store_notice){.study = study,
                                        .channel = o->file->channel[each[i]->channel].name,
                                        .due_ms = each[i]->due_ms,
                                        .next_ms = each[i]->next_ms,
                                        .held = each[i]->held,
                                        .body = body,
                                        .trouble = ""};
    enum status s = o->store ? store_notice_due(o->store, study, n->key, rows, n_each, &err) : STATUS_OK;
    for (size_t i = 0; !s && o->store && i < n_each; i++) each[i]->id = rows[i].id;
    free(body);
    json_decref(json);
    return s != STATUS_CONFLICT;
}

size_t postbox_post(struct postbox *o, int64_t study, const struct notice *n, int64_t now_ms)
{
    struct letter *each[CHANNELS_MAX];
    size_t n_each = 0, lost = 0;
    if (postbox_told_ms(o, study, n->key)) return 0;
    for (size_t i = 0; i < o->file->n; i++) {
        if (!(o->file->tell[n->kind] & 1u << i)) continue;
        if (n->kind == NOTICE_BEST || n->kind == NOTICE_END) drop_bests(o, study, i);
        lost += make_room(o, i);
        struct letter *l = each[n_each++] = letter_new(n);
        l->study = study;
        l->channel = i;
        set_time(o, l, now_ms);
    }
    bool news = keep(o, study, n, each, n_each);
    remember(o, study, n->key, now_ms);
    for (size_t i = 0; i < n_each; i++)
        if (news)
            append(o, each[i]);
        else
            letter_free(each[i]);
    return lost;
}

/* ---- on its way ---- */

static bool is_ready(const struct postbox *o, const struct letter *l, int64_t now_ms)
{
    const struct resting *r = &o->rest[l->channel];
    return !l->going && l->next_ms <= now_ms && r->until_ms <= now_ms;
}

bool postbox_take(struct postbox *o, size_t channel, int64_t now_ms, struct arena *a, struct notice *ret)
{
    struct letter *first = NULL;
    size_t n = 0, room = 0;
    for (struct letter *l = o->letter; l; l = l->next) {
        if (l->channel == channel && l->going) return false;
        room++;
        if (l->channel == channel && is_ready(o, l, now_ms) && !first) first = l;
    }
    if (!first) return false;
    struct notice *all = arena_array(a, room, sizeof *all);
    for (struct letter *l = first; l; l = l->next) {
        if (l != first && !(first->held && l->held && l->channel == channel && is_ready(o, l, now_ms))) continue;
        l->going = true;
        all[n++] = notice_copy(&l->notice, a);
    }
    *ret = n == 1 ? all[0] : notice_digest(all, n, first->due_ms, a);
    return true;
}

int64_t postbox_rest_ms(long tries, long retry_after_s)
{
    int64_t rest = BACK_OFF_MS, asked = retry_after_s < 0 ? 0 : ASKED_MAX_MS;
    for (long i = 1; i < tries && rest < REST_MAX_MS; i++) rest *= 2;
    if (rest > REST_MAX_MS) rest = REST_MAX_MS;
    if (retry_after_s >= 0 && retry_after_s < ASKED_MAX_MS / 1000) asked = (int64_t)retry_after_s * 1000;
    return rest > asked ? rest : asked;
}

static void note_study(struct postbox *o, int64_t study)
{
    for (size_t i = 0; i < o->n_settled; i++)
        if (o->settled[i] == study) return;
    if (o->n_settled < SETTLED_MAX) o->settled[o->n_settled++] = study;
}

size_t postbox_settled(const struct postbox *o, const int64_t **ret)
{
    *ret = o->settled;
    return o->n_settled;
}

static void keep_waiting(struct postbox *o, struct letter *l, const struct reply *how, int64_t now_ms)
{
    l->going = false;
    l->tries++;
    l->next_ms = now_ms + postbox_rest_ms(l->tries, how->retry_after_s);
    snprintf(l->trouble, sizeof l->trouble, "%s", how->why);
    const struct store_notice row = {.id = l->id, .next_ms = l->next_ms, .tries = l->tries, .trouble = l->trouble};
    if (l->id && o->store) store_notice_wait(o->store, &row, &(struct error){0});
}

static void note_best(struct postbox *o, const struct letter *l, int64_t now_ms)
{
    char key[40];
    if (l->notice.kind == NOTICE_BEST) postbox_told(o, l->study, best_key(l->channel, key, sizeof key), now_ms);
}

enum sent postbox_settle(struct postbox *o, size_t channel, const struct reply *how, int64_t now_ms)
{
    struct resting *r = &o->rest[channel];
    enum sent out = how->ok ? SENT_DONE : SENT_AGAIN;
    o->n_settled = 0;
    r->tries = how->ok ? 0 : r->tries + 1;
    r->until_ms = how->ok ? 0 : now_ms + postbox_rest_ms(r->tries, how->retry_after_s);
    for (struct letter *l = o->letter, *next; l; l = next) {
        next = l->next;
        if (l->channel != channel || !l->going) continue;
        note_study(o, l->study);
        if (how->ok) note_best(o, l, now_ms);
        if (!how->ok && !how->never && now_ms - l->due_ms < GIVE_UP_MS) {
            keep_waiting(o, l, how, now_ms);
            continue;
        }
        if (!how->ok) out = SENT_GIVEN_UP;
        take_away(o, l);
    }
    return out;
}

void postbox_hurry(struct postbox *o, int64_t now_ms)
{
    for (struct letter *l = o->letter; l; l = l->next)
        if (!l->held || l->tries) l->next_ms = now_ms;
    for (size_t i = 0; i < CHANNELS_MAX; i++) o->rest[i].until_ms = 0;
}

/* ---- looking ---- */

bool postbox_is_busy(const struct postbox *o, int64_t now_ms)
{
    for (const struct letter *l = o->letter; l; l = l->next)
        if (l->going || is_ready(o, l, now_ms)) return true;
    return false;
}

size_t postbox_waiting(const struct postbox *o, size_t channel, const char **ret_why, int64_t *ret_next_ms)
{
    size_t n = 0;
    *ret_why = "";
    *ret_next_ms = 0;
    for (const struct letter *l = o->letter; l; l = l->next) {
        if (l->channel != channel) continue;
        n++;
        if (*l->trouble) *ret_why = l->trouble;
        if (!*ret_next_ms || l->next_ms < *ret_next_ms) *ret_next_ms = l->next_ms;
    }
    return n;
}
