/* vmath_check.c: csrc/simd/vec.h against scalar loops and libm, for the one
 * instruction set and width it is compiled for.
 *
 *   vmath_check          a sample of inputs, a second or two
 *   vmath_check more     every 61st float / a million doubles a function
 *   vmath_check full     every float there is / 10 million doubles a function
 *   vmath_check bench    elements per nanosecond
 *
 * A function's name as last argument picks that function alone.
 * Prints the largest error of each function in ulp; exits 1 if one is too big.
 */
#define _GNU_SOURCE
#include "simd/vec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int failures;
#define CHECK(ok, ...)                                                          \
	do {                                                                        \
		if (!(ok) && failures++ < 40) {                                         \
			printf("line %d: ", __LINE__);                                      \
			printf(__VA_ARGS__);                                                \
			printf("\n");                                                       \
		}                                                                       \
	} while (0)

#if GD_REAL_BITS == 32
typedef double wide; /* the reference's type */
#define W(f) f
#define R_NAME "float32"
#define R_MIN 0x1p-126
#define EMAX 127
#else
typedef long double wide;
#define W(f) f##l
#define R_NAME "float64"
#define R_MIN 0x1p-1022
#define EMAX 1023
#endif

static real from_bits(rbits b) { real r; memcpy(&r, &b, sizeof r); return r; }
static rbits to_bits(real r) { rbits b; memcpy(&b, &r, sizeof b); return b; }
static int same(real a, real b) { return to_bits(a) == to_bits(b) || (a != a && b != b); }

static uint64_t rng_state = 88172645463325252u;
static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545F4914F6CDD1Du;
}
static double uniform(double a, double b) { return a + (b - a) * (double)(rng() >> 11) * 0x1p-53; }

/* ---- functions and their references ---- */

