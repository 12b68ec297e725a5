/* index.c: rows of a table by number, and the way back.
 *
 *   gather       y[i, :] = table[index[i], :]         ref y, table, index;  dim n, rows, width
 *   scatter_add  table[index[i], :] += dy[i, :]       ref table, dy, index; dim n, rows, width
 *
 * scatter_add starts from zeros, and each thread owns columns of the table: repeated indices add up
 * in the order of i on any number of threads. Indices were checked where data came in; one that is
 * out of range all the same reads zeros and is not added.
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { ROWS = 64, STRIPE = 4 * VL };

int64_t GD_NAME(gd_gather_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(gd_size(ins->dim[0], batch), ROWS);
}

void GD_NAME(gd_gather)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t n = gd_size(ins->dim[0], run->batch), rows = gd_size(ins->dim[1], run->batch);
  const int64_t width = gd_size(ins->dim[2], run->batch);
  real *y = (real *)gd_at(run, ins, 0);
  const real *table = (const real *)gd_at(run, ins, 1);
  const int32_t *index = (const int32_t *)gd_at(run, ins, 2);
  for (int64_t i = lo * ROWS; i < gd_min(n, hi * ROWS); ++i) {
    if (index[i] >= 0 && index[i] < rows) memcpy(y + i * width, table + index[i] * width, (size_t)width * sizeof(real));
    else memset(y + i * width, 0, (size_t)width * sizeof(real));
  }
}

int64_t GD_NAME(gd_scatter_add_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(gd_size(ins->dim[2], batch), STRIPE);
}

void GD_NAME(gd_scatter_add)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t n = gd_size(ins->dim[0], run->batch), rows = gd_size(ins->dim[1], run->batch);
  const int64_t width = gd_size(ins->dim[2], run->batch);
  real *table = (real *)gd_at(run, ins, 0);
  const real *dy = (const real *)gd_at(run, ins, 1);
  const int32_t *index = (const int32_t *)gd_at(run, ins, 2);
  const int64_t from = lo * STRIPE, to = gd_min(width, hi * STRIPE);
  for (int64_t r = 0; r < rows; ++r) memset(table + r * width + from, 0, (size_t)(to - from) * sizeof(real));
  for (int64_t i = 0; i < n; ++i) {
    if (index[i] < 0 || index[i] >= rows) continue;
    real *row = table + index[i] * width;
    for (int64_t j = from; j < to; j += VL) {
      const int64_t k = gd_min(VL, to - j);
      v_store_n(row + j, v_add(v_load_n(row + j, k), v_load_n(dy + i * width + j, k)), k);
    }
  }
}
