/* bf16_pairs.c: products over pairs of bfloat16 beside those of float32 code on the same rounded factors.
 *
 * Linked with product.c and bf16_tiles.c for one instruction set, whose pairs are multiplied by instructions where the
 * flags give them, or as VDPBF16PS defines them (GD_BF16_EMULATED). Prints the largest difference of a product,
 * divided by the sum of the products' magnitudes, and how many numbers differ in their bits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gemm.h"
#include "simd/fpstate.h"

static uint64_t state = 1;
static float drawn(void) { /* about even over many magnitudes, and now and then 0 */
  state = state * 6364136223846793005u + 1442695040888963407u;
  const float sign = state >> 63 ? -1.0f : 1.0f, fraction = 1.0f + (float)(state >> 40 & 0x7fffff) / 0x800000;
  const int power = (int)(state >> 33 & 63);
  return power == 63 ? 0.0f * sign : sign * ldexpf(fraction, power / 2 - 16);
}

static void fill(float *x, int64_t n, float scale) { for (int64_t i = 0; i < n; ++i) x[i] = scale * drawn(); }

int main(void) {
  static const int64_t sizes[][3] = {{1, 1, 1}, {1, 40, 7}, {2, 33, 5}, {3, 1, 40}, {40, 3, 9}, {29, 47, 531}, {7, 33, 64},
                                     {14, 32, 16}, {13, 31, 1}, {50, 100, 1030}, {9, 600, 3}, {2, 70, 0}};
  double worst = 0;
  int64_t differ = 0, all = 0;
  gd_flush_subnormals();
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; ++s)
    for (int lie = 0; lie < 8; ++lie) {
      const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
      float *a = malloc((size_t)(m * k + 1) * 4), *b = malloc((size_t)(k * n + 1) * 4), *c[3];
      fill(a, m * k, lie & 1 ? 1.0f : 1e-18f), fill(b, k * n, lie & 1 ? 1.0f : 1e-18f); /* some products are flushed */
      gemm_product p = {.outer = 1, .inner = 1, .m = m, .n = n, .k = k, .c_row = n, .accumulate = lie >> 2,
                        .a = {.at = a, .row = lie & 1 ? k : 1, .col = lie & 1 ? 1 : m},
                        .b = {.at = b, .row = lie & 2 ? n : 1, .col = lie & 2 ? 1 : k}};
      char *scratch = aligned_alloc(64, (size_t)GD_NAME(gd_product_scratch)((gd_dim){n, 0}, (gd_dim){k, 0}, NULL));
      const gd_run run = {.scratch = scratch};
      for (int i = 0; i < 3; ++i) {
        c[i] = malloc((size_t)(m * n) * 4);
        for (int64_t e = 0; e < m * n; ++e) c[i][e] = e % 7 ? 1.0f : -0.0f;
      }
      for (int i = 0; i < 2; ++i) {
        p.c = c[i], p.bfloat16 = i + 1;
        GD_NAME(gd_product)(&p, &run, 0, gemm_units(1, m, n));
      }
      for (int64_t i = 0; i < m * k; ++i) a[i] = fabsf(a[i]);
      for (int64_t i = 0; i < k * n; ++i) b[i] = fabsf(b[i]);
      p.c = c[2], p.bfloat16 = 0;
      GD_NAME(gd_product)(&p, &run, 0, gemm_units(1, m, n));
      for (int64_t i = 0; i < m * n; ++i, ++all) {
        const union { float real; uint32_t bits; } x = {c[0][i]}, y = {c[1][i]};
        const double scale = c[2][i] + 1e-30;
        differ += x.bits != y.bits;
        if (fabs((double)x.real - y.real) / scale > worst) worst = fabs((double)x.real - y.real) / scale;
      }
      for (int i = 0; i < 3; ++i) free(c[i]);
      free(a), free(b), free(scratch);
    }
  printf("%lld of %lld differ, by %.3g\n", (long long)differ, (long long)all, worst);
  return 0;
}
