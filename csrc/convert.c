/* convert.c: elements of a data set as the plan computes with them: y[i] = real(x[i]) * scale, or int32(x[i]).
 *
 * Plain loops, which the compiler turns into vectors of the instruction set; batch.c calls them for each
 * row that it gathers, by way of the table at the end. */
#include <string.h>

#include "gd.h"
#include "sources.h"

#if GD_REAL_BITS == 32
typedef float real;
#else
typedef double real;
#endif

/* An IEEE half from its bits. Not by way of a subnormal float, which would be flushed to zero here. */
static inline float half(uint16_t bits) {
  const uint32_t size = bits & 0x7fffu;
  const uint32_t wide = (size << 13) + (size >= 0x7c00u ? 0x70000000u : 0x38000000u);
  float normal;
  memcpy(&normal, &wide, sizeof normal);
  const float tiny = (float)(int32_t)size * 0x1p-24f;
  const float value = size < 0x400u ? tiny : normal;
  return bits & 0x8000u ? -value : value;
}

#define AS_IT_IS(x) (x)
#define READ_uint8 AS_IT_IS
#define READ_int8 AS_IT_IS
#define READ_uint16 AS_IT_IS
#define READ_int16 AS_IT_IS
#define READ_uint32 AS_IT_IS
#define READ_int32 AS_IT_IS
#define READ_int64 AS_IT_IS
#define READ_float16 half
#define READ_float32 AS_IT_IS
#define READ_float64 AS_IT_IS

#define CONVERTERS(name, type)                                                                  \
  typedef type __attribute__((aligned(1), may_alias)) loose_##name;                             \
  static void real_from_##name(void *to, const void *from, int64_t n, double scale) {           \
    real *restrict y = to;                                                                      \
    const loose_##name *restrict x = from;                                                      \
    const real s = (real)scale;                                                                 \
    for (int64_t i = 0; i < n; ++i) y[i] = (real)READ_##name(x[i]) * s;                         \
  }                                                                                             \
  static void int_from_##name(void *to, const void *from, int64_t n, double scale) {            \
    int32_t *restrict y = to;                                                                   \
    const loose_##name *restrict x = from;                                                      \
    (void)scale;                                                                                \
    for (int64_t i = 0; i < n; ++i) y[i] = (int32_t)READ_##name(x[i]);                          \
  }
GD_SOURCES(CONVERTERS)

extern const gd_converters GD_NAME(gd_convert);

#define TO_REAL(name, type) real_from_##name,
#define TO_INT(name, type) int_from_##name,
const gd_converters GD_NAME(gd_convert) = {{GD_SOURCES(TO_REAL)}, {GD_SOURCES(TO_INT)}};
