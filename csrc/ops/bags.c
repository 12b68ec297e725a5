/* bags.c: weighted sums of rows of a table by number, and the way back.
 *
 *   bag      y[b, :] = sum over i of weights[b, i] table[index[b, i], :]   ref y, table, index, (weights)
 *   bag_add  table[index[b, i], :] += weights[b, i] dy[b, :]               ref table, dy, index, (weights)
 *            dim bags, k (of one bag), rows, width;  attr 1 if there are weights
 *
 * A batch of sparse rows times a matrix is a bag of the matrix's rows. Without weights each is 1. An index that
 * is out of range is skipped: -1 fills the bags that have fewer than k. bag_add starts from zeros, and each unit
 * owns columns of the table: repeated indices add up in their order on any number of threads.
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { CHUNK = 4 * VL, LOOK = 16, AHEAD = 8 };

/* Whether the next LOOK indices are all negative: the empty end of a bag. */
static int nothing(const int32_t *index) {
  int32_t all = -1;
  for (int i = 0; i < LOOK; ++i) all &= index[i];
  return all < 0;
}

int64_t GD_NAME(gd_bag_units)(const gd_ins *ins, int64_t batch) { return gd_size(ins->dim[0], batch); }

/* Columns [c, c + n) of one bag, n <= CHUNK. */
static void bag_columns(real *y, const real *table, const int32_t *index, const real *weights, int64_t k, int64_t rows,
                        int64_t width, int64_t n) {
  vec s0 = v_zero(), s1 = v_zero(), s2 = v_zero(), s3 = v_zero();
  for (int64_t i = 0; i < k; ++i) {
    if (index[i] < 0 && i + LOOK <= k && nothing(index + i)) {
      i += LOOK - 1;
      continue;
    }
    if ((uint32_t)index[i] >= (uint64_t)rows) continue;
    if (i + AHEAD < k && index[i + AHEAD] >= 0 && index[i + AHEAD] < rows) {
      const real *next = table + index[i + AHEAD] * width;
      for (int64_t j = 0; j < n; j += 64 / (int64_t)sizeof(real)) __builtin_prefetch(next + j);
    }
    const real *row = table + index[i] * width;
    const vec w = v_set1(weights ? weights[i] : 1);
    if (n == CHUNK) {
      s0 = v_fma(w, v_load(row), s0), s1 = v_fma(w, v_load(row + VL), s1);
      s2 = v_fma(w, v_load(row + 2 * VL), s2), s3 = v_fma(w, v_load(row + 3 * VL), s3);
      continue;
    }
    s0 = v_fma(w, v_load_n(row, gd_min(VL, n)), s0);
    if (n > VL) s1 = v_fma(w, v_load_n(row + VL, gd_min(VL, n - VL)), s1);
    if (n > 2 * VL) s2 = v_fma(w, v_load_n(row + 2 * VL, gd_min(VL, n - 2 * VL)), s2);
    if (n > 3 * VL) s3 = v_fma(w, v_load_n(row + 3 * VL, n - 3 * VL), s3);
  }
  v_store_n(y, s0, gd_min(VL, n));
  if (n > VL) v_store_n(y + VL, s1, gd_min(VL, n - VL));
  if (n > 2 * VL) v_store_n(y + 2 * VL, s2, gd_min(VL, n - 2 * VL));
  if (n > 3 * VL) v_store_n(y + 3 * VL, s3, n - 3 * VL);
}

/* A table of one column: four sums, so that additions do not wait for one another. */
static real bag_numbers(const real *table, const int32_t *index, const real *weights, int64_t k, int64_t rows) {
  real sums[4] = {0};
  for (int64_t i = 0; i < k; ++i) {
    if (index[i] < 0 && i + LOOK <= k && nothing(index + i)) {
      i += LOOK - 1;
      continue;
    }
    if ((uint32_t)index[i] < (uint64_t)rows) sums[i % 4] += (weights ? weights[i] : 1) * table[index[i]];
  }
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

void GD_NAME(gd_bag)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t k = gd_size(ins->dim[1], run->batch), rows = gd_size(ins->dim[2], run->batch);
  const int64_t width = gd_size(ins->dim[3], run->batch);
  real *y = (real *)gd_at(run, ins, 0);
  const real *table = (const real *)gd_at(run, ins, 1);
  const int32_t *index = (const int32_t *)gd_at(run, ins, 2);
  const real *weights = ins->attr[0] ? (const real *)gd_at(run, ins, 3) : NULL;
  for (int64_t b = lo; b < hi; ++b) {
    const real *w = weights ? weights + b * k : NULL;
    if (width == 1) y[b] = bag_numbers(table, index + b * k, w, k, rows);
    else
      for (int64_t c = 0; c < width; c += CHUNK)
        bag_columns(y + b * width + c, table + c, index + b * k, w, k, rows, width, gd_min(CHUNK, width - c));
  }
}

int64_t GD_NAME(gd_bag_add_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(gd_size(ins->dim[3], batch), CHUNK);
}

void GD_NAME(gd_bag_add)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t bags = gd_size(ins->dim[0], run->batch), k = gd_size(ins->dim[1], run->batch);
  const int64_t rows = gd_size(ins->dim[2], run->batch), width = gd_size(ins->dim[3], run->batch);
  real *table = (real *)gd_at(run, ins, 0);
  const real *dy = (const real *)gd_at(run, ins, 1);
  const int32_t *index = (const int32_t *)gd_at(run, ins, 2);
  const real *weights = ins->attr[0] ? (const real *)gd_at(run, ins, 3) : NULL;
  const int64_t from = lo * CHUNK, to = gd_min(width, hi * CHUNK);
  for (int64_t r = 0; r < rows; ++r) memset(table + r * width + from, 0, (size_t)(to - from) * sizeof(real));
  for (int64_t at = 0; at < bags * k; ++at) {
    if ((uint32_t)index[at] >= (uint64_t)rows) continue;
    real *row = table + index[at] * width;
    const real *d = dy + at / k * width;
    const vec w = v_set1(weights ? weights[at] : 1);
    for (int64_t j = from; j < to; j += VL) {
      const int64_t n = gd_min(VL, to - j);
      v_store_n(row + j, v_fma(w, v_load_n(d + j, n), v_load_n(row + j, n)), n);
    }
  }
}
