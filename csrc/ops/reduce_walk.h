/* reduce_walk.h: sums, maxima and log-sum-exp of a value that is read where it lies, by strides. Part of reduce.c,
 * which includes it behind its folds of dense rows.
 *
 * Kept dimensions, of which the last is walked side by side, and folded ones. Where the elements of the last kept
 * dimension are neighbours in memory, vectors of them are folded at once; elsewhere a result is folded from pieces:
 * runs of the innermost folded dimension, gathered where its elements lie apart. The order of a fold does not depend
 * on how work is dealt out.
 */
enum { PIECE = 256, DIMS = GD_REDUCE_DIMS };

typedef struct {
  int64_t nk, nr;
  int64_t kept[DIMS], red[DIMS], x_kept[DIMS], x_red[DIMS], y_kept[DIMS];
  int64_t outputs, terms; /* how many results, and how many elements each is folded from */
} reduce_walk;

static void walk_sizes(int64_t *to, const gd_dim *d, int64_t n, int64_t batch) {
  for (int64_t i = 0; i < n; ++i) to[i] = gd_size(d[i], batch);
}

static int64_t walk_product(const int64_t *x, int64_t n) {
  int64_t all = 1;
  for (int64_t i = 0; i < n; ++i) all *= x[i];
  return all;
}

static void walk_open(reduce_walk *w, const gd_ins *ins, int64_t batch) {
  const gd_dim *d = ins->dim;
  w->nk = gd_min(ins->attr[0], DIMS), w->nr = gd_max(1, gd_min(ins->attr[1], DIMS)); /* as check.c has it */
  walk_sizes(w->kept, d, w->nk, batch), walk_sizes(w->red, d += w->nk, w->nr, batch);
  walk_sizes(w->x_kept, d += w->nr, w->nk, batch), walk_sizes(w->x_red, d += w->nk, w->nr, batch);
  walk_sizes(w->y_kept, d + w->nr, w->nk, batch);
  w->outputs = walk_product(w->kept, w->nk), w->terms = walk_product(w->red, w->nr);
}

/* Whether vectors of results are folded at once. */
static int walk_lanes(const reduce_walk *w) { return w->nk && w->x_kept[w->nk - 1] == 1; }

static int64_t walk_units(const gd_ins *ins, int64_t batch) {
  reduce_walk w;
  walk_open(&w, ins, batch);
  if (!w.outputs) return 0;
  if (!walk_lanes(&w)) return gd_ceil_div(w.outputs, ROWS);
  return w.outputs / w.kept[w.nk - 1] * gd_ceil_div(w.kept[w.nk - 1], STRIPE);
}

/* One place of a walk over `n` dimensions, the last of which is left out, after another. */
typedef struct { int64_t index[DIMS], at; } walk_place;

static void walk_next(walk_place *p, const int64_t *shape, const int64_t *step, int64_t n) {
  for (int64_t d = n - 2; d >= 0; --d) {
    p->at += step[d];
    if (++p->index[d] < shape[d]) return;
    p->at -= shape[d] * step[d], p->index[d] = 0;
  }
}

/* The pieces of what is folded, from element `first` on: each contiguous, gathered where it does not lie so. */
typedef struct {
  const reduce_walk *w;
  const real *x;
  walk_place run;
  int64_t within, left; /* elements of the run that are behind, and of all that are to come */
  real gathered[PIECE];
} walk_pieces;

static void pieces_open(walk_pieces *p, const reduce_walk *w, const real *x, int64_t first, int64_t count) {
  const int64_t n = w->nr, line = w->red[n - 1];
  int64_t run = first / line;
  p->w = w, p->x = x, p->within = first % line, p->left = count, p->run.at = 0;
  for (int64_t d = n - 2; d >= 0; --d, run /= w->red[d + 1])
    p->run.index[d] = run % w->red[d], p->run.at += p->run.index[d] * w->x_red[d];
}

