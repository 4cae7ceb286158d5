/* blas: which of its kernels the BLAS library runs, and which it should. surrogate.h needs none of it.
 *
 * OpenBLAS looks at the processor once, as it is loaded, and for one that it does not know (newer than itself) takes
 * kernels without AVX: dgemm is then two to four times slower. OPENBLAS_CORETYPE, in the environment at that time,
 * overrules it.
 */
#ifndef SURROGATE_BLAS_H
#define SURROGATE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* What runs: "Haswell"; static. And for people: "OpenBLAS 0.3.21, Haswell kernels". */
const char *blas_core(void);
void blas_describe(char *ret, size_t size);

/* The OPENBLAS_CORETYPE that would do better than `core` on a processor with AVX2 and FMA (or without); NULL: none. */
const char *blas_better(const char *core, bool avx2);

/* Has this processor AVX2 and FMA? */
bool blas_processor_has_avx2(void);

#endif
