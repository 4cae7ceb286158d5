/* internal: a history's insides, for the files of this room only. */
#ifndef TUNER_HISTORY_INTERNAL_H
#define TUNER_HISTORY_INTERNAL_H

#include "tuner/history/memory.h"

struct trial_list {
    size_t n, capacity;
    struct trial **at;
};

struct lending {
    size_t holders;
    struct gone_curve *gone; /* no longer the trials', but perhaps still read */
};

/* By key, open addressing: at most half full. */
struct product_table {
    size_t n, capacity, slots; /* slots: a power of two; 0: none yet */
    struct product **all, **slot;
};

struct history {
    struct memory m; /* first: its lists of trials are those below, for reading */
    struct journal *journal;
    struct arena arena;
    struct trial_list all, open, curves, seen;
    struct search_trial *seen_row; /* of `seen` */
    size_t seen_capacity;
    size_t seen_holes;                /* of cancelled trials, which history_view closes */
    long told;                        /* results so far */
    int64_t expiry_ms;                /* monotonic clock: no lease expires before; 0: none ever */
    char boot[128];                   /* of the machine, when the study was opened last … */
    char boot_before[128];            /* … and the time before that */
    int64_t warm_seq[WARM_START_MAX]; /* last event of each study under `warm_start` when the study was opened */
    char *file;                       /* the study file as last logged */
    size_t n_names, names_capacity;
    const char **name; /* of agents and tokens that ever held a lease */
    const char *on_behalf_of;
    struct history_watch watch;
    struct lending lending;
    struct product_table products;
    struct search_stage *stage_row; /* of `seen`, pipeline.n each: as history_view last saw them */
    size_t stage_rows_capacity;
};

/* Numbers of a trial, which are const for everybody else. */
static inline double *internal_numbers(const double *x)
{
    return (double *)x;
}

/* The same trial, to be written. */
struct trial *internal_own(const struct history *s, const struct trial *t);
/* A report came, by its number and so long after the lease. */
void internal_hear(struct attempt *a, long number, int64_t after_ms);
/* At the end of the list. */
void internal_add(struct trial_list *list, struct trial *t);
/* After a list has changed: memory shows it. */
void internal_show(struct history *s);

#endif
