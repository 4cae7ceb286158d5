/* The study file: YAML in, struct study out: its root, and the small sections. The tables are explained in file.h. */
#include "tuner/study/file.h"

#include "tuner/base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GRACE_MS = 5000, TRIALS_DEFAULT = 100, BACKOFF_MS = 1000, LEASE_MS = 24 * 3600 * 1000 };

/* ---- trial ---- */

static enum status read_command(struct file *f, const struct yaml_node *v)
{
    return file_command(f, v, &f->study->n_args, &f->study->arg);
}

static enum status read_timeout(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "timeout", &f->study->limits.timeout_ms);
}

static enum status read_grace(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "grace", &f->study->limits.grace_ms);
}

static enum status read_retries(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "retries", (struct form_range){0, 100}, &f->study->limits.retries);
}

static enum status read_backoff(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "backoff", &f->study->limits.backoff_ms);
}

static enum status read_lease(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "lease", &f->study->limits.lease_ms);
}

static enum status read_output_max(struct file *f, const struct yaml_node *v)
{
    return form_size(&f->form, v, "max_output", (struct form_range){1e3, 1e12}, &f->study->limits.output_max);
}

static enum status read_trial(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {
        {"command", read_command},       {"timeout", read_timeout}, {"grace", read_grace},
        {"retries", read_retries},       {"backoff", read_backoff}, {"resources", NULL},
        {"max_output", read_output_max}, {"lease", read_lease},     {"collect", NULL},
    };
    return FILE_SECTION(f, v, "trial", keys);
}

/* Placeholders can be checked only when the parameters are known. */
static enum status check_commands(struct file *f)
{
    const double config[SPACE_PARAMS_MAX] = {0};
    const struct study_run run = {.config = config, .dir = ""};
    const struct yaml_node *trial = yaml_get(f->root, "trial");
    const struct yaml_node *command = trial ? yaml_get(trial, "command") : NULL;
    if (command && f->study->pipeline.n)
        return form_fail(&f->form, command, "the study has 'stages', and each of them has its own command");
    return command ? file_check_command(f, command, f->study, &run) : STATUS_OK;
}

/* ---- budget, confirm, search ---- */

static enum status read_budget_trials(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "trials", (struct form_range){1, 1e9}, &f->study->budget.trials);
}

static enum status read_budget_tokens(struct file *f, const struct yaml_node *v)
{
    return form_number(&f->form, v, "tokens", (struct form_range){1, 1e300}, &f->study->budget.tokens);
}

static enum status read_budget_wall(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "wall", &f->study->budget.wall_ms);
}

static enum status read_budget_until(struct file *f, const struct yaml_node *v)
{
    if (v->kind != YAML_TEXT || !words_time_of_day(v->text, &f->study->budget.until_minutes))
        return form_fail(&f->form, v, "'until' must be a time of day such as \"07:00\"");
    return STATUS_OK;
}

static enum status read_budget_patience(struct file *f, const struct yaml_node *v)
{
    static const char *const names[] = {"auto", "none"};
    size_t i = 0;
    enum status s = file_choice(f, v, "patience", names, 2, &i);
    if (!s) f->study->budget.patience_auto = i == 0;
    return s;
}

static enum status read_budget_cost(struct file *f, const struct yaml_node *v)
{
    return form_number(&f->form, v, "cost", (struct form_range){1e-9, 1e300}, &f->study->budget.cost);
}

static enum status read_price_token(struct file *f, const struct yaml_node *v)
{
    return form_number(&f->form, v, "token", (struct form_range){1e-300, 1e6}, &f->study->budget.price_token);
}

static enum status read_price_hour(struct file *f, const struct yaml_node *v)
{
    return form_number(&f->form, v, "hour", (struct form_range){1e-300, 1e9}, &f->study->budget.price_hour);
}

static enum status read_budget_price(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"token", read_price_token}, {"hour", read_price_hour}};
    enum status s = FILE_SECTION(f, v, "price", keys);
    if (!s && v->n == 0)
        s = form_fail(&f->form, v, "'price' is empty; give token (for one token), hour (of one slot), or both");
    return s;
}