#define BLOCK 1024
typedef void block_fn(const real *x, real *y);
#define BLOCK_OF(f)                                                             \
	static __attribute__((noinline)) void block_##f(const real *x, real *y)     \
	{                                                                           \
		for (int i = 0; i < BLOCK; i += VL) v_store(y + i, v_##f(v_load(x + i)));\
	}
BLOCK_OF(exp) BLOCK_OF(expm1) BLOCK_OF(log) BLOCK_OF(log1p) BLOCK_OF(tanh)
BLOCK_OF(sigmoid) BLOCK_OF(erf) BLOCK_OF(sin) BLOCK_OF(cos) BLOCK_OF(tan) BLOCK_OF(arcsin)
BLOCK_OF(arccos) BLOCK_OF(arctan) BLOCK_OF(sinh) BLOCK_OF(cosh) BLOCK_OF(arcsinh)
BLOCK_OF(arccosh) BLOCK_OF(arctanh)

static wide ref_exp(wide x) { return W(exp)(x); }
static wide ref_expm1(wide x) { return W(expm1)(x); }
static wide ref_log(wide x) { return W(log)(x); }
static wide ref_log1p(wide x) { return W(log1p)(x); }
static wide ref_tanh(wide x) { return W(tanh)(x); }
static wide ref_erf(wide x) { return W(erf)(x); }
static wide ref_sin(wide x) { return W(sin)(x); }
static wide ref_cos(wide x) { return W(cos)(x); }
static wide ref_tan(wide x) { return W(tan)(x); }
static wide ref_arcsin(wide x) { return W(asin)(x); }
static wide ref_arccos(wide x) { return W(acos)(x); }
static wide ref_arctan(wide x) { return W(atan)(x); }
static wide ref_sinh(wide x) { return W(sinh)(x); }
static wide ref_cosh(wide x) { return W(cosh)(x); }
static wide ref_arcsinh(wide x) { return W(asinh)(x); }
static wide ref_arccosh(wide x) { return W(acosh)(x); }
static wide ref_arctanh(wide x) { return W(atanh)(x); }
static wide ref_sigmoid(wide x)
{
	wide z = W(exp)(-W(fabs)(x));
	return (x < 0 ? z : 1) / (1 + z);
}

static const struct function {
	const char *name;
	block_fn *block;
	wide (*ref)(wide);
	double bound[2]; /* ulp, float and double */
	double lo, hi;   /* where the function lives; half of the random doubles */
	double far;      /* beyond: any value in [-most, most] will do (0: no such place) */
	double most;
} functions[] = {
#define ENTRY(f, b32, b64, lo, hi, far) {#f, block_##f, ref_##f, {b32, b64}, lo, hi, far, 1}
    ENTRY(exp, 2, 2, -750, 715, 0),
    ENTRY(expm1, 2, 3, -50, 50, 0),
    ENTRY(log, 2, 2, 0, 4, 0),
    ENTRY(log1p, 2, 2, -1, 3, 0),
    ENTRY(tanh, 2, 3, -22, 22, 0),
    ENTRY(sigmoid, 2, 3, -50, 50, 0),
    ENTRY(erf, 2, 3, -6.5, 6.5, 0),
    ENTRY(sin, 2, 2, -1e4, 1e4, 1e4),
    ENTRY(cos, 2, 2, -1e4, 1e4, 1e4),
    ENTRY(arcsin, 4, 4, -1, 1, 0),
    ENTRY(arccos, 4, 4, -1, 1, 0),
    ENTRY(arctan, 3, 3, -10, 10, 0),
    ENTRY(sinh, 4, 4, -715, 715, 0),
    ENTRY(cosh, 3, 3, -715, 715, 0),
    ENTRY(arcsinh, 4, 4, -10, 10, 0),
    ENTRY(arccosh, 4, 4, 1, 10, 0),
    ENTRY(arctanh, 4, 4, -1, 1, 0),
    {"tan", block_tan, ref_tan, {4, 4}, -1e4, 1e4, 1e4, INFINITY},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* The step between reals at 0 <= a < inf. */
static wide ulp_at(wide a)
{
	if (a < (wide)R_MIN) a = (wide)R_MIN;
#if GD_REAL_BITS == 32
	uint64_t b; /* this one is called 4e10 times: no libm */
	memcpy(&b, &a, sizeof b);
	b &= (uint64_t)0x7ff << 52;
	memcpy(&a, &b, sizeof b);
	return a * 0x1p-23;
#else
	int e;
	(void)W(frexp)(a, &e);
	return W(ldexp)(1, e - 1 - R_MANT);
#endif
}

/* |y - r| in ulps of a real at r.  inf counts as the power of two after the
 * largest real, so that rounding over the edge costs an ulp and no more. */
static double ulp_error(real y, wide r)
{
	if (y != y || r != r) return y != y && r != r ? 0 : INFINITY;
	if (y == r && y != 0) return 0;
	if (!signbit(y) != !signbit(r)) return INFINITY;
	const wide top = W(ldexp)(1, EMAX + 1);
	wide a = W(fabs)(r), b = W(fabs)((wide)y);
	if (a > top) a = top;
	if (b > top) b = top;
	return (double)(W(fabs)(a - b) / ulp_at(a < top ? a : top / 2));
}

struct worst { double ulp; real x, y; };

static void compare(const struct function *f, const real *x, const real *y, int n, struct worst *w)
{
	for (int i = 0; i < n; i++) {
		if (f->far && !(fabs((double)x[i]) <= f->far) && isfinite(x[i])) {
			CHECK(y[i] >= -f->most && y[i] <= f->most, "%s(%g) = %g", f->name, (double)x[i], (double)y[i]);
			continue;
		}
		double u = ulp_error(y[i], f->ref(x[i]));
		if (u > w->ulp || u != u) *w = (struct worst){u, x[i], y[i]};
	}
}

static const double special[] = {
    0.0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 6, 8, 9, 10, 17, 18, 20, 22, 37, 38, 64, 87, 88, 88.5,
    88.72283, 88.72284, 89, 90, 100, 103, 103.9, 104, 105, 126, 127, 128, 149, 700, 708, 709,
    709.782, 709.783, 710, 745, 745.13, 745.14, 746, 1000, 1023, 1024, 1e4, 1e5, 1e6, 4194304,
    1e9, 1e15, 1e30, 3.4e38, 1e100, 1e300, 0x1.fffffep127, 0x1.fffffffffffffp1023, INFINITY,
    0x1p-149, 0x1.8p-148, 0x1p-130, 0x1.fffffcp-127, 0x1p-126, 0x1p-125, 0x1p-1074, 0x1.8p-1073,
    0x1p-1030, 0x1p-1022, 0x1p-1021, 0x1p-27, 0x1p-26, 0x1p-25, 0x1p-24, 0x1p-56, 0x1p-55,
    0x1p-54, 0x1p-53, 0.34657, 0.34658, 0.6931, 0.6932, 0x1.fffffep-1, 0x1.fffffffffffffp-1,
    0x1.000002p0, 0x1.0000000000001p0, 0.785398, 1.570796, 1.5707963267948966, 3.141592653589793};
enum { SPECIALS = sizeof special / sizeof *special };

/* Block number i of the inputs to f; 0 when there are no more. */
static int next_block(const struct function *f, int full, uint64_t i, real *x)
{
	if (i == 0) {
		for (int k = 0; k < BLOCK; k++) x[k] = (real)special[k / 2 % SPECIALS] * (k % 2 ? -1 : 1);
		x[BLOCK - 1] = (real)NAN;
		x[BLOCK - 2] = -(real)NAN;
		return 1;
	}
	i -= 1;
#if GD_REAL_BITS == 32
	(void)f;
	const uint64_t stride = full == 2 ? 1 : full ? 61 : 1021;
	if (i * BLOCK * stride >= (uint64_t)1 << 32) return 0;
	for (int k = 0; k < BLOCK; k++) x[k] = from_bits((rbits)((i * BLOCK + k) * stride));
#else
	if (i * BLOCK >= (full == 2 ? 10000000 : full ? 1000000 : 200000)) return 0;
	for (int k = 0; k < BLOCK; k++)
		x[k] = k % 2 ? from_bits(rng()) : uniform(f->lo, f->hi) * (k % 4 ? 1 : uniform(0, 1));
#endif
	return 1;
}

static void check_function(const struct function *f, int full)
{
	static real x[BLOCK], y[BLOCK];
	struct worst w = {0, 0, 0};
	for (uint64_t i = 0; next_block(f, full, i, x); i++) {
		f->block(x, y);
		compare(f, x, y, BLOCK, &w);
	}
	double bound = f->bound[GD_REAL_BITS == 64];
	printf("  %-8s %6.3f ulp at %-14.9g (bound %g)\n", f->name, w.ulp, (double)w.x, bound);
	CHECK(w.ulp <= bound, "%s(%.17g = %a) = %.17g, not %.17Lg", f->name, (double)w.x, (double)w.x,
	      (double)w.y, (long double)f->ref(w.x));
	fflush(stdout);
}

/* ---- subnormals off ---- */

static void set_flush(int on)
{
#if defined __x86_64__
	unsigned csr = __builtin_ia32_stmxcsr();
	__builtin_ia32_ldmxcsr(on ? csr | 0x8040 : csr & ~0x8040u);
#elif defined __aarch64__
	uint64_t fpcr;
	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	fpcr = on ? fpcr | 1u << 24 : fpcr & ~((uint64_t)1 << 24);
	__asm__ volatile("msr fpcr, %0" : : "r"(fpcr) : "memory");
#endif
}

/* As ever, except that a subnormal on the way may count as 0, and so may x. */
static void check_flushed(const struct function *f)
{
	static real x[BLOCK], y[BLOCK];
	for (uint64_t i = 0; next_block(f, 0, i, x); i += 7) {
		set_flush(1);
		f->block(x, y);
		set_flush(0);
		for (int k = 0; k < BLOCK; k++) {
			if (f->far && !(fabs((double)x[k]) <= f->far)) continue;
			double bound = f->bound[GD_REAL_BITS == 64];
			wide r = f->ref(x[k]);
			int ok = ulp_error(y[k], r) <= bound || W(fabs)(y[k] - r) <= (wide)R_MIN * 1.0000001;
			if (!ok && fabs((double)x[k]) < R_MIN)
				ok = ulp_error(y[k], f->ref((wide)copysign(0.0, (double)x[k]))) <= bound;
			CHECK(ok, "flushed %s(%.9g) = %.9g, not %.9Lg", f->name, (double)x[k], (double)y[k],
			      (long double)r);
		}
	}
}

#include "vmath_pairs.h"

/* ---- primitives ---- */

static vec lanes(const real *p) { return v_load(p); }

/* n elements right before an unreadable page */
static char *page_end(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE)) abort();
	return p + page;
}

