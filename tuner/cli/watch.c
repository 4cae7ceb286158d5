/* nocturne status --watch: the loop between a study's log and a terminal.
 *
 *     second ─▶ look (watched, overview) ─▶ frame ─▶ terminal: the lines that differ
 *     key ────▶ scene ─────────────────────▲
 *     SIGWINCH, SIGCONT ───────────────────▲           SIGINT, SIGTERM, SIGHUP, SIGQUIT, q: the end
 *
 *     RESTS ──second, key──▶ LOOKS ──▶ RESTS           either ──▶ ENDS
 *
 * Looking is done between the turns of the loop. What a service takes long to answer is waited for with the loop
 * turning, so that keys and signals do then what they always do, and what is known is drawn.
 */
#include "tuner/cli/cli.h"

#include "tuner/cli/overview.h"
#include "tuner/cli/terminal.h"
#include "tuner/cli/watched.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000, SIGNALS = 7 };

enum watch_state {
    WATCH_RESTS,
    WATCH_LOOKS, /* that is due, or an answer is waited for */
    WATCH_ENDS,
};

struct watch {
    enum watch_state state;
    struct cli_common common; /* of the command line, with the loop */
    const char *where;
    struct terminal *terminal;
    struct screen screen;
    struct scene scene;
    struct watched *watched;   /* NULL: no study is open */
    struct overview *overview; /* NULL: one study was asked for */
    uv_loop_t loop;
    uv_timer_t second;
    uv_poll_t input;
    uv_signal_t signal[SIGNALS];
    int code;
    struct arena arena; /* of the command line's texts */
};

/* ---- drawing ---- */

static void on_input(uv_poll_t *handle, int status, int events);

static void draw(struct watch *w)
{
    struct arena a = {0};
    size_t columns, rows;
    terminal_size(w->terminal, &columns, &rows);
    struct frame f = frame_make(columns, rows, &w->screen, &a);
    if (w->watched) {
        const struct watch_facts x = watched_facts(w->watched, &w->scene);
        watch_frame(&x, &w->scene, &f);
    } else {
        const struct watch_rows x = overview_rows(w->overview);
        watch_list_frame(&x, &w->scene, &f);
    }
    frame_fill(&f, rows);
    terminal_draw(w->terminal, f.line, f.n);
    uv_poll_start(&w->input, UV_READABLE | (terminal_flush(w->terminal) ? 0 : UV_WRITABLE), on_input);
    arena_done(&a);
}

static bool lacks(const struct watch *w)
{
    return w->watched && watched_lacks(w->watched, &w->scene);
}

static void look(struct watch *w)
{
    if (w->watched) {
        watched_look(w->watched);
        watched_read(w->watched, &w->scene);
    } else
        overview_look(w->overview);
    if (w->state == WATCH_ENDS) return; /* meanwhile */
    w->state = lacks(w) ? WATCH_LOOKS : WATCH_RESTS;
    draw(w);
}

/* ---- the end ---- */

static void quit(struct watch *w, int code)
{
    w->code = code;
    w->state = WATCH_ENDS;
    if (w->watched) watched_interrupt(w->watched);
    uv_close((uv_handle_t *)&w->second, NULL);
    uv_close((uv_handle_t *)&w->input, NULL);
    for (size_t i = 0; i < SIGNALS; i++) uv_close((uv_handle_t *)&w->signal[i], NULL);
}

/* ---- keys ---- */

static void close_study(struct watch *w)
{
    if (!w->watched) return;
    watched_close(w->watched);
    free(w->watched);
    w->watched = NULL;
}

static enum status open_study(struct watch *w, const char *name, struct error *err)
{
    struct watched *x = must_alloc(1, sizeof *x);
    enum status st = watched_open(x, &w->common, name, err);
    if (st) {
        free(x);
        return st;
    }
    x->where = w->where;
    w->watched = x;
    return STATUS_OK;
}

/* What cannot be opened says so in its row. */
static void open_chosen(struct watch *w)
{
    const struct watch_rows all = overview_rows(w->overview);
    struct error err;
    size_t at = 0;
    for (size_t i = 0; i < all.n; i++)
        if (all.row[i].id == w->scene.chosen) at = i;
    if (open_study(w, all.row[at].name, &err)) return;
    w->scene.view = SCENE_STUDY;
    w->scene.chosen = -1;
}

static void go_to_list(struct watch *w)
{
    w->scene.chosen = (long)w->watched->study.memory->study_id;
    close_study(w);
    overview_look(w->overview);
}

/* What there is to choose from; in the arena. */
static struct scene_list choices(const struct watch *w, struct arena *a)
{
    const struct watch_rows rows = w->watched ? (struct watch_rows){0} : overview_rows(w->overview);
    const struct trial *const *run = NULL;
    size_t n = w->watched ? watch_running(w->watched->study.memory, w->scene.filter, a, &run) : rows.n;
    long *of = arena_array(a, n + 1, sizeof *of);
    for (size_t i = 0; i < n; i++) of[i] = run ? run[i]->number : rows.row[i].id;
    return (struct scene_list){n, of};
}

