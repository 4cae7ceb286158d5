#include "tuner/coordinator/wiring.h"

#include "tuner/base/words.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 32, BYTES_MAX = 4 << 20, TRIES_MAX = 4000, TOKEN_MAX = 200 };

const char *reach_name(enum reach reach)
{
    static const char *const names[] = {"none", "argument", "variable", "program", "unseen"};
    return names[reach];
}

/* ---- what the program is made of ---- */

struct sources {
    const struct study *study;
    struct arena *arena;
    const char *file[FILES_MAX]; /* in the order in which they are read */
    size_t n, tries;
    char *text; /* of all of them; no NUL in it but the last */
    size_t n_text;
    bool whole; /* something was read, and nothing left out */
};

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A file of the study's folder, or below `beside`, is one of its sources. */
static bool add_file(struct sources *x, const char *beside, const char *name)
{
    const char *path = *name == '/' ? name : arena_printf(x->arena, "%s/%s", beside, name);
    if (x->tries++ >= TRIES_MAX || !is_file(path)) return false;
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->file[i], path) == 0) return true;
    if (x->n == FILES_MAX)
        x->whole = false;
    else
        x->file[x->n++] = path;
    return true;
}

/* "package.module" is package/module.py, package/module/__main__.py or package/module/__init__.py. */
static bool add_module(struct sources *x, const char *beside, const char *name)
{
    static const char *const ends[] = {".py", "/__main__.py", "/__init__.py"};
    char *path = arena_strdup(x->arena, name);
    bool found = false;
    for (char *c = path; *c; c++)
        if (*c == '.') *c = '/';
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        found |= add_file(x, beside, arena_printf(x->arena, "%s%s", path, ends[i]));
    return found;
}

static bool is_script_name(const char *name)
{
    static const char *const ends[] = {".py", ".sh", ".bash", ".pl", ".R", ".r", ".jl", ".js", ".mjs", ".rb", ".lua"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t k = strlen(ends[i]);
        if (n > k && strcmp(name + n - k, ends[i]) == 0) return true;
    }
    return false;
}

static bool is_interpreter(const char *program)
{
    static const char *const names[] = {"python", "sh",   "bash",    "dash",  "zsh", "perl",
                                        "ruby",   "node", "Rscript", "julia", "lua"};
    const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(name, names[i], n) == 0 && !isalpha((unsigned char)name[n])) return true;
    }
    return false;
}

/* ---- reading ---- */

static void put(struct sources *x, const char *bytes, size_t n)
{
    x->text = must_grow(x->text, x->n_text + n + 2, 1);
    for (size_t i = 0; i < n; i++) x->text[x->n_text++] = bytes[i] ? bytes[i] : '\n';
    x->text[x->n_text++] = '\n';
    x->text[x->n_text] = 0;
}

/* What may be a FIFO is not waited for. */
static bool read_file(struct sources *x, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool fits = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && x->n_text + (size_t)st.st_size < BYTES_MAX;
    char *bytes = must_alloc(fits ? (size_t)st.st_size + 1 : 1, 1);
    ssize_t n = fits ? read(fd, bytes, (size_t)st.st_size) : -1;
    if (n >= 0) put(x, bytes, (size_t)n);
    if (fd >= 0) close(fd);
    free(bytes);
    return n >= 0;
}

static bool is_token(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '/' || c == '-';
}

