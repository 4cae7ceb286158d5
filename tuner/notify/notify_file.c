#include "tuner/notify/notify_file.h"

#include "tuner/base/digest.h"
#include "tuner/base/form.h"
#include "tuner/base/words.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, NAME_MAX_BYTES = 48, URL_MAX = 2000, TEXT_MAX = 4000, EVERY_MS = 300000 };

static const char WHSEC[] = "whsec_", SENDMAIL[] = "/usr/sbin/sendmail";

struct reader {
    struct form form;
    struct notify_file *f;
};

const char *channel_kind_name(enum channel_kind kind)
{
    static const char *const names[] = {
        [CHANNEL_WEBHOOK] = "webhook", [CHANNEL_COMMAND] = "command", [CHANNEL_MAIL] = "sendmail"};
    return names[kind];
}

int notify_file_channel(const struct notify_file *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->channel[i].name, name) == 0) return (int)i;
    return -1;
}

/* ---- lists of words ---- */

static size_t count_of(const struct yaml_node *v)
{
    return v->kind == YAML_LIST ? v->n : 1;
}

static const struct yaml_node *item_of(const struct yaml_node *v, size_t i)
{
    return v->kind == YAML_LIST ? v->value[i] : v;
}

/* A list of texts, or one. */
static enum status read_texts(struct reader *r, const struct yaml_node *v, const char *name, const char ***ret)
{
    size_t n = count_of(v);
    enum status s = v->kind == YAML_MAP ? form_need(&r->form, v, YAML_LIST, name) : STATUS_OK;
    if (!s && (n == 0 || n > CHANNEL_WORDS_MAX))
        s = form_fail(&r->form, v, "'%s' takes 1 to %d items, not %zu", name, CHANNEL_WORDS_MAX, n);
    if (s) return s;
    const char **all = arena_array(&r->f->arena, n + 1, sizeof *all);
    for (size_t i = 0; !s && i < n; i++) {
        s = form_need(&r->form, item_of(v, i), YAML_TEXT, name);
        if (!s && strlen(item_of(v, i)->text) > TEXT_MAX)
            s = form_fail(&r->form, item_of(v, i), "an item of '%s' is over %d bytes long", name, TEXT_MAX);
        if (!s) all[i] = item_of(v, i)->text;
    }
    if (!s) *ret = all;
    return s;
}

/* ---- addresses ---- */

/* No blank, no control character: nothing that could become a second line of a request or of a mail's head. */
static bool is_one_word(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at <= ' ' || *at == 127) return false;
    return *text != 0;
}

static enum status read_url(struct reader *r, const struct yaml_node *v, const char *name, struct web_address *ret)
{
    enum status s = form_need(&r->form, v, YAML_TEXT, name);
    if (s) return s;
    size_t scheme = strncasecmp(v->text, "https://", 8) == 0 ? 8 : strncasecmp(v->text, "http://", 7) == 0 ? 7 : 0;
    size_t host = scheme ? strcspn(v->text + scheme, "/?#") : 0;
    if (host == 0 || !is_one_word(v->text) || strlen(v->text) > URL_MAX)
        return form_fail(&r->form, v,
                         "'%s' must be a URL such as https://hooks.example.org/abc, at most %d bytes of it", name,
                         URL_MAX);
    if (memchr(v->text + scheme, '@', host))
        return form_fail(&r->form, v,
                         "'%s' has a name or password before its host; 'header: {Authorization: …}' takes them", name);
    const char *rest = v->text + scheme + host;
    size_t n = strcspn(rest, "#");
    ret->host = arena_printf(&r->f->arena, "%.*s", (int)(scheme + host), v->text);
    ret->path = arena_printf(&r->f->arena, "%s%.*s", *rest == '/' ? "" : "/", (int)n, rest);
    ret->hidden = strlen(ret->path) > 1 ? arena_printf(&r->f->arena, "%s/…", ret->host) : ret->host;
    return STATUS_OK;
}

static bool is_address(const char *text)
{
    const char *at = strchr(text, '@');
    if (!is_one_word(text) || *text == '-' || strlen(text) > 254) return false;
    if (!at || at == text || !at[1] || strchr(at + 1, '@')) return false;
    return strpbrk(text, "\"(),:;<>[\\]") == NULL;
}