static void check_memory(void)
{
	real *end = (real *)page_end(), *out_end = (real *)page_end();
	int32_t *iend = (int32_t *)page_end();
	real got[VL];
	for (int n = 0; n <= VL; n++) {
		real *in = end - n, *out = out_end - n - 1;
		int32_t *ints = iend - n;
		for (int i = 0; i < n; i++) {
			in[i] = (real)(i * 1.5 + 1);
			ints[i] = i % 2 ? -1000003 * i : 77 * i + 1;
		}
		v_store(got, v_load_n(in, n));
		for (int i = 0; i < VL; i++) CHECK(same(got[i], i < n ? in[i] : 0), "load_n %d lane %d", n, i);
		v_store(got, v_load_i32_n(ints, n));
		for (int i = 0; i < VL; i++)
			CHECK(same(got[i], i < n ? (real)ints[i] : 0), "load_i32_n %d lane %d", n, i);
		if (n == VL) {
			v_store(got, v_load_i32(ints));
			for (int i = 0; i < VL; i++) CHECK(same(got[i], (real)ints[i]), "load_i32 lane %d", i);
		}
		/* guards on both sides, then nothing but the page's end */
		out[-1] = -7, out[n] = -9;
		v_store_n(out, v_add(v_iota(), v_set1(1)), n);
		CHECK(out[-1] == -7 && out[n] == -9, "store_n %d: guard", n);
		for (int i = 0; i < n; i++) CHECK(out[i] == (real)(i + 1), "store_n %d lane %d", n, i);
		v_store_n(out_end - n, v_iota(), n);
		for (int i = 0; i < n; i++) CHECK(out_end[i - n] == (real)i, "store_n %d lane %d at end", n, i);
	}
}

