/* window.c: the windows of an image, laid out one after another, and the way back.
 *
 *   unfold  x[b, h, w, c] -> y[b, oh, ow, kh * kw, c]: convolution is then a product, pooling a maximum
 *   fold    its transpose: each element of x collects what its windows hold
 *
 *   ref   y, x (fold: x, y)
 *   dim   batch
 *   attr  h, w, c, oh, ow, kh, kw, stride h, stride w, pad top, pad left, dilation h, dilation w
 *   par   the value outside of the image (unfold)
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

typedef struct { int64_t h, w, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw; } window;

static window window_open(const gd_ins *ins) {
  const int64_t *a = ins->attr;
  return (window){a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12]};
}

/* A unit is one row of windows; fold, which would collide there, takes one image. */
int64_t GD_NAME(gd_unfold_units)(const gd_ins *ins, int64_t batch) {
  return gd_size(ins->dim[0], batch) * ins->attr[3];
}

void GD_NAME(gd_unfold)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const window g = window_open(ins);
  const real outside = (real)ins->par[0];
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t image = u / g.oh, oy = u % g.oh;
    real *y = (real *)gd_at(run, ins, 0) + u * g.ow * g.kh * g.kw * g.c;
    const real *x = (const real *)gd_at(run, ins, 1) + image * g.h * g.w * g.c;
    for (int64_t ox = 0; ox < g.ow; ++ox)
      for (int64_t ky = 0; ky < g.kh; ++ky)
        for (int64_t kx = 0; kx < g.kw; ++kx, y += g.c) {
          const int64_t iy = oy * g.sh - g.top + ky * g.dh, ix = ox * g.sw - g.left + kx * g.dw;
          if (iy >= 0 && iy < g.h && ix >= 0 && ix < g.w)
            memcpy(y, x + (iy * g.w + ix) * g.c, (size_t)g.c * sizeof(real));
          else
            for (int64_t c = 0; c < g.c; ++c) y[c] = outside;
        }
  }
}

int64_t GD_NAME(gd_fold_units)(const gd_ins *ins, int64_t batch) { return gd_size(ins->dim[0], batch); }

void GD_NAME(gd_fold)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const window g = window_open(ins);
  for (int64_t image = lo; image < hi; ++image) {
    real *x = (real *)gd_at(run, ins, 0) + image * g.h * g.w * g.c;
    const real *y = (const real *)gd_at(run, ins, 1) + image * g.oh * g.ow * g.kh * g.kw * g.c;
    memset(x, 0, (size_t)(g.h * g.w * g.c) * sizeof(real));
    for (int64_t oy = 0; oy < g.oh; ++oy)
      for (int64_t ox = 0; ox < g.ow; ++ox)
        for (int64_t ky = 0; ky < g.kh; ++ky)
          for (int64_t kx = 0; kx < g.kw; ++kx, y += g.c) {
            const int64_t iy = oy * g.sh - g.top + ky * g.dh, ix = ox * g.sw - g.left + kx * g.dw;
            if (iy < 0 || iy >= g.h || ix < 0 || ix >= g.w) continue;
            real *to = x + (iy * g.w + ix) * g.c;
            for (int64_t c = 0; c < g.c; ++c) to[c] += y[c];
          }
  }
}
