/* figure_model: what the figures of a surface share: which metric and which parameters are meant, and a parameter as an
 * axis and in words. Targets are those of surface.h.
 */
#ifndef TUNER_REPORT_FIGURE_MODEL_H
#define TUNER_REPORT_FIGURE_MODEL_H

#include "tuner/report/figure_study.h"

#include "tuner/report/figure.h"

/* The one that is wished, else the utility, or what is to be good where there is none. STATUS_INVALID. */
enum status figure_target(const struct figure_wish *wish, size_t *ret, struct error *err);
/* … as figure_study.h counts: FIGURE_UTILITY. */
int figure_target_metric(const struct study *study, size_t target);

/* `n` parameters: those that are wished, then those that matter most for the target, as far as that is known.
 * STATUS_INVALID: there is no such one, it is named twice, more than n are; the study has fewer. */
enum status figure_params(const struct figure_wish *wish, struct surface *f, size_t target, size_t n, size_t *ret,
                          struct error *err);

/* " First in the study file: x and k; …", why those were taken that nobody wished; "": they are wished, or
 * matter most. */
const char *figure_chosen(const struct figure_wish *wish, const size_t *param, size_t n, struct arena *a);

/* From end to end of what was searched, with a margin. Not of choices. */
struct axis figure_param_axis(const struct param *p);
const char *figure_range_text(const struct param *p, struct arena *a);          /* "0.0001–0.1", "adam, sgd" */
const char *const *figure_choice_names(const struct param *p, struct arena *a); /* n_values */
const char *figure_others(const struct surface *f, long at, struct arena *a);   /* "all else as in trial 9" */
/* " It predicts em of …", of the model; or "" */
const char *figure_quality(const struct surface *f, size_t target, struct arena *a);
/* With a capital, if it does not begin with a name. */
const char *figure_sentence(const char *text, struct arena *a);

#endif
