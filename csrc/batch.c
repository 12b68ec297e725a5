/* batch.c: samples gathered from a data set into a batch, in the type that the plan computes with;
 * and the order in which they come. Called by exec.c and, for the order, by the Cython door. */
#include <string.h>

#include "exec.h"
#include "rng.h"

static const int64_t source_bytes[] = {[GD_U8] = 1, [GD_I32] = 4, [GD_I64] = 8, [GD_F32] = 4, [GD_F64] = 8};

static int same_type(const gd_feed *f, int bits) {
  if (f->type == GD_INT32) return f->source == GD_I32;
  return f->source == (bits == 32 ? GD_F32 : GD_F64) && f->scale == 1.0;
}

int gd_in_place(const gd_feed *feed, const int64_t *order, int bits) {
  const int64_t bytes = feed->type == GD_INT32 || bits == 32 ? 4 : 8;
  return !order && same_type(feed, bits) && (uintptr_t)feed->data % (uintptr_t)bytes == 0;
}

#define CONVERT(to_type, from_type, EXPR)                  \
  {                                                        \
    to_type *to = (to_type *)y;                            \
    const from_type *from = (const from_type *)x;          \
    for (int64_t i = 0; i < n; ++i) to[i] = (to_type)EXPR; \
  }                                                        \
  break

static void convert_f32(char *y, const char *x, int64_t n, int source, float s) {
  switch (source) {
    case GD_U8: CONVERT(float, uint8_t, ((float)from[i] * s));
    case GD_I32: CONVERT(float, int32_t, ((float)from[i] * s));
    case GD_I64: CONVERT(float, int64_t, ((float)from[i] * s));
    case GD_F32: CONVERT(float, float, (from[i] * s));
    case GD_F64: CONVERT(float, double, ((float)from[i] * s));
  }
}

static void convert_f64(char *y, const char *x, int64_t n, int source, double s) {
  switch (source) {
    case GD_U8: CONVERT(double, uint8_t, (from[i] * s));
    case GD_I32: CONVERT(double, int32_t, (from[i] * s));
    case GD_I64: CONVERT(double, int64_t, ((double)from[i] * s));
    case GD_F32: CONVERT(double, float, (from[i] * s));
    case GD_F64: CONVERT(double, double, (from[i] * s));
  }
}

static void convert_i32(char *y, const char *x, int64_t n, int source) {
  switch (source) {
    case GD_U8: CONVERT(int32_t, uint8_t, from[i]);
    case GD_I32: CONVERT(int32_t, int32_t, from[i]);
    case GD_I64: CONVERT(int32_t, int64_t, from[i]);
    case GD_F32: CONVERT(int32_t, float, from[i]);
    case GD_F64: CONVERT(int32_t, double, from[i]);
  }
}

void gd_stage(const gd_feed *f, const int64_t *order, int64_t first, int64_t lo, int64_t hi, int bits) {
  const int64_t to_bytes = f->row * (f->type == GD_INT32 || bits == 32 ? 4 : 8);
  const int64_t from_bytes = f->row * source_bytes[f->source];
  const int plain = same_type(f, bits);
  for (int64_t r = lo; r < hi; ++r) {
    const int64_t sample = order ? order[first + r] : first + r;
    const char *x = f->data + sample * from_bytes;
    char *y = f->stage + r * to_bytes;
    if (plain) memcpy(y, x, (size_t)to_bytes);
    else if (f->type == GD_INT32) convert_i32(y, x, f->row, f->source);
    else if (bits == 32) convert_f32(y, x, f->row, f->source, (float)f->scale);
    else convert_f64(y, x, f->row, f->source, f->scale);
  }
}

void gd_permutation(int64_t *order, int64_t n, uint64_t seed, uint64_t stream) { /* Fisher and Yates */
  const uint64_t key = gd_rng_key(seed, stream, 0);
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  for (int64_t i = n - 1; i > 0; --i) {
    /* the high half of a 64 x 64 bit product: uniform on 0 ... i but for a bias of n / 2^64 */
    const int64_t j = (int64_t)(((__uint128_t)gd_philox((uint64_t)i, key) * (uint64_t)(i + 1)) >> 64);
    const int64_t swap = order[i];
    order[i] = order[j], order[j] = swap;
  }
}
