/* Making and asking an acquisition. What its value means: value.c. */
#include "surrogate/acquisition.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool feasible_in_draw(const struct acquisition *a, gsl_matrix *const *f, size_t i, size_t s)
{
    for (size_t c = 0; c < a->n_bounds; c++) {
        double v = gsl_matrix_get(f[a->bound[c].output], i, s);
        if (a->bound[c].at_least ? v < a->bound[c].bound : v > a->bound[c].bound) return false;
    }
    return true;
}

static void find_incumbents(struct acquisition *a, gsl_matrix *const *f, size_t n_base)
{
    double sum = 0;
    size_t n = 0;
    for (size_t s = 0; s < a->S; s++) {
        a->best[s] = -HUGE_VAL;
        for (size_t i = 0; i < n_base; i++) {
            double u = 0;
            if (!feasible_in_draw(a, f, i, s)) continue;
            for (size_t g = 0; g < a->n_outputs; g++)
                if (a->output[g].weight != 0)
                    u += a->output[g].weight * link_value(a->output[g].link, gsl_matrix_get(f[g], i, s));
            a->best[s] = fmax(a->best[s], u);
        }
        if (a->best[s] == -HUGE_VAL) continue;
        sum += a->best[s];
        n++;
    }
    a->best[a->S] = n ? sum / (double)n : -HUGE_VAL;
}

struct pair {
    double first, second;
};

static int by_first_descending(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? 1 : -1;
    return (x->second < y->second) - (x->second > y->second);
}

/* From the points above the reference, those that no other dominates, as strips. */
static struct front front_make(struct pair *p, size_t n, const double *reference)
{
    struct front f = {0, must_alloc(n + 1, sizeof(double)), must_alloc(n + 1, sizeof(double))};
    double level = reference[1];
    size_t kept = 0;
    qsort(p, n, sizeof *p, by_first_descending);
    for (size_t i = 0; i < n; i++)
        if (p[i].first > reference[0] && p[i].second > level) {
            level = p[i].second;
            p[kept++] = p[i];
        }
    f.from[0] = reference[0]; /* ascending in the first output: the last kept point comes first */
    for (size_t k = 0; k < kept; k++) {
        f.level[k] = p[kept - 1 - k].second;
        f.from[k + 1] = p[kept - 1 - k].first;
    }
    f.level[kept] = reference[1];
    f.n = kept + 1;
    return f;
}

static void find_fronts(struct acquisition *a, gsl_matrix *const *f, size_t n_base, const double *reference)
{
    struct pair *p = must_alloc(n_base, sizeof *p);
    const gsl_matrix *f0 = f[a->objective[0]], *f1 = f[a->objective[1]];
    double w0 = a->output[a->objective[0]].weight, w1 = a->output[a->objective[1]].weight;
    for (size_t s = 0; s <= a->S; s++) {
        size_t n = 0;
        for (size_t i = 0; i < n_base; i++) {
            struct pair v = {0, 0};
            if (s < a->S && !feasible_in_draw(a, f, i, s)) continue;
            for (size_t t = 0; s == a->S && t < a->S; t++) {
                v.first += w0 * gsl_matrix_get(f0, i, t) / (double)a->S;
                v.second += w1 * gsl_matrix_get(f1, i, t) / (double)a->S;
            }
            p[n++] = s < a->S ? (struct pair){w0 * gsl_matrix_get(f0, i, s), w1 * gsl_matrix_get(f1, i, s)} : v;
        }
        a->front[s] = front_make(p, n, reference);
    }
    free(p);
}

static enum status condition_outputs(struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix **f,
                                     struct error *err)
{
    gsl_matrix *eps = gsl_matrix_alloc(spec->n_base, a->S);
    enum status st = STATUS_OK;
    for (size_t g = 0; !st && g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        gp_normals(eps, spec->seed, g);
        st = gp_condition(spec->output[g].gp, spec->base, spec->n_base, eps, f[g], &o->gp, err);
        if (st) break;
        gp_query_init(&o->query, o->gp);
        o->d_mean = gsl_matrix_calloc(GP_BATCH, a->S + 1);
    }
    gsl_matrix_free(eps);
    return st;
}

/* The first bound on an output that is in the utility is integrated jointly with it, not multiplied. */
static void choose_joint_bound(struct acquisition *a)
{
    a->joint = -1;
    for (size_t c = a->n_bounds; c-- > 0;)
        if (a->output[a->bound[c].output].weight != 0 && a->form == ACQUISITION_IMPROVEMENT) a->joint = (int)c;
    if (a->joint < 0) return;
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(NODES);
    for (size_t k = 0; k < NODES; k++) {
        double weight;
        gsl_integration_glfixed_point(0, ACQUISITION_REACH, k, &a->node[k], &weight, table);
        a->log_weight[k] = log(weight);
    }
    gsl_integration_glfixed_table_free(table);
}

static void adopt_spec(struct acquisition *a, const struct acquisition_spec *spec)
{
    size_t objectives = 0;
    a->d = spec->output[0].gp->kernel.d;
    a->S = spec->n_draws;
    a->form = spec->form;
    a->n_outputs = spec->n_outputs;
    a->n_bounds = spec->n_bounds;
    for (size_t c = 0; c < spec->n_bounds; c++) a->bound[c] = spec->bound[c];
    for (size_t g = 0; g < a->n_outputs; g++) {
        a->output[g].weight = spec->output[g].weight;
        a->output[g].link = spec->output[g].link;
        if (a->output[g].weight != 0 && objectives < 2) a->objective[objectives++] = g;
    }
    a->best = must_alloc(a->S + 1, sizeof *a->best);
    a->front = must_alloc(a->S + 1, sizeof *a->front);
    a->value = must_alloc(a->S, sizeof *a->value);
    a->slope = must_alloc(a->S * a->n_outputs, sizeof *a->slope);
    choose_joint_bound(a);
}

