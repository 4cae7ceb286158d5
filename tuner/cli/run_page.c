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
    struct store *store; /* for the token */
    struct service *service;
    char token[TOKEN_ID_MAX];
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

static enum status open_token(struct run_page *page, const char *db, char *ret_text, struct error *err)
{
    const struct token_wish wish = {
        .name = "page of a run", .role = "operator", .ttl_ms = RUN_PAGE_DAYS * (int64_t)86400000};
    enum status s = store_open(db, STORE_EXISTING, &page->store, err);
    return s ? s : auth_create(page->store, clock_real(), &wish, ret_text, page->token, err);
}

static void free_page(struct run_page *page)
{
    struct error ignored;
    if (*page->token) store_token_revoke(page->store, page->token, clock_wall_ms(clock_real()), &ignored);
    if (page->store) store_close(page->store);
    free(page);
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
    if (!s) s = open_token(page, o->db, text, err);
    if (!s) s = service_create(&options, loop, &page->service, err);
    if (s) {
        free_page(page);
        return s;
    }
    say_where(page, text, run->study->name, o->json || o->quiet ? stderr : stdout);
    *ret = page;
    return STATUS_OK;
}

void run_page_ended(struct run_page *page)
{
    service_guest_ended(page->service);
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
    free_page(page);
}
