/* What every unit test includes: cmocka and the prelude it wants, and paths of fixtures. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka after the four above */
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As main does: a trial or a client that has gone is no reason to die. */
__attribute__((constructor)) static void ignore_broken_pipes(void)
{
    signal(SIGPIPE, SIG_IGN);
}

#define assert_ok(call, err)                                                                                           \
    do {                                                                                                               \
        enum status status_ = (call);                                                                                  \
        if (status_) fail_msg("%s: %s", #call, (err).text);                                                            \
    } while (0)

#define assert_near(a, b, tolerance)                                                                                   \
    do {                                                                                                               \
        double a_ = (a), b_ = (b), t_ = (tolerance);                                                                   \
        if (!(fabs(a_ - b_) <= t_)) fail_msg("%s = %.17g, not %.17g within %g", #a, a_, b_, t_);                       \
    } while (0)

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (!strstr(text, part)) fail_msg("'%s' lacks '%s'", text, part);                                              \
    } while (0)

#endif
