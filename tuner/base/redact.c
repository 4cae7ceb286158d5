#include "tuner/base/redact.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MIN = 6, TOKEN_ID = 12, TOKEN_SECRET = 64 };

static void blank(char *bytes, size_t n, const char *secret, size_t k)
{
    for (char *at = bytes; k <= n && (at = memmem(at, n - (size_t)(at - bytes), secret, k)); at += k)
        memset(at, '*', k);
}

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

/* "noct_ID_SECRET": the id may be seen. */
static void blank_tokens(char *bytes, size_t n)
{
    static const char prefix[] = "noct_";
    const size_t head = sizeof prefix - 1 + TOKEN_ID + 1;
    for (char *at = bytes; n >= head && (at = memmem(at, n - (size_t)(at - bytes), prefix, sizeof prefix - 1)); at++) {
        size_t left = n - (size_t)(at - bytes);
        if (left <= head || at[head - 1] != '_') continue;
        for (size_t i = head; i < left && i < head + TOKEN_SECRET && isxdigit((unsigned char)at[i]); i++) at[i] = '*';
    }
}

void redact(char *bytes, size_t n)
{
    blank_tokens(bytes, n);
    for (char **variable = environ; *variable; variable++) {
        const char *value = strchr(*variable, '=');
        if (!value || strlen(value + 1) < SECRET_MIN || !is_secret_name(*variable, (size_t)(value - *variable)))
            continue;
        blank(bytes, n, value + 1, strlen(value + 1));
    }
}