/* What a text imports or calls. */
static void follow(struct sources *x, const char *beside, const char *text)
{
    char token[TOKEN_MAX];
    bool imports = false, module = false;
    while (*(text += strcspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_./-0123456789"))) {
        size_t n = 0;
        while (is_token(text[n])) n++;
        snprintf(token, sizeof token, "%.*s", (int)(n < sizeof token ? n : 0), text);
        if (imports && *token != '-') add_module(x, beside, token + strspn(token, "."));
        if (module) add_module(x, x->study->dir, token);
        if (is_script_name(token) && *token != '/' && words_is_inside(token)) add_file(x, x->study->dir, token);
        imports = strcmp(token, "import") == 0 || strcmp(token, "from") == 0;
        module = strcmp(token, "-m") == 0;
        text += n;
    }
}

static void read_all(struct sources *x)
{
    for (size_t i = 0; i < x->n; i++) {
        size_t before = x->n_text;
        const char *slash = strrchr(x->file[i], '/');
        if (!read_file(x, x->file[i])) {
            x->whole = false;
            continue;
        }
        follow(x, arena_printf(x->arena, "%.*s", (int)(slash - x->file[i]), x->file[i]), x->text + before);
    }
}

/* ---- the command ---- */

static void warn(struct wiring *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct wiring *w, const char *fmt, ...)
{
    va_list ap;
    if (w->n_warnings == WIRING_WARNINGS_MAX) return;
    va_start(ap, fmt);
    vsnprintf(w->warning[w->n_warnings++], sizeof w->warning[0], fmt, ap);
    va_end(ap);
}

/* The program itself, an interpreter's first argument, or what is called like a script. */
static bool is_source(const struct study *study, size_t i)
{
    if (i == 0) return strchr(study->arg[0], '/');
    return is_script_name(study->arg[i]) || (i == 1 && is_interpreter(study->arg[0]));
}

/* The i-th argument: a script, a module, a text of commands; or nothing of the kind. */
static void look_at(struct sources *x, size_t i, struct wiring *w)
{
    const char *arg = x->study->arg[i], *before = i ? x->study->arg[i - 1] : "";
    bool found = false;
    if (strcmp(before, "-c") == 0 && i > 1) {
        put(x, arg, strlen(arg));
        follow(x, x->study->dir, arg);
        x->whole = true;
    } else if (strcmp(before, "-m") == 0 && i > 1)
        found = add_module(x, x->study->dir, arg);
    else if (!strchr(arg, '{') && *arg != '-' && is_source(x->study, i))
        found = add_file(x, x->study->dir, arg);
    x->whole |= found;
    if (found && i > 0 && w->program == x->study->arg[0]) w->program = arg;
    if (!found && i > 0 && is_script_name(arg) && !strpbrk(arg, "{} ") && *arg != '-')
        warn(w, "the command names %.60s, and there is none in %.150s", arg, x->study->dir);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The word, and not the beginning of a longer one. */
static bool mentions(const struct sources *x, const char *word)
{
    const size_t n = strlen(word);
    for (const char *c = x->text; c && (c = strstr(c, word)); c += n)
        if (!is_word(c[n])) return true;
    return false;
}

/* All parameters at once: by an SDK, by params.json, or by a variable whose name is put together. */
static bool has_all(const struct sources *x)
{
    return mentions(x, "NOCTURNE_PARAMS") || mentions(x, "params.json") || mentions(x, "import nocturne") ||
           mentions(x, "from nocturne") || mentions(x, "nocturne.h") || mentions(x, "NOCTURNE_PARAM_");
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

static enum reach reach_of(const struct sources *x, bool argument, const char *variable, bool by_sdk)
{
    if (argument) return REACH_ARGUMENT;
    if (mentions(x, variable)) return REACH_VARIABLE;
    if (by_sdk) return REACH_PROGRAM;
    return x->whole ? REACH_NONE : REACH_UNSEEN;
}

/* ---- warnings ---- */

static void warn_of_parameters(const struct study *study, struct wiring *w)
{
    char names[120] = "";
    size_t n = 0, at = 0;
    const char *first = NULL;
    for (size_t i = 0; i < study->space.n; i++) {
        if (w->param[i] != REACH_NONE) continue;
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
    if (w->seed == REACH_NONE && study->confirm_seeds > 0 && study->confirm_top > 0)
        warn(w,
             "as far as can be seen nothing hands the seed to %.60s: repeats will measure the same, or chance that "
             "nobody controls; put \"{seed}\" into the command",
             w->program);
}

void wiring_look(const struct study *study, struct arena *arena, struct wiring *ret)
{
    struct sources x = {.study = study, .arena = arena};
    *ret = (struct wiring){.program = study->arg[0]};
    for (size_t i = 0; i < study->n_args; i++) look_at(&x, i, ret);
    read_all(&x);
    bool all = has_all(&x), args = has_args(study);
    for (size_t i = 0; i < study->space.n; i++)
        ret->param[i] = reach_of(&x, args || has_placeholder(study, study->space.param[i].name),
                                 space_variable(&study->space, i, arena), all);
    ret->seed = reach_of(&x, space_find(&study->space, "seed") < 0 && has_placeholder(study, "seed"), "NOCTURNE_SEED",
                         all && mentions(&x, "seed"));
    warn_of_parameters(study, ret);
    warn_of_seed(study, ret);
    free(x.text);
}
