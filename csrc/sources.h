/* sources.h: the element types that a data set may have, and what turns them into a plan's own.
 *
 * batch.c gathers rows; convert.c, compiled for each instruction set and precision, turns their elements
 * into the plan's real or into int32; dispatch.c finds the function for the two types. */
#ifndef GD_SOURCES_H
#define GD_SOURCES_H

#include <stdint.h>

/* NumPy's name, and the C type that holds one element; float16 is read as its bits. */
#define GD_SOURCES(X)                                                                        \
  X(uint8, uint8_t) X(int8, int8_t) X(uint16, uint16_t) X(int16, int16_t) X(uint32, uint32_t) \
  X(int32, int32_t) X(int64, int64_t) X(float16, uint16_t) X(float32, float) X(float64, double)

#define GD_SOURCE_CODE(name, type) GD_SOURCE_##name,
enum { GD_SOURCES(GD_SOURCE_CODE) GD_SOURCE_COUNT };
#undef GD_SOURCE_CODE

/* y[i] = x[i] * scale for n elements; x need not be aligned. */
typedef void (*gd_convert_fn)(void *y, const void *x, int64_t n, double scale);

/* Converters of one instruction set and precision. int32 takes no scale. */
typedef struct { gd_convert_fn to_real[GD_SOURCE_COUNT], to_int[GD_SOURCE_COUNT]; } gd_converters;

#endif
