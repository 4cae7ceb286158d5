#include "tests/test.h"

#include "tuner/study/study.h"

#include <dirent.h>
#include <unistd.h>

static struct study *load_good(void)
{
    struct study *s = NULL;
    struct error err;
    assert_ok(study_load(FIXTURES "/good.yaml", &s, &err), err);
    return s;
}

static void test_study_file__every_key_is_read(void **state)
{
    (void)state;
    struct study *s = load_good();
    assert_string_equal(s->name, "good");
    assert_int_equal(s->n_args, 10);
    assert_int_equal(s->limits.timeout_ms, 600000);
    assert_int_equal(s->limits.grace_ms, 2000);
    assert_int_equal(s->limits.retries, 2);
    assert_near(s->limits.output_max, 1e6, 0);
    assert_int_equal(s->space.n, 7);
    assert_true(s->space.param[1].log && !s->space.param[0].log);
    assert_near(s->space.param[2].lo, 3e-4, 0);
    assert_int_equal(s->space.param[5].type, PARAM_ORDINAL);
    assert_int_equal(s->objective.form, OBJECTIVE_WEIGHTS);
    assert_near(s->objective.weight[0], 0.7, 0);
    assert_int_equal(s->objective.n_constraints, 3);
    assert_near(s->objective.constraint[0].offset, -0.005, 0);
    assert_near(s->objective.constraint[0].factor, 1, 0);
    assert_near(s->objective.constraint[1].factor, 0.9, 0);
    assert_int_equal(s->objective.constraint[2].sense, AT_MOST);
    assert_near(s->baseline[4], 2, 0); /* "no" in quotes is text */
    assert_int_equal(s->n_references, 1);
    assert_near(s->reference[0].config[6], 1, 0); /* yes is a boolean */
    assert_int_equal(s->budget.trials, 200);
    assert_int_equal(s->budget.until_minutes, 420);
    assert_near(s->budget.tokens, 2e9, 0);
    assert_int_equal(s->budget.wall_ms, 9 * 3600000);
    assert_int_equal(s->confirm.top, 2);
    assert_int_equal(s->confirm.seeds, 4);
    assert_int_equal(s->sampler, SAMPLER_SOBOL);
    assert_int_equal(s->seed, 7);
    assert_int_equal(s->workers.slots, 3);
    study_free(s);
}

/* As it is in `reference`: alone, under "parameters" with whatever else export writes, as YAML and as JSON. */
static void test_study_file__a_configuration_has_a_file_of_its_own(void **state)
{
    (void)state;
    struct study *s = load_good();
    struct error err;
    double config[SPACE_PARAMS_MAX];
    json_t *params = space_to_json(&s->space, s->baseline);
    char *alone = json_dumps(params, 0), *exported = must_alloc(strlen(alone) + 200, 1);
    sprintf(exported, "# of the study\nstudy: good\ntrial: 7\nparameters: %s\n", alone);
    const char *const texts[] = {alone, exported};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(study_read_config(s, "c.yaml", texts[i], config, &err), err);
        assert_int_equal(memcmp(config, s->baseline, s->space.n * sizeof *config), 0);
    }
    const struct {
        const char *text, *says;
    } bad[] = {{"", "c.yaml:"},
               {"[1, 2]", "c.yaml:1:1: 'parameters' must be a map"},
               {"\nnonsense: 1", "c.yaml:2:1: 'nonsense' in the file is not a parameter"},
               {"parameters: {}", "c.yaml:1:13: the file lacks the parameter"},
               {"{", "c.yaml:"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(study_read_config(s, "c.yaml", bad[i].text, config, &err), STATUS_INVALID);
        assert_non_null(strstr(err.text, bad[i].says));
    }
    free(alone);
    free(exported);
    json_decref(params);
    study_free(s);
}

static void test_study_file__defaults_and_single_metric(void **state)
{
    (void)state;
    const char text[] = "study: q\nparameters: {x: {type: float, range: [-5, 10]}}\nobjective: {minimize: loss}\n";
    struct study *s = NULL;
    struct error err;
    assert_ok(study_parse("q.yaml", text, strlen(text), &s, &err), err);
    assert_int_equal(s->objective.form, OBJECTIVE_SINGLE);
    assert_string_equal(s->objective.metric[0].name, "loss");
    assert_int_equal(s->objective.metric[0].goal, GOAL_MINIMIZE);
    assert_null(s->baseline);
    assert_int_equal(s->n_args, 0);
    assert_int_equal(s->sampler, SAMPLER_GP);
    assert_int_equal(s->budget.trials, 100);
    assert_int_equal(s->workers.slots, 1);
    study_free(s);
}