static real s_min(real a, real b) { return a < b ? a : b; }
static real s_max(real a, real b) { return a > b ? a : b; }

static void check_lanes(void)
{
	static const double values[] = {0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999997,
	    -0.3, 0.7, 3.7, -3.7, 8388607.5, -8388607.5, 8388608.5, 16777217, 4503599627370495.5,
	    4503599627370497.0, -4503599627370495.5, 1e30, -1e30, 0x1p-149, -0x1p-1074, INFINITY,
	    -INFINITY, NAN, 7, 1e-20, 123456.789};
	enum { N = sizeof values / sizeof *values };
	real a[VL], b[VL], c[VL], y[VL];
	for (int p = 0; p < N; p++)
		for (int q = 0; q < N; q++) {
			for (int i = 0; i < VL; i++) {
				a[i] = (real)values[(p + i) % N];
				b[i] = (real)values[(q + 3 * i) % N];
				c[i] = (real)values[(p + q + 5 * i) % N];
			}
			vec va = lanes(a), vb = lanes(b), vc = lanes(c);
#define EACH(expr, want)                                                        \
	do {                                                                        \
		v_store(y, expr);                                                       \
		for (int i = 0; i < VL; i++)                                            \
			CHECK(same(y[i], want), #expr ": %.9g %.9g %.9g -> %.9g, not %.9g",  \
			      (double)a[i], (double)b[i], (double)c[i], (double)y[i], (double)(want)); \
	} while (0)
			EACH(v_add(va, vb), a[i] + b[i]);
			EACH(v_sub(va, vb), a[i] - b[i]);
			EACH(v_mul(va, vb), a[i] * b[i]);
			EACH(v_div(va, vb), a[i] / b[i]);
			EACH(v_min(va, vb), s_min(a[i], b[i]));
			EACH(v_max(va, vb), s_max(a[i], b[i]));
			EACH(v_copysign(va, vb), (real)copysign((double)a[i], (double)b[i]));
#if GD_FUSED && GD_REAL_BITS == 32
			EACH(v_fma(va, vb, vc), fmaf(a[i], b[i], c[i]));
			EACH(v_fnma(va, vb, vc), fmaf(-a[i], b[i], c[i]));
#elif GD_FUSED
			EACH(v_fma(va, vb, vc), fma(a[i], b[i], c[i]));
			EACH(v_fnma(va, vb, vc), fma(-a[i], b[i], c[i]));
#else
			EACH(v_fma(va, vb, vc), a[i] * b[i] + c[i]);
			EACH(v_fnma(va, vb, vc), c[i] - a[i] * b[i]);
#endif
			EACH(v_select(v_lt(va, vb), va, vc), a[i] < b[i] ? a[i] : c[i]);
			EACH(v_select(v_le(va, vb), va, vc), a[i] <= b[i] ? a[i] : c[i]);
			EACH(v_select(v_gt(va, vb), va, vc), a[i] > b[i] ? a[i] : c[i]);
			EACH(v_select(v_ge(va, vb), va, vc), a[i] >= b[i] ? a[i] : c[i]);
			EACH(v_select(v_eq(va, vb), va, vc), a[i] == b[i] ? a[i] : c[i]);
			EACH(v_select(v_ne(va, vb), va, vc), a[i] != b[i] ? a[i] : c[i]);
			EACH(v_select(m_and(v_lt(va, vb), v_lt(vb, vc)), va, vc),
			     a[i] < b[i] && b[i] < c[i] ? a[i] : c[i]);
			EACH(v_select(m_or(v_lt(va, vb), v_lt(vb, vc)), va, vc),
			     a[i] < b[i] || b[i] < c[i] ? a[i] : c[i]);
			EACH(v_select(m_not(v_lt(va, vb)), va, vc), a[i] < b[i] ? c[i] : a[i]);
			int any = 0;
			for (int i = 0; i < VL; i++) any |= a[i] < b[i];
			CHECK(!m_any(v_lt(va, vb)) == !any, "m_any");
			if (q) continue;
			EACH(v_neg(va), -a[i]);
			EACH(v_abs(va), (real)fabs((double)a[i]));
			EACH(v_sqrt(va), (real)sqrt((double)a[i]));
			EACH(v_floor(va), (real)floor((double)a[i]));
			EACH(v_round(va), (real)nearbyint((double)a[i]));
			EACH(v_select(v_isfinite(va), va, v_zero()), isfinite(a[i]) ? a[i] : 0);
			EACH(v_set1(a[0]), a[0]);
			EACH(v_iota(), (real)i);
		}
}

