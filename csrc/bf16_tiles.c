/* bf16_tiles.c: register tiles over pairs of bfloat16, c[m, n] (+)= the sum over pairs of a[m] b[n], and the packers that
 * round operands in memory to such pairs.
 *
 * A strip holds MR words to a pair of k, a panel NR words; a word is a pair as v_bf16_pair makes it, the first of k in
 * its upper half. If k is odd the last is followed by zeros: by -0 in A, so that the product with +0 of B is -0 and leaves
 * what it is added to, even -0. Compiled with the flags of setup.py's BF16, and called by gemm_bf16.h only where check.c has found
 * that the processor has the instructions.
 */
#include "gemm_shapes.h"
#include "simd/bf16.h"

#if GD_REAL_BITS == 32
#ifdef GD_BF16_DOT

INLINE void tile_body(const tile_args *t, const int m, const int nv, const int segmented, const int tail) {
  vec acc[MR][2];
  const int64_t last = t->n - (nv - 1) * VL; /* columns in the last vector */
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j)
      acc[i][j] = t->first                  ? v_zero()
                  : tail && j == nv - 1 ? v_load_n(t->c + i * t->ldc + j * VL, last)
                                            : v_load(t->c + i * t->ldc + j * VL);
  const int64_t a_row = segmented ? t->a_row : 1, a_col = segmented ? t->a_col : MR;
  int64_t segment = 0;
  do {
    const real *a = t->a, *b = t->b;
    if (segmented) a += t->a_at[segment], b += t->b_at[segment];
    for (int64_t k = 0; k < t->k; ++k, a += a_col, b += NR) {
      vec bv[2];
#pragma GCC unroll 2
      for (int j = 0; j < nv; ++j) bv[j] = v_load(b + j * VL);
#pragma GCC unroll 16
      for (int i = 0; i < m; ++i) {
        const vec av = v_set1(a[i * a_row]);
#pragma GCC unroll 2
        for (int j = 0; j < nv; ++j) acc[i][j] = v_bf16_dot(acc[i][j], bv[j], av);
      }
    }
  } while (segmented && ++segment < t->segments);
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) {
      if (tail && j == nv - 1) v_store_n(t->c + i * t->ldc + j * VL, acc[i][j], last);
      else v_store(t->c + i * t->ldc + j * VL, acc[i][j]);
    }
}

#define ONE(name, m, nv, segmented)                                                             \
  static void tile_##m##x##nv##name(const tile_args *t) { tile_body(t, m, nv, segmented, 0); } \
  static void tile_##m##x##nv##name##_tail(const tile_args *t) { tile_body(t, m, nv, segmented, 1); }
#define TILE(m, nv) ONE(_packed, m, nv, 0) ONE(_segments, m, nv, 1)
#define ROW(m, nv) {tile_##m##x##nv##_packed, tile_##m##x##nv##_packed_tail},
#define SEGMENTED_ROW(m, nv) {tile_##m##x##nv##_segments, tile_##m##x##nv##_segments_tail},
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

/* n numbers at x, and zeros behind them. */
INLINE vec load_first(const real *x, int64_t n) { return n >= VL ? v_load(x) : n <= 0 ? v_zero() : v_load_n(x, n); }

/* Numbers x[0], x[step] ... of n columns, and below them those `below` elements further or `after`: a row of pairs. */
INLINE void pair_row(real *to, const real *x, int64_t step, int64_t n, int64_t below, int paired, vec after, const int width) {
  enum { WIDEST = (int)MR > (int)NR ? MR : NR };
  real apart[2 * WIDEST];
  if (step != 1) {
    for (int64_t j = 0; j < n; ++j) apart[j] = x[j * step], apart[WIDEST + j] = paired ? x[j * step + below] : 0;
    x = apart, below = WIDEST;
  }
#pragma GCC unroll 4
  for (int v = 0; v < width; v += VL) {
    const vec first = load_first(x + v, n - v);
    v_store(to + v, v_bf16_pair(first, paired ? load_first(x + below + v, n - v) : after));
  }
}

/* Of VL rows, `row` apart, those below n: k neighbours as pairs, turned over, `width` words from pair to pair. In the
 * place of the others stands one of them again, which nobody uses: loads without conditions are the faster ones. The rows
 * behind these are asked for. */
