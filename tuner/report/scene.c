#include "tuner/report/scene.h"

#include <string.h>

struct scene scene_begin(enum scene_view home)
{
    return (struct scene){.view = home, .home = home, .beneath = home, .chart = FIGURE_HISTORY, .chosen = -1};
}

/* ---- charts ---- */

static const struct {
    int key;
    enum figure_kind kind;
} charts[] = {{'h', FIGURE_HISTORY},
              {'f', FIGURE_FRONT},
              {'c', FIGURE_CURVES},
              {'s', FIGURE_CONFIRMATION},
              {'t', FIGURE_TIMELINE}};

enum { CHARTS = sizeof charts / sizeof *charts };

enum figure_kind scene_next_chart(enum figure_kind kind)
{
    for (size_t i = 0; i < CHARTS; i++)
        if (charts[i].kind == kind) return charts[(i + 1) % CHARTS].kind;
    return charts[0].kind;
}

enum figure_kind scene_other_chart(enum figure_kind kind, size_t which)
{
    static const enum figure_kind usual[] = {FIGURE_HISTORY, FIGURE_FRONT, FIGURE_CURVES};
    size_t i = 0;
    for (;; i++)
        if (usual[i] != kind && which-- == 0) return usual[i];
}

static enum scene_deed choose_chart(struct scene *s, int key)
{
    if (key == KEY_TAB) return s->chart = scene_next_chart(s->chart), SCENE_CHANGES;
    for (size_t i = 0; i < CHARTS; i++) {
        if (charts[i].key != key) continue;
        s->chart = charts[i].kind;
        s->view = SCENE_CHART;
        return SCENE_CHANGES;
    }
    return SCENE_STAYS;
}

/* ---- the list ---- */

/* Where the chosen one stands; the list's end if it is no longer there. */
static size_t place_of(const struct scene *s, const struct scene_list *list)
{
    size_t i = 0;
    while (i < list->n && list->of[i] != s->chosen) i++;
    return i;
}

static enum scene_deed move(struct scene *s, int by, const struct scene_list *list)
{
    size_t at = place_of(s, list), last = list->n - 1;
    if (list->n == 0) return SCENE_STAYS;
    if (at == list->n)
        at = by > 0 ? 0 : last;
    else if (by < 0)
        at = at ? at - 1 : 0;
    else
        at = at < last ? at + 1 : last;
    if (list->of[at] == s->chosen) return SCENE_STAYS;
    s->chosen = list->of[at];
    return SCENE_CHANGES;
}

static enum scene_deed show_log(struct scene *s, const struct scene_list *list)
{
    if (list->n == 0) return SCENE_STAYS;
    if (place_of(s, list) == list->n) s->chosen = list->of[0];
    s->view = SCENE_LOG;
    return SCENE_CHANGES;
}

/* ---- a filter ---- */

static enum scene_deed type(struct scene *s, int key)
{
    size_t n = strlen(s->filter);
    if (key == KEY_ESCAPE) *s->filter = 0;
    if (key == KEY_ESCAPE || key == KEY_ENTER) return s->view = SCENE_STUDY, SCENE_CHANGES;
    if ((key == KEY_BACK || key == '\b') && n > 0) return s->filter[n - 1] = 0, SCENE_CHANGES;
    if (key < ' ' || key >= KEY_BACK || n + 1 >= sizeof s->filter) return SCENE_STAYS;
    s->filter[n] = (char)key;
    s->filter[n + 1] = 0;
    return SCENE_CHANGES;
}

/* ---- views ---- */

static enum scene_deed go_back(struct scene *s)
{
    if (*s->filter && s->view == SCENE_STUDY) return *s->filter = 0, SCENE_CHANGES;
    if (s->view == s->home) return SCENE_STAYS;
    s->view = s->view == SCENE_LOG || s->view == SCENE_CHART ? SCENE_STUDY : s->home;
    return s->view == SCENE_LIST ? SCENE_RETURNS : SCENE_CHANGES;
}

static enum scene_deed press_in_list(struct scene *s, int key, const struct scene_list *list)
{
    if (list->n > 0 && place_of(s, list) == list->n) s->chosen = list->of[0]; /* as it is shown */
    if (key == 'j' || key == KEY_DOWN) return move(s, 1, list);
    if (key == 'k' || key == KEY_UP) return move(s, -1, list);
    return key == KEY_ENTER && list->n > 0 ? SCENE_OPENS : SCENE_STAYS;
}

static enum scene_deed press_in_study(struct scene *s, int key, const struct scene_list *list)
{
    if (key == 'j' || key == KEY_DOWN) return move(s, 1, list);
    if (key == 'k' || key == KEY_UP) return move(s, -1, list);
    if (key == 'l' || key == KEY_ENTER) return show_log(s, list);
    if (key == '/') return s->view = SCENE_FILTER, SCENE_CHANGES;
    return choose_chart(s, key);
}

static enum scene_deed press_in_log(struct scene *s, int key, const struct scene_list *list)
{
    if (key == 'j' || key == KEY_DOWN) return move(s, 1, list);
    if (key == 'k' || key == KEY_UP) return move(s, -1, list);
    return key == 'l' ? go_back(s) : SCENE_STAYS;
}

static enum scene_deed cover(struct scene *s)
{
    s->beneath = s->view;
    s->view = SCENE_KEYS;
    return SCENE_CHANGES;
}

enum scene_deed scene_press(struct scene *s, int key, const struct scene_list *list)
{
    if (key == KEY_REDRAW) return SCENE_RENEWS;
    if (s->view == SCENE_FILTER) return type(s, key);
    if (key == 'q') return SCENE_QUITS;
    if (s->view == SCENE_KEYS) return s->view = s->beneath, SCENE_CHANGES;
    if (key == '?') return cover(s);
    if (key == KEY_ESCAPE) return go_back(s);
    switch (s->view) {
    case SCENE_LIST: return press_in_list(s, key, list);
    case SCENE_STUDY: return press_in_study(s, key, list);
    case SCENE_CHART: return choose_chart(s, key);
    case SCENE_LOG: return press_in_log(s, key, list);
    case SCENE_FILTER:
    case SCENE_KEYS: break;
    }
    return SCENE_STAYS;
}
