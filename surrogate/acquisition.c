/* Making and asking an acquisition. What its value means, the file of each row of ACQUISITIONS says. */
#include "surrogate/acquisition.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ACQUISITION(id, name) [ACQUISITION_##id] = &acquisition_##name,
static const struct acquisition_ops *const all[] = {ACQUISITIONS(ACQUISITION)};
#undef ACQUISITION

size_t acquisition_objectives(enum acquisition_kind kind)
{
    return all[kind]->objectives;
}

enum acquisition_kind acquisition_default(size_t objectives)
{
    for (size_t kind = 0; kind < sizeof all / sizeof *all; kind++)
        if (all[kind]->objectives == objectives) return (enum acquisition_kind)kind;
    return ACQUISITION_IMPROVEMENT;
}

/* ---- making ---- */

static enum status condition_outputs(struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix **f,
                                     struct error *err)
{
    gsl_matrix *eps = gsl_matrix_alloc(spec->n_base, a->S);
    enum status st = STATUS_OK;
    for (size_t g = 0; !st && g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        gp_normals(eps, spec->seed, g);
        st = gp_condition(spec->output[g].gp, &(struct gp_base){spec->base, spec->n_base, eps}, f[g], &o->gp, err);
        if (st) break;
        gp_query_init(&o->query, o->gp);
        o->d_mean = gsl_matrix_calloc(GP_BATCH, a->S + 1);
    }
    gsl_matrix_free(eps);
    return st;
}

static void adopt_spec(struct acquisition *a, const struct acquisition_spec *spec)
{
    a->ops = all[spec->kind];
    a->d = spec->output[0].gp->kernel.d;
    a->S = spec->n_draws;
    a->n_outputs = spec->n_outputs;
    a->n_bounds = spec->n_bounds;
    for (size_t c = 0; c < spec->n_bounds; c++) a->bound[c] = spec->bound[c];
    for (size_t g = 0; g < a->n_outputs; g++) {
        a->output[g].weight = spec->output[g].weight;
        a->output[g].link = spec->output[g].link;
    }
    a->value = must_alloc(a->S, sizeof *a->value);
    a->slope = must_alloc(a->S * a->n_outputs, sizeof *a->slope);
}

static enum status check_spec(const struct acquisition_spec *spec, struct error *err)
{
    size_t weighted = 0, wanted = all[spec->kind]->objectives;
    if (spec->n_outputs == 0 || spec->n_outputs > OUTPUTS_MAX || spec->n_bounds > BOUNDS_MAX ||
        spec->n_incumbents == 0 || spec->n_incumbents > spec->n_base)
        return error_set(err, STATUS_INVALID, "an acquisition needs 1 to %d outputs and a base point", OUTPUTS_MAX);
    for (size_t g = 0; g < spec->n_outputs; g++) weighted += spec->output[g].weight != 0;
    if (wanted > 1 && weighted < wanted)
        return error_set(err, STATUS_INVALID, "the acquisition '%s' needs %zu outputs with a weight, not %zu",
                         all[spec->kind]->name, wanted, weighted);
    return STATUS_OK;
}

enum status acquisition_create(const struct acquisition_spec *spec, struct acquisition **ret, struct error *err)
{
    enum status st = check_spec(spec, err);
    if (st) return st;
    struct acquisition *a = must_alloc(1, sizeof *a);
    gsl_matrix *f[OUTPUTS_MAX] = {0};
    adopt_spec(a, spec);
    for (size_t g = 0; g < a->n_outputs; g++) f[g] = gsl_matrix_alloc(spec->n_base, a->S);
    st = condition_outputs(a, spec, f, err);
    if (!st) a->state = a->ops->prepare(a, spec, f);
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
    if (a->state) a->ops->done(a->state);
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
        a->value[s] = a->ops->value(a, s, m, with_slopes ? a->slope + s * a->n_outputs : NULL);
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
        gp_query_ask(a->output[g].gp, points, n, GP_MOMENTS, ret_gradients != NULL, &a->output[g].query);
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
            gp_query_ask(a->output[g].gp, points + at * a->d, N, GP_SCREEN, false, &a->output[g].query);
        for (size_t j = 0; j < N; j++) {
            moments_of(a, j, a->S, m);
            ret_values[at + j] = a->ops->value(a, a->S, m, NULL);
        }
    }
}

double acquisition_value(struct acquisition *a, const double *point, double *ret_gradient)
{
    double value;
    acquisition_values(a, point, 1, &value, ret_gradient);
    return value;
}
