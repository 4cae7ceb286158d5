/* A trial program for tests/test_sdk.py: reports the values of its argument and says what it was told.
 *     sdk_probe VALUE,VALUE,… [--wait STEP PATH] [--name=value …]
 * --wait: from that step on, before it looks for messages, until there is a file. PROBE_READY: it has no words of its
 * own, and only says its parameters. */
#include "workers/sdk/c/nocturne.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void set_rate(void *data, double value)
{
    *(double *)data = value;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void wait_for(const char *path)
{
    while (access(path, F_OK) != 0) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Microseconds that a report and a look for messages take. */
static int measure(struct nocturne *n, long reports)
{
    double from = now_us();
    for (long i = 0; i < reports; i++) {
        nocturne_report(n, i, 2,
                        (struct nocturne_metric[]){{"em", 0.5 + 1e-9 * (double)i}, {"tokens", 1e5 * (double)(i + 1)}});
        nocturne_should_stop(n);
    }
    printf("{\"us\": %.3f}\n", (now_us() - from) / (double)reports);
    nocturne_close(n);
    return 0;
}

static int say_parameters(struct nocturne *n)
{
    double rate = nocturne_number(n, "learning_rate", 0.5), patience = nocturne_number(n, "patience", 3);
    const char *model = nocturne_text(n, "model", "mlp");
    if (strcmp(getenv("PROBE_READY"), "no") != 0) nocturne_ready(n);
    puts("began");
    nocturne_report(n, 0, 1, (struct nocturne_metric[]){{"em", 0}});
    printf("%g %g %s %lu\n", rate, patience, model, nocturne_seed(n));
    nocturne_close(n);
    return 0;
}

static int say_items(struct nocturne *n, size_t count, const char *awaited)
{
    size_t order[1000];
    char id[32];
    nocturne_shuffled(n, count, order);
    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "q%zu \"\xc3\xa4\"", order[i]);
        nocturne_item(n, id, 2, (struct nocturne_metric[]){{"em", (double)(order[i] % 2)}, {"tokens", (double)order[i]}});
        if (awaited) wait_for(awaited);
        if (nocturne_should_stop(n)) break;
    }
    nocturne_item(n, "a tab\t", 1, (struct nocturne_metric[]){{"em", 0.0 / 0.0}});
    nocturne_close(n);
    return 0;
}

int main(int argc, char **argv)
{
    struct nocturne *n = nocturne_open(argc, argv);
    if (getenv("PROBE_READY")) return say_parameters(n);
    double rate = nocturne_number(n, "learning_rate", 0.5);
    struct nocturne_stopping stopping = {.patience = nocturne_number(n, "patience", 3),
                                         .threshold = nocturne_number(n, "threshold", 0)};
    const char *awaited = NULL;
    long step = 0, from = 0;
    if (argc > 2 && strcmp(argv[1], "measure") == 0) return measure(n, atol(argv[2]));
    for (int i = 2; i + 2 < argc; i++)
        if (strcmp(argv[i], "--wait") == 0) {
            from = atol(argv[i + 1]);
            awaited = argv[i + 2];
        }
    if (argc > 2 && strcmp(argv[1], "items") == 0) return say_items(n, (size_t)atol(argv[2]), awaited);
    nocturne_early_stopping(n, &stopping, "em");
    nocturne_on_set(n, "learning_rate", set_rate, &rate);
    for (char *at = argv[1], *end; *at; at = *end ? end + 1 : end) {
        double em = strtod(at, &end);
        nocturne_report(n, step, 2, (struct nocturne_metric[]){{"em", em}, {"tokens", 100.0 * (double)(step + 1)}});
        step++;
        nocturne_stopping_update(&stopping, em);
        if (awaited && step >= from) wait_for(awaited);
        if (nocturne_should_stop(n)) break;
    }
    if (nocturne_resume_from(n)) nocturne_log(n, nocturne_resume_from(n));
    nocturne_result(n, 2, (struct nocturne_metric[]){{"em", stopping.best}, {"tokens", 100.0 * (double)step}});
    fprintf(stderr,
            "{\"rate\": %g, \"patience\": %g, \"threshold\": %g, \"bad\": %ld, \"steps\": %ld, \"why\": \"%s\", "
            "\"model\": \"%s\", \"seed\": %lu}\n",
            rate, stopping.patience, stopping.threshold, stopping.bad, step, nocturne_stop_reason(n),
            nocturne_text(n, "model", "mlp"), nocturne_seed(n));
    nocturne_close(n);
    return 0;
}
