#include "surrogate/surrogate.h"

#include <strings.h>

extern char *openblas_get_corename(void);
extern char *openblas_get_config(void);

const char *blas_core(void)
{
    return openblas_get_corename();
}

const char *blas_library(void)
{
    return openblas_get_config();
}

const char *blas_better(const char *core, bool avx2)
{
    static const char *const without_avx[] = {
        "Generic", "Katmai", "Coppermine", "Northwood", "Banias",       "Prescott",  "Core2",  "Penryn", "Dunnington",
        "Nehalem", "Atom",   "Nano",       "Opteron",   "Opteron_SSE3", "Barcelona", "Bobcat", "Athlon", "Unknown"};
    for (size_t i = 0; avx2 && i < sizeof without_avx / sizeof *without_avx; i++)
        if (strcasecmp(core, without_avx[i]) == 0) return "HASWELL";
    return NULL;
}

bool blas_processor_has_avx2(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}
