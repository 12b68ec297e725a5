/* gemm_shapes.h: what register tiles are and how large: shared by those of float32 (gemm_tiles.h) and bf16_tiles.c. */
#ifndef GD_GEMM_SHAPES_H
#define GD_GEMM_SHAPES_H

#include "gd.h"
#include "simd/vec.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(GD_ISA_avx512)
enum { MR = 14, KC = 512 }; /* its second caches are large, and deep blocks pass over C less often */
#elif defined(GD_ISA_neon)
enum { MR = 12, KC = 256 };
#else
enum { MR = 6, KC = 256 };
#endif
enum { NR = 2 * VL, MAX_NV = 8 };
/* From how many rows on a B in rows is packed; and one that is slow to read where it lies, as its lines fall into few sets of
 * L1 or loads cross them, if it has more than so many numbers. bench/products.py chose them. */
#if defined(GD_ISA_avx512)
enum { PACK_ROWS = 18 * MR, PACK_SLOW_ROWS = 8 * MR, PACK_SLOW_FROM = (1 << 20) / sizeof(real), PACK_CLASHES = 0 };
#else
enum { PACK_ROWS = 8 * MR, PACK_SLOW_ROWS = 2 * MR, PACK_SLOW_FROM = 0, PACK_CLASHES = 1 };
#endif
enum { TALL = MR < 12 ? 2 * MR : MR }; /* rows of a tile of one vector, whose latency more rows hide */

/* Panels and strips of so many packed rows lie a line further apart than they are long: not a multiple of 4 KB. */
#define APART(k, width) ((k) * (width) + VL)

/* Rows of B in a block of K, at most `deepest`: blocks are even, as a thin last one would move more of C than it multiplies. */
static inline int64_t gemm_depth(int64_t k, int64_t deepest) {
  return gd_max(VL, gd_ceil_div(gd_ceil_div(k, gd_max(1, gd_ceil_div(k, deepest))), VL) * VL);
}

/* Where panel j / NR of block kb lies, of k rows, among those of a whole B of n columns that are packed once. */
static inline int64_t gemm_packed_at(int64_t n, int64_t depth, int64_t kb, int64_t k, int64_t j) {
  return gd_ceil_div(n, NR) * (kb * NR + kb / depth * VL) + j / NR * APART(k, NR);
}
enum { CHUNK = 2048 / sizeof(real) }; /* columns of a row that are packed one after another */

typedef struct { /* one register tile: c[m, n] (+)= a[m, k] b[k, n] */
  real *c;
  const real *a, *b;
  int64_t ldc, a_row, a_col, ldb, k, n;
  int first; /* the first block of K overwrites C */
  int dense; /* rows of c are one panel wide and lie one after another: what runs over into later ones is written again */
  int64_t segments; /* of k each, a's and b's of which begin at a + a_at[i] and b + b_at[i]; of tiles that read such */
  const int64_t *a_at, *b_at;
} tile_args;

typedef void (*tile_fn)(const tile_args *);

#if GD_REAL_BITS == 32
/* Products over pairs of bfloat16; all NULL where the instruction set has none. Only processors that have them may call
 * one. A strip has MR and a panel NR words to each pair of k, as many of which as APART says lie between two of them;
 * operands lie in memory, an element (i, j) at i row + j col. */
typedef struct {
  tile_fn tiles[2][MR][2], segmented[2][MR][2]; /* [vectors - 1][rows - 1][tail]; of a strip, and of several segments of a */
  void (*panels)(real *to, const real *b, int64_t row, int64_t col, int64_t k, int64_t n);
  void (*strip)(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t k); /* may write a vector behind it */
  void (*line)(real *to, const real *x, int64_t n); /* n neighbours, n even; may write a vector behind them */
  void (*pairs)(real *to, const real *x, int64_t below, int64_t n); /* x[i] and x[i + below], below > 0; `to` may be x; likewise */
} bf16_kernels;
extern const bf16_kernels GD_NAME(gd_bf16);
#endif

#endif
