#include "tuner/base/words.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static double unit_ms(char c)
{
    switch (c) {
    case 's': return 1e3;
    case 'm': return 60e3;
    case 'h': return 3600e3;
    case 'd': return 86400e3;
    default: return 0;
    }
}

bool words_duration_ms(const char *text, int64_t *ret_ms)
{
    double total = 0;
    do {
        if (!isdigit((unsigned char)*text) || text[1] == 'x' || text[1] == 'X') return false;
        char *end;
        double v = strtod(text, &end), unit = unit_ms(*end);
        if (unit == 0) return false;
        total += v * unit;
        text = end + 1;
    } while (*text);
    if (!(total >= 1 && total <= 3653 * 86400e3)) return false;
    *ret_ms = (int64_t)total;
    return true;
}

bool words_is_rounded(const char *text, double v)
{
    char exact[400];
    text += *text == '-' || *text == '+';
    text += strspn(text, "0");
    if (strspn(text, "0123456789") != strlen(text)) return false;
    snprintf(exact, sizeof exact, "%.0f", fabs(v));
    return *text && strcmp(text, exact) != 0;
}

bool words_time_of_day(const char *text, int *ret_minutes)
{
    int h, m, used = 0;
    if (strlen(text) != 5 || sscanf(text, "%2d:%2d%n", &h, &m, &used) != 2 || used != 5) return false;
    if (h < 0 || h > 23 || m < 0 || m > 59 || !isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[3]))
        return false;
    *ret_minutes = 60 * h + m;
    return true;
}

int64_t words_next_time_ms(int minutes, int64_t now_ms)
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm t;
    localtime_r(&now, &t);
    t.tm_hour = minutes / 60;
    t.tm_min = minutes % 60;
    t.tm_sec = 0;
    t.tm_isdst = -1;
    time_t at = mktime(&t);
    if (at <= now) {
        t.tm_mday++;
        t.tm_isdst = -1;
        at = mktime(&t);
    }
    return (int64_t)at * 1000;
}

bool words_is_inside(const char *path)
{
    if (!*path || *path == '/') return false;
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2])) return false;
    }
    return true;
}

bool words_lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    if (!list || !*list) return true;
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || !at[n])) return true;
    }
    return false;
}

int words_compare(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (isdigit((unsigned char)*a)) a++;
        while (isdigit((unsigned char)*b)) b++;
        if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        if (!*a) return 0;
    }
}

size_t words_length(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

bool words_number(const char *text, double *ret)
{
    char *end;
    if (*text == 0 || isspace((unsigned char)*text)) return false;
    double v = strtod(text, &end);
    if (*end || !isfinite(v)) return false;
    *ret = v;
    return true;
}

bool words_decimal(const char *text, double *ret)
{
    return strspn(text, "0123456789+-.eE") == strlen(text) && words_number(text, ret);
}

bool words_whole(const char *text, long min, long max, long *ret)
{
    long v = 0;
    if (!*text || strspn(text, "0123456789") != strlen(text)) return false;
    for (; *text; text++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *text - '0', &v)) return false;
    if (v < min || v > max) return false;
    *ret = v;
    return true;
}

/* Bytes of "MiB", "MB", "B", ""; 0: no unit. */
static double unit_bytes(const char *unit)
{
    static const char prefixes[] = "kmgt";
    const char *prefix = *unit ? strchr(prefixes, tolower((unsigned char)*unit)) : NULL;
    if (!*unit || strcasecmp(unit, "B") == 0) return 1;
    if (!prefix) return 0;
    bool binary = tolower((unsigned char)unit[1]) == 'i';
    if (strcasecmp(unit + 1 + binary, "B") != 0) return 0;
    return pow(binary ? 1024 : 1000, (double)(prefix - prefixes + 1));
}

bool words_size(const char *text, double *ret)
{
    char *end;
    if (!isdigit((unsigned char)*text) && *text != '.') return false;
    if (text[1] == 'x' || text[1] == 'X') return false; /* strtod reads hexadecimal, too */
    double v = strtod(text, &end), unit;
    while (end > text && (*end == ' ' || *end == '\t')) end++;
    unit = end > text ? unit_bytes(end) : 0;
    if (unit == 0 || !isfinite(v * unit)) return false;
    *ret = v * unit;
    return true;
}

