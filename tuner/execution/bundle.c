/* The files of a study that agents need: found by the patterns of `files:`, named by their content. Links are not
 * followed, and a name that begins with a dot is seen only where the pattern has that dot: nothing outside the study's
 * folder is shipped, and no secret of an editor or a repository by chance. */
#include "tuner/execution/bundle.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 10000, FOUND_MAX = 10 * FILES_MAX /* by several patterns */, DEPTH_MAX = 32 };

static const double BYTES_MAX = 1024.0 * 1024 * 1024;

struct packing {
    struct bundle *bundle;
    const struct bundle *before;
    const struct study *study;
    int dir;         /* the study's folder */
    size_t met, odd; /* of the pattern: files and folders; what is neither */
    struct error *err;
};

static enum status too_much(const struct packing *p)
{
    return error_set(p->err, STATUS_INVALID, "'files' of study '%s' are more than %d files or 1 GiB", p->study->name,
                     FILES_MAX);
}

static enum status add(struct packing *p, const char *path, const struct stat *st)
{
    struct bundle *x = p->bundle;
    if (x->n == FOUND_MAX) return too_much(p);
    x->file = must_reserve(x->file, x->n + 1, &x->capacity, sizeof *x->file);
    x->file[x->n++] = (struct bundle_file){
        .path = must_strdup(path), .bytes = st->st_size, .seen = *st, .executable = (st->st_mode & 0111) != 0};
    return STATUS_OK;
}

static bool is_match(const char *name, const char *part)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
    return *part ? fnmatch(part, name, FNM_PERIOD) == 0 : *name != '.';
}

/* What is left of the pattern, from `rest` on, below the folder `above` ("" or with a slash at its end); "": all. */
static enum status add_matches(struct packing *p, const char *above, const char *rest, int depth);

static enum status add_one(struct packing *p, const char *above, const char *name, const char *rest, int depth)
{
    char path[PATH_MAX];
    struct stat st;
    if ((size_t)snprintf(path, sizeof path, "%s%s/", above, name) >= sizeof path) return STATUS_OK;
    path[strlen(path) - 1] = 0;
    bool there = fstatat(p->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0, folder = there && S_ISDIR(st.st_mode);
    if (folder && depth < DEPTH_MAX) {
        p->met += !*rest;
        strcat(path, "/");
        return add_matches(p, path, rest, depth + 1);
    }
    p->odd += there && !S_ISREG(st.st_mode);
    if (!there || !S_ISREG(st.st_mode) || *rest) return STATUS_OK;
    p->met++;
    return add(p, path, &st);
}

static enum status add_matches(struct packing *p, const char *above, const char *rest, int depth)
{
    char part[NAME_MAX + 1];
    int fd;
    while (*rest == '/' || (rest[0] == '.' && (rest[1] == '/' || !rest[1]))) rest++;
    size_t n = strcspn(rest, "/");
    enum status s = beneath_folder(p->dir, *above ? above : ".", false, &fd, p->err);
    if (s) return s == STATUS_IO ? error_context(p->err, "'files' of study '%s'", p->study->name) : STATUS_OK;
    snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1), rest);
    DIR *dir = fdopendir(fd);
    for (struct dirent *d; dir && !s && (d = readdir(dir));)
        if (is_match(d->d_name, part)) s = add_one(p, above, d->d_name, rest + n + (rest[n] == '/'), depth);
    if (dir) closedir(dir);
    return s;
}

static enum status add_pattern(struct packing *p, const char *pattern)
{
    p->met = p->odd = 0;
    enum status s = add_matches(p, "", pattern, 0);
    if (s || p->met) return s;
    if (p->odd)
        return error_set(
            p->err, STATUS_INVALID,
            "'files' of study '%s': '%s' in %s is a link, or goes through one, or is no regular file; that "
            "is not shipped",
            p->study->name, pattern, p->study->dir);
    return error_set(p->err, STATUS_INVALID, "'files' of study '%s': there is no '%s' in %s", p->study->name, pattern,
                     p->study->dir);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct bundle_file *)a)->path, ((const struct bundle_file *)b)->path);
}

