/* calls: what is to be called later, in order, once something has come so far. One thread. */
#ifndef TUNER_BASE_CALLS_H
#define TUNER_BASE_CALLS_H

#include <stdint.h>

struct pending_call;

struct calls { /* zero: none */
    struct pending_call *first, *last;
};

typedef void call_fn(void *data);

/* Marks never fall. `drop` is called with the data of a call that will never be made (calls_done); NULL: nothing. */
void calls_add(struct calls *all, uint64_t mark, call_fn *call, void *data, call_fn *drop);
/* Those up to this mark; more may be added meanwhile. */
void calls_make(struct calls *all, uint64_t mark);
/* Whoever was to be called with this data is not there any more. */
void calls_forget(struct calls *all, const void *data);
void calls_done(struct calls *all);

#endif
