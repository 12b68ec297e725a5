/* gemm_thin.h: products one side of which is thin: a row, a sum over few k, few columns, or few rows times a transposed B.
 *
 * Their operands lie in memory and are read where they lie: packing would cost as much as it saves. Sums are taken
 * in the order of the tiles. Part of product.c, which includes it behind its tiles.
 */
#ifndef GD_GEMM_THIN_H
#define GD_GEMM_THIN_H

/* How many rows of B are read side by side (by one row of A), and from how many numbers of B on: what L1 does not hold,
 * if its rows are so long that they pay for a group's begin; for shorter ones, and for two rows of A, which share what a
 * tile loads, what L2 does not hold. So many columns of C stay in L1. bench/products.py chose them. */
enum { STREAMS = 8, STREAMED_FROM = (1 << 16) / sizeof(real), LATE_STREAMED_FROM = (1 << 19) / sizeof(real) };
enum { LONG_ROW = 1024 / sizeof(real), STREAMED = 16384 / sizeof(real) };

/* c[m, n] (+)= a[m, k] b[k, n] for `deep` rows of b, each read from end to end. */
INLINE void stream_rows(const gemm_product *g, real *c, const real *a, const real *b, int64_t n, int first, const int m, const int deep) {
  vec av[2][STREAMS];
  const real *row[STREAMS]; /* a register each: one address made of another costs an instruction a vector */
#pragma GCC unroll 8
  for (int i = 0; i < deep; ++i) row[i] = b + i * g->b.row;
#pragma GCC unroll 2
  for (int r = 0; r < m; ++r)
#pragma GCC unroll 8
    for (int i = 0; i < deep; ++i) av[r][i] = v_set1(a[r * g->a.row + i * g->a.col]);
  int64_t j = 0;
#pragma GCC unroll 2
  for (; j + VL <= n; j += VL) {
    vec sum[2];
#pragma GCC unroll 2
    for (int r = 0; r < m; ++r) sum[r] = first ? v_zero() : v_load(c + r * g->c_row + j);
#pragma GCC unroll 8
    for (int i = 0; i < deep; ++i) {
      const vec bv = v_load(row[i] + j);
#pragma GCC unroll 2
      for (int r = 0; r < m; ++r) sum[r] = v_fma(av[r][i], bv, sum[r]);
    }
#pragma GCC unroll 2
    for (int r = 0; r < m; ++r) v_store(c + r * g->c_row + j, sum[r]);
  }
  const int64_t left = n - j;
  if (!left) return;
#pragma GCC unroll 2
  for (int r = 0; r < m; ++r) {
    vec sum = first ? v_zero() : v_load_n(c + r * g->c_row + j, left);
    for (int i = 0; i < deep; ++i) sum = v_fma(av[r][i], v_load_n(row[i] + j, left), sum);
    v_store_n(c + r * g->c_row + j, sum, left);
  }
}

INLINE void streamed(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, const int m) {
  const int deep = STREAMS / m; /* factors of A stay in registers */
  a += w->r0 * g->a.row, c += w->r0 * g->c_row;
  for (int64_t j = w->c0; j < w->c1; j += STREAMED) {
    const int64_t n = gd_min(STREAMED, w->c1 - j);
    for (int64_t k = 0; k < g->k;) {
      const int first = k == 0 && !g->accumulate;
      const real *ak = a + k * g->a.col, *bk = b + k * g->b.row + j;
      if (k + deep <= g->k) stream_rows(g, c + j, ak, bk, n, first, m, deep), k += deep;
      else stream_rows(g, c + j, ak, bk, n, first, m, 1), ++k;
    }
  }
}

/* One or two rows times the rows of a B that no near cache holds: of B the prefetchers follow a few rows at a time. */
static void gemm_streamed(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  if (w->r1 - w->r0 == 2) streamed(g, w, c, a, b, 2);
  else streamed(g, w, c, a, b, 1);
}

/* A sum over so few k that a panel of B stays in registers while the rows of A and C go by. */
enum { SHALLOW = 4 };