/* False: it is over. */
static bool press(struct watch *w, int key)
{
    struct arena a = {0};
    const struct scene_list list = choices(w, &a);
    enum scene_deed deed = scene_press(&w->scene, key, &list);
    arena_done(&a);
    switch (deed) {
    case SCENE_STAYS:
    case SCENE_CHANGES: break;
    case SCENE_OPENS: open_chosen(w); break;
    case SCENE_RETURNS: go_to_list(w); break;
    case SCENE_RENEWS: terminal_forget(w->terminal); break;
    case SCENE_QUITS: quit(w, EXIT_OK); return false;
    }
    return true;
}

static void on_input(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    int key;
    (void)events;
    while (status == 0 && (key = terminal_key(w->terminal)) > 0)
        if (!press(w, key)) return;
    if (status || key < 0)
        quit(w, EXIT_INTERRUPTED); /* the terminal is gone */
    else if (w->state == WATCH_RESTS && lacks(w))
        w->state = WATCH_LOOKS;
    else
        draw(w);
}

/* ---- time and signals ---- */

static void on_second(uv_timer_t *handle)
{
    struct watch *w = handle->data;
    if (w->state == WATCH_LOOKS) draw(w); /* it takes long */
    w->state = WATCH_LOOKS;
}

static void on_end(uv_signal_t *handle, int number)
{
    (void)number;
    quit(handle->data, EXIT_INTERRUPTED);
}

static void on_resize(uv_signal_t *handle, int number)
{
    struct watch *w = handle->data;
    (void)number;
    terminal_forget(w->terminal);
    draw(w);
}

static void on_suspend(uv_signal_t *handle, int number)
{
    struct watch *w = handle->data;
    (void)number;
    terminal_leave(w->terminal);
    kill(getpid(), SIGSTOP);
}

/* Also after a stop that nobody announced, when the terminal may be as somebody else left it. */
static void on_continue(uv_signal_t *handle, int number)
{
    struct watch *w = handle->data;
    (void)number;
    terminal_leave(w->terminal);
    terminal_enter(w->terminal);
    draw(w);
}

static void listen_all(struct watch *w)
{
    static const struct {
        int number;
        uv_signal_cb on;
    } all[SIGNALS] = {{SIGINT, on_end},      {SIGTERM, on_end},     {SIGHUP, on_end},      {SIGQUIT, on_end},
                      {SIGWINCH, on_resize}, {SIGTSTP, on_suspend}, {SIGCONT, on_continue}};
    uv_timer_init(&w->loop, &w->second);
    uv_poll_init(&w->loop, &w->input, terminal_fd(w->terminal));
    w->second.data = w->input.data = w;
    for (size_t i = 0; i < SIGNALS; i++) cli_catch_signal(&w->loop, &w->signal[i], all[i].number, all[i].on, w);
    uv_timer_start(&w->second, on_second, LOOK_MS, LOOK_MS);
}

/* ---- all ---- */

static enum status begin_list(struct watch *w, struct error *err)
{
    w->scene = scene_begin(SCENE_LIST);
    w->overview = must_alloc(1, sizeof *w->overview);
    enum status st = overview_open(w->overview, w->common.db, err);
    if (!st) return STATUS_OK;
    free(w->overview);
    w->overview = NULL;
    return st;
}

static enum status count_studies(const char *db, size_t *ret, struct error *err)
{
    struct store *store;
    struct arena a = {0};
    const char **names;
    enum status st = store_open(db, STORE_EXISTING, &store, err);
    if (st) return st;
    st = store_study_names(store, &a, &names, ret, err);
    store_close(store);
    arena_done(&a);
    return st;
}

/* The study that is meant, or the list of several; of a service, one study. */
static enum status begin(struct watch *w, struct error *err)
{
    const struct cli_common *c = &w->common;
    size_t n = 1;
    enum status st = c->study || c->service.url ? STATUS_OK : count_studies(c->db, &n, err);
    if (st) return st;
    if (n > 1) return begin_list(w, err);
    w->scene = scene_begin(SCENE_STUDY);
    return open_study(w, c->study, err);
}

static enum status check_terminal(const char *name, struct error *err)
{
    if (terminal_is_there()) return STATUS_OK;
    return error_set(
        err, STATUS_INVALID,
        "--watch draws a whole terminal, and this is none; 'nocturne status%s%s' says where it stands now, "
        "'nocturne log STUDY' what has happened",
        name ? " " : "", name ? name : "");
}

static void turn(struct watch *w)
{
    listen_all(w);
    draw(w);
    while (w->state != WATCH_ENDS) {
        uv_run(&w->loop, UV_RUN_ONCE);
        while (w->state == WATCH_LOOKS) look(w);
    }
}

int cli_watch(const struct cli_common *c)
{
    struct watch w = {.common = *c, .screen = screen_of(stdout)};
    struct error err;
    w.where = watched_where(c, &w.arena);
    w.common.service.loop = &w.loop;
    uv_loop_init(&w.loop);
    enum status st = check_terminal(c->study, &err);
    if (!st) st = begin(&w, &err);
    if (!st) st = terminal_open(&w.terminal, &err);
    if (!st) turn(&w);
    terminal_close(w.terminal);
    close_study(&w);
    if (w.overview) overview_close(w.overview);
    free(w.overview);
    uv_run(&w.loop, UV_RUN_DEFAULT); /* what is closed is let go */
    uv_loop_close(&w.loop);
    arena_done(&w.arena);
    return st ? cli_fail(&err) : w.code;
}
