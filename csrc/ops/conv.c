/* conv.c: convolution of images (batch, height, width, channels), as products whose packer reads the image.
 *
 *   conv     y[p, n] = sum over taps t and channels c of x[window p, t, c] w[t, c, n]
 *   conv_dw  dw[t, c, n] = sum over windows p of x[window p, t, c] dy[p, n]
 *
 * The windows of an image are the rows of a matrix A that lies nowhere: a block of them at a time is written to
 * scratch, where it stays in L1 while it is multiplied. The gradient by the input is `conv`, too: of dy, with the
 * kernel's taps from last to first, and with strides one instruction for each remainder of a pixel's position by
 * the stride (gdcore/graph/ops/convolutions.py). Called by the executor.
 *
 *   ref   conv: y, x, w;  conv_dw: dw, x, dy [, sums of dy over its pixels]
 *   dim   batch
 *   attr  of x: height, width, channels;
 *         windows down and across; pixels from one to the next, down and across;
 *         first tap of the first window: row, column; taps down and across; pixels from one to the next, down
 *         and across;
 *         n: channels of y
 *         conv:    strides of y: image, row, pixel, and where it begins; of w: tap down, tap across, channel of x,
 *                  channel of y, and where it begins
 *         conv_dw: 1 if the sums of dy are wanted, too
 */
#include "../gemm.h"
#include "../ops.h"

/* What a packer writes windows from. */
typedef struct {
  const real *x;
  int64_t h, w, c, pixel; /* pixel: elements from one to the next */
  int64_t oh, ow, sh, sw; /* windows, and how far apart */
  int64_t top, left, kh, kw, dh, dw; /* taps, and how far apart */
} conv_windows;
enum { WINDOW_ATTRS = 13 };

/* What a packer writes the kernel from whose taps lie apart: for each of its columns n, runs of c elements. */
typedef struct {
  const real *w;
  int64_t c, kw, tap_y, tap_x, column;
} conv_kernel;

static conv_windows windows_open(const gd_ins *ins, const real *x) {
  const int64_t *a = ins->attr;
  return (conv_windows){x, a[0], a[1], a[2], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12]};
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
  if (!x) {
    zero(to, hi - lo);
    return;
  }
  if (g->dw == 1 && g->pixel == g->c) { /* they lie side by side */
    const int64_t in = gd_min(hi, gd_max(lo, -left * g->c)), out = gd_max(in, gd_min(hi, (g->w - left) * g->c));
    zero(to, in - lo);
    copy(to + in - lo, x + left * g->c + in, out - in);
    zero(to + out - lo, hi - out);
    return;
  }
  for (int64_t tap = lo / g->c, c = lo % g->c; lo < hi; ++tap, c = 0) {
    const int64_t n = gd_min(g->c - c, hi - lo), column = left + tap * g->dw;
    if (column >= 0 && column < g->w) copy(to, x + column * g->pixel + c, n);
    else zero(to, n);
    lo += n, to += n;
  }
}

/* Windows [row, row + rows), of each the elements [col, col + cols) in the order of taps and channels. */
static void pack_windows(const void *from, real *to, int64_t pitch, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const conv_windows *g = from;
  const int64_t line = g->kw * g->c, end = col + cols;
  if (!cols) return;
  const int beside = g->pixel == g->c && (g->dw == 1 || g->kw == 1); /* a row of taps is a run of elements */
  const int64_t begin = col / line;
  int64_t across = row % g->ow, down = row / g->ow % g->oh;
  const real *image = g->x + row / g->ow / g->oh * g->h * g->w * g->pixel;
  for (int64_t r = 0; r < rows; ++r, to += pitch) {
    const int64_t left = across * g->sw + g->left;
    const int run = beside && left >= 0 && left + g->kw <= g->w;
    int64_t y = down * g->sh + g->top + begin * g->dh, lo = col - begin * line;
    for (int64_t at = col; at < end; y += g->dh, lo = 0) {
      const int64_t hi = gd_min(line, lo + end - at);
      const int inside = y >= 0 && y < g->h;
      const real *x = image + y * g->w * g->pixel;
      if (run && inside) copy(to + at - col, x + left * g->c + lo, hi - lo);
      else pack_taps(g, inside ? x : NULL, left, lo, hi, to + at - col);
      at += hi - lo;
    }
    if (++across == g->ow) {
      across = 0;
      if (++down == g->oh) down = 0, image += g->h * g->w * g->pixel;
    }
  }
}

/* Columns [row, row + rows) of the kernel, of each the elements [col, col + cols) in the order of taps and channels. */
static void pack_kernel(const void *from, real *to, int64_t pitch, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const conv_kernel *k = from;
  for (int64_t r = row; r < row + rows; ++r, to += pitch)
    for (int64_t at = 0; at < cols;) {
      const int64_t tap = (col + at) / k->c, c = (col + at) % k->c, n = gd_min(k->c - c, cols - at);
      copy(to + at, k->w + r * k->column + tap / k->kw * k->tap_y + tap % k->kw * k->tap_x + c, n);
      at += n;
    }
}

/* The windows as an operand: of one tap that meets each pixel once, the image itself. */
static gemm_operand windows_operand(const conv_windows *g, int turned) {
  const int flat = g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && !g->top && !g->left && g->oh == g->h && g->ow == g->w;
  if (flat) return (gemm_operand){.at = g->x, .row = turned ? 1 : g->pixel, .col = turned ? g->pixel : 1};
  return (gemm_operand){.at = g->x, .pack = pack_windows, .from = g, .turned = turned};
}

