/* pool.c: the largest element, or the mean, of each window of a sequence, image or volume, and their gradients.
 *
 *   max_pool       y[b, o, c] = max over the elements i of window o of x[b, i, c]
 *   max_pool_dx    dx[b, i, c] = sum of dy[b, o, c] over the windows o whose first largest element of x is i
 *   max_pool_take  y[b, o, c] = d[b, i, c], where i is the first largest element of window o of x
 *   avg_pool       y[b, o, c] = sum over the elements i of window o of x[b, i, c] / n(o)
 *   avg_pool_dx    dx[b, i, c] = sum over the windows o with element i of dy[b, o, c] / n(o)
 *
 * Channels lie in the lanes. Padding takes no part in a maximum; n(o) counts it or not. A window without an
 * element has the maximum -inf, the mean 0 and no gradient. Called by the executor.
 *
 *   ref   max_pool, avg_pool: y, x;  max_pool_dx: dx, dy, x;  max_pool_take: y, d, x;  avg_pool_dx: dx, dy
 *   dim   batch
 *   attr  channels; whether n counts padding; then for planes, rows and columns each: length, windows, elements of
 *         a window (0: the windows are equal parts of the axis, as far as it comes out), stride, padding before
 *         and after, dilation
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

typedef struct { int64_t length, windows, kernel, stride, before, after, dilation; } axis;
typedef struct { int64_t c, counted; axis planes, rows, columns; } pool;
/* What a window holds along one axis: elements first, first + dilation, ...; `counted` has its padding, too. */
typedef struct { int64_t first, number, counted; } span;
/* The elements of one window: their number and distance along each axis. */
typedef struct { int64_t planes, rows, columns, plane, row, column; } window;

enum { CHUNK = 64, STRIPE = 16 * VL };

static pool pool_open(const gd_ins *ins) {
  pool g = {.c = ins->attr[0], .counted = ins->attr[1]};
  axis *axes[] = {&g.planes, &g.rows, &g.columns};
  for (int i = 0; i < 3; ++i) {
    const int64_t *a = ins->attr + 2 + 7 * i;
    *axes[i] = (axis){a[0], a[1], a[2], a[3], a[4], a[5], a[6]};
  }
  return g;
}

static int64_t steps(int64_t n, int64_t d) { return n <= 0 ? 0 : d == 1 ? n : gd_ceil_div(n, d); }

static span span_of(const axis *a, int64_t o) {
  if (a->kernel == 0) {
    const int64_t first = o * a->length / a->windows, n = gd_ceil_div((o + 1) * a->length, a->windows) - first;
    return (span){first, n, n};
  }
  const int64_t start = o * a->stride - a->before;
  const int64_t lo = steps(-start, a->dilation), hi = gd_min(a->kernel, steps(a->length - start, a->dilation));
  const int64_t counted = gd_min(a->kernel, steps(a->length + a->after - start, a->dilation));
  return (span){start + lo * a->dilation, gd_max(0, hi - lo), counted};
}

/* The window with these spans, and in *at its first element among the pixels of an image. */
static window window_of(const pool *g, span z, span y, span x, int64_t *at) {
  const int64_t row = g->columns.length * g->c, plane = g->rows.length * row;
  *at = 0;
  if (!z.number || !y.number || !x.number) return (window){0, 0, 0, 0, 0, 0};
  *at = z.first * plane + y.first * row + x.first * g->c;
  return (window){z.number, y.number, x.number,
                  g->planes.dilation * plane, g->rows.dilation * row, g->columns.dilation * g->c};
}

static real share_of(const pool *g, span z, span y, span x) {
  const int64_t n = g->counted ? z.counted * y.counted * x.counted : z.number * y.number * x.number;
  return n ? (real)1 / (real)n : 0;
}

/* Loops over rows of elements, and over elements: `row` and `i` are their offsets from the first. */
#define EACH_ROW(w)                                                     \
  for (int64_t plane_ = 0; plane_ < (w)->planes; ++plane_)              \
    for (int64_t row_ = 0, row = plane_ * (w)->plane; row_ < (w)->rows; ++row_, row += (w)->row)
#define EACH_ELEMENT(w) \
  EACH_ROW(w) for (int64_t column_ = 0, i = row; column_ < (w)->columns; ++column_, i += (w)->column)

/* Runs `body` with `w`; for the commonest window, of 2 × 2 elements, with sizes that the compiler knows: it unrolls the
 * loops over elements (python -m bench.ops --only max_pool). */
