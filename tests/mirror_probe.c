/* For test_remote.py: what a mirror holds, and holds after each refresh, in one line; or what a database holds.
 *
 *     mirror_probe URL TOKEN STUDY     a line at once, and one for each line of the input
 *     mirror_probe FILE STUDY          one line
 */
#include "tuner/base/digest.h"
#include "tuner/history/history.h"
#include "tuner/mirror/mirror.h"

#include <stdio.h>
#include <string.h>

struct sum {
    struct store *store;
    int64_t study, seq;
    long events, reports;
    uint64_t digest;
};

static void mix(struct sum *s, const char *text)
{
    s->digest = digest_quick(s->digest, text);
}

static void on_report(void *data, const struct store_report *r)
{
    struct sum *s = data;
    char text[400];
    snprintf(text, sizeof text, "%ld %ld %ld %ld ", (long)r->lease, r->number, r->step, (long)r->known);
    mix(s, text);
    for (size_t i = 0; i < r->n; i++) {
        snprintf(text, sizeof text, "%s %a ", r->name[i], r->value[i]);
        mix(s, text);
    }
    s->reports++;
}

static void on_event(void *data, const struct store_event *e)
{
    struct sum *s = data;
    char text[100];
    snprintf(text, sizeof text, "%ld %ld %d %ld ", (long)e->seq, e->trial, e->kind, (long)e->at_ms);
    mix(s, text);
    mix(s, e->body);
    s->events++;
    s->seq = e->seq;
    if (e->kind == EVENT_LEASED) store_reports(s->store, s->study, e->seq, on_report, s, NULL);
}

static int print(struct store *store, const char *study, const char *more)
{
    struct error err;
    struct arena a = {0};
    struct store_study row;
    struct sum s = {.store = store, .digest = DIGEST_QUICK_SEED};
    if (store_study_find(store, study, &a, &row, &err)) return fprintf(stderr, "%s\n", err.text), 1;
    s.study = row.id;
    mix(&s, row.file);
    store_events(store, s.study, -1, on_event, &s, &err);
    printf("%ld events %ld reports %lx %s%s\n", s.events, s.reports, (unsigned long)s.digest,
           store_hold_taken(store, study) ? "running" : "resting", more);
    fflush(stdout);
    arena_done(&a);
    return 0;
}

static int of_service(char **argv, struct error *err)
{
    char line[100];
    bool anew = false;
    struct caller *c = NULL;
    struct mirror *m = NULL;
    if (caller_create(&(struct client_options){argv[1], argv[2], NULL}, NULL, &c, err)) return 1;
    caller_set_patience(c, 600);
    enum status st = mirror_open(c, argv[3], &(struct mirror_wish){.depth = MIRROR_ALL}, &m, err);
    if (!st) print(mirror_store(m), argv[3], "");
    while (!st && fgets(line, sizeof line, stdin)) {
        struct error why;
        if (mirror_refresh(m, &anew, &why))
            printf("%s\n", why.text), fflush(stdout);
        else
            print(mirror_store(m), argv[3], anew ? " anew" : ""), mirror_settle(m);
    }
    mirror_free(m);
    caller_free(c);
    return st != STATUS_OK;
}

int main(int argc, char **argv)
{
    struct error err;
    struct store *store = NULL;
    int code = 0;
    if (argc == 4 && (code = of_service(argv, &err)) != 0) fprintf(stderr, "%s\n", err.text);
    if (argc == 3) {
        if (store_open(argv[1], STORE_EXISTING, &store, &err)) return fprintf(stderr, "%s\n", err.text), 1;
        code = print(store, argv[2], "");
        store_close(store);
    }
    return code;
}
