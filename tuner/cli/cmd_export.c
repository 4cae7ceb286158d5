#include "tuner/cli/cli.h"

#include "tuner/cli/whole_file.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <string.h>

struct options {
    struct cli_common common;
    enum export_format format;
    bool dump; /* every trial, in this format: */
    enum dump_format dump_format;
    const char *out; /* NULL: stdout */
};

static const struct argp_option table[] = {
    {"format", 'f', "FORMAT", 0,
     "yaml (default), json, env, args or toml: the best configuration; csv or jsonl: every trial", 0},
    {"output", 'o', "FILE", 0, "write there instead of stdout", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'f':
        o->dump = strcmp(arg, "csv") == 0 || strcmp(arg, "jsonl") == 0;
        o->dump_format = strcmp(arg, "csv") == 0 ? DUMP_CSV : DUMP_JSONL;
        if (!o->dump && !export_format_parse(arg, &o->format))
            argp_error(state, "--format: '%s' is none of yaml, json, env, args, toml, csv, jsonl", arg);
        return 0;
    case 'o': o->out = arg; return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

/* Every trial, by the log; or the winner, by the state beside it. */
static enum status write_to(FILE *out, const struct options *o, struct error *err)
{
    struct cli_found f;
    struct snapshot x = {0};
    if (o->dump) {
        struct cli_study s;
        enum status st = cli_open(&o->common, o->common.study, &s, err);
        if (st) return st;
        report_dump(out, s.memory, o->dump_format);
        cli_close(&s);
        return STATUS_OK;
    }
    enum status s = cli_find(&o->common, o->common.study, &f, err);
    if (s) return s;
    s = snapshot_load(f.store, f.study->name, clock_real(), &x, err);
    if (!s) s = report_export(out, o->common.json ? EXPORT_JSON : o->format, &x.document.comparison, err);
    snapshot_done(&x);
    cli_found_done(&f);
    return s;
}

static enum status write_file(const struct options *o, struct error *err)
{
    struct whole_file f;
    enum status st = whole_file_begin(&f, o->out, err);
    return st ? st : whole_file_end(&f, write_to(f.out, o, err), err);
}

int cmd_export(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc = "Write the best configuration with its provenance, or every trial as csv or jsonl.\v"
               "Example: nocturne export g2p --format env -o best.env",
        .children = cli_remote_child};
    struct options o = {.format = EXPORT_YAML};
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = o.out ? write_file(&o, &err) : write_to(stdout, &o, &err);
    return s ? cli_fail(&err) : EXIT_OK;
}
