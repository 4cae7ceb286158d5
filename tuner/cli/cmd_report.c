#include "tuner/cli/cli.h"

#include "tuner/cli/browser.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* By the end of the file's name, if nothing else says it. */
static void settle(struct options *o)
{
    const char *dot = o->out ? strrchr(o->out, '.') : NULL;
    if (!o->given && dot) parse_format(dot + 1, &o->format);
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
        settle(o);
        if (o->common.json && o->out && strcmp(o->out, "-") == 0)
            argp_error(state, "--json says where the report was written; give it a file: --output FILE");
        return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

/* ---- the story ---- */

static enum status tell(FILE *out, enum format format, const struct cli_study *s, struct error *err)
{
    struct arena a = {0};
    struct health health;
    struct plan plan;
    struct story story;
    struct morning_facts facts = {
        .version = NOCTURNE_VERSION, .running = cli_is_running(s), .health = &health, .plan = &plan};
    cli_health(s->memory, facts.running, &a, &health);
    plan_make(s->memory, 0, &plan);
    enum status st = morning_make(s->memory, &facts, &a, &story, err);
    if (!st && format == FORMAT_MD)
        story_md_write(out, &story);
    else if (!st)
        story_html_write(out, &story);
    arena_done(&a);
    return st;
}

/* ---- files: the whole of it or nothing ---- */

static enum status cannot_write(const char *path, struct error *err)
{
    return error_set(err, status_of_errno(errno), "%s: cannot write: %s", path, strerror(errno));
}

static enum status fill(FILE *out, const char *path, enum format format, const struct cli_study *s, struct error *err)
{
    if (!out) return cannot_write(path, err);
    enum status st = tell(out, format, s, err);
    bool bad = ferror(out) != 0;
    return (fclose(out) != 0 || bad) && !st ? cannot_write(path, err) : st;
}

static enum status print_pdf(const char *part, int page, const char *path, struct error *err)
{
    char to[8500];
    snprintf(to, sizeof to, "--print-to-pdf=%s", part);
    int code = browser_run(page, "report.html", (const char *[]){"--no-pdf-header-footer", to, NULL});
    if (code == 127)
        return error_set(
            err, STATUS_NOT_FOUND,
            "%s: nothing here makes PDF; install chromium, or print the HTML from any browser: nocturne report --format html",
            path);
    if (code != 0 || access(part, R_OK) != 0)
        return error_set(err, STATUS_FAILED,
                         "%s: chromium could not print the report; --format html needs no other program", path);
    return STATUS_OK;
}

/* Chromium begins in a folder of its own: it wants the whole path. */
static enum status write_pdf(const char *part, const char *path, const struct cli_study *s, struct error *err)
{
    char whole[8400], here[4096];
    int page = memfd_create("report.html", MFD_CLOEXEC), other = page < 0 ? -1 : dup(page);
    if (other < 0) {
        if (page >= 0) close(page);
        return cannot_write(path, err);
    }
    enum status st = fill(fdopen(other, "w"), path, FORMAT_HTML, s, err);
    bool relative = *part != '/' && getcwd(here, sizeof here);
    if (snprintf(whole, sizeof whole, "%s%s%s", relative ? here : "", relative ? "/" : "", part) >= (int)sizeof whole)
        st = error_set(err, STATUS_INVALID, "the name of the file is too long");
    if (!st) st = print_pdf(whole, page, path, err);
    close(page);
    return st;
}

static enum status write_part(const char *part, const char *path, enum format format, const struct cli_study *s,
                              struct error *err)
{
    if (format == FORMAT_PDF) return write_pdf(part, path, s, err);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fill(fd < 0 ? NULL : fdopen(fd, "w"), path, format, s, err);
}

static enum status write_file(const char *path, enum format format, const struct cli_study *s, struct error *err)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return error_set(err, STATUS_INVALID, "the name of the file is too long");
    enum status st = write_part(part, path, format, s, err);
    if (!st && rename(part, path) != 0) st = cannot_write(path, err);
    if (st) remove(part);
    return st;
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
        .children = cli_common_child};
    struct options o = {.format = FORMAT_HTML};
    struct cli_study s;
    struct error err;
    char path[256];
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_open(o.common.db, o.common.study, &s, &err)) return cli_fail(&err);
    bool to_stdout = o.out && strcmp(o.out, "-") == 0;
    snprintf(path, sizeof path, "%s.%s", s.study->name, names[o.format]);
    if (!o.out) o.out = path;
    enum status st = to_stdout ? write_stdout(o.format, &s, &err) : write_file(o.out, o.format, &s, &err);
    if (!st && !to_stdout) say_where(&o, o.out, &s);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
