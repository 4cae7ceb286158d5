/* SPDX-License-Identifier: MIT — what this file writes may be passed on as anybody likes (README.md). */
#include "tuner/report/story_html.h"

#include "tuner/report/svg.h"

#include "tuner/base/plain.h"

#include <stdlib.h>
#include <string.h>

enum { WIDE = 720, NARROW = 328, CHART_MAX = 60000, CHARTS_MAX = 210000 /* bytes; of one drawing, of all */ };

struct setting { /* of a page */
    FILE *out;
    struct arena arena;
    const struct story *story;
    size_t drawn; /* bytes of drawings */
};

/* ---- text ---- */

static void escape(FILE *out, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        case '\n': fputc('\n', out); break;
        default: fputc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, out);
        }
}

static const char *closing(char mark)
{
    return mark == *STORY_STRONG ? "</strong>" : mark == *STORY_CODE ? "</code>" : "";
}

/* Marks become elements, one at a time. */
static void write_text(struct setting *s, const char *text)
{
    char piece[512], mark, open = 0;
    for (const char *at = plain_bounded(&s->arena, text, strlen(text)); at;) {
        at = story_next(at, piece, sizeof piece, &mark);
        escape(s->out, piece);
        if (mark) {
            fputs(closing(open), s->out);
            open = mark == *STORY_PLAIN ? 0 : mark;
            fputs(open == *STORY_STRONG ? "<strong>" : open == *STORY_CODE ? "<code>" : "", s->out);
        }
    }
    fputs(closing(open), s->out);
}

static void write_element(struct setting *s, const char *element, const char *class, const char *text)
{
    fprintf(s->out, "<%s%s%s%s>", element, class ? " class=\"" : "", class ? class : "", class ? "\"" : "");
    write_text(s, text);
    fprintf(s->out, "</%s>\n", element);
}

/* ---- blocks ---- */

/* What is in brackets stays in one piece, and so does a number: it may be broken before its deviation or its interval.
 */
static const char *unbroken(struct setting *s, const char *text)
{
    const char *first = text + (strncmp(text, "−", strlen("−")) == 0 ? strlen("−") : strspn(text, "+-"));
    bool number = *first >= '0' && *first <= '9', inside = false;
    char *out = arena_alloc(&s->arena, 2 * strlen(text) + 1), *end = out;
    for (const char *at = text; *at; at++) {
        inside = *at == '(' || (inside && *at != ')');
        if (*at == ' ' && (inside || (number && at[1] != '(' && strncmp(at + 1, "±", strlen("±")) != 0)))
            end = stpcpy(end, "\u00a0");
        else
            *end++ = *at;
    }
    *end = 0;
    return out;
}

/* A head may be broken after what joins the words of a name. */
static void write_head_text(struct setting *s, const char *text)
{
    size_t n;
    for (; *text; text += n) {
        n = strcspn(text, "_./-");
        n += text[n] != 0;
        write_text(s, arena_printf(&s->arena, "%.*s", (int)n, text));
        if (text[n]) fputs("<wbr/>", s->out);
    }
}

static void write_cell(struct setting *s, const char *text, bool column, bool row)
{
    fputs(column ? "<th scope=\"col\">" : row ? "<th scope=\"row\">" : "<td>", s->out);
    if (column)
        write_head_text(s, text);
    else
        write_text(s, unbroken(s, text));
    fputs(column || row ? "</th>" : "</td>", s->out);
}

static void write_row(struct setting *s, const struct story_table *t, size_t row)
{
    fprintf(s->out, "<tr%s>", t->strong[row] ? " class=\"won\"" : "");
    for (size_t k = 0; k < t->n_columns; k++) write_cell(s, t->cell[row * t->n_columns + k], row == 0, k == 0);
    fputs("</tr>\n", s->out);
}

