#include "tuner/cli/cli.h"

#include <stdio.h>

/* Where the study is: on this machine there may be no database of it. */
static void say_asked(const struct cli_common *c, const char *name)
{
    printf("asked study %s to stop; go on later with: nocturne resume %s", name, name);
    cli_print_service(stdout, &c->service);
    putchar('\n');
}

int cmd_stop(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_study,
        .args_doc = "[STUDY]",
        .doc = "Ask a running study to stop: running trials may finish, nothing new starts. Twice: "
               "running trials are ended and run again next time.\vExample: nocturne stop g2p",
        .children = cli_remote_child};
    struct cli_common c;
    struct cli_found f;
    struct error err;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    c.service.wish.depth = MIRROR_ROW;
    if (cli_find(&c, c.study, &f, &err)) return cli_fail(&err);
    const char *name = f.study->name;
    bool running = store_hold_taken(f.store, name);
    enum status st = STATUS_OK;
    if (f.remote.caller)
        st = errand_stop(f.remote.caller, name, &running, &err);
    else if (running)
        st = store_request_add(f.store, f.id, "stop", "{}", clock_wall_ms(clock_real()), &err);
    if (!st && c.json)
        cli_print_json(json_pack("{s:s, s:b}", "study", name, "asked", running));
    else if (!st && running)
        say_asked(&c, name);
    else if (!st)
        printf("study %s is not running\n", name);
    cli_found_done(&f);
    return st ? cli_fail(&err) : EXIT_OK;
}
