#include "tuner/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct checkup {
    bool json;
    json_t *list;
    size_t problems;
};

static void finding(struct checkup *c, bool good, const char *what, const char *detail)
{
    c->problems += !good;
    if (c->json)
        json_array_append_new(c->list, json_pack("{s:s, s:b, s:s}", "check", what, "ok", good, "detail", detail));
    else
        printf("%s  %-20s %s\n", good ? "ok     " : "PROBLEM", what, detail);
}

static void on_problem(void *data, const char *text)
{
    finding(data, false, "integrity", text);
}

static void check_database(struct checkup *c, const char *db)
{
    struct store *store = NULL;
    struct error err;
    char text[160];
    if (store_open(db, STORE_EXISTING, &store, &err)) {
        finding(c, err.status == STATUS_NOT_FOUND, "database", err.status == STATUS_NOT_FOUND ? "none yet" : err.text);
        return;
    }
    size_t before = c->problems;
    snprintf(text, sizeof text, "schema version %d", store_version());
    finding(c, true, "database", text);
    if (store_check(store, on_problem, c, &err))
        finding(c, false, "integrity", err.text);
    else if (c->problems == before)
        finding(c, true, "integrity", "pages, rows and references are sound");
    store_close(store);
}

static void check_machine(struct checkup *c)
{
    char text[160];
    struct statvfs disk;
    snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    finding(c, true, "processors", text);
    if (statvfs(".", &disk) != 0) return;
    double free_gb = (double)disk.f_bavail * (double)disk.f_frsize / 1e9;
    snprintf(text, sizeof text, "%.1f GB free here%s", free_gb, free_gb < 1 ? "; logs and the database need room" : "");
    finding(c, free_gb >= 1, "disk", text);
}

static void check_guard(struct checkup *c)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 8);
    path[n > 0 ? n : 0] = 0;
    strcat(path, "-guard");
    finding(c, access(path, X_OK) == 0, "nocturne-guard", path);
}

int cmd_doctor(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        cli_parse_study,
        "",
        "Check the database and the installation; says what is wrong and exits 1 if anything is."
        "\vExample: nocturne doctor --db nocturne.db",
        cli_common_child,
        NULL,
        NULL};
    struct cli_common c;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    struct checkup checkup = {.json = c.json, .list = json_array()};
    check_guard(&checkup);
    check_machine(&checkup);
    check_database(&checkup, c.db);
    if (c.json) cli_print_json(json_pack("{s:O, s:b}", "checks", checkup.list, "ok", checkup.problems == 0));
    json_decref(checkup.list);
    return checkup.problems ? EXIT_FAILED : EXIT_OK;
}
