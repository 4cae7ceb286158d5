/* analysis: what a study's past means; nothing here changes it. This room's one public header. */
#ifndef TUNER_ANALYSIS_ANALYSIS_H
#define TUNER_ANALYSIS_ANALYSIS_H

#include "tuner/analysis/ancestry.h"
#include "tuner/analysis/columns.h"
#include "tuner/analysis/comparison.h"
#include "tuner/analysis/document.h"
#include "tuner/analysis/end_forecast.h"
#include "tuner/analysis/envelope.h"
#include "tuner/analysis/flat.h"
#include "tuner/analysis/front.h"
#include "tuner/analysis/health.h"
#include "tuner/analysis/importance.h"
#include "tuner/analysis/keep.h"
#include "tuner/analysis/noise.h"
#include "tuner/analysis/order.h"
#include "tuner/analysis/ped_anova.h"
#include "tuner/analysis/pedigree.h"
#include "tuner/analysis/plan.h"
#include "tuner/analysis/ranking.h"
#include "tuner/analysis/remark.h"
#include "tuner/analysis/replay.h"
#include "tuner/analysis/reproduction.h"
#include "tuner/analysis/rerun.h"
#include "tuner/analysis/run_checks.h"
#include "tuner/analysis/slice.h"
#include "tuner/analysis/snapshot.h"
#include "tuner/analysis/spending.h"
#include "tuner/analysis/stop_audit.h"
#include "tuner/analysis/surface.h"

#endif
