/* gemm.c: C[M,N] = A[M,K] B[K,N], for a batch of matrices, with any strides of A and B.
 *
 * All three products of a dense layer come here: x W (both row-major), x' dy (A walks columns),
 * dy W' (B walks columns). Nothing is transposed in memory; strips and panels are packed only where
 * that pays. Called by the executor; `then` is run on each block of rows as soon as it is finished.
 *
 *   ref   c, a, b [, column sums of b]
 *   dim   batch, M, N, K, strides of c: batch, row; of a: batch, row, column; of b: batch, row, column
 *   attr  1 if the sums over K of b's columns are wanted too (a bias' gradient; batch = 1 then);
 *         1 if the rows may be summed otherwise when there are one or two in all (in a gradient)
 *
 * Every element of C is summed over k = 0 ... K-1 in that order, in blocks of KC, whatever tile it
 * falls in, but for a single column, which is made of dot products: so the bits depend neither on how
 * the work is dealt out nor (but in a gradient) on the number of rows.
 */
#include "../ops.h"
#include "../simd/vec.h"

#define INLINE static inline __attribute__((always_inline))

/* Register tiles: MR rows of 2 vectors fill the registers; with few rows, wider ones hide the latency. */
#if defined(GD_ISA_avx512)
enum { MR = 14, KC = 512 }; /* its second caches are large, and deep blocks pass over C less often */
#elif defined(GD_ISA_neon)
enum { MR = 12, KC = 256 };
#else
enum { MR = 6, KC = 256 };
#endif
/* Packed are blocks of A, MC x KC, which stay in L2, and of B, KC x NC, of which a panel of NR columns at a
 * time is in L1, or on its way there. bench/products.py chose the sizes. */
enum { NR = 2 * VL, MC = 1064 / sizeof(real) / MR * MR, NC = (4 << 20) / (KC * sizeof(real)), CHUNK = 2048 / sizeof(real), MAX_NV = 8 };
/* Panels and strips of k rows lie a line further apart than they are long: not a multiple of 4 KB. */
#define APART(k, width) ((k) * (width) + VL)
enum { A_SIZE = (MC / MR * APART(KC, MR) + 16 * VL) * sizeof(real), B_SIZE = NC / NR * APART(KC, NR) * sizeof(real) };
/* A matrix of at most so many columns is computed the other way round, TURNED rows at a time: turning over
 * the rows of A pays up to NARROW columns, and where A lies in columns already there is nothing to turn. */
enum { NARROW = 5 * VL / 8, NARROW_COLUMNS = VL - 1, TURNED = 512, TURNED_SIZE = VL * TURNED * sizeof(real) };
enum { OWN_SCRATCH = A_SIZE + (B_SIZE + 63) / 64 * 64 + TURNED_SIZE };
_Static_assert(OWN_SCRATCH + (1 << 19) <= GD_SCRATCH, "packed blocks leave room for the epilogue");

typedef struct { /* one register tile: c[m, n] (+)= a[m, k] b[k, n] */
  real *c;
  const real *a, *b;
  int64_t ldc, a_row, a_col, ldb, k, n;
  int first; /* the first block of K overwrites C */
} tile_args;

INLINE void tile_body(const tile_args *t, const int m, const int nv, const int packed_rows, const int tail) {
  vec acc[MR][MAX_NV];
  const int64_t last = t->n - (nv - 1) * VL; /* columns in the last vector */
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < nv; ++j)
      acc[i][j] = t->first                  ? v_zero()
                  : tail && j == nv - 1 ? v_load_n(t->c + i * t->ldc + j * VL, last)
                                            : v_load(t->c + i * t->ldc + j * VL);
  const real *a = t->a, *b = t->b;
  const int64_t a_row = packed_rows ? 1 : t->a_row, a_col = packed_rows ? packed_rows : t->a_col;
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
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < nv; ++j) {
      if (tail && j == nv - 1) v_store_n(t->c + i * t->ldc + j * VL, acc[i][j], last);
      else v_store(t->c + i * t->ldc + j * VL, acc[i][j]);
    }
}

typedef void (*tile_fn)(const tile_args *);
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
static const tile_fn wide_tiles[2][2][2] = {TILE_ROW(1, 4), TILE_ROW(2, 4)};
static const tile_fn widest_tile[2][2] = TILE_ROW(1, 8);