static enum status check_cost(struct file *f, const struct yaml_node *v)
{
    const struct budget *b = &f->study->budget;
    if (b->cost > 0 && b->price_token <= 0 && b->price_hour <= 0)
        return form_fail(&f->form, v, "'cost' needs a 'price', for example {token: 2e-6} or {hour: 1.50}");
    return STATUS_OK;
}

static enum status read_budget(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"trials", read_budget_trials},     {"until", read_budget_until},
                                      {"tokens", read_budget_tokens},     {"wall", read_budget_wall},
                                      {"patience", read_budget_patience}, {"cost", read_budget_cost},
                                      {"price", read_budget_price}};
    f->study->budget.trials = 0;
    enum status s = FILE_SECTION(f, v, "budget", keys);
    if (!s && v->n == 0)
        s = form_fail(&f->form, v, "'budget' is empty; give trials, until, tokens, wall, cost or patience");
    if (!s) s = check_cost(f, v);
    return s;
}

static enum status read_confirm_top(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "top", (struct form_range){0, 100}, &f->study->confirm.top);
}

static enum status read_confirm_seeds(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "seeds", (struct form_range){0, 1000}, &f->study->confirm.seeds);
}

static enum status read_confirm(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"top", read_confirm_top}, {"seeds", read_confirm_seeds}};
    return FILE_SECTION(f, v, "confirm", keys);
}

static enum status read_sampler(struct file *f, const struct yaml_node *v)
{
    size_t i = 0, n;
    const char *const *names = sampler_names(&n);
    enum status s = file_choice(f, v, "sampler", names, n, &i);
    if (!s) f->study->sampler = (enum sampler)i;
    return s;
}

static enum status read_seed(struct file *f, const struct yaml_node *v)
{
    long seed = 0;
    enum status s = form_whole(&f->form, v, "seed", (struct form_range){0, 9e15}, &seed);
    if (!s) f->study->seed = (uint64_t)seed;
    return s;
}

static enum status read_search(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"sampler", read_sampler}, {"seed", read_seed}, {"cost", file_search_cost}};
    return FILE_SECTION(f, v, "search", keys);
}

static bool is_warm(const struct study *study, const char *name)
{
    for (size_t i = 0; i < study->warm.n; i++)
        if (strcmp(study->warm.text[i], name) == 0) return true;
    return false;
}

static enum status read_warm_start(struct file *f, const struct yaml_node *v)
{
    enum status s = form_need(&f->form, v, YAML_LIST, "warm_start");
    if (!s && v->n > WARM_START_MAX)
        s = form_fail(&f->form, v, "'warm_start' names at most %d studies", WARM_START_MAX);
    if (s) return s;
    f->study->warm.text = arena_array(&f->study->arena, v->n, sizeof *f->study->warm.text);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = file_check_name(f, v->value[i], "a study of 'warm_start'");
        if (!s && strcmp(v->value[i]->text, f->study->name) == 0)
            s = form_fail(&f->form, v->value[i], "'%s' cannot start from itself", f->study->name);
        if (!s && is_warm(f->study, v->value[i]->text))
            file_note(f, v->value[i], "'warm_start' names '%s' twice; it teaches once", v->value[i]->text);
        else if (!s)
            f->study->warm.text[f->study->warm.n++] = v->value[i]->text;
    }
    return s;
}

static enum status read_name(struct file *f, const struct yaml_node *v)
{
    f->study->name = v->text;
    return file_check_name(f, v, "'study'");
}

