/* gemm_tiles.h: register tiles, c[m, n] (+)= a[m, k] b[k, n]. Part of product.c, which includes it.
 *
 * MR rows of 2 vectors fill the registers; with few rows, wider tiles hide the latency.
 */
#ifndef GD_GEMM_TILES_H
#define GD_GEMM_TILES_H

#include "gemm_shapes.h"

INLINE void tile_body(const tile_args *t, const int m, const int nv, const int packed_rows, const int tail) {
  vec acc[TALL][MAX_NV];
  const int64_t last = t->n - (nv - 1) * VL; /* columns in the last vector */
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < nv; ++j)
      acc[i][j] = t->first                  ? v_zero()
                  : tail && j == nv - 1 ? v_load_n(t->c + i * t->ldc + j * VL, last)
                                            : v_load(t->c + i * t->ldc + j * VL);
  const int64_t a_row = packed_rows ? 1 : t->a_row, a_col = packed_rows ? packed_rows : t->a_col;
  int64_t segment = 0;
  do {
    const real *a = t->a, *b = t->b;
    if (!packed_rows && t->segments) a += t->a_at[segment], b += t->b_at[segment];
    for (int64_t k = 0; k < t->k; ++k, a += a_col, b += t->ldb) {
      vec bv[MAX_NV];
#pragma GCC unroll 8
      for (int j = 0; j < nv; ++j)
        bv[j] = tail && j == nv - 1 ? v_load_n(b + j * VL, last) : v_load(b + j * VL);
#pragma GCC unroll 16
      for (int i = 0; i < m; ++i) {
        const vec av = v_set1(a[i * a_row]);
#pragma GCC unroll 8
        for (int j = 0; j < nv; ++j) acc[i][j] = v_fma(av, bv[j], acc[i][j]);
      }
    }
  } while (!packed_rows && ++segment < t->segments);
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < nv; ++j) {
      if (tail && j == nv - 1 && (!t->dense || (m - i) * t->n < nv * VL)) v_store_n(t->c + i * t->ldc + j * VL, acc[i][j], last);
      else v_store(t->c + i * t->ldc + j * VL, acc[i][j]);
    }
}

#define TILE(m, nv)                                                                        \
  static void tile_##m##x##nv##_packed(const tile_args *t) { tile_body(t, m, nv, MR, 0); } \
  static void tile_##m##x##nv##_plain(const tile_args *t) { tile_body(t, m, nv, 0, 0); }   \
  static void tile_##m##x##nv##_packed_tail(const tile_args *t) { tile_body(t, m, nv, MR, 1); } \
  static void tile_##m##x##nv##_plain_tail(const tile_args *t) { tile_body(t, m, nv, 0, 1); }
#define TILES(nv) TILE(1, nv) TILE(2, nv) TILE(3, nv) TILE(4, nv) TILE(5, nv) TILE(6, nv)
#define TILE_ROW(m, nv) \
  {{tile_##m##x##nv##_plain, tile_##m##x##nv##_plain_tail}, {tile_##m##x##nv##_packed, tile_##m##x##nv##_packed_tail}}
#define TILE_ROWS(nv) TILE_ROW(1, nv), TILE_ROW(2, nv), TILE_ROW(3, nv), TILE_ROW(4, nv), TILE_ROW(5, nv), TILE_ROW(6, nv)
TILES(1)
TILES(2)
TILE(1, 4) TILE(2, 4) TILE(1, 8)
#if defined(GD_ISA_avx512) || defined(GD_ISA_neon)
#define MORE(nv) TILE(7, nv) TILE(8, nv) TILE(9, nv) TILE(10, nv) TILE(11, nv) TILE(12, nv)
#define MORE_ROWS(nv) , TILE_ROW(7, nv), TILE_ROW(8, nv), TILE_ROW(9, nv), TILE_ROW(10, nv), TILE_ROW(11, nv), TILE_ROW(12, nv)
MORE(1)
MORE(2)
#else
#define MORE_ROWS(nv)
#endif
#if defined(GD_ISA_avx512)
TILE(13, 1) TILE(14, 1) TILE(13, 2) TILE(14, 2)
#define LAST_ROWS(nv) , TILE_ROW(13, nv), TILE_ROW(14, nv)
#else
#define LAST_ROWS(nv)
#endif

/* [vectors - 1][rows - 1][packed a][tail] */
static const tile_fn tiles[2][MR][2][2] = {{TILE_ROWS(1) MORE_ROWS(1) LAST_ROWS(1)},
                                           {TILE_ROWS(2) MORE_ROWS(2) LAST_ROWS(2)}};
#if defined(GD_ISA_avx512) || defined(GD_ISA_neon)
#define tall_tile(m, tail) tiles[0][(m) - 1][0][tail]
#else
TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
static const tile_fn tall_tiles[MR][2][2] = {TILE_ROW(7, 1), TILE_ROW(8, 1), TILE_ROW(9, 1), TILE_ROW(10, 1), TILE_ROW(11, 1), TILE_ROW(12, 1)};
#define tall_tile(m, tail) ((m) > MR ? tall_tiles[(m) - MR - 1][0][tail] : tiles[0][(m) - 1][0][tail])
#endif
static const tile_fn wide_tiles[2][2][2] = {TILE_ROW(1, 4), TILE_ROW(2, 4)};
static const tile_fn widest_tile[2][2] = TILE_ROW(1, 8);

#endif
