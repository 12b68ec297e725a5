/* augment_draws.h: what is drawn for a sample of a data set, a function of (seed, epoch, sample) alone: how its image is
 * moved, coloured and mixed with another one. augment.c does it. */
#ifndef GD_AUGMENT_DRAWS_H
#define GD_AUGMENT_DRAWS_H

#include <math.h>

#include "exec.h"
#include "rng.h"

/* Streams that no layer has. */
enum { STREAM = 1 << 19, FIRST_FLIP = STREAM + 1, WARP = STREAM + 2, BEND = STREAM + 3, COLOUR = STREAM + 4, MIX = STREAM + 5 };
enum {
  DRAWS = 4,
  POINTS = GD_GRID_MOST + 3, /* of a cubic spline along one side */
  NUMBERS = 256,             /* that a mix may draw */
};
#define TURN 6.283185307179586

typedef struct {
  int64_t dy, dx, hole_y, hole_x;
  int flip;
  double linear[4];                 /* of q, about the centre */
  double bend[2][POINTS][POINTS];   /* control points of what is added to q, in pixels */
  double gain, spread, colour, mean; /* brightness, contrast about the mean grey, saturation */
  uint64_t channels;                /* key of the factors of channels */
} draw;

/* Uniform on 0 ... n - 1. */
static int64_t below(uint32_t bits, int64_t n) { return (int64_t)(((uint64_t)bits * (uint64_t)n) >> 32); }

/* Uniform between 0 and 1, neither of them. */
static double unit(uint32_t bits) { return ((double)bits + 0.5) * 0x1p-32; }

/* Uniform on 1 - range ... 1 + range. */
static double about_one(uint32_t bits, double range) { return 1.0 + range * (2.0 * unit(bits) - 1.0); }

static int warps(const gd_augment *a) { return a->rotation > 0 || a->zoom > 0 || a->elastic > 0; }
static int mixes(const gd_augment *a) { return a->mixup > 0 || a->cutmix > 0; }
static int colours(const gd_augment *a) {
  return a->brightness > 0 || a->contrast > 0 || a->saturation > 0 || a->channel_scale > 0;
}

static void draw_of(draw *d, const gd_augment *a, int64_t sample) {
  const uint64_t key = gd_rng_key(a->seed, STREAM, a->epoch), at = (uint64_t)sample * DRAWS;
  const uint64_t shift = gd_philox(at, key), hole = gd_philox(at + 1, key);
  d->dy = below((uint32_t)shift, 2 * a->shift_y + 1) - a->shift_y;
  d->dx = below((uint32_t)(shift >> 32), 2 * a->shift_x + 1) - a->shift_x;
  d->hole_y = below((uint32_t)hole, a->height), d->hole_x = below((uint32_t)(hole >> 32), a->width);
  d->flip = 0;
  if (a->flip == GD_FLIP_RANDOM) d->flip = gd_philox(at + 2, key) & 1;
  if (a->flip == GD_FLIP_ALTERNATING)
    d->flip = (gd_philox((uint64_t)sample, gd_rng_key(a->seed, FIRST_FLIP, 0)) + a->epoch) & 1;
  d->linear[0] = d->linear[3] = 1, d->linear[1] = d->linear[2] = 0;
  d->gain = d->spread = d->colour = 1, d->mean = 0, d->channels = 0;
  if (warps(a)) {
    const uint64_t bits = gd_philox((uint64_t)sample, gd_rng_key(a->seed, WARP, a->epoch));
    const double turn = a->rotation * (2.0 * unit((uint32_t)bits) - 1.0);
    const double scale = about_one((uint32_t)(bits >> 32), a->zoom);
    d->linear[0] = d->linear[3] = cos(turn) / scale;
    d->linear[1] = -sin(turn) / scale, d->linear[2] = -d->linear[1];
  }
  if (a->elastic > 0) { /* Box and Muller 1958 */
    const uint64_t bend = gd_rng_key(a->seed, BEND, a->epoch), first = (uint64_t)sample * POINTS * POINTS;
    for (int64_t i = 0; i < POINTS * POINTS; ++i) {
      const uint64_t bits = gd_philox(first + (uint64_t)i, bend);
      const double r = a->elastic * sqrt(-2.0 * log(unit((uint32_t)bits))), t = TURN * unit((uint32_t)(bits >> 32));
      d->bend[0][i / POINTS][i % POINTS] = r * cos(t), d->bend[1][i / POINTS][i % POINTS] = r * sin(t);
    }
  }
  if (colours(a)) {
    const uint64_t colour = gd_rng_key(a->seed, COLOUR, a->epoch);
    const uint64_t one = gd_philox(2 * (uint64_t)sample, colour), two = gd_philox(2 * (uint64_t)sample + 1, colour);
    d->gain = about_one((uint32_t)one, a->brightness), d->spread = about_one((uint32_t)(one >> 32), a->contrast);
    d->colour = about_one((uint32_t)two, a->saturation), d->channels = colour ^ two;
  }
}

