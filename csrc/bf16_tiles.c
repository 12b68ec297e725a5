/* bf16_tiles.c: register tiles over pairs of bfloat16, c[m, n] (+)= the sum over pairs of a[m] b[n].
 *
 * A strip holds MR words to a pair of k, a panel NR words; a word is a pair as v_bf16_pair makes it, the first of k in
 * its upper half. Compiled with the flags of setup.py's BF16, and called by gemm_bf16.h only where check.c has found
 * that the processor has the instructions.
 */
#include "gemm_shapes.h"
#include "simd/bf16.h"

#if GD_REAL_BITS == 32
#ifdef GD_BF16_DOT

INLINE void tile_body(const tile_args *t, const int m, const int nv, const int tail) {
  vec acc[MR][2];
  const int64_t last = t->n - (nv - 1) * VL; /* columns in the last vector */
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j)
      acc[i][j] = t->first                  ? v_zero()
                  : tail && j == nv - 1 ? v_load_n(t->c + i * t->ldc + j * VL, last)
                                            : v_load(t->c + i * t->ldc + j * VL);
  const real *a = t->a, *b = t->b;
  for (int64_t k = 0; k < t->k; ++k, a += MR, b += NR) {
    vec bv[2];
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) bv[j] = v_load(b + j * VL);
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i) {
      const vec av = v_set1(a[i]);
#pragma GCC unroll 2
      for (int j = 0; j < nv; ++j) acc[i][j] = v_bf16_dot(acc[i][j], bv[j], av);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) {
      if (tail && j == nv - 1) v_store_n(t->c + i * t->ldc + j * VL, acc[i][j], last);
      else v_store(t->c + i * t->ldc + j * VL, acc[i][j]);
    }
}

#define TILE(m, nv)                                                           \
  static void tile_##m##x##nv(const tile_args *t) { tile_body(t, m, nv, 0); } \
  static void tile_##m##x##nv##_tail(const tile_args *t) { tile_body(t, m, nv, 1); }
#define ROW(m, nv) {tile_##m##x##nv, tile_##m##x##nv##_tail},
#if defined(GD_ISA_avx512)
#define MORE(X, nv) X(7, nv) X(8, nv) X(9, nv) X(10, nv) X(11, nv) X(12, nv) X(13, nv) X(14, nv)
#elif defined(GD_ISA_neon)
#define MORE(X, nv) X(7, nv) X(8, nv) X(9, nv) X(10, nv) X(11, nv) X(12, nv)
#else
#define MORE(X, nv)
#endif
#define EACH(X, nv) X(1, nv) X(2, nv) X(3, nv) X(4, nv) X(5, nv) X(6, nv) MORE(X, nv)
EACH(TILE, 1)
EACH(TILE, 2)

const tile_fn GD_NAME(gd_bf16_tiles)[2][MR][2] = {{EACH(ROW, 1)}, {EACH(ROW, 2)}};
#else
const tile_fn GD_NAME(gd_bf16_tiles)[2][MR][2] = {{{0}}};
#endif
#else
typedef int nothing_in_float64; /* a file of C must declare something */
#endif
