/* Agents from elsewhere: what is submitted and cancelled as the queue and the wishes change, with programs of the
 * test's own in the place of Slurm's. */
#include "tests/fake_clock.h"
#include "tests/test.h"

#include "tuner/execution/execution.h"
#include "tuner/execution/slurm.h"

#include "workers/workers.h"

#include <sys/stat.h>
#include <unistd.h>

static const char STUDY[] =
    "study: s\ntrial: {command: [./train, '{x}']}\nparameters: {x: {type: float, range: [0, 1]}}\n"
    "metrics: {loss: {goal: minimize}}\nobjective: {minimize: loss}\n"
    "executor: {slurm: {max_agents: 4, slots: 2}}\n";

enum { TEXT_MAX = 4000, PATHS_MAX = 300 };

struct world {
    struct fake_clock clock;
    uv_loop_t loop;
    char dir[64], path[PATHS_MAX];
    struct study *study;
    struct fleet *fleet;
    struct provisioner *provisioner;
    size_t wanted; /* trials; the study is at work while there are any */
    char said[TEXT_MAX];
};

static struct provision_wish *wishes(void *data, struct arena *arena, size_t *ret_n)
{
    const struct world *w = data;
    struct provision_wish *one = arena_array(arena, 1, sizeof *one);
    *one = (struct provision_wish){w->study, w->wanted};
    *ret_n = w->wanted > 0;
    return one;
}

static enum status token(void *data, enum provisioner_kind kind, const char *path, struct error *err)
{
    (void)err;
    assert_int_equal(kind, PROVISIONER_SLURM);
    assert_contains(path, ((const struct world *)data)->dir);
    assert_contains(path, "/slurm.token");
    return STATUS_OK;
}

static void say(void *data, const char *study, const char *text)
{
    struct world *w = data;
    size_t n = strlen(w->said);
    snprintf(w->said + n, sizeof w->said - n, "%s: %s\n", study ? study : "-", text);
}

static char *in(struct world *w, const char *name)
{
    snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
    return w->path;
}

static void put(struct world *w, const char *name, const char *text)
{
    FILE *out = fopen(in(w, name), "w");
    fputs(text, out);
    fclose(out);
    chmod(w->path, 0700);
}

static void take(struct world *w, const char *name, char *ret)
{
    FILE *file = fopen(in(w, name), "r");
    size_t n = file ? fread(ret, 1, TEXT_MAX - 1, file) : 0;
    ret[n] = 0;
    if (file) fclose(file);
    unlink(w->path);
}

/* A program that notes how it was started, prints what is in the file `says`, and fails if there is a file `fails`. */
static void put_tool(struct world *w, const char *name)
{
    char text[TEXT_MAX];
    snprintf(text, sizeof text,
             "#!/bin/sh\ncd %s || exit 9\necho \"$@\" >>%s.args\n"
             "if [ -e %s.fails ]; then cat %s.fails >&2; exit 1; fi\ncat %s.says 2>/dev/null || :\n",
             w->dir, name, name, name, name);
    put(w, name, text);
}

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    w->clock = fake_clock_at(1000000, 1000000);
    strcpy(w->dir, "/tmp/test_provisioner.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_ok(study_parse("s.yaml", STUDY, strlen(STUDY), &w->study, &err), err);
    put_tool(w, "squeue");
    put_tool(w, "sbatch");
    put_tool(w, "scancel");
    put(w, "sbatch.says", "77;cluster\n");
    char path[TEXT_MAX];
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", w->dir);
    setenv("PATH", path, 1);
    uv_loop_init(&w->loop);
    w->fleet = fleet_create(&w->clock.clock, 60000);
    const struct provisioner_options options = {.loop = &w->loop,
                                                .clock = &w->clock.clock,
                                                .fleet = w->fleet,
                                                .files = w->dir,
                                                .url = "http://here:1",
                                                .wishes = wishes,
                                                .token = token,
                                                .say = say,
                                                .data = w};
    w->provisioner = provisioner_create(&options);
    return w;
}

static void world_free(struct world *w)
{
    provisioner_free(w->provisioner);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    fleet_free(w->fleet);
    study_free(w->study);
    workers_remove_folder(w->dir);
    free(w);
}

/* So much later; what it leads to is waited for. */
static void pass(struct world *w, int64_t ms)
{
    fake_clock_pass(&w->clock, ms);
    provisioner_tick(w->provisioner);
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

static void job_name(const char *args, char *ret)
{
    const char *at = strstr(args, "--job-name=");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "--job-name=%64s", ret), 1);
}

static void show_jobs(struct world *w, const char *name, size_t n)
{
    char text[TEXT_MAX] = "12|RUNNING|somebody's\n";
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%zu|RUNNING|%s\n", 100 + i, name);
    put(w, "squeue.says", text);
}

