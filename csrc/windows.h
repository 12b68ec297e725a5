/* windows.h: where the windows of images (batch, depth, height, width) lie; what ops/conv.c and ops/depthwise.c share.
 *
 * Attributes, three of each kind, deep, down and across:
 *   sizes of x; windows; pixels from one to the next; first tap of the first; taps; pixels from one tap to the next
 */
#ifndef GD_WINDOWS_H
#define GD_WINDOWS_H

#include "gd.h"

enum { WINDOW_ATTRS = 18 };

typedef struct { int64_t size, windows, step, first, taps, apart; } gd_axis;
typedef struct { gd_axis deep, down, across; } gd_windows;

static inline gd_windows gd_windows_of(const int64_t *a) {
  gd_axis axes[3];
  for (int i = 0; i < 3; ++i) axes[i] = (gd_axis){a[i], a[3 + i], a[6 + i], a[9 + i], a[12 + i], a[15 + i]};
  return (gd_windows){axes[0], axes[1], axes[2]};
}

static inline int64_t gd_taps(const gd_windows *g) { return g->deep.taps * g->down.taps * g->across.taps; }

/* Windows of one image, each of which is a pixel of y. */
static inline int64_t gd_pixels(const gd_windows *g) { return g->deep.windows * g->down.windows * g->across.windows; }

/* Whether one tap meets each place once. */
static inline int gd_axis_flat(gd_axis a) { return a.taps == 1 && a.step == 1 && a.first == 0 && a.windows == a.size; }

/* Taps [lo, hi) of window number i lie within the image. */
static inline void gd_taps_inside(gd_axis a, int64_t i, int64_t *lo, int64_t *hi) {
  const int64_t at = i * a.step + a.first;
  *lo = at < 0 ? gd_min(a.taps, gd_ceil_div(-at, a.apart)) : 0;
  *hi = at >= a.size ? 0 : gd_min(a.taps, (a.size - 1 - at) / a.apart + 1);
  *hi = gd_max(*lo, *hi);
}

/* A pixel of y by its number among those of all images. */
typedef struct { int64_t image, deep, down, across; } gd_pixel;

static inline gd_pixel gd_pixel_of(const gd_windows *g, int64_t i) {
  const int64_t row = i / g->across.windows, plane = row / g->down.windows;
  return (gd_pixel){plane / g->deep.windows, plane % g->deep.windows, row % g->down.windows, i % g->across.windows};
}

/* The next one; whether it is the first of the next image. */
static inline int gd_pixel_next(const gd_windows *g, gd_pixel *p) {
  if (++p->across < g->across.windows) return 0;
  p->across = 0;
  if (++p->down < g->down.windows) return 0;
  p->down = 0;
  if (++p->deep < g->deep.windows) return 0;
  p->deep = 0, ++p->image;
  return 1;
}

/* Where it lies by strides of image, plane, row and pixel; and whether all lie one after another. */
static inline int64_t gd_place(const gd_pixel *p, const int64_t *strides) {
  return p->image * strides[0] + p->deep * strides[1] + p->down * strides[2] + p->across * strides[3];
}
static inline int gd_places_even(const int64_t *strides, const gd_windows *g) {
  return strides[2] == g->across.windows * strides[3] && strides[1] == g->down.windows * strides[2] &&
         strides[0] == g->deep.windows * strides[1];
}

#endif
