/* option: values of command lines. A value that cannot be is one sentence on stderr, and exit code 1. */
#ifndef G2P_OPTION_H
#define G2P_OPTION_H

#include <argp.h>

long option_whole(const char *arg, long min, long max, struct argp_state *state);
double option_real(const char *arg, double min, double max, struct argp_state *state);

/* Runs argp; what it refuses itself is exit code 1, too. */
void option_parse(const struct argp *argp, int argc, char **argv, void *settings);

#endif
