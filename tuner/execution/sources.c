#include "tuner/execution/sources.h"

#include "tuner/execution/idiom.h"

#include "tuner/base/words.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES_MAX = 4 << 20, UNDERSTOOD_MAX = 256 << 10, TRIES_MAX = 4000, TOKEN_MAX = 200 };

/* ---- files ---- */

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
    if (x->n == SOURCES_MAX)
        x->open = true;
    else
        x->file[x->n++] = path;
    return true;
}

/* What is imported first on the way to a module. */
static void add_packages(struct sources *x, const char *beside, const char *path)
{
    for (const char *c = path; (c = strchr(c, '/')); c++)
        add_file(x, beside, arena_printf(x->arena, "%.*s/__init__.py", (int)(c - path), path));
}

/* "package.module" is package/module.py, package/module/__main__.py or package/module/__init__.py. */
static bool add_module(struct sources *x, const char *beside, const char *name)
{
    static const char *const ends[] = {".py", "/__main__.py", "/__init__.py"};
    if (x->tries >= TRIES_MAX) return false;
    char *path = arena_strdup(x->arena, name);
    bool found = false;
    for (char *c = path; *c; c++)
        if (*c == '.') *c = '/';
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        found |= add_file(x, beside, arena_printf(x->arena, "%s%s", path, ends[i]));
    if (found) add_packages(x, beside, path);
    return found;
}

static bool ends_with(const char *name, const char *const *end, size_t n_ends)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n_ends; i++) {
        size_t k = strlen(end[i]);
        if (n > k && strcmp(name + n - k, end[i]) == 0) return true;
    }
    return false;
}

static bool is_script_name(const char *name)
{
    static const char *const ends[] = {".py", ".sh", ".bash", ".pl", ".R", ".r", ".jl", ".js", ".mjs", ".rb", ".lua"};
    return ends_with(name, ends, sizeof ends / sizeof *ends);
}

static bool is_called(const char *program, const char *const *name, size_t n_names)
{
    const char *slash = strrchr(program, '/'), *last = slash ? slash + 1 : program;
    for (size_t i = 0; i < n_names; i++) {
        size_t n = strlen(name[i]);
        if (strncmp(last, name[i], n) == 0 && !isalpha((unsigned char)last[n])) return true;
    }
    return false;
}

static bool is_shell(const char *program)
{
    static const char *const names[] = {"sh", "bash", "dash", "zsh", "ksh"};
    return is_called(program, names, sizeof names / sizeof *names);
}

static bool is_python(const char *program)
{
    static const char *const names[] = {"python"};
    return is_called(program, names, 1);
}

bool sources_is_interpreter(const char *program)
{
    static const char *const others[] = {"perl", "ruby", "node", "Rscript", "julia", "lua"};
    return is_shell(program) || is_python(program) || is_called(program, others, sizeof others / sizeof *others);
}

/* By its name, its first line, or what the command calls it with. */
static enum idiom idiom_of(const struct sources *x, const char *path, const char *text)
{
    static const char *const python[] = {".py"}, *const shell[] = {".sh", ".bash"};
    const char *program = x->study->arg[0];
    char line[TOKEN_MAX];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    if (ends_with(path, python, 1)) return IDIOM_PYTHON;
    if (ends_with(path, shell, 2)) return IDIOM_SHELL;
    if (is_script_name(path)) return IDIOM_OTHER;
    if (strncmp(line, "#!", 2) == 0)
        return strstr(line, "python") ? IDIOM_PYTHON : strstr(line, "sh") ? IDIOM_SHELL : IDIOM_OTHER;
    return is_python(program) ? IDIOM_PYTHON : is_shell(program) ? IDIOM_SHELL : IDIOM_OTHER;
}

/* ---- reading ---- */

static void put(struct sources *x, const char *bytes, size_t n)
{
    x->text = must_grow(x->text, x->n_text + n + 2, 1);
    for (size_t i = 0; i < n; i++) x->text[x->n_text++] = bytes[i] ? bytes[i] : '\n';
    x->text[x->n_text++] = '\n';
    x->text[x->n_text] = 0;
}

/* What may be a FIFO is not waited for. What is compiled may be linked with anything. */
static bool read_file(struct sources *x, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool fits = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && x->n_text + (size_t)st.st_size < BYTES_MAX;
    char *bytes = must_alloc(fits ? (size_t)st.st_size + 1 : 1, 1);
    ssize_t n = fits ? read(fd, bytes, (size_t)st.st_size) : -1;
    if (n >= 0) {
        put(x, bytes, (size_t)n);
        x->open |= memchr(bytes, 0, (size_t)n) != NULL;
    }
    if (fd >= 0) close(fd);
    free(bytes);
    return n >= 0;
}

static bool is_token(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '/' || c == '-';
}

/* Whatever looks like a script or a module in a text, in strings and lists of arguments, too. */
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

struct place { /* of a text */
    struct sources *x;
    const char *beside; /* its folder */
};

/* ".module": one dot for the folder that the text is in, one more for each above. */
static bool add_relative(const struct place *p, const char *name)
{
    size_t dots = strspn(name, ".");
    const char *from = p->beside;
    for (size_t i = 1; i < dots; i++) from = arena_printf(p->x->arena, "%s/..", from);
    if (name[dots]) return add_module(p->x, from, name + dots);
    add_file(p->x, from, "__init__.py");
    return true;
}

