#include "tuner/execution/wiring.h"

#include "tuner/execution/sources.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *reach_name(enum reach reach)
{
    static const char *const names[] = {"none", "argument", "variable", "file", "program", "unseen", "choice"};
    return names[reach];
}

/* ---- where it is asked for ---- */

/* All parameters at once: by an SDK, by params.json, or by variables whose names are put together. */
static bool has_all(const struct sources *x)
{
    return x->sdk || sources_mention(x, "NOCTURNE_PARAMS") || sources_mention(x, "params.json") ||
           sources_mention(x, "import nocturne") || sources_mention(x, "from nocturne") ||
           sources_mention(x, "nocturne.h") || sources_mention(x, "NOCTURNE_PARAM_") ||
           sources_mention_prefix(x, "NOCTURNE_PARAM");
}

static bool has_placeholder(const struct study *study, const char *name)
{
    char text[SPACE_NAME_MAX + 16];
    snprintf(text, sizeof text, "{%s}", name);
    for (size_t i = 0; i < study->n_args; i++)
        for (const char *c = study->arg[i]; (c = strchr(c, '{')); c += c[1] == '{' ? 2 : 1)
            if (c[1] != '{' && strncmp(c, text, strlen(text)) == 0) return true;
    return false;
}

/* As command_fill understands it. */
static bool has_args(const struct study *study)
{
    if (space_find(&study->space, "args") >= 0) return false;
    for (size_t i = 0; i < study->n_args; i++)
        if (strcmp(study->arg[i], "{args}") == 0 || strncmp(study->arg[i], "{args:", 6) == 0) return true;
    return false;
}

/* The command hands over the attempt's folder: params.json itself, or all that is in it. */
static bool names_folder(const struct study *study, const char *end)
{
    const size_t n = strlen(end);
    if (space_find(&study->space, "dir") >= 0) return false;
    for (size_t i = 0; i < study->n_args; i++)
        for (const char *c = study->arg[i]; (c = strstr(c, end)); c += n)
            if ((c == study->arg[i] || c[-1] != '{') && !strchr("/_.", c[n] ? c[n] : ' ')) return true;
    return false;
}

static enum reach reach_of(const struct sources *x, bool argument, const char *variable, bool by_sdk)
{
    if (argument) return REACH_ARGUMENT;
    if (sources_mention(x, variable)) return REACH_VARIABLE;
    if (by_sdk) return REACH_PROGRAM;
    return sources_are_whole(x) ? REACH_NONE : REACH_UNSEEN;
}

/* ---- warnings ---- */

static void warn(struct wiring *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct wiring *w, const char *fmt, ...)
{
    va_list ap;
    if (w->n_warnings == WIRING_WARNINGS_MAX) return;
    va_start(ap, fmt);
    vsnprintf(w->warning[w->n_warnings++], sizeof w->warning[0], fmt, ap);
    va_end(ap);
}

static void warn_of_parameters(const struct study *study, const bool *named, struct wiring *w)
{
    char names[120] = "";
    size_t n = 0, at = 0;
    const char *first = NULL;
    for (size_t i = 0; i < study->space.n; i++) {
        if (w->param[i] != REACH_NONE || (named && !named[i])) continue;
        const char *name = study->space.param[i].name;
        if (n++ == 0) first = name;
        if (at + strlen(name) + 8 < sizeof names)
            at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", n > 1 ? ", " : "", name);
        else
            snprintf(names + at, sizeof names - at, ", …");
    }
    if (n)
        warn(w, "as far as can be seen nothing hands %s to %.60s: put \"{%.40s}\" or \"{args}\" into the command",
             names, w->program, first);
}

static void warn_of_seed(const struct study *study, struct wiring *w)
{
    if (w->seed == REACH_NONE && study->confirm.seeds > 0 && study->confirm.top > 0)
        warn(w,
             "as far as can be seen nothing hands the seed to %.60s: repeats will measure the same, or chance that "
             "nobody controls; put \"{seed}\" into the command",
             w->program);
}

/* What a program that is read as a whole never writes, the next stage will miss. */
static void warn_of_output(const struct study *study, const struct sources *x, const struct stage *stage,
                           struct wiring *w)
{
    bool unseen = x->open || sources_mention_prefix(x, "NOCTURNE");
    if (!stage->leads_on || unseen || reach_of(x, has_placeholder(study, "output"), "NOCTURNE_OUTPUT", false)) return;
    warn(w,
         "stage '%.60s': as far as can be seen nothing tells %.60s where to leave its checkpoint: put \"{output}\" "
         "into the command",
         stage->name, w->program);
}

/* The first way is the surest. */
static enum reach surer(enum reach a, enum reach b)
{
    if (a == REACH_NONE || b == REACH_NONE) return a == REACH_NONE ? b : a;
    return a < b ? a : b;
}

/* Of a study with one program. `stage`: whose program it is; NULL: there are no stages. */
static void look(const struct study *study, const struct stage *stage, struct arena *arena, struct wiring *ret)
{
    const bool *names = stage ? stage->names : NULL;
    struct sources x;
    sources_read(study, arena, &x);
    ret->program = x.program;
    bool all = has_all(&x), args = has_args(study), file = names_folder(study, "{dir}/params.json");
    x.open |= names_folder(study, "{dir}") || sources_mention_prefix(&x, "NOCTURNE");
    for (size_t i = 0; i < study->space.n; i++) {
        if (names && !names[i]) continue;
        ret->param[i] = reach_of(&x, args || has_placeholder(study, study->space.param[i].name),
                                 space_variable(&study->space, i, arena), all);
        if (file && ret->param[i] != REACH_ARGUMENT) ret->param[i] = REACH_FILE;
    }
    enum reach seed = reach_of(&x, space_find(&study->space, "seed") < 0 && has_placeholder(study, "seed"),
                               "NOCTURNE_SEED", all && sources_mention(&x, "seed"));
    ret->seed = surer(ret->seed, seed);
    if (x.missing && stage)
        warn(ret, "stage '%.60s': its command names %.60s, and there is none in %.140s", stage->name, x.missing,
             study->dir);
    else if (x.missing)
        warn(ret, "the command names %.60s, and there is none in %.150s", x.missing, study->dir);
    if (stage) warn_of_output(study, &x, stage, ret);
    warn_of_parameters(study, names, ret);
    sources_done(&x);
}

/* A stage that asks for no seed is as good as one that does, if another does. */
void wiring_look(const struct study *study, struct arena *arena, struct wiring *ret)
{
    *ret = (struct wiring){.program = NULL};
    for (size_t i = 0; i < study->space.n; i++) ret->param[i] = REACH_CHOICE;
    if (study->pipeline.n == 0) look(study, NULL, arena, ret);
    for (size_t k = 0; k < study->pipeline.n; k++)
        look(study->pipeline.stage[k].alone, &study->pipeline.stage[k], arena, ret);
    warn_of_seed(study, ret);
}
