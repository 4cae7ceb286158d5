/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "option.h"

#include <stdlib.h>

long option_whole(const char *arg, long min, long max, struct argp_state *state)
{
    char *end;
    long v = strtol(arg, &end, 10);
    if (*arg == 0 || *end || v < min || v > max)
        argp_failure(state, 1, 0, "'%s' is not a whole number from %ld to %ld", arg, min, max);
    return v;
}

double option_real(const char *arg, double min, double max, struct argp_state *state)
{
    char *end;
    double v = strtod(arg, &end);
    if (*arg == 0 || *end || !(v >= min && v <= max))
        argp_failure(state, 1, 0, "'%s' is not from %g to %g", arg, min, max);
    return v;
}

void option_parse(const struct argp *argp, int argc, char **argv, void *settings)
{
    argp_err_exit_status = 1;
    argp_parse(argp, argc, argv, 0, NULL, settings);
}
