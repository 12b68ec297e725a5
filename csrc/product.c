/* product.c: C = A B or C += A B, by register tiles over packed blocks: what gemm.h promises.
 *
 * Strips and panels are packed only where that pays, from memory or by the caller's packer; nothing is
 * transposed in memory. The epilogue is run on each block of rows as soon as it is finished.
 */
#include "gemm.h"
#include "gemm_tiles.h"

/* Packed are blocks of A, MC x KC, which stay in L2, and of B, KC x NC, of which a panel of NR columns at a
 * time is in L1, or on its way there. bench/products.py chose the sizes. */
enum { MC = 1064 / sizeof(real) / MR * MR, NC = (4 << 20) / (KC * sizeof(real)) };
enum { A_SIZE = (MC / MR * APART(KC, MR) + 16 * VL) * sizeof(real) };
/* A matrix of at most so many columns is computed as C' = B' A', TURNED rows at a time: turning over
 * the rows of A pays up to NARROW columns, and where A lies in columns already there is nothing to turn. */
enum { NARROW = 5 * VL / 8, NARROW_COLUMNS = VL - 1, TURNED = 512 };
enum { TURNED_ROW = TURNED + VL, TURNED_SIZE = VL * TURNED_ROW * sizeof(real) }; /* its rows lie in different sets of L1 */
/* What a caller's packer writes stays in L1 while it is used, and what is added to in many blocks of K in L2. */
enum { BLOCK = (32 << 10) / sizeof(real), BLOCK_SIZE = (2 * BLOCK + NR * (KC + 3 * VL)) * sizeof(real) };
enum { C_BLOCK = (256 << 10) / sizeof(real) };
enum { TURNED_AT = (A_SIZE + 63) / 64 * 64, BLOCK_AT = TURNED_AT + TURNED_SIZE, PANEL_AT = BLOCK_AT + (BLOCK_SIZE + 63) / 64 * 64 };

static int64_t most(gd_dim d, int64_t limit) { return d.per_row ? limit : gd_min(d.fixed, limit); }

int64_t GD_NAME(gd_product_scratch)(gd_dim n, gd_dim k, const gd_ins *then) {
  const int64_t columns = gd_max(TURNED, most(n, NC)), depth = gd_ceil_div(most(k, KC), VL) * VL;
  const int64_t panels = gd_ceil_div(columns, NR) * APART(depth, NR) * (int64_t)sizeof(real);
  return gd_epilogue_scratch(then) + PANEL_AT + gd_ceil_div(panels, 64) * 64;
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

/* The same turned over: columns of the rows as rows of VL. */
INLINE void load_turned(vec square[VL], const real *x, int64_t row, int64_t n, int64_t width) {
  if (n >= VL && width == VL) {
    v_load_turned(square, x, row);
    return;
  }
  load_square(square, x, row, n, width);
  v_transpose(square);
}

/* The same into memory, where it is read by numbers of rows. */
__attribute__((noinline)) static void turned_square(vec *to, const real *x, int64_t row, int64_t n, int64_t width) {
  vec square[VL];
  load_turned(square, x, row, n, width);
#pragma GCC unroll 16
  for (int i = 0; i < VL; ++i) to[i] = square[i];
}

/* VL columns, of which n can be read, as k rows `pitch` apart, from first to last: each store may run over into the next. */
__attribute__((noinline)) static void turn_strip(real *to, int64_t pitch, const real *x, int64_t row, int64_t n, int64_t k) {
  for (int64_t i = 0; i < k; i += VL, to += VL * pitch) {
    const int64_t left = gd_min(VL, k - i), before = k >= VL ? VL - left : 0; /* the last square begins earlier */
    vec square[VL], last[VL];
    load_turned(square, x + i - before, row, n, left + before);
    if (left == VL) {
#pragma GCC unroll 16
      for (int r = 0; r < VL; ++r) v_store(to + r * pitch, square[r]);
      continue;
    }
#pragma GCC unroll 16
    for (int r = 0; r < VL; ++r) last[r] = square[r];
    for (int64_t r = 0; r < left; ++r) v_store(to + r * pitch, last[before + r]);
  }
}

/* Panels of b: k rows of NR columns each; what the missing ones hold is never used. */
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
  if (row != 1) {
    for (int64_t j = 0; j < n; ++j) {
      real *at = to + j / NR * APART(k, NR) + j % NR;
      for (int64_t i = 0; i < k; ++i) at[i * NR] = b[i * row + j * col];
    }
    return;
  }
  /* Columns of b lie along k: turned over, a square at a time. */
  for (int64_t j = 0; j < gd_ceil_div(n, NR) * NR; j += VL) {
    real *at = to + j / NR * APART(k, NR) + j % NR;
    turn_strip(at, NR, b + (j < n ? j * col : 0), col, gd_max(0, gd_min(VL, n - j)), k);
  }
}

