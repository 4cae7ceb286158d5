/* rollout_course: a chart of how the differences of a challenger went: a panel for each of what it is to show, over
 * time, with the interval, what it must pass, and the steps of the ramp. `course` as tuner/live has it in JSON
 * (live_course, or the API); what is missing in it, or is no such thing, is not drawn.
 *
 *     struct chart c;
 *     if (rollout_course(&v, challenger, course, ROLLOUT_COURSE_WHOLE, &c)) puts(c.title);
 */
#ifndef TUNER_REPORT_ROLLOUT_COURSE_H
#define TUNER_REPORT_ROLLOUT_COURSE_H

#include "tuner/report/chart.h"
#include "tuner/report/rollout_words.h"

enum rollout_course_look {
    ROLLOUT_COURSE_WHOLE,
    ROLLOUT_COURSE_BRIEF, /* beside the words of the status: without bills, and with a short caption */
};

/* `challenger`: of the status' experiment. In the view's arena. False: there are no three points yet. */
bool rollout_course(const struct rollout_view *v, const json_t *challenger, const json_t *course,
                    enum rollout_course_look look, struct chart *ret);

#endif
