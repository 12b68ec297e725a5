/* augment.c: one row of a batch, changed at random as it is gathered from a data set.
 *
 *   y[p] = colours(x[q(p)]), where q shifts, turns, scales and bends the grid of pixels; columns may be mirrored, a
 *   square may be set to zeros, and another image of the set may be mixed in. Beyond the image there are zeros, or it is
 *   reflected at its outermost pixels. Targets go along: masks and boxes by the same q, labels by the same mix.
 *
 * Called by batch.c for each row of a feed that asks for it; augment_draws.h has what is drawn. */
#include <string.h>

#include "augment_draws.h"

typedef union { float f32[GD_CHANNELS_MOST]; double f64[GD_CHANNELS_MOST]; } reals; /* a pixel as the plan computes with it */

static double number(const reals *r, int64_t i, int64_t bytes) { return bytes == 4 ? (double)r->f32[i] : r->f64[i]; }

static void store(char *y, const double *pixel, int64_t c, int64_t bytes) {
  for (int64_t i = 0; i < c; ++i)
    if (bytes == 4) ((float *)y)[i] = (float)pixel[i];
    else ((double *)y)[i] = pixel[i];
}

/* One pixel of the image x, between its pixels where (r, c) lies between them. */
static void pixel_at(const gd_feed *f, const char *x, double r, double c, double *pixel, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const int64_t row = (int64_t)floor(r), column = (int64_t)floor(c), from = gd_source_bytes(f->source);
  const double below_it = r - (double)row, right_of_it = c - (double)column;
  reals found;
  for (int64_t i = 0; i < a->channels; ++i) pixel[i] = 0;
  for (int64_t corner = 0; corner < 4; ++corner) {
    const double w = (corner & 2 ? below_it : 1 - below_it) * (corner & 1 ? right_of_it : 1 - right_of_it);
    const int64_t at_y = source_of(row + (corner >> 1), a->height, a->reflect);
    const int64_t at_x = source_of(column + (corner & 1), a->width, a->reflect);
    if (w == 0 || at_y < 0 || at_x < 0) continue;
    f->convert(&found, x + (at_y * a->width + at_x) * a->channels * from, a->channels, f->scale);
    for (int64_t i = 0; i < a->channels; ++i) pixel[i] += w * number(&found, i, bytes);
  }
}

static double grey(const double *pixel, int64_t c) {
  if (c == 3) return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
  double sum = 0;
  for (int64_t i = 0; i < c; ++i) sum += pixel[i];
  return sum / (double)c;
}

/* The mean grey of an image as it lies in the data: contrast is about it. */
static double mean_grey(const gd_feed *f, const char *x, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const int64_t n = a->height * a->width, each = a->channels * gd_source_bytes(f->source);
  double sum = 0, pixel[GD_CHANNELS_MOST];
  reals found;
  for (int64_t i = 0; i < n; ++i) {
    f->convert(&found, x + i * each, a->channels, f->scale);
    for (int64_t k = 0; k < a->channels; ++k) pixel[k] = number(&found, k, bytes);
    sum += grey(pixel, a->channels);
  }
  return sum / (double)n;
}

static void coloured(const gd_augment *a, const draw *d, double *pixel) {
  const double mean = d->mean * d->gain;
  for (int64_t i = 0; i < a->channels; ++i) pixel[i] = mean + d->spread * (pixel[i] * d->gain - mean);
  const double g = a->channels > 1 ? grey(pixel, a->channels) : pixel[0];
  for (int64_t i = 0; i < a->channels; ++i) {
    pixel[i] = g + d->colour * (pixel[i] - g);
    if (a->channel_scale > 0) pixel[i] *= about_one((uint32_t)gd_philox((uint64_t)i, d->channels), a->channel_scale);
    if (a->most > 0) pixel[i] = fmin(fmax(pixel[i], 0), a->most);
  }
}