typedef struct {
  int64_t batch, m, n, k, c_batch, c_row, a_batch, a_row, a_col, b_batch, b_row, b_col;
} gemm_sizes;

static gemm_sizes gemm_open(const gd_ins *ins, int64_t batch) {
  int64_t d[12];
  for (int i = 0; i < 12; ++i) d[i] = gd_size(ins->dim[i], batch);
  return (gemm_sizes){d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11]};
}

/* A unit is a stripe of one matrix, and neighbouring stripes are computed as one: so as many threads as
 * there are each have one window. It is cut across the side that makes the packing cheaper: through the
 * columns every thread packs all of A, through the rows all of B. */
typedef struct { int64_t by_rows, width, stripes; } gemm_cut;

static gemm_cut gemm_stripes(const gemm_sizes *g) {
  const int by_rows = g->m >= 8 && (g->n < 4 * NR || g->m > g->n);
  const int64_t width = by_rows ? 4 : NR;
  return (gemm_cut){by_rows, width, gd_ceil_div(by_rows ? g->m : g->n, width)};
}

int64_t GD_NAME(gd_gemm_units)(const gd_ins *ins, int64_t batch) {
  const gemm_sizes g = gemm_open(ins, batch);
  return g.m == 0 || g.n == 0 ? 0 : g.batch * gemm_stripes(&g).stripes;
}

/* The first n of VL rows, `row` apart, each with its first `width` elements; zeros elsewhere. */
INLINE void load_square(vec square[VL], const real *x, int64_t row, int64_t n, int64_t width) {
  if (n >= VL && width == VL) {
#pragma GCC unroll 16
    for (int r = 0; r < VL; ++r) square[r] = v_load(x + r * row);
  } else {
    for (int r = 0; r < VL; ++r) square[r] = r < n ? v_load_n(x + r * row, width) : v_zero();
  }
}

/* Panels of b: k rows of NR columns each, the missing ones zero. */
static void pack_panels(real *to, const real *b, int64_t row, int64_t col, int64_t k, int64_t n) {
  if (col == 1) { /* rows lie far apart: a good piece of each is copied */
    for (; n > CHUNK; n -= CHUNK, b += CHUNK, to += CHUNK / NR * APART(k, NR)) pack_panels(to, b, row, col, k, CHUNK);
    for (int64_t i = 0; i < k; ++i, to += NR, b += row) {
      real *at = to;
      int64_t j = 0;
      for (; j + NR <= n; j += NR, at += APART(k, NR))
        for (int v = 0; v < NR; v += VL) v_store(at + v, v_load(b + j + v));
      if (j < n)
        for (int v = 0; v < NR; v += VL) {
          const int64_t left = gd_max(0, gd_min(VL, n - j - v));
          v_store(at + v, v_load_n(b + (left ? j + v : 0), left));
        }
    }
    return;
  }
  /* Columns of b lie along k: turned over, a square at a time. */
  for (int64_t j = 0; j < gd_ceil_div(n, NR) * NR; j += VL)
    for (int64_t i = 0; i < k; i += VL) {
      const int64_t rows = gd_min(VL, k - i);
      vec square[VL];
      load_square(square, b + (j < n ? j * col : 0) + i, col, gd_max(0, gd_min(VL, n - j)), rows);
      v_transpose(square);
      real *at = to + j / NR * APART(k, NR) + i * NR + j % NR;
      for (int64_t r = 0; r < rows; ++r) v_store(at + r * NR, square[r]);
    }
}

/* Strip of a: k columns of MR rows. Each store may run over into what is stored next. */
static void pack_strip(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t k) {
  enum { BLOCKS = (MR + VL - 1) / VL };
  if (row == 1) {
    for (int64_t i = 0; i < k; ++i, to += MR, a += col)
      for (int v = 0; v < BLOCKS; ++v) {
        const int64_t left = gd_min(VL, m - v * VL);
        if (left > 0) v_store(to + v * VL, left == VL ? v_load(a + v * VL) : v_load_n(a + v * VL, left));
      }
    return;
  }
  for (int64_t i = 0; i < k; i += VL) {
    const int64_t columns = gd_min(VL, k - i);
    vec square[BLOCKS][VL];
    for (int v = 0; v < BLOCKS; ++v) {
      load_square(square[v], a + v * VL * row + i, row, gd_min(VL, m - v * VL), columns);
      v_transpose(square[v]);
    }
    for (int64_t c = 0; c < columns; ++c, to += MR)
      for (int v = 0; v < BLOCKS; ++v) v_store(to + v * VL, square[v][c]);
  }
}

