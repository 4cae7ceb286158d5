#include "tuner/cli/cli.h"

#include "tuner/base/json.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/history/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    const char *file, *db;
    int64_t seed;
};

static const struct argp_option table[] = {
    {"seed", 'r', "N", 0, "seed of the search (default: the study's)", 0},
    {"db", 'd', "FILE", 0, "keep the trials in this database, to go on later (default: in memory)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'r': o->seed = cli_whole(arg, "--seed", 0, CLI_SEED_MAX, state); return 0;
    case 'd': o->db = arg; return 0;
    case ARGP_KEY_ARG:
        if (o->file) argp_error(state, "one study file, not '%s' as well", arg);
        o->file = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study file?"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the pipe ----
 *
 * Requests that are there at once are one turn: their events are one batch of the journal, whose writer sends their
 * answers once it is durable, while this thread works on the next turn. */

enum { STATE_MS = 250 };

struct pipe {
    struct history *history;
    struct adviser *adviser;
    char *buf;
    size_t n, capacity;
    int64_t kept_ms, kept_seq;
};

/* On the writer's thread. When nobody reads any more, nobody can be told: the next read finds the end. */
static void send_answers(void *data, const char *answers, size_t n)
{
    (void)data;
    if (n && (fwrite(answers, 1, n, stdout) != n || fflush(stdout) != 0)) close(STDIN_FILENO);
}

static void say_trouble(void *data, const char *text)
{
    (void)data;
    if (text)
        fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", text);
    else
        fputs("nocturne: going on\n", stderr);
}

static void answer_line(struct pipe *p, const char *line, size_t len)
{
    if (strspn(line, " \t\r") == len) return;
    json_t *answer = adviser_answer(p->adviser, line, len);
    char *text = json_text(answer);
    journal_answer(history_journal(p->history), text, strlen(text));
    journal_answer(history_journal(p->history), "\n", 1);
    free(text);
    json_decref(answer);
}

static void keep_state(struct pipe *p, bool now)
{
    int64_t ms = clock_mono_ms(history_memory(p->history)->clock);
    if (p->kept_seq == history_memory(p->history)->seq || (!now && ms - p->kept_ms < STATE_MS)) return;
    snapshot_keep(p->history);
    p->kept_seq = history_memory(p->history)->seq;
    p->kept_ms = ms;
}

/* Every whole line of the buffer; at the end of the input, what is left of it, too. */
static void take_turn(struct pipe *p, bool end)
{
    char *at = p->buf, *line_end, *stop = p->buf + p->n;
    while ((line_end = memchr(at, '\n', (size_t)(stop - at)))) {
        *line_end = 0;
        answer_line(p, at, (size_t)(line_end - at));
        at = line_end + 1;
    }
    if (end && at < stop) {
        *stop = 0;
        answer_line(p, at, (size_t)(stop - at));
        at = stop;
    }
    p->n = (size_t)(stop - at);
    memmove(p->buf, at, p->n);
    keep_state(p, end);
    journal_submit(history_journal(p->history));
    journal_wait(history_journal(p->history));
}

static bool read_more(struct pipe *p)
{
    p->buf = must_reserve(p->buf, p->n + 65536, &p->capacity, 1);
    ssize_t n;
    do n = read(STDIN_FILENO, p->buf + p->n, p->capacity - p->n - 1);
    while (n < 0 && errno == EINTR);
    if (n > 0) p->n += (size_t)n;
    return n > 0;
}

static enum status serve(struct history *history, struct error *err)
{
    struct pipe p = {.history = history, .adviser = adviser_create(history)};
    struct error trouble;
    enum status started =
        journal_start(history_journal(history), &(struct journal_hooks){send_answers, say_trouble, NULL}, err);
    if (started) {
        adviser_free(p.adviser);
        return started;
    }
    while (journal_trouble(history_journal(history), &trouble) != STATUS_FAILED && read_more(&p)) take_turn(&p, false);
    if (p.buf) take_turn(&p, true);
    enum status s = journal_stop(history_journal(history), err);
    free(p.buf);
    adviser_free(p.adviser);
    return s;
}

static void print_notes(const struct memory *s)
{
    cli_print_rejudged(s);
    for (size_t i = 0; i < s->priors.n; i++)
        if (s->priors.prior[i].note) fprintf(stderr, "note: %s\n", s->priors.prior[i].note);
}

int cmd_advise(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "STUDY.yaml",
        .doc =
            "The optimizer as a pipe, for any language: JSON lines on stdin, one answer a line on stdout.\v"
            "  > {\"ask\": 2}\n"
            "  < {\"trials\": [{\"trial\": 0, \"params\": {…}, \"lease\": 3}, {\"trial\": 1, …}]}\n"
            "  > {\"tell\": 0, \"metrics\": {\"em\": 0.61, \"tokens\": 3100000}}\n"
            "  < {\"ok\": true}\n"
            "  > {\"tell\": 1, \"failed\": \"reason\"}    or {\"tell\": 1, \"infeasible\": true}; a metric that is NaN is a failure\n"
            "  < {\"ok\": true}\n"
            "  > {\"add\": {\"lr\": 0.01, …}, \"metrics\": {…}}    a trial from elsewhere\n"
            "  < {\"trial\": 2}\n"
            "  > {\"report\": 0, \"step\": 3, \"metrics\": {…}}\n"
            "  < {\"stop\": false}    or {\"stop\": \"why\"}: it is over, tell nothing\n"
            "  > {\"predict\": {\"lr\": 0.01, …}}    a measurement there, 90 % interval\n"
            "  < {\"metrics\": {\"em\": {\"median\": 0.6, \"low\": 0.57, \"high\": 0.62}, …}}\n"
            "  > {\"best\": true}\n"
            "  < {\"trial\": 0, \"params\": {…}, \"metrics\": {…}}\n"
            "A trial with a \"note\" was chosen by chance, because the model failed numerically; \"enough\" beside "
            "\"trials\" says that budget: {patience: auto} would end the search here, and why.\n"
            "Answers come in order, each once it is safe on the disk; many requests may be on their way at once, which is "
            "much faster.\n"
            "{\"ask\": 1, \"ttl\": \"10m\"} lends a trial: unless told or renewed ({\"renew\": 0, \"lease\": 3, "
            "\"ttl\": \"10m\"}) in time, it is handed out again. tell, report and renew may name the \"lease\": from an "
            "older one only a result is still taken, if the trial has none.\n"
            "{\"ask\": 1, \"resume\": true} says that you can go on with trials that were stopped: one that is worth it "
            "comes with \"resume\": {\"step\": 3, \"cost\": 8000}, where it was. A first report that costs less says that "
            "it has begun anew.\n"
            "{\"ask\": 1, \"left\": 9} says how many trials you can still run, this one included: the last of them "
            "(those of confirm: in the study file, top × seeds, and as many of a baseline) measure the best again, each with \"confirms\": 57, whose "
            "configuration it is, and a fresh \"seed\"; \"best\" is then the best of these by their mean. If the seed "
            "makes no difference, one a configuration will do. Without \"left\", \"best\" is the best by the model's mean where "
            "measurements are noisy, else the best measured.\n"
            "A trial's first report may say how it stops by itself, \"policy\": {\"patience\": 5, \"threshold\": 1e-4, \"metric\": "
            "\"em\", \"mode\": \"max\"}; with stopping: {adaptive: true} an answer may then hold another \"policy\".\n"
            "Anything wrong is answered with {\"error\": \"…\"} and the pipe goes on.\n"
            "With --db, what was asked for and never told before a crash is handed out again first.\n"
            "Example: echo '{\"ask\": 1}' | nocturne advise study.yaml --seed 7",
        .children = cli_help_child};
    struct options o = {.db = ":memory:", .seed = -1};
    struct study *study = NULL;
    struct store *store = NULL;
    struct store_hold *hold = NULL;
    struct history *history = NULL;
    struct clock *clock = clock_steady_create(clock_real());
    struct error err;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = study_load(o.file, &study, &err);
    if (!s) s = store_open(o.db, STORE_CREATE, &store, &err);
    if (!s) s = store_hold_take(store, study->name, &hold, &err);
    if (!s)
        s = history_open(store, study, &(struct opening){.seed = o.seed >= 0 ? (uint64_t)o.seed : study->seed}, clock,
                         &history, &err);
    if (!s) s = warm_start_load(history, &err);
    if (!s) cli_print_changes(history_memory(history));
    if (!s) print_notes(history_memory(history));
    if (!s) s = serve(history, &err);
    history_free(history);
    clock_steady_free(clock);
    store_hold_release(hold);
    store_close(store);
    study_free(study);
    return s ? cli_fail(&err) : EXIT_OK;
}
