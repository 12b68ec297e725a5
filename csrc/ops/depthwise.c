/* depthwise.c: convolution with a kernel of one channel for each channel of the image: nothing is summed over channels.
 *
 *   depthwise     y[p, l / fold] = sum over taps t (and `fold` neighbouring lanes l) of x[window p, t, l / spread] w[t, l]
 *   depthwise_dw  dw[t, l] = sum over windows p of x[window p, t, l / spread] dy[p, l]
 *
 * Lanes l are the channels that the kernel has: those of x times `spread`, the depth multiplier. The gradient by the
 * input is `depthwise`, too: of dy, with the taps from last to first and `fold` for `spread`, and with strides one
 * instruction for each remainder, as in conv.c (gdcore/graph/ops/convolution_plans.py). Called by the executor.
 *
 * Channels are the lanes of a vector, which is summed up over the taps in registers, for a few pixels at a time.
 * Taps outside of the image are left out: nothing is padded.
 *
 *   ref   depthwise: y, x, w;  depthwise_dw: dw, x, dy [, sums of dy over its pixels]
 *   dim   batch
 *   attr  as ../windows.h has them, then
 *         depthwise:    lanes, spread, fold; strides of y: image, plane, row, pixel, and where it begins; of w: tap
 *                       deep, down, across, and where it begins
 *         depthwise_dw: lanes, spread, 1 if the sums of dy are wanted, too
 */
#include "../ops.h"
#include "../simd/vec.h"
#include "../windows.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = WINDOW_ATTRS, SPREAD, FOLD, Y_STRIDES, Y_BEGIN = Y_STRIDES + 4, W_TAPS, W_BEGIN = W_TAPS + 3, SUMS = FOLD };
/* A unit is so many pixels of a row, fewer where lanes are folded; lanes are taken BLOCK at a time, pixels SIDE,
 * and taps of a weight's gradient TOGETHER. */
enum { PIXELS = 64, FOLDED = 8, BLOCK = 2 * VL, SIDE = 4, TOGETHER = 4 };

/* The lines of taps of one row of windows that lie inside: tap (z, y) meets pixel p across, lane i, at
 * at[(z - z0) deep + (y - y0) down + p pixel + i]. */
typedef struct { const real *at; int64_t z0, z1, y0, y1, deep, down, pixel; } tap_lines;

INLINE vec lanes_of(const real *x, int64_t n, const int tail) { return tail ? v_load_n(x, n) : v_load(x); }

/* Pixels of x that so many windows side by side reach. */
static int64_t reach(gd_axis a, int64_t windows) { return gd_max(0, gd_min(a.size, (windows - 1) * a.step + (a.taps - 1) * a.apart + 1)); }

/* Lanes [l, l + n) of pixels of a row of x, each channel `spread` times. */
static void spread_row(real *to, const real *x, int64_t channels, int64_t pixels, int64_t l, int64_t n, int64_t spread) {
  for (int64_t p = 0; p < pixels; ++p, to += BLOCK, x += channels) {
    const real *channel = x + l / spread;
    for (int64_t i = 0, left = spread - l % spread; i < n; ++i) {
      to[i] = *channel;
      if (--left == 0) left = spread, ++channel;
    }
  }
}

/* What lanes [l, l + n) of so many windows from p on read of an image x; where channels are spread, from scratch. */
static tap_lines lines_of(const gd_windows *g, const real *x, int64_t channels, int64_t spread, const gd_pixel *p, int64_t pixels,
                          int64_t l, int64_t n, real *scratch) {
  const gd_axis d = g->deep, h = g->down, w = g->across;
  const int64_t row = w.size * channels;
  tap_lines t;
  gd_taps_inside(d, p->deep, &t.z0, &t.z1);
  gd_taps_inside(h, p->down, &t.y0, &t.y1);
  x += ((p->deep * d.step + d.first + t.z0 * d.apart) * h.size + p->down * h.step + h.first + t.y0 * h.apart) * row;
  t.at = x + l, t.deep = d.apart * h.size * row, t.down = h.apart * row, t.pixel = channels;
  if (spread == 1) return t;
  const int64_t begin = p->across * w.step + w.first, from = gd_max(0, begin);
  const int64_t to = gd_min(w.size, begin + (pixels - 1) * w.step + (w.taps - 1) * w.apart + 1), own = reach(w, pixels) * BLOCK;
  for (int64_t z = 0; z < t.z1 - t.z0; ++z)
    for (int64_t y = 0; y < t.y1 - t.y0; ++y)
      spread_row(scratch + (z * (t.y1 - t.y0) + y) * own, x + z * t.deep + y * t.down + from * channels, channels, to - from, l, n, spread);
  t.at = scratch - from * BLOCK, t.deep = (t.y1 - t.y0) * own, t.down = own, t.pixel = BLOCK;
  return t;
}

