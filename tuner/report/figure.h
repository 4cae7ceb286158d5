/* figure: from a study to charts, each of them one question: how the search went (history), what there is to choose
 * from (front), how trials learned (curves), how sure the winner is (confirmation), where the time went (timeline).
 *
 * Everything is read from memory, and reports and times from its store. The chart lies in the arena; the memory must
 * live as long. STATUS_NOT_FOUND: there is too little yet, and the error says of what, and how much there is;
 * STATUS_INVALID: no such metric or parameter; STATUS_IO.
 */
#ifndef TUNER_REPORT_FIGURE_H
#define TUNER_REPORT_FIGURE_H

#include "tuner/report/chart.h"

#include "tuner/history/history.h"

enum figure_kind {
    FIGURE_HISTORY,
    FIGURE_FRONT,
    FIGURE_CURVES,
    FIGURE_CONFIRMATION,
    FIGURE_TIMELINE,
};

enum { FIGURE_KINDS = FIGURE_TIMELINE + 1 };

struct figure_wish { /* zero, but for the memory: as usual */
    const struct memory *memory;
    const char *metric; /* a name of the study, or "utility"; NULL: what suits the figure */
    size_t n_parameters;
    const char *const *parameter;
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

#endif
