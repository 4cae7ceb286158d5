#include "surrogate/link.h"

#include <math.h>

double link_value(enum link link, double f)
{
    switch (link) {
    case LINK_IDENTITY: return f;
    case LINK_LOGISTIC: return 1 / (1 + exp(-f));
    case LINK_EXP: return exp(fmin(f, 700));
    }
    return 0;
}

void link_slopes(enum link link, double f, double *ret_first, double *ret_second)
{
    double v = link_value(link, f);
    switch (link) {
    case LINK_IDENTITY: *ret_first = 1, *ret_second = 0; return;
    case LINK_LOGISTIC: *ret_first = v * (1 - v), *ret_second = v * (1 - v) * (1 - 2 * v); return;
    case LINK_EXP: *ret_first = *ret_second = v; return;
    }
}

double link_slope(enum link link, double f)
{
    double first = 0, second;
    link_slopes(link, f, &first, &second);
    return first;
}