/* Windows [p, p + side), of which taps [lo, hi) across lie inside: `nv` vectors of lanes, in the last of them `last`.
 * Of `three` taps side by side each pixel of x is loaded once for all windows that have it. */
INLINE void sum_taps(const gd_axis *a, const tap_lines *t, int64_t p, int64_t lo, int64_t hi, const real *w, const int64_t *tap,
                     real *y, int64_t y_pixel, int64_t last, const int side, const int nv, const int tail, const int three) {
  vec sum[SIDE][2];
#pragma GCC unroll 8
  for (int i = 0; i < side; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) sum[i][v] = v_zero();
  for (int64_t z = t->z0; z < t->z1; ++z)
    for (int64_t h = t->y0; h < t->y1; ++h) {
      const real *x = t->at + (z - t->z0) * t->deep + (h - t->y0) * t->down + (p * a->step + a->first + lo * a->apart) * t->pixel;
      const real *k = w + z * tap[0] + h * tap[1] + lo * tap[2];
      if (three) {
        vec kernel[3][2];
#pragma GCC unroll 3
        for (int c = 0; c < 3; ++c)
#pragma GCC unroll 2
          for (int v = 0; v < nv; ++v) kernel[c][v] = lanes_of(k + c * tap[2] + v * VL, last, tail && v == nv - 1);
#pragma GCC unroll 8
        for (int q = 0; q < side + 2; ++q, x += t->pixel)
#pragma GCC unroll 2
          for (int v = 0; v < nv; ++v) {
            const vec at = lanes_of(x + v * VL, last, tail && v == nv - 1);
#pragma GCC unroll 3
            for (int c = 0; c < 3; ++c)
              if (q - c >= 0 && q - c < side) sum[q - c][v] = v_fma(at, kernel[c][v], sum[q - c][v]);
          }
        continue;
      }
      for (int64_t c = lo; c < hi; ++c, x += a->apart * t->pixel, k += tap[2]) {
        vec kernel[2];
#pragma GCC unroll 2
        for (int v = 0; v < nv; ++v) kernel[v] = lanes_of(k + v * VL, last, tail && v == nv - 1);
#pragma GCC unroll 8
        for (int i = 0; i < side; ++i)
#pragma GCC unroll 2
          for (int v = 0; v < nv; ++v)
            sum[i][v] = v_fma(lanes_of(x + i * a->step * t->pixel + v * VL, last, tail && v == nv - 1), kernel[v], sum[i][v]);
      }
    }
#pragma GCC unroll 8
  for (int i = 0; i < side; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) {
      real *to = y + i * y_pixel + v * VL;
      if (tail && v == nv - 1) v_store_n(to, sum[i][v], last);
      else v_store(to, sum[i][v]);
    }
}

/* All lanes of windows [p, p + side), BLOCK at a time. */
INLINE void sum_lanes(const gd_axis *a, tap_lines t, int64_t p, int64_t lo, int64_t hi, const real *w, const int64_t *tap, real *y,
                      int64_t y_pixel, int64_t lanes, const int side, const int three) {
  for (; lanes >= BLOCK; lanes -= BLOCK, t.at += BLOCK, w += BLOCK, y += BLOCK)
    sum_taps(a, &t, p, lo, hi, w, tap, y, y_pixel, VL, side, 2, 0, three);
  if (lanes > VL) sum_taps(a, &t, p, lo, hi, w, tap, y, y_pixel, lanes - VL, side, 2, 1, three);
  else if (lanes) sum_taps(a, &t, p, lo, hi, w, tap, y, y_pixel, lanes, side, 1, 1, three);
}

