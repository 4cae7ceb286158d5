/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_serve: how words are said, over HTTP, on 127.0.0.1. Which model answers, and how sure it must be not to ask the
 * large one, is the rollout's to say: each user has a variant (nocturne_live.h), without any network.
 *
 *   GET  /say?word=tomato&unit=user-17
 *        {"id": 1, "phones": "T AH M EY T OW", "tokens": 6.2, "variant": "champion", "model": "small8.model"}
 *   POST /feedback   {"id": 1, "right": true}, or with all that would be right:
 *                    {"id": 1, "right": false, "says": "T AH M EY T OW|T AH M AA T OW"}
 *        204; the outcome: em 1 or 0, tokens, letters; segment short or long. 404: no such answer, or long ago
 *
 * One thread serves all. Ends at SIGTERM or Ctrl-C.
 */
#include "answers.h"
#include "recent.h"

#include "examples/g2p/option.h"
#include "examples/g2p/speaker.h"

#include <jansson.h>
#include <microhttpd.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS_MAX = 8, BODY_MAX = 4096, LONG_WORD = 9, NAME_SIZE = 256 };

struct settings {
    const char *words, *rollout, *folder;
    long port;
    size_t n;
    const char *model[MODELS_MAX]; /* the last is the large one */
};

struct server {
    const struct settings *o;
    struct speaker speaker[MODELS_MAX];
    struct recent recent;
    struct answers answers;
    struct nocturne_live *live;
};

/* ---- saying a word ---- */

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The variant's model; the large one if it names none that is here. */
static size_t choose_model(const struct server *v, const struct nocturne_variant *variant)
{
    char name[NAME_SIZE];
    size_t i = 0;
    if (nocturne_variant_text(variant, "model", name, sizeof name)) return v->o->n - 1;
    while (i + 1 < v->o->n && strcmp(file_name(v->o->model[i]), name) != 0) i++;
    return i;
}

static bool spell(struct word *w, const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n > WORD_MAX || strspn(text, "abcdefghijklmnopqrstuvwxyz") != n) return false;
    w->len = (unsigned char)n;
    for (size_t i = 0; i < n; i++) w->letter[i] = (unsigned char)(text[i] - 'a' + 1);
    return true;
}

/* Fills the answer; returns the index of the model that was asked first. */
static size_t say(struct server *v, struct answer *a, const struct word *w)
{
    unsigned char chunk[WORD_MAX];
    a->variant = nocturne_live_assign(v->live, a->unit, strlen(a->unit));
    size_t first = choose_model(v, &a->variant);
    double confidence = nocturne_variant_number(&a->variant, "confidence", 0);
    bool may_ask = confidence > 0 && first + 1 < v->o->n;
    const struct cascade c = {&v->speaker[first], may_ask ? &v->speaker[v->o->n - 1] : NULL, confidence};
    bool asked = cascade_say(&c, w, chunk);
    model_phones(&v->recent.data, w, chunk, a->phones);
    a->letters = w->len;
    a->tokens = cascade_cost(&c, w->len, asked) / LETTER_COST;
    return first;
}

static void replace(char *text, char from, char to)
{
    for (; *text; text++)
        if (*text == from) *text = to;
}

/* ---- feedback ---- */

static int tell(struct server *v, const struct answer *a, bool right)
{
    const struct nocturne_live_metric metrics[] = {
        {"em", right}, {"tokens", a->tokens}, {"letters", (double)a->letters}};
    return nocturne_live_outcome(v->live, &a->variant,
                                 &(struct nocturne_outcome){.segment = a->letters < LONG_WORD ? "short" : "long",
                                                            .n = sizeof metrics / sizeof *metrics,
                                                            .metrics = metrics});
}

static void learn(struct server *v, const struct answer *a, bool right, const char *says)
{
    char phones[RECENT_LINE];
    if (!says && !right) return; /* nobody said how it is said */
    snprintf(phones, sizeof phones, "%s", says ? says : a->phones);
    replace(phones, ' ', '+');
    if (strpbrk(phones, "\r\n")) return;
    recent_add(&v->recent, a->word, phones);
    if (v->recent.failed) fprintf(stderr, "g2p_serve: %s: %s\n", v->recent.path, v->recent.failed);
}

static unsigned take_feedback(struct server *v, const char *body)
{
    json_int_t id = 0;
    int right = 0;
    const char *says = NULL;
    json_error_t ignored;
    json_t *in = json_loads(body, 0, &ignored);
    unsigned status = MHD_HTTP_BAD_REQUEST;
    if (in && json_unpack(in, "{s:I, s:b, s?:s}", "id", &id, "right", &right, "says", &says) == 0) {
        struct answer *a = id > 0 ? answers_find(&v->answers, (unsigned long)id) : NULL;
        status = a ? MHD_HTTP_NO_CONTENT : MHD_HTTP_NOT_FOUND;
        if (a && !a->is_judged) {
            a->is_judged = true;
            learn(v, a, right, says);
            if (tell(v, a, right)) status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    json_decref(in);
    return status;
}

/* ---- HTTP ---- */

struct upload {
    size_t n;
    char body[BODY_MAX];
};

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(text ? strlen(text) : 0, text, MHD_RESPMEM_MUST_FREE);
    if (!r) return free(text), MHD_NO;
    if (text) MHD_add_response_header(r, "Content-Type", "application/json");
    enum MHD_Result done = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result answer_say(struct server *v, struct MHD_Connection *c)
{
    const char *text = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "word");
    const char *unit = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "unit");
    struct word w = {0};
    if (!text || !spell(&w, text) || !unit || !*unit || strlen(unit) >= UNIT_MAX)
        return answer_text(c, MHD_HTTP_BAD_REQUEST,
                           strdup("{\"error\": \"word: 1 to 48 letters a to z; unit: 1 to 127 bytes\"}"));
    struct answer *a = answers_add(&v->answers, unit);
    size_t model = say(v, a, &w);
    snprintf(a->word, sizeof a->word, "%s", text);
    char phones[PHONES_MAX];
    strcpy(phones, a->phones);
    replace(phones, '+', ' ');
    json_t *out = json_pack("{s:I, s:s, s:f, s:s, s:s}", "id", (json_int_t)a->id, "phones", phones, "tokens", a->tokens,
                            "variant", a->variant.variant, "model", file_name(v->o->model[model]));
    enum MHD_Result done = answer_text(c, MHD_HTTP_OK, json_dumps(out, 0));
    json_decref(out);
    return done;
}