/* Strip of a: k columns of MR rows, m of which are used and `there` can be read. Each store may run over into what is
 * stored next. */
static void pack_strip_of(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t there, int64_t k) {
  enum { BLOCKS = (MR + VL - 1) / VL };
  if (row == 1) {
    for (int64_t i = 0; i < k; ++i, to += MR, a += col)
      for (int v = 0; v < BLOCKS; ++v) {
        const int64_t left = gd_min(VL, m - v * VL);
        if (left > 0) v_store(to + v * VL, left == VL ? v_load(a + v * VL) : v_load_n(a + v * VL, left));
      }
    return;
  }
  /* The last block first: it runs over into the rows that the first one writes. */
  for (int v = BLOCKS - 1; v >= 0; --v) turn_strip(to + v * VL, MR, a + v * VL * row, row, gd_min(VL, there - v * VL), k);
}

#if GD_REAL_BITS == 32 /* for gemm_bf16.h */
static void pack_strip(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t k) {
  pack_strip_of(to, a, row, col, m, m, k);
}
#endif

typedef struct { int64_t r0, r1, c0, c1; } gemm_window;

#include "gemm_few.h"
#include "gemm_thin.h"

/* Elements from row to row of a block that a packer writes: rows that are walked side by side lie in different sets of L1. */
static int64_t pitch_of(int64_t n) {
  const int64_t pitch = gd_ceil_div(n, VL) * VL + VL;
  return pitch % (512 / (int64_t)sizeof(real)) ? pitch : pitch + VL;
}

/* Panels of what a packer reads: columns [j, j + n) of rows [kb, kb + k). */
static void read_panels(real *to, const gemm_operand *b, int64_t kb, int64_t k, int64_t j, int64_t n, real *block) {
  const int64_t pitch = pitch_of(k);
  for (const int64_t end = j + n; j < end; j += NR, to += APART(k, NR)) {
    const int64_t cols = gd_min(NR, end - j);
    if (b->turned) {
      b->pack(b->from, block, pitch, b->first_row + j, cols, b->first_col + kb, k);
      pack_panels(to, block, 1, pitch, k, cols);
    } else b->pack(b->from, to, NR, b->first_row + kb, k, b->first_col + j, cols);
  }
}

/* How many rows of A a packer writes at a time, in a window of so many, into a block of so many elements. */
static int64_t read_rows(const gemm_operand *a, int64_t rows, int64_t k, int64_t elements) {
  const int64_t most = gd_max(1, elements / (a->turned ? k : pitch_of(k)) / MR) * MR;
  return gd_ceil_div(gd_ceil_div(rows, gd_ceil_div(rows, most)), MR) * MR; /* no thin last block */
}

/* Rows [i, i + m) of A in columns [kb, kb + k), written by its packer, and how they lie in the block. */
static void read_block(const gemm_operand *a, real *block, int64_t i, int64_t m, int64_t kb, int64_t k, int64_t *row, int64_t *col) {
  const int64_t pitch = pitch_of(a->turned ? m : k);
  *row = a->turned ? 1 : pitch, *col = a->turned ? pitch : 1;
  if (a->turned) a->pack(a->from, block, pitch, a->first_row + kb, k, a->first_col + i, m);
  else a->pack(a->from, block, pitch, a->first_row + i, m, a->first_col + kb, k);
}

/* The elementwise pass on what is finished, if there is one. */
typedef struct { const gd_ins *ins; char *state; int64_t row; /* of the matrix at hand */ } gemm_then;

static void finish(const gemm_then *then, const gemm_product *g, const gemm_window *w) {
  const int64_t first = g->then_first, width = g->then_width ? g->then_width : g->n;
  if (then->ins) then->ins->op->window(then->state, width, then->row + w->r0, then->row + w->r1, first + w->c0, first + w->c1);
}

static void gemm_window_of(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b,
                           char *scratch, const gemm_then *then);

/* Rows of m columns, at most VL of them, as columns of m rows, or back; to n rows of the result. */
static void turn(real *to, int64_t to_row, const real *x, int64_t row, int64_t m, int64_t n) {
  for (int64_t i = 0; i < n; i += VL) {
    const int64_t columns = gd_min(VL, n - i);
    vec square[VL] = {{0}};
    load_turned(square, x + i, row, m, columns);
    for (int64_t j = 0; j < columns; ++j) v_store_n(to + (i + j) * to_row, square[j], m);
  }
}

