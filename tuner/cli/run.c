/* What run and resume share: from a study to its end. */
#include "tuner/cli/cli.h"

#include "tuner/coordinator/coordinator.h"
#include "tuner/coordinator/population.h"
#include "tuner/coordinator/warm_start.h"
#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status find_guard(char *path, struct error *err)
{
    char self[PATH_MAX - 32];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return error_set(err, STATUS_FAILED, "/proc/self/exe: %s", strerror(errno));
    self[n] = 0;
    snprintf(path, PATH_MAX, "%s/nocturne-guard", dirname(self));
    if (access(path, X_OK) == 0) return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s is missing: install it beside nocturne", path);
}

static bool is_program(const char *dir, const char *file)
{
    char path[PATH_MAX];
    if (*file == '/')
        snprintf(path, sizeof path, "%s", file);
    else
        snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, X_OK) == 0;
}

/* Better now than as the failure of the baseline at night. */
enum status run_check_command(const struct study *study, struct error *err)
{
    if (study->n_args == 0)
        return error_set(err, STATUS_INVALID, "%s:1:1: 'trial: {command: […]}' is missing: the program to run",
                         study->path);
    const char *program = study->arg[0];
    if (strchr(program, '{')) return STATUS_OK;
    bool found = strchr(program, '/') && is_program(study->dir, program);
    const char *path = getenv("PATH");
    char *copy = must_strdup(path ? path : ""), *save = NULL;
    for (char *dir = strtok_r(copy, ":", &save); !found && !strchr(program, '/') && dir;
         dir = strtok_r(NULL, ":", &save))
        found = is_program(dir, program);
    free(copy);
    if (found) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: the command '%s' is not an executable program %s%s", study->path,
                     program, strchr(program, '/') ? "in " : "in PATH", strchr(program, '/') ? study->dir : "");
}