static enum status check_address(struct reader *r, const struct yaml_node *v)
{
    if (is_address(v->text)) return STATUS_OK;
    return form_fail(&r->form, v, "'%.100s' is not a mail address such as ada@example.org", v->text);
}

/* ---- channels ---- */

static bool is_header_name(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_') return false;
    return *text != 0 && strlen(text) <= 100;
}

static bool is_header_value(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 127) return false;
    return *text != 0;
}

static enum status read_headers(struct reader *r, const struct yaml_node *v, struct channel_plan *c)
{
    enum status s = form_need(&r->form, v, YAML_MAP, "header");
    if (!s && v->n > CHANNEL_HEADERS_MAX)
        s = form_fail(&r->form, v, "'header' holds more than %d", CHANNEL_HEADERS_MAX);
    if (s) return s;
    c->header = arena_array(&r->f->arena, v->n + 1, sizeof *c->header);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = form_need(&r->form, v->value[i], YAML_TEXT, v->key[i]->text);
        if (!s && (!is_header_name(v->key[i]->text) || !is_header_value(v->value[i]->text)))
            s = form_fail(
                &r->form, v->key[i],
                "'%.60s' is not a header such as Authorization: letters, digits, - and _, and a value on one line",
                v->key[i]->text);
        if (!s) c->header[i] = arena_printf(&r->f->arena, "%s: %s", v->key[i]->text, v->value[i]->text);
    }
    return s;
}

/* As Standard Webhooks writes it, "whsec_" and base 64; anything else is the key itself. */
static enum status read_secret(struct reader *r, const struct yaml_node *v, struct channel_plan *c)
{
    enum status s = form_need(&r->form, v, YAML_TEXT, "secret");
    if (s) return s;
    bool coded = strncmp(v->text, WHSEC, strlen(WHSEC)) == 0;
    size_t n = strlen(v->text);
    unsigned char *key = coded ? digest_base64_read(v->text + strlen(WHSEC), &n) : NULL;
    if (coded ? !key : n == 0)
        return form_fail(&r->form, v, "'secret' is not what it should be: whsec_ and base 64 behind it, or any text");
    unsigned char *copy = arena_alloc(&r->f->arena, n + 1);
    memcpy(copy, coded ? key : (const unsigned char *)v->text, n);
    free(key);
    c->secret = copy;
    c->n_secret = n;
    return STATUS_OK;
}

static enum status read_webhook(struct reader *r, const struct yaml_node *v, struct channel_plan *c)
{
    const struct yaml_node *header = yaml_get(v, "header"), *secret = yaml_get(v, "secret"), *ca = yaml_get(v, "ca");
    enum status s = FORM_ONLY(&r->form, v, c->name, "webhook", "header", "secret", "ca");
    if (!s) s = read_url(r, yaml_get(v, "webhook"), "webhook", &c->url);
    if (!s && header) s = read_headers(r, header, c);
    if (!s && secret) s = read_secret(r, secret, c);
    if (!s && ca) s = form_need(&r->form, ca, YAML_TEXT, "ca");
    if (!s && ca) c->ca = ca->text;
    return s;
}

/* Braces around what is a placeholder; {{ and }} are braces. */
static enum status check_word(struct reader *r, const struct yaml_node *v)
{
    static const char *const known[] = {"sentence", "action", "study", "kind", "level", "text"};
    char name[32];
    for (const char *at = v->text; (at = strpbrk(at, "{}"));) {
        if (at[1] == at[0]) {
            at += 2;
            continue;
        }
        size_t n = strcspn(at + 1, "{}"), k = 0;
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), at + 1);
        while (k < sizeof known / sizeof *known && strcmp(known[k], name) != 0) k++;
        if (*at == '}' || at[1 + n] != '}' || k == sizeof known / sizeof *known)
            return form_fail(&r->form, v,
                             "'%.100s': {sentence}, {action}, {study}, {kind}, {level} and {text} can stand there; {{ "
                             "and }} are braces",
                             v->text);
        at += n + 2;
    }
    return STATUS_OK;
}

