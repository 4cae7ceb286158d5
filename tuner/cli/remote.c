/* What commands share that ask a service: the token, the connection, the mirror of a study. */
#include "tuner/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TOKEN_MAX = 128 };

enum status cli_read_token(const char *path, char *ret, size_t size, struct error *err)
{
    struct stat st;
    FILE *in = fopen(path, "re");
    if (!in || fstat(fileno(in), &st) != 0) {
        int code = errno;
        if (in) fclose(in);
        return error_set(err, STATUS_NOT_FOUND, "%s: cannot read the token: %s", path, strerror(code));
    }
    if (st.st_mode & 077)
        fprintf(stderr, "nocturne: %s can be read by others; 'chmod 600 %s' mends that\n", path, path);
    bool ok = fgets(ret, (int)size, in) != NULL;
    fclose(in);
    if (ok) ret[strcspn(ret, " \t\r\n")] = 0;
    if (ok && *ret) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: there is no token in it", path);
}

enum status cli_call(const struct cli_service *at, struct cli_remote *ret, struct error *err)
{
    char token[TOKEN_MAX];
    struct client_options options = {.url = at->url, .token = token, .ca = at->ca};
    enum status st = cli_read_token(at->token_file, token, sizeof token, err);
    if (!st) st = caller_create(&options, at->loop, &ret->caller, err);
    explicit_bzero(token, sizeof token);
    return st;
}

/* The only study that the token may see. */
static enum status find_only(struct caller *c, struct arena *arena, const char **ret, struct error *err)
{
    struct cli_names all = {.place = caller_url(c)};
    enum status st = mirror_names(c, arena, &all.name, &all.n, err);
    return st ? st : cli_choose_of(&all, NULL, ret, err);
}

enum status cli_mirror(const struct cli_service *at, const char *name, struct cli_remote *ret, struct error *err)
{
    struct arena arena = {0};
    struct cli_remote r = {0};
    enum status st = cli_call(at, &r, err);
    if (!st && !name) st = find_only(r.caller, &arena, &name, err);
    if (!st) st = mirror_open(r.caller, name, &at->wish, &r.mirror, err);
    arena_done(&arena);
    if (st)
        cli_hang_up(&r);
    else
        *ret = r;
    return st;
}

void cli_print_service(FILE *out, const struct cli_service *at)
{
    if (!at->url) return;
    fprintf(out, " --url %s --token-file %s", at->url, at->token_file);
    if (at->ca) fprintf(out, " --ca %s", at->ca);
}

void cli_hang_up(struct cli_remote *r)
{
    mirror_free(r->mirror);
    caller_free(r->caller);
    *r = (struct cli_remote){0};
}
