/* libFuzzer: any bytes as a study file. */
#include "tuner/study/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct study *study = NULL;
    if (study_parse("fuzz.yaml", (const char *)data, size, &study, NULL) == STATUS_OK) study_free(study);
    return 0;
}
