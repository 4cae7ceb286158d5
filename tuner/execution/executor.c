#include "tuner/execution/executor.h"

static const struct executor *const all[] = {EXECUTORS(EXECUTOR_ROW) NULL};

const struct executor *executor_with_room(const struct executor *const *list, const struct site *site)
{
    const struct executor *const *x = list ? list : all;
    while (*x && !(*x)->has_room(site)) x++;
    return *x;
}