#define WITH_SIZES(given, w, body)                                                          \
  do {                                                                                      \
    if ((given)->planes == 1 && (given)->rows == 2 && (given)->columns == 2) {              \
      const window square_ = {1, 2, 2, 0, (given)->row, (given)->column}, *const w = &square_; \
      body;                                                                                 \
    } else {                                                                                \
      const window *const w = (given);                                                      \
      body;                                                                                 \
    }                                                                                       \
  } while (0)

VFN vec lanes(const real *x, int64_t n) { return n == VL ? v_load(x) : v_load_n(x, n); }
VFN void put(real *y, vec v, int64_t n) {
  if (n == VL) v_store(y, v);
  else v_store_n(y, v, n);
}
/* NaN anywhere makes the maximum NaN. */
VFN vec max_nan(vec m, vec x) { return v_select(v_ne(x, x), x, v_max(x, m)); }

/* The elements of one window for `vectors` vectors of channels, the last of n lanes. */
VFN void largest(const window *w, const real *from, int vectors, int64_t n, real *to) {
  vec m[4];
  for (int k = 0; k < vectors; ++k) m[k] = v_set1(-R_INF);
  EACH_ELEMENT(w)
    for (int k = 0; k < vectors; ++k) m[k] = max_nan(m[k], lanes(from + i + k * VL, n));
  for (int k = 0; k < vectors; ++k) put(to + k * VL, m[k], n);
}

VFN void mean(const window *w, const real *from, int vectors, int64_t n, vec share, real *to) {
  vec total[4];
  for (int k = 0; k < vectors; ++k) total[k] = v_zero();
  EACH_ROW(w)
    for (int64_t chunk = 0; chunk < w->columns; chunk += CHUNK) { /* sums of sums: their rounding grows slowly */
      vec part[4];
      for (int k = 0; k < vectors; ++k) part[k] = v_zero();
      const int64_t end = gd_min(w->columns, chunk + CHUNK);
      for (int64_t x = chunk, i = row + chunk * w->column; x < end; ++x, i += w->column)
        for (int k = 0; k < vectors; ++k) part[k] = v_add(part[k], lanes(from + i + k * VL, n));
      for (int k = 0; k < vectors; ++k) total[k] = v_add(total[k], part[k]);
    }
  for (int k = 0; k < vectors; ++k) put(to + k * VL, v_mul(total[k], share), n);
}

/* Runs `body` for the channels that fill no vector, then for four vectors at a time, then for one. In this order,
 * since what the first writes beyond its lanes may be channels of the next pixel, which come later. */
#define EACH_CHANNEL(c0, c1, body)                                                                        \
  do {                                                                                                    \
    const int64_t whole_ = ((c1) - (c0)) / VL * VL + (c0);                                                \
    if (whole_ < (c1)) { enum { K = 1 }; const int64_t c = whole_, n = (c1) - c; body; }                  \
    int64_t c_ = (c0);                                                                                    \
    for (; c_ + 4 * VL <= whole_; c_ += 4 * VL) { enum { K = 4 }; const int64_t c = c_, n = VL; body; }   \
    for (; c_ < whole_; c_ += VL) { enum { K = 1 }; const int64_t c = c_, n = VL; body; }                 \
  } while (0)

/* Computes the output of one window: its elements in both inputs, the number of channels, 1 / n. */
typedef void (*window_fn)(const window *w, const real *a, const real *b, int64_t channels, real share, real *to);

/* A unit is one row of windows. */
static int64_t rows_of(const gd_ins *ins, int64_t batch) {
  const pool g = pool_open(ins);
  return gd_size(ins->dim[0], batch) * g.planes.windows * g.rows.windows;
}

/* Elements from a window's first pixel to its last. */
static int64_t extent(const window *w) {
  return w->columns ? (w->planes - 1) * w->plane + (w->rows - 1) * w->row + (w->columns - 1) * w->column : 0;
}

VFN void each_window(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi, window_fn body) {
  const pool g = pool_open(ins);
  const int64_t pixels = g.planes.length * g.rows.length * g.columns.length * g.c;
  const int64_t filled = gd_ceil_div(g.c, VL) * VL;
  const real *a = (const real *)gd_at(run, ins, 1), *b = ins->n_ref > 2 ? (const real *)gd_at(run, ins, 2) : a;
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t image = u / g.rows.windows / g.planes.windows * pixels;
    const span z = span_of(&g.planes, u / g.rows.windows % g.planes.windows);
    const span y = span_of(&g.rows, u % g.rows.windows);
    real *to = (real *)gd_at(run, ins, 0) + u * g.columns.windows * g.c;
    for (int64_t o = 0; o < g.columns.windows; ++o, to += g.c) {
      const span x = span_of(&g.columns, o);
      int64_t at;
      const window w = window_of(&g, z, y, x, &at);
      /* Channels fill their last vector with those of the next pixel; the next window overwrites what that makes. */
      const int wide = o * g.c + filled <= g.columns.windows * g.c && at + extent(&w) + filled <= pixels;
      body(&w, a + image + at, b + image + at, wide ? filled : g.c, share_of(&g, z, y, x), to);
    }
  }
}