static size_t decimals(const char *text)
{
    return strspn(text, "0123456789");
}

/* The number without its sign; false: it is none. */
static bool is_real(const char *text, bool *ret_whole)
{
    size_t before = decimals(text), after = 0;
    text += before;
    *ret_whole = !*text;
    if (*text == '.') text += 1 + (after = decimals(text + 1));
    if (before + after == 0) return false;
    if (*text != 'e' && *text != 'E') return !*text;
    text += 1 + (text[1] == '+' || text[1] == '-');
    return *text && !text[decimals(text)];
}

static bool is_infinite(const char *text)
{
    return strcmp(text, ".inf") == 0 || strcmp(text, ".Inf") == 0 || strcmp(text, ".INF") == 0;
}

static bool is_nan(const char *text)
{
    return strcmp(text, ".nan") == 0 || strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0;
}

enum words_core words_core(const char *text, double *ret)
{
    bool octal = strncmp(text, "0o", 2) == 0, hex = strncmp(text, "0x", 2) == 0, whole = false;
    const char *bare = text + (*text == '-' || *text == '+');
    *ret = 0;
    if (octal || hex) {
        const char *digits = octal ? "01234567" : "0123456789abcdefABCDEF";
        if (!text[2] || text[2 + strspn(text + 2, digits)]) return CORE_TEXT;
        for (const char *c = text + 2; *c; c++)
            *ret = *ret * (octal ? 8 : 16) +
                   (isdigit((unsigned char)*c) ? *c - '0' : tolower((unsigned char)*c) - 'a' + 10);
        return octal ? CORE_OCTAL : CORE_HEX;
    }
    if (is_nan(text)) return *ret = NAN, CORE_REAL;
    if (is_infinite(bare)) return *ret = *text == '-' ? -INFINITY : INFINITY, CORE_REAL;
    if (!is_real(bare, &whole)) return CORE_TEXT;
    *ret = strtod(text, NULL);
    return whole ? CORE_WHOLE : CORE_REAL;
}

enum { WORD_MAX = 40 };

/* Levenshtein distance; words longer than WORD_MAX are never near. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), row[WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX) return WORD_MAX;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *words_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t near = strlen(word) / 2 + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, candidates[i]);
        if (d < near) near = d, best = candidates[i];
    }
    return best;
}

const char *words_show_duration(int64_t ms, char *buf, size_t size)
{
    long long s = (ms + 500) / 1000;
    if (ms < 9950)
        snprintf(buf, size, "%.1fs", (double)ms / 1000);
    else if (s < 60)
        snprintf(buf, size, "%llds", s);
    else if (s < 3600)
        snprintf(buf, size, "%lldm %02llds", s / 60, s % 60);
    else
        snprintf(buf, size, "%lldh %02lldm", s / 3600, s % 3600 / 60);
    return buf;
}

const char *words_s(size_t n)
{
    return n == 1 ? "" : "s";
}

const char *words_give_duration(int64_t ms, char *buf, size_t size)
{
    long long minutes = ms / 60000;
    if (ms % 60000)
        snprintf(buf, size, "%.12gs", (double)ms / 1000);
    else if (minutes < 60)
        snprintf(buf, size, "%lldm", minutes);
    else
        snprintf(buf, size, "%lldh%02lldm", minutes / 60, minutes % 60);
    return buf;
}

const char *words_show_count(double n, char *buf, size_t size)
{
    double a = fabs(n);
    if (a >= 999.5e12)
        snprintf(buf, size, "%.3g", n);
    else if (a >= 999.5e6)
        snprintf(buf, size, "%.2fG", n / 1e9);
    else if (a >= 999.5e3)
        snprintf(buf, size, "%.2fM", n / 1e6);
    else if (a >= 10e3)
        snprintf(buf, size, "%.0fk", n / 1e3);
    else
        snprintf(buf, size, a >= 100 ? "%.0f" : "%.4g", n);
    return buf;
}