/* What of another image is mixed in. */
typedef struct {
  int64_t row;                      /* of the data set */
  double share;                     /* of the image itself; 1: nothing is mixed in */
  int64_t top, left, bottom, right; /* the part that the other one takes; all of it: both are blended */
} mix;

typedef struct { uint64_t key, at; } stream;
static double next(stream *n) { return unit((uint32_t)gd_philox(n->at++, n->key)); }

/* A number of the gamma distribution with this shape (Marsaglia and Tsang 2000). */
static double gamma_of(double shape, stream *n) {
  const double small = shape < 1 ? pow(next(n), 1.0 / shape) : 1.0;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (int tries = 0; tries < NUMBERS / 8; ++tries) { /* one in 20 is refused */
    const double normal = sqrt(-2 * log(next(n))) * cos(TURN * next(n)), v = 1 + c * normal, cube = v * v * v;
    if (v > 0 && log(next(n)) < normal * normal / 2 + d - d * cube + d * log(cube)) return d * cube * small;
  }
  return d * small;
}

static mix mix_of(const gd_augment *a, int64_t sample, int64_t rows) {
  stream n = {gd_rng_key(a->seed, MIX, a->epoch), (uint64_t)sample * NUMBERS};
  mix m = {(int64_t)(next(&n) * (double)rows), 1.0, 0, 0, a->height, a->width};
  m.row = gd_min(m.row, rows - 1);
  const int cut = a->mixup <= 0 || (a->cutmix > 0 && next(&n) < 0.5);
  const double alpha = cut ? a->cutmix : a->mixup, one = gamma_of(alpha, &n), two = gamma_of(alpha, &n);
  m.share = one + two > 0 ? one / (one + two) : 1.0;
  if (!cut) return m;
  const double side = sqrt(1 - m.share), high = side * (double)a->height / 2, wide = side * (double)a->width / 2;
  const double y = next(&n) * (double)a->height, x = next(&n) * (double)a->width;
  m.top = (int64_t)fmax(0, y - high + 0.5), m.left = (int64_t)fmax(0, x - wide + 0.5);
  m.bottom = gd_min(a->height, (int64_t)(y + high + 0.5)), m.right = gd_min(a->width, (int64_t)(x + wide + 0.5));
  m.share = 1 - (double)((m.bottom - m.top) * (m.right - m.left)) / (double)(a->height * a->width);
  return m;
}

/* The pixel at position i of a row of n; -1: none. */
static int64_t source_of(int64_t i, int64_t n, int reflect) {
  if (i >= 0 && i < n) return i;
  if (!reflect) return -1;
  if (n == 1) return 0;
  const int64_t period = 2 * n - 2, at = (i % period + period) % period;
  return at < n ? at : period - at;
}

/* The weights of four control points of a cubic spline, and the first of them, at a share of a side. */
static int64_t spline(double share, int64_t grid, double w[4]) {
  const double at = fmin(fmax(share, 0), 1) * (double)grid;
  const int64_t cell = gd_min((int64_t)at, grid - 1);
  const double t = at - (double)cell, s = 1 - t;
  w[0] = s * s * s / 6, w[3] = t * t * t / 6;
  w[1] = 2.0 / 3 - t * t * (2 - t) / 2, w[2] = 2.0 / 3 - s * s * (2 - s) / 2;
  return cell;
}

/* q: where in the data's image a pixel (r, c) of the changed one comes from. */
static void source_at(const gd_augment *a, const draw *d, double r, double c, double *y, double *x) {
  const double middle_y = (double)(a->height - 1) / 2, middle_x = (double)(a->width - 1) / 2;
  if (d->flip) c = (double)(a->width - 1) - c;
  *y = r + (double)d->dy, *x = c + (double)d->dx;
  if (!warps(a)) return;
  const double v = r - middle_y, u = c - middle_x;
  *y = d->linear[0] * v + d->linear[1] * u + middle_y + (double)d->dy;
  *x = d->linear[2] * v + d->linear[3] * u + middle_x + (double)d->dx;
  if (a->elastic <= 0) return;
  double down[4], across[4];
  const int64_t i = spline((r + 0.5) / (double)a->height, a->grid, down);
  const int64_t j = spline((c + 0.5) / (double)a->width, a->grid, across);
  for (int64_t k = 0; k < 4; ++k)
    for (int64_t l = 0; l < 4; ++l) {
      const double w = down[k] * across[l];
      *y += w * d->bend[0][i + k][j + l], *x += w * d->bend[1][i + k][j + l];
    }
}

#endif
