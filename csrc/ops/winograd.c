/* winograd.c: convolution of images with kernels of 3 x 3 taps, in tiles of 4 x 4 results, by Winograd's algorithm.
 *
 *   winograd_filters  u[e, c, n] = G w[., ., c, n] G'                                      e: 6 x 6
 *   winograd          y[tile, n] = A' (sum over c of (B' x[tile, c] B)[e] u[e, c, n]) A    x: 6 x 6 pixels, y: 4 x 4
 *   winograd_dw       dw[., ., c, n] = G' (sum over tiles of (B' x[tile, c] B)[e] (A dy[tile, n] A')[e]) G
 *
 * A tile takes 36 products for each channel and filter, where the sum over taps takes 144. The matrices are those of
 * polynomials through 0, +-sqrt(1/2), +-sqrt(2) and infinity: of those tried the ones with the smallest error, some five
 * times that of the sum over taps. Blocks of tiles are turned to 36 matrices in scratch, which stay in the second cache,
 * multiplied by the product of gemm.h, and turned back. The gradient by the input is `winograd` of dy, with the taps from
 * last to first (gdcore/graph/ops/convolution_plans.py). Called by the executor.
 *
 *   winograd_filters  ref u, w; dim c, n; attr strides of w: tap down, across, channel, filter (one of the last two is 1),
 *                     and where it begins
 *   winograd          ref y, x, u; dim batch; attr as below
 *   winograd_dw       ref dw, x, dy [, sums of dy over its pixels]; dim batch; attr as below, 1 if the sums are wanted, too
 *   attr              height and width of x, and of y, first row and column of the first window, c, n
 *
 * Winograd 1980, Arithmetic complexity of computations; Lavin and Gray 2016, Fast algorithms for convolutional neural
 * networks.
 */
#include "../gemm.h"
#include "../gemm_shapes.h"
#include "../ops.h"

/* Tiles of a block: so many that their matrices take no more than SCRATCH elements, but at most MOST_TILES; channels and
 * filters of which the gradient of a kernel is summed in scratch at once, and those of a unit. */
enum { SCRATCH = (3 << 20) / sizeof(real), MOST_TILES = 4 * MR, LEAST_TILES = 2 * MR, DW_TILES = 3 * MR };
enum { DW_CHANNELS = 64, DW_FILTERS = 256, UNIT = 32 };

#include "winograd_turns.h"

typedef struct { int64_t height, width, rows, columns, top, left, c, n, down, across; } tiling;

static tiling tiling_of(const int64_t *a) {
  return (tiling){a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], gd_ceil_div(a[2], TILE), gd_ceil_div(a[3], TILE)};
}

/* Elements from row to row of a block of so many columns, and from one of the 36 matrices to the next: no multiple of
 * 4 KB, so that what is written side by side falls into different sets of the first cache. */
static int64_t row_of(int64_t columns) { return gd_ceil_div(columns, VL) * VL + VL; }
static int64_t matrix_of(int64_t rows, int64_t columns) {
  const int64_t size = rows * row_of(columns) + VL;
  return size % (4096 / (int64_t)sizeof(real)) % (1024 / (int64_t)sizeof(real)) ? size : size + VL;
}

/* Elements of one of the 36 matrices of a kernel, in panels. */
static int64_t filters_of(int64_t c, int64_t n) { return gemm_panels(n) * (c * NR + (c / 256 + 1) * VL); }

static int64_t tiles_of(const tiling *g) {
  return gd_max(LEAST_TILES, gd_min(MOST_TILES, SCRATCH / POINTS / (g->c + g->n) / MR * MR));
}

INLINE vec load_some(const real *x, int64_t n) { return n < VL ? v_load_n(x, n) : v_load(x); }

/* --- patches and tiles of one image ------------------------------------------------------------------------------- */

/* Where the pixels of a square lie, whose first is at (y, x) of an image of so many lines and columns; zeros elsewhere. */
INLINE void square_of(const real *image, int64_t lines, int64_t columns, int64_t pixel, int64_t y, int64_t x, const int side,
                      const real *zeros, const real *at[]) {
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) {
      const int inside = y + i >= 0 && y + i < lines && x + j >= 0 && x + j < columns;
      at[i * side + j] = inside ? image + ((y + i) * columns + x + j) * pixel : zeros;
    }
}