static enum status read_command(struct reader *r, const struct yaml_node *v, struct channel_plan *c)
{
    const struct yaml_node *command = yaml_get(v, "command");
    enum status s = FORM_ONLY(&r->form, v, c->name, "command");
    if (!s && command->kind == YAML_TEXT)
        return form_fail(&r->form, command,
                         "'command' is a list, since there is no shell: [ntfy, publish, mine, \"{sentence}\"]");
    if (!s) s = read_texts(r, command, "command", &c->word);
    for (size_t i = 0; !s && i < command->n; i++) s = check_word(r, command->value[i]);
    if (!s && !*c->word[0]) s = form_fail(&r->form, command, "'command' names no program");
    return s;
}

static enum status read_mail(struct reader *r, const struct yaml_node *v, struct channel_plan *c)
{
    const struct yaml_node *to = yaml_get(v, "sendmail"), *from = yaml_get(v, "from"), *path = yaml_get(v, "path");
    enum status s = FORM_ONLY(&r->form, v, c->name, "sendmail", "from", "path");
    c->path = SENDMAIL;
    if (!s) s = read_texts(r, to, "sendmail", &c->to);
    for (size_t i = 0; !s && i < count_of(to); i++) s = check_address(r, item_of(to, i));
    if (!s && from) s = form_need(&r->form, from, YAML_TEXT, "from");
    if (!s && from) s = check_address(r, from);
    if (!s && from) c->from = from->text;
    if (!s && path) s = form_need(&r->form, path, YAML_TEXT, "path");
    if (!s && path && path->text[0] != '/')
        s = form_fail(&r->form, path, "'%.100s' is not the whole path of a program, such as %s", path->text, SENDMAIL);
    if (!s && path) c->path = path->text;
    return s;
}

static bool is_name(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !(at > text && (*at == '-' || *at == '_'))) return false;
    return *text && strlen(text) <= NAME_MAX_BYTES;
}

static enum status read_channel(struct reader *r, const struct yaml_node *key, const struct yaml_node *v)
{
    struct channel_plan *c = &r->f->channel[r->f->n];
    static enum status (*const readers[])(struct reader *, const struct yaml_node *, struct channel_plan *) = {
        [CHANNEL_WEBHOOK] = read_webhook, [CHANNEL_COMMAND] = read_command, [CHANNEL_MAIL] = read_mail};
    if (!is_name(key->text))
        return form_fail(&r->form, key, "'%.60s' is not a name for a channel: letters, digits, - and _, at most %d",
                         key->text, NAME_MAX_BYTES);
    enum status s = form_need(&r->form, v, YAML_MAP, key->text);
    if (s) return s;
    *c = (struct channel_plan){.name = key->text, .header = arena_array(&r->f->arena, 1, sizeof *c->header)};
    for (enum channel_kind kind = CHANNEL_WEBHOOK; kind <= CHANNEL_MAIL; kind++)
        if (yaml_get(v, channel_kind_name(kind))) {
            c->kind = kind;
            s = readers[kind](r, v, c);
            r->f->n += !s;
            return s;
        }
    return form_fail(&r->form, key, "channel '%s' has no way: webhook: URL, command: [program, …] or sendmail: address",
                     key->text);
}

static enum status read_channels(struct reader *r, const struct yaml_node *v)
{
    enum status s = form_need(&r->form, v, YAML_MAP, "channels");
    if (!s && v->n > CHANNELS_MAX) s = form_fail(&r->form, v, "'channels' holds more than %d", CHANNELS_MAX);
    for (size_t i = 0; !s && i < v->n; i++) s = read_channel(r, v->key[i], v->value[i]);
    return s;
}

/* ---- who is told what ---- */

static enum status find_channel(struct reader *r, const struct yaml_node *v, unsigned *bits)
{
    const char *names[CHANNELS_MAX];
    enum status s = form_need(&r->form, v, YAML_TEXT, "tell");
    if (s) return s;
    int at = notify_file_channel(r->f, v->text);
    for (size_t i = 0; i < r->f->n; i++) names[i] = r->f->channel[i].name;
    const char *near = words_nearest(v->text, names, r->f->n);
    if (at < 0)
        return form_fail(&r->form, v, "there is no channel '%.60s'%s%s%s", v->text, near ? "; did you mean '" : "",
                         near ? near : "", near ? "'?" : "; 'channels' names them");
    *bits |= 1u << at;
    return STATUS_OK;
}

