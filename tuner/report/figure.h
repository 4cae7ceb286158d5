/* figure: from a study to charts, each of them one question: how the search went (history), what there is to choose
 * from (front), how trials learned (curves), how sure the winner is (confirmation), where the time went (timeline),
 * what matters (importance), and what a model of the results says along one parameter (slice) or over two (contour).
 *
 * Everything is read from memory, and reports and times from its store. The chart lies in the arena; the memory must
 * live as long. STATUS_NOT_FOUND, and of results for a model STATUS_EXHAUSTED: there is too little yet, and the error
 * says of what, and how much there is; STATUS_INVALID: no such metric or parameter; STATUS_IO.
 */
#ifndef TUNER_REPORT_FIGURE_H
#define TUNER_REPORT_FIGURE_H

#include "tuner/report/chart.h"

#include "tuner/analysis/analysis.h"

enum figure_kind {
    FIGURE_HISTORY,
    FIGURE_FRONT,
    FIGURE_CURVES,
    FIGURE_CONFIRMATION,
    FIGURE_TIMELINE,
    FIGURE_IMPORTANCE,
    FIGURE_SLICE,
    FIGURE_CONTOUR,
};

enum { FIGURE_KINDS = FIGURE_CONTOUR + 1 };

struct figure_wish { /* zero, but for the memory: as usual */
    const struct memory *memory;
    const char *metric; /* a name of the study, or "utility"; NULL: what suits the figure */
    size_t n_parameters;
    const char *const *parameter; /* a slice: one, a contour: two; else, those that matter most */
};

const char *figure_name(enum figure_kind kind);
bool figure_parse(const char *name, enum figure_kind *ret);

enum status figure_make(enum figure_kind kind, const struct figure_wish *wish, struct arena *a, struct chart *ret,
                        struct error *err);

enum status figure_history(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_front(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_curves(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_confirmation(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_timeline(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_importance(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_slice(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);
enum status figure_contour(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);

/* ---- of a model that is there already ---- */

enum status figure_importance_of(const struct importance *x, struct arena *a, struct chart *ret, struct error *err);
/* Is x->target[target] one of those that are told: the metrics that count, if they are few, else the utility? */
bool figure_importance_tells(const struct importance *x, size_t target);
/* "x decides em: 52 % (41–60)", of x->target[target]; in the arena. */
const char *figure_importance_says(const struct importance *x, size_t target, struct arena *a);
/* One more panel of a chart that is empty or has slices. */
enum status figure_slice_add(const struct surface *f, const struct slice_wish *wish, struct arena *a, struct chart *ret,
                             struct error *err);

#endif