typedef struct { int64_t r0, r1, c0, c1; } gemm_window;

#include "gemm_few.h"

/* The elementwise pass on what is finished, if there is one. */
typedef struct { const gd_ins *ins; char *state; int64_t row; /* of the matrix at hand */ } gemm_then;

static void finish(const gemm_then *then, const gemm_sizes *g, const gemm_window *w) {
  if (then->ins) then->ins->op->window(then->state, g->n, then->row + w->r0, then->row + w->r1, w->c0, w->c1);
}

static void gemm_window_of(const gemm_sizes *g, const gemm_window *w, real *c, const real *a, const real *b,
                           char *scratch, const gemm_then *then);

/* Few columns: rows would leave most of a vector's lanes empty, so C' = B' A' is computed, whose rows are
 * long, and turned over. The sums are the same ones in the same order. */
static void gemm_narrow(const gemm_sizes *g, const gemm_window *w, real *c, const real *a, const real *b, char *scratch) {
  real *turned = (real *)(scratch + OWN_SCRATCH - TURNED_SIZE);
  const gemm_then nothing = {0};
  for (int64_t r = w->r0; r < w->r1; r += TURNED) {
    const int64_t rows = gd_min(TURNED, w->r1 - r);
    const gemm_sizes other = {1, g->n, rows, g->k, 0, TURNED, 0, g->b_col, g->b_row, 0, g->a_col, g->a_row};
    gemm_window_of(&other, &(gemm_window){0, g->n, 0, rows}, turned, b, a + r * g->a_row, scratch, &nothing);
    for (int64_t i = 0; i < rows; i += VL) {
      vec square[VL] = {{0}};
      load_square(square, turned + i, TURNED, g->n, gd_min(VL, rows - i));
      v_transpose(square);
      for (int64_t j = 0; j < gd_min(VL, rows - i); ++j) v_store_n(c + (r + i + j) * g->c_row, square[j], g->n);
    }
  }
}

static void gemm_window_of(const gemm_sizes *g, const gemm_window *w, real *c, const real *a, const real *b,
                           char *scratch, const gemm_then *then) {
  const int64_t rows = w->r1 - w->r0, cols = w->c1 - w->c0;
  const int few = rows == 1 || rows == 2;
  if (g->k == 1 && g->b_col == 1) {
    gemm_outer(g, w, c, a, b);
    finish(then, g, w);
    return;
  }
  if (few && g->b_col == 1) {
    gemm_few_rows(g, w, c, a, b);
    finish(then, g, w);
    return;
  }
  if (few && g->b_row == 1) {
    gemm_few_rows_turned(g, w, c, a, b);
    finish(then, g, w);
    return;
  }
  /* Lines that lie a multiple of 2 KB apart fall into few sets of L1. */
  const int b_clash = (g->b_row * sizeof(real)) % 2048 == 0, a_clash = (gd_max(g->a_row, g->a_col) * sizeof(real)) % 2048 == 0;
  const int pack_b = g->b_col != 1 || (rows > 2 * MR && (b_clash || rows > 8 * MR));
  const int pack_a = cols > NR && (cols >= 512 || a_clash || g->k * g->a_col > 1 << 16);
  /* even blocks of K: a thin last one would move more of C than it multiplies */
  const int64_t depth = gd_max(VL, gd_ceil_div(gd_ceil_div(g->k, gd_max(1, gd_ceil_div(g->k, KC))), VL) * VL);
  real *strip = (real *)scratch, *panel = (real *)(scratch + A_SIZE);
  for (int64_t jc = w->c0; jc < w->c1; jc += NC) {
    const int64_t jc_end = gd_min(w->c1, jc + NC);
    for (int64_t kb = 0; kb < g->k || kb == 0; kb += depth) { /* K = 0 still writes zeros */
      const int64_t k = gd_min(depth, g->k - kb);
      if (pack_b) pack_panels(panel, b + kb * g->b_row + jc * g->b_col, g->b_row, g->b_col, k, jc_end - jc);
      for (int64_t ic = w->r0; ic < w->r1; ic += MC) {
        const int64_t ic_end = gd_min(w->r1, ic + MC), strips = gd_ceil_div(ic_end - ic, MR);
        const int64_t base = (ic_end - ic) / strips, more = (ic_end - ic) % strips; /* no thin last strip */
        if (pack_a)
          for (int64_t s = 0, r = ic; s < strips; r += base + (s < more), ++s)
            pack_strip(strip + s * APART(k, MR), a + r * g->a_row + kb * g->a_col, g->a_row, g->a_col, base + (s < more), k);
        for (int64_t j = jc; j < jc_end; j += NR) {
          const int64_t n = gd_min(NR, jc_end - j);
          const int nv = n > VL ? 2 : 1;
          const real *bp = pack_b ? panel + (j - jc) / NR * APART(k, NR) : b + kb * g->b_row + j;
          for (int64_t s = 0, r = ic; s < strips; r += base + (s < more), ++s) {
            const int64_t m = base + (s < more);
            tile_args t = {c + r * g->c_row + j, pack_a ? strip + s * APART(k, MR) : a + r * g->a_row + kb * g->a_col, bp,
                           g->c_row, g->a_row, g->a_col, pack_b ? NR : g->b_row, k, n, kb == 0};
            tiles[nv - 1][m - 1][pack_a][n < nv * VL](&t);
          }
        }
        if (kb + depth >= g->k) finish(then, g, &(gemm_window){ic, ic_end, jc, jc_end});
      }
    }
  }
}

