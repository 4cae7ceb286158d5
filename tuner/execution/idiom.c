#include "tuner/execution/idiom.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 160, LIST_MAX_BYTES = 2000 };

struct reading {
    idiom_need_fn *need;
    void *data;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_spaces(const char *c)
{
    return c + strspn(c, " \t");
}

/* The word at `c`; the rest. A word that is too long is none. */
static const char *take(const char *c, const char *stop, char *ret)
{
    size_t n = strcspn(c, stop);
    snprintf(ret, NAME_MAX_BYTES, "%.*s", (int)(n < NAME_MAX_BYTES ? n : 0), c);
    return c + n;
}

/* One of the words of a text with spaces around each. */
static bool has_word(const char *list, const char *word)
{
    char padded[NAME_MAX_BYTES + 2];
    snprintf(padded, sizeof padded, " %s ", word);
    return *word && !strchr(word, ' ') && strstr(list, padded);
}

static bool has_any(const char *text, const char *const *part, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(text, part[i])) return true;
    return false;
}

/* ---- Python ---- */

/* Modules that read no option of anybody's program. */
static const char modules[] =
    " __future__ abc argparse array ast asyncio atexit base64 bisect calendar cmath collections colorsys concurrent "
    "contextlib copy csv dataclasses datetime decimal difflib enum errno fcntl fnmatch fractions functools gc getopt "
    "glob gzip hashlib heapq hmac html inspect io itertools json keyword locale logging lzma math multiprocessing "
    "numbers operator os pathlib pickle platform pprint queue random re resource secrets select shelve shlex shutil "
    "signal socket statistics stat string struct sys tempfile textwrap threading time timeit traceback types "
    "typing unicodedata unittest urllib uuid warnings weakref xml zipfile zlib "
    "numpy scipy pandas sklearn matplotlib torch torchvision tensorflow keras jax flax optax xgboost lightgbm "
    "catboost statsmodels tqdm joblib yaml h5py PIL ";

static bool needs(const struct reading *r, enum idiom_need what, const char *name)
{
    char root[NAME_MAX_BYTES];
    if (r->need(r->data, what, name)) return true;
    take(name, ".", root);
    return has_word(modules, root);
}

/* "a, b.c as d" */
static bool import_modules(const struct reading *r, const char *c)
{
    char name[NAME_MAX_BYTES];
    bool plain = true;
    do {
        take(skip_spaces(c), " \t,;#\r\n\\)", name);
        plain &= needs(r, NEED_MODULE, name);
        c += strcspn(c, ",;#\n");
    } while (*c++ == ',');
    return plain;
}

/* "a.b import c, d", also over several lines in parentheses. */
static bool import_from(const struct reading *r, const char *c)
{
    char module[NAME_MAX_BYTES], name[NAME_MAX_BYTES], part[2 * NAME_MAX_BYTES];
    c = skip_spaces(take(skip_spaces(c), " \t\r\n", module));
    if (strncmp(c, "import", 6) != 0 || is_word(c[6])) return true; /* it is no statement */
    c = skip_spaces(c + 6);
    const char *const stop = *c == '(' ? ")" : ";#\n";
    bool plain = needs(r, NEED_MODULE, module);
    size_t n = 0;
    while (n < LIST_MAX_BYTES && c[n] && !strchr(stop, c[n])) n++;
    for (const char *end = c + n; c < end; c++) {
        c += strspn(c, "( \t\r\n\\");
        const char *after = take(c, " \t,;#\r\n\\)", name);
        const char *dot = module[strspn(module, ".")] ? "." : "";
        snprintf(part, sizeof part, "%s%s%s", module, dot, name);
        if (*name) r->need(r->data, NEED_PART, part);
        for (c = after; c < end && *c != ',';) c++;
    }
    return plain && n < LIST_MAX_BYTES;
}

/* A variable's name stands there, in quotes. */
static bool is_named(const char *c)
{
    c = skip_spaces(c);
    return *c == '"' || *c == '\'';
}

