/* `workers:`, `executor:` and `files:`: where trials run, and what a machine needs to run them. */
#include "tuner/study/file.h"

#include "tuner/base/words.h"

#include <string.h>

enum { IDLE_MS = 60000, AGENTS_MAX = 10000, TEXTS_MAX = 256, TEXT_BYTES_MAX = 4095 };

static enum status list_of_text(struct file *f, const struct yaml_node *v, const char *name, size_t *ret_n,
                                const char ***ret)
{
    enum status s = form_need(&f->form, v, YAML_LIST, name);
    if (!s && v->n > TEXTS_MAX) s = form_fail(&f->form, v, "'%s' holds more than %d", name, TEXTS_MAX);
    if (s) return s;
    *ret = arena_array(&f->study->arena, v->n + 1, sizeof **ret);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = form_need(&f->form, v->value[i], YAML_TEXT, name);
        if (!s && strlen(v->value[i]->text) > TEXT_BYTES_MAX)
            s = form_fail(&f->form, v->value[i], "an item of '%s' is over %d bytes long", name, TEXT_BYTES_MAX);
        if (!s) (*ret)[(*ret_n)++] = v->value[i]->text;
    }
    return s;
}

/* ---- files ---- */

enum status file_patterns(struct file *f, const struct yaml_node *v, struct text_list *ret)
{
    enum status st = list_of_text(f, v, "files", &ret->n, &ret->text);
    for (size_t i = 0; !st && i < ret->n; i++)
        if (!words_is_inside(ret->text[i]))
            st = form_fail(&f->form, v->value[i],
                           "'%.200s' is not in the study's folder; 'files' takes relative paths and patterns such as "
                           "train.py or data/*.csv",
                           ret->text[i]);
    return st;
}

enum status file_files(struct file *f, const struct yaml_node *v)
{
    return file_patterns(f, v, &f->study->files);
}

/* ---- workers ---- */

static enum status read_local(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "local", (struct form_range){1, 256}, &f->study->workers.slots);
}

static enum status read_gpu_list(struct file *f, const struct yaml_node *v, struct gpu_wish *ret)
{
    enum status s = STATUS_OK;
    if (v->n > STUDY_GPUS_MAX) return form_fail(&f->form, v, "'gpus' lists more than %d", STUDY_GPUS_MAX);
    ret->kind = v->n ? GPUS_LISTED : GPUS_NONE;
    for (size_t i = 0; !s && i < v->n; i++) {
        s = form_whole(&f->form, v->value[i], "gpus", (struct form_range){0, 9999}, &ret->place[i]);
        for (size_t k = 0; !s && k < i; k++)
            if (ret->place[k] == ret->place[i])
                s = form_fail(&f->form, v->value[i], "'gpus' lists %ld twice; slots share the GPUs by themselves",
                              ret->place[i]);
    }
    ret->n = v->n;
    return s;
}

static enum status read_gpu_count(struct file *f, const struct yaml_node *v, struct gpu_wish *ret)
{
    long n = 0;
    enum status s = form_whole(&f->form, v, "gpus", (struct form_range){0, STUDY_GPUS_MAX}, &n);
    ret->kind = n ? GPUS_FIRST : GPUS_NONE;
    ret->n = (size_t)n;
    return s;
}

static enum status read_gpus_here(struct file *f, const struct yaml_node *v)
{
    struct gpu_wish *wish = &f->study->workers.gpus;
    double ignored;
    *wish = (struct gpu_wish){.line = v->line, .column = v->column};
    if (v->kind == YAML_LIST) return read_gpu_list(f, v, wish);
    if (v->kind == YAML_TEXT && !v->quoted && words_number(v->text, &ignored)) return read_gpu_count(f, v, wish);
    if (v->kind == YAML_TEXT && strcmp(v->text, "auto") == 0) return wish->kind = GPUS_AUTO, STATUS_OK;
    if (v->kind == YAML_TEXT && strcmp(v->text, "none") == 0) return wish->kind = GPUS_NONE, STATUS_OK;
    return form_fail(&f->form, v, "'gpus' is auto, none, a number of GPUs such as 2, or a list of them such as [0, 2]");
}

