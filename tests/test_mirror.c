#include "tests/test.h"

#include "tuner/mirror/mirror.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STUDY                                                                                                               \
    "{\"study\":{\"name\":\"s\",\"version\":\"0.1.0\",\"seed\":\"18446744073709551615\",\"created_ms\":5,\"running\":true," \
    "\"disk_free\":7e9,\"state\":\"{}\",\"path\":\"/s.yaml\",\"file\":\"study: s\\n\",\"identity\":\"{}\"}}\n"
#define BEGUN                                                                                                          \
    STUDY                                                                                                              \
    "{\"seq\":4,\"kind\":1,\"at_ms\":-5,\"body\":\"{}\"}\n{\"seq\":5,\"trial\":0,\"kind\":3,\"at_ms\":6,\"body\":\"\"}\n"
#define REPORTS                                                                                                        \
    "{\"lease\":5,\"first\":3,\"metrics\":[\"em\",\"tokens\"],\"reports\":[[1,2,3,0.1,100],[2,9,4,null,1e300]]}\n"

/* What the hooks heard, as text. */
struct heard {
    char text[4000];
};

static void hear(struct heard *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void hear(struct heard *h, const char *fmt, ...)
{
    size_t n = strlen(h->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(h->text + n, sizeof h->text - n, fmt, ap);
    va_end(ap);
}

static enum status on_study(void *data, const struct page_study *s, struct error *err)
{
    (void)err;
    hear(data, "study %s %s %llu %lld %d %.0f %s %s %s;", s->row.name, s->version, (unsigned long long)s->row.seed,
         (long long)s->row.created_ms, s->running, s->disk_free, s->row.path ? s->row.path : "-",
         s->row.file ? "file" : "-", s->row.state ? s->row.state : "-");
    return STATUS_OK;
}

static enum status on_event(void *data, const struct store_event *e, struct error *err)
{
    hear(data, "event %lld %ld %d %lld %s;", (long long)e->seq, e->trial, e->kind, (long long)e->at_ms, e->body);
    return strstr(e->body, "enough") ? error_set(err, STATUS_CONFLICT, "enough") : STATUS_OK;
}

static enum status on_report(void *data, const struct store_report *r, struct error *err)
{
    (void)err;
    hear(data, "report %lld %ld %ld %lld %lld", (long long)r->lease, r->number, r->step, (long long)r->after_ms,
         (long long)r->known);
    for (size_t i = 0; i < r->n; i++) hear(data, " %s=%g", r->name[i], r->value[i]);
    hear(data, ";");
    return STATUS_OK;
}

static enum status take(const char *text, size_t piece, struct heard *h, struct page_end *end, struct error *err)
{
    size_t n = strlen(text);
    *h->text = 0;
    struct page *p = page_create(&(struct page_hooks){on_study, on_event, on_report, h});
    enum status s = STATUS_OK;
    for (size_t at = 0; !s && at < n; at += piece) s = page_take(p, text + at, n - at < piece ? n - at : piece, err);
    if (!s) s = page_finish(p, end, err);
    page_free(p);
    return s;
}

static void test_page__is_the_same_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const char text[] = BEGUN REPORTS "{\"end\":5,\"more\":true,\"lease\":5}\n";
    static const char said[] =
        "study s 0.1.0 18446744073709551615 5 1 7000000000 /s.yaml file {};event 4 -1 1 -5 {};event 5 0 3 6 ;"
        "report 5 3 1 2 3 em=0.1 tokens=100;report 5 4 2 9 4 em=nan tokens=1e+300;";
    struct heard h;
    struct error err;
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct page_end end = {0};
        assert_ok(take(text, piece, &h, &end, &err), err);
        assert_string_equal(h.text, said);
        assert_int_equal(end.seq, 5);
        assert_true(end.more);
        assert_int_equal(end.lease, 5);
    }
}

static void test_page__without_its_end_is_none(void **state)
{
    (void)state;
    static const char text[] = BEGUN REPORTS "{\"end\":5}\n";
    struct heard h;
    struct page_end end = {.seq = -7};
    struct error err;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *cut = strndup(text, n);
        assert_int_equal(take(cut, 50, &h, &end, &err), STATUS_IO);
        assert_non_null(strstr(err.text, "was cut"));
        free(cut);
    }
    assert_int_equal(end.seq, -7);
    assert_ok(take(text, 50, &h, &end, &err), err);
    assert_int_equal(end.seq, 5);
    assert_false(end.more);
}