/* A wide one is moved inside its frame, also by keys. */
static void write_table(struct setting *s, const struct story_table *t)
{
    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", s->out);
    escape(s->out, plain_shown(&s->arena, t->caption));
    fputs("\"><table><caption>", s->out);
    write_text(s, t->caption);
    fputs("</caption>\n<thead>", s->out);
    write_row(s, t, 0);
    fputs("</thead>\n<tbody>\n", s->out);
    for (size_t i = 1; i < t->n_rows; i++) write_row(s, t, i);
    fputs("</tbody></table></div>\n", s->out);
}

/* The drawing as text, the caller's. */
static char *draw(const struct chart *c, double width, size_t *ret_n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_n);
    if (!out) return NULL;
    svg_write(out, c, &(struct svg_wish){width, SVG_AUTO});
    fclose(out);
    return text;
}

static void write_drawing(struct setting *s, const char *class, const char *svg, size_t n)
{
    fprintf(s->out, "<div class=\"%s\">", class);
    fwrite(svg, 1, n, s->out);
    fputs("</div>\n", s->out);
    s->drawn += n;
}

static void write_chart(struct setting *s, const struct chart *c)
{
    size_t n = 0, m = 0;
    char *wide = draw(c, WIDE, &n), *narrow = n <= CHART_MAX ? draw(c, NARROW, &m) : NULL;
    fputs("<figure>\n", s->out);
    if (!wide || s->drawn + n > CHARTS_MAX)
        fprintf(s->out,
                "<figcaption>This chart is too heavy for a report: <code>nocturne plot %s %s</code></figcaption>\n",
                c->name, s->story->name);
    else if (!narrow || s->drawn + n + m > CHARTS_MAX)
        write_drawing(s, "only", wide, n);
    else {
        write_drawing(s, "desk", wide, n);
        write_drawing(s, "phone", narrow, m);
    }
    fputs("</figure>\n", s->out);
    free(wide);
    free(narrow);
}

static void write_block(struct setting *s, const struct story_block *b)
{
    switch (b->kind) {
    case STORY_LEAD: write_element(s, "p", "lead", b->text); break;
    case STORY_SENTENCE: write_element(s, "p", NULL, b->text); break;
    case STORY_QUIET: write_element(s, "p", "quiet", b->text); break;
    case STORY_ITEM: write_element(s, "li", NULL, b->text); break;
    case STORY_LINES:
        fputs("<pre tabindex=\"0\">", s->out);
        write_text(s, b->text);
        fputs("</pre>\n", s->out);
        break;
    case STORY_TABLE: write_table(s, &b->table); break;
    case STORY_CHART: write_chart(s, &b->chart); break;
    }
}

static void write_blocks(struct setting *s, const struct story_section *x)
{
    bool list = false;
    for (size_t i = 0; i < x->n; i++) {
        bool item = x->block[i].kind == STORY_ITEM;
        if (item != list) fputs(item ? "<ul>\n" : "</ul>\n", s->out);
        list = item;
        write_block(s, &x->block[i]);
    }
    if (list) fputs("</ul>\n", s->out);
}

/* ---- the page ---- */

static void write_section(struct setting *s, const struct story_section *x)
{
    fputs(x->folded ? "<section><details><summary><h2>" : "<section>\n<h2>", s->out);
    write_text(s, x->title);
    fputs(x->folded ? "</h2></summary>\n" : "</h2>\n", s->out);
    write_blocks(s, x);
    fputs(x->folded ? "</details></section>\n" : "</section>\n", s->out);
}