VFN void maximum_of(const window *w, const real *x, const real *same, int64_t channels, real share, real *to) {
  (void)same, (void)share;
  WITH_SIZES(w, sized, EACH_CHANNEL(0, channels, largest(sized, x + c, K, n, to + c)));
}

VFN void mean_of(const window *w, const real *x, const real *same, int64_t channels, real share, real *to) {
  (void)same;
  const vec by = v_set1(share);
  WITH_SIZES(w, sized, EACH_CHANNEL(0, channels, mean(sized, x + c, K, n, by, to + c)));
}

VFN void taken_of(const window *w, const real *d, const real *x, int64_t channels, real share, real *to) {
  (void)share;
  for (int64_t c = 0; c < channels; c += VL) {
    const int64_t n = gd_min(VL, channels - c);
    vec best = v_zero(), found = v_zero();
    if (w->columns) best = lanes(x + c, n), found = lanes(d + c, n);
    EACH_ELEMENT(w) {
      const vec v = lanes(x + i + c, n);
      const vmask more = v_lt(best, v);
      best = v_select(more, v, best), found = v_select(more, lanes(d + i + c, n), found);
    }
    put(to + c, found, n);
  }
}

#define WINDOWS(name, body)                                                                             \
  int64_t GD_NAME(gd_##name##_units)(const gd_ins *ins, int64_t batch) { return rows_of(ins, batch); }  \
  void GD_NAME(gd_##name)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {               \
    each_window(ins, run, lo, hi, body);                                                                \
  }
WINDOWS(max_pool, maximum_of)
WINDOWS(avg_pool, mean_of)
WINDOWS(max_pool_take, taken_of)

/* --- gradients: what windows add to the elements of an image -------------------------------
 *
 * Windows that overlap add to the same elements: a unit is a stripe of channels of one image then. Where they lie
 * apart along the outermost axis that has several, it is a band of the image: what one window after the other
 * holds along that axis, with the gap behind it. */

static int apart(const axis *a) {
  return a->kernel ? a->stride > (a->kernel - 1) * a->dilation : a->length % a->windows == 0;
}

static int64_t bands_of(const pool *g) {
  const axis *outer = g->planes.length == 1 ? &g->rows : &g->planes;
  return apart(outer) ? outer->windows : 1;
}

static int64_t scatter_units(const gd_ins *ins, int64_t batch) {
  const pool g = pool_open(ins);
  return gd_size(ins->dim[0], batch) * bands_of(&g) * gd_ceil_div(g.c, STRIPE);
}

/* Where band o begins along its axis. */
static int64_t band_begin(const axis *a, int64_t o) {
  if (o == 0) return 0;
  if (o == a->windows) return a->length;
  const int64_t at = a->kernel ? o * a->stride - a->before : o * a->length / a->windows;
  return gd_max(0, gd_min(a->length, at));
}

typedef struct { real *dx; const real *dy, *x; const pool *g; int64_t c0, c1; int striped; } scatter;

/* Elements that belong to no other window are set, others added to. */
VFN void give(real *to, vec v, int64_t n, int alone) { put(to, alone ? v : v_add(lanes(to, n), v), n); }

/* n lanes of dy, and `all` lanes of x and dx: those beyond n belong to pixels on the right, and get 0. */
VFN void to_first(const window *w, const real *x, const real *dy, int vectors, int64_t n, int64_t all, int alone, real *dx) {
  vec best[4], found[4], d[4];
  for (int k = 0; k < vectors; ++k) best[k] = lanes(x + k * VL, all), found[k] = v_zero(), d[k] = lanes(dy + k * VL, n);
  vec number = v_zero();
  EACH_ELEMENT(w) {
    for (int k = 0; k < vectors; ++k) {
      const vec v = lanes(x + i + k * VL, all);
      const vmask more = v_lt(best[k], v);
      best[k] = v_select(more, v, best[k]), found[k] = v_select(more, number, found[k]);
    }
    number = v_add(number, v_set1(1));
  }
  number = v_zero();
  EACH_ELEMENT(w) {
    for (int k = 0; k < vectors; ++k)
      give(dx + i + k * VL, v_select(v_eq(found[k], number), d[k], v_zero()), all, alone);
    number = v_add(number, v_set1(1));
  }
}

VFN void to_all(const window *w, const real *dy, int vectors, int64_t n, int64_t all, int alone, vec share, real *dx) {
  vec d[4];
  for (int k = 0; k < vectors; ++k) d[k] = v_mul(lanes(dy + k * VL, n), share);
  EACH_ELEMENT(w)
    for (int k = 0; k < vectors; ++k) give(dx + i + k * VL, d[k], all, alone);
}

/* One row of windows, from left to right. */
VFN void scatter_row(const scatter *s, span z, span y, const real *dy, int maximum, int alone) {
  const pool *g = s->g;
  for (int64_t o = 0; o < g->columns.windows; ++o, dy += g->c) {
    const span x = span_of(&g->columns, o);
    int64_t at;
    const window w = window_of(g, z, y, x, &at);
    if (!w.columns) continue;
    real *dx = s->dx + at;
    const int64_t right = (g->columns.length - x.first - (x.number - 1) * g->columns.dilation - 1) * g->c;
    const int wide = !s->striped && right >= VL; /* the rest of the row has room for what is beyond a pixel */
    if (maximum) {
      const real *in = s->x + at;
      WITH_SIZES(&w, sized,
                 EACH_CHANNEL(s->c0, s->c1, to_first(sized, in + c, dy + c, K, n, wide ? VL : n, alone, dx + c)));
    } else {
      const vec share = v_set1(share_of(g, z, y, x));
      WITH_SIZES(&w, sized,
                 EACH_CHANNEL(s->c0, s->c1, to_all(sized, dy + c, K, n, wide ? VL : n, alone, share, dx + c)));
    }
  }
}

typedef void (*row_fn)(const scatter *s, span z, span y, const real *dy);
static void max_alone(const scatter *s, span z, span y, const real *dy) { scatter_row(s, z, y, dy, 1, 1); }
static void max_added(const scatter *s, span z, span y, const real *dy) { scatter_row(s, z, y, dy, 1, 0); }
static void avg_alone(const scatter *s, span z, span y, const real *dy) { scatter_row(s, z, y, dy, 0, 1); }
static void avg_added(const scatter *s, span z, span y, const real *dy) { scatter_row(s, z, y, dy, 0, 0); }

static void scatter_all(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi, int maximum) {
  const pool g = pool_open(ins);
  const int64_t stripes = gd_ceil_div(g.c, STRIPE), bands = bands_of(&g), row = g.columns.length * g.c;
  const int64_t plane = g.rows.length * row, windows = g.planes.windows * g.rows.windows;
  const int by_rows = g.planes.length == 1;
  const axis *outer = by_rows ? &g.rows : &g.planes;
  const int alone = apart(&g.planes) && apart(&g.rows) && apart(&g.columns);
  const row_fn scatter_one = maximum ? alone ? max_alone : max_added : alone ? avg_alone : avg_added;
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t image = u / stripes / bands, band = u / stripes % bands, c0 = u % stripes * STRIPE;
    const scatter s = {(real *)gd_at(run, ins, 0) + image * g.planes.length * plane,
                       (const real *)gd_at(run, ins, 1) + image * windows * g.columns.windows * g.c,
                       maximum ? (const real *)gd_at(run, ins, 2) + image * g.planes.length * plane : NULL,
                       &g, c0, gd_min(g.c, c0 + STRIPE), stripes > 1};
    const int64_t begin = bands == 1 ? 0 : band_begin(outer, band);
    const int64_t end = bands == 1 ? outer->length : band_begin(outer, band + 1);
    const int64_t from = begin * (by_rows ? row : plane), to = end * (by_rows ? row : plane);
    if (stripes == 1) memset(s.dx + from, 0, (size_t)(to - from) * sizeof(real));
    else
      for (int64_t at = from; at < to; at += g.c) memset(s.dx + at + c0, 0, (size_t)(s.c1 - c0) * sizeof(real));
    const int64_t each = windows / bands;
    for (int64_t o = band * each; o < (band + 1) * each; ++o)
      scatter_one(&s, span_of(&g.planes, o / g.rows.windows), span_of(&g.rows, o % g.rows.windows),
                  s.dy + o * g.columns.windows * g.c);
  }
}

int64_t GD_NAME(gd_max_pool_dx_units)(const gd_ins *ins, int64_t batch) { return scatter_units(ins, batch); }

void GD_NAME(gd_max_pool_dx)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  scatter_all(ins, run, lo, hi, 1);
}

int64_t GD_NAME(gd_avg_pool_dx_units)(const gd_ins *ins, int64_t batch) { return scatter_units(ins, batch); }

void GD_NAME(gd_avg_pool_dx)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  scatter_all(ins, run, lo, hi, 0);
}
