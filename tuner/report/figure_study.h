/* figure_study: what the figures share: which metric is meant, whose a mark is, a difference in words. */
#ifndef TUNER_REPORT_FIGURE_STUDY_H
#define TUNER_REPORT_FIGURE_STUDY_H

#include "tuner/report/chart.h"

#include "tuner/analysis/analysis.h"

enum { FIGURE_UTILITY = -1 };

/* The metric of that name, or FIGURE_UTILITY where it is "utility" and there is one. STATUS_INVALID names those that
 * there are. */
enum status figure_metric(const struct memory *s, const char *name, int *ret, struct error *err);
/* The metric that is to be good, beside what it costs; `cost` −1: there is none to leave out. */
int figure_gain(const struct objective *o, int cost);
int figure_cost(const struct objective *o); /* −1: nothing counts it */

/* Of a complete trial; NaN: unknown. */
double figure_value(const struct memory *s, const struct trial *t, int metric);
/* Complete, and it breaks no constraint that is known. */
bool figure_is_feasible(const struct memory *s, const struct trial *t);
/* Is there no utility, because it is relative to a baseline that is not complete? */
bool figure_lacks_baseline(const struct memory *s);

enum chart_look figure_look(enum trial_state state);

/* Name and range-less axis of a metric, or of the utility. */
struct axis figure_axis(const struct objective *o, int metric);
/* "0.6123", "1.20M", "+0.2724", for sentences; in the arena. */
const char *figure_text(const struct objective *o, int metric, double v, struct arena *a);
/* "+2.11 points of em", "59.3 % fewer tokens", "12.0 % more bytes"; in the arena. */
const char *figure_apart(const struct metric *m, bool ratio, double by, struct arena *a);
const char *figure_count(size_t n, struct arena *a); /* "840", "50,000" */
/* The title where nothing has won. */
const char *figure_no_winner(const struct memory *s, size_t results, struct arena *a);
/* "winner (trial 9)", "baseline", "trial 5"; in the arena. */
const char *figure_who(const struct ranking *all, const struct ranked *x, struct arena *a);

/* Room for numbers and looks of marks that are still counted. */
struct figure_marks {
    size_t n;
    double *x, *y;
    enum chart_look *look;
    const char **name;
    long *trial;
};
struct figure_marks figure_marks_of(size_t room, struct arena *a);
void figure_mark(struct figure_marks *m, double x, double y, enum chart_look look, long trial);
void figure_show(struct chart_layer *l, const struct figure_marks *m);

#endif
