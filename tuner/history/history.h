/* history: what has happened to a study. This room's one public header.
 *
 * Everything that happens is an event with a number, in order and for good. Memory follows from the log alone: `apply`
 * turns an event into memory, live and on loading, and `append` is the only way to make one.
 */
#ifndef TUNER_HISTORY_HISTORY_H
#define TUNER_HISTORY_HISTORY_H

#include "tuner/history/append.h"
#include "tuner/history/apply.h"
#include "tuner/history/checkpoint.h"
#include "tuner/history/curve.h"
#include "tuner/history/item.h"
#include "tuner/history/lease.h"
#include "tuner/history/ledger.h"
#include "tuner/history/lending.h"
#include "tuner/history/lineage.h"
#include "tuner/history/memory.h"
#include "tuner/history/open.h"
#include "tuner/history/outcome.h"
#include "tuner/history/product.h"
#include "tuner/history/segment.h"
#include "tuner/history/study_phase.h"
#include "tuner/history/view.h"
#include "tuner/history/warm_start.h"

#endif
