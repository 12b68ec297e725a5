/* gemm_bf16.h: products whose factors are rounded to bfloat16 while they are packed, and added in float32.
 *
 * Every element is c = fma(a[k], b[k], c) over k in order, with a and b rounded, whatever its place and its tile:
 * there are no dot products for few rows or one column here. So the bits depend neither on threads nor on the
 * number of rows, and on x86 not on the instruction set, the last case that follows included. Two ways:
 *
 *   1  packed factors stay float32, whose multiples of 2^16 are bfloat16, and the usual register tiles read them
 *      (a few rows are multiplied by B as it lies, rounded in registers: it would be packed for one use)
 *   2  pairs of k lie in one 32-bit word, which the tiles of bf16_tiles.c read, where the processor multiplies pairs
 *
 * Part of product.c, which includes it behind its packers.
 */
#ifndef GD_GEMM_BF16_H
#define GD_GEMM_BF16_H

#include "simd/bf16.h"

#if GD_REAL_BITS == 32

/* What a packer of A writes is read once, and may be larger than L1: it lies behind the strips where these leave room. */
enum { ROOMY = 2 * 4 * BLOCK * sizeof(real) <= A_SIZE / 2, READ = ROOMY ? 4 * BLOCK : BLOCK, READ_AT = ROOMY ? A_SIZE / 128 * 64 : BLOCK_AT };

/* n packed elements, rounded where they lie. */
static void round_packed(real *at, int64_t n) {
  for (int64_t i = 0; i < n; i += VL) v_store(at + i, v_bf16(v_load(at + i)));
}

static void panels_in_memory(real *to, const real *b, int64_t row, int64_t col, int64_t k, int64_t n, const bf16_kernels *pairs) {
  if (pairs) {
    pairs->panels(to, b, row, col, k, n);
    return;
  }
  pack_panels(to, b, row, col, k, n);
  for (int64_t j = 0; j < n; j += NR, to += APART(k, NR)) round_packed(to, k * NR);
}

/* Panels of columns [j, j + n) of rows [kb, kb + k) of B; what a packer reads is narrowed while it is in L1. */
static void narrow_panels(real *to, const gemm_operand *b, const real *at, int64_t kb, int64_t k, int64_t j, int64_t n,
                          const bf16_kernels *pairs, real *block) {
  if (!b->pack) {
    panels_in_memory(to, at + kb * b->row + j * b->col, b->row, b->col, k, n, pairs);
  } else if (!pairs) {
    read_panels(to, b, kb, k, j, n, block);
    for (const int64_t end = j + n; j < end; j += NR, to += APART(k, NR)) round_packed(to, k * NR);
  } else {
    const int64_t pitch = b->turned ? pitch_of(k) : NR;
    for (const int64_t end = j + n; j < end; j += NR, to += APART(gd_ceil_div(k, 2), NR)) {
      const int64_t cols = gd_min(NR, end - j);
      if (b->turned) b->pack(b->from, block, pitch, b->first_row + j, cols, b->first_col + kb, k);
      else b->pack(b->from, block, pitch, b->first_row + kb, k, b->first_col + j, cols);
      pairs->panels(to, block, b->turned ? 1 : pitch, b->turned ? pitch : 1, k, cols);
    }
  }
}

/* Strip of an operand in whose rows and columns no elements are neighbours. */
static void gather_strip(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t k) {
  for (int64_t i = 0; i < k; ++i, to += MR, a += col)
    for (int64_t r = 0; r < m; ++r) to[r] = a[r * row];
}

/* Columns of A, which lie in rows, are packed for all strips while their lines are in L1. */
enum { SIDE_BY_SIDE = 32 };

static void narrow_strip(real *to, const real *a, int64_t row, int64_t col, int64_t m, int64_t k, const bf16_kernels *pairs) {
  if (pairs) {
    pairs->strip(to, a, row, col, m, k);
    return;
  }
  (row == 1 || col == 1 ? pack_strip : gather_strip)(to, a, row, col, m, k);
  round_packed(to, k * MR);
}

static const bf16_kernels *pairs_for(int bfloat16) {
  return bfloat16 == 2 && GD_NAME(gd_bf16).strip ? &GD_NAME(gd_bf16) : NULL;
}

