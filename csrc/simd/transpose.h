/* transpose.h: a square of VL x VL reals, turned over or summed up in registers. Included by vec.h.
 *
 * log2(VL) rounds; in the round of width w, rows i and i + w exchange the lanes whose number has bit w:
 * row i keeps its own where the bit is clear, row i + w where it is set. Written once for every
 * instruction set with the compilers' own shuffles.
 */
#ifndef GD_TRANSPOSE_H
#define GD_TRANSPOSE_H

#define LOW_(l, w) (((l) & (w)) ? (l) - (w) + VL : (l))
#define HIGH_(l, w) (((l) & (w)) ? (l) + VL : (l) + (w))
#if VL == 16
#define LANES_(F, w)                                                                                    \
  F(0, w), F(1, w), F(2, w), F(3, w), F(4, w), F(5, w), F(6, w), F(7, w), F(8, w), F(9, w), F(10, w), \
      F(11, w), F(12, w), F(13, w), F(14, w), F(15, w)
#elif VL == 8
#define LANES_(F, w) F(0, w), F(1, w), F(2, w), F(3, w), F(4, w), F(5, w), F(6, w), F(7, w)
#elif VL == 4
#define LANES_(F, w) F(0, w), F(1, w), F(2, w), F(3, w)
#else
#define LANES_(F, w) F(0, w), F(1, w)
#endif

#define ROUND_(w)                                                        \
  _Pragma("GCC unroll 16") for (int i = 0; i < VL; ++i) if (!(i & (w))) { \
    const vec a = row[i], b = row[i + (w)];                              \
    row[i] = __builtin_shufflevector(a, b, LANES_(LOW_, w));             \
    row[i + (w)] = __builtin_shufflevector(a, b, LANES_(HIGH_, w));      \
  }

static inline __attribute__((always_inline)) void v_transpose(vec row[VL]) {
  ROUND_(1)
#if VL >= 4
  ROUND_(2)
#endif
#if VL >= 8
  ROUND_(4)
#endif
#if VL >= 16
  ROUND_(8)
#endif
}

#ifndef GD_HAS_LOAD_TURNED
/* Lane r of to[i]: x[r * row + i]. */
static inline __attribute__((always_inline)) void v_load_turned(vec to[VL], const real *x, int64_t row) {
#pragma GCC unroll 16
  for (int r = 0; r < VL; ++r) to[r] = v_load(x + r * row);
  v_transpose(to);
}
#endif

#ifndef GD_HAS_STORE_TURNED
/* to[r * row + j]: lane r of a[j], for j < n; the first `over` rows may run over into later ones. */
static inline __attribute__((always_inline)) void v_store_turned(real *to, int64_t row, const vec *a, const int n, int64_t over) {
  vec square[VL];
#pragma GCC unroll 16
  for (int j = 0; j < VL; ++j) square[j] = j < n ? a[j] : v_zero();
  v_transpose(square);
#pragma GCC unroll 16
  for (int r = 0; r < VL; ++r) {
    if (r < over) v_store(to + r * row, square[r]);
    else v_store_n(to + r * row, square[r], n);
  }
}
#endif

#define FOLD_(w)                                                                                      \
  _Pragma("GCC unroll 16") for (int i = 0; i < (w); ++i) {                                            \
    const vec a = row[i], b = row[i + (w)];                                                           \
    row[i] = v_add(__builtin_shufflevector(a, b, LANES_(LOW_, w)), __builtin_shufflevector(a, b, LANES_(HIGH_, w))); \
  }

/* Lane i: v_hsum(row[i]), to the bit; the rows are lost. */
static inline __attribute__((always_inline)) vec v_hsums(vec row[VL]) {
#if VL >= 16
  FOLD_(8)
#endif
#if VL >= 8
  FOLD_(4)
#endif
#if VL >= 4
  FOLD_(2)
#endif
  FOLD_(1)
  return row[0];
}

#undef FOLD_
#undef ROUND_
#undef LANES_
#undef LOW_
#undef HIGH_

#endif