static const char style[] =
    ":root{color-scheme:light dark;--page:#fff;--surface:#f6f8fa;--rule:#d0d7de;--ink:#1b1f24;--quiet:#57606a}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--page:#12161c;--surface:#1a1f27;--rule:#30363d;--ink:#e6e9ed;"
    "--quiet:#9aa4b0}}\n"
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\n"
    "body{margin:0 auto;padding:24px 16px 48px;max-width:880px;background:var(--page);color:var(--ink);"
    "font:400 16px/24px system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
    "h1{font:600 28px/36px system-ui,sans-serif;margin:0 0 4px}h2{font:600 20px/28px system-ui,sans-serif;margin:0 0 8px}\n"
    "p{margin:0 0 12px;max-width:72ch}.lead{font-size:18px;line-height:28px}\n"
    ".about,.quiet,caption,figcaption{color:var(--quiet);font-size:14px;line-height:20px}\n"
    "section{margin:32px 0 0;padding:16px 0 0;border-top:1px solid var(--rule)}header+section{margin-top:16px}\n"
    "strong{font-weight:600}ul{margin:0 0 12px;padding:0 0 0 20px}li{margin:0 0 8px;max-width:72ch}\n"
    "code,pre{font:400 14px/20px ui-monospace,monospace}code{background:var(--surface);padding:1px 4px;border-radius:4px}\n"
    "pre{background:var(--surface);padding:12px;border-radius:4px;overflow:auto;margin:0 0 12px;white-space:pre;max-height:480px}\n"
    /* Where more is hidden at a side, a shade lies there: covers that move with the table, shades that stay. */
    ".wide{overflow-x:auto;margin:0 0 12px;background:linear-gradient(90deg,var(--page) 30%,transparent) 0 0/40px 100% no-repeat "
    "local,linear-gradient(270deg,var(--page) 30%,transparent) 100% 0/40px 100% no-repeat local,"
    "linear-gradient(90deg,var(--rule),transparent) 0 0/12px 100% no-repeat scroll,"
    "linear-gradient(270deg,var(--rule),transparent) 100% 0/12px 100% no-repeat scroll}"
    "table{border-collapse:collapse;font-size:14px;line-height:20px;width:100%}\n"
    "caption{text-align:left;padding:0 0 8px}th,td{padding:4px 0 4px 12px;text-align:right;vertical-align:top;"
    "overflow-wrap:normal;border-bottom:1px solid var(--rule);font-weight:400}thead th{color:var(--quiet);vertical-align:bottom}\n"
    "th:first-child{text-align:left;padding-left:0}.won th,.won td{font-weight:600}\n"
    "figure{margin:16px 0;max-width:100%}figure div{overflow-x:auto}svg{display:block}.desk svg{max-width:100%;height:auto}\n"
    ".phone{display:none}summary{cursor:pointer}summary h2{display:inline}details[open]>summary{margin:0 0 12px}\n"
    ":focus-visible{outline:2px solid #0b5cad;outline-offset:2px}\n"
    "@media screen and (max-width:700px){body{padding:16px 16px 32px}h1{font-size:24px;line-height:32px}.desk{display:none}"
    ".phone{display:block}}\n"
    "@media print{@page{size:A4;margin:16mm 14mm}body{padding:0;max-width:none;font-size:11pt;line-height:15pt}"
    ".lead{font-size:12.5pt;line-height:17pt}section{margin-top:14pt;padding-top:8pt}figure,tr,li{break-inside:avoid}h2{break-after:avoid}"
    "code,pre{font-size:9.5pt}pre{white-space:pre-wrap;max-height:none;overflow:visible}.wide,figure div{overflow:visible}"
    ".wide{background:none}table{font-size:8.5pt;line-height:12pt}th,td{padding:2pt 0 2pt 6pt}"
    "details:not([open])>summary{margin:0 0 12px}}\n"
    "@media print{details::details-content{content-visibility:visible;block-size:auto}}\n";

static void write_head(struct setting *s)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<meta name=\"referrer\" "
          "content=\"no-referrer\"/>\n<title>",
          s->out);
    escape(s->out, plain_shown(&s->arena, s->story->name));
    fputs(": ", s->out);
    escape(s->out, plain_shown(&s->arena, s->story->verdict));
    fprintf(s->out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", style);
    write_text(s, s->story->name);
    fputs(" · ", s->out);
    write_text(s, s->story->verdict);
    fputs("</h1>\n", s->out);
    write_element(s, "p", "about", s->story->about);
    fputs("</header>\n", s->out);
}

void story_html_write(FILE *out, const struct story *story)
{
    struct setting s = {.out = out, .story = story};
    write_head(&s);
    for (size_t i = 0; i < story->n; i++) write_section(&s, &story->section[i]);
    fputs("</main>\n</body>\n</html>\n", out);
    arena_done(&s.arena);
}
