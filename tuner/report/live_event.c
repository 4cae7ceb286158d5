/* What has happened to a rollout, in one line. */
#include "tuner/report/report.h"
