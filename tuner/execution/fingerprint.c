#include "tuner/execution/fingerprint.h"

#include "tuner/execution/bundle.h"
#include "tuner/execution/needs.h"
#include "tuner/execution/sources.h"

#include "tuner/base/digest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_hash(FILE *out, const char *what, const char *name, const unsigned char hash[DIGEST_BYTES])
{
    char hex[DIGEST_HEX];
    fprintf(out, "%s %zu:%s %s\n", what, strlen(name), name, digest_hex(hash, hex));
}

/* A program or script: somewhere on this machine. What cannot be read is known by its name alone. */
static void put_program(FILE *out, const char *name, const char *path)
{
    unsigned char hash[DIGEST_BYTES];
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (regular && digest_file(fd, hash, NULL) == STATUS_OK) put_hash(out, "program", name, hash);
    if (fd >= 0) close(fd);
}

static void put_command(FILE *out, const struct study *stage)
{
    for (size_t i = 0; i < stage->n_args; i++) fprintf(out, "arg %zu:%s\n", strlen(stage->arg[i]), stage->arg[i]);
}

/* By their names below the study's folder, which may be moved. */
static void put_sources(FILE *out, const struct study *stage, struct arena *arena)
{
    struct sources x;
    char path[NEEDS_PATH_MAX];
    sources_read(stage, arena, &x);
    for (size_t i = 0; i < x.n; i++) {
        size_t n = strlen(stage->dir);
        bool below = strncmp(x.file[i], stage->dir, n) == 0 && x.file[i][n] == '/';
        put_program(out, below ? x.file[i] + n + 1 : x.file[i], x.file[i]);
    }
    sources_done(&x);
    const char *program = stage->arg[0];
    if (!strpbrk(program, "/{") && !sources_is_interpreter(program) && needs_program(stage, program, path))
        put_program(out, program, path);
}

static enum status put_files(FILE *out, const struct study *stage, struct error *err)
{
    struct bundle b;
    enum status s = bundle_make(&b, NULL, stage, err);
    if (s) return s;
    for (size_t i = 0; i < b.n; i++) put_hash(out, b.file[i].executable ? "x" : "f", b.file[i].path, b.file[i].hash);
    bundle_done(&b);
    return STATUS_OK;
}

static enum status print(const struct study *stage, struct arena *arena, const char **ret, struct error *err)
{
    unsigned char sum[DIGEST_BYTES];
    char *text = NULL, hex[DIGEST_HEX];
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) abort();
    put_command(out, stage);
    put_sources(out, stage, arena);
    enum status s = put_files(out, stage, err);
    fclose(out);
    digest(text, n, sum);
    free(text);
    if (!s) *ret = arena_strdup(arena, digest_hex(sum, hex));
    return s;
}

enum status fingerprint_make(const struct study *study, struct arena *arena, const char ***ret, struct error *err)
{
    enum status s = STATUS_OK;
    *ret = arena_array(arena, study->pipeline.n + 1, sizeof **ret);
    for (size_t i = 0; !s && i < study->pipeline.n; i++) {
        s = print(study->pipeline.stage[i].alone, arena, &(*ret)[i], err);
        if (s) error_context(err, "stage '%s'", study->pipeline.stage[i].name);
    }
    return s;
}
