/* check_reductions.h: what reductions and softmax reach. Part of check.c. */
#define MOST_WALKED ((int64_t)1 << 48) /* elements, where strides may be 0 */

/* A reduction that walks strides: dimensions that are kept and folded, and the strides of x, and of the kept ones of y. */
static int64_t reduce_walk(const scan *s) {
  if (!has(s, 2, s->ins->n_dim, 2, 0)) return 0;
  const int64_t nk = s->ins->attr[0], nr = s->ins->attr[1];
  if (nk < 0 || nk > GD_REDUCE_DIMS || nr < 1 || nr > GD_REDUCE_DIMS) return fail(s, -1, "walks more dimensions than its kernel has room for"), 0;
  if (!has(s, 2, 3 * nk + 2 * nr, 2, 0)) return 0;
  if (product(s, 0, nk + nr) > MOST_WALKED) return fail(s, -1, "has a size that cannot be"), 0; /* strides may be 0 */
  holds(s, 1, GD_REAL, walked(s, 0, nk + nr, nk + nr));
  return walked(s, 0, 2 * (nk + nr), nk);
}

static int64_t reduce(const scan *s) {
  if (s->ins->n_attr) {
    if (has(s, 2, s->ins->n_dim, 2, 1)) holds(s, 0, GD_REAL, reduce_walk(s));
    return 0;
  }
  if (!has(s, 2, 3, 0, 1)) return 0;
  holds(s, 0, GD_REAL, times(size(s, 0), size(s, 2)));
  holds(s, 1, GD_REAL, product(s, 0, 3));
  return 0;
}

static int64_t softmax(const scan *s) {
  if (!has(s, 2, 3, 1, 0)) return 0;
  for (int i = 0; i < 2; ++i) holds(s, i, GD_REAL, product(s, 0, 3));
  return 0;
}

static int64_t parts(int64_t n) { return n / GD_SUM_PART + (n % GD_SUM_PART != 0); }

static int64_t sum_partial(const scan *s) {
  if (s->ins->n_attr) {
    reduce_walk(s);
    if (s->fault->what) return 0;
    if (s->ins->attr[0]) fail(s, -1, "keeps dimensions in a sum of all elements");
    holds(s, 0, GD_REAL, parts(product(s, 0, s->ins->attr[1])));
    return 0;
  }
  if (!has(s, 2, 1, 0, 0)) return 0;
  holds(s, 0, GD_REAL, parts(size(s, 0)));
  holds(s, 1, GD_REAL, size(s, 0));
  return 0;
}

static int64_t sum_final(const scan *s) {
  if (!has(s, 2, 1, 0, 1)) return 0;
  holds(s, 0, GD_REAL, 1);
  holds(s, 1, GD_REAL, parts(size(s, 0)));
  return 0;
}