static bool take_body(struct upload *u, const char *data, size_t n)
{
    if (u->n + n >= sizeof u->body) return false;
    memcpy(u->body + u->n, data, n);
    u->n += n;
    u->body[u->n] = 0;
    return true;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *body, size_t *n, void **ret_upload)
{
    struct server *v = data;
    struct upload *u = *ret_upload;
    (void)version;
    if (!u) return (*ret_upload = calloc(1, sizeof *u)) ? MHD_YES : MHD_NO;
    if (*n) {
        if (!take_body(u, body, *n)) return MHD_NO;
        *n = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") == 0 && strcmp(url, "/say") == 0) return answer_say(v, c);
    if (strcmp(method, "POST") == 0 && strcmp(url, "/feedback") == 0)
        return answer_text(c, take_feedback(v, u->body), NULL);
    return answer_text(c, MHD_HTTP_NOT_FOUND, NULL);
}

static void on_completed(void *data, struct MHD_Connection *c, void **upload, enum MHD_RequestTerminationCode code)
{
    (void)data, (void)c, (void)code;
    free(*upload);
}

/* ---- life ---- */

static void complain(void *data, const char *text)
{
    (void)data;
    fprintf(stderr, "g2p_serve: %s\n", text);
}

static void server_open(struct server *v, const struct settings *o)
{
    *v = (struct server){.o = o};
    recent_open(&v->recent, o->words);
    for (size_t i = 0; i < o->n; i++) {
        char names[NAMES_MAX];
        const char *wrong = speaker_open(&v->speaker[i], o->model[i]);
        if (wrong) die(wrong, o->model[i]);
        model_names(&v->recent.data, names);
        if (strcmp(names, v->speaker[i].model.names) != 0) die("a model of other data than --words", o->model[i]);
    }
    answers_init(&v->answers);
    v->live = nocturne_live_open(
        &(struct nocturne_live_options){.rollout = o->rollout, .folder = o->folder, .say = complain});
    if (!v->live) die(strerror(errno), o->rollout);
}

static void server_close(struct server *v)
{
    nocturne_live_close(v->live);
    answers_done(&v->answers);
    for (size_t i = 0; i < v->o->n; i++) speaker_close(&v->speaker[i]);
    recent_close(&v->recent);
}

static struct MHD_Daemon *listen_on(struct server *v, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, NULL, NULL, on_request, v, MHD_OPTION_SOCK_ADDR, &at,
                            MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                            MHD_OPTION_END);
}

static void serve(struct server *v)
{
    sigset_t end;
    int got;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    struct MHD_Daemon *daemon = listen_on(v, (uint16_t)v->o->port);
    if (!daemon) die("cannot listen on this port", strerror(errno));
    printf("http://127.0.0.1:%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&end, &got);
    MHD_stop_daemon(daemon);
}

static const struct argp_option options[] = {
    {"words", 'w', "FILE", 0,
     "classes and validation words; replaced by the last 2,000 words of which people said how they are said", 0},
    {"rollout", 'r', "NAME", 0, "that says who gets what (default g2p-serving)", 0},
    {"folder", 'd', "DIR", 0, "of the rollouts' clients (default: ~/.local/state/nocturne/live)", 0},
    {"port", 'p', "N", 0, "0, the default: any; it is printed", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *o = state->input;
    switch (key) {
    case 'w': o->words = arg; return 0;
    case 'r': o->rollout = arg; return 0;
    case 'd': o->folder = arg; return 0;
    case 'p': o->port = option_whole(arg, 0, UINT16_MAX, state); return 0;
    case ARGP_KEY_ARG:
        if (o->n == MODELS_MAX) argp_failure(state, 1, 0, "%d models are the most", MODELS_MAX);
        o->model[o->n++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->words || !o->n) argp_failure(state, 1, 0, "--words FILE and a MODEL are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    struct settings o = {.rollout = "g2p-serving"};
    struct server v;
    const struct argp argp = {options,
                              parse,
                              "MODEL… LARGE-MODEL",
                              "Says how words are said, with the model that the rollout has for the user.\v"
                              "Example: g2p_serve --words recent.words --port 8480 small8.model large.model",
                              NULL,
                              NULL,
                              NULL};
    option_parse(&argp, argc, argv, &o);
    server_open(&v, &o);
    serve(&v);
    server_close(&v);
    return 0;
}