/* "environ" and "getenv" are used for one variable at a time, each by its name. */
static bool names_variables(const char *text)
{
    static const char *const methods[] = {".get(", ".setdefault(", ".pop(", "["};
    for (const char *c = text; (c = strstr(c, "environ"));) {
        bool named = false;
        c += 7;
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            size_t n = strlen(methods[i]);
            named |= strncmp(c, methods[i], n) == 0 && is_named(c + n);
        }
        if (!named) return false;
    }
    for (const char *c = text; (c = strstr(c, "getenv"));) {
        c += 6;
        if (*c != '(' || !is_named(c + 1)) return false;
    }
    return true;
}

static bool is_plain_python(const struct reading *r, const char *text)
{
    static const char *const others[] = {"subprocess", "popen", "Popen",         "os.system",  "os.exec",
                                         "os.spawn",   "runpy", "import_module", "__import__", "exec("};
    bool plain = names_variables(text) && !has_any(text, others, sizeof others / sizeof *others);
    for (const char *c = text; *c; c += *c != 0) {
        c += strspn(c, " \t\r\n;:");
        if (strncmp(c, "import", 6) == 0 && isspace((unsigned char)c[6])) plain &= import_modules(r, c + 6);
        if (strncmp(c, "from", 4) == 0 && isspace((unsigned char)c[4])) plain &= import_from(r, c + 4);
        c += strcspn(c, "\n;:");
    }
    return plain;
}

/* ---- a shell ---- */

static const char keywords[] = " if then elif else fi while until do done esac ! time exec nohup nice command builtin ";
static const char headers[] = " for case select function "; /* what follows is no command */
static const char tools[] =
    " echo printf test [ [[ ]] : true false cd pwd exit return break continue shift sleep wait trap read local export "
    "unset readonly declare typeset let kill umask ulimit set date cat head tail sort uniq cut tr wc sed grep egrep "
    "fgrep awk gawk mawk bc expr seq mkdir rmdir rm cp mv ln ls touch chmod tee basename dirname realpath mktemp "
    "hostname uname nproc id whoami md5sum sha256sum stat df du gzip gunzip tar sync flock ";
static const char interpreters[] = " python python3 sh bash dash zsh . source ";

/* "python3 -u train.py", "python3 -m package.module": `c` stands behind the first word. */
static bool calls_script(const struct reading *r, const char *c)
{
    char word[NAME_MAX_BYTES] = "";
    do {
        c = skip_spaces(c);
        if (*c == '"' || *c == '\'') return false;
        c = take(c, " \t\r\n;|&()<>\"'", word);
    } while (*word == '-' && !strchr(word, 'c') && strcmp(word, "-m") != 0);
    if (strcmp(word, "-m") != 0) return *word && r->need(r->data, NEED_FILE, word);
    take(skip_spaces(c), " \t\r\n;|&()<>\"'", word);
    return needs(r, NEED_MODULE, word);
}

static bool is_assignment(const char *word)
{
    size_t n = 0;
    while (is_word(word[n])) n++;
    return n > 0 && (word[n] == '=' || (word[n] == '+' && word[n + 1] == '='));
}

struct shell {
    const struct reading *reading;
    const char *text;
    bool expects; /* a command comes next */
    bool assigns; /* … or the rest of a value */
    bool plain;
    int depth; /* of parentheses */
};

static bool is_function(const struct shell *s, const char *word)
{
    char head[NAME_MAX_BYTES + 4];
    snprintf(head, sizeof head, "%s()", word);
    return strstr(s->text, head);
}

