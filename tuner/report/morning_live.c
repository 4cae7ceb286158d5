/* What of the study is live: since when, what is tried against it, what happens next. */
#include "tuner/report/morning_parts.h"

#include "tuner/report/rollout_course.h"
#include "tuner/report/text.h"

static void say(struct morning *m, struct story_section *x, const char *text, enum story_brief brief)
{
    story_say(x, m->a, STORY_SENTENCE, text)->brief = brief;
}

static void say_tracks(struct morning *m, struct story_section *x, const struct rollout_view *v, const json_t *c)
{
    const json_t *track;
    struct rollout_track t;
    size_t i;
    json_array_foreach(json_object_get(c, "metrics"), i, track)
    {
        if (rollout_track(v, track, &t))
            story_say(x, m->a, STORY_ITEM, arena_printf(m->a, "%s %s %s: %s", t.name, t.by, t.interval, t.word));
    }
}

static void say_challengers(struct morning *m, struct story_section *x, const struct rollout_view *v)
{
    const json_t *c, *variants = json_object_get(v->x, "variants");
    struct chart chart;
    size_t i;
    json_array_foreach(json_object_get(v->x, "challengers"), i, c)
    {
        const char *variant = rollout_text(v, c, "variant");
        say(m, x,
            arena_printf(m->a, "Tried against it, as %s%s: %s.", variant, rollout_is_dropped(c) ? ", taken back" : "",
                         rollout_configuration(v, json_object_get(variants, variant))),
            STORY_NEVER);
        if (!*rollout_means(v, c, "champion")) continue;
        say(m, x,
            arena_printf(m->a, "The champion: %s; %s: %s, on average.", rollout_means(v, c, "champion"), variant,
                         rollout_means(v, c, "challenger")),
            STORY_NEVER);
        say_tracks(m, x, v, c);
        if (rollout_course(v, c, json_object_get(v->status, "course"), ROLLOUT_COURSE_WHOLE, &chart))
            story_chart(x, m->a, &chart);
    }
}

static void say_matters(struct morning *m, struct story_section *x, const struct rollout_view *v)
{
    struct rollout_matter all[ROLLOUT_MATTERS_MAX];
    size_t n = rollout_matters(v, all);
    for (size_t i = 0; i < n; i++)
        story_say(x, m->a, STORY_ITEM,
                  arena_printf(m->a, STRONG("%s, %s:") " %s → %s", all[i].level == HEALTH_WRONG ? "✕ wrong" : "! look",
                               all[i].what, all[i].sentence, all[i].action))
            ->brief = all[i].level == HEALTH_WRONG ? STORY_SECOND : STORY_NEVER;
}

static void say_rollout(struct morning *m, struct story_section *x, const json_t *status)
{
    struct rollout_view v = rollout_view(status, "", m->a);
    const char *since = report_moment(json_number_at(status, "since_ms"), "%Y-%m-%d %H:%M %Z", m->a),
               *watch = rollout_watch(&v);
    say(m, x, arena_printf(m->a, STRONG("Rollout %s:") " %s.", v.name, rollout_headline(&v)), STORY_FIRST);
    say(m, x,
        arena_printf(m->a, "Live since %s: %s.", since, rollout_configuration(&v, json_object_get(status, "champion"))),
        STORY_THIRD);
    say_matters(m, x, &v);
    if (v.x) say_challengers(m, x, &v);
    if (*watch) say(m, x, arena_printf(m->a, "Watched: %s.", watch), STORY_NEVER);
    say(m, x, arena_printf(m->a, "Next: %s.", rollout_next(&v)), STORY_SECOND);
}

void morning_live(struct morning *m)
{
    const json_t *status;
    size_t i;
    if (json_array_size(m->facts->rollouts) == 0) return;
    struct story_section *x = story_section(m->story, m->a, "Live");
    json_array_foreach(m->facts->rollouts, i, status) say_rollout(m, x, status);
    story_say(x, m->a, STORY_QUIET,
              "Differences have intervals that are right however often somebody looks; how it stands now: " CODE(
                  "nocturne rollout status") ".");
}
