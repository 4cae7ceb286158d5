/* browser: a page made into something else by a program that is installed here, without a window: by a Chromium, or by
 * one that takes it as its input.
 *
 * Chromium gets the page in a folder that nobody else can enter, with a profile of its own, and both are gone
 * afterwards. */
#ifndef TUNER_CLI_BROWSER_H
#define TUNER_CLI_BROWSER_H

#include "tuner/base/error.h"

#include <stdio.h>

/* A file without a name, to write a page into; the caller closes it. */
enum status browser_page(FILE **ret, struct error *err);

enum { BROWSER_OPTIONS_MAX = 4 };

struct browser_wish {
    const char *as;                          /* the page's name, whose end says what it is */
    const char *make;                        /* the option that says what of it: --screenshot, --print-to-pdf */
    const char *out;                         /* … into this file, which is there already */
    const char *option[BROWSER_OPTIONS_MAX]; /* others; as many as are not NULL */
};

/* Returns Chromium's exit code; 127: there is none here. */
int browser_run(FILE *page, const struct browser_wish *wish);

/* Runs a program with this as its input, NULL: with none; nothing of what it says is seen. 127: there is no such
 * program. */
int browser_spawn(char *const *argv, FILE *page);

#endif