/* Windows [lo, hi) of a row have a tap inside. */
static void windows_inside(const gd_axis *a, int64_t tap, int64_t *lo, int64_t *hi) {
  const int64_t at = a->first + tap * a->apart;
  *lo = at < 0 ? gd_min(a->windows, gd_ceil_div(-at, a->step)) : 0;
  *hi = at >= a->size ? 0 : gd_min(a->windows, (a->size - 1 - at) / a->step + 1);
  *hi = gd_max(*lo, *hi);
}

/* Windows [p, end) of one row: those that lie inside SIDE at a time, the last ones of them twice. */
static void sum_row(const gd_axis *a, const tap_lines *t, int64_t p, int64_t end, const real *w, const int64_t *tap, real *y,
                    int64_t y_pixel, int64_t lanes) {
  int64_t from, to, unused, lo, hi;
  windows_inside(a, 0, &from, &unused);
  windows_inside(a, gd_max(0, a->taps - 1), &unused, &to);
  from = gd_max(p, from), to = gd_min(end, to);
  const int three = a->taps == 3 && a->step == 1 && a->apart == 1;
  const int64_t begin = p;
  for (; p < end; ++p) {
    if (p == from && to - from >= SIDE) {
      for (; p < to; p += SIDE) {
        const int64_t at = gd_min(p, to - SIDE);
        if (three) sum_lanes(a, *t, at, 0, 3, w, tap, y + (at - begin) * y_pixel, y_pixel, lanes, SIDE, 1);
        else sum_lanes(a, *t, at, 0, a->taps, w, tap, y + (at - begin) * y_pixel, y_pixel, lanes, SIDE, 0);
      }
      p = to;
      if (p == end) break;
    }
    gd_taps_inside(*a, p, &lo, &hi);
    sum_lanes(a, *t, p, lo, hi, w, tap, y + (p - begin) * y_pixel, y_pixel, lanes, 1, 0);
  }
}

/* Neighbours, `fold` of them, summed up in order. */
static void fold_lanes(real *y, const real *x, int64_t lanes, int64_t fold) {
  for (int64_t l = 0; l < lanes; l += fold) {
    real sum = x[l];
    for (int64_t i = 1; i < fold; ++i) sum += x[l + i];
    y[l / fold] = sum;
  }
}

static int64_t bytes(int64_t elements) { return gd_ceil_div(elements * (int64_t)sizeof(real), 64) * 64; }

int64_t GD_NAME(gd_depthwise_scratch)(const gd_ins *ins) {
  const gd_windows g = gd_windows_of(ins->attr);
  const int64_t *a = ins->attr, lines = g.deep.taps * g.down.taps;
  return gd_epilogue_scratch(ins->then) + bytes((a[SPREAD] > 1 ? lines * reach(g.across, PIXELS) * BLOCK : 0) + (a[FOLD] > 1 ? FOLDED * a[LANES] : 0));
}

static int64_t pixels_of(const gd_ins *ins) { return ins->attr[FOLD] > 1 ? FOLDED : PIXELS; }

int64_t GD_NAME(gd_depthwise_units)(const gd_ins *ins, int64_t batch) {
  const gd_windows g = gd_windows_of(ins->attr);
  const int64_t rows = gd_size(ins->dim[0], batch) * g.deep.windows * g.down.windows;
  return ins->attr[LANES] ? rows * gd_ceil_div(g.across.windows, pixels_of(ins)) : 0;
}

