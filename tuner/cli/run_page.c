#include "tuner/cli/run_page.h"

#include "tuner/cli/cli.h"

#include "tuner/coordinator/coordinator.h"
#include "tuner/service/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct run_page {
    uv_loop_t *loop;
    struct service *service;
    uv_signal_t interrupt, terminate; /* while it stays */
};

static void say_nothing(void *data, const char *study, const char *text)
{
    (void)data;
    (void)study;
    (void)text; /* the run says it */
}

static void on_closed(void *data)
{
    ((struct run_page *)data)->service = NULL;
}

/* stdout belongs to the run's own lines if a program reads them. */
static void say_where(const struct run_page *page, const char *token, const char *study, FILE *out)
{
    fprintf(out, "page: http://127.0.0.1:%u/#token=%s&to=%%23%%2Fs%%2F%s\n", service_port(page->service), token, study);
    fflush(out);
}

enum status run_page_open(const struct run_options *o, struct active *run, uv_loop_t *loop, struct run_page **ret,
                          struct error *err)
{
    struct run_page *page = must_alloc(1, sizeof *page);
    const struct service_options options = {.db = o->db,
                                            .address = "127.0.0.1",
                                            .silence_ms = 900000,
                                            .rate = 2000,
                                            .tries = 10,
                                            .connections = 64,
                                            .guest = run,
                                            .say = say_nothing,
                                            .ended = on_closed,
                                            .data = page};
    char text[TOKEN_TEXT_MAX];
    page->loop = loop;
    enum status s = service_has_page() ? STATUS_OK
                                       : error_set(err, STATUS_INVALID,
                                                   "--page: this nocturne was built without it "
                                                   "(-DPAGE=off)");
    if (!s) s = service_create(&options, loop, &page->service, err);
    if (s) {
        free(page);
        return s;
    }
    service_pass(page->service, "page of a run", text);
    say_where(page, text, run->study->name, o->json || o->quiet ? stderr : stdout);
    *ret = page;
    return STATUS_OK;
}

void run_page_ended(struct run_page *page)
{
    service_guest_ended(page->service);
}

void run_page_let_go(struct run_page *page)
{
    while (service_has_guest(page->service)) uv_run(page->loop, UV_RUN_ONCE);
}

static void on_enough(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

void run_page_stay(struct run_page *page)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return;
    puts("\nThe page stays until Ctrl-C; 'nocturne serve' shows it again.");
    fflush(stdout);
    cli_catch_signal(page->loop, &page->interrupt, SIGINT, on_enough, page);
    cli_catch_signal(page->loop, &page->terminate, SIGTERM, on_enough, page);
    uv_run(page->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&page->interrupt, NULL);
    uv_close((uv_handle_t *)&page->terminate, NULL);
}

void run_page_close(struct run_page *page)
{
    if (!page) return;
    service_guest_ended(page->service); /* unless it has */
    service_close(page->service);
    uv_run(page->loop, UV_RUN_DEFAULT);
    free(page);
}