static enum status find_kind(struct reader *r, const struct yaml_node *v, enum notice_kind *ret)
{
    const char *names[NOTICE_KINDS_TOLD];
    for (int i = 0; i < NOTICE_KINDS_TOLD; i++) names[i] = notice_kind_name((enum notice_kind)i);
    if (v->kind == YAML_TEXT && notice_kind_parse(v->text, ret) && *ret < NOTICE_TEST) return STATUS_OK;
    const char *near = v->kind == YAML_TEXT ? words_nearest(v->text, names, NOTICE_KINDS_TOLD) : NULL;
    return form_fail(
        &r->form, v,
        "'%.60s' is nothing that is told%s%s%s; there are end, best, constraint, failures, stalled, budget "
        "and health",
        v->kind == YAML_TEXT ? v->text : yaml_kind_name(v->kind), near ? "; did you mean '" : "", near ? near : "",
        near ? "'?" : "");
}

static bool is_of_health(enum notice_kind kind)
{
    return kind == NOTICE_CONSTRAINT || kind == NOTICE_FAILURES || kind == NOTICE_STALLED || kind == NOTICE_BUDGET;
}

static enum status read_tell(struct reader *r, const struct yaml_node *v)
{
    bool named[NOTICE_KINDS_ALL] = {false};
    enum notice_kind kind;
    enum status s = form_need(&r->form, v, YAML_MAP, "tell");
    for (size_t i = 0; !s && i < v->n; i++) {
        const struct yaml_node *to = v->value[i];
        s = find_kind(r, v->key[i], &kind);
        if (s) return s;
        if (to->kind == YAML_MAP) return form_need(&r->form, to, YAML_LIST, v->key[i]->text);
        named[kind] = true;
        r->f->tell[kind] = 0;
        for (size_t k = 0; !s && k < count_of(to); k++) s = find_channel(r, item_of(to, k), &r->f->tell[kind]);
    }
    for (kind = 0; named[NOTICE_HEALTH] && kind < NOTICE_TEST; kind++)
        if (is_of_health(kind) && !named[kind]) r->f->tell[kind] = r->f->tell[NOTICE_HEALTH];
    return s;
}

static void tell_all(struct notify_file *f)
{
    for (int i = 0; i < NOTICE_KINDS_ALL; i++) f->tell[i] = (1u << f->n) - 1;
}

/* ---- when ---- */

static enum status read_time(struct reader *r, const struct yaml_node *map, const char *name, int *ret)
{
    const struct yaml_node *v = yaml_get(map, name);
    if (!v)
        return form_fail(&r->form, map, "'quiet' needs 'from' and 'to', for example {from: \"22:00\", to: \"07:00\"}");
    if (v->kind == YAML_TEXT && words_time_of_day(v->text, ret)) return STATUS_OK;
    return form_fail(&r->form, v, "'%s' is not a time of day such as \"22:00\"", name);
}

static enum status read_but(struct reader *r, const struct yaml_node *v)
{
    enum notice_kind kind;
    enum status s = v->kind == YAML_MAP ? form_need(&r->form, v, YAML_LIST, "but") : STATUS_OK;
    for (size_t i = 0; !s && i < count_of(v); i++) {
        s = find_kind(r, item_of(v, i), &kind);
        if (!s) r->f->but |= 1u << kind;
    }
    return s;
}

static enum status read_quiet(struct reader *r, const struct yaml_node *v)
{
    struct quiet q = {.some = true};
    enum status s = FORM_ONLY(&r->form, v, "quiet", "from", "to", "but");
    if (!s) s = read_time(r, v, "from", &q.from);
    if (!s) s = read_time(r, v, "to", &q.to);
    if (!s && q.from == q.to)
        s = form_fail(&r->form, v, "'from' and 'to' are the same: that would be no hour, or all; take 'quiet' out");
    if (!s && yaml_get(v, "but")) s = read_but(r, yaml_get(v, "but"));
    if (!s) r->f->quiet = q;
    return s;
}