/* Channels [from, from + n) of tiles [t0, t1) of x under B', as rows of 36 matrices. */
static void patches(const tiling *g, const real *x, const real *zeros, int64_t t0, int64_t t1, int64_t from, int64_t n, real *to, int64_t matrix) {
  const int64_t row = row_of(n);
  for (int64_t t = t0; t < t1; ++t, to += row) {
    const int64_t line = t / g->across, image = line / g->down;
    const real *at[POINTS];
    square_of(x + image * g->height * g->width * g->c, g->height, g->width, g->c, line % g->down * TILE + g->top,
              t % g->across * TILE + g->left, PATCH, zeros, at);
    for (int64_t c = 0; c < n; c += VL) {
      vec d[PATCH][PATCH];
#pragma GCC unroll 6
      for (int j = 0; j < PATCH; ++j) {
        vec line_of[PATCH];
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) line_of[i] = load_some(at[i * PATCH + j] + from + c, n - c);
        turn_patch(line_of);
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) d[i][j] = line_of[i];
      }
#pragma GCC unroll 6
      for (int i = 0; i < PATCH; ++i) {
        turn_patch(d[i]);
#pragma GCC unroll 6
        for (int j = 0; j < PATCH; ++j) v_store(to + (i * PATCH + j) * matrix + c, d[i][j]);
      }
    }
  }
}

/* Filters [from, from + n) of tiles [t0, t1) of dy under A, as rows of 36 matrices. */
static void results(const tiling *g, const real *dy, const real *zeros, int64_t t0, int64_t t1, int64_t from, int64_t n, real *to, int64_t matrix) {
  const int64_t row = row_of(n);
  for (int64_t t = t0; t < t1; ++t, to += row) {
    const int64_t line = t / g->across, image = line / g->down;
    const real *at[TILE * TILE];
    square_of(dy + image * g->rows * g->columns * g->n, g->rows, g->columns, g->n, line % g->down * TILE, t % g->across * TILE, TILE, zeros, at);
    for (int64_t c = 0; c < n; c += VL) {
      vec d[PATCH][TILE];
#pragma GCC unroll 4
      for (int j = 0; j < TILE; ++j) {
        vec y[TILE], line_of[PATCH];
#pragma GCC unroll 4
        for (int i = 0; i < TILE; ++i) y[i] = load_some(at[i * TILE + j] + from + c, n - c);
        turn_results(y, line_of);
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) d[i][j] = line_of[i];
      }
#pragma GCC unroll 6
      for (int i = 0; i < PATCH; ++i) {
        vec line_of[PATCH];
        turn_results(d[i], line_of);
#pragma GCC unroll 6
        for (int j = 0; j < PATCH; ++j) v_store(to + (i * PATCH + j) * matrix + c, line_of[j]);
      }
    }
  }
}

/* Tiles [t0, t1) of y, from rows of 36 matrices. */
static void put_tiles(const tiling *g, real *y, int64_t t0, int64_t t1, const real *from, int64_t matrix) {
  const int64_t row = row_of(g->n), pixel = g->n, pitch = g->columns * pixel;
  for (int64_t t = t0; t < t1; ++t, from += row) {
    const int64_t line = t / g->across, image = line / g->down, top = line % g->down * TILE, left = t % g->across * TILE;
    const int64_t lines = gd_min(TILE, g->rows - top), columns = gd_min(TILE, g->columns - left);
    real *to = y + (image * g->rows + top) * pitch + left * pixel;
    for (int64_t c = 0; c < g->n; c += VL) {
      vec d[TILE][PATCH];
#pragma GCC unroll 6
      for (int j = 0; j < PATCH; ++j) {
        vec m[PATCH], line_of[TILE];
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) m[i] = v_load(from + (i * PATCH + j) * matrix + c);
        turn_back(m, line_of);
#pragma GCC unroll 4
        for (int i = 0; i < TILE; ++i) d[i][j] = line_of[i];
      }
      const int64_t some = gd_min(VL, g->n - c);
#pragma GCC unroll 4
      for (int i = 0; i < TILE; ++i) {
        vec line_of[TILE];
        turn_back(d[i], line_of);
        if (i < lines)
#pragma GCC unroll 4
          for (int j = 0; j < TILE; ++j)
            if (j < columns) {
              if (some == VL) v_store(to + i * pitch + j * pixel + c, line_of[j]);
              else v_store_n(to + i * pitch + j * pixel + c, line_of[j], some);
            }
      }
    }
  }
}

