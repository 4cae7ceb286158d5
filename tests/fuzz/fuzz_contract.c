/* One line from a trial: as a message, and as something that a program prints and that may hold some. */
#include "workers/contract.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void on_message(void *data, const char *json, size_t len)
{
    struct message m;
    (void)data;
    if (contract_parse(json, len, &m, NULL) == STATUS_OK) json_decref(m.metrics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size ? size : 1); /* of just this length: a byte too far is seen */
    if (size) memcpy(line, data, size);
    on_message(NULL, line, size);
    contract_find(line, size, on_message, NULL);
    free(line);
    return 0;
}
