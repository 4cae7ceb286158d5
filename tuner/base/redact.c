#include "tuner/base/redact.h"

#include "tuner/base/arena.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MIN = 6, TOKEN_ID = 12, TOKEN_SECRET = 64 };

static const char prefix[] = "noct_";

enum { PREFIX = sizeof prefix - 1, TOKEN_HEAD = PREFIX + TOKEN_ID + 1 };

/* ---- what is secret ---- */

static int is_secret_name(const char *name, size_t n)
{
    static const char *const words[] = {"SECRET", "TOKEN", "PASSWORD", "PASSWD", "API_KEY", "PRIVATE_KEY"};
    char upper[128];
    if (n >= sizeof upper) return 0;
    for (size_t i = 0; i < n; i++) upper[i] = (char)toupper((unsigned char)name[i]);
    upper[n] = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(upper, words[i])) return 1;
    return 0;
}

/* The secret of the environment at or after `at`; NULL: no more. */
static const char *next_secret(char ***at, size_t *ret_n)
{
    while (**at) {
        const char *variable = *(*at)++, *value = strchr(variable, '=');
        *ret_n = value ? strlen(value + 1) : 0;
        if (*ret_n >= SECRET_MIN && is_secret_name(variable, (size_t)(value - variable))) return value + 1;
    }
    return NULL;
}

static void mark(const char *bytes, size_t n, char *secret, const char *text, size_t k)
{
    for (const char *at = bytes; k <= n && (at = memmem(at, n - (size_t)(at - bytes), text, k)); at++)
        memset(secret + (at - bytes), 1, k);
}

/* Of the token that begins at `at`, the digits of its secret part. */
static size_t token_digits(const char *at, size_t left)
{
    size_t k = 0;
    if (left <= TOKEN_HEAD || at[TOKEN_HEAD - 1] != '_') return 0;
    while (k < TOKEN_SECRET && TOKEN_HEAD + k < left && isxdigit((unsigned char)at[TOKEN_HEAD + k])) k++;
    return k;
}

/* "noct_ID_SECRET": the id may be seen. */
static void mark_tokens(const char *bytes, size_t n, char *secret)
{
    for (const char *at = bytes; n && (at = memmem(at, n - (size_t)(at - bytes), prefix, PREFIX)); at++) {
        size_t k = token_digits(at, n - (size_t)(at - bytes));
        if (k) memset(secret + (at - bytes) + TOKEN_HEAD, 1, k);
    }
}

static void mark_all(const char *bytes, size_t n, char *secret)
{
    char **variable = environ;
    size_t k;
    mark_tokens(bytes, n, secret);
    for (const char *text; (text = next_secret(&variable, &k));) mark(bytes, n, secret, text, k);
}

static void blank(char *bytes, size_t n, const char *secret)
{
    for (size_t i = 0; i < n; i++)
        if (secret[i]) bytes[i] = '*';
}

void redact(char *bytes, size_t n)
{
    char *secret = must_alloc(n + 1, 1);
    mark_all(bytes, n, secret);
    blank(bytes, n, secret);
    free(secret);
}

void redact_cut(const char *bytes, size_t n, char *ret, size_t size)
{
    char *safe = must_alloc(n + 1, 1);
    memcpy(safe, bytes, n);
    redact(safe, n);
    snprintf(ret, size, "%s", safe);
    free(safe);
}

/* ---- in pieces ---- */

/* How much of the end is the beginning of `text`, which is not there whole. */
static size_t begun(const char *bytes, size_t n, const char *text, size_t k)
{
    const char *end = bytes + n, *at = n < k ? bytes : end - (k - 1);
    for (; at < end && (at = memchr(at, *text, (size_t)(end - at))); at++)
        if (memcmp(at, text, (size_t)(end - at)) == 0) return (size_t)(end - at);
    return 0;
}

static size_t begun_token(const char *bytes, size_t n)
{
    const size_t whole = TOKEN_HEAD + TOKEN_SECRET;
    const char *end = bytes + n, *at = n < whole ? bytes : end - (whole - 1);
    for (; at < end && (at = memmem(at, (size_t)(end - at), prefix, PREFIX)); at++) {
        size_t left = (size_t)(end - at);
        if (left < TOKEN_HEAD || (at[TOKEN_HEAD - 1] == '_' && TOKEN_HEAD + token_digits(at, left) == left))
            return left;
    }
    return begun(bytes, n, prefix, PREFIX);
}

static size_t begun_any(const char *bytes, size_t n)
{
    char **variable = environ;
    size_t k, most = begun_token(bytes, n);
    for (const char *text; (text = next_secret(&variable, &k));) {
        size_t here = begun(bytes, n, text, k);
        if (here > most) most = here;
    }
    return most;
}

static void forget_out(struct redactor *r)
{
    r->n -= r->out;
    if (r->n) memmove(r->bytes, r->bytes + r->out, r->n);
    if (r->n) memmove(r->secret, r->secret + r->out, r->n);
    r->out = 0;
}

static const char *hand_over(struct redactor *r, size_t n, size_t *ret_n)
{
    r->out = *ret_n = n;
    if (n) blank(r->bytes, n, r->secret);
    return n ? r->bytes : "";
}

const char *redactor_take(struct redactor *r, const char *bytes, size_t n, size_t *ret_n)
{
    forget_out(r);
    if (r->n + n > r->capacity) {
        r->capacity = r->n + n;
        r->bytes = must_grow(r->bytes, r->capacity, 1);
        r->secret = must_grow(r->secret, r->capacity, 1);
    }
    if (n) memcpy(r->bytes + r->n, bytes, n);
    if (n) memset(r->secret + r->n, 0, n);
    r->n += n;
    if (r->n) mark_all(r->bytes, r->n, r->secret);
    return hand_over(r, r->n ? r->n - begun_any(r->bytes, r->n) : 0, ret_n);
}

const char *redactor_end(struct redactor *r, size_t *ret_n)
{
    forget_out(r);
    return hand_over(r, r->n, ret_n);
}

void redactor_done(struct redactor *r)
{
    free(r->bytes);
    free(r->secret);
    *r = (struct redactor){0};
}

/* ---- our own ---- */

int redact_is_own(const char *variable)
{
    return strncmp(variable, "NOCTURNE_", 9) == 0 && is_secret_name(variable, strcspn(variable, "="));
}

void redact_hide_own(void)
{
    for (char **variable = environ; *variable; variable++) {
        char *shown = *variable;
        if (!redact_is_own(shown)) continue;
        *variable = must_strdup(shown);
        explicit_bzero(shown, strlen(shown));
    }
}
