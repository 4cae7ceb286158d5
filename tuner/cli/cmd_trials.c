#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

int cmd_trials(int argc, char **argv)
{
    static const struct argp argp = {NULL,
                                     cli_parse_study,
                                     "[STUDY]",
                                     "List the trials of a study: state, metrics, utility, configuration.\v"
                                     "Example: nocturne trials g2p --json",
                                     cli_common_child,
                                     NULL,
                                     NULL};
    struct cli_common c;
    struct cli_study s;
    struct error err;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    if (cli_open(c.db, c.study, &s, &err)) return cli_fail(&err);
    if (c.json) {
        json_t *all = json_array();
        for (size_t i = 0; i < s.session->n; i++)
            json_array_append_new(all, report_trial_json(s.session, s.session->trial[i]));
        cli_print_json(json_pack("{s:s, s:o}", "study", s.study->name, "trials", all));
    } else
        report_trials(stdout, s.session);
    cli_close(&s);
    return EXIT_OK;
}