static void test_provisioner__submits_what_is_missing_and_cancels_what_is_left(void **state)
{
    struct world *w = world_make();
    char text[TEXT_MAX], name[PROVISION_NAME_MAX + 1];
    (void)state;
    pass(w, 5000);
    take(w, "squeue.args", text);
    assert_string_equal(text, ""); /* nobody wishes anything */
    w->wanted = 5;
    pass(w, 5000);
    take(w, "sbatch.args", text);
    assert_contains(text, "--array=1-3 "); /* two trials each */
    assert_contains(text, "/s/slurm/agent.job");
    assert_contains(w->said, "s: agents submitted to Slurm as job 77\n");
    job_name(text, name);
    show_jobs(w, name, 3);
    pass(w, 5000);
    take(w, "sbatch.args", text);
    assert_string_equal(text, "");
    w->wanted = 100;
    pass(w, 5000);
    take(w, "sbatch.args", text);
    assert_contains(text, "--array=1-1 "); /* max_agents */
    w->wanted = 0;
    provisioner_retire(w->provisioner, PROVISIONER_SLURM, "s");
    pass(w, 5000);
    take(w, "scancel.args", text);
    assert_contains(text, name);
    show_jobs(w, name, 0);
    for (int i = 0; i < 5; i++) pass(w, 5000);
    take(w, "squeue.args", text);
    pass(w, 5000);
    take(w, "squeue.args", text);
    assert_string_equal(text, ""); /* forgotten */
    world_free(w);
}

static void test_provisioner__a_queue_that_cannot_be_read_is_not_empty(void **state)
{
    struct world *w = world_make();
    char text[TEXT_MAX];
    (void)state;
    w->wanted = 1;
    put(w, "squeue.fails", "no controller\n");
    pass(w, 5000);
    pass(w, 5000);
    assert_string_equal(w->said, "-: squeue: no controller; tried again\n");
    take(w, "sbatch.args", text);
    assert_string_equal(text, "");
    unlink(in(w, "squeue.fails"));
    pass(w, 5000);
    assert_contains(w->said, "-: squeue works again\n");
    take(w, "sbatch.args", text);
    assert_contains(text, "--array=1-1 ");
    world_free(w);
}

static void test_provisioner__what_is_refused_is_tried_again_later(void **state)
{
    struct world *w = world_make();
    char text[TEXT_MAX];
    (void)state;
    w->wanted = 1;
    put(w, "sbatch.fails", "no such partition\n");
    pass(w, 5000);
    assert_string_equal(w->said, "s: sbatch: no such partition; tried again in 15 s\n");
    take(w, "sbatch.args", text);
    pass(w, 5000);
    take(w, "sbatch.args", text);
    assert_string_equal(text, "");
    pass(w, 10000);
    take(w, "sbatch.args", text);
    assert_contains(text, "--array=1-1 ");
    world_free(w);
}

static void test_provisioner__one_that_ends_amid_a_command_hears_no_more(void **state)
{
    struct world *w = world_make();
    (void)state;
    w->wanted = 1;
    fake_clock_pass(&w->clock, 5000);
    provisioner_tick(w->provisioner);
    world_free(w);
}

static void test_slurm__lines_of_the_queue(void **state)
{
    struct provision_job j;
    (void)state;
    assert_true(slurm_read_job("12|RUNNING|nocturne-s-0123\n13|…", &j));
    assert_string_equal(j.id, "12");
    assert_string_equal(j.name, "nocturne-s-0123");
    assert_true(slurm_read_job("7|PENDING|x", &j));
    assert_string_equal(j.id, "7");
    static const char *const none[] = {"",
                                       "x",
                                       "12",
                                       "12|",
                                       "12|RUNNING",
                                       "12|RUNNING|",
                                       "12|COMPLETED|x",
                                       "12|FAILED|x",
                                       "0|RUNNING|x",
                                       "-3|RUNNING|x",
                                       "12|running|x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (slurm_read_job(none[i], &j)) fail_msg("%s", none[i]);
}

/* A line of a long queue is read without a look at all the others. */
static void test_slurm__a_long_queue_takes_linear_time(void **state)
{
    enum { N = 1000000 };
    static const char line[] = "12|RUNNING|nocturne-s-0123\n";
    const size_t size = sizeof line - 1;
    char *text = malloc(N * size + 1);
    struct provision_job j;
    (void)state;
    for (size_t i = 0; i < N; i++) memcpy(text + i * size, line, size);
    text[N * size] = 0;
    alarm(60);
    for (size_t i = 0; i < N; i++) assert_true(slurm_read_job(text + i * size, &j));
    alarm(0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provisioner__submits_what_is_missing_and_cancels_what_is_left),
        cmocka_unit_test(test_provisioner__a_queue_that_cannot_be_read_is_not_empty),
        cmocka_unit_test(test_provisioner__what_is_refused_is_tried_again_later),
        cmocka_unit_test(test_provisioner__one_that_ends_amid_a_command_hears_no_more),
        cmocka_unit_test(test_slurm__lines_of_the_queue),
        cmocka_unit_test(test_slurm__a_long_queue_takes_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
