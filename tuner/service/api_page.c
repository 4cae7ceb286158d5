/* The page at /, which a browser shows: its four files, built beside it (page/README.md) and embedded. Nobody needs a
 * token to see them: they hold no study, and ask for a token themselves. */
#include "tuner/service/request.h"
#include "tuner/service/service.h"

#define X(name) extern const char service_page_##name##_begin[], service_page_##name##_end[]; /* page.S */
X(index)
X(script)
X(style)
X(licences)
#undef X
extern const char service_page_tag[]; /* of the page that was built, for caches */

/* Scripts, styles and connections of this address only; nothing inline, no other page around it, no HTML made of text.
 */
#define POLICY                                                                                                         \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "        \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "                \
    "trusted-types 'none'"

bool service_has_page(void)
{
    return service_page_index_end - service_page_index_begin > 0;
}

struct page_file {
    const char *type;
    const char *begin, *end; /* the same: it was built without */
    bool packed;             /* gzip */
};

/* Whoever does not say what it takes takes all [RFC 9110, 12.5.3]. */
static bool takes_gzip(const struct request *r)
{
    return r->seen.gzip || !http_request_header(r->http, "Accept-Encoding");
}

static void send_file(struct request *r, const struct page_file *f)
{
    static const struct http_header headers[] = {{"Content-Security-Policy", POLICY},
                                                 {"Referrer-Policy", "no-referrer"},
                                                 {"Cache-Control", "no-cache"},
                                                 {NULL, NULL}};
    r->seen.tag = arena_printf(&r->arena, "\"%s\"", service_page_tag);
    request_lasting(r, &(struct answer){.status = 200,
                                        .type = f->type,
                                        .text = (char *)f->begin,
                                        .n = (size_t)(f->end - f->begin),
                                        .fd = -1,
                                        .packed = f->packed,
                                        .more = headers});
}

static void show(struct request *r, const struct page_file *f)
{
    if (f->begin == f->end)
        request_problem(r, 404, "this nocturne was built without its page (-DPAGE=off); the API is at /api/v1");
    else if (f->packed && !takes_gzip(r))
        request_problem(r, 406, "the page comes compressed; say 'Accept-Encoding: gzip'");
    else
        send_file(r, f);
}

static void on_get_index(struct request *r)
{
    show(r, &(struct page_file){"text/html; charset=utf-8", service_page_index_begin, service_page_index_end, false});
}

static void on_get_script(struct request *r)
{
    show(r, &(struct page_file){"text/javascript; charset=utf-8", service_page_script_begin, service_page_script_end,
                                true});
}

static void on_get_style(struct request *r)
{
    show(r, &(struct page_file){"text/css; charset=utf-8", service_page_style_begin, service_page_style_end, true});
}

static void on_get_licences(struct request *r)
{
    show(r, &(struct page_file){"text/plain; charset=utf-8", service_page_licences_begin, service_page_licences_end,
                                true});
}

const struct route api_page_routes[] = {
    {"GET", "/", 0, on_get_index, 0, BODY_NONE, false},
    {"GET", "/page.js", 0, on_get_script, 0, BODY_NONE, false},
    {"GET", "/page.css", 0, on_get_style, 0, BODY_NONE, false},
    {"GET", "/third-party.txt", 0, on_get_licences, 0, BODY_NONE, false},
    {0},
};
