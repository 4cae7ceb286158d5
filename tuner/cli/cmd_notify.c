#include "tuner/cli/cli.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include "tuner/notify/notify.h"
#include "tuner/report/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct cli_common common;
    const char *file;
    const char *arg[2]; /* test | show | send, a channel */
    size_t n;
};

static const struct argp_option table[] = {
    {"notify", CLI_NOTIFY, "FILE", 0,
     "the notify file (default: $NOCTURNE_NOTIFY, else notify.yaml in ~/.config/nocturne)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case CLI_NOTIFY: o->file = arg; return 0;
    case ARGP_KEY_ARG:
        if (o->n == 2) argp_error(state, "what is '%s'?", arg);
        o->arg[o->n++] = arg;
        return 0;
    case ARGP_KEY_END: {
        bool test = o->n >= 1 && strcmp(o->arg[0], "test") == 0, show = o->n == 1 && strcmp(o->arg[0], "show") == 0,
             send = o->n == 1 && strcmp(o->arg[0], "send") == 0;
        if (!test && !show && !send) argp_error(state, "say 'test [CHANNEL]', 'show' or 'send'");
        return 0;
    }
    default: return ARGP_ERR_UNKNOWN;
    }
}

enum status cli_notify_file(const char *given, struct notify_file **ret, struct error *err)
{
    struct arena a = {0};
    const char *path = notify_file_find(given, &a);
    enum status s = path ? notify_file_load(path, ret, err) : STATUS_OK;
    arena_done(&a);
    return s;
}

/* ---- test ---- */

static void on_tried(void *data, json_t *results)
{
    *(json_t **)data = results;
}

static void print_results(const json_t *results)
{
    const json_t *one;
    size_t i;
    struct arena a = {0};
    json_array_foreach(json_object_get(results, "channels"), i, one)
    {
        const char *why = json_string_value(json_object_get(one, "why"));
        printf("%-12s  %-9s  %s\n", json_string_value(json_object_get(one, "channel")),
               json_string_value(json_object_get(one, "kind")), why ? plain_shown(&a, why) : "told");
    }
    arena_done(&a);
}

static enum status test(const struct notify_file *f, const struct options *o, bool *ret_ok, struct error *err)
{
    json_t *results = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    enum status s = trying_start(f, o->arg[1], &loop, on_tried, &results, err);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (s) return s;
    *ret_ok = json_is_true(json_object_get(results, "ok"));
    if (o->common.json)
        cli_print_json(results);
    else {
        print_results(results);
        json_decref(results);
    }
    return STATUS_OK;
}

/* ---- show ---- */

static void print_waiting(const struct overview_waiting *w)
{
    char when[40];
    struct arena a = {0};
    if (!w->n) return;
    printf("    %zu notice%s wait%s, not before %s%s%s\n", w->n, words_s(w->n), w->n == 1 ? "s" : "",
           report_time(w->next_ms, when, sizeof when), *w->why ? "; the last try: " : "", plain_shown(&a, w->why));
    arena_done(&a);
}

static void print_channel(const struct overview *o, size_t i)
{
    const struct channel_plan *plan = &o->file->channel[i];
    struct arena a = {0};
    const char *tells = "";
    for (int kind = 0; kind < NOTICE_KINDS_TOLD; kind++)
        if (o->file->tell[kind] & 1u << i)
            tells = arena_printf(&a, "%s%s%s", tells, *tells ? ", " : "", notice_kind_name((enum notice_kind)kind));
    printf("%-12s  %-9s  %s\n    told of: %s\n", plan->name, channel_kind_name(plan->kind),
           plain_shown(&a, overview_to(plan, &a)), *tells ? tells : "nothing");
    print_waiting(&o->waiting[i]);
    arena_done(&a);
}

static void print_quiet(const struct notify_file *f)
{
    const struct quiet *q = &f->quiet;
    bool now = quiet_is(q, clock_wall_ms(clock_real()));
    if (!q->some) return;
    printf("quiet from %02d:%02d to %02d:%02d%s; meanwhile only:", q->from / 60, q->from % 60, q->to / 60, q->to % 60,
           now ? " (now)" : "");
    for (int kind = 0; kind < NOTICE_KINDS_TOLD; kind++)
        if (f->but & 1u << kind) printf(" %s", notice_kind_name((enum notice_kind)kind));
    printf("%s\n", f->but ? "" : " nothing");
}

