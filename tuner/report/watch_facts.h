/* watch_facts: what is known of a watched study when its frame is made. All of it is the caller's, and what costs more
 * to make may be older than the memory.
 */
#ifndef TUNER_REPORT_WATCH_FACTS_H
#define TUNER_REPORT_WATCH_FACTS_H

#include "tuner/report/figure.h"

#include "tuner/analysis/analysis.h"

enum watch_sign {
    WATCH_LIVE,
    WATCH_BEHIND, /* it could not be read for a while: another program keeps the database locked, say */
    WATCH_LOST,   /* it is gone, or damaged; what was read stays on the screen */
};

struct watch_link {
    enum watch_sign sign;
    int64_t since_ms; /* wall clock: when it was last read */
    const char *why;  /* behind, lost; may be anybody's text */
};

struct watch_chart {
    enum figure_kind kind;
    const struct chart *chart; /* NULL: there is none yet, */
    const char *why;           /* … because */
};

enum { WATCH_CHARTS = 3 };

struct watch_facts {
    const struct memory *memory;
    struct watch_link link;
    bool running;                           /* somebody is at it */
    const char *where;                      /* " --db FILE", for commands that are named; "": not needed */
    const struct document *document;        /* NULL: not made yet */
    const struct health *health;            /* NULL: not made yet */
    struct watch_chart chart[WATCH_CHARTS]; /* of scene.chart, and the others (scene_other_chart) */
    size_t n_happened;
    const char *const *happened; /* happening_text; the newest last */
    const char *tail;            /* what the chosen trial prints, as report_logs has it; NULL: its folder is not here */
};

#endif
