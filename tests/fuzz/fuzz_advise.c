/* libFuzzer: any bytes as requests to advise, one a line, on a study in memory. */
#include "tuner/coordinator/adviser.h"

#include "surrogate/surrogate.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "study: s\nparameters: {x: {type: float, range: [0, 1]}, c: {type: bool}, y: {type: int, range: [1, 9], when: c == true}}\n"
    "objective: {minimize: loss}\nsearch: {sampler: sobol}\nstopping: {adaptive: true, patience: [1, 9]}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct study *study = NULL;
    struct store *store = NULL;
    struct history *history = NULL;
    surrogate_setup();
    if (study_parse("s", text, strlen(text), &study, NULL) || store_open(":memory:", STORE_CREATE, &store, NULL) ||
        history_open(store, study, &(struct opening){.seed = 1}, clock_real(), &history, NULL))
        __builtin_trap();
    struct adviser *a = adviser_create(history);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) : size;
        json_decref(adviser_answer(a, (const char *)data, n));
        data += n;
        size -= n;
        if (size > 0) data++, size--;
    }
    adviser_free(a);
    history_free(history);
    store_close(store);
    study_free(study);
    return 0;
}