/* Where Python looks: beside the script that was started, or where the command began; here that may be any of these. */
static bool add_absolute(const struct place *p, const char *name)
{
    struct sources *x = p->x;
    const char *first = x->n ? x->file[0] : "", *slash = strrchr(first, '/');
    bool found = add_module(x, p->beside, name);
    found |= add_module(x, x->study->dir, name);
    if (slash) found |= add_module(x, arena_printf(x->arena, "%.*s", (int)(slash - first), first), name);
    return found;
}

static bool in_view(void *data, enum idiom_need what, const char *name)
{
    const struct place *p = data;
    struct sources *x = p->x;
    if (what == NEED_FILE) return words_is_inside(name) && add_file(x, x->study->dir, name);
    if (*name == '.') return add_relative(p, name);
    bool ours = strncmp(name, "nocturne", 8) == 0 && (!name[8] || name[8] == '.');
    if (ours && what == NEED_MODULE) x->sdk = true;
    return add_absolute(p, name) || ours;
}

static void look_into(struct sources *x, const char *beside, enum idiom idiom, const char *text)
{
    struct place place = {x, beside};
    char *copy = must_strdup(text); /* the whole text grows meanwhile */
    follow(x, beside, copy);
    x->understood += strlen(copy);
    x->open |= x->understood > UNDERSTOOD_MAX || !idiom_is_plain(idiom, copy, in_view, &place);
    free(copy);
}

static void read_all(struct sources *x)
{
    for (size_t i = 0; i < x->n; i++) {
        size_t before = x->n_text;
        const char *path = x->file[i], *slash = strrchr(path, '/');
        if (read_file(x, path))
            look_into(x, arena_printf(x->arena, "%.*s", (int)(slash - path), path), idiom_of(x, path, x->text + before),
                      x->text + before);
        else
            x->open = true;
    }
}

/* ---- the command ---- */

/* The program itself, an interpreter's first argument, or what is called like a script. */
static bool is_source(const struct study *study, size_t i)
{
    if (i == 0) return strchr(study->arg[0], '/');
    return is_script_name(study->arg[i]) || (i == 1 && sources_is_interpreter(study->arg[0]));
}

/* Text of commands. */
static void add_text(struct sources *x, const char *text)
{
    const char *program = x->study->arg[0];
    put(x, text, strlen(text));
    look_into(x, x->study->dir,
              is_python(program)  ? IDIOM_PYTHON
              : is_shell(program) ? IDIOM_SHELL
                                  : IDIOM_OTHER,
              text);
    x->found = true;
}

/* Only what an interpreter is to begin with must be there; what comes later may be written by the program. */
static void look_at(struct sources *x, size_t i)
{
    const char *arg = x->study->arg[i], *before = i ? x->study->arg[i - 1] : "";
    bool first = i > 0 && !x->found && !x->open, found = false;
    if (strcmp(before, "-c") == 0 && i > 1) {
        add_text(x, arg);
        return;
    }
    if (strcmp(before, "-m") == 0 && i > 1) {
        found = add_module(x, x->study->dir, arg);
        x->open |= !found;
    } else if (!strchr(arg, '{') && *arg != '-' && is_source(x->study, i))
        found = add_file(x, x->study->dir, arg);
    x->found |= found;
    if (found && i > 0 && x->program == x->study->arg[0]) x->program = arg;
    if (first && !found && is_script_name(arg) && !strpbrk(arg, "{} ") && *arg != '-') x->missing = arg;
}

/* Where another program comes first, only that knows what it does with its arguments. */
static bool begins_with_source(const struct study *study)
{
    size_t first = strcmp(study->arg[0], "env") == 0 && study->n_args > 1 ? 1 : 0;
    return sources_is_interpreter(study->arg[first]) || strchr(study->arg[first], '/');
}

void sources_read(const struct study *study, struct arena *arena, struct sources *ret)
{
    *ret = (struct sources){.study = study, .arena = arena, .program = study->arg[0]};
    ret->open = !begins_with_source(study);
    for (size_t i = 0; i < study->n_args; i++) look_at(ret, i);
    read_all(ret);
}

void sources_done(struct sources *x)
{
    free(x->text);
}

bool sources_are_whole(const struct sources *x)
{
    return x->found && !x->open;
}

/* ---- what is in it ---- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

bool sources_mention(const struct sources *x, const char *word)
{
    const size_t n = strlen(word);
    for (const char *c = x->text; c && (c = strstr(c, word)); c += n)
        if (!is_word(c[n])) return true;
    return false;
}

static bool is_prefix_here(const char *text, const char *c, size_t n)
{
    const char *end = c + n + (c[n] == '_');
    bool quoted = c > text && strchr("\"'", c[-1]), capitals = isupper((unsigned char)*c);
    return (c == text || !is_word(c[-1])) && !is_word(*end) && *end != ':' && (quoted || capitals);
}

bool sources_mention_prefix(const struct sources *x, const char *prefix)
{
    const size_t n = strlen(prefix);
    for (const char *c = x->text; c && (c = strcasestr(c, prefix)); c += n)
        if (is_prefix_here(x->text, c, n)) return true;
    return false;
}
