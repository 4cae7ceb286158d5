#include "surrogate/blas.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

extern char *openblas_get_corename(void);
extern char *openblas_get_config(void);

const char *blas_core(void)
{
    return openblas_get_corename();
}

/* Of "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …" the first two words. */
void blas_describe(char *ret, size_t size)
{
    const char *config = openblas_get_config(), *space = strchr(config, ' ');
    size_t n = space ? strcspn(space + 1, " ") + (size_t)(space + 1 - config) : strlen(config);
    snprintf(ret, size, "%.*s, %s kernels", (int)n, config, blas_core());
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
