/* table.c: all kernels of one instruction set and precision, for dispatch.c to choose from. */
#include "ops.h"

extern const gd_op GD_NAME(gd_table)[];

#define GD_ROW(name) {#name, GD_NAME(gd_##name##_units), GD_NAME(gd_##name), NULL, NULL, NULL},
#define GD_ROW_WITH_SCRATCH(name) \
  {#name, GD_NAME(gd_##name##_units), GD_NAME(gd_##name), GD_NAME(gd_##name##_scratch), NULL, NULL},
const gd_op GD_NAME(gd_table)[] = {
    {"map", GD_NAME(gd_map_units), GD_NAME(gd_map), GD_NAME(gd_map_scratch), GD_NAME(gd_map_open), GD_NAME(gd_map_window)},
    GD_WITH_SCRATCH(GD_ROW_WITH_SCRATCH) GD_KERNELS(GD_ROW){NULL, NULL, NULL, NULL, NULL, NULL}};
