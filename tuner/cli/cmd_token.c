#include "tuner/cli/cli.h"

#include "tuner/service/service.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"
#include "tuner/report/report.h"

#include <stdio.h>
#include <string.h>

struct options {
    struct cli_common common;
    const char *arg[2]; /* create | list | revoke ID */
    size_t n;
    const char *output, *url; /* url: of the service, as others see it */
    bool qr;
    struct token_wish wish;
};

static const struct argp_option table[] = {
    {"role", 'r', "ROLE", 0, "viewer (looks), worker (runs trials), client (asks what to serve whom, and tells what came of it) or operator (everything)", 0},
    {"expires", 'e', "DURATION", 0, "for example 30d (default: never)", 0},
    {"study", 's', "NAME[,NAME]", 0, "not an operator's: for these studies and rollouts only (default: all)", 0},
    {"name", 'n', "NAME", 0, "for people: whose it is (default: the role)", 0},
    {"output", 'o', "FILE", 0, "write it there, for your eyes only, instead of stdout; a file of that name is replaced",
     0},
    {"url", 'u', "URL", 0, "of the service: prints the link to its page with the token in it, instead of the token", 0},
    {"qr", 'q', NULL, 0, "the link as a QR code, too, for the camera of a phone; with --url", 0},
    {0},
};

/* The fragment stays in the browser: no server sees it, and no log. */
static const char *check_url(const char *url)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0 && url[strlen(schemes[i])] &&
            !url[strcspn(url, "?# \t\n\"<>")])
            return NULL;
    return "is not the address of a service such as https://host:8470";
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'r':
        if (!auth_grants(arg)) argp_error(state, "--role: '%s' is not viewer, worker, client or operator", arg);
        o->wish.role = arg;
        return 0;
    case 's': o->wish.scope = arg; return 0;
    case 'e':
        if (!words_duration_ms(arg, &o->wish.ttl_ms))
            argp_error(state, "--expires: '%s' is not a duration such as 30d", arg);
        return 0;
    case 'n':
        if (!*arg || words_length(arg) > TOKEN_NAME_MAX)
            argp_error(state, "--name: 1 to %d characters, not '%s'", TOKEN_NAME_MAX, arg);
        o->wish.name = arg;
        return 0;
    case 'o': o->output = arg; return 0;
    case 'q': o->qr = true; return 0;
    case 'u':
        if (check_url(arg)) argp_error(state, "--url: '%s' %s", arg, check_url(arg));
        o->url = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (o->n == 2) argp_error(state, "what is '%s'?", arg);
        o->arg[o->n++] = arg;
        return 0;
    case ARGP_KEY_END: {
        bool revoke = o->n == 2 && strcmp(o->arg[0], "revoke") == 0;
        bool create = o->n == 1 && strcmp(o->arg[0], "create") == 0, list = o->n == 1 && strcmp(o->arg[0], "list") == 0;
        if (!revoke && !create && !list) argp_error(state, "say 'create', 'list' or 'revoke ID'");
        if (o->output && !create) argp_error(state, "--output goes with 'create'");
        if (o->url && (!create || o->output || o->common.json))
            argp_error(state, "--url goes with 'create', and neither with --output nor with --json");
        if (o->qr && !o->url) argp_error(state, "--qr needs --url: where the phone finds the service");
        if (create && !o->wish.role) argp_error(state, "--role is missing: viewer, worker, client or operator");
        struct error err;
        if (o->wish.scope && !create) argp_error(state, "--study goes with 'create'");
        if (create && auth_check_wish(&o->wish, &err)) argp_error(state, "--study: %s", err.text);
        if (!o->wish.name) o->wish.name = o->wish.role;
        return 0;
    }
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum status print_link(const struct options *o, const char *text, struct error *err)
{
    struct arena a = {0};
    size_t n = strlen(o->url);
    const char *link = arena_printf(&a, "%s%s#token=%s", o->url, o->url[n - 1] == '/' ? "" : "/", text);
    puts(link);
    enum status s = o->qr ? report_qr(stdout, link, err) : STATUS_OK;
    arena_done(&a);
    return s;
}

/* A token may be for a study that is still to come, and may be misspelt. */
static void note_unknown(struct store *store, const struct options *o)
{
    struct arena a = {0};
    struct store_study row;
    struct store_rollout rollout;
    struct error none;
    for (const char *c = o->wish.scope; c && *c; c += strcspn(c, ",") + (c[strcspn(c, ",")] == ',')) {
        const char *name = arena_printf(&a, "%.*s", (int)strcspn(c, ","), c);
        if (store_study_find(store, name, &a, &row, &none) == STATUS_NOT_FOUND &&
            store_rollout_find(store, name, &a, &rollout, &none) == STATUS_NOT_FOUND)
            fprintf(stderr, "note: there is no study '%s' in %s yet; the token is for one of that name\n",
                    plain_shown(&a, name), o->common.db);
    }
    arena_done(&a);
}