void GD_NAME(gd_depthwise)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const gd_windows g = gd_windows_of(ins->attr);
  const int64_t *a = ins->attr, *tap = a + W_TAPS, lanes = a[LANES], fold = a[FOLD], spread = a[SPREAD], channels = lanes / spread;
  const int64_t image = g.deep.size * g.down.size * g.across.size * channels, some = pixels_of(ins), parts = gd_ceil_div(g.across.windows, some);
  const real *x = (const real *)gd_at(run, ins, 1), *w = (const real *)gd_at(run, ins, 2) + a[W_BEGIN];
  real *y = (real *)gd_at(run, ins, 0) + a[Y_BEGIN];
  _Alignas(64) char epilogue[GD_EPILOGUE];
  real *scratch = (real *)gd_open_epilogue(ins->then, run, epilogue);
  for (int64_t u = lo; u < hi; ++u) {
    gd_pixel p = gd_pixel_of(&g, u / parts * g.across.windows);
    p.across = u % parts * some;
    const int64_t end = gd_min(p.across + some, g.across.windows), pixels = end - p.across;
    real *to = y + gd_place(&p, a + Y_STRIDES), *sums = fold > 1 ? scratch : to;
    const int64_t pixel = a[Y_STRIDES + 3], own = fold > 1 ? lanes : pixel;
    for (int64_t l = 0, n; l < lanes; l += n) {
      n = spread > 1 ? gd_min(BLOCK, lanes - l) : lanes;
      const tap_lines t = lines_of(&g, x + p.image * image, channels, spread, &p, pixels, l, n, scratch);
      sum_row(&g.across, &t, p.across, end, w + l, tap, sums + l, own, n);
    }
    for (int64_t i = 0; fold > 1 && i < pixels; ++i) fold_lanes(to + i * pixel, sums + i * lanes, lanes, fold);
    const int64_t first = u / parts * g.across.windows + p.across;
    if (ins->then) ins->then->op->window(epilogue, lanes / fold, first, first + pixels, 0, lanes / fold);
  }
}

/* dw of `taps` neighbouring taps from `tap` on (+)= the sum over windows [p, end) of x dy. */
INLINE void weigh(const gd_axis *a, const real *x, int64_t pixel, int64_t p, int64_t end, const real *dy, int64_t dy_pixel, int64_t tap,
                  real *dw, int64_t last, const int taps, const int nv, const int tail) {
  vec sum[TOGETHER][2];
#pragma GCC unroll 8
  for (int k = 0; k < taps; ++k)
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) sum[k][v] = v_zero();
  x += (p * a->step + a->first + tap * a->apart) * pixel, dy += p * dy_pixel;
  for (; p < end; ++p, x += a->step * pixel, dy += dy_pixel)
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) {
      const vec d = lanes_of(dy + v * VL, last, tail && v == nv - 1);
#pragma GCC unroll 8
      for (int k = 0; k < taps; ++k) sum[k][v] = v_fma(lanes_of(x + k * a->apart * pixel + v * VL, last, tail && v == nv - 1), d, sum[k][v]);
    }
#pragma GCC unroll 8
  for (int k = 0; k < taps; ++k)
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) {
      real *to = dw + (tap + k) * BLOCK + v * VL;
      v_store(to, v_add(v_load(to), sum[k][v]));
    }
}

/* One line of taps over one row of windows: dw [taps across][BLOCK]. */
INLINE void weigh_line(const gd_axis *a, const real *x, int64_t pixel, const real *dy, int64_t dy_pixel, real *dw, int64_t last,
                       const int nv, const int tail) {
  for (int64_t tap = 0, taps; tap < a->taps; tap += taps) {
    int64_t lo, hi, from = 0, to = a->windows; /* [from, to): where all of the taps lie inside */
    taps = gd_min(TOGETHER, a->taps - tap);
    for (int64_t k = tap; k < tap + taps; ++k) windows_inside(a, k, &lo, &hi), from = gd_max(from, lo), to = gd_min(to, hi);
    if (from < to) switch (taps) {
      case 1: weigh(a, x, pixel, from, to, dy, dy_pixel, tap, dw, last, 1, nv, tail); break;
      case 2: weigh(a, x, pixel, from, to, dy, dy_pixel, tap, dw, last, 2, nv, tail); break;
      case 3: weigh(a, x, pixel, from, to, dy, dy_pixel, tap, dw, last, 3, nv, tail); break;
      default: weigh(a, x, pixel, from, to, dy, dy_pixel, tap, dw, last, 4, nv, tail);
    }
    else to = from = a->windows;
    for (int64_t k = tap; k < tap + taps; ++k) {
      windows_inside(a, k, &lo, &hi);
      if (lo < gd_min(hi, from)) weigh(a, x, pixel, lo, gd_min(hi, from), dy, dy_pixel, k, dw, last, 1, nv, tail);
      if (gd_max(lo, to) < hi) weigh(a, x, pixel, gd_max(lo, to), hi, dy, dy_pixel, k, dw, last, 1, nv, tail);
    }
  }
}