enum status acquisition_create(const struct acquisition_spec *spec, struct acquisition **ret, struct error *err)
{
    if (spec->n_outputs == 0 || spec->n_outputs > OUTPUTS_MAX || spec->n_bounds > BOUNDS_MAX ||
        spec->n_incumbents == 0 || spec->n_incumbents > spec->n_base)
        return error_set(err, STATUS_INVALID, "an acquisition needs 1 to %d outputs and a base point", OUTPUTS_MAX);
    struct acquisition *a = must_alloc(1, sizeof *a);
    gsl_matrix *f[OUTPUTS_MAX] = {0};
    adopt_spec(a, spec);
    for (size_t g = 0; g < a->n_outputs; g++) f[g] = gsl_matrix_alloc(spec->n_base, a->S);
    enum status st = condition_outputs(a, spec, f, err);
    if (!st) find_incumbents(a, f, spec->n_incumbents);
    if (!st && a->form == ACQUISITION_HYPERVOLUME) find_fronts(a, f, spec->n_incumbents, spec->reference);
    for (size_t g = 0; g < a->n_outputs; g++) gsl_matrix_free(f[g]);
    if (st)
        acquisition_free(a);
    else
        *ret = a;
    return st;
}

void acquisition_free(struct acquisition *a)
{
    if (!a) return;
    for (size_t g = 0; g < a->n_outputs; g++) {
        if (!a->output[g].gp || !a->output[g].d_mean) continue;
        gp_free(a->output[g].gp);
        gp_query_done(&a->output[g].query);
        gsl_matrix_free(a->output[g].d_mean);
    }
    for (size_t s = 0; s <= a->S; s++) {
        free(a->front[s].from);
        free(a->front[s].level);
    }
    free(a->best);
    free(a->front);
    free(a->value);
    free(a->slope);
    free(a);
}

/* ---- asking ---- */

static void moments_of(const struct acquisition *a, size_t point, size_t s, struct moment *ret)
{
    for (size_t g = 0; g < a->n_outputs; g++)
        ret[g] = (struct moment){gsl_matrix_get(a->output[g].query.mean, point, s), a->output[g].query.variance[point]};
}

/* log mean over the draws at one point of the batch; its slopes go to the outputs' rows. */
static double mean_of_draws(struct acquisition *a, size_t point, bool with_slopes)
{
    struct moment m[OUTPUTS_MAX];
    double top = -HUGE_VAL, sum = 0;
    if (with_slopes) memset(a->slope, 0, a->S * a->n_outputs * sizeof *a->slope);
    for (size_t s = 0; s < a->S; s++) {
        moments_of(a, point, s, m);
        a->value[s] = acquisition_draw_value(a, s, m, with_slopes ? a->slope + s * a->n_outputs : NULL);
        top = fmax(top, a->value[s]);
    }
    for (size_t s = 0; s < a->S; s++) sum += exp(a->value[s] - top);
    for (size_t g = 0; with_slopes && g < a->n_outputs; g++) {
        a->output[g].d_variance[point] = 0;
        for (size_t s = 0; s < a->S; s++) {
            double share = exp(a->value[s] - top) / sum;
            gsl_matrix_set(a->output[g].d_mean, point, s, share * a->slope[s * a->n_outputs + g].mean);
            a->output[g].d_variance[point] += share * a->slope[s * a->n_outputs + g].variance;
        }
    }
    return top + log(sum / (double)a->S);
}

static void batch_values(struct acquisition *a, const double *points, size_t n, double *ret_values,
                         double *ret_gradients)
{
    for (size_t g = 0; g < a->n_outputs; g++)
        gp_query_ask(a->output[g].gp, points, n, false, ret_gradients != NULL, &a->output[g].query);
    for (size_t j = 0; j < n; j++) ret_values[j] = mean_of_draws(a, j, ret_gradients != NULL);
    if (!ret_gradients) return;
    memset(ret_gradients, 0, n * a->d * sizeof *ret_gradients);
    for (size_t g = 0; g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        gp_query_gradient(o->gp, &o->query, o->d_mean, o->d_variance, ret_gradients);
    }
}

void acquisition_values(struct acquisition *a, const double *points, size_t n, double *ret_values,
                        double *ret_gradients)
{
    for (size_t at = 0; at < n; at += GP_BATCH)
        batch_values(a, points + at * a->d, n - at < GP_BATCH ? n - at : GP_BATCH, ret_values + at,
                     ret_gradients ? ret_gradients + at * a->d : NULL);
}

void acquisition_screen(struct acquisition *a, const double *points, size_t n, double *ret_values)
{
    struct moment m[OUTPUTS_MAX];
    for (size_t at = 0; at < n; at += GP_BATCH) {
        size_t N = n - at < GP_BATCH ? n - at : GP_BATCH;
        for (size_t g = 0; g < a->n_outputs; g++)
            gp_query_ask(a->output[g].gp, points + at * a->d, N, true, false, &a->output[g].query);
        for (size_t j = 0; j < N; j++) {
            moments_of(a, j, a->S, m);
            ret_values[at + j] = acquisition_draw_value(a, a->S, m, NULL);
        }
    }
}

double acquisition_value(struct acquisition *a, const double *point, double *ret_gradient)
{
    double value;
    acquisition_values(a, point, 1, &value, ret_gradient);
    return value;
}