INLINE void pair_turned(real *to, const real *x, int64_t row, int64_t n, int64_t k, vec after, const int width) {
  const real *rows[VL];
  const int64_t next = gd_min(VL, n) * row;
#pragma GCC unroll 16
  for (int r = 0; r < VL; ++r) rows[r] = x + gd_max(0, gd_min(r, n - 1)) * row;
  for (int64_t i = 0; i < k; i += 2 * VL, to += VL * width) {
    vec square[VL];
    if (k - i >= 2 * VL) {
#pragma GCC unroll 16
      for (int r = 0; r < VL; ++r) {
        square[r] = v_bf16_pairs(v_load(rows[r] + i), v_load(rows[r] + i + VL));
        __builtin_prefetch(rows[r] + next + i), __builtin_prefetch(rows[r] + next + i + VL);
      }
    } else {
      for (int r = 0; r < VL; ++r) square[r] = v_bf16_pairs(load_first(rows[r] + i, k - i), load_first(rows[r] + i + VL, k - i - VL));
    }
    v_transpose(square);
    const int64_t pairs = gd_min(VL, gd_ceil_div(k - i, 2));
    if (k - i < 2 * VL && k % 2) square[pairs - 1] = (vec)((vbits)square[pairs - 1] | (vbits)after >> 16);
    for (int64_t p = 0; p < pairs; ++p) v_store(to + p * width, square[p]);
  }
}

static void pack_panels(real *to, const real *b, int64_t row, int64_t col, int64_t k, int64_t n) {
  const int64_t apart = APART(gd_ceil_div(k, 2), NR);
  if (row == 1) { /* columns of b lie along k */
    for (int64_t j = 0; j < gd_ceil_div(n, NR) * NR; j += VL)
      pair_turned(to + j / NR * apart + j % NR, b + gd_min(j, n - 1) * col, col, n - j, k, v_zero(), NR);
    return;
  }
  for (; n > CHUNK; n -= CHUNK, b += CHUNK * col, to += CHUNK / NR * apart) pack_panels(to, b, row, col, k, CHUNK);
  for (int64_t i = 0; i < k; i += 2, to += NR, b += 2 * row) {
    real *at = to;
    int64_t j = 0;
    if (col == 1 && i + 1 < k)
      for (; j + NR <= n; j += NR, at += apart) pair_row(at, b + j, 1, NR, row, 1, v_zero(), NR);
    for (; j < n; j += NR, at += apart) pair_row(at, b + j * col, col, gd_min(NR, n - j), row, i + 1 < k, v_zero(), NR);
  }
}

static void pack_strip(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t k) {
  const vec after = v_set1(-0.0f);
  if (col == 1) {
    for (int64_t r = 0; r < MR; r += VL) pair_turned(to + r, a + gd_min(r, m - 1) * row, row, m - r, k, after, MR);
    return;
  }
  for (int64_t i = 0; i < k; i += 2, to += MR, a += 2 * col) pair_row(to, a, row, m, col, i + 1 < k, after, MR);
}

static void pack_line(real *to, const real *x, int64_t n) {
  for (; n >= 2 * VL; n -= 2 * VL, x += 2 * VL, to += VL) v_store(to, v_bf16_pairs(v_load(x), v_load(x + VL)));
  if (n > 0) v_store(to, v_bf16_pairs(load_first(x, n), load_first(x + VL, n - VL)));
}

static void pack_pairs(real *to, const real *x, int64_t below, int64_t n) {
  for (; n >= VL; n -= VL, x += VL, to += VL) v_store(to, v_bf16_pair(v_load(x), v_load(x + below)));
  if (n > 0) v_store(to, v_bf16_pair(load_first(x, n), load_first(x + below, n)));
}

const bf16_kernels GD_NAME(gd_bf16) = {
    {{EACH(ROW, 1)}, {EACH(ROW, 2)}}, {{EACH(SEGMENTED_ROW, 1)}, {EACH(SEGMENTED_ROW, 2)}}, pack_panels, pack_strip, pack_line, pack_pairs};
#else
const bf16_kernels GD_NAME(gd_bf16) = {{{{0}}}, {{{0}}}, NULL, NULL, NULL, NULL};
#endif
#else
typedef int nothing_in_float64; /* a file of C must declare something */
#endif