INLINE void shallow_panel(const gemm_product *g, real *c, const real *a, const real *b, int64_t rows, int64_t n, const int k) {
  real panel[SHALLOW][2 * VL] = {{0}};
  for (int i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j) panel[i][j] = b[i * g->b.row + j * g->b.col];
  vec bv[SHALLOW][2];
#pragma GCC unroll 4
  for (int i = 0; i < k; ++i) bv[i][0] = v_load(panel[i]), bv[i][1] = v_load(panel[i] + VL);
  const int64_t n0 = gd_min(n, VL), n1 = n - n0;
  for (int64_t r = 0; r < rows; ++r, a += g->a.row, c += g->c_row) {
    vec sum[2] = {v_zero(), v_zero()};
    if (g->accumulate) {
      sum[0] = v_load_n(c, n0);
      if (n1) sum[1] = v_load_n(c + VL, n1);
    }
#pragma GCC unroll 4
    for (int i = 0; i < k; ++i) {
      const vec av = v_set1(a[i * g->a.col]);
      sum[0] = v_fma(av, bv[i][0], sum[0]), sum[1] = v_fma(av, bv[i][1], sum[1]);
    }
    if (n == 2 * VL) {
      v_store(c, sum[0]), v_store(c + VL, sum[1]);
      continue;
    }
    v_store_n(c, sum[0], n0);
    if (n1) v_store_n(c + VL, sum[1], n1);
  }
}

/* C[rows, cols] of K = 2 ... SHALLOW. A last panel that is not full begins earlier and writes some columns twice,
 * unless it adds to them: masked stores are slow. */
static void gemm_shallow(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  const int64_t rows = w->r1 - w->r0;
  c += w->r0 * g->c_row, a += w->r0 * g->a.row;
  for (int64_t j = w->c0; j < w->c1; j += 2 * VL) {
    if (w->c1 - j < 2 * VL && w->c1 - w->c0 >= 2 * VL && !g->accumulate) j = w->c1 - 2 * VL;
    const int64_t n = gd_min(2 * VL, w->c1 - j);
    const real *bj = b + j * g->b.col;
    switch (g->k) {
      case 2: shallow_panel(g, c + j, a, bj, rows, n, 2); break;
      case 3: shallow_panel(g, c + j, a, bj, rows, n, 3); break;
      default: shallow_panel(g, c + j, a, bj, rows, n, 4);
    }
  }
}

/* sum[n] += x[deep] b[deep, n] */
INLINE void add_square(vec *sum, const vec *x, const real *b, const int64_t row, const int64_t col, const int64_t deep, const int n) {
#pragma GCC unroll 16
  for (int64_t i = 0; i < deep; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) sum[j] = v_fma(v_set1(b[i * row + j * col]), x[i], sum[j]);
}

/* How many columns at most; two rows of a transposed B come this way on every instruction set. */
enum { MOST_LANES = NARROW < 2 ? 2 : NARROW };

/* Where lanes are rows of C: n columns, `col` apart, of at most VL rows, `row` apart; one of the two is 1. */
typedef struct { int64_t row, col, rows, n; } lanes_at;

__attribute__((noinline)) static void load_lanes(vec *sum, const real *c, lanes_at at) {
  if (at.col != 1) {
    for (int64_t j = 0; j < at.n; ++j) sum[j] = v_load_n(c + j * at.col, at.rows);
    return;
  }
  vec square[VL];
  load_square(square, c, at.row, at.rows, at.n);
  v_transpose(square);
  for (int64_t j = 0; j < at.n; ++j) sum[j] = square[j];
}

__attribute__((noinline)) static void store_lanes(real *c, lanes_at at, vec *sum) {
  if (at.col != 1) {
    for (int64_t j = 0; j < at.n; ++j) v_store_n(c + j * at.col, sum[j], at.rows);
    return;
  }
  v_transpose(sum);
  for (int64_t i = 0; i < at.rows; ++i) v_store_n(c + i * at.row, sum[i], at.n);
}

/* n columns of C, `c_col` apart, for rows [0, rows): lanes are rows of A, which lie along k and are transposed in
 * registers; with few columns for two vectors of rows in turn, as one chain of sums after another waits for its latency.
 * The last rows and the last k are reached by squares that begin earlier, where there is room: masked loads are slow. */