static gemm_operand transposed(const gemm_operand *x) {
  return (gemm_operand){x->at, x->outer, x->inner, x->col, x->row, x->pack, x->from, x->first_row, x->first_col, !x->turned};
}

/* Few columns: rows would leave most of a vector's lanes empty, so C' = B' A' is computed, whose rows are
 * long, and turned over. The sums are the same ones in the same order. */
static void gemm_narrow(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, char *scratch) {
  real *turned = (real *)(scratch + TURNED_AT);
  const gemm_then nothing = {0};
  gemm_product other = gemm_of(g->n, 0, g->k, turned, TURNED_ROW, transposed(&g->b), transposed(&g->a));
  other.accumulate = g->accumulate, other.bfloat16 = g->bfloat16;
  for (int64_t r = w->r0; r < w->r1; r += TURNED) {
    const int64_t rows = other.n = gd_min(TURNED, w->r1 - r);
    if (g->a.turned) other.b.first_col = g->a.first_col + r;
    else other.b.first_row = g->a.first_row + r;
    if (g->accumulate)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < g->n; ++j) turned[j * TURNED_ROW + i] = c[(r + i) * g->c_row + j];
    gemm_window_of(&other, &(gemm_window){0, g->n, 0, rows}, turned, b, a + r * g->a.row, scratch, &nothing);
    turn(c + r * g->c_row, g->c_row, turned, TURNED_ROW, g->n, rows);
  }
}

#include "gemm_bf16.h"

void GD_NAME(gd_product_pack)(real *to, const gemm_operand *b, int64_t k, int64_t n, int64_t lo, int64_t hi, int bfloat16) {
  const int64_t depth = gemm_depth(k, KC), first = lo * NR, cols = gd_min(n, hi * NR) - first;
  if (bfloat16) {
    pack_rounded(to, b, k, n, first, cols, bfloat16);
    return;
  }
  for (int64_t kb = 0; kb < k; kb += depth) {
    const int64_t rows = gd_min(depth, k - kb);
    pack_panels(to + gemm_packed_at(n, depth, kb, rows, first), b->at + kb * b->row + first * b->col, b->row, b->col, rows, cols);
  }
}

/* Lines of C that the next tile writes are fetched while this one is multiplied: of a C of so many elements, which L2 does
 * not hold. bench/products.py chose it. */
enum { FETCHED_FROM = (1 << 20) / sizeof(real) };

INLINE void fetch_rows(const real *c, int64_t row, int64_t m) {
  enum { LINE = 64 / sizeof(real) };
  for (; m > 0; --m, c += row)
    for (int j = 0; j < NR; j += LINE) __builtin_prefetch(c + j, 1);
}

