/* winograd_turns.h: the matrices of Winograd's algorithm for 4 x 4 results of 3 x 3 taps. Part of winograd.c, which includes it.
 *
 *   B'   1   0    -5/2   0    1  0     G         1     0     0     A'  1   1    1    1    1   0
 *        0  -b    -2     a    1  0         -2/3(1     a    1/2)        0   a   -a    b   -b   0
 *        0   b    -2    -a    1  0         -2/3(1    -a    1/2)        0  1/2  1/2   2    2   0
 *        0  -a    -1/2   b    1  0          1/6(1     b     2 )        0  a/2 -a/2  2b  -2b   1
 *        0   a    -1/2  -b    1  0          1/6(1    -b     2 )
 *        0   1     0   -5/2   0  1               0     0     1      a = sqrt(1/2), b = sqrt(2)
 */
enum { TILE = 4, PATCH = 6, POINTS = PATCH * PATCH };

#define ROOT ((real)1.41421356237309504880)
#define HALF ((real)0.70710678118654752440)

/* A line under B'. */
INLINE void turn_patch(vec d[PATCH]) {
  const vec q = v_set1((real)2.5), root = v_set1(ROOT), half = v_set1(HALF);
  const vec even = v_fnma(v_set1(2), d[2], d[4]), odd = v_fnma(root, d[1], v_mul(half, d[3]));
  const vec even2 = v_fnma(v_set1((real)0.5), d[2], d[4]), odd2 = v_fnma(half, d[1], v_mul(root, d[3]));
  d[0] = v_add(v_fnma(q, d[2], d[0]), d[4]);
  d[5] = v_add(v_fnma(q, d[3], d[1]), d[5]);
  d[1] = v_add(even, odd), d[2] = v_sub(even, odd), d[3] = v_add(even2, odd2), d[4] = v_sub(even2, odd2);
}

/* Under A', G, A, and G'. */
INLINE void turn_back(const vec m[PATCH], vec y[TILE]) {
  const vec s = v_add(m[1], m[2]), r = v_sub(m[1], m[2]), s2 = v_add(m[3], m[4]), r2 = v_sub(m[3], m[4]);
  y[0] = v_add(v_add(m[0], s), s2);
  y[1] = v_fma(v_set1(HALF), r, v_mul(v_set1(ROOT), r2));
  y[2] = v_fma(v_set1((real)0.5), s, v_add(s2, s2));
  y[3] = v_add(v_fma(v_set1(HALF / 2), r, v_mul(v_set1(2 * ROOT), r2)), m[5]);
}

INLINE void turn_taps(const vec w[3], vec u[PATCH]) {
  const vec even = v_fma(v_set1((real)0.5), w[2], w[0]), odd = v_mul(v_set1(HALF), w[1]);
  const vec even2 = v_fma(v_set1(2), w[2], w[0]), odd2 = v_mul(v_set1(ROOT), w[1]);
  const vec third = v_set1((real)(-2.0 / 3)), sixth = v_set1((real)(1.0 / 6));
  u[0] = w[0], u[5] = w[2];
  u[1] = v_mul(third, v_add(even, odd)), u[2] = v_mul(third, v_sub(even, odd));
  u[3] = v_mul(sixth, v_add(even2, odd2)), u[4] = v_mul(sixth, v_sub(even2, odd2));
}

INLINE void turn_results(const vec y[TILE], vec d[PATCH]) {
  const vec even = v_fma(v_set1((real)0.5), y[2], y[0]), odd = v_fma(v_set1(HALF / 2), y[3], v_mul(v_set1(HALF), y[1]));
  const vec even2 = v_fma(v_set1(2), y[2], y[0]), odd2 = v_fma(v_set1(2 * ROOT), y[3], v_mul(v_set1(ROOT), y[1]));
  d[0] = y[0], d[5] = y[3];
  d[1] = v_add(even, odd), d[2] = v_sub(even, odd), d[3] = v_add(even2, odd2), d[4] = v_sub(even2, odd2);
}

INLINE void turn_to_taps(const vec u[PATCH], vec w[3]) {
  const vec s = v_mul(v_set1((real)(-2.0 / 3)), v_add(u[1], u[2])), s2 = v_mul(v_set1((real)(1.0 / 6)), v_add(u[3], u[4]));
  const vec r = v_mul(v_set1((real)(-2.0 / 3)), v_sub(u[1], u[2])), r2 = v_mul(v_set1((real)(1.0 / 6)), v_sub(u[3], u[4]));
  w[0] = v_add(u[0], v_add(s, s2));
  w[1] = v_fma(v_set1(HALF), r, v_mul(v_set1(ROOT), r2));
  w[2] = v_add(v_fma(v_set1((real)0.5), s, v_add(s2, s2)), u[5]);
}
