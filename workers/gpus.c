/* The GPUs of this machine. Each slot is shown one of them: CUDA and HIP count what is visible from 0. */
#include "workers/workers.h"

#include "tuner/base/plain.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTING_MS = 15000 };

static const char cuda[] = "CUDA_VISIBLE_DEVICES";

static void add(struct gpus *g, const char *id, size_t n)
{
    if (n == 0 || n >= GPU_ID_MAX) return;
    for (size_t i = 0; i < g->n; i++)
        if (strlen(g->id[i]) == n && memcmp(g->id[i], id, n) == 0) return;
    if (g->n == GPUS_MAX) {
        g->beyond++;
        return;
    }
    snprintf(g->id[g->n++], GPU_ID_MAX, "%.*s", (int)n, id);
}

static void add_numbers(struct gpus *g, size_t n)
{
    char id[24];
    for (size_t i = 0; i < n; i++) add(g, id, (size_t)snprintf(id, sizeof id, "%zu", i));
}

/* ---- lists ---- */

/* A number, or a UUID: GPU-8f3a…, MIG-8f3a…, MIG-GPU-8f3a…/1/0 */
static bool is_id(const char *text, size_t n)
{
    if (n == 0 || n >= GPU_ID_MAX) return false;
    if (strspn(text, "0123456789") >= n) return n <= 4;
    if (n < 5 || (strncmp(text, "GPU-", 4) != 0 && strncmp(text, "MIG-", 4) != 0)) return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-/", text[i])) return false;
    return true;
}

/* A list such as CUDA reads: "0,2", "GPU-8f3a…", "MIG-…"; what is behind something else is not visible, to CUDA
 * neither. */
static void parse(const char *list, struct gpus *ret)
{
    *ret = (struct gpus){.variable = cuda};
    for (const char *at = list; *at;) {
        at += strspn(at, " ");
        size_t n = strcspn(at, ", ");
        if (!is_id(at, n)) return;
        add(ret, at, n);
        at += n;
        at += strspn(at, " ");
        at += *at == ',';
    }
}

/* "GPU 0: NVIDIA A100 (UUID: GPU-…)", and below it, if it is divided, "  MIG 1g.5gb Device 0: (UUID: MIG-…)". */
static bool read_uuid(const char *line, const char **ret, size_t *ret_n)
{
    size_t length = strcspn(line, "\n");
    const char *mark = memmem(line, length, "(UUID: ", 7);
    if (!mark) return false;
    *ret = mark + 7;
    *ret_n = strcspn(*ret, ")\n");
    return is_id(*ret, *ret_n);
}

/* What `nvidia-smi -L` says; of a GPU that is divided, the parts. */
static void parse_listing(const char *text, struct gpus *ret)
{
    size_t whole = 0, n;
    bool divided = false;
    const char *id;
    *ret = (struct gpus){.variable = cuda};
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        bool part = strncmp(line + strspn(line, " "), "MIG ", 4) == 0;
        if ((!part && strncmp(line, "GPU ", 4) != 0) || !read_uuid(line, &id, &n)) continue;
        if (part && ret->n > 0 && strncmp(ret->id[ret->n - 1], "GPU-", 4) == 0) ret->n--; /* its parts instead */
        divided |= part;
        whole += !part;
        add(ret, id, n);
    }
    if (divided) return;
    *ret = (struct gpus){.variable = cuda};
    add_numbers(ret, whole);
}

/* ---- this machine ---- */

struct listing {
    struct gpus *gpus;
    bool known;
    char trouble[sizeof((struct gpus *)NULL)->trouble];
};

/* The last line that has something in it. */
static void last_line(const char *text, char *ret, size_t size)
{
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) n--;
    size_t begin = n;
    while (begin > 0 && text[begin - 1] != '\n') begin--;
    snprintf(ret, size, "%.*s", (int)(n - begin), text + begin);
}