/* --- filters ------------------------------------------------------------------------------------------------------ */

enum { TAP_DOWN, TAP_ACROSS, CHANNEL, FILTER, BEGIN };

int64_t GD_NAME(gd_winograd_filters_units)(const gd_ins *ins, int64_t batch) {
  return gemm_panels(gd_size(ins->dim[1], batch));
}

/* One channel of VL filters, whose taps are given. */
INLINE void put_filters(const vec w[9], real *to, int64_t matrix) {
  vec u[PATCH][3];
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    const vec taps[3] = {w[j], w[3 + j], w[6 + j]};
    vec line_of[PATCH];
    turn_taps(taps, line_of);
#pragma GCC unroll 6
    for (int i = 0; i < PATCH; ++i) u[i][j] = line_of[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < PATCH; ++i) {
    vec line_of[PATCH];
    turn_taps(u[i], line_of);
#pragma GCC unroll 6
    for (int j = 0; j < PATCH; ++j) v_store(to + (i * PATCH + j) * matrix, line_of[j]);
  }
}

/* Units: panels of filters. Where filters lie apart and channels side by side, squares of both are turned over. */
void GD_NAME(gd_winograd_filters)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t *a = ins->attr, c = gd_size(ins->dim[0], run->batch), n = gd_size(ins->dim[1], run->batch), matrix = filters_of(c, n), depth = gemm_depth(c, KC);
  const real *w = (const real *)gd_at(run, ins, 1) + a[BEGIN];
  real *u = (real *)gd_at(run, ins, 0);
  for (int64_t j = lo * NR; j < gd_min(n, hi * NR); j += VL) {
    const int64_t some = gd_min(VL, n - j);
    for (int64_t i = 0; i < c; i += VL) {
      const int64_t channels = gd_min(VL, c - i);
      vec square[9][VL];
      for (int tap = 0; tap < 9; ++tap) {
        const real *from = w + tap / 3 * a[TAP_DOWN] + tap % 3 * a[TAP_ACROSS] + i * a[CHANNEL] + j * a[FILTER];
        if (a[FILTER] == 1) {
          for (int64_t r = 0; r < channels; ++r) square[tap][r] = load_some(from + r * a[CHANNEL], some);
        } else {
          for (int64_t r = 0; r < VL; ++r) square[tap][r] = r < some ? load_some(from + r * a[FILTER], channels) : v_zero();
          v_transpose(square[tap]);
        }
      }
      for (int64_t r = 0; r < channels; ++r) {
        const int64_t block = (i + r) / depth * depth;
        vec taps[9];
#pragma GCC unroll 9
        for (int tap = 0; tap < 9; ++tap) taps[tap] = square[tap][r];
        put_filters(taps, u + gemm_packed_at(n, depth, block, gd_min(depth, c - block), j) + (i + r - block) * NR + j % NR, matrix);
      }
    }
  }
}

/* --- results ------------------------------------------------------------------------------------------------------ */

static int64_t zeros_of(const tiling *g) { return gd_ceil_div(gd_max(g->c, g->n), VL) * VL; }

int64_t GD_NAME(gd_winograd_units)(const gd_ins *ins, int64_t batch) {
  return gd_size(ins->dim[0], batch) * tiling_of(ins->attr).down;
}

int64_t GD_NAME(gd_winograd_scratch)(const gd_ins *ins) {
  const tiling g = tiling_of(ins->attr);
  const int64_t tiles = tiles_of(&g), own = zeros_of(&g) + POINTS * (matrix_of(tiles, g.c) + matrix_of(tiles, g.n));
  return gd_ceil_div(own * (int64_t)sizeof(real), 64) * 64 + gd_epilogue_scratch(ins->then) +
         GD_NAME(gd_product_scratch)((gd_dim){g.n, 0}, (gd_dim){g.c, 0}, NULL);
}

