/* browser: a page made into something else by a Chromium that is installed here, without a window.
 *
 * It gets the page in a folder that nobody else can enter, with a profile of its own, and both are gone afterwards. */
#ifndef TUNER_CLI_BROWSER_H
#define TUNER_CLI_BROWSER_H

#include "tuner/base/error.h"

/* `page`: the text, in an open file; `as`: its name there, whose end says what it is; `wish`: what is to be done with
 * it, options of Chromium, NULL-terminated, BROWSER_WISHES_MAX at most. Returns its exit code; 127: there is no
 * Chromium here. */
enum { BROWSER_WISHES_MAX = 6 };
int browser_run(int page, const char *as, const char *const *wish);

/* Runs a program with this as stdin, and nothing of what it says is seen. 127: there is no such program. */
int browser_spawn(char *const *argv, int in);

#endif
