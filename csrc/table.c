/* table.c: all kernels of one instruction set and precision, for dispatch.c to choose from. */
#include "ops.h"

extern const gd_op GD_NAME(gd_table)[];

#define GD_ROW(kind) {.name = #kind, .units = GD_NAME(gd_##kind##_units), .kernel = GD_NAME(gd_##kind)},
#define GD_ROW_WITH_SCRATCH(kind) \
  {.name = #kind, .units = GD_NAME(gd_##kind##_units), .kernel = GD_NAME(gd_##kind), .scratch = GD_NAME(gd_##kind##_scratch)},
#define GD_POLLING_ROW(kind)                                                                     \
  {.name = #kind, .units = GD_NAME(gd_##kind##_units), .kernel = GD_NAME(gd_##kind), .scratch = GD_NAME(gd_##kind##_scratch), \
   .polls = GD_NAME(gd_##kind##_polls)},
const gd_op GD_NAME(gd_table)[] = {
    {.name = "map", .units = GD_NAME(gd_map_units), .kernel = GD_NAME(gd_map), .scratch = GD_NAME(gd_map_scratch),
     .open = GD_NAME(gd_map_open), .window = GD_NAME(gd_map_window)},
    {.name = "gemm", .units = GD_NAME(gd_gemm_units), .kernel = GD_NAME(gd_gemm), .scratch = GD_NAME(gd_gemm_scratch),
     .packed = GD_NAME(gd_gemm_packed), .pack = GD_NAME(gd_gemm_pack)},
    GD_POLLING(GD_POLLING_ROW) GD_WITH_SCRATCH(GD_ROW_WITH_SCRATCH) GD_KERNELS(GD_ROW){.name = NULL}};
