/* libFuzzer: any bytes as packed reports; what can be read is packed again and read to the same. */
#include "store/curve.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    size_t n;
    double total;
};

static void add_up(void *data, const struct store_report *r)
{
    struct sum *sum = data;
    sum->n += 1 + r->n;
    for (size_t i = 0; i < r->n; i++) sum->total += r->value[i] == r->value[i] ? (double)strlen(r->name[i]) : 0;
}

static void pack(void *data, const struct store_report *r)
{
    report_row_add(data, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum before = {0}, after = {0};
    struct report_row again = {0};
    if (packed_row_read(&(struct packed_row){1, 0, data, size}, add_up, &before) && before.n) {
        packed_row_read(&(struct packed_row){1, 0, data, size}, pack, &again);
        if (!packed_row_read(&(struct packed_row){1, 0, again.bytes, again.n}, add_up, &after) || after.n != before.n)
            __builtin_trap();
    }
    free(again.bytes);
    return 0;
}