/* Where the driver's program is not there, there is no driver: nothing is wrong. */
static void on_listed(void *data, int code, const char *text)
{
    struct listing *l = data;
    struct arena a = {0};
    char why[160];
    l->known = code == 0;
    if (l->known) parse_listing(text, l->gpus);
    if (l->known || strcmp(text, uv_strerror(UV_ENOENT)) == 0) return;
    if (code > 0 && strcmp(text, "failed") == 0)
        snprintf(why, sizeof why, "exit code %d", code);
    else
        last_line(text, why, sizeof why);
    if (strcmp(text, "too slow") == 0)
        snprintf(l->trouble, sizeof l->trouble, "nvidia-smi did not answer in %d s", LISTING_MS / 1000);
    else
        snprintf(l->trouble, sizeof l->trouble, "nvidia-smi failed: %s", plain_shown(&a, why));
    arena_done(&a);
}

/* Asks the driver's own program; false: it is not there, or does not know. */
static bool ask_driver(struct gpus *ret)
{
    char *argv[] = {"nvidia-smi", "-L", NULL};
    struct listing l = {.gpus = ret};
    uv_loop_t loop;
    uv_loop_init(&loop);
    command_start(&loop, argv, NULL, LISTING_MS, on_listed, &l);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (!l.known) snprintf(ret->trouble, sizeof ret->trouble, "%s", l.trouble);
    return l.known;
}

static size_t count_matches(const char *pattern)
{
    glob_t found = {0};
    size_t n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return n;
}

/* What Slurm, a container or the user has set aside for this process comes first. */
static bool take_allotted(struct gpus *ret)
{
    static const char *const variables[] = {cuda, "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *list = getenv(variables[i]);
        if (!list) continue;
        parse(list, ret);
        ret->variable = variables[i];
        return true;
    }
    return false;
}

void gpus_find(struct gpus *ret)
{
    *ret = (struct gpus){.variable = cuda};
    if (take_allotted(ret) || ask_driver(ret)) return;
    size_t n = count_matches("/proc/driver/nvidia/gpus/*");
    add_numbers(ret, n ? n : count_matches("/dev/nvidia[0-9]*"));
}

/* ---- for slots ---- */

void gpus_select(const struct gpus *all, size_t n, const long *place, struct gpus *ret)
{
    *ret = (struct gpus){.variable = all->variable, .beyond = n == all->n ? all->beyond : 0};
    snprintf(ret->trouble, sizeof ret->trouble, "%s", all->trouble);
    for (size_t i = 0; i < n; i++) add(ret, all->id[place[i]], strlen(all->id[place[i]]));
}

void gpus_number(size_t n, const long *place, struct gpus *ret)
{
    char id[24];
    *ret = (struct gpus){.variable = cuda};
    for (size_t i = 0; i < n; i++) add(ret, id, (size_t)snprintf(id, sizeof id, "%ld", place[i]));
}

char *gpus_of_slot(const struct gpus *gpus, size_t slot, struct arena *arena)
{
    return arena_printf(arena, "%s=%s", gpus->variable, gpus->n ? gpus->id[slot % gpus->n] : "");
}

static char *shares(const struct gpus *gpus, size_t slots, struct arena *arena)
{
    const char *s = slots == 1 ? "" : "s";
    if (gpus->n == 0) return arena_printf(arena, "%zu slot%s without a GPU", slots, s);
    if (slots > gpus->n)
        return arena_printf(arena, "%zu slots share %zu GPU%s", slots, gpus->n, gpus->n == 1 ? "" : "s");
    const char *each = slots == 1 ? "" : " each";
    if (slots == gpus->n) return arena_printf(arena, "%zu slot%s, one GPU%s", slots, s, each);
    return arena_printf(arena, "%zu slot%s, one GPU%s; %zu of %zu GPUs are left over", slots, s, each, gpus->n - slots,
                        gpus->n);
}

char *gpus_sentence(const struct gpus *gpus, size_t slots, struct arena *arena)
{
    char *text = shares(gpus, slots, arena);
    if (gpus->beyond)
        text = arena_printf(arena, "%s; %zu more GPUs are not used: %d at most", text, gpus->beyond, GPUS_MAX);
    return *gpus->trouble ? arena_printf(arena, "%s; %s", text, gpus->trouble) : text;
}