INLINE void lanes(const gemm_product *g, real *c, int64_t c_col, const real *a, const real *b, int64_t rows, const int n) {
  const int groups = n <= 3 ? 2 : 1, over = c_col == 1 && g->c_row == n && !g->accumulate && rows * n >= VL;
  const int64_t b_row = g->b.row, b_col = g->b.col, a_row = g->a.row;
  const real *end = c + rows * n; /* of rows without gaps, where what runs over into later ones is written again */
  for (int64_t r = 0; r < rows; r += groups * VL) {
    if (rows - r < groups * VL && rows >= groups * VL && !g->accumulate) r = rows - groups * VL;
    vec sum[2][MOST_LANES];
#pragma GCC unroll 2
    for (int h = 0; h < groups; ++h) {
      vec before[VL];
      const int64_t left = gd_min(VL, rows - r - h * VL);
      if (g->accumulate && left > 0) load_lanes(before, c + (r + h * VL) * g->c_row, (lanes_at){g->c_row, c_col, left, n});
#pragma GCC unroll 16
      for (int j = 0; j < n; ++j) sum[h][j] = g->accumulate && left > 0 ? before[j] : v_zero();
    }
    int64_t k = 0;
    if ((b_row == 1 || b_col == 1) && rows - r >= groups * VL)
      for (; k + VL <= g->k; k += VL)
#pragma GCC unroll 2
        for (int h = 0; h < groups; ++h) {
          vec square[VL];
          v_load_turned(square, a + (r + h * VL) * a_row + k, a_row);
          if (b_row == 1) add_square(sum[h], square, b + k, 1, b_col, VL, n);
          else add_square(sum[h], square, b + k * b_row, b_row, 1, VL, n);
        }
    if (n <= 2 && k > 0 && k < g->k) { /* with few sums it pays to have the last square in registers, too */
      const int64_t before = VL - (g->k - k);
      k = g->k - VL;
#pragma GCC unroll 2
      for (int h = 0; h < groups; ++h) {
        vec square[VL];
        v_load_turned(square, a + (r + h * VL) * a_row + k, a_row);
#pragma GCC unroll 16
        for (int i = 1; i < VL; ++i)
          if (i >= before)
#pragma GCC unroll 2
            for (int j = 0; j < n; ++j) sum[h][j] = v_fma(v_set1(b[(k + i) * b_row + j * b_col]), square[i], sum[h][j]);
      }
      k = g->k;
    }
    for (; k < g->k; k += VL) { /* what is left */
      const int64_t deep = gd_min(VL, g->k - k), before = g->k >= VL ? VL - deep : 0;
      for (int h = 0; h < groups; ++h) {
        vec square[VL];
        turned_square(square, a + (r + h * VL) * a_row + k - before, a_row, rows - r - h * VL, deep + before);
        for (int64_t i = 0; i < deep; ++i)
#pragma GCC unroll 16
          for (int j = 0; j < n; ++j) sum[h][j] = v_fma(v_set1(b[(k + i) * b_row + j * b_col]), square[before + i], sum[h][j]);
      }
    }
#pragma GCC unroll 2
    for (int h = 0; h < groups; ++h) {
      const int64_t left = gd_min(VL, rows - r - h * VL);
      real *to = c + (r + h * VL) * g->c_row;
      if (left == VL && c_col == 1) v_store_turned(to, g->c_row, sum[h], n, over ? (end - VL - to) / n + 1 : 0);
      else if (left == VL)
#pragma GCC unroll 16
        for (int j = 0; j < n; ++j) v_store(to + j * c_col, sum[h][j]);
      else if (left > 0) {
        vec all[VL];
#pragma GCC unroll 16
        for (int j = 0; j < VL; ++j) all[j] = j < n ? sum[h][j] : v_zero();
        store_lanes(to, (lanes_at){g->c_row, c_col, left, n}, all);
      }
    }
  }
}

static void lanes_of(const gemm_product *g, real *c, int64_t c_col, const real *a, const real *b, int64_t rows) {
#define COLUMNS(n) \
  case n: lanes(g, c, c_col, a, b, rows, n < MOST_LANES ? n : MOST_LANES); break;
  switch (g->n) {
    COLUMNS(1) COLUMNS(2)
#if VL >= 8
    COLUMNS(3) COLUMNS(4) COLUMNS(5)
#endif
#if VL >= 16
    COLUMNS(6) COLUMNS(7) COLUMNS(8) COLUMNS(9) COLUMNS(10)
#endif
    default: break;
  }
#undef COLUMNS
}

/* Two to NARROW columns, and rows of A that lie along k. */
static void gemm_lanes(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  lanes_of(g, c + w->r0 * g->c_row, 1, a + w->r0 * g->a.row, b, w->r1 - w->r0);
}

/* One to NARROW rows, and columns of B that lie along k: C' = B' A' in the same way, whose columns are rows of C. */
static void gemm_lanes_turned(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b) {
  gemm_product other = gemm_of(g->n, w->r1 - w->r0, g->k, c, 1, gemm_strided(b, g->b.col, 1), gemm_strided(a, g->a.col, g->a.row));
  other.accumulate = g->accumulate;
  lanes_of(&other, c + w->r0 * g->c_row + w->c0, g->c_row, b + w->c0 * g->b.col, a + w->r0 * g->a.row, w->c1 - w->c0);
}

#endif
