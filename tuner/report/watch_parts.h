/* watch_parts: what the files of a watched study's frame share. Each adds lines to a frame, as many as it is given. */
#ifndef TUNER_REPORT_WATCH_PARTS_H
#define TUNER_REPORT_WATCH_PARTS_H

#include "tuner/report/frame.h"
#include "tuner/report/scene.h"
#include "tuner/report/watch_facts.h"

/* How much of each a screen of some height has room for, in lines. */
struct watch_room {
    size_t verdict, config, forecast, budgets;
    size_t findings, finding; /* how many, and lines of each */
};

/* "live", "behind 40 s", "lost since 03:12, trying again": in its style. */
const char *watch_sign_text(const struct watch_link *link, int64_t now_ms, const struct frame *f);
/* Name, phase and states; the sign. */
void watch_head(const struct watch_facts *x, struct frame *f);
/* Why the sign is not "live", and how to go on with what nobody is at. */
void watch_notice(const struct watch_facts *x, struct frame *f);

void watch_verdict(const struct watch_facts *x, const struct watch_room *room, struct frame *f);
void watch_budgets(const struct watch_facts *x, const struct watch_room *room, struct frame *f);
void watch_health(const struct watch_facts *x, const struct watch_room *room, struct frame *f);

/* A rule, and a line for each running trial, two where one is too short and there is room; `most` lines in all. */
void watch_runs(const struct watch_facts *x, const struct scene *scene, size_t most, struct frame *f);
/* The chosen trial: what it is, and what it prints. */
void watch_log(const struct watch_facts *x, const struct scene *scene, struct frame *f);

/* The last line of every frame: what can be pressed. */
void watch_foot(const struct scene *scene, struct frame *f);
void watch_keys(const struct scene *scene, struct frame *f);

#endif
