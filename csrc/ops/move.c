/* move.c: elements moved or set, none computed: transposes, slices and concatenations are strided copies.
 *
 *   copy  ref y, x;  dim shape[nd], strides of y[nd], strides of x[nd], offset of y, of x;  attr nd
 *   fill  ref y;     dim n;  par value
 *
 * The type of ref 0 says whether reals or int32 are moved.
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { PIECE = 16384 };

/* A unit of a copy is a run of the flattened outer dimensions: the innermost one is never cut. */
static int64_t outer_size(const gd_ins *ins, int64_t batch) {
  int64_t n = 1;
  for (int64_t d = 0; d + 1 < ins->attr[0]; ++d) n *= gd_size(ins->dim[d], batch);
  return n;
}

static int64_t rows_in_unit(const gd_ins *ins, int64_t batch) {
  const int64_t nd = ins->attr[0], inner = nd ? gd_size(ins->dim[nd - 1], batch) : 1;
  return gd_max(1, PIECE / gd_max(1, inner));
}

int64_t GD_NAME(gd_copy_units)(const gd_ins *ins, int64_t batch) {
  const int64_t nd = ins->attr[0];
  if (nd && gd_size(ins->dim[nd - 1], batch) == 0) return 0;
  return gd_ceil_div(outer_size(ins, batch), rows_in_unit(ins, batch));
}

#define MOVE(type)                                                                     \
  static void move_##type(type *y, int64_t ys, const type *x, int64_t xs, int64_t n) { \
    if (ys == 1 && xs == 1) memcpy(y, x, (size_t)n * sizeof(type));                    \
    else                                                                               \
      for (int64_t i = 0; i < n; ++i) y[i * ys] = x[i * xs];                           \
  }
MOVE(real)
MOVE(int32_t)

/* Some rows of y, at most VL, from as many neighbours in the rows of x: turned over a square at a time. */
static void turn_rows(real *y, int64_t y_row, const real *x, int64_t x_row, int64_t rows, int64_t n) {
  for (int64_t c = 0; c < n; c += VL) {
    const int64_t columns = gd_min(VL, n - c);
    vec square[VL];
    if (rows == VL && columns == VL) {
#pragma GCC unroll 16
      for (int j = 0; j < VL; ++j) square[j] = v_load(x + (c + j) * x_row);
    } else {
      for (int j = 0; j < VL; ++j) square[j] = j < columns ? v_load_n(x + (c + j) * x_row, rows) : v_zero();
    }
    v_transpose(square);
    for (int64_t i = 0; i < gd_min(VL, rows); ++i) v_store_n(y + i * y_row + c, square[i], columns);
  }
}

/* Shape and strides. */
int64_t GD_NAME(gd_copy_scratch)(const gd_ins *ins) {
  return gd_ceil_div(3 * gd_max(1, ins->attr[0]) * (int64_t)sizeof(int64_t), 64) * 64;
}

void GD_NAME(gd_copy)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t nd = ins->attr[0], rows = rows_in_unit(ins, run->batch);
  int64_t *shape = (int64_t *)run->scratch, *ys = shape + gd_max(1, nd), *xs = ys + gd_max(1, nd);
  shape[0] = 1, ys[0] = xs[0] = 0; /* of a single element */
  for (int64_t d = 0; d < nd; ++d) {
    shape[d] = gd_size(ins->dim[d], run->batch);
    ys[d] = gd_size(ins->dim[nd + d], run->batch);
    xs[d] = gd_size(ins->dim[2 * nd + d], run->batch);
  }
  const int64_t last = nd > 0 ? nd - 1 : 0, end = gd_min(outer_size(ins, run->batch), hi * rows);
  const int turns = last > 0 && ins->ref[0].type != GD_INT32 && ys[last] == 1 && xs[last] != 1 && xs[last - 1] == 1;
  for (int64_t r = lo * rows, taken; r < end; r += taken) {
    int64_t yo = gd_size(ins->dim[3 * nd], run->batch), xo = gd_size(ins->dim[3 * nd + 1], run->batch);
    for (int64_t d = last - 1, left = r; d >= 0; --d) {
      yo += left % shape[d] * ys[d], xo += left % shape[d] * xs[d];
      left /= shape[d];
    }
    taken = 1;
    if (turns) {
      taken = gd_min(gd_min(VL, end - r), shape[last - 1] - r % shape[last - 1]);
      turn_rows((real *)gd_at(run, ins, 0) + yo, ys[last - 1], (real *)gd_at(run, ins, 1) + xo, xs[last], taken, shape[last]);
    } else if (ins->ref[0].type == GD_INT32)
      move_int32_t((int32_t *)gd_at(run, ins, 0) + yo, ys[last], (int32_t *)gd_at(run, ins, 1) + xo, xs[last], shape[last]);
    else move_real((real *)gd_at(run, ins, 0) + yo, ys[last], (real *)gd_at(run, ins, 1) + xo, xs[last], shape[last]);
  }
}

int64_t GD_NAME(gd_fill_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(gd_size(ins->dim[0], batch), PIECE);
}

void GD_NAME(gd_fill)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  real *y = (real *)gd_at(run, ins, 0);
  const real value = (real)ins->par[0];
  const int64_t end = gd_min(gd_size(ins->dim[0], run->batch), hi * PIECE);
  for (int64_t i = lo * PIECE; i < end; ++i) y[i] = value;
}