static enum status read_heartbeat(struct reader *r, const struct yaml_node *v)
{
    struct heartbeat_plan h = {.every_ms = EVERY_MS};
    enum status s = FORM_ONLY(&r->form, v, "heartbeat", "url", "every");
    const struct yaml_node *url = s ? NULL : yaml_get(v, "url"), *every = s ? NULL : yaml_get(v, "every");
    if (!s && !url)
        s = form_fail(&r->form, v, "'heartbeat' needs a url, for example {url: https://hc.example.org/ping/abc}");
    if (!s) s = read_url(r, url, "url", &h.url);
    if (!s && every && (every->kind != YAML_TEXT || !words_duration_ms(every->text, &h.every_ms) || h.every_ms < 1000))
        s = form_fail(&r->form, every, "'every' is not a duration of a second or more, such as 5m");
    if (!s) r->f->heartbeat = h;
    return s;
}

/* ---- the file ---- */

static enum status read_root(struct reader *r, const struct yaml_node *root)
{
    enum status s = FORM_ONLY(&r->form, root, "the file", "channels", "tell", "quiet", "heartbeat");
    if (s) return s;
    const struct yaml_node *channels = yaml_get(root, "channels"), *tell = yaml_get(root, "tell"),
                           *quiet = yaml_get(root, "quiet"), *heartbeat = yaml_get(root, "heartbeat");
    if (!channels && !heartbeat)
        return form_fail(&r->form, root,
                         "nobody is told anything: 'channels' or 'heartbeat' is needed; 'nocturne notify --help' has "
                         "an example");
    if (channels) s = read_channels(r, channels);
    tell_all(r->f);
    if (!s && tell) s = read_tell(r, tell);
    if (!s && quiet) s = read_quiet(r, quiet);
    if (!s && heartbeat) s = read_heartbeat(r, heartbeat);
    return s;
}

enum status notify_file_parse(const char *path, const char *text, size_t n, struct notify_file **ret, struct error *err)
{
    struct notify_file *f = must_alloc(1, sizeof *f);
    struct yaml_node *root = NULL;
    f->path = arena_strdup(&f->arena, path);
    struct reader r = {{f->path, err}, f};
    enum status s = yaml_read(f->path, text, n, &f->arena, &root, err);
    if (!s) s = read_root(&r, root);
    if (s)
        notify_file_free(f);
    else
        *ret = f;
    return s;
}

void notify_file_free(struct notify_file *f)
{
    if (!f) return;
    arena_done(&f->arena);
    free(f);
}

/* ---- where it lies ---- */

const char *notify_file_find(const char *given, struct arena *a)
{
    const char *own = getenv("NOCTURNE_NOTIFY"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *path;
    if (!given && own && *own) given = own;
    if (given) return strcmp(given, "none") == 0 ? NULL : arena_strdup(a, given);
    if (config && *config == '/')
        path = arena_printf(a, "%s/nocturne/notify.yaml", config);
    else if (home && *home == '/')
        path = arena_printf(a, "%s/.config/nocturne/notify.yaml", home);
    else
        return NULL;
    return access(path, F_OK) == 0 ? path : NULL;
}

static enum status check_owner(const char *path, const struct stat *st, struct error *err)
{
    if (!S_ISREG(st->st_mode)) return error_set(err, STATUS_INVALID, "%s: not a file", path);
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return error_set(err, STATUS_DENIED, "%s: belongs to somebody else, and it names commands that would be yours",
                         path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return error_set(err, STATUS_DENIED,
                         "%s: others may write to it, and it names commands that would be yours: chmod go-w %s", path,
                         path);
    return STATUS_OK;
}

enum status notify_file_load(const char *path, struct notify_file **ret, struct error *err)
{
    struct stat st = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: cannot be read: %s", path,
                         strerror(errno));
    char *text = must_alloc(FILE_MAX + 2, 1);
    size_t n = 0;
    ssize_t k;
    enum status s = fstat(fd, &st) == 0 ? check_owner(path, &st, err) : error_set(err, STATUS_IO, "%s: lost", path);
    while (!s && n <= FILE_MAX && (k = read(fd, text + n, FILE_MAX + 1 - n)) > 0) n += (size_t)k;
    close(fd);
    if (!s) s = notify_file_parse(path, text, n, ret, err);
    explicit_bzero(text, FILE_MAX + 2);
    free(text);
    return s;
}
