#include "tuner/cli/cli.h"

#include <stdio.h>

int cmd_stop(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_study,
        .args_doc = "[STUDY]",
        .doc = "Ask a running study to stop: running trials may finish, nothing new starts. Twice: "
               "running trials are ended and run again next time.\vExample: nocturne stop g2p",
        .children = cli_common_child};
    struct cli_common c;
    struct cli_study s;
    struct error err;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    if (cli_open(c.db, c.study, &s, &err)) return cli_fail(&err);
    bool running = cli_is_running(&s);
    enum status st = STATUS_OK;
    if (running) st = store_request_add(s.store, s.memory->study_id, "stop", "{}", clock_wall_ms(clock_real()), &err);
    if (!st && c.json)
        cli_print_json(json_pack("{s:s, s:b}", "study", s.study->name, "asked", running));
    else if (!st && running)
        printf("asked study %s to stop; go on later with: nocturne resume %s\n", s.study->name, s.study->name);
    else if (!st)
        printf("study %s is not running\n", s.study->name);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