int64_t GD_NAME(gd_depthwise_dw_scratch)(const gd_ins *ins) {
  const gd_windows g = gd_windows_of(ins->attr);
  const int64_t lines = g.deep.taps * g.down.taps;
  return bytes((gd_taps(&g) + 1 + (ins->attr[SPREAD] > 1 ? lines * reach(g.across, g.across.windows) : 0)) * BLOCK);
}

int64_t GD_NAME(gd_depthwise_dw_units)(const gd_ins *ins, int64_t batch) {
  (void)batch;
  return gd_ceil_div(ins->attr[LANES], BLOCK);
}

void GD_NAME(gd_depthwise_dw)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const gd_windows g = gd_windows_of(ins->attr);
  const gd_axis w = g.across;
  const int64_t *a = ins->attr, lanes = a[LANES], spread = a[SPREAD], channels = lanes / spread, taps = gd_taps(&g);
  const int64_t image = g.deep.size * g.down.size * w.size * channels, rows = gd_size(ins->dim[0], run->batch) * g.deep.windows * g.down.windows;
  const real *x = (const real *)gd_at(run, ins, 1);
  real *sums = (real *)run->scratch, *dw = sums + BLOCK, *scratch = dw + taps * BLOCK;
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t l = u * BLOCK, n = gd_min(BLOCK, lanes - l);
    const real *dy = (const real *)gd_at(run, ins, 2) + l;
    for (int64_t i = 0; i < (taps + 1) * BLOCK; i += VL) v_store(sums + i, v_zero());
    for (int64_t row = 0; row < (w.windows ? rows : 0); ++row, dy += w.windows * lanes) {
      const gd_pixel p = gd_pixel_of(&g, row * w.windows);
      const tap_lines t = lines_of(&g, x + p.image * image, channels, spread, &p, w.windows, l, n, scratch);
      for (int64_t z = t.z0; z < t.z1; ++z)
        for (int64_t y = t.y0; y < t.y1; ++y) {
          const real *from = t.at + (z - t.z0) * t.deep + (y - t.y0) * t.down;
          real *to = dw + (z * g.down.taps + y) * w.taps * BLOCK;
          if (n == BLOCK) weigh_line(&w, from, t.pixel, dy, lanes, to, VL, 2, 0);
          else if (n > VL) weigh_line(&w, from, t.pixel, dy, lanes, to, n - VL, 2, 1);
          else weigh_line(&w, from, t.pixel, dy, lanes, to, n, 1, 1);
        }
      for (int64_t i = 0; a[SUMS] && i < n; i += VL) {
        vec sum = v_zero();
        for (int64_t q = 0; q < w.windows; ++q) sum = v_add(sum, v_load_n(dy + q * lanes + i, gd_min(VL, n - i)));
        v_store(sums + i, v_add(v_load(sums + i), sum));
      }
    }
    real *to = (real *)gd_at(run, ins, 0) + l;
    for (int64_t i = 0; i < n; i += VL) {
      const int64_t some = gd_min(VL, n - i);
      for (int64_t k = 0; k < taps; ++k) v_store_n(to + k * lanes + i, v_load(dw + k * BLOCK + i), some);
      if (a[SUMS]) v_store_n((real *)gd_at(run, ins, 3) + l + i, v_load(sums + i), some);
    }
  }
}