/* The first word of a command, `rest` behind it. */
static void begin_command(struct shell *s, const char *word, const char *rest)
{
    s->assigns = is_assignment(word);
    if (s->assigns || has_word(keywords, word) || *word == '-' || strcmp(word, "{") == 0 || strcmp(word, "}") == 0)
        return;
    s->expects = false;
    if (!s->plain) return;                     /* no more can be known */
    if (*rest == ')' && s->depth == 0) return; /* of a case */
    if (has_word(headers, word) || has_word(tools, word) || is_function(s, word)) return;
    s->plain &= has_word(interpreters, word) ? calls_script(s->reading, rest)
                                             : s->reading->need(s->reading->data, NEED_FILE, word);
}

/* What stands in quotes is no command, unless it asks for one. */
static const char *skip_quoted(struct shell *s, const char *c)
{
    const char quote = *c++;
    if (s->expects && !s->assigns) s->plain = false; /* a command by a name that is put together */
    for (; *c && *c != quote; c++) {
        if (quote == '"' && *c == '\\' && c[1]) c++;
        if (quote == '"' && (*c == '`' || (*c == '$' && c[1] == '('))) s->plain = false;
    }
    s->plain &= *c != 0;
    return *c ? c + 1 : c;
}

static const char *skip_past(struct shell *s, const char *c, const char *end)
{
    const char *found = strstr(c, end);
    s->plain &= found != NULL;
    return found ? found + strlen(end) : c + strlen(c);
}

/* One piece of the text; where the next begins. */
static const char *read_piece(struct shell *s, const char *c)
{
    char word[NAME_MAX_BYTES];
    bool first = c == s->text || isspace((unsigned char)c[-1]) || strchr(";|&()", c[-1]);
    if (*c == '#' && first) return c + strcspn(c, "\n");
    if (*c == '\'' || *c == '"') return skip_quoted(s, c);
    if (strncmp(c, "$((", 3) == 0) return skip_past(s, c, "))");
    if (strncmp(c, "${", 2) == 0) {
        if (s->expects && !s->assigns) s->plain = false;
        return skip_past(s, c, "}");
    }
    if (*c == '\\' && c[1]) return c + 2;
    if (*c == '<' || *c == '>') {
        if (strncmp(c, "<<", 2) == 0) s->plain = false;
        if (c[1] == '(') s->plain = false;
        c += strspn(c, "<>&");
        return take(skip_spaces(c), " \t\r\n;|&()<>\"'", word); /* a file, or a number of one */
    }
    if (strchr(";|&()\n`", *c)) {
        s->depth += *c == '(' ? 1 : *c == ')' && s->depth > 0 ? -1 : 0;
        s->expects = true;
        s->assigns = false;
        return c + 1;
    }
    if (isspace((unsigned char)*c)) {
        s->assigns = false;
        return c + 1;
    }
    const char *rest = take(c, " \t\r\n;|&()<>\"'`", word);
    const char *dollar = memchr(c, '$', (size_t)(rest - c));
    if (dollar && *rest == '(') s->plain &= dollar + 1 == rest; /* $(…): a command begins */
    if (s->expects && !s->assigns) begin_command(s, word, rest);
    return rest > c ? rest : c + 1;
}

static bool is_plain_shell(const struct reading *r, const char *text)
{
    struct shell s = {.reading = r, .text = text, .expects = true, .plain = !strstr(text, "ENVIRON")};
    for (const char *c = text; *c;) c = read_piece(&s, c);
    return s.plain;
}

/* ---- others ---- */

static bool is_plain_other(const char *text)
{
    static const char *const words[] = {"import",  "require", "library", "using", "use ",  "source",
                                        "include", "env",     "ENV",     "exec",  "spawn", "system"};
    return !has_any(text, words, sizeof words / sizeof *words);
}

bool idiom_is_plain(enum idiom idiom, const char *text, idiom_need_fn *need, void *data)
{
    const struct reading r = {need, data};
    switch (idiom) {
    case IDIOM_PYTHON: return is_plain_python(&r, text);
    case IDIOM_SHELL: return is_plain_shell(&r, text);
    case IDIOM_OTHER: return is_plain_other(text);
    }
    return false;
}
