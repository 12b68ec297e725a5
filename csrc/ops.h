/* ops.h: the list of instruction kinds. A kernel file defines gd_<name>_units and gd_<name> for its rows;
 * table.c gathers them into one table per instruction set and precision. */
#ifndef GD_OPS_H
#define GD_OPS_H

#include "gd.h"

/* with scratch that poll by themselves, with scratch, and without */
#define GD_POLLING(X) X(conv_dw) X(winograd_dw) X(scan)
#define GD_WITH_SCRATCH(X) \
  X(conv) X(winograd) X(depthwise) X(depthwise_dw) X(attention) X(attention_gradient) X(copy) X(update_rows)
#define GD_OPS(X) X(map) X(gemm) GD_POLLING(X) GD_WITH_SCRATCH(X) GD_KERNELS(X)
#define GD_KERNELS(X) \
  X(sum) X(max) X(logsumexp) X(sum_partial) X(sum_final) \
  X(fill) X(gather) X(scatter_add) X(unfold) X(fold) X(all_finite) X(outer_peak) X(winograd_filters) \
  X(max_pool) X(max_pool_dx) X(max_pool_take) X(avg_pool) X(avg_pool_dx) X(resample) \
  X(softmax) X(pack) X(bag) X(bag_add) X(group_rows) X(sum_rows) X(square_rows) X(log_numbers)

#ifdef GD_PRECISION
#define GD_DECLARE(name)                                       \
  int64_t GD_NAME(gd_##name##_units)(const gd_ins *, int64_t); \
  void GD_NAME(gd_##name)(const gd_ins *, const gd_run *, int64_t, int64_t);
GD_OPS(GD_DECLARE)
#undef GD_DECLARE
#define GD_DECLARE(name) int64_t GD_NAME(gd_##name##_scratch)(const gd_ins *);
GD_DECLARE(map) GD_DECLARE(gemm) GD_POLLING(GD_DECLARE) GD_WITH_SCRATCH(GD_DECLARE)
#undef GD_DECLARE
#define GD_DECLARE(name) int GD_NAME(gd_##name##_polls)(const gd_ins *);
GD_POLLING(GD_DECLARE)
#undef GD_DECLARE
int64_t GD_NAME(gd_gemm_packed)(const gd_ins *, uint64_t);
void GD_NAME(gd_gemm_pack)(const gd_ins *, const gd_run *, char *);
int64_t GD_NAME(gd_map_open)(const gd_ins *, const gd_run *, void *);
void GD_NAME(gd_map_window)(const void *, int64_t, int64_t, int64_t, int64_t, int64_t);
#endif

#endif