/* The first pixel of a unit, a line of tiles. */
static int64_t pixel_of(const tiling *g, int64_t unit) {
  return (unit / g->down * g->rows + unit % g->down * TILE) * g->columns;
}

void GD_NAME(gd_winograd)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const tiling g = tiling_of(ins->attr);
  const int64_t tiles = tiles_of(&g), begin = lo * g.across, end = hi * g.across;
  const int64_t v_matrix = matrix_of(tiles, g.c), m_matrix = matrix_of(tiles, g.n), u_matrix = filters_of(g.c, g.n);
  real *y = (real *)gd_at(run, ins, 0);
  const real *x = (const real *)gd_at(run, ins, 1), *u = (const real *)gd_at(run, ins, 2);
  _Alignas(64) char epilogue[GD_EPILOGUE];
  gd_run inner = *run;
  real *zeros = (real *)gd_open_epilogue(ins->then, run, epilogue), *v = zeros + zeros_of(&g), *m = v + POINTS * v_matrix;
  inner.scratch = (char *)zeros + gd_ceil_div((zeros_of(&g) + POINTS * (v_matrix + m_matrix)) * (int64_t)sizeof(real), 64) * 64;
  for (int64_t i = 0; i < zeros_of(&g); ++i) zeros[i] = 0;
  const int64_t blocks = gd_ceil_div(end - begin, tiles), some = gd_ceil_div(gd_ceil_div(end - begin, gd_max(1, blocks)), MR) * MR;
  for (int64_t t0 = begin, t1, finished = lo; t0 < end; t0 = t1) {
    t1 = gd_min(end, t0 + some);
    patches(&g, x, zeros, t0, t1, 0, g.c, v, v_matrix);
    for (int e = 0; e < POINTS; ++e) {
      gemm_product p = gemm_of(t1 - t0, g.n, g.c, m + e * m_matrix, row_of(g.n), gemm_strided(v + e * v_matrix, row_of(g.c), 1),
                               gemm_strided(u + e * u_matrix, 0, 0)); /* of which panels alone are read */
      p.packed = u + e * u_matrix;
      GD_NAME(gd_product)(&p, &inner, 0, gemm_units(1, p.m, p.n));
    }
    put_tiles(&g, y, t0, t1, m, m_matrix);
    const int64_t whole = t1 / g.across;
    if (ins->then && whole > finished) ins->then->op->window(epilogue, g.n, pixel_of(&g, finished), pixel_of(&g, whole), 0, g.n);
    finished = whole;
  }
}

/* --- the gradient of the kernel ----------------------------------------------------------------------------------- */

enum { SUMS = 8 };

static int64_t dw_channels(const tiling *g) { return gd_min(g->c, DW_CHANNELS); }
static int64_t dw_filters(const tiling *g) { return gd_min(g->n, DW_FILTERS); }

int GD_NAME(gd_winograd_dw_polls)(const gd_ins *ins) { return (void)ins, 1; }

/* Units: some channels of some filters. */
int64_t GD_NAME(gd_winograd_dw_units)(const gd_ins *ins, int64_t batch) {
  (void)batch;
  return gd_ceil_div(ins->attr[6], UNIT) * gd_ceil_div(ins->attr[7], UNIT);
}

int64_t GD_NAME(gd_winograd_dw_scratch)(const gd_ins *ins) {
  const tiling g = tiling_of(ins->attr);
  const int64_t c = dw_channels(&g), n = dw_filters(&g);
  const int64_t own = zeros_of(&g) + POINTS * (matrix_of(DW_TILES, c) + matrix_of(DW_TILES, n) + matrix_of(c, n));
  return gd_ceil_div(own * (int64_t)sizeof(real), 64) * 64 + GD_NAME(gd_product_scratch)((gd_dim){n, 0}, (gd_dim){DW_TILES, 0}, NULL);
}

