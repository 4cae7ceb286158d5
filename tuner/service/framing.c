#include "tuner/service/framing.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS = 18 };

/* ---- the target ---- */

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | ' ' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Text without a control character. */
static bool is_plain(const char *text)
{
    json_t *utf8 = json_string(text);
    bool ok = utf8 != NULL;
    for (const char *c = text; *c; c++) ok &= (unsigned char)*c >= ' ' && *c != 127;
    json_decref(utf8);
    return ok;
}

/* Of the path, and of each name and value of the query. A 0 byte would end the text, and what comes after it be lost.
 */
bool framing_unescape(char *text)
{
    char *out = text;
    bool ok = true;
    for (const char *in = text; *in;) {
        int high = *in == '%' ? digit_of(in[1]) : -1, low = high >= 0 ? digit_of(in[2]) : -1;
        bool escaped = low >= 0 && (high | low) != 0;
        ok &= *in != '%' || escaped;
        *out++ = (char)(escaped ? high << 4 | low : *in);
        in += escaped ? 3 : 1;
    }
    *out = 0;
    return ok && is_plain(text);
}

/* ---- the header ---- */

struct framing {
    int lengths, encodings, hosts;
    const char *fault; /* NULL: none */
    bool unknown;      /* an encoding */
};

static bool is_name(const char *text)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *text && strspn(text, allowed) == strlen(text);
}

static enum MHD_Result count_framing(void *data, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct framing *f = data;
    (void)kind;
    if (!value) value = "";
    if (!key || !is_name(key)) {
        f->fault = "a header's name has a character that names do not have";
    } else if (strcasecmp(key, "Content-Length") == 0) {
        f->lengths++;
        size_t n = strspn(value, "0123456789");
        if (n == 0 || n > LENGTH_DIGITS || value[n]) f->fault = "Content-Length is not a number of bytes";
    } else if (strcasecmp(key, "Transfer-Encoding") == 0) {
        f->encodings++;
        f->unknown |= strcasecmp(value, "chunked") != 0;
        if (!*value) f->fault = "Transfer-Encoding is empty";
    } else if (strcasecmp(key, "Host") == 0) {
        f->hosts++;
        if (strpbrk(value, " \t,/@?#\\<>\"")) f->fault = "Host is not a host and a port";
    }
    return MHD_YES;
}

/* libmicrohttpd accepts two lengths, or a length beside an encoding: where one request ends would be open to
 * interpretation [RFC 9112, 6.3]. An encoding that it does not know it waits for until the connection ends. */
const char *framing_fault(struct MHD_Connection *connection, const char *version, bool malformed, unsigned *ret_status)
{
    struct framing f = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_framing, &f);
    *ret_status = 400;
    if (f.fault) return f.fault;
    if (f.lengths + f.encodings > 1) return "more than one Content-Length or Transfer-Encoding";
    if (f.hosts > 1) return "more than one Host";
    if (f.encodings && strcmp(version, "HTTP/1.1") != 0) return "Transfer-Encoding takes HTTP/1.1";
    if (malformed) return "the path or the query has a '%' without two digits, a control character, or no UTF-8";
    if (f.unknown) *ret_status = 501;
    return f.unknown ? "the only Transfer-Encoding that is known here is chunked" : NULL;
}