static enum status create(struct store *store, const struct options *o, struct error *err)
{
    char text[TOKEN_TEXT_MAX], id[TOKEN_ID_MAX];
    enum status s = o->output ? auth_create_file(store, clock_real(), &o->wish, o->output, id, err)
                              : auth_create(store, clock_real(), &o->wish, text, id, err);
    if (s) return s;
    note_unknown(store, o);
    if (o->common.json)
        cli_print_json(json_pack("{s:s, s:s, s:s}", "id", id, "role", o->wish.role, o->output ? "file" : "token",
                                 o->output ? o->output : text));
    else if (o->output)
        printf("token %s, %s, is in %s\n", id, o->wish.role, o->output);
    else {
        if (o->url) s = print_link(o, text, err);
        if (!o->url) puts(text); /* alone on stdout */
        fprintf(stderr, "token %s, %s: shown this once; keep it in a file that only you can read\n", id, o->wish.role);
    }
    return s;
}

static const char *when(const json_t *t, const char *key, const char *none, char *buf, size_t size)
{
    const json_t *v = json_object_get(t, key);
    return v ? report_time(json_integer_value(v), buf, size) : none;
}

/* "  for a,b"; "" if it is for all */
static char *scope_text(const json_t *studies, struct arena *a)
{
    char *text = "";
    const json_t *name;
    size_t i;
    json_array_foreach((json_t *)studies, i, name)
    {
        text = arena_printf(a, "%s%s%s", text, i ? "," : "  for ", json_string_value(name));
    }
    return text;
}

enum { NAME_FROM = 66, SCOPE_FROM = 12 }; /* columns */

/* "anna  for a,b  (revoked)"; the studies in a line of their own if the screen is too narrow for them. */
static const char *whose(const json_t *t, struct arena *a)
{
    const char *end = json_is_true(json_object_get(t, "valid")) ? ""
                      : json_object_get(t, "revoked_ms")        ? "  (revoked)"
                                                                : "  (expired)";
    const char *name = plain_shown(a, json_string_value(json_object_get(t, "name"))),
               *scope = scope_text(json_object_get(t, "studies"), a);
    size_t columns = report_columns(), taken = NAME_FROM + width_of(end),
           capacity = columns > taken ? columns - taken : 0;
    if (width_of(name) + width_of(scope) <= capacity) return arena_printf(a, "%s%s%s", name, scope, end);
    name = arena_printf(a, "%s%s", width_cut(a, name, capacity), end);
    if (!*scope) return name;
    return arena_printf(a, "%s\n%*s%s", name, SCOPE_FROM, "", width_cut(a, scope, columns - SCOPE_FROM));
}

static enum status list(struct store *store, const struct options *o, struct error *err)
{
    json_t *all = NULL, *t;
    size_t i;
    char created[40], expires[40];
    struct arena a = {0};
    enum status s = auth_list(store, clock_real(), &all, err);
    if (s) return s;
    if (o->common.json) {
        cli_print_json(json_pack("{s:o}", "tokens", all));
        return STATUS_OK;
    }
    printf("%-12s  %-8s  %-19s  %-19s  %s\n", "id", "role", "created", "expires", "name");
    json_array_foreach(all, i, t)
    {
        printf("%-12s  %-8s  %-19s  %-19s  %s\n", json_string_value(json_object_get(t, "id")),
               json_string_value(json_object_get(t, "role")), when(t, "created_ms", "", created, sizeof created),
               when(t, "expires_ms", "never", expires, sizeof expires), whose(t, &a));
    }
    json_decref(all);
    arena_done(&a);
    return STATUS_OK;
}

static enum status revoke_one(struct store *store, const struct options *o, struct error *err)
{
    enum status s = store_token_revoke(store, o->arg[1], clock_wall_ms(clock_real()), err);
    if (s) return s;
    if (o->common.json)
        cli_print_json(json_pack("{s:s, s:b}", "id", o->arg[1], "revoked", 1));
    else
        printf("token %s is revoked\n", o->arg[1]);
    return STATUS_OK;
}

int cmd_token(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "create --role ROLE\nlist\nrevoke ID",
        .doc =
            "Tokens for the service: who may look (viewer), run trials (worker), ask rollouts (client), do everything (operator). A token is shown "
            "once and stored as a hash.\v"
            "Example: nocturne token create --role worker --study g2p --expires 30d --output worker.token\n"
            "For a phone: nocturne token create --role viewer --expires 30d --url https://host:8470 --qr",
        .children = cli_common_child};
    struct options o = {.n = 0};
    struct store *store = NULL;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = store_open(o.common.db, STORE_CREATE, &store, &err);
    if (!s)
        s = strcmp(o.arg[0], "create") == 0 ? create(store, &o, &err)
            : strcmp(o.arg[0], "list") == 0 ? list(store, &o, &err)
                                            : revoke_one(store, &o, &err);
    store_close(store);
    return s ? cli_fail(&err) : EXIT_OK;
}
