/* run_checks: is the run all right? Checks of who is at it, of what it spends and of trials that fail. The rules, and
 * how often each speaks of a study that is healthy, at one look; over all looks at a study of 60 trials it was measured
 * (tests/bench/README.md, "False alarms"):
 *
 * "reports". A running trial is silent for more than f times the longest gap between two of its reports so far. f ≥ 4
 * follows from their number: gaps whose deviation is half their mean (gamma of shape 4, far more irregular than those
 * of trainings) do so once in 100,000. From three gaps on, and a minute of silence. One without so many reports: silent
 * for longer than four times the longest trial of the last 256, from three complete ones on.
 *
 * "failures". More than a fifth of the trials fail, and if one in twenty failed by nature, so many would in less than
 * one study in a hundred (binomial; 1.8 % at some look). Or: three of the last twenty fail with the same last line; of
 * failures by nature, one in a hundred, that happens once in a thousand (1.2 % at some look).
 *
 * "budget". Four fifths of tokens or cost are gone (spent and reserved), and a smaller share of the trials, if they are
 * limited. An account, not an estimate.
 *
 * "disk". Less than 1 GB is left: look; less than 100 MB: wrong. An account.
 *
 * "deadline". By the forecast the chance to end in time is below one half, so that at most every second alarm is one
 * too many; from five complete trials on.
 *
 * "work", "service", "fleet": facts, not estimates.
 */
#ifndef TUNER_ANALYSIS_RUN_CHECKS_H
#define TUNER_ANALYSIS_RUN_CHECKS_H

#include "tuner/analysis/finding.h"

#include "tuner/history/history.h"

struct checkup; /* checkup.h */

struct finding run_check_work(const struct checkup *x);
struct finding run_check_service(const struct checkup *x);
struct finding run_check_fleet(const struct checkup *x);
struct finding run_check_reports(const struct checkup *x);
struct finding run_check_failures(const struct checkup *x);
struct finding run_check_budget(const struct checkup *x);
struct finding run_check_disk(const struct checkup *x);
struct finding run_check_deadline(const struct checkup *x);

/* Has this running trial fallen silent, as `reports` has it? For lists of trials. */
bool run_check_is_stalled(const struct memory *s, const struct trial *t);

#endif