static void read_expectation(const char *yaml, char *ret, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%.*s.expect", (int)(strlen(yaml) - 5), yaml);
    FILE *in = fopen(path, "r");
    if (!in || !fgets(ret, (int)size, in)) fail_msg("%s is missing", path);
    fclose(in);
    ret[strcspn(ret, "\n")] = 0;
}

/* Each fixture's error holds the text of its .expect file, and file:line:column in front. */
static void test_study_file__bad_files_are_refused_with_their_message(void **state)
{
    (void)state;
    DIR *dir = opendir(FIXTURES "/bad");
    size_t n = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[512], expected[256], at[600];
        struct study *s = NULL;
        struct error err;
        int line, column;
        if (!strstr(e->d_name, ".yaml") || strcmp(e->d_name, "missing_command.yaml") == 0)
            continue; /* only run needs it */
        snprintf(path, sizeof path, FIXTURES "/bad/%s", e->d_name);
        read_expectation(path, expected, sizeof expected);
        if (study_load(path, &s, &err) != STATUS_INVALID) fail_msg("%s was not refused", path);
        assert_null(s);
        if (!strstr(err.text, expected)) fail_msg("%s: '%s' lacks '%s'", path, err.text, expected);
        snprintf(at, sizeof at, "%s:%%d:%%d: ", path);
        if (sscanf(err.text, at, &line, &column) != 2) fail_msg("no position in '%s'", err.text);
        n++;
    }
    closedir(dir);
    assert_true(n >= 60);
}

static void test_study_file__sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double bytes; /* 0: refused */
    } cases[] = {{"300 MiB", 300 * 1048576.0},
                 {"300MiB", 300 * 1048576.0},
                 {"300 MB", 3e8},
                 {"\"300 MB\"", 3e8},
                 {"64 kB", 64000},
                 {"64 KiB", 65536},
                 {"2 GiB", 2147483648.0},
                 {"1e6", 1e6},
                 {"1048576", 1048576},
                 {"5", 0},
                 {"2 TiB", 0},
                 {"64 M", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400];
        struct study *s = NULL;
        struct error err;
        int n = snprintf(text, sizeof text,
                         "study: s\ntrial: {command: [./t, \"{x}\"], max_output: %s}\n"
                         "parameters: {x: {type: float, range: [0, 1]}}\nmetrics: {m: {goal: minimize}}\n"
                         "objective: {minimize: m}\n",
                         cases[i].text);
        enum status st = study_parse("s.yaml", text, (size_t)n, &s, &err);
        if (st != (cases[i].bytes > 0 ? STATUS_OK : STATUS_INVALID)) fail_msg("%s: %d", cases[i].text, st);
        if (s) assert_near(s->limits.output_max, cases[i].bytes, 0);
        if (!s) assert_contains(err.text, "s.yaml:2:");
        study_free(s);
    }
}

static void test_study_file__a_study_teaches_once(void **state)
{
    (void)state;
    static const char text[] = "study: s\ntrial: {command: [./t, \"{x}\"]}\n"
                               "parameters: {x: {type: float, range: [0, 1]}}\nmetrics: {m: {goal: minimize}}\n"
                               "objective: {minimize: m}\nwarm_start: [a, b, a, a]\n";
    struct study *s = NULL;
    struct error err;
    assert_ok(study_parse("s.yaml", text, sizeof text - 1, &s, &err), err);
    assert_int_equal(s->warm.n, 2);
    assert_string_equal(s->note, "s.yaml:6:20: 'warm_start' names 'a' twice; it teaches once; "
                                 "s.yaml:6:23: 'warm_start' names 'a' twice; it teaches once");
    study_free(s);
}

static void test_study_file__ten_megabytes_are_refused(void **state)
{
    (void)state;
    enum { SIZE = 10 << 20 };
    char *text = malloc(SIZE);
    struct study *s = NULL;
    struct error err;
    memset(text, 'a', SIZE);
    assert_int_equal(study_parse("big.yaml", text, SIZE, &s, &err), STATUS_INVALID);
    assert_contains(err.text, "big.yaml:1:1: the file is over 1 MiB");
    free(text);
}

