#include "tuner/cli/cli.h"

#include "tuner/cli/browser.h"
#include "tuner/cli/rollouts.h"
#include "tuner/cli/whole_file.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <string.h>
#include <sys/stat.h>

enum format { FORMAT_HTML, FORMAT_MD, FORMAT_PDF };

static const char *const names[] = {[FORMAT_HTML] = "html", [FORMAT_MD] = "md", [FORMAT_PDF] = "pdf"};

struct options {
    struct cli_common common;
    bool given; /* the format; else the name of the file says it */
    enum format format;
    const char *out; /* "-": stdout; NULL: a file called after the study, and Markdown to stdout */
};

static const struct argp_option table[] = {
    {"format", 'f', "FORMAT", 0, "html (default), pdf, or md: a chat message; else what the file's name ends in", 0},
    {"output", 'o', "FILE", 0, "write it there, - is stdout; else STUDY.html or STUDY.pdf here, and md to stdout", 0},
    {0},
};

static bool parse_format(const char *name, enum format *ret)
{
    for (int k = FORMAT_HTML; k <= FORMAT_PDF; k++)
        if (strcasecmp(name, names[k]) == 0) return *ret = (enum format)k, true;
    return false;
}

static bool is_stdout(const struct options *o)
{
    return o->out && strcmp(o->out, "-") == 0;
}

/* By the end of the file's name, if nothing else says it. */
static void settle(struct options *o, struct argp_state *state)
{
    const char *dot = o->out ? strrchr(o->out, '.') : NULL;
    if (o->out && !is_stdout(o) && !o->given && !(dot && parse_format(dot + 1, &o->format)))
        argp_error(state, "%s: a name that ends in none of .html, .md and .pdf needs a --format", o->out);
    enum format named;
    if (o->given && dot && parse_format(dot + 1, &named) && named != o->format)
        argp_error(state, "%s is the name of another format than --format %s: leave out one of them", o->out,
                   names[o->format]);
    if (!o->out && o->format == FORMAT_MD) o->out = "-";
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'f':
        if (!parse_format(arg, &o->format)) argp_error(state, "--format: html, md or pdf, not '%s'", arg);
        o->given = true;
        return 0;
    case 'o': o->out = arg; return 0;
    case ARGP_KEY_END:
        settle(o, state);
        if (o->common.json && is_stdout(o))
            argp_error(state, "--json says where the report was written; give it a file: --output FILE");
        return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

/* ---- the story ---- */

/* What of the study is live; of a service that knows no rollouts, or does not show them, nothing is. */
static enum status find_rollouts(const struct cli_study *s, json_t **ret, struct error *err)
{
    const struct rollouts r = rollouts_beside(s->store, s->remote.caller);
    enum status st = rollouts_all(&r, s->study->name, ret, err);
    if (!st) st = rollouts_courses(&r, *ret, err);
    return st == STATUS_NOT_FOUND || st == STATUS_DENIED ? STATUS_OK : st;
}

static enum status tell(FILE *out, enum format format, const struct cli_study *s, struct error *err)
{
    struct arena a = {0};
    struct health health;
    struct story story;
    struct morning_facts facts = {
        .version = NOCTURNE_VERSION, .running = cli_is_running(s), .health = &health, .plan = &health.plan};
    json_t *rollouts = NULL;
    cli_health(s->memory, facts.running, &a, &health);
    enum status st = find_rollouts(s, &rollouts, err);
    facts.rollouts = rollouts;
    if (!st) st = morning_make(s->memory, &facts, &a, &story, err);
    if (!st && format == FORMAT_MD)
        story_md_write(out, &story);
    else if (!st)
        story_html_write(out, &story);
    json_decref(rollouts);
    arena_done(&a);
    return st;
}

/* ---- where it goes ---- */

static enum status print_pdf(const struct whole_file *f, FILE *page, struct error *err)
{
    int code =
        browser_run(page, &(struct browser_wish){"report.html", "--print-to-pdf", f->part, {"--no-pdf-header-footer"}});
    if (code == 127)
        return error_set(
            err, STATUS_NOT_FOUND,
            "%s: nothing here makes PDF; install chromium, or print the HTML from any browser: nocturne report --format html",
            f->path);
    if (code != 0 || !whole_file_is_filled(f))
        return error_set(err, STATUS_FAILED,
                         "%s: chromium could not print the report; --format html needs no other program", f->path);
    return STATUS_OK;
}

static enum status tell_pdf(const struct whole_file *f, const struct cli_study *s, struct error *err)
{
    FILE *page;
    enum status st = browser_page(&page, err);
    if (st) return st;
    st = tell(page, FORMAT_HTML, s, err);
    if (!st) st = print_pdf(f, page, err);
    fclose(page);
    return st;
}

static enum status write_file(const char *path, enum format format, const struct cli_study *s, struct error *err)
{
    struct whole_file f;
    enum status st = whole_file_begin(&f, path, err);
    if (st) return st;
    st = format == FORMAT_PDF ? tell_pdf(&f, s, err) : tell(f.out, format, s, err);
    return whole_file_end(&f, st, err);
}

static enum status write_stdout(enum format format, const struct cli_study *s, struct error *err)
{
    if (format == FORMAT_PDF) return error_set(err, STATUS_INVALID, "a PDF is made in a file: --output FILE.pdf");
    return tell(stdout, format, s, err);
}

/* ---- the command ---- */

static void say_where(const struct options *o, const char *path, const struct cli_study *s)
{
    struct stat info = {0};
    if (stat(path, &info) != 0) info.st_size = 0;
    if (o->common.json)
        cli_print_json(json_pack("{s:s,s:s,s:s,s:I,s:I}", "study", s->study->name, "file", path, "format",
                                 names[o->format], "bytes", (json_int_t)info.st_size, "seq",
                                 (json_int_t)s->memory->seq));
    else
        printf("Report of study %s as of event %lld: %s (%ld kB)\n", s->study->name, (long long)s->memory->seq, path,
               (long)((info.st_size + 999) / 1000));
}

int cmd_report(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc =
            "The morning report of a study: what won, against what, how sure, what it cost, what next. One file that needs "
            "nothing else: to read, print, forward. In any state of a study, also while it runs.\v"
            "Example: nocturne report g2p -o g2p.html\n         nocturne report g2p --format md",
        .children = cli_remote_child};
    struct options o = {.format = FORMAT_HTML};
    struct cli_study s;
    struct error err;
    char path[256];
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    o.common.service.wish.depth = MIRROR_ALL;
    if (cli_open(&o.common, o.common.study, &s, &err)) return cli_fail(&err);
    bool to_stdout = is_stdout(&o);
    snprintf(path, sizeof path, "%s.%s", s.study->name, names[o.format]);
    if (!o.out) o.out = path;
    enum status st = to_stdout ? write_stdout(o.format, &s, &err) : write_file(o.out, o.format, &s, &err);
    if (!st && !to_stdout) say_where(&o, o.out, &s);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