/* One pixel of the changed image. */
static void changed_at(const gd_feed *f, const draw *d, const char *x, int64_t r, int64_t c, double *pixel, int64_t bytes) {
  double y, at;
  source_at(&f->augment, d, (double)r, (double)c, &y, &at);
  pixel_at(f, x, y, at, pixel, bytes);
  if (colours(&f->augment)) coloured(&f->augment, d, pixel);
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

/* A line of an image that is shifted and mirrored alone: runs of pixels. */
static void shifted_line(const gd_feed *f, const draw *d, const char *x, int64_t r, char *y, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const int64_t c = a->channels, w = a->width, from_bytes = gd_source_bytes(f->source);
  const int64_t lo = gd_min(w, gd_max(0, -d->dx)), hi = gd_max(lo, gd_min(w, w - d->dx)); /* columns within the image */
  const int64_t row = source_of(r + d->dy, a->height, a->reflect);
  if (row < 0) {
    memset(y, 0, (size_t)(w * c * bytes));
    return;
  }
  const char *from = x + row * w * c * from_bytes;
  if (hi > lo) f->convert(y + lo * c * bytes, from + (lo + d->dx) * c * from_bytes, (hi - lo) * c, f->scale);
  for (int64_t i = lo == 0 ? hi : 0; i < w; i = i + 1 == lo ? hi : i + 1) { /* the others, one by one */
    const int64_t column = source_of(i + d->dx, w, a->reflect);
    if (column < 0) memset(y + i * c * bytes, 0, (size_t)(c * bytes));
    else f->convert(y + i * c * bytes, from + column * c * from_bytes, c, f->scale);
  }
  if (!d->flip) return;
  if (bytes == 4) mirror_4((uint32_t *)y, w, c);
  else mirror_8((uint64_t *)y, w, c);
}

/* A line whose pixels are those that lie nearest: of whole numbers, and of masks. */
static void nearest_line(const gd_feed *f, const draw *d, const char *x, int64_t r, char *y, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const int64_t c = a->channels, from_bytes = gd_source_bytes(f->source);
  for (int64_t i = 0; i < a->width; ++i, y += c * bytes) {
    double down, across;
    source_at(a, d, (double)r, (double)i, &down, &across);
    const int64_t row = source_of((int64_t)floor(down + 0.5), a->height, a->reflect);
    const int64_t column = source_of((int64_t)floor(across + 0.5), a->width, a->reflect);
    if (row < 0 || column < 0) memset(y, 0, (size_t)(c * bytes));
    else f->convert(y, x + (row * a->width + column) * c * from_bytes, c, f->scale);
  }
}

static void coloured_line(const gd_augment *a, const draw *d, char *y, int64_t bytes) {
  double pixel[GD_CHANNELS_MOST];
  for (int64_t i = 0; i < a->width; ++i, y += a->channels * bytes) {
    for (int64_t k = 0; k < a->channels; ++k) pixel[k] = bytes == 4 ? (double)((float *)y)[k] : ((double *)y)[k];
    coloured(a, d, pixel);
    store(y, pixel, a->channels, bytes);
  }
}

static void hole_in_line(const gd_augment *a, const draw *d, int64_t r, char *y, int64_t bytes) {
  const int64_t top = d->hole_y - a->hole / 2, left = gd_max(0, d->hole_x - a->hole / 2);
  const int64_t right = gd_min(a->width, d->hole_x - a->hole / 2 + a->hole), each = a->channels * bytes;
  if (a->hole && r >= top && r < top + a->hole && right > left)
    memset(y + left * each, 0, (size_t)((right - left) * each));
}

static int64_t number_of(const gd_augment *a, int64_t row) { return a->samples ? a->samples[row] : row; }

static void image(const gd_feed *f, int64_t row, const char *x, char *y, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const int real = f->type != GD_INT32, mask = a->role == GD_MASK, colour = real && !mask && colours(a);
  draw own, other;
  draw_of(&own, a, number_of(a, row));
  if (colour && a->contrast > 0) own.mean = mean_grey(f, x, bytes);
  mix m = {row, 1.0, 0, 0, 0, 0};
  const char *second = x;
  if (real && !mask && mixes(a)) {
    m = mix_of(a, number_of(a, row), f->rows);
    second = f->data + m.row * f->pitch;
    draw_of(&other, a, number_of(a, m.row));
    if (colour && a->contrast > 0) other.mean = mean_grey(f, second, bytes);
  }
  const int blended = m.bottom - m.top == a->height && m.right - m.left == a->width;
  for (int64_t r = 0; r < a->height; ++r, y += a->width * a->channels * bytes) {
    if (!real || mask) {
      if (warps(a)) nearest_line(f, &own, x, r, y, bytes);
      else shifted_line(f, &own, x, r, y, bytes);
      if (!mask) hole_in_line(a, &own, r, y, bytes);
      continue;
    }
    if (warps(a)) {
      double pixel[GD_CHANNELS_MOST];
      for (int64_t c = 0; c < a->width; ++c) {
        changed_at(f, &own, x, r, c, pixel, bytes);
        store(y + c * a->channels * bytes, pixel, a->channels, bytes);
      }
    } else {
      shifted_line(f, &own, x, r, y, bytes);
      if (colour) coloured_line(a, &own, y, bytes);
    }
    hole_in_line(a, &own, r, y, bytes);
    if (m.share == 1.0 || r < m.top || r >= m.bottom) continue;
    double pixel[GD_CHANNELS_MOST];
    for (int64_t c = m.left; c < m.right; ++c) {
      char *to = y + c * a->channels * bytes;
      changed_at(f, &other, second, r, c, pixel, bytes);
      for (int64_t k = 0; blended && k < a->channels; ++k) {
        const double mine = bytes == 4 ? (double)((float *)to)[k] : ((double *)to)[k];
        pixel[k] = m.share * mine + (1 - m.share) * pixel[k];
      }
      store(to, pixel, a->channels, bytes);
    }
  }
}

/* Targets that are probabilities, in the shares in which the images are mixed. */
static void labels(const gd_feed *f, int64_t row, const char *x, char *y, int64_t bytes) {
  const gd_augment *a = &f->augment;
  const mix m = mix_of(a, number_of(a, row), f->rows);
  const int64_t from = gd_source_bytes(f->source);
  const char *second = f->data + m.row * f->pitch;
  reals one, two;
  double mixed[GD_CHANNELS_MOST];
  for (int64_t at = 0; at < f->row; at += GD_CHANNELS_MOST) {
    const int64_t n = gd_min(GD_CHANNELS_MOST, f->row - at);
    f->convert(&one, x + at * from, n, f->scale);
    f->convert(&two, second + at * from, n, f->scale);
    for (int64_t i = 0; i < n; ++i) mixed[i] = m.share * number(&one, i, bytes) + (1 - m.share) * number(&two, i, bytes);
    store(y + at * bytes, mixed, n, bytes);
  }
}

/* Where a point of the data's image comes to lie: q of it is the point. A bend is smooth, so that a few steps find it. */
static void target_of(const gd_augment *a, const draw *d, double r, double c, double *to_r, double *to_c) {
  const double *l = d->linear, over = 1 / (l[0] * l[3] - l[1] * l[2]);
  const double inverse[4] = {l[3] * over, -l[1] * over, -l[2] * over, l[0] * over};
  double y = r, x = c;
  const double way = d->flip ? -1 : 1;
  for (int i = 0; i < 12; ++i) {
    double at_y, at_x;
    source_at(a, d, y, x, &at_y, &at_x);
    y += inverse[0] * (r - at_y) + inverse[1] * (c - at_x);
    x += way * (inverse[2] * (r - at_y) + inverse[3] * (c - at_x));
  }
  *to_r = y, *to_c = x;
}

/* Boxes (top, left, bottom, right), in pixels from the upper left corner: each becomes the smallest one about where its
 * edges come to lie, within the image; all zeros where nothing of it is left. */
static void boxes(const gd_feed *f, int64_t row, const char *x, char *y, int64_t bytes) {
  enum { ALONG = 4 };
  const gd_augment *a = &f->augment;
  draw d;
  draw_of(&d, a, number_of(a, row));
  for (int64_t at = 0; at + 4 <= f->row; at += 4) {
    reals box;
    f->convert(&box, x + at * gd_source_bytes(f->source), 4, f->scale);
    const double top = number(&box, 0, bytes), left = number(&box, 1, bytes);
    const double high = number(&box, 2, bytes) - top, wide = number(&box, 3, bytes) - left;
    double moved[4] = {HUGE_VAL, HUGE_VAL, -HUGE_VAL, -HUGE_VAL};
    for (int i = 0; i <= ALONG; ++i)
      for (int j = 0; j <= ALONG; ++j) {
        if (i % ALONG && j % ALONG) continue; /* an inner point */
        double r, c;
        target_of(a, &d, top + high * i / ALONG - 0.5, left + wide * j / ALONG - 0.5, &r, &c);
        moved[0] = fmin(moved[0], r + 0.5), moved[1] = fmin(moved[1], c + 0.5);
        moved[2] = fmax(moved[2], r + 0.5), moved[3] = fmax(moved[3], c + 0.5);
      }
    for (int i = 0; i < 4; ++i) moved[i] = fmin(fmax(moved[i], 0), (double)(i % 2 ? a->width : a->height));
    if (!(high > 0 && wide > 0 && moved[2] > moved[0] && moved[3] > moved[1])) memset(moved, 0, sizeof moved);
    store(y + at * bytes, moved, 4, bytes);
  }
}

void gd_augment_row(const gd_feed *f, int64_t row, const char *x, char *y, int64_t bytes) {
  switch (f->augment.role) {
    case GD_LABELS: labels(f, row, x, y, bytes); break;
    case GD_BOXES: boxes(f, row, x, y, bytes); break;
    default: image(f, row, x, y, bytes);
  }
}
