#include "tuner/report/watch_list.h"

#include "tuner/report/watch_parts.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

static const char *phase_text(const struct watch_row *r)
{
    if (r->problem) return "?";
    if (r->running) return r->phase == STUDY_PAUSED ? "paused" : "running";
    return r->phase == STUDY_OPEN ? "not running" : study_phase_name(r->phase);
}

static const char *counts_text(const struct watch_row *r, struct arena *a)
{
    const char *all = "";
    for (int i = 0; i < TRIAL_STATES; i++)
        if (r->states[i] && i != TRIAL_CANCELLED)
            all = arena_printf(a, "%s%s%zu %s", all, *all ? ", " : "", r->states[i],
                               i == TRIAL_PRUNED ? "stopped early" : trial_state_name((enum trial_state)i));
    return *all ? all : "no trial yet";
}

static void add_row(const struct watch_row *r, bool chosen, size_t wide, struct frame *f)
{
    struct arena *a = f->arena;
    enum trial_state state = r->running                   ? TRIAL_RUNNING
                             : r->phase == STUDY_COMPLETE ? TRIAL_COMPLETE
                             : r->phase == STUDY_FAILED   ? TRIAL_FAILED
                                                          : TRIAL_QUEUED;
    const char *name = frame_cell(f, plain_shown(a, r->name), wide);
    const char *rest =
        r->problem ? r->problem : arena_printf(a, "%s%s%s", counts_text(r, a), *r->best ? "; " : "", r->best);
    frame_add(f, arena_printf(a, "%s%s  %s  %s",
                              chosen ? (f->screen->unicode ? "▸ " : "> ") : screen_state(f->screen, state, a),
                              chosen ? frame_styled(f, FRAME_REVERSED, name) : name, frame_cell(f, phase_text(r), 11),
                              plain_shown(a, rest)));
}

static size_t chosen_row(const struct watch_rows *x, long chosen)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->row[i].id == chosen) return i;
    return 0;
}

void watch_list_frame(const struct watch_rows *x, const struct scene *scene, struct frame *f)
{
    struct arena *a = f->arena;
    size_t wide = 0, at = chosen_row(x, scene->chosen);
    for (size_t i = 0; i < x->n; i++) {
        size_t w = frame_width(plain_shown(a, x->row[i].name));
        wide = w > wide ? w : wide;
    }
    if (wide > f->columns / 3) wide = f->columns / 3;
    frame_split(f, arena_printf(a, "%zu stud%s in %s", x->n, x->n == 1 ? "y" : "ies", plain_shown(a, x->database)),
                watch_sign_text(&x->link, x->now_ms, f));
    if (x->link.sign != WATCH_LIVE && x->link.why)
        frame_say(f, screen_level(f->screen, HEALTH_WRONG, a), plain_shown(a, x->link.why), FRAME_PLAIN, 2);
    if (scene->view == SCENE_KEYS) {
        watch_keys(scene, f);
    } else {
        frame_rule(f, "");
        if (x->n == 0) frame_add(f, "no study yet; 'nocturne run study.yaml' begins one");
        size_t room = frame_room(f) > 1 ? frame_room(f) - 1 : 1, from = at >= room ? at + 1 - room : 0;
        for (size_t i = from; i < x->n && i < from + room; i++) add_row(&x->row[i], i == at, wide, f);
    }
    watch_foot(scene, f);
}
