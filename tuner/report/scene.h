/* scene: what of a watched study is on the screen, and what a key makes of it. Nothing here draws or reads anything.
 *
 *     struct scene s = scene_begin(SCENE_STUDY);
 *     if (scene_press(&s, 'q', &list) == SCENE_QUITS) …
 */
#ifndef TUNER_REPORT_SCENE_H
#define TUNER_REPORT_SCENE_H

#include "tuner/report/figure.h"

enum scene_view {
    SCENE_LIST,   /* all studies */
    SCENE_STUDY,  /* one of them */
    SCENE_CHART,  /* … a chart of it, as large as can be */
    SCENE_LOG,    /* … what a trial of it prints */
    SCENE_FILTER, /* … a filter of its running trials is being typed */
    SCENE_KEYS,   /* what the keys do */
};

enum { SCENE_FILTER_MAX = 48 };

struct scene {
    enum scene_view view, home; /* home: where Escape ends: SCENE_LIST, or SCENE_STUDY where only one was asked for */
    enum scene_view beneath;    /* what SCENE_KEYS covers */
    enum figure_kind chart;
    long chosen;                   /* of what scene_list has; −1: none */
    char filter[SCENE_FILTER_MAX]; /* "": all running trials are shown */
};

/* Keys that are no characters; others are themselves. */
enum scene_key {
    KEY_TAB = 9,
    KEY_ENTER = 13,
    KEY_REDRAW = 12,
    KEY_ESCAPE = 27,
    KEY_BACK = 127,
    KEY_UP = 0x110000,
    KEY_DOWN
};

enum scene_deed {
    SCENE_STAYS,   /* nothing has changed */
    SCENE_CHANGES, /* draw it again */
    SCENE_OPENS,   /* the chosen study of the list; if none is, the first */
    SCENE_RETURNS, /* to the list */
    SCENE_RENEWS,  /* draw all of it anew, whatever the terminal shows */
    SCENE_QUITS,
};

/* What there is to choose from now. */
struct scene_list {
    size_t n;
    const long *of; /* n: numbers of trials, or ids of studies, as they are shown */
};

struct scene scene_begin(enum scene_view home);
enum scene_deed scene_press(struct scene *s, int key, const struct scene_list *list);

/* Charts that are cheap enough to be made again and again; the next one after `kind`. */
enum figure_kind scene_next_chart(enum figure_kind kind);
/* Those that stand beside it where there is room: the first, the second. */
enum figure_kind scene_other_chart(enum figure_kind kind, size_t which);

#endif