/* The next piece, and how many elements it has; 0 behind the last. */
static int64_t pieces_next(walk_pieces *p, const real **piece) {
  const int64_t last = p->w->nr - 1, line = p->w->red[last], step = p->w->x_red[last];
  int64_t n = gd_min(line - p->within, p->left);
  if (!n) return 0;
  const real *x = p->x + p->run.at + p->within * step;
  if (step == 1) *piece = x;
  else {
    n = gd_min(n, PIECE), *piece = p->gathered;
    for (int64_t i = 0; i < n; ++i) p->gathered[i] = x[i * step];
  }
  p->left -= n, p->within += n;
  if (p->within == line) p->within = 0, walk_next(&p->run, p->w->red, p->w->x_red, p->w->nr);
  return n;
}

/* Sums of sums, as those of dense rows. */
static real pieces_sum(walk_pieces *p) {
  real total = 0, part = 0;
  const real *piece;
  for (int64_t n, pieces = 0; (n = pieces_next(p, &piece));) {
    part += row_sum(piece, n);
    if (++pieces % CHUNK == 0) total += part, part = 0;
  }
  return total + part;
}

static real walk_row_sum(const reduce_walk *w, const real *x) {
  walk_pieces p;
  pieces_open(&p, w, x, 0, w->terms);
  return pieces_sum(&p);
}

static real walk_row_max(const reduce_walk *w, const real *x) {
  walk_pieces p;
  const real *piece;
  pieces_open(&p, w, x, 0, w->terms);
  real best = -(real)__builtin_inf();
  for (int64_t n; (n = pieces_next(&p, &piece));) {
    const real top = row_max(piece, n);
    if (top > best || top != top) best = best != best ? best : top;
  }
  return best;
}

static real walk_row_logsumexp(const reduce_walk *w, const real *x) {
  const vec shift = shift_of(v_set1(walk_row_max(w, x)));
  walk_pieces p;
  const real *piece;
  real sum = 0, out[VL];
  pieces_open(&p, w, x, 0, w->terms);
  for (int64_t n; (n = pieces_next(&p, &piece));) sum += row_exp_sum(piece, n, shift);
  v_store(out, v_add(shift, v_log(v_set1(sum))));
  return out[0];
}

/* Folds `vectors` vectors of results side by side, of the last of them n lanes: `fold` of each term. */
#define EACH_TERM(...)                                                                          \
  walk_place run = {{0}, 0};                                                                    \
  const int64_t last = w->nr - 1, line = w->red[last], step = w->x_red[last];                   \
  for (int64_t left = w->terms; left; left -= line, walk_next(&run, w->red, w->x_red, w->nr)) { \
    const real *at = x + run.at;                                                                \
    for (int64_t i = 0; i < line; ++i, at += step)                                              \
      for (int k = 0; k < vectors; ++k) {                                                       \
        const vec v = vectors > 1 || n == VL ? v_load(at + k * VL) : v_load_n(at, n);           \
        __VA_ARGS__;                                                                            \
      }                                                                                         \
  }

VFN void lanes_sum(const reduce_walk *w, const real *x, int64_t n, const int vectors, vec *out) {
  vec part[STRIPE / VL];
  int64_t terms = 0;
  for (int k = 0; k < vectors; ++k) out[k] = part[k] = v_zero();
  EACH_TERM({
    part[k] = v_add(part[k], v);
    if (k == vectors - 1 && ++terms == CHUNK) {
      for (int j = 0; j < vectors; ++j) out[j] = v_add(out[j], part[j]), part[j] = v_zero();
      terms = 0;
    }
  })
  for (int k = 0; k < vectors; ++k) out[k] = v_add(out[k], part[k]);
}

VFN void lanes_max(const reduce_walk *w, const real *x, int64_t n, const int vectors, vec *out) {
  for (int k = 0; k < vectors; ++k) out[k] = v_set1(-(real)__builtin_inf());
  EACH_TERM(out[k] = max_nan(out[k], v))
}

VFN void lanes_logsumexp(const reduce_walk *w, const real *x, int64_t n, const int vectors, vec *out) {
  vec shift[STRIPE / VL], sum[STRIPE / VL];
  lanes_max(w, x, n, vectors, out);
  for (int k = 0; k < vectors; ++k) shift[k] = shift_of(out[k]), sum[k] = v_zero();
  EACH_TERM(sum[k] = v_add(sum[k], v_exp(v_sub(v, shift[k]))))
  for (int k = 0; k < vectors; ++k) out[k] = v_add(shift[k], v_log(sum[k]));
}

