#include "tuner/rollout/shares.h"

#include <stdint.h>
#include <string.h>

enum { CHAMPION = 0, PIECES = 2 * SHARES_RANGES_MAX + 1 + 2 * SHARES_CHALLENGERS_MAX };
#define GIVEN_BACK SIZE_MAX
#define SLIVER 1e-13 /* what is narrower is no piece, and no difference of shares */

/* All of [0, 1), piece by piece: piece i begins at at[i] and ends where the next one begins. */
struct pieces {
    double at[PIECES + 1];
    size_t arm[PIECES], n;
};

static double width(const struct pieces *p, size_t i)
{
    return p->at[i + 1] - p->at[i];
}

static double share_of(const struct pieces *p, size_t arm)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->arm[i] == arm) sum += width(p, i);
    return sum;
}

static void append(struct pieces *p, double to, size_t arm)
{
    if (p->n && p->arm[p->n - 1] == arm)
        p->at[p->n] = to;
    else if (to > p->at[p->n])
        p->arm[p->n++] = arm, p->at[p->n] = to;
}

static bool read_ranges(struct pieces *p, const struct assignment_range *now, size_t n)
{
    if (n > SHARES_RANGES_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        const struct assignment_range *r = &now[i];
        if (!(r->from >= p->at[p->n] && r->from < r->to && r->to <= 1) || r->arm == CHAMPION || r->arm == GIVEN_BACK)
            return false;
        append(p, r->from, CHAMPION);
        append(p, r->to, r->arm);
    }
    append(p, 1, CHAMPION);
    return true;
}

static bool can_be(const double *shares, size_t n)
{
    double sum = 0;
    if (n > SHARES_CHALLENGERS_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        if (!(shares[i] >= 0)) return false;
        sum += shares[i];
    }
    return sum <= 1 + 1e-12;
}

static void split(struct pieces *p, size_t i, double where)
{
    memmove(&p->at[i + 2], &p->at[i + 1], (p->n - i) * sizeof *p->at);
    memmove(&p->arm[i + 1], &p->arm[i], (p->n - i) * sizeof *p->arm);
    p->at[i + 1] = where;
    p->n++;
}

/* Up to `wanted` of piece i, of its upper end or its lower one, is the arm's. Returns what is wanted still. */
static double hand(struct pieces *p, size_t i, size_t arm, double wanted, bool upper)
{
    double whole = width(p, i);
    if (wanted >= whole - SLIVER) {
        p->arm[i] = arm;
        return wanted - whole;
    }
    split(p, i, upper ? p->at[i + 1] - wanted : p->at[i] + wanted);
    p->arm[upper ? i + 1 : i] = arm;
    return 0;
}

static void merge(struct pieces *p)
{
    struct pieces old = *p;
    p->n = 0;
    for (size_t i = 0; i < old.n; i++) append(p, old.at[i + 1], old.arm[i]);
}

static void shrink(struct pieces *p, size_t arm, double share)
{
    double back = share_of(p, arm) - share;
    for (size_t i = p->n; i-- > 0 && back > SLIVER;)
        if (p->arm[i] == arm) back = hand(p, i, GIVEN_BACK, back, true);
}

/* The room of `from` to take next: after a range of the arm, before one, or where most is free; p->n: there is none. */
static size_t room_for(const struct pieces *p, size_t arm, size_t from, bool *ret_upper)
{
    size_t best = p->n;
    *ret_upper = false;
    for (size_t i = 0; i < p->n; i++)
        if (p->arm[i] == from && i && p->arm[i - 1] == arm) return i;
    for (size_t i = 0; i < p->n; i++) {
        if (p->arm[i] != from) continue;
        if ((*ret_upper = i + 1 < p->n && p->arm[i + 1] == arm)) return i;
        if (best == p->n || width(p, i) > width(p, best)) best = i;
    }
    return best;
}

static void grow(struct pieces *p, size_t arm, double share)
{
    const size_t from[] = {GIVEN_BACK, CHAMPION};
    double wanted = share - share_of(p, arm);
    for (size_t k = 0; k < 2; k++) {
        bool upper;
        for (size_t i; wanted > SLIVER && (i = room_for(p, arm, from[k], &upper)) < p->n; merge(p))
            wanted = hand(p, i, arm, wanted, upper);
    }
}

static void change(struct pieces *p, const double *shares, size_t n)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->arm[i] > n || (p->arm[i] && shares[p->arm[i] - 1] == 0)) p->arm[i] = GIVEN_BACK;
    for (size_t i = 0; i < n; i++) shrink(p, i + 1, shares[i]);
    merge(p);
    for (size_t i = 0; i < n; i++) grow(p, i + 1, shares[i]);
    for (size_t i = 0; i < p->n; i++)
        if (p->arm[i] == GIVEN_BACK) p->arm[i] = CHAMPION;
    merge(p);
}

static size_t write_ranges(const struct pieces *p, struct assignment_range *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->arm[i] == CHAMPION) continue;
        if (n < SHARES_RANGES_MAX) ret[n] = (struct assignment_range){p->at[i], p->at[i + 1], p->arm[i]};
        n++;
    }
    return n;
}

bool shares_lay(const struct assignment_range *now, size_t n_now, const double *shares, size_t n,
                struct assignment_range *ret_ranges, size_t *ret_n)
{
    struct pieces p = {.n = 0};
    if (!can_be(shares, n) || !read_ranges(&p, now, n_now)) return false;
    change(&p, shares, n);
    size_t made = write_ranges(&p, ret_ranges);
    if (made > SHARES_RANGES_MAX) {
        p = (struct pieces){.at = {0, 1}, .arm = {CHAMPION}, .n = 1};
        change(&p, shares, n);
        made = write_ranges(&p, ret_ranges);
    }
    *ret_n = made;
    return true;
}