/* Columns [first, first + cols) of B, packed once for many products. */
static void pack_rounded(real *to, const gemm_operand *b, int64_t k, int64_t n, int64_t first, int64_t cols, int bfloat16) {
  const bf16_kernels *pairs = pairs_for(bfloat16);
  const int64_t each = pairs ? 2 : 1, depth = gemm_depth(k, each * KC);
  for (int64_t kb = 0; kb < k; kb += depth) {
    const int64_t rows = gd_min(depth, k - kb), at = gemm_packed_at(n, depth / each, kb / each, gd_ceil_div(rows, each), first);
    panels_in_memory(to + at, b->at + kb * b->row + first * b->col, b->row, b->col, rows, cols, pairs);
  }
}

/* Few rows: B is read once, and rounded in registers; of A, FEW_ROWS rounded rows lie side by side. */
enum { FEW_ROWS = 4 };

INLINE void few_body(const tile_args *t, const int m, const int nv, const int tail) {
  vec acc[FEW_ROWS][4];
#pragma GCC unroll 4
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < nv; ++j) {
      const real *c = t->c + i * t->ldc + j * VL;
      acc[i][j] = t->first ? v_zero() : tail ? v_load_n(c, t->n) : v_load(c);
    }
  const real *a = t->a, *b = t->b;
  for (int64_t k = 0; k < t->k; ++k, a += FEW_ROWS, b += t->ldb) {
    vec bv[4];
#pragma GCC unroll 4
    for (int j = 0; j < nv; ++j) bv[j] = v_bf16(tail ? v_load_n(b, t->n) : v_load(b + j * VL));
#pragma GCC unroll 4
    for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < nv; ++j) acc[i][j] = v_fma(v_set1(a[i]), bv[j], acc[i][j]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < nv; ++j) {
      real *c = t->c + i * t->ldc + j * VL;
      if (tail) v_store_n(c, acc[i][j], t->n);
      else v_store(c, acc[i][j]);
    }
}

#define FEW(m)                                                                 \
  static void few_##m##x4(const tile_args *t) { few_body(t, m, 4, 0); }      \
  static void few_##m##x1(const tile_args *t) { few_body(t, m, 1, 0); }      \
  static void few_##m##x1_tail(const tile_args *t) { few_body(t, m, 1, 1); }
FEW(1) FEW(2) FEW(3) FEW(4)
#define FEW_TILES(m) {few_##m##x1_tail, few_##m##x1, few_##m##x4},
static const tile_fn few_tiles[FEW_ROWS][3] = {FEW_TILES(1) FEW_TILES(2) FEW_TILES(3) FEW_TILES(4)};

static void few_rows_bf16(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, real *rounded) {
  const int64_t m = w->r1 - w->r0, depth = g->k * g->n > 1 << 18 ? 16 : KC; /* as gemm_few_rows, of a large B */
  for (int64_t kb = 0; kb < g->k || kb == 0; kb += depth) {
    const int64_t k = gd_min(depth, g->k - kb);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t r = 0; r < FEW_ROWS; ++r)
        rounded[i * FEW_ROWS + r] = r < m ? a[(w->r0 + r) * g->a.row + (kb + i) * g->a.col] : 0;
    round_packed(rounded, k * FEW_ROWS);
    for (int64_t j = w->c0, n; j < w->c1; j += n) {
      n = gd_min(w->c1 - j, VL);
      const int wide = w->c1 - j >= 4 * VL ? 2 : n == VL;
      if (wide == 2) n = 4 * VL;
      few_tiles[m - 1][wide](&(tile_args){.c = c + w->r0 * g->c_row + j, .a = rounded, .b = b + kb * g->b.row + j,
                                          .ldc = g->c_row, .ldb = g->b.row, .k = k, .n = n, .first = kb == 0 && !g->accumulate});
    }
  }
}

