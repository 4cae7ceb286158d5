/* What a trial of a service has printed. */
#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

#include <stdlib.h>
#include <string.h>

struct far_log {
    FILE *out;
    struct caller *caller;
    const char *folder; /* of the trial's artefacts */
    size_t lines;
};

/* The end of a log, from the service's machine; what cannot be had is left out, as it is here. */
static void show_log(const struct far_log *x, const char *name, long long bytes)
{
    struct arena a = {0};
    char *text = NULL;
    size_t n = 0;
    long long from = bytes > REPORT_TAIL_BYTES ? bytes - REPORT_TAIL_BYTES : 0;
    const char *path = arena_printf(&a, "%s/%s?from=%lld", x->folder, name, from);
    if (bytes > 0 && caller_read_some(x->caller, path, REPORT_TAIL_BYTES, &text, &n, NULL) == STATUS_OK && n)
        report_tail(x->out, name, &(struct report_text){text, n, from > 0}, x->lines);
    free(text);
    arena_done(&a);
}

static long long size_of(const json_t *all, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(all, "artefacts"), i, one)
    {
        const char *called = json_string_value(json_object_get(one, "name"));
        if (called && strcmp(called, name) == 0) return json_integer_value(json_object_get(one, "bytes"));
    }
    return 0;
}

void cli_show_logs(FILE *out, struct caller *c, const char *study, long trial, size_t lines)
{
    struct arena a = {0};
    json_t *all = NULL;
    const char *folder = arena_printf(&a, "/api/v1/studies/%s/trials/%ld/artefacts", caller_escaped(&a, study), trial);
    if (caller_ask(c, &(struct question){"GET", folder, NULL}, &all, NULL) == STATUS_OK) {
        const struct far_log x = {out, c, folder, lines};
        show_log(&x, "stdout.log", size_of(all, "stdout.log"));
        show_log(&x, "stderr.log", size_of(all, "stderr.log"));
    }
    json_decref(all);
    arena_done(&a);
}