typedef real (*walk_row_fn)(const reduce_walk *, const real *);
typedef void (*walk_lanes_fn)(const reduce_walk *, const real *, int64_t n, int whole, vec *);

/* Where result o lies, and what it is folded from, over the first n kept dimensions. */
static void walk_to(const reduce_walk *w, int64_t o, int64_t n, int64_t *x, int64_t *y) {
  *x = *y = 0;
  for (int64_t d = n - 1; d >= 0; o /= w->kept[d], --d) {
    const int64_t i = o % w->kept[d];
    *x += i * w->x_kept[d], *y += i * w->y_kept[d];
  }
}

static void walk_rows(const reduce_walk *w, real *y, const real *x, int64_t from, int64_t to, real scale, row_fn run, walk_row_fn row,
                      real empty) {
  const int one_run = w->nr == 1 && w->x_red[0] == 1; /* of neighbours */
  for (int64_t o = from, at, result; o < to; ++o) {
    walk_to(w, o, w->nk, &at, &result);
    y[result] = !w->terms ? empty : scale * (one_run ? run(x + at, w->terms) : row(w, x + at));
  }
}

static void walk_columns(const reduce_walk *w, real *y, const real *x, int64_t lo, int64_t hi, real scale, walk_lanes_fn lanes, real empty) {
  const int64_t n = w->kept[w->nk - 1], stripes = gd_ceil_div(n, STRIPE), apart = w->y_kept[w->nk - 1];
  for (int64_t u = lo, at, result; u < hi; ++u) {
    const int64_t first = u % stripes * STRIPE, end = gd_min(n, first + STRIPE);
    walk_to(w, u / stripes, w->nk - 1, &at, &result);
    const int whole = end - first == STRIPE;
    for (int64_t j = first; j < end; j += whole ? STRIPE : VL) {
      vec out[STRIPE / VL];
      for (int k = 0; k < STRIPE / VL; ++k) out[k] = v_set1(empty);
      if (w->terms) lanes(w, x + at + j, gd_min(VL, end - j), whole, out);
      for (int64_t k = 0; k < (whole ? STRIPE / VL : 1); ++k) {
        const int64_t i = j + k * VL, some = gd_min(VL, end - i);
        const vec v = v_mul(out[k], v_set1(scale));
        if (apart == 1) v_store_n(y + result + i, v, some);
        else {
          real lane[VL];
          v_store(lane, v);
          for (int64_t l = 0; l < some; ++l) y[result + (i + l) * apart] = lane[l];
        }
      }
    }
  }
}

#define WALK(name)                                                                                     \
  static void some_##name(const reduce_walk *w, const real *x, int64_t n, int whole, vec *out) {      \
    if (whole) lanes_##name(w, x, n, STRIPE / VL, out);                                                \
    else lanes_##name(w, x, n, 1, out);                                                                \
  }
WALK(sum)
WALK(max)
WALK(logsumexp)

static void walk(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi, row_fn of_run, walk_row_fn row, walk_lanes_fn lanes,
                 real empty) {
  reduce_walk w;
  walk_open(&w, ins, run->batch);
  real *y = (real *)gd_at(run, ins, 0);
  const real *x = (const real *)gd_at(run, ins, 1);
  const real scale = ins->par[0] ? (real)1 / (real)w.terms : (real)1;
  if (walk_lanes(&w)) walk_columns(&w, y, x, lo, hi, scale, lanes, empty);
  else walk_rows(&w, y, x, lo * ROWS, gd_min(w.outputs, hi * ROWS), scale, of_run, row, empty);
}

/* Of a sum of all elements, the sum of each part. */
static void walk_parts(const gd_ins *ins, const gd_run *run, real *parts, const real *x, int64_t lo, int64_t hi) {
  reduce_walk w;
  walk_open(&w, ins, run->batch);
  for (int64_t u = lo; u < hi; ++u) {
    walk_pieces p;
    pieces_open(&p, &w, x, u * PART, gd_min(PART, w.terms - u * PART));
    parts[u] = pieces_sum(&p);
  }
}
