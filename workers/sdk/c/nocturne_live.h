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
 * nocturne_live.h: which configuration a user gets, and what came of it, for programs in C. nocturne_live.c goes with
 * it; no library is needed but pthread.
 *
 *     struct nocturne_live *l = nocturne_live_open(&(struct nocturne_live_options){.rollout = "g2p"});
 *     struct nocturne_variant v = nocturne_live_assign(l, "user-17", 7);
 *     double threshold = nocturne_variant_number(&v, "threshold", 0.01);
 *     const struct nocturne_live_metric metrics[] = {{"em", 1}, {"tokens", 120}};
 *     nocturne_live_outcome(l, &v, &(struct nocturne_outcome){.n = 2, .metrics = metrics});
 *     nocturne_live_close(l);
 *
 * No network: somebody else keeps FOLDER/ROLLOUT/ruleset.json fresh and sends the outcomes that are put down beside it:
 * `python3 -m nocturne.live ROLLOUT`, or a program that uses the Python package and has the same folder. The file's
 * time says when the service last stood by it; older than it is valid, every unit gets the champion. An outcome is in a
 * file once its call returns: no end of the process loses it.
 *
 * Whoever must not see an experiment any more: NOCTURNE_LIVE_KILL="g2p,other" (or "all"), or any file at the path
 * NOCTURNE_LIVE_KILL_FILE. These and the ruleset's file are looked at once a second, by the call that comes then.
 *
 * One object for all threads; more than a million assignments a second each. After fork() a child may go on with it if
 * no other thread was in one of these calls.
 */
#ifndef NOCTURNE_LIVE_H
#define NOCTURNE_LIVE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nocturne_live;

struct nocturne_live_options {
    const char *rollout; /* 1 to 100 letters, digits, '_', '-', '.', which is not the first */
    const char *folder;  /* NULL: ~/.local/state/nocturne/live; a local file system; all processes may have the same */
    size_t spool_bytes; /* that outcomes may take on the disk, of all processes; then new ones are refused; 0: 64 MiB */
    void (*say)(void *data, const char *text); /* NULL: nobody is told what is wrong with the ruleset; once each time */
    void *data;
};

/* The options are copied. NULL: a name that is none (errno EINVAL), no memory. */
struct nocturne_live *nocturne_live_open(const struct nocturne_live_options *options);
void nocturne_live_close(struct nocturne_live *l); /* NULL-safe */

/* ---- assigning ---- */

/* OpenFeature's reasons. */
enum nocturne_reason {
    NOCTURNE_SPLIT,           /* by its place: the only one that is counted */
    NOCTURNE_STATIC,          /* no experiment, or the unit is none of its: group, holdout */
    NOCTURNE_TARGETING_MATCH, /* an override names it */
    NOCTURNE_DISABLED,        /* killed on this machine */
    NOCTURNE_STALE,           /* the ruleset is older than it is valid */
    NOCTURNE_DEFAULT,         /* there has been no ruleset yet */
    NOCTURNE_ERROR            /* no unit: empty, longer than 1,024 bytes, no UTF-8, with a NUL */
};

struct nocturne_variant {
    const char *unit; /* as it was given: it must outlive the variant */
    size_t unit_bytes;
    const char *variant, *hash,
        *parameters;              /* "champion", …; SHA-256 in hex; a JSON object; all until the object is closed */
    long long experiment, period; /* -1: none */
    enum nocturne_reason reason;
    int counted;
};

/* The unit's variant, the same each time and everywhere. */
struct nocturne_variant nocturne_live_assign(struct nocturne_live *l, const char *unit, size_t unit_bytes);

/* The challengers that are to run on the same request in the background, without acting and without anybody waiting, no
 * more than `size` of them; returns how many, mostly 0. What they would have done goes into the outcome of v. */
size_t nocturne_live_shadow(struct nocturne_live *l, const struct nocturne_variant *v, struct nocturne_variant *ret,
                            size_t size);

/* A parameter of it; `fallback`: it is none or no number. */
double nocturne_variant_number(const struct nocturne_variant *v, const char *name, double fallback);
/* Its text into buf, of `size` bytes with the final 0. 0; -1: it is none, no text, or longer. */
int nocturne_variant_text(const struct nocturne_variant *v, const char *name, char *buf, size_t size);

/* Where a unit stands in [0, 1): the first 13 hexadecimal digits of SHA-256("SALT:UNIT") over 2^52. -1: the salt has a
 * colon or more than 128 bytes, or the unit is none. */
double nocturne_live_place(const char *salt, const char *unit, size_t unit_bytes);

/* ---- outcomes ---- */

struct nocturne_live_metric {
    const char *name;
    double value;
};

struct nocturne_shadow {
    const char *variant;
    size_t n; /* metrics; 0: it failed on the request */
    const struct nocturne_live_metric *metrics;
};

struct nocturne_outcome {
    const char *id;         /* the same for the same outcome, should it be said twice; NULL: a random one */
    const char *segment;    /* or NULL */
    const double *expected; /* in [0, 1], known before the unit was assigned; or NULL */
    long long at_ms;        /* since the epoch; 0: now */
    size_t n;               /* metrics; 0: it was exposed, and no more is said */
    const struct nocturne_live_metric *metrics;
    size_t n_shadow; /* beside metrics */
    const struct nocturne_shadow *shadow;
};

/* What the unit did. Of a variant that is not counted nothing is kept while there is an experiment. 0; -1: it could not
 * be kept (errno: EINVAL, no such outcome, or EMSGSIZE, more than 16 KiB: that the unit was served is kept; ENOSPC, the
 * spool is full; what the disk says). */
int nocturne_live_outcome(struct nocturne_live *l, const struct nocturne_variant *v, const struct nocturne_outcome *o);

#ifdef __cplusplus
}
#endif

#endif
