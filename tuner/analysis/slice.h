/* slice: what a surface says along one parameter, or over two, with all others as a trial has them.
 *
 * Numbers go from end to end of their range on their scale, a whole one to each of its values if they are few; ordinals
 * and choices have their values. What is said is the mean (median, as no noise is in it) with its interval
 * (landscape.h). A parameter that comes to exist on the way has its usual value (surface.h). Everything lies in the
 * arena that was given.
 */
#ifndef TUNER_ANALYSIS_SLICE_H
#define TUNER_ANALYSIS_SLICE_H

#include "tuner/analysis/surface.h"

enum {
    SLICE_POINTS = 41,
    SLICE_POINTS_MAX = 201,
    CONTOUR_POINTS = 25,
    CONTOUR_POINTS_MAX = 61,
    SLICE_TRIALS_MAX = 2000
};

struct slice_wish {
    size_t param, other; /* contour: along x and y; slice: `other` is not read */
    size_t target;       /* a metric; n_metrics: the utility (surface_target) */
    size_t points;       /* of a continuum at most, 2 or more; 0: as many as usual */
    long at;             /* the trial whose values the others have; −1: the winner */
};

/* From names as people and requests give them; `metric` NULL: the utility; `other` NULL: it is a slice. STATUS_INVALID
 * and STATUS_NOT_FOUND name what there is. */
struct slice_names {
    const char *param, *other, *metric;
};
enum status slice_wish_read(const struct study *study, const struct slice_names *names, struct slice_wish *ret,
                            struct error *err);

struct slice_trial { /* a complete trial that has the parameter */
    long trial;
    double x, y; /* as measured, wherever its other parameters lie */
};

struct slice {
    size_t param, target, n;
    long at;
    const double *x;                 /* n values of the parameter */
    const struct landscape_value *y; /* n; NaN where it does not exist */
    size_t n_trials;                 /* the first SLICE_TRIALS_MAX */
    const struct slice_trial *trial;
};

/* STATUS_NOT_FOUND: there is no such trial. STATUS_INVALID: in that trial the parameter does not exist; of the winner,
 * the best trial in which it does is taken instead, and slice.at says so. */
enum status slice_make(const struct surface *f, const struct slice_wish *wish, struct arena *arena, struct slice *ret,
                       struct error *err);

struct contour {
    size_t param[2], target, n[2]; /* x, y */
    long at;
    const double *x[2];              /* n[0], n[1] values */
    const struct landscape_value *z; /* n[1] rows of n[0]; NaN where one of the two does not exist */
};

enum status contour_make(const struct surface *f, const struct slice_wish *wish, struct arena *arena,
                         struct contour *ret, struct error *err);

/* {"parameter", "metric", "at", "x", "mean", "sd", "low", "high", "trials": [{"trial", "x", "y"}]} */
json_t *slice_json(const struct surface *f, const struct slice *s);
/* {"x", "y", "mean": [[…]], "sd": [[…]], …}: a row for each value of y. */
json_t *contour_json(const struct surface *f, const struct contour *c);

/* Values of a parameter from end to end, at most n of a continuum; in the arena. */
size_t slice_values(const struct param *p, size_t n, struct arena *arena, double **ret);

#endif