enum status file_workers(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"local", read_local}, {"gpus", read_gpus_here}};
    return FILE_SECTION(f, v, "workers", keys);
}

/* ---- executor ---- */

#define ROW(id, key, part, tool) [PROVISIONER_##id] = {#key, part, tool},

static const struct {
    const char *key, *part, *tool;
} row[PROVISIONERS] = {PROVISIONER_ROWS(ROW)};

const char *provisioner_key(enum provisioner_kind kind)
{
    return row[kind].key;
}

static enum status read_part(struct file *f, const struct yaml_node *v)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,";
    struct provision *x = &f->study->agents;
    enum status s = form_need(&f->form, v, YAML_TEXT, row[x->kind].part);
    if (!s && (!*v->text || strlen(v->text) > TEXT_BYTES_MAX || strspn(v->text, allowed) != strlen(v->text)))
        s = form_fail(&f->form, v, "'%.60s' is not the name of a %s", v->text, row[x->kind].part);
    x->part = v->text;
    return s;
}

static enum status read_max_agents(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "max_agents", (struct form_range){1, AGENTS_MAX}, &f->study->agents.max_agents);
}

static enum status read_slots(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "slots", (struct form_range){1, 256}, &f->study->agents.slots);
}

static enum status read_gpus(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "gpus", (struct form_range){0, 64}, &f->study->agents.gpus);
}

static enum status read_time(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "time", &f->study->agents.time_ms);
}

static enum status read_idle(struct file *f, const struct yaml_node *v)
{
    return form_duration(&f->form, v, "idle", &f->study->agents.idle_ms);
}

static enum status read_extra(struct file *f, const struct yaml_node *v)
{
    struct provision *x = &f->study->agents;
    enum status s = list_of_text(f, v, "extra", &x->n_extra, &x->extra);
    for (size_t i = 0; !s && i < x->n_extra; i++)
        if (x->extra[i][0] != '-')
            s = form_fail(&f->form, v->value[i],
                          "'%.200s' is not an option of %s; 'extra' is a list such as [--mem=8G]", x->extra[i],
                          row[x->kind].tool);
    return s;
}

static enum status read_agents(struct file *f, const struct yaml_node *v, enum provisioner_kind kind)
{
    const struct key keys[] = {
        {row[kind].part, read_part}, {"max_agents", read_max_agents},
        {"slots", read_slots},       {"time", read_time},
        {"gpus", read_gpus},         {"idle", read_idle},
        {"extra", read_extra},
    };
    f->study->agents = (struct provision){.kind = kind, .max_agents = 4, .slots = 1, .idle_ms = IDLE_MS};
    return FILE_SECTION(f, v, row[kind].key, keys);
}

#define READER(id, key, part, tool)                                                                                    \
    static enum status read_##key(struct file *f, const struct yaml_node *v)                                           \
    {                                                                                                                  \
        return read_agents(f, v, PROVISIONER_##id);                                                                    \
    }
PROVISIONER_ROWS(READER)

#define KEY(id, key, part, tool) {#key, read_##key},
#define CHOICE(id, key, part, tool) ", or {" #key ": {" part ": …, max_agents: …, time: …}}"

enum status file_executor(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {PROVISIONER_ROWS(KEY)};
    if (v->kind == YAML_TEXT && strcmp(v->text, "local") == 0) return STATUS_OK;
    if (v->kind == YAML_TEXT) return form_fail(&f->form, v, "'executor' is 'local'" PROVISIONER_ROWS(CHOICE));
    enum status s = FILE_SECTION(f, v, "executor", keys);
    return !s && v->n > 1 ? form_fail(&f->form, v, "'executor' names one place") : s;
}
