/* gemm_few.h: products of one or two rows, of one column, and of one column times one row.
 *
 * They read each number of B (or of A) once or twice: what counts is how memory is walked. Their operands lie in
 * memory. Part of product.c, which includes it behind its tiles; gemm.h says in which order sums are taken.
 */
#ifndef GD_GEMM_FEW_H
#define GD_GEMM_FEW_H

/* Few rows, times a B that L2 holds: eight or four vectors wide. */
static void gemm_few_rows(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  for (int64_t j = w->c0; j < w->c1;) {
    const int64_t left = w->c1 - j, m = w->r1 - w->r0;
    const int nv = left >= 8 * VL && m == 1 ? 8 : left >= 4 * VL ? 4 : left > VL ? 2 : 1;
    const int64_t n = gd_min(left, nv * VL);
    tile_args t = {c + w->r0 * g->c_row + j, a + w->r0 * g->a.row, b + j, g->c_row, g->a.row, g->a.col, g->b.row,
                   g->k, n, !g->accumulate, 0, 0, NULL, NULL};
    (nv == 8 ? widest_tile[0][0][0] : nv == 4 ? wide_tiles[m - 1][0][0] : tiles[nv - 1][m - 1][0][n < nv * VL])(&t);
    j += n;
  }
}

/* K = 1, a column times a row: each row of C is written whole. The sum begins with +0, as in the tiles. The last vector
 * of a row begins earlier, where there is room: masked stores are slow. */
static void gemm_outer(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  const int64_t tail = w->c1 - VL; /* where the last vector begins */
  for (int64_t r = w->r0; r < w->r1; ++r) {
    const vec x = v_set1(a[r * g->a.row]);
    real *to = c + r * g->c_row;
    int64_t j = w->c0;
    const vec last = g->accumulate && tail >= j ? v_load(to + tail) : v_zero(); /* before some of it is written */
    if (g->accumulate)
      for (; j + VL <= w->c1; j += VL) v_store(to + j, v_fma(x, v_load(b + j), v_load(to + j)));
    else
      for (; j + VL <= w->c1; j += VL) v_store(to + j, v_fma(x, v_load(b + j), v_zero()));
    if (j < w->c1 && tail >= w->c0) v_store(to + tail, v_fma(x, v_load(b + tail), last));
    else if (j < w->c1) {
      const vec before = g->accumulate ? v_load_n(to + j, w->c1 - j) : v_zero();
      v_store_n(to + j, v_fma(x, v_load_n(b + j, w->c1 - j), before), w->c1 - j);
    }
  }
}

/* One column, and rows of A that lie along k: dot products, four rows at a time. Each is summed lane by
 * lane in two turns, and then the lanes, which depends on K alone. */
static void gemm_dots(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  enum { AT_ONCE = VL > 2 ? 4 : 2 }; /* not more than a vector holds */
  for (int64_t r = w->r0; r < w->r1; r += VL) {
    const int64_t rows = gd_min(VL, w->r1 - r);
    vec sum[VL];
    for (int64_t s = 0; s < VL; s += AT_ONCE) {
      const real *x[AT_ONCE];
      for (int i = 0; i < AT_ONCE; ++i) x[i] = a + gd_min(r + s + i, w->r1 - 1) * g->a.row;
      vec even[AT_ONCE], odd[AT_ONCE];
      for (int i = 0; i < AT_ONCE; ++i) even[i] = odd[i] = v_zero();
      int64_t k = s < rows ? 0 : g->k; /* rows that are not there have nothing to sum */
      for (; k + 2 * VL <= g->k; k += 2 * VL) {
        const vec b0 = v_load(b + k), b1 = v_load(b + k + VL);
#pragma GCC unroll 4
        for (int i = 0; i < AT_ONCE; ++i) {
          even[i] = v_fma(v_load(x[i] + k), b0, even[i]);
          odd[i] = v_fma(v_load(x[i] + k + VL), b1, odd[i]);
        }
      }
      for (; k < g->k; k += VL) {
        const int64_t n = gd_min(VL, g->k - k);
        for (int i = 0; i < AT_ONCE; ++i) even[i] = v_fma(v_load_n(x[i] + k, n), v_load_n(b + k, n), even[i]);
      }
      for (int i = 0; i < AT_ONCE; ++i) sum[s + i] = v_add(even[i], odd[i]);
    }
    const vec all = v_hsums(sum);
    if (g->accumulate)
      for (int i = 0; i < rows; ++i) c[(r + i) * g->c_row] += all[i];
    else if (g->c_row == 1) v_store_n(c + r, all, rows);
    else
      for (int i = 0; i < rows; ++i) c[(r + i) * g->c_row] = all[i];
  }
}

/* Few rows in a gradient, and columns of B that lie along k: dot products, which two rows share the loads of. Their
 * lanes are summed for many at once. */
INLINE void dotted(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, const int m) {
  enum { MOST = (8 + VL - 1) / VL * VL };
  const int at_once = 8 / m;
  const real *x = a + w->r0 * g->a.row;
  for (int64_t j = w->c0; j < w->c1; j += at_once) {
    const real *y[8];
    vec sum[MOST];
#pragma GCC unroll 16
    for (int i = 0; i < MOST; ++i) sum[i] = v_zero();
#pragma GCC unroll 8
    for (int i = 0; i < at_once; ++i) y[i] = b + gd_min(j + i, w->c1 - 1) * g->b.col;
    for (int64_t k = 0; k < g->k; k += VL) {
      const int64_t n = gd_min(VL, g->k - k);
      const vec first = n == VL ? v_load(x + k) : v_load_n(x + k, n);
      const vec second = m == 1 ? v_zero() : n == VL ? v_load(x + g->a.row + k) : v_load_n(x + g->a.row + k, n);
#pragma GCC unroll 8
      for (int i = 0; i < at_once; ++i) {
        const vec of_b = n == VL ? v_load(y[i] + k) : v_load_n(y[i] + k, n);
        sum[i] = v_fma(first, of_b, sum[i]);
        if (m == 2) sum[at_once + i] = v_fma(second, of_b, sum[at_once + i]);
      }
    }
    real all[MOST];
#pragma GCC unroll 8
    for (int i = 0; i < MOST; i += VL) v_store(all + i, v_hsums(sum + i));
    for (int r = 0; r < m; ++r)
      for (int i = 0; i < gd_min(at_once, w->c1 - j); ++i) {
        real *to = c + (w->r0 + r) * g->c_row + j + i;
        *to = g->accumulate ? *to + all[r * at_once + i] : all[r * at_once + i];
      }
  }
}

static void gemm_few_rows_dotted(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  if (w->r1 - w->r0 == 2) dotted(g, w, c, a, b, 2);
  else dotted(g, w, c, a, b, 1);
}

#endif