static void test_page__refuses_what_it_is_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\n",
        "[]\n",
        "{}\n",
        "{\"end\":0}\n",
        "{\"study\":7}\n",
        "{\"study\":{\"name\":\"s\"}}\n",
        "{\"study\":{\"name\":\"/s\",\"version\":\"1\",\"seed\":\"1\",\"created_ms\":1}}\n",
        "{\"study\":{\"name\":\"s\",\"version\":\"1\",\"seed\":\"-1\",\"created_ms\":1}}\n",
        "{\"study\":{\"name\":\"s\",\"version\":\"1\",\"seed\":\"1\",\"created_ms\":-1}}\n",
        "{\"study\":{\"name\":\"s\",\"version\":\"1\",\"seed\":\"1\",\"created_ms\":1,\"file\":\"study: s\"}}\n",
        STUDY STUDY,
        STUDY "{\"end\":-1}\n",
        STUDY "{\"end\":9007199254740993}\n",
        STUDY "{\"end\":0}\n{\"end\":0}\n",
        BEGUN "{\"end\":4}\n",
        BEGUN "{\"seq\":5,\"kind\":1,\"at_ms\":1,\"body\":\"\"}\n",
        BEGUN "{\"seq\":6,\"kind\":1,\"at_ms\":1}\n",
        BEGUN "{\"seq\":6,\"kind\":1,\"at_ms\":1.5,\"body\":\"\"}\n",
        BEGUN "{\"seq\":6,\"kind\":1,\"at_ms\":1,\"body\":\"a\\u0000b\"}\n",
        BEGUN "{\"seq\":6,\"kind\":1,\"at_ms\":1,\"body\":\"\",\"trial\":-1}\n",
        BEGUN "{\"seq\":6,\"seq\":6,\"kind\":1,\"at_ms\":1,\"body\":\"\"}\n",
        BEGUN "{\"lease\":0,\"first\":0,\"metrics\":[],\"reports\":[]}\n",
        BEGUN "{\"lease\":5,\"first\":-1,\"metrics\":[],\"reports\":[]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[\"\"],\"reports\":[]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[7],\"reports\":[]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[\"em\"],\"reports\":[[1,2,3]]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[],\"reports\":[[1,2,3,4]]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[],\"reports\":[[1,2,-3]]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[\"em\"],\"reports\":[[1,2,3,\"x\"]]}\n",
        BEGUN "{\"lease\":5,\"first\":0,\"metrics\":[],\"reports\":7}\n",
        BEGUN "{\"what\":5}\n",
    };
    struct heard h;
    struct page_end end;
    struct error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (take(bad[i], 7, &h, &end, &err) != STATUS_IO) fail_msg("it took %s", bad[i]);
}

static void test_page__says_what_it_does_not_know(void **state)
{
    (void)state;
    struct heard h;
    struct page_end end;
    struct error err;
    assert_int_equal(take(BEGUN "{\"seq\":6,\"kind\":77,\"at_ms\":1,\"body\":\"\"}\n", 99, &h, &end, &err),
                     STATUS_FAILED);
    assert_non_null(strstr(err.text, "event 6 is of kind 77"));
    assert_int_equal(take(BEGUN "{\"seq\":6,\"kind\":4000000000,\"at_ms\":1,\"body\":\"\"}\n", 99, &h, &end, &err),
                     STATUS_FAILED);
    assert_int_equal(
        take(BEGUN "{\"seq\":6,\"kind\":1,\"at_ms\":1,\"body\":\"enough\"}\n{\"end\":6}\n", 99, &h, &end, &err),
        STATUS_CONFLICT);
    assert_string_equal(err.text, "enough");
}

static void test_page__is_bounded(void **state)
{
    (void)state;
    struct error err;
    struct heard h = {.text = ""};
    const size_t n = 1 << 20;
    char *piece = must_alloc(n, 1);
    memset(piece, 'x', n);
    struct page *p = page_create(&(struct page_hooks){on_study, on_event, on_report, &h});
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < 100; i++) s = page_take(p, piece, n, &err);
    assert_int_equal(s, STATUS_IO);
    assert_non_null(strstr(err.text, "a line of more than"));
    assert_true(page_bytes(p) <= PAGE_LINE_MAX + n);
    page_free(p);
    memset(piece, ',', n); /* values that would take a hundred times their bytes */
    piece[n - 1] = '\n';
    p = page_create(&(struct page_hooks){on_study, on_event, on_report, &h});
    assert_int_equal(page_take(p, piece, n, &err), STATUS_IO);
    page_free(p);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page__is_the_same_in_pieces_of_any_size),
        cmocka_unit_test(test_page__without_its_end_is_none),
        cmocka_unit_test(test_page__refuses_what_it_is_not),
        cmocka_unit_test(test_page__says_what_it_does_not_know),
        cmocka_unit_test(test_page__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