static enum status read_root(struct file *f)
{
    static const struct key root[] = {
        {"study", read_name},
        {"parameters", file_parameters},
        {"trial", read_trial},
        {"metrics", file_metrics},
        {"objective", file_objective},
        {"constraints", file_constraints},
        {"baseline", file_baseline},
        {"references", file_references},
        {"budget", read_budget},
        {"confirm", read_confirm},
        {"search", read_search},
        {"workers", file_workers},
        {"stopping", file_stopping},
        {"schedule", file_schedule},
        {"rollout", NULL},
        {"stages", file_stages},
        {"checkpoints", file_checkpoints},
        {"executor", file_executor},
        {"files", file_files},
        {"warm_start", read_warm_start},
        {"price", NULL},
        {"watch", NULL},
    };
    static const char *const required[] = {"study", "parameters", "objective"};
    enum status s = file_check_keys(f, f->root, "the study file", root, sizeof root / sizeof *root);
    for (size_t i = 0; !s && i < 3; i++)
        if (!yaml_get(f->root, required[i])) s = form_fail(&f->form, f->root, "'%s' is missing", required[i]);
    if (!s) s = FILE_SECTION(f, f->root, "the study file", root);
    if (!s) s = check_commands(f);
    if (!f->study->limits.lease_ms)
        f->study->limits.lease_ms = f->study->limits.timeout_ms ? f->study->limits.timeout_ms : LEASE_MS;
    if (!s) s = file_settle_stages(f);
    if (!s && objective_needs_baseline(&f->study->objective) && !f->study->baseline)
        s = form_fail(
            &f->form, yaml_get(f->root, "objective"),
            "a weighted objective, an exchange or a bound on 'baseline' needs 'baseline:', the configuration to compare with");
    return s;
}

static void set_defaults(struct study *s)
{
    s->limits.grace_ms = GRACE_MS;
    s->limits.retries = 1;
    s->limits.backoff_ms = BACKOFF_MS;
    s->limits.output_max = 64.0 * 1024 * 1024;
    s->budget = (struct budget){.trials = TRIALS_DEFAULT, .until_minutes = -1};
    s->confirm.top = 3;
    s->confirm.seeds = 3;
    s->workers.slots = 1;
}

/* The folder that holds `path`, absolute. Also when the file is gone: another folder's files are not the study's. */
static const char *folder_of(struct arena *a, const char *path)
{
    char *real = realpath(path, NULL), *above = dirname(arena_strdup(a, path));
    char *folder = real ? dirname(real) : realpath(above, NULL);
    char *dir = arena_strdup(a, folder ? folder : above);
    free(real ? real : folder);
    return dir;
}

enum status study_parse(const char *path, const char *text, size_t len, struct study **ret, struct error *err)
{
    struct arena arena = {0};
    struct study *study = arena_alloc(&arena, sizeof *study);
    study->arena = arena;
    study->path = arena_strdup(&study->arena, path);
    study->dir = folder_of(&study->arena, path);
    set_defaults(study);
    struct yaml_node *root = NULL;
    enum status s = yaml_read(study->path, text, len, &study->arena, &root, err);
    if (!s) study->text = arena_printf(&study->arena, "%.*s", (int)len, text);
    if (!s) s = read_root(&(struct file){{study->path, err}, study, root});
    if (s)
        study_free(study);
    else
        *ret = study;
    return s;
}

/* A user's own file: links are followed, but nothing is waited for. */
static enum status open_file(const char *path, FILE **ret, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno != ENXIO)
        return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: cannot read the study file: %s%s",
                         path, strerror(errno), errno == ENOENT ? "; 'nocturne init' writes one to start from" : "");
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (*ret = fdopen(fd, "rb"))) return STATUS_OK;
    if (fd >= 0) close(fd);
    return error_set(err, STATUS_IO, "%s: cannot read the study file: it is not a regular file", path);
}

enum status study_load(const char *path, struct study **ret, struct error *err)
{
    enum { ROOM = (1 << 20) + 1 };
    FILE *in = NULL;
    enum status s = open_file(path, &in, err);
    if (s) return s;
    char *text = must_alloc(ROOM, 1);
    size_t n = fread(text, 1, ROOM, in);
    s = ferror(in) ? error_set(err, STATUS_IO, "%s: cannot read the study file: %s", path, strerror(errno))
                   : study_parse(path, text, n, ret, err);
    fclose(in);
    free(text);
    return s;
}
