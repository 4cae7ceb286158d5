#include "tuner/live/track.h"

#include <float.h>
#include <math.h>

size_t track_list(const struct live_plan *p, struct track *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_metrics; i++) {
        bool amount = p->metric[i].proof == PROOF_FEWER;
        ret[n++] = (struct track){i, amount ? TRACK_TYPICAL : TRACK_SCALE};
        if (amount) ret[n++] = (struct track){i, TRACK_BILL};
    }
    return n;
}

double track_outcome(const struct live_metric *m, enum track_kind kind, double value)
{
    double missing = isnan(m->missing) ? m->marks.cap : m->missing;
    double at = isnan(value) ? missing : fmin(value, DBL_MAX), width = m->high - m->low;
    switch (kind) { /* a mean of values may lie beyond their range by a rounding */
    case TRACK_SCALE: return fmin(fmax((m->minimize ? m->high - at : at - m->low) / width, 0), 1);
    case TRACK_TYPICAL: return 1 - saving_typical(&m->marks, at);
    case TRACK_BILL: return saving_billed(&m->marks, at);
    }
    return NAN;
}

double track_difference(const struct live_metric *m, enum track_kind kind, double by)
{
    switch (kind) {
    case TRACK_SCALE: return by * (m->high - m->low) * (m->minimize ? -1 : 1);
    case TRACK_TYPICAL: return saving_ratio(&m->marks, -by);
    case TRACK_BILL: return by * m->marks.cap;
    }
    return NAN;
}

double track_effect(const struct live_metric *m, enum track_kind kind, double effect)
{
    switch (kind) {
    case TRACK_SCALE: return effect / (m->high - m->low);
    case TRACK_TYPICAL: return saving_difference(&m->marks, effect);
    case TRACK_BILL: return effect;
    }
    return NAN;
}

enum status track_check(const struct live_metric *m, double value, struct error *err)
{
    if (isfinite(value) && value >= m->low && value <= m->high) return STATUS_OK;
    if (isinf(m->high))
        return error_set(err, STATUS_INVALID, "%.48s must be a finite number of at least 0, not %.15g", m->name, value);
    return error_set(err, STATUS_INVALID, "%.48s must be from %.6g to %.6g, not %.15g", m->name, m->low, m->high,
                     value);
}

const char *track_kind_name(enum track_kind kind)
{
    switch (kind) {
    case TRACK_SCALE: return "scale";
    case TRACK_TYPICAL: return "typical";
    case TRACK_BILL: return "bill";
    }
    return "";
}
