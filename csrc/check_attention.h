/* check_attention.h: the operands of attention and of its gradient; a part of check.c, which includes it. */

/* Operand `ref` holds the heads of each sample's rows, whose strides begin at number `strides`. */
static void head_rows(const scan *s, int32_t ref, const int64_t sizes[4], int strides) {
  strided(s, ref, 0, sizes, (int64_t[]){size(s, strides), size(s, strides + 1), size(s, strides + 2), 1}, 4);
}

/* A result, whose rows do not lie over one another either. */
static void head_results(const scan *s, int32_t ref, const int64_t sizes[4], int strides) {
  head_rows(s, ref, sizes, strides);
  holds(s, ref, GD_REAL, times(times(sizes[0], sizes[1]), times(sizes[2], sizes[3])));
}

static int64_t attention(const scan *s) {
  enum { SAMPLES, QUERIES, KEYS, HEADS, GROUPS, FEATURES, VALUES, Q, K = Q + 3, V = K + 3, Y = V + 3, BIAS = Y + 3, MASK = BIAS + 3 };
  enum { FORWARD = MASK + 1, DY = FORWARD, DQ = DY + 3, DK = DQ + 3, DV = DK + 3, BACKWARD = DV + 3 };
  const gd_ins *ins = s->ins;
  const int64_t *a = ins->attr;
  const int back = strcmp(ins->op->name, "attention_gradient") == 0, attrs = back ? 7 : 5;
  if (ins->n_attr != attrs) return has(s, 0, 0, attrs, 0), 0;
  int64_t refs = back ? 7 : 4;
  bfloat16(s, a[attrs - 1]);
  for (int i = 0; i < attrs - 1; ++i) {
    if (a[i] != 0 && a[i] != 1) return fail(s, -1, "has a setting that is neither 0 nor 1"), 0;
    refs += i ? a[i] : 0;
  }
  if (a[1] == 0 && back && a[5]) return fail(s, -1, "has the gradient of a bias that there is not"), 0;
  if (!has(s, refs, back ? BACKWARD : FORWARD, attrs, 1)) return 0;
  int64_t n[VALUES + 1];
  for (int i = SAMPLES; i <= VALUES; ++i) {
    n[i] = size(s, i);
    if (n[i] > (i == SAMPLES ? TOO_LARGE - 1 : MOST) || (i && ins->dim[i].per_row)) return fail(s, -1, "has a size that cannot be"), 0;
  }
  if (n[GROUPS] < 1 || n[HEADS] % n[GROUPS]) return fail(s, -1, "has heads that the heads of the keys do not divide"), 0;
  const int64_t queries[] = {n[SAMPLES], n[QUERIES], n[HEADS], n[FEATURES]}, keys[] = {n[SAMPLES], n[KEYS], n[GROUPS], n[FEATURES]};
  const int64_t values[] = {n[SAMPLES], n[KEYS], n[GROUPS], n[VALUES]}, results[] = {n[SAMPLES], n[QUERIES], n[HEADS], n[VALUES]};
  const int64_t biases[] = {n[SAMPLES], n[HEADS], n[QUERIES], n[KEYS]};
  const int64_t rows = times(times(n[SAMPLES], n[HEADS]), n[QUERIES]);
  int32_t ref = 1;
  head_results(s, 0, back ? queries : results, back ? DQ : Y);
  head_rows(s, ref++, queries, Q);
  head_rows(s, ref++, keys, K);
  head_rows(s, ref++, values, V);
  if (a[1]) head_rows(s, ref++, biases, BIAS);
  if (a[2]) strided(s, ref++, 0, (int64_t[]){n[SAMPLES], n[KEYS]}, (int64_t[]){size(s, MASK), 1}, 2);
  if (!back) {
    if (a[3]) holds(s, ref, GD_REAL, rows);
    return 0;
  }
  head_rows(s, ref++, results, Y);
  holds(s, ref++, GD_REAL, rows);
  head_rows(s, ref++, results, DY);
  if (a[3]) head_results(s, ref++, keys, DK);
  if (a[4]) head_results(s, ref++, values, DV);
  if (a[5]) head_rows(s, ref++, biases, BIAS);
  return 0;
}