static void gemm_window_of(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b,
                           char *scratch, const gemm_then *then) {
  if (g->bfloat16) {
    gemm_bf16(g, w, c, a, b, scratch, then);
    return;
  }
  const int64_t rows = w->r1 - w->r0, cols = w->c1 - w->c0;
  const int few = (rows == 1 || rows == 2) && !g->a.pack; /* of a packer's B no stride is 1 */
  if (g->k == 1 && g->b.col == 1 && !g->a.pack) {
    gemm_outer(g, w, c, a, b);
    finish(then, g, w);
    return;
  }
  if (few && g->b.col == 1) {
    if (g->k * cols > (rows == 1 && cols >= LONG_ROW ? STREAMED_FROM : LATE_STREAMED_FROM)) gemm_streamed(g, w, c, a, b);
    else gemm_few_rows(g, w, c, a, b);
    finish(then, g, w);
    return;
  }
  if (few ? g->b.row == 1 : rows <= NARROW && cols >= VL && g->b.row == 1 && !g->a.pack && !g->b.pack && !g->packed) {
    gemm_lanes_turned(g, w, c, a, b);
    finish(then, g, w);
    return;
  }
  if (!g->a.pack && !g->b.pack && g->k > 1 && g->k <= SHALLOW) {
    for (int64_t r = w->r0; r < w->r1; r += MC) {
      const gemm_window some = {r, gd_min(w->r1, r + MC), w->c0, w->c1};
      gemm_shallow(g, &some, c, a, b);
      finish(then, g, &some);
    }
    return;
  }
  /* Lines that lie a multiple of 2 KB apart fall into few sets of L1. */
  const int a_clash = (gd_max(g->a.row, g->a.col) * sizeof(real)) % 2048 == 0;
  const int crossed = g->b.row % VL != 0; /* every other load of B would cross a line */
  const int slow_b = (crossed || (PACK_CLASHES && (g->b.row * sizeof(real)) % 2048 == 0)) && g->k * cols > PACK_SLOW_FROM;
  const int pack_b = g->packed || g->b.col != 1 || rows > (slow_b ? PACK_SLOW_ROWS : PACK_ROWS);
  const int pack_a = !g->a.pack && (g->a.row == 1 || g->a.col == 1) && cols > NR &&
                     (cols >= 512 || a_clash || g->k * g->a.col > 1 << 16);
  const int64_t depth = gemm_depth(g->k, KC);
  const int64_t mc = g->a.pack ? read_rows(&g->a, rows, depth, BLOCK) : MC, c_row = g->c_row, b_row = pack_b ? NR : g->b.row;
  const int dense = c_row == cols && cols == g->n && cols <= NR; /* stores that run over are faster than masked ones */
  const int fetched = rows * c_row > FETCHED_FROM && depth >= 2 * VL;
  int64_t a_row = g->a.row, a_col = g->a.col;
  real *strip = (real *)scratch, *panel = (real *)(scratch + PANEL_AT), *block = (real *)(scratch + BLOCK_AT);
  for (int64_t jc = w->c0; jc < w->c1; jc += NC) {
    const int64_t jc_end = gd_min(w->c1, jc + NC);
    for (int64_t kb = 0; kb < g->k || kb == 0; kb += depth) { /* K = 0 still writes zeros */
      const int64_t k = gd_min(depth, g->k - kb);
      const int first = kb == 0 && !g->accumulate;
      const int64_t packed_rows = g->packed_k ? g->packed_k : k;
      const real *panels = panel;
      if (g->packed) panels = g->packed + gemm_packed_at(g->n, depth, kb, packed_rows, jc) + g->packed_first * NR;
      else if (g->b.pack) read_panels(panel, &g->b, kb, k, jc, jc_end - jc, block);
      else if (pack_b) pack_panels(panel, b + kb * g->b.row + jc * g->b.col, g->b.row, g->b.col, k, jc_end - jc);
      for (int64_t ic = w->r0; ic < w->r1; ic += mc) {
        const int64_t ic_end = gd_min(w->r1, ic + mc), strips = gd_ceil_div(ic_end - ic, MR);
        const int64_t base = (ic_end - ic) / strips, more = (ic_end - ic) % strips; /* no thin last strip */
        const real *from = a + ic * a_row + kb * a_col;
        if (g->a.pack) from = block, read_block(&g->a, block, ic, ic_end - ic, kb, k, &a_row, &a_col);
        if (pack_a)
          for (int64_t s = 0, r = 0; s < strips; r += base + (s < more), ++s)
            pack_strip_of(strip + s * APART(k, MR), from + r * a_row, a_row, a_col, base + (s < more), g->m - ic - r, k);
        for (int64_t j = jc; j < jc_end; j += NR) {
          const int64_t n = gd_min(NR, jc_end - j);
          const int nv = n > VL ? 2 : 1;
          const real *bp = pack_b ? panels + (j - jc) / NR * APART(packed_rows, NR) : b + kb * g->b.row + j;
          tile_args t = {c + ic * c_row + j, pack_a ? strip : from, bp, c_row, a_row, a_col, b_row, k, n, first, dense, 0, NULL, NULL};
          for (int64_t s = 0; s < strips; ++s) {
            const int64_t m = base + (s < more);
            if (fetched && s + 1 < strips) fetch_rows(t.c + m * c_row, c_row, base + (s + 1 < more));
            tiles[nv - 1][m - 1][pack_a][n < nv * VL](&t);
            t.c += m * c_row, t.a += pack_a ? APART(k, MR) : m * a_row;
          }
        }
        if (kb + depth >= g->k) finish(then, g, &(gemm_window){ic, ic_end, jc, jc_end});
      }
    }
  }
}

void GD_NAME(gd_column_sums)(const real *b, int64_t row, int64_t k, int64_t n, real *sums) {
  for (int64_t j = 0; j < n; j += VL) {
    const int64_t some = gd_min(VL, n - j);
    vec total = v_zero();
    for (int64_t kb = 0; kb < k; kb += 64) {
      vec part = v_zero();
      for (int64_t i = kb; i < gd_min(kb + 64, k); ++i)
        part = v_add(part, some == VL ? v_load(b + i * row + j) : v_load_n(b + i * row + j, some));
      total = v_add(total, part);
    }
    v_store_n(sums + j, total, some);
  }
}

