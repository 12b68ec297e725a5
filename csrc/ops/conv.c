/* conv.c: convolution of images (batch, depth, height, width, channels), as products whose packer reads the image.
 *
 *   conv     y[p, n] = sum over taps t and channels c of x[window p, t, c] w[t, c, n]
 *   conv_dw  dw[t, c, n] = sum over windows p of x[window p, t, c] dy[p, n]
 *
 * An image of two dimensions has a depth of 1, a sequence a height of 1, too. With groups the channels of x and of
 * y fall into so many parts, each with a kernel of its own: `c` and `n` are the channels of one of them.
 *
 * The windows of an image are the rows of a matrix A that lies nowhere: a block of them at a time is written to
 * scratch, where it stays in L1 while it is multiplied. The gradient by the input is `conv`, too: of dy, with the
 * kernel's taps from last to first, and with strides one instruction for each remainder of a pixel's position by
 * the stride (gdcore/graph/ops/convolution_plans.py). Called by the executor.
 *
 *   ref   conv: y, x, w;  conv_dw: dw, x, dy [, sums of dy over its pixels]
 *   dim   batch
 *   attr  as ../windows.h has them, then
 *         groups, c, n: channels of y
 *         conv:    strides of y: image, plane, row, pixel, and where it begins; of w: tap deep, down, across,
 *                  channel of x, channel of y, where it begins, and from one group to the next
 *         conv_dw: 1 if the sums of dy are wanted, too
 *         both:    factors rounded to bfloat16, as in gemm.c
 */
#include "../gemm.h"
#include "../ops.h"
#include "../windows.h"
#include "../simd/bf16.h"

enum { GROUPS = WINDOW_ATTRS, C, N, CONV_ATTRS, Y_STRIDES = CONV_ATTRS, Y_BEGIN = Y_STRIDES + 4, W_TAPS, W_ROW = W_TAPS + 3, W_COLUMN, W_BEGIN, W_GROUP, BF16, DW_BF16 = CONV_ATTRS + 1 };

/* What a packer writes windows from: channels c of one group. */
typedef struct {
  const real *x;
  int64_t c, pixel; /* pixel: elements from one to the next */
  gd_windows at;
  int bfloat16; /* of lines that are copied: 1 rounded, 2 pairs of rounded elements in a word */
} conv_windows;

/* What a packer writes the kernel from whose taps lie apart: for each of its columns n, runs of c elements. */
typedef struct {
  const real *w;
  int64_t c, kh, kw, tap_z, tap_y, tap_x, column;
} conv_kernel;

static conv_windows windows_open(const gd_ins *ins, const real *x) {
  const int64_t *a = ins->attr;
  return (conv_windows){x, a[C], a[C] * a[GROUPS], gd_windows_of(a), 0};
}

/* Both write whole vectors: up to one behind the end, as a packer may. */
static inline void copy(real *to, const real *x, int64_t n) {
  for (; n >= VL; n -= VL, to += VL, x += VL) v_store(to, v_load(x));
  if (n > 0) v_store(to, v_load_n(x, n));
}
static inline void zero(real *to, int64_t n) {
  for (int64_t i = 0; i < n; i += VL) v_store(to + i, v_zero());
}

/* Elements [lo, hi) of one row of taps, which begins at pixel `left` of a row x of the image; NULL: outside. */
static void pack_taps(const conv_windows *g, const real *x, int64_t left, int64_t lo, int64_t hi, real *to) {
  const gd_axis w = g->at.across;
  if (!x) {
    zero(to, hi - lo);
    return;
  }
  if (w.apart == 1 && g->pixel == g->c) { /* they lie side by side */
    const int64_t in = gd_min(hi, gd_max(lo, -left * g->c)), out = gd_max(in, gd_min(hi, (w.size - left) * g->c));
    zero(to, in - lo);
    copy(to + in - lo, x + left * g->c + in, out - in);
    zero(to + out - lo, hi - out);
    return;
  }
  for (int64_t tap = lo / g->c, c = lo % g->c; lo < hi; ++tap, c = 0) {
    const int64_t n = gd_min(g->c - c, hi - lo), column = left + tap * w.apart;
    if (column >= 0 && column < w.size) copy(to, x + column * g->pixel + c, n);
    else zero(to, n);
    lo += n, to += n;
  }
}

