/* resample.c: each element along one axis as a weighted sum of a few others along it.
 *
 *   y[o, i, c] = sum over k = starts[i] ... starts[i + 1] - 1 of weights[k] x[o, index[k], c]
 *
 * Nearest and linear interpolation, reflected, repeated and wrapped padding are such sums; so are their gradients,
 * with the lists transposed. Called by the executor.
 *
 *   ref   y, x
 *   dim   outer, inner
 *   attr  n (of x along the axis), m (of y), starts[m + 1], index[starts[m]]
 *   par   weights[starts[m]]
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { ROWS = 32 };

/* A unit is some rows of one outer index. */
int64_t GD_NAME(gd_resample_units)(const gd_ins *ins, int64_t batch) {
  return gd_size(ins->dim[0], batch) * gd_ceil_div(ins->attr[1], ROWS);
}

static void sum_rows(real *y, const real *x, const int64_t *index, const double *weights, int64_t terms, int64_t inner) {
  int64_t c = 0;
  for (; c + VL <= inner; c += VL) {
    vec total = v_zero();
    for (int64_t k = 0; k < terms; ++k)
      total = v_add(total, v_mul(v_set1((real)weights[k]), v_load(x + index[k] * inner + c)));
    v_store(y + c, total);
  }
  if (c == inner) return;
  vec total = v_zero();
  for (int64_t k = 0; k < terms; ++k)
    total = v_add(total, v_mul(v_set1((real)weights[k]), v_load_n(x + index[k] * inner + c, inner - c)));
  v_store_n(y + c, total, inner - c);
}

void GD_NAME(gd_resample)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t inner = gd_size(ins->dim[1], run->batch), n = ins->attr[0], m = ins->attr[1];
  const int64_t *starts = ins->attr + 2, *index = starts + m + 1, units = gd_ceil_div(m, ROWS);
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t outer = u / units, from = u % units * ROWS;
    real *y = (real *)gd_at(run, ins, 0) + outer * m * inner;
    const real *x = (const real *)gd_at(run, ins, 1) + outer * n * inner;
    for (int64_t i = from; i < gd_min(m, from + ROWS); ++i) {
      const int64_t at = starts[i], terms = starts[i + 1] - at;
      if (terms == 1 && ins->par[at] == 1.0)
        memcpy(y + i * inner, x + index[at] * inner, (size_t)inner * sizeof(real));
      else sum_rows(y + i * inner, x, index + at, ins->par + at, terms, inner);
    }
  }
}