/* Where the results of a window lie: everywhere at one distance, or in rows of pixels that are apart. */
typedef struct { int64_t image, row, pixel; } conv_places;
static int even(const conv_places *y, const conv_windows *g) {
  return y->row == g->ow * y->pixel && y->image == g->oh * y->row;
}

enum { ROWS = 64, COLUMNS = 1024, PIECE = (256 << 10) / sizeof(real) }; /* of results that are put to their places */

int64_t GD_NAME(gd_conv_scratch)(const gd_ins *ins) {
  const conv_windows g = windows_open(ins, NULL);
  const gd_dim n = {ins->attr[WINDOW_ATTRS], 0}, k = {g.kh * g.kw * g.c, 0};
  const int64_t *y = ins->attr + WINDOW_ATTRS + 1, apart = !even(&(conv_places){y[0], y[1], y[2]}, &g);
  return apart * PIECE * sizeof(real) + GD_NAME(gd_product_scratch)(n, k, ins->then);
}

int64_t GD_NAME(gd_conv_dw_scratch)(const gd_ins *ins) {
  return GD_NAME(gd_product_scratch)((gd_dim){ins->attr[WINDOW_ATTRS], 0}, (gd_dim){0, 1}, NULL);
}

int64_t GD_NAME(gd_conv_units)(const gd_ins *ins, int64_t batch) {
  const conv_windows g = windows_open(ins, NULL);
  const int64_t *a = ins->attr + WINDOW_ATTRS, m = gd_size(ins->dim[0], batch) * g.oh * g.ow;
  return even(&(conv_places){a[1], a[2], a[3]}, &g) ? gemm_units(1, m, a[0]) : a[0] ? gd_ceil_div(m, ROWS) : 0;
}

/* Results [r0, r1): computed side by side in scratch, and put to their places. */
static void conv_apart(gemm_product *p, const conv_windows *g, const conv_places *y, const gd_run *run, int64_t r0, int64_t r1) {
  gd_run inner = *run;
  real *own = (real *)inner.scratch, *to = p->c;
  inner.scratch += PIECE * sizeof(real);
  const int64_t n = p->n;
  const real *a = p->a.at, *b = p->b.at; /* of an operand that has a packer, neither is used */
  p->c = own;
  for (int64_t j = 0; j < n; j += COLUMNS) {
    p->n = p->c_row = gd_min(COLUMNS, n - j);
    p->b.first_row = j, p->b.at = b + j * p->b.col;
    for (int64_t r = r0, m; r < r1; r += m) {
      p->m = m = gd_min(r1 - r, PIECE / p->n), p->a.first_row = r, p->a.at = a + r * p->a.row;
      GD_NAME(gd_product)(p, &inner, 0, gemm_units(1, m, p->n));
      for (int64_t i = r; i < r + m; ++i) {
        real *at = to + i / g->ow / g->oh * y->image + i / g->ow % g->oh * y->row + i % g->ow * y->pixel + j;
        const real *x = own + (i - r) * p->n;
        int64_t c = 0;
        for (; c + VL <= p->n; c += VL) v_store(at + c, v_load(x + c));
        if (c < p->n) v_store_n(at + c, v_load_n(x + c, p->n - c), p->n - c);
      }
    }
  }
}

void GD_NAME(gd_conv)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const conv_windows g = windows_open(ins, (const real *)gd_at(run, ins, 1));
  const int64_t *a = ins->attr + WINDOW_ATTRS, m = gd_size(ins->dim[0], run->batch) * g.oh * g.ow;
  const conv_places y = {a[1], a[2], a[3]};
  const conv_kernel k = {(const real *)gd_at(run, ins, 2) + a[9], g.c, g.kw, a[5], a[6], a[8]};
  gemm_product p = {
      .outer = 1, .inner = 1, .m = m, .n = a[0], .k = g.kh * g.kw * g.c,
      .c = (real *)gd_at(run, ins, 0) + a[4], .c_row = y.pixel,
      .a = windows_operand(&g, 0), .b = {.at = k.w, .row = a[7], .col = a[8]}, .then = ins->then,
  };
  /* taps whose channels go on where those of the last one end make one matrix */
  const int together = (g.kw == 1 || a[6] == g.c * a[7]) && (g.kh == 1 || a[5] == g.kw * g.c * a[7]);
  if (!together) p.b = (gemm_operand){.at = k.w, .pack = pack_kernel, .from = &k, .turned = 1};
  if (even(&y, &g)) GD_NAME(gd_product)(&p, run, lo, hi);
  else conv_apart(&p, &g, &y, run, lo * ROWS, gd_min(hi * ROWS, m));
}

int64_t GD_NAME(gd_conv_dw_units)(const gd_ins *ins, int64_t batch) {
  (void)batch;
  const conv_windows g = windows_open(ins, NULL);
  return gemm_units(1, g.kh * g.kw * g.c, ins->attr[WINDOW_ATTRS]);
}

void GD_NAME(gd_conv_dw)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const conv_windows g = windows_open(ins, (const real *)gd_at(run, ins, 1));
  const int64_t n = ins->attr[WINDOW_ATTRS];
  const gemm_product p = {
      .outer = 1, .inner = 1, .m = g.kh * g.kw * g.c, .n = n, .k = gd_size(ins->dim[0], run->batch) * g.oh * g.ow,
      .c = (real *)gd_at(run, ins, 0), .c_row = n, .a = windows_operand(&g, 1),
      .b = {.at = (const real *)gd_at(run, ins, 2), .row = n, .col = 1},
      .sums = ins->attr[WINDOW_ATTRS + 1] ? (real *)gd_at(run, ins, 3) : NULL,
  };
  GD_NAME(gd_product)(&p, run, lo, hi);
}