static void print_overview(const struct overview *o)
{
    const struct notify_file *f = o->file;
    struct arena a = {0};
    char every[40];
    printf("%s\n", plain_shown(&a, f->path));
    for (size_t i = 0; i < f->n; i++) print_channel(o, i);
    print_quiet(f);
    if (f->heartbeat.url.host)
        printf("heartbeat to %s every %s: silence means that nothing is at work here, or that it is at a stand\n",
               plain_shown(&a, f->heartbeat.url.hidden),
               words_show_duration(f->heartbeat.every_ms, every, sizeof every));
    if (o->others)
        printf("%zu notice%s wait%s for channels that this file does not have\n", o->others, words_s(o->others),
               o->others == 1 ? "s" : "");
    for (int kind = 0; kind < NOTICE_KINDS_TOLD && f->n; kind++)
        printf("  %-10s  %s\n", notice_kind_name((enum notice_kind)kind), notice_kind_when((enum notice_kind)kind));
    arena_done(&a);
}

static enum status show(const struct notify_file *f, const struct options *o, struct error *err)
{
    struct store *store = NULL;
    struct arena a = {0};
    struct overview all;
    bool there = access(o->common.db, F_OK) == 0;
    enum status s = there ? store_open(o->common.db, STORE_EXISTING, &store, err) : STATUS_OK;
    if (!s) s = overview_make(f, store, &a, &all, err);
    if (!s && o->common.json)
        cli_print_json(overview_json(&all));
    else if (!s)
        print_overview(&all);
    if (store) store_close(store);
    arena_done(&a);
    return s;
}

/* ---- send ---- */

static void on_say(void *data, const char *study, const char *text)
{
    struct arena a = {0};
    (void)data;
    printf("%s%s%s\n", study ? study : "", study ? ": " : "", plain_shown(&a, text));
    arena_done(&a);
}

static void on_closed(void *data)
{
    (void)data;
}

static enum status send_waiting(const struct notify_file *f, const struct options *o, struct error *err)
{
    struct notifier *n = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    const struct notifier_options options = {
        .file = f, .db = o->common.db, .loop = &loop, .adopts = true, .silent = true, .say = on_say};
    enum status s = notifier_create(&options, &n, err);
    if (!s) notifier_close(n, on_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return s;
}

int cmd_notify(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "test [CHANNEL]\nshow\nsend",
        .doc =
            "Who is told what of your studies: 'test' tells everybody something now, and says whether it arrived; 'show' says "
            "who would be told what, when, and what waits; 'send' sends now what an earlier process could not.\v"
            "'run', 'resume' and 'serve' take the same file. It is yours, not the study's, for example:\n"
            "  channels:\n"
            "    team:  {webhook: https://hooks.example.org/abc, header: {X-Key: abc}}\n"
            "    phone: {command: [ntfy, publish, mine, \"{sentence}\"]}  # no shell\n"
            "    mail:  {sendmail: ada@example.org}\n"
            "  tell: {end: [team, mail], health: [phone], best: []}\n"
            "  quiet: {from: \"22:00\", to: \"07:00\", but: [end, stalled]}  # local time\n"
            "  heartbeat: {url: https://hc.example.org/ping/abc, every: 5m}\n"
            "Without 'tell' everything is told to all channels. What is held back in quiet hours comes as one, afterwards. "
            "A command gets the notice as JSON on its stdin, and in NOCTURNE_SENTENCE, _ACTION, _KIND, _LEVEL, _STUDY, "
            "and twenty seconds; what it has started ends with it. The heartbeat is a GET; it stops when nothing is at "
            "work here, or what is stands still. A webhook with 'secret: whsec_…' is signed (Standard Webhooks). Only you "
            "may be able to write to the file.\n"
            "Example: nocturne notify test --notify notify.yaml phone",
        .children = cli_common_child};
    struct options o = {.file = NULL};
    struct notify_file *f = NULL;
    struct error err;
    bool ok = true;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = cli_notify_file(o.file, &f, &err);
    if (!s && !f)
        s = error_set(&err, STATUS_NOT_FOUND,
                      "there is no notify file: give one with --notify FILE; 'nocturne notify --help' has an example");
    if (!s && strcmp(o.arg[0], "test") == 0)
        s = test(f, &o, &ok, &err);
    else if (!s)
        s = strcmp(o.arg[0], "show") == 0 ? show(f, &o, &err) : send_waiting(f, &o, &err);
    notify_file_free(f);
    return s ? cli_fail(&err) : ok ? EXIT_OK : EXIT_FAILED;
}