/* Windows [row, row + rows), of each the elements [col, col + cols) in the order of taps and channels. */
static void pack_windows(const void *from, real *to, int64_t pitch, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const conv_windows *g = from;
  const gd_axis d = g->at.deep, h = g->at.down, w = g->at.across;
  const int64_t line = w.taps * g->c, end = col + cols, image = d.size * h.size * w.size * g->pixel;
  if (!cols) return;
  const int beside = g->pixel == g->c && (w.apart == 1 || w.taps == 1); /* a row of taps is a run of elements */
  const int64_t begin = col / line;
  gd_pixel p = gd_pixel_of(&g->at, row);
  const real *x = g->x + p.image * image;
  for (int64_t r = 0; r < rows; ++r, to += pitch) {
    const int64_t left = p.across * w.step + w.first, top = p.down * h.step + h.first, front = p.deep * d.step + d.first;
    const int run = beside && left >= 0 && left + w.taps <= w.size;
    int64_t lo = col - begin * line, tap_z = begin / h.taps, tap_y = begin % h.taps;
    for (int64_t at = col; at < end; lo = 0) {
      const int64_t hi = gd_min(line, lo + end - at), z = front + tap_z * d.apart, y = top + tap_y * h.apart;
      const int inside = z >= 0 && z < d.size && y >= 0 && y < h.size;
      const real *from_row = x + (z * h.size + y) * w.size * g->pixel;
      if (run && inside) copy(to + at - col, from_row + left * g->c + lo, hi - lo);
      else pack_taps(g, inside ? from_row : NULL, left, lo, hi, to + at - col);
      at += hi - lo;
      if (++tap_y == h.taps) tap_y = 0, ++tap_z;
    }
    if (gd_pixel_next(&g->at, &p)) x += image;
  }
}

/* Columns [row, row + rows) of the kernel, of each the elements [col, col + cols) in the order of taps and channels. */
static void pack_kernel(const void *from, real *to, int64_t pitch, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const conv_kernel *k = from;
  for (int64_t r = row; r < row + rows; ++r, to += pitch)
    for (int64_t at = 0; at < cols;) {
      const int64_t tap = (col + at) / k->c, c = (col + at) % k->c, n = gd_min(k->c - c, cols - at);
      const int64_t line = tap / k->kw;
      copy(to + at, k->w + r * k->column + line / k->kh * k->tap_z + line % k->kh * k->tap_y + tap % k->kw * k->tap_x + c, n);
      at += n;
    }
}

/* The windows as an operand: of one tap that meets each pixel once, the image itself. */
static gemm_operand windows_operand(const conv_windows *g, int turned) {
  const int flat = gd_axis_flat(g->at.deep) && gd_axis_flat(g->at.down) && gd_axis_flat(g->at.across);
  if (flat) return turned ? gemm_strided(g->x, 1, g->pixel) : gemm_strided(g->x, g->pixel, 1);
  return gemm_packed(g->x, pack_windows, g, turned);
}

#include "conv_rows.h"
#include "conv_dw_rows.h"

enum { ROWS = 64, COLUMNS = 1024, PIECE = (256 << 10) / sizeof(real) }; /* of results that are put to their places */

int64_t GD_NAME(gd_conv_scratch)(const gd_ins *ins) {
  if (by_rows(ins)) return rows_scratch(ins) + gd_epilogue_scratch(ins->then);
  const gd_windows g = gd_windows_of(ins->attr);
  const int64_t *a = ins->attr, apart = !gd_places_even(a + Y_STRIDES, &g);
  const gd_dim n = {a[N], 0}, k = {gd_taps(&g) * a[C], 0};
  return apart * PIECE * sizeof(real) + GD_NAME(gd_product_scratch)(n, k, ins->then);
}

int64_t GD_NAME(gd_conv_dw_scratch)(const gd_ins *ins) {
  if (dw_by_rows(ins)) return dw_rows_scratch(ins);
  return GD_NAME(gd_product_scratch)((gd_dim){ins->attr[N], 0}, (gd_dim){0, 1}, NULL);
}

int64_t GD_NAME(gd_conv_units)(const gd_ins *ins, int64_t batch) {
  if (by_rows(ins)) return rows_units(ins, batch);
  const gd_windows g = gd_windows_of(ins->attr);
  const int64_t *a = ins->attr, m = gd_size(ins->dim[0], batch) * gd_pixels(&g);
  if (gd_places_even(a + Y_STRIDES, &g)) return gemm_units(a[GROUPS], m, a[N]);
  return a[N] && a[GROUPS] ? gd_ceil_div(m, ROWS) : 0;
}

