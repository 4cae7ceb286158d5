#include "tuner/base/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character at `s`, and its number; 0: not UTF-8 [RFC 3629]. */
static size_t decode(const char *s, uint32_t *ret)
{
    const unsigned char *b = (const unsigned char *)s;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *b < 0x80 ? 1 : *b >> 5 == 6 ? 2 : *b >> 4 == 14 ? 3 : *b >> 3 == 30 ? 4 : 0;
    if (n < 2) return *ret = *b, n;
    uint32_t v = *b & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((b[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (b[i] & 0x3f);
    }
    *ret = v;
    return v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : n;
}

const char *plain_bounded(struct arena *a, const char *text, size_t max)
{
    static const char more[] = "…";
    size_t end = 0, kept = 0;
    bool sound = true;
    uint32_t ignored;
    while (text[end]) { /* kept: what there is room for before the mark */
        size_t n = decode(text + end, &ignored);
        sound &= n > 0;
        end += n ? n : 1;
        if (end > max) break;
        if (end + sizeof more - 1 <= max) kept = end;
    }
    bool whole = end <= max;
    if (whole && sound) return text;
    char *out = arena_printf(a, "%.*s%s", (int)(whole ? end : kept), text, whole ? "" : more);
    for (size_t i = 0, n; out[i]; i += n)
        if ((n = decode(out + i, &ignored)) == 0) out[i] = '?', n = 1;
    return out;
}

/* Bytes of the beginning that are ASCII for sure: by eights, as most text is. */
static size_t skip_ascii(const char *bytes, size_t n)
{
    size_t at = 0;
    for (uint64_t eight; at + sizeof eight <= n; at += sizeof eight) {
        memcpy(&eight, bytes + at, sizeof eight);
        if (eight & 0x8080808080808080u) break;
    }
    return at;
}

void plain_repair(char *bytes, size_t n)
{
    uint32_t ignored;
    for (size_t at = skip_ascii(bytes, n), k; at < n; at += k)
        if ((k = decode(bytes + at, &ignored)) == 0) bytes[at] = '?', k = 1;
}

static bool steers(uint32_t v)
{
    return v < 32 || (v >= 127 && v < 160) || v == 0x200e || v == 0x200f || (v >= 0x2028 && v <= 0x202e) ||
           (v >= 0x2066 && v <= 0x2069);
}

static size_t put_escaped(char *out, uint32_t v)
{
    if (v == '\n') return (size_t)sprintf(out, "\\n");
    if (v == '\t') return (size_t)sprintf(out, "\\t");
    return (size_t)sprintf(out, v < 256 ? "\\x%02x" : "\\u%04x", v);
}

static bool is_harmless(const char *text)
{
    uint32_t v;
    for (size_t n; *text; text += n)
        if ((n = decode(text, &v)) == 0 || steers(v)) return false;
    return true;
}

const char *plain_shown(struct arena *a, const char *text)
{
    if (is_harmless(text)) return text;
    char *out = arena_alloc(a, 4 * strlen(text) + 1), *end = out;
    uint32_t v;
    for (size_t n; *text; text += n) {
        n = decode(text, &v);
        if (n > 0 && !steers(v)) {
            memcpy(end, text, n);
            end += n;
            continue;
        }
        end += put_escaped(end, n ? v : (unsigned char)*text);
        n += n == 0;
    }
    *end = 0;
    return out;
}
