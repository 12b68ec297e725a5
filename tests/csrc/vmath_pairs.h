/* vmath_pairs.h: pow and arctan2, of two numbers each, against libm; a part of vmath_check.c. */

/* ---- pow ---- */

static __attribute__((noinline)) void block_pow(const real *a, const real *b, real *y)
{
	for (int i = 0; i < BLOCK; i += VL) v_store(y + i, v_pow(v_load(a + i), v_load(b + i)));
}

static void check_pow(int full)
{
	static real a[BLOCK], b[BLOCK], y[BLOCK];
	struct worst w = {0, 0, 0};
	real wb = 0;
	const double log_max = (EMAX + 1) * 0.6931471805599453, log_min = -(EMAX + R_MANT) * 0.6931471805599453;
	int blocks = full == 2 ? 10000 : full ? 1000 : 200;
	int pairs = 4 * (SPECIALS + 1) * (SPECIALS + 1);
	int pair_blocks = (pairs + BLOCK - 1) / BLOCK;
	for (int i = 0; i < pair_blocks + blocks; i++) {
		for (int k = 0; k < BLOCK; k++) {
			if (i < pair_blocks) { /* every special with every other, all signs */
				int j = (i * BLOCK + k) % pairs;
				int p = j / 4 % (SPECIALS + 1), q = j / 4 / (SPECIALS + 1);
				a[k] = (real)((p < SPECIALS ? special[p] : NAN) * (j & 1 ? -1 : 1));
				b[k] = (real)((q < SPECIALS ? special[q] : NAN) * (j & 2 ? -1 : 1));
			} else if (k % 4 == 0) { /* a anything, the result anything */
				a[k] = (real)fabs((double)from_bits((rbits)rng()));
				if (!isfinite(a[k]) || a[k] == 0) a[k] = 2;
				b[k] = (real)(uniform(log_min, log_max) / log((double)a[k]));
			} else if (k % 4 == 1) { /* a near 1, b large */
				a[k] = (real)(1 + uniform(-1, 1) * exp(uniform(-14, -1)));
				b[k] = (real)(uniform(log_min, log_max) / log((double)a[k]));
			} else if (k % 4 == 2) {
				a[k] = (real)uniform(0, 10);
				b[k] = (real)uniform(-10, 10);
			} else { /* negative to the integral */
				a[k] = (real)uniform(-10, 0);
				b[k] = (real)floor(uniform(-30, 30));
			}
		}
		block_pow(a, b, y);
		for (int k = 0; k < BLOCK; k++) {
			double u = ulp_error(y[k], W(pow)(a[k], b[k]));
			if (u > w.ulp) {
				w = (struct worst){u, a[k], y[k]};
				wb = b[k];
			}
		}
	}
	printf("  %-8s %6.3f ulp at %.9g, %.9g (bound 4)\n", "pow", w.ulp, (double)w.x, (double)wb);
	CHECK(w.ulp <= 4, "pow(%.17g, %.17g) = %.17g, not %.17Lg", (double)w.x, (double)wb, (double)w.y,
	      (long double)W(pow)(w.x, wb));
}

/* ---- arctan2 ---- */

static __attribute__((noinline)) void block_arctan2(const real *a, const real *b, real *y)
{
	for (int i = 0; i < BLOCK; i += VL) v_store(y + i, v_arctan2(v_load(a + i), v_load(b + i)));
}

static void check_arctan2(int full)
{
	static real a[BLOCK], b[BLOCK], y[BLOCK];
	struct worst w = {0, 0, 0};
	real wb = 0;
	int blocks = full == 2 ? 10000 : full ? 1000 : 200;
	int pairs = 4 * (SPECIALS + 1) * (SPECIALS + 1);
	int pair_blocks = (pairs + BLOCK - 1) / BLOCK;
	for (int i = 0; i < pair_blocks + blocks; i++) {
		for (int k = 0; k < BLOCK; k++) {
			if (i < pair_blocks) { /* every special with every other, all signs */
				int j = (i * BLOCK + k) % pairs;
				int p = j / 4 % (SPECIALS + 1), q = j / 4 / (SPECIALS + 1);
				a[k] = (real)((p < SPECIALS ? special[p] : NAN) * (j & 1 ? -1 : 1));
				b[k] = (real)((q < SPECIALS ? special[q] : NAN) * (j & 2 ? -1 : 1));
			} else if (k % 2) { /* any two numbers */
				a[k] = from_bits((rbits)rng());
				b[k] = from_bits((rbits)rng());
			} else { /* of one size */
				a[k] = (real)uniform(-3, 3);
				b[k] = (real)uniform(-3, 3);
			}
		}
		block_arctan2(a, b, y);
		for (int k = 0; k < BLOCK; k++) {
			double u = ulp_error(y[k], W(atan2)(a[k], b[k]));
			if (u > w.ulp) {
				w = (struct worst){u, a[k], y[k]};
				wb = b[k];
			}
		}
	}
	printf("  %-8s %6.3f ulp at %.9g, %.9g (bound 3)\n", "arctan2", w.ulp, (double)w.x, (double)wb);
	CHECK(w.ulp <= 3, "arctan2(%.17g, %.17g) = %.17g, not %.17Lg", (double)w.x, (double)wb, (double)w.y,
	      (long double)W(atan2)(w.x, wb));
}
