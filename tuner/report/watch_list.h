/* watch_list: all studies of a database, a line each, for who watches more than one. */
#ifndef TUNER_REPORT_WATCH_LIST_H
#define TUNER_REPORT_WATCH_LIST_H

#include "tuner/report/frame.h"
#include "tuner/report/scene.h"
#include "tuner/report/watch_facts.h"

struct watch_row {
    long id;          /* of the study */
    const char *name; /* may be anybody's text, as all of these */
    bool running;
    enum study_phase phase;
    size_t states[TRIAL_STATES];
    const char *best;    /* "trial 9, a trade"; "": nothing has won */
    const char *problem; /* why it cannot be read; NULL: it can */
};

struct watch_rows {
    const char *database;
    struct watch_link link;
    int64_t now_ms;
    size_t n;
    const struct watch_row *row;
};

/* Fills an empty frame. */
void watch_list_frame(const struct watch_rows *x, const struct scene *scene, struct frame *f);

#endif
