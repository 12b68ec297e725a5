/* gemm.c: C[M,N] = A[M,K] B[K,N], or C + A B, for a batch of matrices, with any strides of A and B.
 *
 * All three products of a dense layer come here: x W (both row-major), x' dy (A walks columns),
 * dy W' (B walks columns). gemm.h says how, and in which order sums are taken. Called by the executor.
 *
 *   ref   c, a, b [, column sums of b, or its panels as `pack` writes them]
 *   dim   batch: outer, inner; M, N, K; strides of c: outer, inner, row; of a: outer, inner, row, column;
 *         of b: outer, inner, row, column
 *   attr  1 if the sums over K of b's columns are wanted too (a bias' gradient; batch = 1 then), 2 if its panels are given
 *         (batch = 1 then, too; factors are not rounded);
 *         1 if the rows may be summed otherwise when there are one or two in all (in a gradient);
 *         1 to add to what C holds;
 *         factors rounded to bfloat16: 1 multiplied as float32, 2 by the processor's instructions; or 0
 */
#include "../gemm.h"
#include "../ops.h"

/* x' dy: of a weight's gradient each thread computes rows, which the optimizer's update deals to it again. */
static int of_weight(const gd_ins *ins) {
  return ins->dim[10].fixed == 1 && ins->dim[10].per_row == 0 && ins->dim[11].fixed != 1;
}

int64_t GD_NAME(gd_gemm_units)(const gd_ins *ins, int64_t batch) {
  const gd_dim *d = ins->dim;
  return gemm_units_dealt(gd_size(d[0], batch) * gd_size(d[1], batch), gd_size(d[2], batch), gd_size(d[3], batch), of_weight(ins));
}

int64_t GD_NAME(gd_gemm_scratch)(const gd_ins *ins) {
  return GD_NAME(gd_product_scratch)(ins->dim[3], ins->dim[4], ins->then);
}

/* B, if it is one matrix of a size that is known. */
int64_t GD_NAME(gd_gemm_packed)(const gd_ins *ins, uint64_t steady) {
  const gd_dim *d = ins->dim;
  if (!(steady >> ins->ref[2].buffer & 1) || d[0].per_row || d[1].per_row || d[0].fixed * d[1].fixed != 1) return 0;
  return d[3].per_row || d[4].per_row ? 0 : gemm_packed_bytes(d[4].fixed, d[3].fixed);
}

void GD_NAME(gd_gemm_pack)(const gd_ins *ins, const gd_run *run, char *to) {
  const gd_dim *d = ins->dim;
  const gemm_operand b = gemm_strided((const real *)gd_at(run, ins, 2), gd_size(d[14], run->batch), gd_size(d[15], run->batch));
  GD_NAME(gd_product_pack)((real *)to, &b, d[4].fixed, d[3].fixed, 0, gemm_panels(d[3].fixed), (int)ins->attr[3]);
}

void GD_NAME(gd_gemm)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const gd_dim *d = ins->dim;
  const int64_t batch = run->batch, *attr = ins->attr;
  gemm_product p = gemm_of(
      gd_size(d[2], batch), gd_size(d[3], batch), gd_size(d[4], batch), (real *)gd_at(run, ins, 0), gd_size(d[7], batch),
      gemm_strided((const real *)gd_at(run, ins, 1), gd_size(d[10], batch), gd_size(d[11], batch)),
      gemm_strided((const real *)gd_at(run, ins, 2), gd_size(d[14], batch), gd_size(d[15], batch)));
  p.loose = (int)attr[1], p.accumulate = (int)attr[2], p.bfloat16 = (int)attr[3], p.then = ins->then;
  p.packed = (const real *)run->packed, p.deal_rows = of_weight(ins);
  if (attr[0] == 2) p.packed = (const real *)gd_at(run, ins, 3);
  else if (attr[0]) p.sums = (real *)gd_at(run, ins, 3);
  const int64_t outer = gd_size(d[0], batch), inner = gd_size(d[1], batch);
  if (outer * inner > 1) {
    p.outer = outer, p.inner = inner;
    p.c_outer = gd_size(d[5], batch), p.c_inner = gd_size(d[6], batch);
    p.a.outer = gd_size(d[8], batch), p.a.inner = gd_size(d[9], batch);
    p.b.outer = gd_size(d[12], batch), p.b.inner = gd_size(d[13], batch);
  }
  GD_NAME(gd_product)(&p, run, lo, hi);
}
