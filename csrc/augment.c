/* augment.c: one image of a batch, shifted, mirrored and with a hole in it, as it is gathered from a data set.
 *
 *   y[r, c, :] = x[r + dy, c + dx, :], of which columns may be mirrored; beyond the image there are zeros, or it is
 *   reflected at its outermost pixels
 *
 * What is drawn is a function of (seed, epoch, sample) alone. Called by batch.c for each row of a feed that asks for it. */
#include <string.h>

#include "exec.h"
#include "rng.h"

enum { STREAM = 1 << 19, FIRST_FLIP = STREAM + 1, DRAWS = 4 }; /* streams that no layer has */

typedef struct { int64_t dy, dx, hole_y, hole_x; int flip; } draw;

/* Uniform on 0 ... n - 1. */
static int64_t below(uint32_t bits, int64_t n) { return (int64_t)(((uint64_t)bits * (uint64_t)n) >> 32); }

static draw draw_of(const gd_augment *a, int64_t sample) {
  const uint64_t key = gd_rng_key(a->seed, STREAM, a->epoch), at = (uint64_t)sample * DRAWS;
  const uint64_t shift = gd_philox(at, key), hole = gd_philox(at + 1, key);
  draw d = {below((uint32_t)shift, 2 * a->shift_y + 1) - a->shift_y,
            below((uint32_t)(shift >> 32), 2 * a->shift_x + 1) - a->shift_x,
            below((uint32_t)hole, a->height), below((uint32_t)(hole >> 32), a->width), 0};
  if (a->flip == GD_FLIP_RANDOM) d.flip = gd_philox(at + 2, key) & 1;
  if (a->flip == GD_FLIP_ALTERNATING)
    d.flip = (gd_philox((uint64_t)sample, gd_rng_key(a->seed, FIRST_FLIP, 0)) + a->epoch) & 1;
  return d;
}

/* The pixel at position i of a row of n; -1: none. */
static int64_t source_of(int64_t i, int64_t n, int reflect) {
  if (i >= 0 && i < n) return i;
  if (!reflect) return -1;
  if (n == 1) return 0;
  const int64_t period = 2 * n - 2, at = (i % period + period) % period;
  return at < n ? at : period - at;
}

#define MIRROR(name, type)                                            \
  static void mirror_##name(type *y, int64_t width, int64_t c) {      \
    for (type *a = y, *b = y + (width - 1) * c; a < b; a += c, b -= c) \
      for (int64_t i = 0; i < c; ++i) {                               \
        const type swap = a[i];                                       \
        a[i] = b[i], b[i] = swap;                                     \
      }                                                               \
  }
MIRROR(4, uint32_t)
MIRROR(8, uint64_t)

void gd_augment_row(const gd_feed *f, int64_t sample, const char *x, char *y, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const int64_t c = a->channels, w = a->width, from_bytes = gd_source_bytes(f->source);
  const draw d = draw_of(a, sample);
  const int64_t lo = gd_min(w, gd_max(0, -d.dx)), hi = gd_max(lo, gd_min(w, w - d.dx)); /* columns within the image */
  const int64_t top = d.hole_y - a->hole / 2, left = gd_max(0, d.hole_x - a->hole / 2);
  const int64_t right = gd_min(w, d.hole_x - a->hole / 2 + a->hole);
  for (int64_t r = 0; r < a->height; ++r, y += w * c * bytes) {
    const int64_t row = source_of(r + d.dy, a->height, a->reflect);
    if (row < 0) {
      memset(y, 0, (size_t)(w * c * bytes));
      continue;
    }
    const char *from = x + row * w * c * from_bytes;
    if (hi > lo) f->convert(y + lo * c * bytes, from + (lo + d.dx) * c * from_bytes, (hi - lo) * c, f->scale);
    for (int64_t i = lo == 0 ? hi : 0; i < w; i = i + 1 == lo ? hi : i + 1) { /* the others, one by one */
      const int64_t column = source_of(i + d.dx, w, a->reflect);
      if (column < 0) memset(y + i * c * bytes, 0, (size_t)(c * bytes));
      else f->convert(y + i * c * bytes, from + column * c * from_bytes, c, f->scale);
    }
    if (d.flip) {
      if (bytes == 4) mirror_4((uint32_t *)y, w, c);
      else mirror_8((uint64_t *)y, w, c);
    }
    if (a->hole && r >= top && r < top + a->hole && right > left)
      memset(y + left * c * bytes, 0, (size_t)((right - left) * c * bytes));
  }
}