static void check_folds(void)
{
	real a[VL], t[3][VL];
	for (int trial = 0; trial < 1000; trial++) {
		for (int i = 0; i < VL; i++) a[i] = (real)uniform(-1, 1);
		for (int k = 0; k < 3; k++) memcpy(t[k], a, sizeof a);
		for (int half = VL / 2; half; half /= 2) /* the order vec.h promises */
			for (int i = 0; i < half; i++) {
				t[0][i] += t[0][i + half];
				t[1][i] = s_max(t[1][i], t[1][i + half]);
				t[2][i] = s_min(t[2][i], t[2][i + half]);
			}
		CHECK(same(v_hsum(lanes(a)), t[0][0]), "v_hsum");
		CHECK(same(v_hmax(lanes(a)), t[1][0]), "v_hmax");
		CHECK(same(v_hmin(lanes(a)), t[2][0]), "v_hmin");
		vec row[VL];
		real sums[VL], got[VL];
		for (int i = 0; i < VL; i++) sums[i] = v_hsum(row[i] = v_mul(lanes(a), v_set1((real)uniform(-1, 1))));
		v_store(got, v_hsums(row));
		for (int i = 0; i < VL; i++) CHECK(same(got[i], sums[i]), "v_hsums, lane %d", i);
	}
}

