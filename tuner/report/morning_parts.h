/* morning_parts: what the files of the morning's story share. */
#ifndef TUNER_REPORT_MORNING_PARTS_H
#define TUNER_REPORT_MORNING_PARTS_H

#include "tuner/report/figure.h"
#include "tuner/report/morning_facts.h"
#include "tuner/report/story.h"

struct morning { /* what is told, and from what */
    const struct memory *s;
    const struct objective *o;
    const struct morning_facts *facts;
    struct document d;
    struct ranking all;
    struct stop_audit stops; /* of a study that stops; else zero */
    struct story *story;
    struct arena *a;
};

/* ---- words ---- */

const char *morning_metric(const struct morning *m, size_t metric, double v); /* "0.6123" */
const char *morning_count(const struct morning *m, double n);
/* "trial 9", "the baseline", "strong-default" */
const char *morning_who(const struct morning *m, const struct comparison_row *row);
/* The difference that counts most for the word; NULL: there is none. */
const struct verdict *morning_deciding(const struct comparison_row *row);
const struct comparison_row *morning_row(const struct morning *m, long trial);
/* Non-inferiority: the worse end of the interval is within the margin. */
bool morning_holds(const struct morning *m, size_t metric, const struct verdict *v);
/* What the verdict leaves open, "em and tokens": neither sure to differ nor within the margin; "": nothing. */
const char *morning_open(const struct morning *m, const struct verdict *v);
/* "takes 62.1 % fewer tokens (42.3 to 75.2 %), and gives up 2.61 points of em (0.72 to 4.49)"; what is open comes last.
 */
const char *morning_beside(const struct morning *m, const struct verdict *v);

void morning_figure(struct morning *m, struct story_section *x, enum figure_kind kind);

/* ---- sections ---- */

void morning_verdict(struct morning *m);      /* what won, against what, how sure */
void morning_confirmation(struct morning *m); /* … and the figures of it */
void morning_live(struct morning *m);         /* what of it is served, and how that goes */
void morning_choice(struct morning *m);       /* what else could be had */
void morning_matters(struct morning *m);      /* which parameter decides what */
void morning_tried(struct morning *m);        /* what was tried and stopped, and what it cost */
void morning_cost(struct morning *m);
void morning_trust(struct morning *m); /* whether to believe it, what next, how to have it again */
void morning_next(struct morning *m);
void morning_reproduce(struct morning *m);

#endif
