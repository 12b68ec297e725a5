/* batch.c: samples gathered from a data set into a batch, in the type that the plan computes with;
 * and the order in which they come. Called by exec.c and, for the order, by the Cython door. */
#include <string.h>

#include "exec.h"
#include "rng.h"

#define BYTES(name, type) sizeof(type),
static const int64_t source_bytes[] = {GD_SOURCES(BYTES)};

enum {
  LINE = 64,
  PAGE = 4096, /* hardware prefetching does not cross its end */
  SPARSE_BLOCK = 256,
};

int64_t gd_source_bytes(int source) { return source < 0 || source >= GD_SOURCE_COUNT ? 0 : source_bytes[source]; }

static int64_t own_bytes(const gd_feed *f, int bits) { return f->type == GD_INT32 || bits == 32 ? 4 : 8; }

static int same_type(const gd_feed *f, int bits) {
  if (f->type == GD_INT32) return f->source == GD_SOURCE_int32;
  return f->source == (bits == 32 ? GD_SOURCE_float32 : GD_SOURCE_float64) && f->scale == 1.0;
}

int gd_in_place(const gd_feed *f, const int64_t *order, int bits) {
  const int64_t bytes = own_bytes(f, bits);
  return !order && !f->columns && !f->augment.height && same_type(f, bits) && f->pitch == f->row * bytes &&
         (uintptr_t)f->data % (uintptr_t)bytes == 0;
}

static int64_t index_at(const void *indices, int wide, int64_t i) {
  return wide ? ((const int64_t *)indices)[i] : ((const int32_t *)indices)[i];
}

/* One row of a compressed sparse matrix, in full; numbers of the same column add up. Rows and columns were
 * checked before C was entered: the tests here keep a matrix that is changed meanwhile from doing harm. */
static void spread_row(const gd_feed *f, int64_t sample, char *y, int64_t bytes) {
  const int64_t begin = gd_max(0, index_at(f->starts, f->wide, sample));
  const int64_t end = gd_min(f->held, index_at(f->starts, f->wide, sample + 1));
  union { int32_t i32[SPARSE_BLOCK]; float f32[SPARSE_BLOCK]; double f64[SPARSE_BLOCK]; } block;
  memset(y, 0, (size_t)(f->row * bytes));
  for (int64_t at = begin; at < end; at += SPARSE_BLOCK) {
    const int64_t n = gd_min(SPARSE_BLOCK, end - at);
    f->convert(&block, f->data + at * source_bytes[f->source], n, f->scale);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t column = index_at(f->columns, f->wide, at + i);
      if ((uint64_t)column >= (uint64_t)f->row) continue;
      if (f->type == GD_INT32) ((int32_t *)y)[column] += block.i32[i];
      else if (bytes == 4) ((float *)y)[column] += block.f32[i];
      else ((double *)y)[column] += block.f64[i];
    }
  }
}

/* The columns or the numbers of one row of a compressed sparse matrix. Numbers beyond its last are left as they are:
 * columns of -1 say that there are none. */
static void stage_sparse(const gd_feed *f, int64_t sample, char *y) {
  const int64_t begin = gd_max(0, index_at(f->starts, f->wide, sample));
  const int64_t end = gd_min(f->held, index_at(f->starts, f->wide, sample + 1));
  const int64_t n = gd_max(0, gd_min(f->row, end - begin));
  if (f->part == GD_NUMBERS) {
    f->convert(y, f->data + begin * source_bytes[f->source], n, f->scale);
    return;
  }
  int32_t *columns = (int32_t *)y;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t column = index_at(f->columns, f->wide, begin + i);
    columns[i] = column < 0 || column > INT32_MAX ? -1 : (int32_t)column;
  }
  memset(columns + n, 0xff, (size_t)(f->row - n) * sizeof *columns);
}

/* Asks for the first page of a row that will be wanted soon. */
static inline void fetch(const char *x, int64_t bytes) {
  for (int64_t i = 0; i < gd_min(bytes, PAGE); i += LINE) __builtin_prefetch(x + i);
}

void gd_stage(const gd_feed *f, const int64_t *order, int64_t first, int64_t lo, int64_t hi, int bits) {
  const int64_t bytes = own_bytes(f, bits), to_bytes = f->row * bytes;
  const int64_t from_bytes = f->row * source_bytes[f->source];
  /* A row is asked for about a page of rows ahead, and those that open the next batch while this one ends. */
  const int64_t ahead = 1 + PAGE / gd_max(LINE, from_bytes);
  const int plain = same_type(f, bits);
  for (int64_t r = lo; r < hi; ++r) {
    const int64_t at = first + r;
    const int64_t sample = order ? order[at] : at;
    char *y = f->stage + r * to_bytes;
    if (f->columns) {
      if (f->part) stage_sparse(f, sample, y);
      else spread_row(f, sample, y, bytes);
      continue;
    }
    const char *x = f->data + sample * f->pitch;
    if (order && at + ahead < f->rows) fetch(f->data + order[at + ahead] * f->pitch, from_bytes);
    if (f->augment.height) gd_augment_row(f, sample, x, y, bytes);
    else if (plain) memcpy(y, x, (size_t)to_bytes);
    else f->convert(y, x, f->row, f->scale);
  }
}

/* The exponent of a number that is not finite has all bits set. Plain loops without a way out are vectors. */
#define FINITE(name, word, exponent)                                                   \
  static int finite_##name(const word *x, int64_t n) {                                 \
    word bad = 0;                                                                      \
    for (int64_t i = 0; i < n; ++i) bad |= (x[i] & (exponent)) == (exponent);          \
    return !bad;                                                                       \
  }
#define WITHIN(name, type)                                                              \
  static int within_##name(const type *x, int64_t n, int64_t limit) {                   \
    int bad = 0;                                                                        \
    for (int64_t i = 0; i < n; ++i) bad |= x[i] < 0 || x[i] >= limit;                   \
    return !bad;                                                                        \
  }
FINITE(float32, uint32_t, 0x7f800000u)
FINITE(float64, uint64_t, 0x7ff0000000000000u)
WITHIN(int32, int32_t)
WITHIN(int64, int64_t)

int gd_acceptable(const void *x, int source, int64_t n, int64_t limit, int finite) {
  if (source == GD_SOURCE_float32) return !finite || finite_float32(x, n);
  if (source == GD_SOURCE_float64) return !finite || finite_float64(x, n);
  if (!limit) return 1;
  if (source == GD_SOURCE_int32) return within_int32(x, n, limit);
  return source == GD_SOURCE_int64 && within_int64(x, n, limit);
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
