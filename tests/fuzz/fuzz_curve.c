/* libFuzzer: any bytes as packed reports, and as packed items; what can be read is packed again and read to the same. */
#include "store/curve.h"
#include "store/item.h"

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

static void add_item(void *data, const struct store_item *item)
{
    struct sum *sum = data;
    sum->n += 1 + item->n + strlen(item->id);
}

static void pack_item(void *data, const struct store_item *item)
{
    item_row_add(data, item);
}

static void items(const uint8_t *data, size_t size)
{
    struct sum before = {0}, after = {0};
    const struct item_row row = {1, {.bytes = (unsigned char *)(uintptr_t)data, .n = size}};
    struct item_row again = {.lease = 1};
    if (item_row_read(&row, add_item, &before)) {
        item_row_read(&row, pack_item, &again);
        if (!item_row_read(&again, add_item, &after) || after.n != before.n) __builtin_trap();
    }
    free(again.pack.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum before = {0}, after = {0};
    struct report_row again = {0};
    if (packed_row_read(&(struct packed_row){1, 0, data, size}, add_up, &before) && before.n) {
        packed_row_read(&(struct packed_row){1, 0, data, size}, pack, &again);
        if (!packed_row_read(&(struct packed_row){1, 0, again.pack.bytes, again.pack.n}, add_up, &after) || after.n != before.n)
            __builtin_trap();
    }
    free(again.pack.bytes);
    items(data, size);
    return 0;
}
