/* A `command:`, of a trial or of a stage. */
#include "tuner/study/file.h"

#include <string.h>

enum { COMMAND_ARGS_MAX = 4096, COMMAND_BYTES_MAX = 1 << 18, PLACEHOLDERS_MAX = 4096 };

/* Pairs of braces are text. */
static size_t count_placeholders(const char *text)
{
    size_t n = 0;
    while ((text = strchr(text, '{'))) {
        n += text[1] != '{';
        text += text[1] == '{' ? 2 : 1;
    }
    return n;
}

/* Both bounds together keep what a trial is started with below what the system takes. */
static enum status check_size(struct file *f, const struct yaml_node *v, const char *const *arg)
{
    size_t bytes = 0, placeholders = 0;
    for (size_t i = 0; i < v->n; i++) {
        bytes += strlen(arg[i]);
        if (bytes > COMMAND_BYTES_MAX)
            return form_fail(&f->form, v->value[i], "'command' is over %d bytes long; put what is long into a file",
                             COMMAND_BYTES_MAX);
        placeholders += count_placeholders(arg[i]);
        if (placeholders > PLACEHOLDERS_MAX)
            return form_fail(&f->form, v->value[i],
                             "'command' has more than %d placeholders; a program finds all parameters in the file "
                             "$NOCTURNE_PARAMS",
                             PLACEHOLDERS_MAX);
    }
    return STATUS_OK;
}

/* Text; {args: "--name=value"} and {args}, which YAML takes for maps, too. NULL: neither. */
static const char *argument_text(struct arena *a, const struct yaml_node *v)
{
    if (v->kind == YAML_TEXT) return v->text;
    if (v->kind != YAML_MAP || v->n != 1 || strcmp(v->key[0]->text, "args") != 0 || v->value[0]->kind != YAML_TEXT)
        return NULL;
    const char *form = v->value[0]->text;
    return *form ? arena_printf(a, "{args: %s}", form) : "{args}";
}

enum status file_command(struct file *f, const struct yaml_node *v, size_t *ret_n, const char ***ret)
{
    struct arena *a = &f->study->arena;
    enum status st = form_need(&f->form, v, YAML_LIST, "command");
    if (st) return st;
    if (v->n == 0)
        return form_fail(&f->form, v, "'command' is empty; it is a list such as [./train, --lr, \"{learning_rate}\"]");
    if (v->n > COMMAND_ARGS_MAX)
        return form_fail(&f->form, v, "'command' has more than %d arguments", COMMAND_ARGS_MAX);
    const char **arg = arena_array(a, v->n, sizeof *arg);
    for (size_t i = 0; i < v->n; i++)
        if (!(arg[i] = argument_text(a, v->value[i])))
            return form_fail(&f->form, v->value[i],
                             "an argument of 'command' must be text; put quotes around \"{name}\"");
    st = check_size(f, v, arg);
    if (st) return st;
    *ret_n = v->n;
    *ret = arg;
    return STATUS_OK;
}

enum status file_check_command(struct file *f, const struct yaml_node *command, const struct study *as,
                               const struct study_run *run)
{
    for (size_t i = 0; i < as->n_args; i++) {
        struct study one = *as;
        struct arena scratch = {0};
        struct error inner;
        char **out;
        size_t n;
        one.arg = &as->arg[i];
        one.n_args = 1;
        enum status s = command_fill(&one, run, &scratch, &out, &n, &inner);
        arena_done(&scratch);
        if (s) return form_fail_with(&f->form, command->value[i], &inner);
    }
    return STATUS_OK;
}