error_t run_parse(int key, char *arg, struct argp_state *state, struct run_options *o)
{
    switch (key) {
    case 'u':
        if (!words_time_of_day(arg, &o->budget.until_minutes))
            argp_error(state, "--until: '%s' is not a time of day such as 07:00", arg);
        return 0;
    case 'n': o->budget.trials = (long)cli_number(arg, "--trials", 1, 1e9, state); return 0;
    case 's': o->slots = (long)cli_number(arg, "--slots", 1, 256, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

struct budget run_budget(const struct study *study, const struct run_options *o)
{
    const struct budget *given = &o->budget;
    struct budget b = study->budget;
    if (given->trials) b.trials = given->trials;
    if (given->tokens > 0) b.tokens = given->tokens;
    if (given->cost > 0) b.cost = given->cost;
    if (given->wall_ms) b.wall_ms = given->wall_ms;
    if (given->until_minutes >= 0) b.until_minutes = given->until_minutes;
    return b;
}

static void on_event(void *data, enum coordinator_event event, const struct trial *trial, const char *text)
{
    progress_event(data, event, trial, text);
}

static void print_next(const struct study *study, const struct run_options *o)
{
    struct arena a = {0};
    bool own = strcmp(o->db, "nocturne.db") != 0;
    const char *target = arena_printf(&a, "%s%s%s", study->name, own ? " --db " : "", own ? o->db : "");
    printf("\nNext:\n  nocturne export %s --format yaml    # the best configuration; or json, env, args, toml\n",
           target);
    printf("  nocturne trials %s                  # every trial\n", target);
    if (study->objective.form != OBJECTIVE_SINGLE && study->baseline)
        printf("  nocturne best %s --weights …        # the winner if other things mattered, without a new trial\n",
               target);
    arena_done(&a);
}

static void print_comparison(const struct session *session, const struct standings *all)
{
    json_t *rows = standings_json(session, all);
    report_comparison(stdout, session->study, rows);
    json_decref(rows);
}

static int print_end(const struct study *study, const struct session *session, const struct run_options *o,
                     enum coordinator_end end)
{
    struct arena arena = {0};
    struct standings all = standings_make(session, &study->objective, false, &arena);
    if (o->json) {
        json_t *line = json_pack("{s:s, s:s, s:o}", "event", "end", "end", end == COORDINATOR_DONE ? "done" : "stopped",
                                 "best", all.winner ? standing_json(session, all.winner) : json_null());
        cli_print_json(line);
    } else if (!o->quiet && end == COORDINATOR_DONE) {
        print_comparison(session, &all);
        if (all.winner) print_next(study, o);
    } else if (end == COORDINATOR_STOPPED) {
        fprintf(stderr, "stopped; nothing is lost. Go on with: nocturne run %s%s%s\n", study->path,
                strcmp(o->db, "nocturne.db") ? " --db " : "", strcmp(o->db, "nocturne.db") ? o->db : "");
    }
    arena_done(&arena);
    return end == COORDINATOR_DONE ? EXIT_OK : EXIT_INTERRUPTED;
}

static enum progress_mode mode_of(const struct run_options *o)
{
    if (o->json) return PROGRESS_JSON;
    if (o->quiet) return PROGRESS_QUIET;
    return isatty(STDOUT_FILENO) ? PROGRESS_TERMINAL : PROGRESS_LINES;
}

static enum status coordinate(struct session *session, const struct run_options *o, const char *guard,
                              const char *files, enum coordinator_end *ret_end, struct error *err)
{
    struct progress *progress = progress_create(stdout, mode_of(o), session);
    struct coordinator_options options = {.slots = session->slots,
                                          .guard = guard,
                                          .files = files,
                                          .probe = o->probe,
                                          .only_queued = o->schedule != NULL,
                                          .listen = on_event,
                                          .data = progress};
    struct coordinator *coordinator = NULL;
    uv_loop_t loop;
    setenv("UV_THREADPOOL_SIZE", "2", 0); /* one suggestion and one judgement are computed at a time */
    uv_loop_init(&loop);
    enum status s = coordinator_create(&options, session, &loop, &coordinator, err);
    if (!s) s = coordinator_run(coordinator, ret_end, err);
    progress_clear(progress);
    uv_run(&loop, UV_RUN_DEFAULT); /* lets closing handles go */
    uv_loop_close(&loop);
    coordinator_free(coordinator);
    progress_free(progress);
    return s;
}

static void print_resumed(const struct session *session)
{
    size_t complete = session_count(session, TRIAL_COMPLETE), pruned = session_count(session, TRIAL_PRUNED),
           attempts = 0;
    for (size_t i = 0; i < session->n; i++) attempts += (size_t)session->trial[i]->attempts;
    if (!attempts) return;
    printf("going on with study %s: %zu of %zu trials complete", session->study->name, complete, session->n);
    if (pruned) printf(", %zu stopped early", pruned);
    putchar('\n');
}

enum { RETRY_MS = 200, PATIENCE_MS = 3000 };

/* A database that another program keeps locked is waited for, not given up on; a short wait needs no words. */
static enum status open_patiently(const char *db, struct store **ret, struct error *err)
{
    enum status s = store_open(db, STORE_CREATE, ret, err);
    for (int waited = 0; s == STATUS_BUSY; waited += RETRY_MS) {
        if (waited == PATIENCE_MS)
            fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", err->text);
        usleep(RETRY_MS * 1000);
        s = store_open(db, STORE_CREATE, ret, err);
    }
    return s;
}

static enum status open_session(struct store *store, const struct study *study, const struct run_options *o,
                                struct session **ret, struct error *err)
{
    struct budget budget = run_budget(study, o);
    struct opening opening = {.seed = o->seed >= 0 ? (uint64_t)o->seed : study->seed,
                              .budget = &budget,
                              .slots = (size_t)(o->slots ? o->slots : study->slots)};
    enum status s = session_open(store, study, &opening, clock_real(), ret, err);
    if (s == STATUS_BUSY) fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", err->text);
    while (s == STATUS_BUSY) s = session_open(store, study, &opening, clock_real(), ret, err); /* waits by itself */
    return s;
}

/* One more trial: the schedule of a file, on a fresh seed. */
static enum status add_schedule(struct session *session, const char *path, struct error *err)
{
    enum { ROOM = 1 << 20 };
    struct arena arena = {0};
    struct course course;
    const double *config;
    json_t *object = NULL;
    FILE *in = fopen(path, "rb");
    if (!in) return error_set(err, STATUS_NOT_FOUND, "%s: cannot read the schedule: %s", path, strerror(errno));
    char *text = must_alloc(ROOM, 1);
    size_t n = fread(text, 1, ROOM, in);
    fclose(in);
    enum status s = json_parse_object(text, n, &object, err);
    if (!s) s = population_parse(session, object, &arena, &config, &course, err);
    if (s)
        s = error_context(err, "%s", path);
    else
        session_add(session, &(struct addition){.role = ROLE_ENQUEUED,
                                                .config = config,
                                                .source = arena_printf(&arena, "schedule of %s", path),
                                                .course = &course});
    json_decref(object);
    free(text);
    arena_done(&arena);
    return s;
}

int run_study(const struct study *study, const struct run_options *o)
{
    char guard[PATH_MAX], files[PATH_MAX];
    struct store *store = NULL;
    struct store_hold *hold = NULL;
    struct session *session = NULL;
    struct error err;
    enum coordinator_end end = COORDINATOR_STOPPED;
    enum status s = run_check_command(study, &err);
    if (!s && strcmp(o->db, ":memory:") == 0)
        s = error_set(&err, STATUS_INVALID, "run needs a database file: --db FILE");
    if (!s) s = find_guard(guard, &err);
    if (!s) s = open_patiently(o->db, &store, &err);
    if (!s) s = cli_files_folder(o->db, files, &err);
    if (!s) s = store_hold_take(store, study->name, &hold, &err);
    if (!s) s = open_session(store, study, o, &session, &err);
    if (!s) s = warm_start_load(session, &err);
    if (!s) cli_print_changes(session);
    if (!s && o->schedule) s = add_schedule(session, o->schedule, &err);
    if (!s && !o->quiet && !o->json) print_resumed(session);
    if (!s) s = coordinate(session, o, guard, files, &end, &err);
    int code = s ? cli_fail(&err) : print_end(study, session, o, end);
    session_free(session);
    store_hold_release(hold);
    store_close(store);
    return code;
}