/* Results [r0, r1) of one group: computed side by side in scratch, and put to their places. */
static void conv_apart(gemm_product p, const gd_windows *g, const int64_t *strides, const gd_run *run, int64_t r0, int64_t r1) {
  gd_run inner = *run;
  real *own = (real *)inner.scratch, *to = p.c;
  inner.scratch += PIECE * sizeof(real);
  const int64_t n = p.n;
  const real *a = p.a.at, *b = p.b.at; /* of an operand that has a packer, neither is used */
  p.c = own;
  for (int64_t j = 0; j < n; j += COLUMNS) {
    p.n = p.c_row = gd_min(COLUMNS, n - j);
    p.b.first_row = j, p.b.at = b + j * p.b.col;
    for (int64_t r = r0, m; r < r1; r += m) {
      p.m = m = gd_min(r1 - r, PIECE / p.n), p.a.first_row = r, p.a.at = a + r * p.a.row;
      GD_NAME(gd_product)(&p, &inner, 0, gemm_units(1, m, p.n));
      gd_pixel at = gd_pixel_of(g, r);
      for (int64_t i = 0; i < m; ++i, gd_pixel_next(g, &at)) {
        real *y = to + gd_place(&at, strides) + j;
        const real *x = own + i * p.n;
        int64_t c = 0;
        for (; c + VL <= p.n; c += VL) v_store(y + c, v_load(x + c));
        if (c < p.n) v_store_n(y + c, v_load_n(x + c, p.n - c), p.n - c);
      }
    }
  }
}

void GD_NAME(gd_conv)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  if (by_rows(ins)) {
    conv_rows(ins, run, lo, hi);
    return;
  }
  const int64_t *a = ins->attr, n = a[N];
  conv_windows g = windows_open(ins, (const real *)gd_at(run, ins, 1));
  const gd_axis h = g.at.down, w = g.at.across;
  const int64_t m = gd_size(ins->dim[0], run->batch) * gd_pixels(&g.at), units = gemm_units(1, m, n);
  const int apart = !gd_places_even(a + Y_STRIDES, &g.at);
  /* taps whose channels go on where those of the last one end make one matrix */
  const int64_t *tap = a + W_TAPS, x_end = g.c * a[W_ROW], y_end = w.taps * x_end, z_end = h.taps * y_end;
  const int together = (w.taps == 1 || tap[2] == x_end) && (h.taps == 1 || tap[1] == y_end) && (g.at.deep.taps == 1 || tap[0] == z_end);
  conv_kernel k = {(const real *)gd_at(run, ins, 2) + a[W_BEGIN], g.c, h.taps, w.taps, tap[0], tap[1], tap[2], a[W_COLUMN]};
  real *y = (real *)gd_at(run, ins, 0) + a[Y_BEGIN];
  for (int64_t group = 0; group < a[GROUPS]; ++group, g.x += g.c, k.w += a[W_GROUP]) {
    gemm_product p = gemm_of(m, n, gd_taps(&g.at) * g.c, y + group * n, a[Y_STRIDES + 3], windows_operand(&g, 0),
                             together ? gemm_strided(k.w, a[W_ROW], a[W_COLUMN]) : gemm_packed(k.w, pack_kernel, &k, 1));
    p.then = ins->then, p.then_width = n * a[GROUPS], p.then_first = group * n, p.bfloat16 = (int)a[BF16];
    const int64_t first = gd_max(lo - group * units, 0), last = gd_min(hi - group * units, units);
    if (apart) conv_apart(p, &g.at, a + Y_STRIDES, run, lo * ROWS, gd_min(hi * ROWS, m));
    else if (first < last) GD_NAME(gd_product)(&p, run, first, last);
  }
}

int GD_NAME(gd_conv_dw_polls)(const gd_ins *ins) { return dw_by_rows(ins); }

int64_t GD_NAME(gd_conv_dw_units)(const gd_ins *ins, int64_t batch) {
  (void)batch;
  if (dw_by_rows(ins)) return dw_rows_units(ins);
  const gd_windows g = gd_windows_of(ins->attr);
  return gemm_units(ins->attr[GROUPS], gd_taps(&g) * ins->attr[C], ins->attr[N]);
}

void GD_NAME(gd_conv_dw)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  if (dw_by_rows(ins)) {
    conv_dw_rows(ins, run, lo, hi);
    return;
  }
  const int64_t *a = ins->attr, n = a[N], all = n * a[GROUPS];
  conv_windows g = windows_open(ins, (const real *)gd_at(run, ins, 1));
  const int64_t k = gd_taps(&g.at) * g.c, units = gemm_units(1, k, n);
  for (int64_t group = lo / gd_max(units, 1); group * units < hi; ++group) {
    conv_windows of = g;
    of.x += group * g.c;
    gemm_product p = gemm_of(k, n, gd_size(ins->dim[0], run->batch) * gd_pixels(&g.at), (real *)gd_at(run, ins, 0) + group * n, all,
                             windows_operand(&of, 1), gemm_strided((const real *)gd_at(run, ins, 2) + group * n, all, 1));
    if (a[CONV_ATTRS]) p.sums = (real *)gd_at(run, ins, 3) + group * n;
    p.bfloat16 = (int)a[DW_BF16];
    GD_NAME(gd_product)(&p, run, gd_max(lo - group * units, 0), gd_min(hi - group * units, units));
  }
}
