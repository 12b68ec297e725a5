/* gemm.h: the product that op files call, for a batch of matrices.
 *
 *   C[o, i][M, N]  =  A[o, i][M, K] B[o, i][K, N]   or   C + A B      o < outer, i < inner
 *
 * An operand lies in memory with any strides, or a packer of the caller's reads it: the windows of an image,
 * say, which lie nowhere as a matrix. Register tiles, panels, the loop over windows of C and the epilogue are in
 * product.c; no other file has tiles of its own. Callers: ops/gemm.c,
 * ops/conv.c, ops/winograd.c, ops/attention.c.
 *
 * Every element of C is summed over k = 0 ... K-1 in that order (behind what C holds, if it is added to), in
 * blocks of KC, whatever tile it falls in, but for a single column, made of dot products where factors are not
 * rounded: so the bits depend neither on how the work is dealt out nor (but where `loose` allows it) on the
 * number of rows.
 */
#ifndef GD_GEMM_H
#define GD_GEMM_H

#include "gd.h"
#include "simd/vec.h"

/* Writes columns [col, col + cols) of rows [row, row + rows) of what `from` describes, the rows `pitch` apart and
 * in order; up to a vector behind the end of each may be overwritten. */
typedef void (*gemm_pack_fn)(const void *from, real *to, int64_t pitch, int64_t row, int64_t rows, int64_t col, int64_t cols);

typedef struct {
  const real *at;                    /* of what lies in memory: where, and the elements between neighbours */
  int64_t outer, inner, row, col;
  gemm_pack_fn pack;                 /* of what does not: its packer, or NULL */
  const void *from;
  int64_t first_row, first_col;      /* where the operand begins among the packer's rows and columns */
  int turned;                        /* the packer's rows are the operand's columns */
} gemm_operand;

typedef struct {
  int64_t outer, inner, m, n, k;     /* sizes: two of the batch, and of one product */
  real *c;
  int64_t c_outer, c_inner, c_row;
  gemm_operand a, b;
  int accumulate;                    /* C + A B instead of A B */
  int loose;                         /* one or two rows may be summed in another order (in a gradient) */
  int bfloat16;                      /* factors are rounded to it: 1 multiplied as float32, 2 by instructions; float32 alone */
  real *sums;                        /* [n]: the sums of b's columns over K, of a single matrix in memory; or NULL */
  const gd_ins *then;                /* elementwise work on C, whose matrices lie one after another; or NULL */
  int deal_rows;                     /* threads share out rows where that costs little: see gemm_stripes */
  int64_t then_width, then_first;    /* where C is some columns of a wider matrix: how wide, and its first; or 0 */
  const real *packed;                /* what gd_product_pack made of b, beside b itself, of a single product; or NULL */
  int64_t packed_k, packed_first;    /* where b is some rows of what was packed, in one block: how many that has, or 0; b's first, even */
} gemm_product;

/* An operand that lies in memory, and one that a packer reads. Every field is written: what a partial initializer
 * leaves out is cleared by a string instruction, which takes longer than a small product. */
static inline gemm_operand gemm_strided(const real *at, int64_t row, int64_t col) {
  return (gemm_operand){at, 0, 0, row, col, NULL, NULL, 0, 0, 0};
}
static inline gemm_operand gemm_packed(const real *at, gemm_pack_fn pack, const void *from, int turned) {
  return (gemm_operand){at, 0, 0, 0, 0, pack, from, 0, 0, turned};
}

/* One product C = A B of two matrices; whoever wants more of it sets more. */
static inline gemm_product gemm_of(int64_t m, int64_t n, int64_t k, real *c, int64_t c_row, gemm_operand a, gemm_operand b) {
  return (gemm_product){1, 1, m, n, k, c, 0, 0, c_row, a, b, 0, 0, 0, NULL, NULL, 0, 0, 0, NULL, 0, 0};
}

/* A unit is a stripe of one matrix, and neighbouring stripes are computed as one: so as many threads as
 * there are each have one window. It is cut across the side that makes the packing cheaper: through the
 * columns every thread packs all of A, through the rows all of B. With `deal_rows` rows are preferred unless they are
 * few: in memory they follow one another, as threads share out what reads C element by element (a weight's gradient). */
typedef struct { int64_t by_rows, width, stripes; } gemm_cut;

static inline gemm_cut gemm_stripes(int64_t m, int64_t n, int deal_rows) {
  const int by_rows = m >= 8 && (n < 8 * VL || m > n || (deal_rows && 4 * m >= n));
  const int64_t width = by_rows ? 4 : 2 * VL;
  return (gemm_cut){by_rows, width, gd_ceil_div(by_rows ? m : n, width)};
}

static inline int64_t gemm_units_dealt(int64_t matrices, int64_t m, int64_t n, int deal_rows) {
  return m == 0 || n == 0 ? 0 : matrices * gemm_stripes(m, n, deal_rows).stripes;
}
static inline int64_t gemm_units(int64_t matrices, int64_t m, int64_t n) { return gemm_units_dealt(matrices, m, n, 0); }

/* Bytes of scratch for products of so many columns and so deep a sum, and for the epilogue. */
int64_t GD_NAME(gd_product_scratch)(gd_dim n, gd_dim k, const gd_ins *then);

/* Units [lo, hi) of gemm_units(outer * inner, m, n), dealt as `deal_rows` says. */
void GD_NAME(gd_product)(const gemm_product *p, const gd_run *run, int64_t lo, int64_t hi);

/* Panels of B that many products share, packed once: as many as gemm_panels, of which [lo, hi) are written, for one
 * block of K after another, rounded as the products' `bfloat16` says. They take gd_panels_of numbers. */
_Static_assert(GD_PANEL_COLUMNS % (2 * VL) == 0, "room for any instruction set is room for this one");
static inline int64_t gemm_panels(int64_t n) { return gd_ceil_div(n, 2 * VL); }
void GD_NAME(gd_product_pack)(real *to, const gemm_operand *b, int64_t k, int64_t n, int64_t lo, int64_t hi, int bfloat16);

/* Bytes of all of them, a multiple of 64; 0 for so few rows or columns that they are read where they lie. */
static inline int64_t gemm_packed_bytes(int64_t k, int64_t n) {
  if (n < VL || k < VL) return 0;
  return gd_ceil_div(gd_panels_of(k, gemm_panels(n) * 2 * VL) * (int64_t)sizeof(real), 64) * 64;
}

/* C[M, N] (+)= the sum over segments s of A_s[M, K] B_s[K, N], none of which is packed: A_s begins at a + a_at[s] and
 * B_s at b + b_at[s]. For few columns, where packing A would cost more than it saves. Panels of 2 VL columns of b are
 * `panel` elements apart: 2 VL where b lies in rows. The sums go over K and the segments in order. */
typedef struct {
  int64_t m, n, k, segments;
  real *c;
  const real *a, *b;
  int64_t c_row, a_row, a_col, b_row, panel;
  const int64_t *a_at, *b_at;
  int accumulate;
  int pairs; /* a and b hold words of two bfloat16 along k, as gd_bf16 writes them; b in panels */
} gemm_segments;

void GD_NAME(gd_product_segments)(const gemm_segments *p);

/* The sums of b's columns over its k rows, `row` apart, in order: sums of sums of 64, so that the rounding stays small. */
void GD_NAME(gd_column_sums)(const real *b, int64_t row, int64_t k, int64_t n, real *sums);

#endif
