#include "tuner/execution/slurm.h"

#include "workers/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const scrub[] = {"SBATCH_", "SQUEUE_", "SCANCEL_", "SLURM_JOB", "SLURM_ARRAY", NULL};

static bool is_id(const char *job)
{
    return *job && strspn(job, "0123456789") == strlen(job);
}

/* ---- looking ---- */

static char **look(const struct provision_site *site, struct arena *arena)
{
    const char *const words[] = {"squeue", "-h", "-r", "-u", site->user, "-o", "%A|%T|%j"};
    size_t n = sizeof words / sizeof *words;
    char **argv = arena_array(arena, n + 1, sizeof *argv);
    for (size_t i = 0; i < n; i++) argv[i] = arena_strdup(arena, words[i]);
    return argv;
}

bool slurm_read_job(const char *line, struct provision_job *ret)
{
    static const char *const alive[] = {"PENDING",  "RUNNING",  "CONFIGURING", "SUSPENDED",
                                        "REQUEUED", "RESIZING", "REQUEUE_HOLD"};
    char state[32], own[160]; /* sscanf measures all the text behind the line, too */
    struct provision_job j = {0};
    snprintf(own, sizeof own, "%.*s", (int)strcspn(line, "\n"), line);
    if (sscanf(own, "%20[0-9]|%31[A-Z_]|%64[^|\n]", j.id, state, j.name) != 3 || strtol(j.id, NULL, 10) == 0)
        return false;
    for (size_t i = 0; i < sizeof alive / sizeof *alive; i++)
        if (strcmp(state, alive[i]) == 0) {
            *ret = j;
            return true;
        }
    return false; /* it has ended, or ends */
}

/* ---- submitting ---- */

static enum status write_script(const struct provision_site *site, const struct provision_order *order, char **ret,
                                struct arena *a, struct error *err)
{
    const struct provision *x = &order->study->agents;
    const char *dir = arena_printf(a, "%s/%s/slurm", site->files, order->study->name);
    const char *text =
        arena_printf(a, "#!%s worker\n--url=%s\n--token-file=%s\n--slots=%ld\n--study=%s\n--idle=%lds\n%s%s%s%s",
                     site->program, site->url, order->token_file, x->slots, order->study->name,
                     (long)(x->idle_ms / 1000 > 0 ? x->idle_ms / 1000 : 1), x->gpus ? "--gpus=auto\n" : "",
                     site->ca ? "--ca=" : "", site->ca ? site->ca : "", site->ca ? "\n" : "");
    *ret = arena_printf(a, "%s/agent.job", dir);
    return workers_keep_file(dir, "agent.job", text, strlen(text), err);
}

static enum status submit(const struct provision_site *site, const struct provision_order *order, char ***ret,
                          struct arena *a, struct error *err)
{
    const struct provision *x = &order->study->agents;
    char *script = NULL;
    enum status s = write_script(site, order, &script, a, err);
    if (s) return s;
    char **argv = arena_array(a, x->n_extra + 16, sizeof *argv);
    size_t k = 0;
    argv[k++] = arena_strdup(a, "sbatch");
    argv[k++] = arena_strdup(a, "--parsable");
    argv[k++] = arena_strdup(a, "--no-requeue");
    argv[k++] = arena_printf(a, "--job-name=%s", order->name);
    argv[k++] = arena_printf(a, "--array=1-%zu", order->agents);
    argv[k++] = arena_printf(a, "--cpus-per-task=%ld", x->slots);
    argv[k++] = arena_printf(a, "--output=%s/%s/slurm/%%A_%%a.log", site->files, order->study->name);
    if (x->part) argv[k++] = arena_printf(a, "--partition=%s", x->part);
    if (x->time_ms) argv[k++] = arena_printf(a, "--time=%ld", (long)((x->time_ms + 59999) / 60000));
    if (x->gpus) argv[k++] = arena_printf(a, "--gpus-per-task=%ld", x->gpus);
    for (size_t i = 0; i < x->n_extra; i++) argv[k++] = arena_strdup(a, x->extra[i]);
    argv[k++] = script;
    *ret = argv;
    return STATUS_OK;
}

static char **cancel(const char *name, struct arena *arena)
{
    char **argv = arena_array(arena, 3, sizeof *argv);
    argv[0] = arena_strdup(arena, "scancel");
    argv[1] = arena_printf(arena, "--name=%s", name);
    return argv;
}

const struct provisioner_ops slurm_provisioner = {.product = "Slurm",
                                                  .variable = "SLURM_JOB_ID",
                                                  .is_id = is_id,
                                                  .scrub = scrub,
                                                  .look = look,
                                                  .read_job = slurm_read_job,
                                                  .submit = submit,
                                                  .cancel = cancel};