static void test_study_file__missing_file_and_folder(void **state)
{
    (void)state;
    struct study *s = NULL;
    struct error err;
    assert_int_equal(study_load("/nowhere/x.yaml", &s, &err), STATUS_NOT_FOUND);
    assert_contains(err.text, "nocturne init");
    assert_int_equal(study_load(FIXTURES, &s, &err), STATUS_IO);
}

/* No prefix of a good file and no change of one of its bytes (every third, for time) may do worse than an error. */
static void test_study_file__mutations_never_crash(void **state)
{
    (void)state;
    char text[8192];
    FILE *in = fopen(FIXTURES "/good.yaml", "r");
    size_t n = fread(text, 1, sizeof text, in);
    struct study *s;
    fclose(in);
    for (size_t i = 0; i < n; i += 3) {
        if (study_parse("m", text, i, &s, NULL) == STATUS_OK) study_free(s);
        char old = text[i];
        for (const char *c = "{}[]:*&-\"\n\t0 "; *c; c++) {
            text[i] = *c;
            if (study_parse("m", text, n, &s, NULL) == STATUS_OK) study_free(s);
        }
        text[i] = old;
    }
}

static void test_space__json_and_text_round_trip(void **state)
{
    (void)state;
    struct study *s = load_good();
    double back[SPACE_PARAMS_MAX];
    char buf[SPACE_TEXT_MAX];
    struct error err;
    json_t *object = space_to_json(&s->space, s->baseline);
    assert_ok(space_from_json(&s->space, object, back, &err), err);
    for (size_t i = 0; i < s->space.n; i++) {
        double parsed;
        assert_true(back[i] == s->baseline[i]);
        assert_ok(param_parse(&s->space.param[i], param_text(&s->space.param[i], back[i], buf), &parsed, &err), err);
        assert_true(parsed == back[i]);
    }
    assert_true(json_is_string(json_object_get(object, "model")));
    assert_true(json_is_integer(json_object_get(object, "hidden")));
    assert_true(json_is_false(json_object_get(object, "distill")));
    json_object_set_new(object, "patience", json_integer(99));
    assert_int_equal(space_from_json(&s->space, object, back, &err), STATUS_INVALID);
    assert_contains(err.text, "outside its range");
    json_object_set_new(object, "patience", json_string("5"));
    assert_int_equal(space_from_json(&s->space, object, back, &err), STATUS_INVALID);
    json_object_set_new(object, "patience", json_integer(5));
    json_object_set_new(object, "model", json_string("mlq"));
    assert_int_equal(space_from_json(&s->space, object, back, &err), STATUS_INVALID);
    assert_contains(err.text, "did you mean 'mlp'?");
    json_object_del(object, "model");
    assert_int_equal(space_from_json(&s->space, object, back, &err), STATUS_INVALID);
    json_object_set_new(object, "model", json_string("mlp"));
    json_object_set_new(object, "extra", json_integer(1));
    assert_int_equal(space_from_json(&s->space, object, back, &err), STATUS_INVALID);
    json_decref(object);
    study_free(s);
}

static void test_space__levels(void **state)
{
    (void)state;
    struct study *s = load_good();
    const double levels[] = {20, 1017, 0, 0, 3, 3, 2};
    for (size_t i = 0; i < 7; i++) assert_near(param_levels(&s->space.param[i]), levels[i], 0);
    study_free(s);
}

static void test_objective__weighted_utility_by_hand(void **state)
{
    (void)state;
    struct study *s = load_good();
    const double base[] = {0.6, 8e6, 1}, better[] = {0.63, 4e6, 1}, low[] = {0.59, 2e6, 1}, heavy[] = {0.6, 7.9e6, 1},
                 lossy[] = {0.6, 2e6, 9};
    /* 0.7 · 0.03/0.6 + 0.3 · 0.5 */
    assert_near(objective_utility(&s->objective, better, base), 0.185, 1e-12);
    assert_near(objective_utility(&s->objective, base, base), 0, 0);
    assert_true(objective_feasible(&s->objective, better, base));
    assert_false(objective_feasible(&s->objective, low, base));
    assert_false(objective_feasible(&s->objective, heavy, base));
    assert_false(objective_feasible(&s->objective, lossy, base));
    assert_true(objective_needs_baseline(&s->objective));
    assert_near(objective_known_utility(&s->objective, better, base), 0.185, 1e-12);
    assert_true(isnan(objective_known_utility(&s->objective, better, NULL)));
    assert_true(isnan(objective_known_utility(&s->objective, (double[]){NAN, 4e6, 1}, base)));
    assert_near(objective_known_utility(&s->objective, (double[]){0.63, 4e6, NAN}, base), 0.185, 1e-12);
    assert_true(objective_uses(&s->objective, 2));
    assert_false(objective_in_utility(&s->objective, 2));
    study_free(s);
}