/* The sums of b's columns [c0, c1) over k, in order. */
static void column_sums(const gemm_sizes *g, int64_t c0, int64_t c1, real *sums, const real *b) {
  for (int64_t j = c0; j < c1; j += VL) {
    const int64_t n = gd_min(VL, c1 - j);
    vec total = v_zero();
    for (int64_t kb = 0; kb < g->k; kb += 64) { /* sums of sums: the rounding stays small */
      vec part = v_zero();
      for (int64_t k = kb; k < gd_min(kb + 64, g->k); ++k)
        part = v_add(part, n == VL ? v_load(b + k * g->b_row + j) : v_load_n(b + k * g->b_row + j, n));
      total = v_add(total, part);
    }
    v_store_n(sums + j, total, n);
  }
}

void GD_NAME(gd_gemm)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const gemm_sizes g = gemm_open(ins, run->batch);
  const gemm_cut cut = gemm_stripes(&g);
  real *c = (real *)gd_at(run, ins, 0);
  const real *a = (const real *)gd_at(run, ins, 1), *b = (const real *)gd_at(run, ins, 2);
  _Alignas(64) char epilogue[GD_EPILOGUE];
  gemm_then then = {ins->then, epilogue, 0};
  gd_run after = *run; /* the opened pass keeps a pointer to it */
  after.scratch += OWN_SCRATCH;
  if (ins->then) ins->then->op->open(ins->then, &after, epilogue);
  while (lo < hi) {
    const int64_t matrix = lo / cut.stripes, first = lo % cut.stripes;
    const int64_t last = gd_min(cut.stripes, first + hi - lo);
    const int64_t from = first * cut.width, to = gd_min(last * cut.width, cut.by_rows ? g.m : g.n);
    const gemm_window w = cut.by_rows ? (gemm_window){from, to, 0, g.n} : (gemm_window){0, g.m, from, to};
    then.row = matrix * g.m;
    real *cm = c + matrix * g.c_batch;
    const real *am = a + matrix * g.a_batch, *bm = b + matrix * g.b_batch;
    const int dots = g.n == 1 && g.a_col == 1 && g.b_row == 1;
    if (dots || (g.n <= (g.a_row == 1 ? NARROW_COLUMNS : NARROW) && w.r1 - w.r0 >= VL)) {
      if (dots) gemm_dots(&g, &w, cm, am, bm);
      else gemm_narrow(&g, &w, cm, am, bm, run->scratch);
      finish(&then, &g, &w);
    } else if (ins->attr[1] && g.m <= 2 && g.a_col == 1 && g.b_row == 1 && g.k >= 4 * VL) {
      gemm_few_rows_dotted(&g, &w, cm, am, bm);
      finish(&then, &g, &w);
    } else gemm_window_of(&g, &w, cm, am, bm, run->scratch, &then);
    if (ins->attr[0] && w.r0 == 0) column_sums(&g, w.c0, w.c1, (real *)gd_at(run, ins, 3), b);
    lo += last - first;
  }
}
