/* gemm_tiles.h: register tiles, c[m, n] (+)= a[m, k] b[k, n]. Part of product.c, which includes it.
 *
 * MR rows of 2 vectors fill the registers; with few rows, wider tiles hide the latency.
 */
#ifndef GD_GEMM_TILES_H
#define GD_GEMM_TILES_H

#include "gemm_shapes.h"

/* How a tile reads a: rows and columns by their strides, a packed strip, or by strides in several segments. */
enum { PLAIN = 0, PACKED = 1, SEGMENTS = 2 };

INLINE void tile_body(const tile_args *t, const int m, const int nv, const int reads, const int tail) {
  vec acc[TALL][MAX_NV];
  const int64_t last = t->n - (nv - 1) * VL; /* columns in the last vector */
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < nv; ++j)
      acc[i][j] = t->first                  ? v_zero()
                  : tail && j == nv - 1 ? v_load_n(t->c + i * t->ldc + j * VL, last)
                                            : v_load(t->c + i * t->ldc + j * VL);
  int64_t a_row = reads == PACKED ? 1 : t->a_row;
  const int64_t a_col = reads == PACKED ? MR : t->a_col;
  int64_t segment = 0;
  do {
    const real *a = t->a, *b = t->b;
    if (reads == SEGMENTS) a += t->a_at[segment], b += t->b_at[segment];
    for (int64_t k = 0; k < t->k; ++k, a += a_col, b += t->ldb) {
      vec bv[MAX_NV];
#pragma GCC unroll 8
      for (int j = 0; j < nv; ++j)
        bv[j] = tail && j == nv - 1 ? v_load_n(b + j * VL, last) : v_load(b + j * VL);
      const real *row = a; /* of many rows every third has an address, made anew, as one for each would be spilled */
      if (reads != PACKED && m > 6) GD_ANEW(a_row);
#pragma GCC unroll 16
      for (int i = 0; i < m; ++i) {
        if (i && i % 3 == 0) row += 3 * a_row;
        const vec av = v_set1(row[i % 3 * a_row]);
#pragma GCC unroll 8
        for (int j = 0; j < nv; ++j) acc[i][j] = v_fma(av, bv[j], acc[i][j]);
      }
    }
  } while (reads == SEGMENTS && ++segment < t->segments);
  real *to = t->c;
  int64_t ldc = t->ldc;
  GD_ANEW(to);
  GD_ANEW(ldc);
  if (tail && t->dense) {
    int64_t left = m * t->n; /* elements up to the end of the tile */
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i, to += ldc, left -= t->n)
#pragma GCC unroll 8
      for (int j = 0; j < nv; ++j) {
        if (j == nv - 1 && left < nv * VL) v_store_n(to + j * VL, acc[i][j], last);
        else v_store(to + j * VL, acc[i][j]);
      }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i, to += ldc)
#pragma GCC unroll 8
    for (int j = 0; j < nv; ++j) {
      if (tail && j == nv - 1) v_store_n(to + j * VL, acc[i][j], last);
      else v_store(to + j * VL, acc[i][j]);
    }
}

#define ONE(name, m, nv, reads)                                                          \
  static void tile_##m##x##nv##name(const tile_args *t) { tile_body(t, m, nv, reads, 0); } \
  static void tile_##m##x##nv##name##_tail(const tile_args *t) { tile_body(t, m, nv, reads, 1); }
#define TILE(m, nv) ONE(_plain, m, nv, PLAIN) ONE(_packed, m, nv, PACKED)
#define SEGMENTED(m, nv) ONE(_segments, m, nv, SEGMENTS)
#define TILE_ROW(m, nv) \
  {{tile_##m##x##nv##_plain, tile_##m##x##nv##_plain_tail}, {tile_##m##x##nv##_packed, tile_##m##x##nv##_packed_tail}},
#define SEGMENTED_ROW(m, nv) {tile_##m##x##nv##_segments, tile_##m##x##nv##_segments_tail},
/* Of all rows that a tile may have. */
#define SIX(X, nv) X(1, nv) X(2, nv) X(3, nv) X(4, nv) X(5, nv) X(6, nv)
#define TWELVE(X, nv) SIX(X, nv) X(7, nv) X(8, nv) X(9, nv) X(10, nv) X(11, nv) X(12, nv)
#if defined(GD_ISA_avx512)
#define ROWS(X, nv) TWELVE(X, nv) X(13, nv) X(14, nv)
#define TALL_ROWS ROWS
#elif defined(GD_ISA_neon)
#define ROWS TWELVE
#define TALL_ROWS TWELVE
#else
#define ROWS SIX
#define TALL_ROWS TWELVE
#endif
ROWS(TILE, 1)
ROWS(TILE, 2)
TILE(1, 4) TILE(2, 4) TILE(1, 8)
TALL_ROWS(SEGMENTED, 1)
ROWS(SEGMENTED, 2)

/* [vectors - 1][rows - 1][packed a][tail] */
static const tile_fn tiles[2][MR][2][2] = {{ROWS(TILE_ROW, 1)}, {ROWS(TILE_ROW, 2)}};
static const tile_fn wide_tiles[2][2][2] = {TILE_ROW(1, 4) TILE_ROW(2, 4)};
static const tile_fn widest_tile[1][2][2] = {TILE_ROW(1, 8)};
/* [vectors - 1][rows - 1][tail] */
static const tile_fn segmented_tiles[2][TALL][2] = {{TALL_ROWS(SEGMENTED_ROW, 1)}, {ROWS(SEGMENTED_ROW, 2)}};

#endif
