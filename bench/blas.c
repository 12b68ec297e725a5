/* blas.c: calls another library's sgemm or sgemv many times, so that its time is that of the product alone.
 * Matrices are row-major: C' = B' A' is what a library of columns is asked for. bench/blas.py loads it. */
#include <stdint.h>

#define CALLS(suffix, integer)                                                                                      \
  typedef void (*gemm_##suffix)(const char *, const char *, const integer *, const integer *, const integer *,      \
                                const float *, const float *, const integer *, const float *, const integer *,      \
                                const float *, float *, const integer *);                                           \
  typedef void (*gemv_##suffix)(const char *, const integer *, const integer *, const float *, const float *,       \
                                const integer *, const float *, const integer *, const float *, float *,            \
                                const integer *);                                                                   \
  /* C[M,N] = A B; A lies as K x M if a_turned, B as N x K if b_turned */                                           \
  void matrices_##suffix(void *f, int64_t count, int64_t M, int64_t N, int64_t K, int a_turned, int b_turned,        \
                         const float *a, const float *b, float *c) {                                                \
    const integer m = (integer)M, n = (integer)N, k = (integer)K;                                                   \
    const integer lda = a_turned ? m : k, ldb = b_turned ? k : n;                                                   \
    const float one = 1, zero = 0;                                                                                  \
    for (int64_t i = 0; i < count; ++i)                                                                             \
      ((gemm_##suffix)f)(b_turned ? "T" : "N", a_turned ? "T" : "N", &n, &m, &k, &one, b, &ldb, a, &lda, &zero, c,  \
                         &n);                                                                                       \
  }                                                                                                                 \
  /* y = A x with A of columns, or A' x if turned */                                                                \
  void vector_##suffix(void *f, int64_t count, int64_t rows, int64_t columns, int turned, const float *a,            \
                       const float *x, float *y) {                                                                  \
    const integer m = (integer)rows, n = (integer)columns, step = 1;                                                \
    const float one = 1, zero = 0;                                                                                  \
    for (int64_t i = 0; i < count; ++i)                                                                             \
      ((gemv_##suffix)f)(turned ? "T" : "N", &m, &n, &one, a, &m, x, &step, &zero, y, &step);                       \
  }

CALLS(32, int32_t)
CALLS(64, int64_t)
