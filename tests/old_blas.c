/* For LD_PRELOAD: an OpenBLAS that does not know the processor, and takes what it is told as it is loaded. */
#include <stdlib.h>

static const char *core = "Prescott";

__attribute__((constructor)) static void choose(void)
{
    if (getenv("OPENBLAS_CORETYPE")) core = "Haswell";
}

const char *openblas_get_corename(void)
{
    return core;
}
