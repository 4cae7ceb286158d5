/* libFuzzer: any bytes as a CSV table to import. */
#include "tuner/import/import.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "study: s\nparameters: {x: {type: float, range: [0, 1]}, c: {type: bool}}\nobjective: {minimize: loss}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct study *study; /* opening them takes a hundred times as long as the rest */
    static struct store *store;
    struct imported out;
    if (!study &&
        (study_parse("s", text, strlen(text), &study, NULL) || store_open(":memory:", STORE_CREATE, &store, NULL)))
        __builtin_trap();
    struct history *s = history_bare(store, study, 1, 7, clock_real());
    import_csv(s, "t.csv", (const char *)data, size, &out, NULL);
    history_free(s);
    return 0;
}
