/* libFuzzer: any bytes as a line from a trial. */
#include "workers/contract.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message m = {0};
    if (contract_parse((const char *)data, size, &m, NULL) == STATUS_OK) json_decref(m.metrics);
    return 0;
}