__attribute__((noinline)) static void gemm_bf16(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, char *scratch,
                      const gemm_then *then) {
  if (w->r1 - w->r0 <= FEW_ROWS && g->b.col == 1 && !g->a.pack && !g->b.pack) {
    few_rows_bf16(g, w, c, a, b, (real *)scratch);
    finish(then, g, w);
    return;
  }
  const bf16_kernels *pairs = pairs_for(g->bfloat16);
  /* Pairs of a block twice as deep take as much of the caches; what a packer writes beside them would not. */
  const int64_t each = pairs ? 2 : 1, depth = gemm_depth(g->k, g->a.pack || g->b.pack ? KC : each * KC);
  const int64_t mc = g->a.pack ? read_rows(&g->a, w->r1 - w->r0, depth, pairs ? READ : BLOCK) : MC;
  real *strip = (real *)scratch, *panel = (real *)(scratch + PANEL_AT), *block = (real *)(scratch + BLOCK_AT);
  real *read = pairs ? (real *)(scratch + READ_AT) : block;
  int64_t a_row = g->a.row, a_col = g->a.col;
  for (int64_t jc = w->c0; jc < w->c1; jc += NC) {
    const int64_t jc_end = gd_min(w->c1, jc + NC);
    for (int64_t kb = 0; kb < g->k || kb == 0; kb += depth) { /* K = 0 still writes zeros */
      const int64_t k = gd_min(depth, g->k - kb), words = gd_ceil_div(k, each);
      const int64_t packed_words = g->packed_k ? gd_ceil_div(g->packed_k, each) : words;
      const real *panels = panel;
      if (g->packed) panels = g->packed + gemm_packed_at(g->n, depth / each, kb / each, packed_words, jc) + g->packed_first / each * NR;
      else narrow_panels(panel, &g->b, b, kb, k, jc, jc_end - jc, pairs, block);
      for (int64_t ic = w->r0; ic < w->r1; ic += mc) {
        const int64_t ic_end = gd_min(w->r1, ic + mc), strips = gd_ceil_div(ic_end - ic, MR);
        const int64_t base = (ic_end - ic) / strips, more = (ic_end - ic) % strips; /* no thin last strip */
        const real *from = a + ic * a_row + kb * a_col;
        if (g->a.pack) from = read, read_block(&g->a, read, ic, ic_end - ic, kb, k, &a_row, &a_col);
        const int64_t piece = a_row == 1 ? SIDE_BY_SIDE : gd_max(1, k);
        for (int64_t p = 0; p < k; p += piece)
          for (int64_t s = 0, r = 0; s < strips; r += base + (s < more), ++s)
            narrow_strip(strip + s * APART(words, MR) + p / each * MR, from + r * a_row + p * a_col, a_row, a_col, base + (s < more), gd_min(piece, k - p), pairs);
        for (int64_t j = jc; j < jc_end; j += NR) {
          const int64_t n = gd_min(NR, jc_end - j);
          const int nv = n > VL ? 2 : 1, tail = n < nv * VL;
          tile_args t = {.c = c + ic * g->c_row + j, .a = strip, .b = panels + (j - jc) / NR * APART(packed_words, NR), .ldc = g->c_row,
                         .ldb = NR, .k = words, .n = n, .first = kb == 0 && !g->accumulate};
          for (int64_t s = 0; s < strips; ++s) {
            const int64_t m = base + (s < more);
            (pairs ? pairs->tiles[nv - 1][m - 1][tail] : tiles[nv - 1][m - 1][1][tail])(&t);
            t.c += m * g->c_row, t.a += APART(words, MR);
          }
        }
        if (kb + depth >= g->k) finish(then, g, &(gemm_window){ic, ic_end, jc, jc_end});
      }
    }
  }
}

#else /* check.c refuses them in float64 */
static void pack_rounded(real *to, const gemm_operand *b, int64_t k, int64_t n, int64_t first, int64_t cols, int bfloat16) {
  (void)to, (void)b, (void)k, (void)n, (void)first, (void)cols, (void)bfloat16;
}

__attribute__((noinline)) static void gemm_bf16(const gemm_product *g, const gemm_window *w, real *c, const real *a, const real *b, char *scratch,
                      const gemm_then *then) {
  (void)g, (void)w, (void)c, (void)a, (void)b, (void)scratch, (void)then;
}
#endif

#endif