static void test_objective__exchange_and_weights_at_the_command_line(void **state)
{
    (void)state;
    struct study *s = load_good();
    struct objective o = s->objective;
    struct error err;
    const double base[] = {0.6, 8e6, 1}, half[] = {0.59, 4e6, 1};
    assert_ok(objective_set_exchange(&o, 1, &err), err);
    assert_near(objective_utility(&o, half, base), 0, 1e-9); /* one point lost, tokens halved: even */
    assert_true(objective_in_utility(&o, 0) && objective_in_utility(&o, 1) && !objective_in_utility(&o, 2));
    assert_int_equal(objective_set_exchange(&o, -1, &err), STATUS_INVALID);
    assert_ok(objective_parse_weights(&o, "em=0.9,tokens=0.1", &err), err);
    assert_near(o.weight[0], 0.9, 0);
    assert_ok(objective_parse_weights(&o, "em=7,tokens=3", &err), err);
    assert_near(o.weight[0], 0.7, 1e-12);
    const char *const wrong[] = {"em=0.9", "em=0,tokens=0",  "em=1e308,tokens=1e308", "em",
                                 "me=1",   "em=2,tokens=-1", "em=x,tokens=1",         "em=0.5,tokens=0.5,x=0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(objective_parse_weights(&o, wrong[i], &err), STATUS_INVALID);
    study_free(s);
}

static void test_study__fill_replaces_and_refuses(void **state)
{
    (void)state;
    struct study *s = load_good();
    const struct study_run run = {.config = s->baseline, .trial = 3, .attempt = 2, .slot = 5, .seed = 42, .dir = "/d"};
    struct arena a = {0};
    struct error err;
    char *out;
    assert_ok(
        command_fill_one(s, "--m={model}/{seed}/{{x}}/{study}.{trial}.{attempt}{dir}:{slot}", &run, &a, &out, &err),
        err);
    assert_string_equal(out, "--m=no/42/{x}/good.3.2/d:5");
    assert_ok(command_fill_one(s, "", &run, &a, &out, &err), err);
    assert_string_equal(out, "");
    const char *const wrong[] = {"{nothing}", "{model", "model}", "{}", "{a{b}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(command_fill_one(s, wrong[i], &run, &a, &out, &err), STATUS_INVALID);
    arena_done(&a);
    study_free(s);
}

static char *repeat(const char *part, size_t n)
{
    char *text = malloc(strlen(part) * n + 1);
    for (size_t i = 0; i < n; i++) memcpy(text + i * strlen(part), part, strlen(part));
    text[strlen(part) * n] = 0;
    return text;
}

/* A million placeholders: quadratic work would take hours. */
static void test_study__fill_takes_time_in_proportion(void **state)
{
    enum { N = 1000000 };
    struct study *s = load_good();
    const struct study_run run = {.config = s->baseline, .trial = 3, .dir = "/d"};
    struct arena a = {0};
    struct error err;
    char *template = repeat("{trial}", N), *out, *weights = repeat("em=0,", N);
    struct objective o = s->objective;
    (void)state;
    alarm(60);
    assert_ok(command_fill_one(s, template, &run, &a, &out, &err), err);
    assert_int_equal(strlen(out), N);
    assert_int_equal(objective_parse_weights(&o, weights, &err), STATUS_INVALID);
    assert_contains(err.text, "must sum to 1");
    alarm(0);
    arena_done(&a);
    free(template);
    free(weights);
    study_free(s);
}

/* What has a size that the file chooses has a limit, and the error says where it was passed. */
static void test_study_file__lists_have_limits(void **state)
{
    static const char head[] =
        "study: q\nparameters: {x: {type: int, range: [1, 9]}%s%s%s}\nobjective: {minimize: m}\n";
    static const struct {
        const char *before, *part;
        size_t n;
        const char *after, *error;
        bool in_parameters;
    } over[] = {
        {"trial: {command: [\"", "{x}", 200000, "\"]}\n", "q:4:19: 'command' is over 262144 bytes long", 0},
        {"trial: {command: [\"", "{x}", 5000, "\"]}\n", "q:4:19: 'command' has more than 4096 placeholders", 0},
        {"trial: {command: [", "a,", 5000, "]}\n", "q:4:18: 'command' has more than 4096 arguments", 0},
        {"trial: {command: [a, ", "a", 300000, "]}\n", "q:4:22: 'command' is over 262144 bytes long", 0},
        {"files: [", "a,", 300, "]\n", "q:4:8: 'files' holds more than 256", 0},
        {"files: [", "a", 5000, "]\n", "q:4:9: an item of 'files' is over 4095 bytes long", 0},
        {"executor: {slurm: {extra: [", "-a,", 300, "]}}\n", "q:4:27: 'extra' holds more than 256", 0},
        {"constraints: [", "m <= 1,", 9, "]\n", "q:4:14: more than 8 constraints", 0},
        {"warm_start: [", "a,", 6, "]\n", "q:4:13: 'warm_start' names at most 5", 0},
        {", y: {type: bool, when: \"", "x==1 and ", 64, "x==1\"}", "'when' expects at most 64 comparisons", 1},
        {", y: {type: bool, when: \"", "not ", 40, "x==1\"}", "'when' expects less nesting", 1},
        {", y: {type: bool, when: \"", "(", 200000, "\"}", "'when' is over 4096 bytes long", 1},
        {", y: {type: categorical, values: [", "a,", 300, "]}", "'values' may hold at most 256", 1},
    };
    (void)state;
    alarm(60);
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        struct study *s = NULL;
        struct error err;
        struct arena a = {0};
        char *part = repeat(over[i].part, over[i].n), *text;
        text = over[i].in_parameters ? arena_printf(&a, head, over[i].before, part, over[i].after)
                                     : arena_printf(&a,
                                                    "study: q\nparameters: {x: {type: int, range: [1, 9]}}\n"
                                                    "objective: {minimize: m}\n%s%s%s",
                                                    over[i].before, part, over[i].after);
        assert_int_equal(study_parse("q", text, strlen(text), &s, &err), STATUS_INVALID);
        assert_contains(err.text, over[i].error);
        assert_contains(err.text, "q:");
        arena_done(&a);
        free(part);
    }
    alarm(0);
}

static void test_study__identity_changes_with_the_space_only(void **state)
{
    (void)state;
    const char one[] = "study: q\nparameters: {x: {type: float, range: [0, 1]}}\nobjective: {minimize: loss}\n";
    const char budget[] =
        "study: q\nparameters: {x: {type: float, range: [0, 1]}}\nobjective: {minimize: loss}\nbudget: {trials: 3}\n";
    const char wider[] = "study: q\nparameters: {x: {type: float, range: [0, 2]}}\nobjective: {minimize: loss}\n";
    const char *const texts[] = {one, budget, wider};
    char *id[3];
    for (int i = 0; i < 3; i++) {
        struct study *s = NULL;
        struct error err;
        assert_ok(study_parse("q", texts[i], strlen(texts[i]), &s, &err), err);
        id[i] = study_identity(s);
        study_free(s);
    }
    assert_string_equal(id[0], id[1]);
    assert_string_not_equal(id[0], id[2]);
    struct arena a = {0};
    const char *changes;
    struct error err;
    assert_ok(study_identity_compare(id[0], id[1], &a, &changes, &err), err);
    assert_string_equal(changes, "");
    assert_ok(study_identity_compare(id[0], id[2], &a, &changes, &err), err);
    assert_string_equal(changes, "x: range [0.0, 2.0], was [0.0, 1.0]");
    assert_int_equal(study_identity_compare(id[0], "{}", &a, &changes, &err), STATUS_INVALID);
    assert_int_equal(study_identity_compare("[", id[0], &a, &changes, &err), STATUS_IO);
    arena_done(&a);
    for (int i = 0; i < 3; i++) free(id[i]);
    assert_string_equal(sampler_name(SAMPLER_SOBOL), "sobol");
    study_free(NULL);
}

/* model ∈ {mlp, gru}, layers 1 … 3, lr in [0, 1], tied a bool; does "p" exist? */
static bool exists(const char *when, double model, double layers, double lr, double tied)
{
    char text[1024];
    struct study *s = NULL;
    struct error err;
    double config[] = {model, layers, lr, tied, NAN};
    snprintf(text, sizeof text,
             "study: c\nparameters:\n  model: {type: categorical, values: [mlp, gru]}\n"
             "  layers: {type: int, range: [1, 3], when: model == gru}\n  lr: {type: float, range: [0, 1]}\n"
             "  tied: {type: bool}\n  p: {type: float, range: [2, 3], when: \"%s\"}\nobjective: {minimize: loss}\n",
             when);
    assert_ok(study_parse("c", text, strlen(text), &s, &err), err);
    space_settle(&s->space, config);
    assert_true(isnan(config[1]) == (model == 0));
    bool there = !isnan(config[4]);
    if (there) assert_near(config[4], 2, 0);
    json_t *json = space_to_json(&s->space, config);
    double again[5];
    assert_int_equal(json_object_size(json), 3 + (model == 1) + there);
    assert_ok(space_from_json(&s->space, json, again, &err), err);
    assert_memory_equal(again, config, sizeof config);
    json_object_set_new(json, there ? "q" : "p", json_real(2.5)); /* too much */
    assert_int_equal(space_from_json(&s->space, json, again, &err), STATUS_INVALID);
    json_decref(json);
    study_free(s);
    return there;
}

static void test_condition__says_when_a_parameter_exists(void **state)
{
    (void)state;
    assert_true(exists("model == mlp", 0, NAN, 0.5, 0));
    assert_false(exists("model == mlp", 1, 2, 0.5, 0));
    assert_true(exists("model in [mlp, gru]", 1, 2, 0.5, 0));
    assert_true(exists("layers >= 2", 1, 2, 0.5, 0));
    assert_false(exists("layers > 2", 1, 2, 0.5, 0));
    assert_false(exists("layers >= 1", 0, 2, 0.5, 0)); /* layers itself does not exist */
    assert_false(exists("layers != 1", 0, 2, 0.5, 0));
    assert_true(exists("layers != 1", 1, 2, 0.5, 0));
    assert_true(exists("not layers == 1", 0, 2, 0.5, 0));
    assert_true(exists("lr < 0.1 or tied == true and lr <= 0.5", 0, NAN, 0.5, 1)); /* and binds tighter */
    assert_false(exists("(lr < 0.1 or tied == true) and lr < 0.5", 0, NAN, 0.5, 1));
    assert_true(exists("model=='gru'and(layers<3)", 1, 2, 0.5, 0));
}

static void test_study__metrics_are_shown_as_people_write_them(void **state)
{
    static const struct {
        enum metric_kind kind;
        double v;
        const char *text;
    } rows[] = {{METRIC_VALUE, 1180000, "1.18M"},         {METRIC_VALUE, -1180000, "-1.18M"},
                {METRIC_VALUE, 123456, "123k"},           {METRIC_VALUE, 99999, "99999"},
                {METRIC_VALUE, 0.00012345, "0.00012345"}, {METRIC_VALUE, 2.5e9, "2.50G"},
                {METRIC_VALUE, 1e300, "1e+300"},          {METRIC_VALUE, NAN, "-"},
                {METRIC_PROPORTION, 0.59, "0.5900"},      {METRIC_COUNT, 4100000, "4.10M"}};
    char buf[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(metric_show(&(struct metric){.kind = rows[i].kind}, rows[i].v, buf, sizeof buf),
                            rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_study__metrics_are_shown_as_people_write_them),
        cmocka_unit_test(test_study_file__every_key_is_read),
        cmocka_unit_test(test_study_file__a_configuration_has_a_file_of_its_own),
        cmocka_unit_test(test_study_file__defaults_and_single_metric),
        cmocka_unit_test(test_study_file__bad_files_are_refused_with_their_message),
        cmocka_unit_test(test_study_file__sizes_have_units),
        cmocka_unit_test(test_study_file__a_study_teaches_once),
        cmocka_unit_test(test_study_file__ten_megabytes_are_refused),
        cmocka_unit_test(test_study_file__missing_file_and_folder),
        cmocka_unit_test(test_study_file__mutations_never_crash),
        cmocka_unit_test(test_space__json_and_text_round_trip),
        cmocka_unit_test(test_space__levels),
        cmocka_unit_test(test_objective__weighted_utility_by_hand),
        cmocka_unit_test(test_objective__exchange_and_weights_at_the_command_line),
        cmocka_unit_test(test_study__fill_replaces_and_refuses),
        cmocka_unit_test(test_study__fill_takes_time_in_proportion),
        cmocka_unit_test(test_study_file__lists_have_limits),
        cmocka_unit_test(test_study__identity_changes_with_the_space_only),
        cmocka_unit_test(test_condition__says_when_a_parameter_exists),
    };
    return cmocka_run_group_tests_name("study", tests, NULL, NULL);
}
