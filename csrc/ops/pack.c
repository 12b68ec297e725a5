/* pack.c: the panels of a matrix that does not change from product to product, packed once.
 *
 * Called by the executor before a step of prediction, where weights have changed since: gdcore/engine/packing.py has the
 * instructions, gemm.h says how large the panels are.
 *
 *   pack   ref panels, b;  dim K, N, strides of b: row, column
 */
#include "../gemm.h"
#include "../ops.h"

int64_t GD_NAME(gd_pack_units)(const gd_ins *ins, int64_t batch) { return gemm_panels(gd_size(ins->dim[1], batch)); }

void GD_NAME(gd_pack)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const gd_dim *d = ins->dim;
  const gemm_operand b = gemm_strided((const real *)gd_at(run, ins, 1), gd_size(d[2], run->batch), gd_size(d[3], run->batch));
  GD_NAME(gd_product_pack)((real *)gd_at(run, ins, 0), &b, gd_size(d[0], run->batch), gd_size(d[1], run->batch), lo, hi, 0);
}
