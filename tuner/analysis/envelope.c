#include "tuner/analysis/envelope.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>

/* A configuration as a line. */
struct line {
    double g, h, slack;
    long trial;
};

/* By falling h, then as who comes first wins. */
static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->h != y->h) return x->h < y->h ? 1 : -1;
    if (x->g != y->g) return x->g < y->g ? 1 : -1;
    if (x->slack != y->slack) return x->slack < y->slack ? 1 : -1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* ---- shares ---- */

static bool has_others(const double *share, size_t n, size_t metric)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (i != metric) sum += share[i];
    return sum > 0;
}

/* What the study asks for, as weights. */
static void shares_of(const struct objective *o, double *ret)
{
    for (size_t i = 0; i < o->n_metrics; i++)
        ret[i] = o->form == OBJECTIVE_WEIGHTS ? o->weight[i] : objective_in_utility(o, i) ? 1 : 0;
}

/* Of the other metrics, in all 1. False: there are none. */
static bool share_others(const struct objective *o, const struct objective *own, size_t metric, double *ret)
{
    size_t n = o->n_metrics;
    double sum = 0;
    shares_of(o, ret);
    if (!has_others(ret, n, metric)) shares_of(own, ret);
    if (!has_others(ret, n, metric))
        for (size_t i = 0; i < n; i++) ret[i] = 1;
    ret[metric] = 0;
    for (size_t i = 0; i < n; i++) sum += ret[i];
    for (size_t i = 0; i < n && sum > 0; i++) ret[i] /= sum;
    return sum > 0;
}

/* ---- lines ---- */

static struct line line_of(const struct objective *o, const struct ranked *x, const double *baseline, size_t metric,
                           const double *share)
{
    struct line l = {.g = objective_gain(o, metric, x->mean, baseline),
                     .slack = ranking_slack(o, x->mean, baseline),
                     .trial = x->trial->number};
    for (size_t i = 0; i < o->n_metrics; i++)
        if (share[i] > 0) l.h = bounded_sum(l.h, share[i] * objective_gain(o, i, x->mean, baseline));
    return l;
}

/* What another beats in both, or is equal to, leaves. */
static size_t keep_front(struct line *line, size_t n)
{
    size_t kept = 0;
    qsort(line, n, sizeof *line, compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || line[i].g > line[kept - 1].g) line[kept++] = line[i];
    return kept;
}

static double crossing(const struct line *a, const struct line *b)
{
    double given = a->h / 2 - b->h / 2, won = b->g / 2 - a->g / 2; /* halves: their sum is finite */
    return given / (given + won);
}

/* Those of the front whose line is the highest somewhere; *ret: NaN-free, from 0 on. */
static size_t walk(const struct line *line, size_t n, struct envelope_step *ret)
{
    size_t k = 0, *at = must_alloc(n + 1, sizeof *at);
    for (size_t i = 0; i < n; i++) {
        while (k > 0) {
            double w = crossing(&line[at[k - 1]], &line[i]);
            if (w > ret[k - 1].weight) break;
            k--;
        }
        ret[k] = (struct envelope_step){k ? crossing(&line[at[k - 1]], &line[i]) : 0, line[i].trial};
        at[k++] = i;
    }
    free(at);
    return k;
}

static int first_weighed(const struct objective *o)
{
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->weight[i] > 0) return (int)i;
    return 0;
}

bool envelope_make(const struct memory *s, const struct objective *o, const struct ranking *all, int metric,
                   struct arena *arena, struct envelope *ret)
{
    const double *baseline = all->baseline ? all->baseline->mean : memory_baseline(s);
    double share[METRICS_MAX];
    struct envelope x = {.metric = (size_t)(metric >= 0 ? metric : first_weighed(o))};
    if (!share_others(o, &s->study->objective, x.metric, share)) return false;
    struct line *line = arena_array(arena, all->n + 1, sizeof *line);
    size_t n = 0;
    for (size_t i = 0; i < all->n && baseline; i++)
        if (all->all[i].feasible) line[n++] = line_of(o, &all->all[i], baseline, x.metric, share);
    x.n_front = keep_front(line, n);
    long *front = arena_array(arena, x.n_front + 1, sizeof *front);
    struct envelope_step *from = arena_array(arena, x.n_front + 1, sizeof *from);
    for (size_t i = 0; i < x.n_front; i++) front[i] = line[i].trial;
    x.n = walk(line, x.n_front, from);
    x.weight = o->weight[x.metric];
    x.front = front;
    x.from = from;
    *ret = x;
    return true;
}

json_t *envelope_json(const struct objective *o, const struct ranking *all, const struct envelope *x)
{
    json_t *weights = json_object(), *front = json_array(), *from = json_array();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->weight[i] > 0) json_object_set_new(weights, o->metric[i].name, json_number(o->weight[i]));
    for (size_t i = 0; i < x->n_front; i++) json_array_append_new(front, json_integer(x->front[i]));
    for (size_t i = 0; i < x->n; i++)
        json_array_append_new(from, json_pack("{s:o, s:I}", "weight", json_number(x->from[i].weight), "trial",
                                              (json_int_t)x->from[i].trial));
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "metric", o->metric[x->metric].name, "weights", weights, "winner",
                     all->winner ? json_integer(all->winner->trial->number) : json_null(), "front", front, "from",
                     from);
}