/* v_ldexp and v_split, which differ most between instruction sets */
static void check_exponents(void)
{
	real x[VL], n[VL], y[VL], e[VL];
	for (int trial = 0; trial < 100000; trial++) {
		for (int i = 0; i < VL; i++) {
			x[i] = from_bits((rbits)rng());
			n[i] = (real)floor(uniform(-2 * R_BIAS + 2, 2 * R_BIAS - 1));
		}
		v_store(y, v_ldexp(lanes(x), lanes(n)));
		for (int i = 0; i < VL; i++)
			if (fabs((double)x[i]) >= 0.5 && fabs((double)x[i]) < 4)
				CHECK(same(y[i], GD_REAL_BITS == 32 ? (real)ldexpf((float)x[i], (int)n[i])
				                                    : (real)ldexp((double)x[i], (int)n[i])),
				      "ldexp(%g, %g) = %g", (double)x[i], (double)n[i], (double)y[i]);
		vec ev;
		v_store(y, v_split(lanes(x), &ev));
		v_store(e, ev);
		for (int i = 0; i < VL; i++)
			if (x[i] > 0 && isfinite(x[i]))
				CHECK(y[i] >= (real)0.75 && y[i] < (real)1.5 && ldexp((double)y[i], (int)e[i]) == x[i],
				      "split(%a) = %a, %g", (double)x[i], (double)y[i], (double)e[i]);
			else
				CHECK(x[i] == INFINITY ? e[i] == INFINITY : x[i] == 0 ? e[i] == -INFINITY : e[i] != e[i],
				      "split(%g): e = %g", (double)x[i], (double)e[i]);
	}
}

/* ---- speed ---- */

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench(const struct function *f)
{
	static real x[BLOCK], y[BLOCK];
	for (int i = 0; i < BLOCK; i++) x[i] = (real)uniform(0.01, 5);
	double best = 1e9;
	for (int rep = 0; rep < 30; rep++) {
		const double begun = seconds();
		for (int i = 0; i < 500; i++) {
			f->block(x, y);
			__asm__ volatile("" ::: "memory");
		}
		best = fmin(best, seconds() - begun);
	}
	printf("  %-8s %6.2f elements/ns\n", f->name, BLOCK * 500 / best * 1e-9);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "", *only = argc > 2 ? argv[2] : NULL;
	int full = !strcmp(mode, "full") ? 2 : !strcmp(mode, "more");
	printf("%s, %d lanes%s\n", R_NAME, VL, full == 2 ? ", full" : full ? ", more" : "");
	if (!only) {
		check_memory();
		check_lanes();
		check_folds();
		check_exponents();
	}
	for (int i = 0; i < FUNCTIONS; i++) {
		const struct function *f = &functions[i];
		if (only && strcmp(only, f->name)) continue;
		if (!strcmp(mode, "bench")) bench(f);
		else check_function(f, full), check_flushed(f);
	}
	if (strcmp(mode, "bench") && (!only || !strcmp(only, "pow"))) check_pow(full);
	if (strcmp(mode, "bench") && (!only || !strcmp(only, "arctan2"))) check_arctan2(full);
	if (failures) printf("%d checks failed\n", failures);
	return failures != 0;
}