/* Sorted; what several patterns have found, once. */
static void sort_files(struct bundle *x)
{
    size_t n = 0;
    if (x->n) qsort(x->file, x->n, sizeof *x->file, by_path);
    for (size_t i = 0; i < x->n; i++)
        if (n && strcmp(x->file[n - 1].path, x->file[i].path) == 0)
            free(x->file[i].path);
        else
            x->file[n++] = x->file[i];
    x->n = n;
}

static bool looks_the_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* True: the hash of the bundle before is still right. */
static bool is_known(const struct packing *p, struct bundle_file *x)
{
    const struct bundle *b = p->before;
    const struct bundle_file *old = b && b->n ? bsearch(x, b->file, b->n, sizeof *x, by_path) : NULL;
    if (!old || !old->settled || !looks_the_same(&old->seen, &x->seen)) return false;
    memcpy(x->hash, old->hash, sizeof x->hash);
    x->settled = true;
    return true;
}

/* Something that changes within the clock's tick in which it is read would look the same. */
static bool is_settled(const struct stat *st)
{
    return st->st_ctim.tv_sec + 2 <= time(NULL);
}

static enum status hash_file(const struct packing *p, struct bundle_file *x)
{
    int fd;
    enum status s = beneath_open(p->dir, x->path, O_RDONLY, 0, &fd, p->err);
    if (s) return error_context(p->err, "'files' of study '%s'", p->study->name);
    s = digest_file(fd, x->hash, p->err);
    close(fd);
    return s;
}

static enum status hash_files(struct packing *p)
{
    struct bundle *x = p->bundle;
    double bytes = 0;
    for (size_t i = 0; i < x->n; i++) bytes += (double)x->file[i].bytes;
    if (x->n > FILES_MAX || bytes > BYTES_MAX) return too_much(p);
    for (size_t i = 0; i < x->n; i++) {
        if (is_known(p, &x->file[i])) continue;
        x->file[i].settled = is_settled(&x->file[i].seen);
        enum status s = hash_file(p, &x->file[i]);
        if (s) return s;
    }
    return STATUS_OK;
}

static json_t *describe(const struct bundle *p, const struct study *study)
{
    json_t *files = json_array();
    char hex[DIGEST_HEX];
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:b}", "path", p->file[i].path, "sha256",
                                               digest_hex(p->file[i].hash, hex), "bytes", (json_int_t)p->file[i].bytes,
                                               "executable", p->file[i].executable));
    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "study", study->name, "file", study->text, "path", study->path,
                     "ships", study->files.n > 0, "files", files);
}

static void name_it(struct bundle *p, const struct study *study)
{
    unsigned char hash[DIGEST_BYTES];
    json_t *all = describe(p, study);
    char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    digest(text, strlen(text), hash);
    digest_hex(hash, p->definition);
    free(text);
    json_object_set_new(all, "definition", json_string(p->definition));
    p->text = json_text(all);
    json_decref(all);
}

enum status bundle_make(struct bundle *p, const struct bundle *before, const struct study *study, struct error *err)
{
    struct packing x = {.bundle = p, .before = before, .study = study, .err = err};
    *p = (struct bundle){0};
    enum status s = beneath_folder(AT_FDCWD, study->dir, false, &x.dir, err);
    if (s) return s;
    for (size_t i = 0; !s && i < study->files.n; i++) s = add_pattern(&x, study->files.text[i]);
    sort_files(p);
    if (!s) s = hash_files(&x);
    close(x.dir);
    if (s) {
        bundle_done(p);
        return s;
    }
    name_it(p, study);
    return STATUS_OK;
}

void bundle_done(struct bundle *p)
{
    for (size_t i = 0; i < p->n; i++) free(p->file[i].path);
    free(p->file);
    free(p->text);
    *p = (struct bundle){0};
}

const struct bundle_file *bundle_find(const struct bundle *p, const unsigned char hash[DIGEST_BYTES])
{
    for (size_t i = 0; i < p->n; i++)
        if (memcmp(p->file[i].hash, hash, DIGEST_BYTES) == 0) return &p->file[i];
    return NULL;
}
