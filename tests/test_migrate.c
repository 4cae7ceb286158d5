/* Databases of every released version. */
#include "tests/store_file.h"

#include "tuner/history/history.h"

static char *read_file(const char *name)
{
    FILE *in = fopen(name, "r");
    assert_non_null(in);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, in) > 0);
    fclose(in);
    return text;
}

struct log_text {
    char *text;
    size_t n;
};

static void write_event(void *data, const struct store_event *e)
{
    struct log_text *t = data;
    t->n += (size_t)sprintf(t->text + t->n, "%lld %ld %s %.120s\n", (long long)e->seq, e->trial,
                            event_name((enum event_kind)e->kind), e->body);
}

static void write_report(void *data, const struct store_report *r)
{
    struct log_text *t = data;
    t->n += (size_t)sprintf(t->text + t->n, "report %ld %s=%.17g\n", r->step, r->name[0], r->value[0]);
}

/* A database of each released version: tests/fixtures/store/vN.sql is what `sqlite3 FILE .dump` says of it. */
static char *log_of_version(int version)
{
    char name[300];
    struct error err;
    struct store *s = NULL;
    struct log_text t = {calloc(1, 1 << 20), 0};
    snprintf(name, sizeof name, FIXTURES "/store/v%d.sql", version);
    clean(NULL);
    char *sql = read_file(name);
    run_sql(sql);
    free(sql);
    assert_ok(store_open(path, STORE_EXISTING, &s, &err), err);
    for (int64_t study = 1; study <= 2; study++) assert_ok(store_events(s, study, -1, write_event, &t, &err), err);
    for (int64_t lease = 1; lease < 100; lease++) assert_ok(store_reports(s, 1, lease, write_report, &t, &err), err);
    store_close(s);
    return t.text;
}

static void test_migrate__every_version_keeps_what_happened(void **state)
{
    (void)state;
    char *one = log_of_version(1);
    for (int version = 2; version < store_version(); version++) {
        char *later = log_of_version(version);
        assert_string_equal(one, later);
        free(later);
    }
    assert_contains(one, "returned {\"outcome\":\"crashed\",\"reason\":\"exit code 3\"");
    assert_contains(one, "finished {\"state\":\"complete\",\"metrics\":{\"em\":0.16,\"tokens\":3500,");
    assert_contains(one, "finished {\"state\":\"failed\",\"reason\":\"burnt\"}");
    assert_contains(one, "phase {\"phase\":\"complete\"}");
    assert_contains(one, "report 2 em=0.2957");
    free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_migrate__every_version_keeps_what_happened),
    };
    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
