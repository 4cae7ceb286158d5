/* SPDX-License-Identifier: MIT
 *
 * Copyright (c) 2026 The Nocturne developers
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to
 * deal in the Software without restriction, including without limitation the
 * rights to use, copy, modify, merge, publish, distribute, sublicense, and/or
 * sell copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
 * FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
 * IN THE SOFTWARE.
 *
 * nocturne.h: what a trial program written in C includes. nocturne.c goes with it; no library is needed.
 *
 *     struct nocturne *n = nocturne_open(argc, argv);
 *     double rate = nocturne_number(n, "learning_rate", 1e-3);
 *     struct nocturne_stopping stopping = {.patience = nocturne_number(n, "patience", 5), .threshold = 1e-4};
 *     nocturne_early_stopping(n, &stopping, "em");
 *     nocturne_on_set(n, "learning_rate", set_rate, &rate);
 *     nocturne_ready(n);
 *     for (step = 0; !done; step++) {
 *         train();
 *         nocturne_report(n, step, 2, (struct nocturne_metric[]){{"em", em}, {"tokens", tokens}});
 *         if (nocturne_stopping_update(&stopping, em) || nocturne_should_stop(n)) break;
 *     }
 *     nocturne_result(n, 2, (struct nocturne_metric[]){{"em", em}, {"tokens", tokens}});
 *     nocturne_close(n);
 *
 * Messages are JSON lines on the stream socket NOCTURNE_FD. Outside Nocturne, without that variable, they go to stdout
 * behind the word "nocturne:", parameters come from the arguments (--learning_rate=3e-3), and everything else is the
 * same, so a program needs no second version to be run by hand. A message is written whole or the program is told so:
 * calls return 0, or -1 with errno set. One thread at a time. A report takes some microseconds.
 */
#ifndef NOCTURNE_SDK_H
#define NOCTURNE_SDK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nocturne;

/* `argv` may be NULL, and is not changed; it must outlive the object. NULL: no memory. */
struct nocturne *nocturne_open(int argc, char **argv);
void nocturne_close(struct nocturne *n); /* NULL-safe */

/* ---- parameters ---- */

/* Of the trial; outside Nocturne of the arguments, --name=value or --name value; else `fallback`. A text that is no
 * number is the fallback, too, unless nocturne_ready refuses it. Names are the study file's. `name` and a text's
 * `fallback` must outlive n. */
double nocturne_number(const struct nocturne *n, const char *name, double fallback);
const char *nocturne_text(const struct nocturne *n, const char *name, const char *fallback);
/* NOCTURNE_SEED, or --seed, or 1. */
unsigned long nocturne_seed(const struct nocturne *n);
/* A folder of this attempt's own, for checkpoints; outside Nocturne the current one. */
const char *nocturne_folder(const struct nocturne *n);

/* All parameters have been asked for: call it before the work begins. Under Nocturne it does nothing. By hand, --help
 * prints them with their fallbacks and ends the program, and what is no parameter, a value that is missing or no
 * number, and what is said twice end it with exit code 2 and a word on stderr: a typing error is no training with the
 * fallback. What comes behind "--" is the program's own. Leave it out in a program that reads options or words itself
 * (getopt, argp); without it nothing is refused, and --help is answered by the first report, result, or
 * nocturne_should_stop. */
void nocturne_ready(struct nocturne *n);

/* ---- reporting ---- */

/* `name` must match the study file and is sent as it is; `value` may be any double: NaN fails the trial with a reason.
 */
struct nocturne_metric {
    const char *name;
    double value;
};

/* `k` metrics at `step` (0, 1, 2, …); up to about 100. */
int nocturne_report(struct nocturne *n, long step, size_t k, const struct nocturne_metric *m);
/* Of one of the items that are judged (a question, a word): its own metrics, under the names of the study file, so that
 * configurations can be compared on the same items. `id` says which it is: 1 to 200 bytes of UTF-8, the same in each run.
 * Say them as they come, in a random order (nocturne_shuffled), and look for nocturne_should_stop between them: who is
 * surely worse need not finish. What is said of an item again does not count. */
int nocturne_item(struct nocturne *n, const char *id, size_t k, const struct nocturne_metric *m);
/* 0 … count − 1 in a random order, the same for the same seed. `ret`: count. */
void nocturne_shuffled(const struct nocturne *n, size_t count, size_t *ret);
/* The final metrics; call once, then exit 0. */
int nocturne_result(struct nocturne *n, size_t k, const struct nocturne_metric *m);
/* This configuration cannot work, and why. Then exit 0. */
int nocturne_infeasible(struct nocturne *n, const char *why);
int nocturne_log(struct nocturne *n, const char *text);

/* ---- being told ---- */

/* Has Nocturne asked this trial to stop, or is the rule of nocturne_early_stopping fulfilled? Never blocks, costs about
 * a microsecond; settings that have arrived are applied here. A stopped trial should send its result, or leave a
 * checkpoint, and exit. From the first call on, under Nocturne, SIGTERM (with which a stop comes) makes this true
 * instead of ending the program, unless the program has a handler of its own. */
int nocturne_should_stop(struct nocturne *n);
/* Why; "" if it has not. */
const char *nocturne_stop_reason(const struct nocturne *n);

/* `set` is called with a new value of the parameter when Nocturne changes it while the trial runs, from within
 * nocturne_should_stop. Up to 16 parameters; -1: too many. `name` must outlive n. A change of a parameter that was not
 * named here is refused with a log message. */
int nocturne_on_set(struct nocturne *n, const char *name, void (*set)(void *data, double value), void *data);

/* ---- early stopping ---- */

enum nocturne_mode { NOCTURNE_MAX, NOCTURNE_MIN };

/* Training ends once `patience` evaluations in a row have not improved the best by more than `threshold`. Set the first
 * three; the rest is zero at first. Save all of it in a checkpoint, and it goes on where it was. */
struct nocturne_stopping {
    double patience, threshold;
    enum nocturne_mode mode;
    double best; /* what must be improved */
    long bad;    /* evaluations in a row that did not */
    int begun;   /* best is valid */
};

/* 1: it is time to stop. NaN is no improvement. */
int nocturne_stopping_update(struct nocturne_stopping *s, double value);

/* Says which metric the rule watches, so that Nocturne can adapt patience and threshold while the trial runs (if the
 * study file wants that): they then change within nocturne_should_stop. `s` and `metric` must outlive n. */
int nocturne_early_stopping(struct nocturne *n, struct nocturne_stopping *s, const char *metric);

/* ---- checkpoints ---- */

/* The file at `path` (in nocturne_folder) is whole, and training can go on from it. Write it under another name, then
 * rename it: a half-written one is then never found. */
int nocturne_checkpoint(struct nocturne *n, long step, const char *path);
/* The checkpoint to go on from, NOCTURNE_RESUME or --resume; NULL: begin at the beginning. */
const char *nocturne_resume_from(const struct nocturne *n);

#ifdef __cplusplus
}
#endif

#endif