/* One window of one matrix, in the way that suits its sizes. */
static void gemm_any(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, char *scratch,
                     const gemm_then *then) {
  const int64_t rows = w->r1 - w->r0;
  const int dots = g->n == 1 && g->a.col == 1 && g->b.row == 1 && !g->bfloat16;
  const int columns = g->a.row == 1 || g->a.turned; /* A lies in columns */
  if (dots || (g->n <= (columns ? NARROW_COLUMNS : NARROW) && rows >= VL)) {
    if (dots) gemm_dots(g, w, c, a, b);
    else if (g->n > 1 && !columns && g->a.col == 1 && !g->a.pack && !g->b.pack && !g->bfloat16) gemm_lanes(g, w, c, a, b);
    else gemm_narrow(g, w, c, a, b, scratch);
    finish(then, g, w);
  } else if (g->loose && !g->bfloat16 && g->m <= 2 && g->a.col == 1 && g->b.row == 1 && g->k >= 4 * VL) {
    gemm_few_rows_dotted(g, w, c, a, b);
    finish(then, g, w);
  } else if (g->a.pack && g->k > KC) { /* C is passed over once for each block of K */
    const int64_t most = gd_max(8, C_BLOCK / (w->c1 - w->c0) / MR) * MR;
    for (int64_t r = w->r0; r < w->r1; r += most)
      gemm_window_of(g, &(gemm_window){r, gd_min(w->r1, r + most), w->c0, w->c1}, c, a, b, scratch, then);
  } else gemm_window_of(g, w, c, a, b, scratch, then);
}

void GD_NAME(gd_product)(const gemm_product *g, const gd_run *run, int64_t lo, int64_t hi) {
  const gemm_cut cut = gemm_stripes(g->m, g->n, g->deal_rows);
  _Alignas(64) char epilogue[GD_EPILOGUE];
  gemm_then then = {g->then, epilogue, 0};
  char *scratch = gd_open_epilogue(g->then, run, epilogue);
  const int one = g->outer * g->inner == 1; /* most products, without divisions */
  while (lo < hi) {
    const int64_t matrix = one ? 0 : lo / cut.stripes, first = lo - matrix * cut.stripes;
    const int64_t last = gd_min(cut.stripes, first + hi - lo);
    const int64_t from = first * cut.width, to = gd_min(last * cut.width, cut.by_rows ? g->m : g->n);
    const gemm_window w = cut.by_rows ? (gemm_window){from, to, 0, g->n} : (gemm_window){0, g->m, from, to};
    const int64_t o = one ? 0 : matrix / g->inner, i = matrix - o * g->inner;
    const real *b = g->b.at + o * g->b.outer + i * g->b.inner;
    then.row = matrix * g->m;
    gemm_any(g, &w, g->c + o * g->c_outer + i * g->c_inner, g->a.at + o * g->a.outer + i * g->a.inner, b, scratch, &then);
    if (g->sums && w.r0 == 0) GD_NAME(gd_column_sums)(b + w.c0, g->b.row, g->k, w.c1 - w.c0, g->sums + w.c0);
    lo += last - first;
  }
}

void GD_NAME(gd_product_segments)(const gemm_segments *g) {
  for (int64_t j = 0; j < g->n; j += NR) {
    const int64_t n = gd_min(NR, g->n - j);
    const int nv = n > VL ? 2 : 1, tail = n < nv * VL;
    const int64_t strips = gd_ceil_div(g->m, nv == 1 && !g->pairs ? TALL : MR), base = strips ? g->m / strips : 0, more = strips ? g->m % strips : 0;
    tile_args t = {g->c + j, g->a, g->b + j / NR * g->panel, g->c_row, g->a_row, g->a_col, g->b_row, g->k, n, !g->accumulate,
                   g->c_row == g->n && g->n <= NR, g->segments, g->a_at, g->b_at};
    for (int64_t s = 0; s < strips; ++s) {
      const int64_t m = base + (s < more);
#if GD_REAL_BITS == 32
      (g->pairs ? GD_NAME(gd_bf16).segmented[nv - 1][m - 1][tail] : segmented_tiles[nv - 1][m - 1][tail])(&t);
#else
      segmented_tiles[nv - 1][m - 1][tail](&t);
#endif
      t.c += m * g->c_row, t.a += m * g->a_row;
    }
  }
}