/* Channels [c0, c0 + c) and filters [n0, n0 + n) of dw. Returns whether it was left. */
static int dw_of(const tiling *g, const gd_run *run, int64_t tiles, real *dw, const real *x, const real *dy, int64_t c0, int64_t c, int64_t n0, int64_t n) {
  const int64_t v_matrix = matrix_of(DW_TILES, c), d_matrix = matrix_of(DW_TILES, n), matrix = matrix_of(c, n), row = row_of(n);
  gd_run inner = *run;
  real *zeros = (real *)run->scratch, *v = zeros + zeros_of(g), *d = v + POINTS * v_matrix, *total = d + POINTS * d_matrix;
  inner.scratch = run->scratch + gd_ceil_div((zeros_of(g) + POINTS * (v_matrix + d_matrix + matrix)) * (int64_t)sizeof(real), 64) * 64;
  for (int64_t i = 0; i < zeros_of(g); ++i) zeros[i] = 0;
  for (int64_t t = 0; t < tiles || t == 0; t += DW_TILES) { /* no tiles still write zeros */
    const int64_t some = gd_min(DW_TILES, tiles - t);
    patches(g, x, zeros, t, t + some, c0, c, v, v_matrix);
    results(g, dy, zeros, t, t + some, n0, n, d, d_matrix);
    for (int e = 0; e < POINTS; ++e) {
      gemm_product p = gemm_of(c, n, some, total + e * matrix, row, gemm_strided(v + e * v_matrix, 1, row_of(c)), gemm_strided(d + e * d_matrix, row, 1));
      p.accumulate = t > 0;
      GD_NAME(gd_product)(&p, &inner, 0, gemm_units(1, c, n));
    }
    if (run->poll && run->poll(run->poller, 2 * POINTS * some * c * n)) return 1;
  }
  for (int64_t i = 0; i < c; ++i)
    for (int64_t j = 0; j < n; j += VL) {
      const real *from = total + i * row + j;
      vec w[3][PATCH];
#pragma GCC unroll 6
      for (int q = 0; q < PATCH; ++q) {
        vec points[PATCH], taps[3];
#pragma GCC unroll 6
        for (int p = 0; p < PATCH; ++p) points[p] = v_load(from + (p * PATCH + q) * matrix);
        turn_to_taps(points, taps);
#pragma GCC unroll 3
        for (int p = 0; p < 3; ++p) w[p][q] = taps[p];
      }
#pragma GCC unroll 3
      for (int p = 0; p < 3; ++p) {
        vec taps[3];
        turn_to_taps(w[p], taps);
#pragma GCC unroll 3
        for (int q = 0; q < 3; ++q) v_store_n(dw + ((p * 3 + q) * g->c + c0 + i) * g->n + n0 + j, taps[q], gd_min(VL, n - j));
      }
    }
  return 0;
}

/* Of several units whose filters follow one another one block is made, and of whole lines of units a taller one: so
 * the tiles of x and dy are turned as seldom as scratch allows. */
void GD_NAME(gd_winograd_dw)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const tiling g = tiling_of(ins->attr);
  const int64_t batch = gd_size(ins->dim[0], run->batch), tiles = batch * g.down * g.across, across = gd_ceil_div(g.n, UNIT);
  const real *x = (const real *)gd_at(run, ins, 1), *dy = (const real *)gd_at(run, ins, 2);
  while (lo < hi) {
    const int64_t line = lo / across, first = lo % across, last = gd_min(across, first + hi - lo);
    const int64_t lines = first ? 1 : gd_max(1, gd_min(DW_CHANNELS / UNIT, (hi - lo) / across));
    const int64_t c0 = line * UNIT, c1 = gd_min(g.c, c0 + lines * UNIT), end = gd_min(g.n, last * UNIT);
    for (int64_t n0 = first * UNIT; n0 < end; n0 += DW_FILTERS) {
      const int64_t n = gd_min(DW_FILTERS, end - n0);
      if (dw_of(&g, run, tiles, (real *)gd_at(run, ins, 0), x, dy, c0, c1 - c0, n0, n)) return;
      if (ins->attr[SUMS] && c0 == 0) GD_NAME(gd_column_sums)(dy + n0, g.n, batch * g.rows * g.columns, n, (real *)gd_at(run, ins, 3) + n0);
    }
    lo += lines * (last - first);
  }
}
