/* table.c: all kernels of one instruction set and precision, for dispatch.c to choose from. */
#include "ops.h"

extern const gd_op GD_NAME(gd_table)[];

#define GD_ROW(name) {#name, GD_NAME(gd_##name##_units), GD_NAME(gd_##name)},
const gd_op GD_NAME(gd_table)[] = {GD_OPS(GD_ROW){NULL, NULL, NULL}};
