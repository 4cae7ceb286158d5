#include "tuner/cli/cli.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <stdlib.h>
#include <string.h>

struct options {
    struct cli_common common;
    long trial;                       /* −1: the study */
    const char *text;                 /* NULL: it is asked for; "": taken away */
    char input[HISTORY_NOTE_MAX + 3]; /* with a line's end, one byte too many, and a NUL */
};

/* A text that is a number alone is that of a trial. */
static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case ARGP_KEY_ARG:
        if (!o->common.study)
            o->common.study = arg;
        else if (o->text || !(o->trial < 0 && words_whole(arg, 0, CLI_COUNT_MAX, &o->trial))) {
            if (o->text) argp_error(state, "one text, in quotation marks; '%s' is another", arg);
            o->text = arg;
        }
        return 0;
    case ARGP_KEY_END:
        if (!o->common.study) argp_error(state, "of which study? For example: nocturne note g2p 'as last week'");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* "-": what comes in, without its last line's end. */
static void read_input(struct options *o)
{
    if (!o->text || strcmp(o->text, "-") != 0) return;
    size_t n = fread(o->input, 1, sizeof o->input - 1, stdin);
    if (n && o->input[n - 1] == '\n') o->input[n - 1] = 0;
    o->text = o->input;
}

/* Who runs it writes it down next, or the service does. */
static enum status ask_coordinator(const struct options *o, const struct cli_study *s, struct error *err)
{
    enum status st = history_note_check(o->text, err);
    if (st) return st;
    if (s->remote.caller) return errand_note(s->remote.caller, s->study->name, o->trial, o->text, err);
    json_t *body = json_pack("{s:s}", "text", o->text);
    if (o->trial >= 0) json_object_set_new(body, "trial", json_integer(o->trial));
    char *text = json_text(body);
    st = store_request_add(s->store, s->memory->study_id, "note", text, clock_wall_ms(clock_real()), err);
    free(text);
    json_decref(body);
    return st;
}

static enum status write_down(const struct options *o, struct cli_study *s, struct error *err)
{
    const struct trial *t = o->trial >= 0 ? memory_trial(s->memory, o->trial) : NULL;
    enum status st = history_annotate(s->history, t, o->text, err);
    if (!st) snapshot_keep(s->history);
    return st ? st : history_flush(s->history, err);
}

static const char *known(const struct options *o, const struct cli_study *s)
{
    return o->trial >= 0 ? memory_trial(s->memory, o->trial)->note : s->memory->note;
}

static void print(const struct options *o, const struct cli_study *s, const char *text)
{
    if (o->common.json) {
        json_t *out = json_pack("{s:s, s:s}", "study", s->study->name, "note", text ? text : "");
        if (o->trial >= 0) json_object_set_new(out, "trial", json_integer(o->trial));
        cli_print_json(out);
        return;
    }
    char number[40] = "";
    if (o->trial >= 0) snprintf(number, sizeof number, "trial %ld of ", o->trial);
    printf("%sstudy %s%s\n", number, s->study->name, text && *text ? ":" : " has no note");
    if (text && *text) report_note(stdout, text);
}

static enum status note(struct options *o, struct cli_study *s, bool running, struct error *err)
{
    if (o->trial >= 0 && !memory_trial(s->memory, o->trial))
        return error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s->study->name, o->trial);
    enum status st = STATUS_OK;
    if (o->text) st = running ? ask_coordinator(o, s, err) : write_down(o, s, err);
    if (!st) print(o, s, o->text && running ? o->text : known(o, s)); /* what is sound is stored as it is */
    return st;
}

int cmd_note(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "STUDY [TRIAL] [TEXT]",
        .doc =
            "Say what a study, or a trial, is about, in the place of what was said before; \"\" takes it away, - reads it "
            "from the input; what begins with a dash comes after --. Without a text, show it. Notes are events of the log; 'status' and 'show' have them, too.\v"
            "Example: nocturne note g2p 12 'learning rate by hand, after the talk with Ada'",
        .children = cli_remote_child};
    struct options *o = calloc(1, sizeof *o);
    struct cli_study s;
    struct store_hold *hold = NULL;
    struct error err;
    if (!o) return EXIT_FAILURE;
    o->trial = -1;
    cli_common_init(&o->common);
    argp_parse(&argp, argc, argv, 0, NULL, o);
    read_input(o);
    enum status st = cli_open_held(&o->common, &s, &hold, &err);
    if (!st) {
        st = note(o, &s, !hold, &err);
        store_hold_release(hold);
        cli_close(&s);
    }
    free(o);
    return st ? cli_fail(&err) : EXIT_OK;
}
