/* attention.c: attention of queries to keys, and its gradient, in blocks: no matrix of all scores is in memory.
 *
 *   s[i, j] = scale q[i] . k[j] + bias[i, j]        j seen by i: mask[j] > 0, and j <= i if it is causal
 *   p[i, j] = exp(s[i, j] - lse[i]),  lse[i] = log sum over j of exp(s[i, j])
 *   y[i]    = sum over j of p[i, j] v[j]            a row that sees nothing: 0, and lse = +inf
 *
 * Forward, a unit is a block of rows of one head of one sample: it goes through the keys with the running maximum
 * and sum of each row (Milakov and Gimelshein 2018; Dao et al. 2022). Backward, a unit is a head of the keys with
 * all queries that share it, of one sample, or of all samples where the gradient of a bias that they share is
 * wanted: scores are computed anew from lse, and every sum is taken in the order of the blocks.
 *
 *   dp = dy v',  ds = p (dp - sum over the features of y dy),  dq = scale ds k,  dk = scale ds' q,  dv = p' dy,  dbias = ds
 *
 * The products are those of gemm.h. Called by the executor.
 *
 *   ref   attention: y, q, k, v [, bias] [, mask] [, lse];
 *         attention_gradient: dq, q, k, v [, bias] [, mask], y, lse, dy [, dk] [, dv] [, dbias]
 *   dim   samples B, queries, keys, heads, heads of the keys, features of a key and of a value;
 *         strides by sample, row and head of q, k, v, y; of bias by sample, head and row; of the mask by sample;
 *         attention_gradient: those of dy, dq, dk, dv, too. lse[B, heads, queries] and dbias lie as bias does.
 *   attr  causal; whether there is a bias, and a mask; attention: whether lse is wanted;
 *         attention_gradient: whether dk, dv and dbias are wanted; factors of products rounded to bfloat16, as in ops/gemm.c
 *   par   scale
 */
#include <string.h>

#include "../gemm.h"
#include "../ops.h"

/* Rows and columns of a block of scores: it stays in L2 beside the packed operands. Where rows do not see all columns of
 * it, SOME of them at a time are multiplied by what any of these sees: half of a block on the diagonal is not computed. */
enum { ROWS = 64, COLS = 128, PITCH = COLS + VL, BLOCK = ROWS * PITCH, SOME = 16 };
enum { SIZES = 7, BIAS_STRIDES = SIZES + 12, GRADIENT_STRIDES = BIAS_STRIDES + 4 };

/* A tensor of heads: where it begins, and the elements from one sample, row and head to the next. */
typedef struct { real *at; int64_t sample, row, head; } heads;

typedef struct {
  int64_t samples, queries, keys, heads, groups, features, values; /* groups: heads of k and v */
  heads q, k, v, y;
  const real *bias, *mask; /* or NULL */
  int64_t bias_sample, bias_head, bias_row, mask_sample;
  real *lse; /* or NULL */
  real scale;
  int causal, bfloat16;
} attention;

static heads heads_at(const gd_ins *ins, const gd_run *run, int ref, int strides) {
  const gd_dim *d = ins->dim + strides;
  return (heads){(real *)gd_at(run, ins, ref), gd_size(d[0], run->batch), gd_size(d[1], run->batch), gd_size(d[2], run->batch)};
}

/* How factors of products are rounded: the last attribute. */
static int rounds(const gd_ins *ins) { return (int)ins->attr[ins->n_attr - 1]; }

/* Everything but y and lse; *ref is the number of q, and then of what comes behind the mask. */
static attention attention_open(const gd_ins *ins, const gd_run *run, int *ref) {
  const gd_dim *d = ins->dim;
  const int64_t n = run->batch;
  attention a = {gd_size(d[0], n), gd_size(d[1], n), gd_size(d[2], n), gd_size(d[3], n), gd_size(d[4], n),
                 gd_size(d[5], n), gd_size(d[6], n), .scale = (real)ins->par[0], .causal = (int)ins->attr[0], .bfloat16 = rounds(ins)};
  a.q = heads_at(ins, run, (*ref)++, SIZES);
  a.k = heads_at(ins, run, (*ref)++, SIZES + 3);
  a.v = heads_at(ins, run, (*ref)++, SIZES + 6);
  if (ins->attr[1]) a.bias = (const real *)gd_at(run, ins, (*ref)++);
  if (ins->attr[2]) a.mask = (const real *)gd_at(run, ins, (*ref)++);
  a.bias_sample = gd_size(d[BIAS_STRIDES], n), a.bias_head = gd_size(d[BIAS_STRIDES + 1], n);
  a.bias_row = gd_size(d[BIAS_STRIDES + 2], n), a.mask_sample = gd_size(d[BIAS_STRIDES + 3], n);
  return a;
}

static inline real *head_of(const heads *t, int64_t sample, int64_t head) {
  return t->at + sample * t->sample + head * t->head;
}

/* Keys of a sample up to the last one that is not masked. */
static int64_t keys_of(const attention *a, int64_t sample) {
  int64_t n = a->keys;
  if (a->mask)
    while (n && !(a->mask[sample * a->mask_sample + n - 1] > 0)) --n;
  return n;
}

/* What many products have for B, packed once: so many rows of it, or NULL. */
typedef struct { real *at; int64_t rows; } panels;

/* A thread's own memory: scores, their gradients; keys and values by columns; and by rows, where factors are rounded, as
 * then none is read where it lies, what products along the scores take: keys, values, rows of q and of dy. */
typedef struct { real *s, *dp; panels k_columns, v_columns, k_rows, v_rows, q_rows, dy_rows; int bfloat16; gd_run inner; } workspace;

/* C[m, n] = A B, or C + A B; if there is something in `packed` it has B's columns, and at row `first` on its rows. */
static void multiply(const workspace *w, real *c, int64_t c_row, gemm_operand a, gemm_operand b, const panels *packed, int64_t first, int64_t m, int64_t n, int64_t k, int add) {
  gemm_product p = gemm_of(m, n, k, c, c_row, a, b);
  p.accumulate = add, p.bfloat16 = w->bfloat16;
  if (packed->at) p.packed = packed->at, p.packed_k = packed->rows, p.packed_first = first;
  GD_NAME(gd_product)(&p, &w->inner, 0, gemm_units(1, m, n));
}
static inline gemm_operand by_rows(const real *x, int64_t row) { return gemm_strided(x, row, 1); }
static inline gemm_operand by_columns(const real *x, int64_t row) { return gemm_strided(x, 1, row); }

static void zero_rows(real *x, int64_t row, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) memset(x + r * row, 0, (size_t)n * sizeof(real));
}

static inline vec load(const real *x, int64_t n) { return n >= VL ? v_load(x) : v_load_n(x, n); }
static inline void store(real *x, vec v, int64_t n) {
  if (n >= VL) v_store(x, v);
  else v_store_n(x, v, n);
}
static inline real lane(vec v) {
  real all[VL];
  v_store(all, v);
  return all[0];
}

/* x, in lanes from `left` on something else. */
static inline vec within(vec x, int64_t left, real otherwise) {
  return left >= VL ? x : v_select(v_lt(v_iota(), v_set1((real)left)), x, v_set1(otherwise));
}

/* One row of scores, of which queries see the first `n`: scaled, biased, -inf where they are masked. */
typedef struct { const real *bias, *mask; real scale; } score_row;

static inline vec score(const score_row *r, const real *s, int64_t j, int64_t n) {
  vec x = v_mul(v_load(s + j), v_set1(r->scale));
  if (r->bias) x = v_add(x, load(r->bias + j, n - j));
  if (r->mask) x = v_select(v_gt(load(r->mask + j, n - j), v_zero()), x, v_set1(-R_INF));
  return x;
}

static score_row row_of(const attention *a, int64_t sample, int64_t head, int64_t i, int64_t j) {
  return (score_row){a->bias ? a->bias + sample * a->bias_sample + head * a->bias_head + i * a->bias_row + j : NULL,
                     a->mask ? a->mask + sample * a->mask_sample + j : NULL, a->scale};
}

/* How many of the n keys from j on query i sees. */
static inline int64_t seen(const attention *a, int64_t i, int64_t j, int64_t n) {
  return a->causal ? gd_max(0, gd_min(n, i + 1 - j)) : n;
}

/* The largest of n scores, which are written over s; NaN is passed over, and shows in the sum. */
static real score_all(const score_row *r, real *s, int64_t n) {
  vec most = v_set1(-R_INF);
  for (int64_t j = 0; j < n; j += VL) {
    const vec x = within(score(r, s, j, n), n - j, -R_INF);
    v_store(s + j, x);
    most = v_max(x, most);
  }
  return v_hmax(most);
}

/* s becomes exp(s - shift) for the first n, behind which -inf fills the vector, and 0 up to `all`; their sum. */
static real exponentials(real *s, int64_t n, int64_t all, real shift) {
  vec sum = v_zero();
  int64_t j = 0;
  for (; j < n; j += VL) {
    const vec e = v_exp(v_sub(v_load(s + j), v_set1(shift)));
    v_store(s + j, e);
    sum = v_add(sum, e);
  }
  for (; j < all; j += VL) v_store(s + j, v_zero());
  return v_hsum(sum);
}

/* Asks for rows of a head, which lie apart: their lines come while others are waited for. */
static void fetch(const real *x, int64_t row, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < n; j += 64 / (int64_t)sizeof(real)) __builtin_prefetch(x + r * row + j);
}

static void scale_row(real *x, int64_t n, real by) {
  for (int64_t j = 0; j < n; j += VL) store(x + j, v_mul(load(x + j, n - j), v_set1(by)), n - j);
}

/* --- forward ---------------------------------------------------------------------------- */

int64_t GD_NAME(gd_attention_units)(const gd_ins *ins, int64_t batch) {
  const gd_dim *d = ins->dim;
  return gd_size(d[0], batch) * gd_size(d[3], batch) * gd_ceil_div(gd_size(d[1], batch), ROWS);
}

static int64_t product_scratch(const gd_ins *ins) {
  const gd_dim widest = {gd_max(gd_max(COLS, ROWS), gd_max(ins->dim[5].fixed, ins->dim[6].fixed)), 0};
  return GD_NAME(gd_product_scratch)(widest, widest, NULL);
}

/* Bytes of a block of keys, or of values, packed by columns (in one block of K, so that fewer may be read of it); of some
 * rows of a head; and of all that a thread packs. */
static int64_t column_bytes(const gd_ins *ins, int features) {
  const int64_t k = ins->dim[features].fixed;
  return k > 256 ? 0 : gemm_packed_bytes(k, COLS);
}
static int64_t row_bytes(const gd_ins *ins, int features, int64_t rows) {
  return rounds(ins) ? gemm_packed_bytes(rows, ins->dim[features].fixed) : 0;
}
static int64_t packed_bytes(const gd_ins *ins, int back) {
  if (!back) return column_bytes(ins, 5) + row_bytes(ins, 6, COLS);
  return column_bytes(ins, 5) + column_bytes(ins, 6) + row_bytes(ins, 5, COLS) + row_bytes(ins, 5, ROWS) + row_bytes(ins, 6, ROWS);
}

static int64_t scratch_of(const gd_ins *ins, int back) {
  return (1 + back) * BLOCK * (int64_t)sizeof(real) + packed_bytes(ins, back) + product_scratch(ins);
}
int64_t GD_NAME(gd_attention_scratch)(const gd_ins *ins) { return scratch_of(ins, 0); }
int64_t GD_NAME(gd_attention_gradient_scratch)(const gd_ins *ins) { return scratch_of(ins, 1); }

static panels take(char **at, int64_t bytes) {
  *at += bytes;
  return (panels){bytes ? (real *)(*at - bytes) : NULL, 0};
}

static workspace workspace_of(const gd_ins *ins, const gd_run *run, int back) {
  workspace w = {.s = (real *)run->scratch, .dp = (real *)run->scratch + BLOCK, .bfloat16 = rounds(ins), .inner = *run};
  char *at = run->scratch + (1 + back) * BLOCK * sizeof(real);
  w.k_columns = take(&at, column_bytes(ins, 5));
  if (back) {
    w.v_columns = take(&at, column_bytes(ins, 6)), w.k_rows = take(&at, row_bytes(ins, 5, COLS));
    w.q_rows = take(&at, row_bytes(ins, 5, ROWS)), w.dy_rows = take(&at, row_bytes(ins, 6, ROWS));
  } else w.v_rows = take(&at, row_bytes(ins, 6, COLS));
  w.inner.scratch = at;
  return w;
}

/* Packs k rows and n columns, if there is a place for them. */
static void pack(const workspace *w, panels *to, gemm_operand x, int64_t k, int64_t n) {
  to->rows = k;
  if (to->at) GD_NAME(gd_product_pack)(to->at, &x, k, n, 0, gemm_panels(n), w->bfloat16);
}

/* How many rows of a block from query i on are multiplied at a time by n keys from j on. */
static int64_t rows_at_once(const attention *a, int64_t i, int64_t j, int64_t n) {
  return a->causal && j + n > i + 1 ? SOME : ROWS;
}

/* Rows [i, i + m) of a head of a sample. */
static void attend(const attention *a, workspace *w, int64_t sample, int64_t head, int64_t i, int64_t m) {
  const int64_t group = head / (a->heads / a->groups), keys = keys_of(a, sample);
  const real *q = head_of(&a->q, sample, head) + i * a->q.row;
  const real *k = head_of(&a->k, sample, group), *v = head_of(&a->v, sample, group);
  real *y = head_of(&a->y, sample, head) + i * a->y.row;
  real *s = w->s, most[ROWS], sum[ROWS];
  fetch(q, a->q.row, m, a->features);
  for (int64_t r = 0; r < ROWS; ++r) most[r] = -R_INF, sum[r] = 0;
  const int64_t end = a->causal ? gd_min(keys, i + ROWS) : keys; /* whatever m is: then a row's bits are, too */
  if (end == 0) zero_rows(y, a->y.row, m, a->values);
  for (int64_t j = 0; j < end; j += COLS) {
    const int64_t n = gd_min(COLS, end - j);
    const real *k_rows = k + j * a->k.row, *v_rows = v + j * a->v.row;
    pack(w, &w->k_columns, by_columns(k_rows, a->k.row), a->features, n);
    pack(w, &w->v_rows, by_rows(v_rows, a->v.row), n, a->values);
    for (int64_t from = 0, step = rows_at_once(a, i, j, n); from < m; from += step) {
      const int64_t rows = gd_min(step, m - from), all = seen(a, i + from + step - 1, j, n); /* whatever `rows` is, as above */
      real *own = y + from * a->y.row;
      multiply(w, s, PITCH, by_rows(q + from * a->q.row, a->q.row), by_columns(k_rows, a->k.row), &w->k_columns, 0, rows, all, a->features, 0);
      for (int64_t r = from; r < from + rows; ++r) {
        const int64_t some = seen(a, i + r, j, n);
        real *at = s + (r - from) * PITCH;
        const score_row row = row_of(a, sample, head, i + r, j);
        const real best = score_all(&row, at, some), now = best > most[r] ? best : most[r];
        const real part = exponentials(at, some, all, now == -R_INF ? 0 : now);
        if (j && now != most[r]) {
          const real factor = lane(v_exp(v_set1(most[r] - now)));
          scale_row(y + r * a->y.row, a->values, factor);
          sum[r] *= factor;
        }
        most[r] = now, sum[r] += part;
      }
      multiply(w, own, a->y.row, by_rows(s, PITCH), by_rows(v_rows, a->v.row), &w->v_rows, 0, rows, a->values, all, j > 0);
    }
  }
  real *lse = a->lse ? a->lse + (sample * a->heads + head) * a->queries + i : NULL;
  for (int64_t r = 0; r < m; ++r)
    if (sum[r] != 0) scale_row(y + r * a->y.row, a->values, 1 / sum[r]);
  for (int64_t r = 0; r < m && lse; r += VL) {
    const vec all = v_load(sum + r), log = v_add(v_load(most + r), v_log(all));
    store(lse + r, v_select(v_eq(all, v_zero()), v_set1(R_INF), log), m - r);
  }
}

void GD_NAME(gd_attention)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  int ref = 1;
  attention a = attention_open(ins, run, &ref);
  a.y = heads_at(ins, run, 0, SIZES + 9);
  if (ins->attr[3]) a.lse = (real *)gd_at(run, ins, ref);
  workspace w = workspace_of(ins, run, 0);
  const int64_t blocks = gd_ceil_div(a.queries, ROWS);
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t head = u / blocks, i = u % blocks * ROWS;
    attend(&a, &w, head / a.heads, head % a.heads, i, gd_min(ROWS, a.queries - i));
  }
}

/* --- backward --------------------------------------------------------------------------- */

enum { WANT_DK = 3, WANT_DV, WANT_DBIAS };

/* Whether all samples share a bias whose gradient is wanted. */
static int shares_bias(const gd_ins *ins) {
  const gd_dim d = ins->dim[BIAS_STRIDES];
  return ins->attr[WANT_DBIAS] && !d.fixed && !d.per_row;
}

int64_t GD_NAME(gd_attention_gradient_units)(const gd_ins *ins, int64_t batch) {
  return (shares_bias(ins) ? 1 : gd_size(ins->dim[0], batch)) * gd_size(ins->dim[4], batch);
}

typedef struct { heads dy, dq, dk, dv; real *dbias; } attention_gradients; /* dk.at, dv.at, dbias: or NULL */

static real dot(const real *x, const real *y, int64_t n) {
  vec sum = v_zero();
  for (int64_t j = 0; j < n; j += VL) sum = v_fma(load(x + j, n - j), load(y + j, n - j), sum);
  return v_hsum(sum);
}

/* A row: s becomes p, and dp becomes scale ds, of the first n, and 0 up to `all`; ds is added to dbias, if that is not NULL. */
static void softmax_gradient(const score_row *row, real *s, real *dp, int64_t n, int64_t all, real lse, real delta, real *dbias) {
  int64_t j = 0;
  for (; j < n; j += VL) {
    const vec p = within(v_exp(v_sub(score(row, s, j, n), v_set1(lse))), n - j, 0);
    const vec ds = within(v_mul(p, v_sub(v_load(dp + j), v_set1(delta))), n - j, 0);
    if (dbias) store(dbias + j, v_add(load(dbias + j, n - j), ds), n - j);
    v_store(s + j, p);
    v_store(dp + j, v_mul(ds, v_set1(row->scale)));
  }
  for (; j < all; j += VL) v_store(s + j, v_zero()), v_store(dp + j, v_zero());
}

/* Of one head of one sample, beside its head of the keys, whose gradients are added to. */
static void attend_back(const attention *a, const attention_gradients *g, workspace *w, int64_t sample, int64_t head) {
  const int64_t group = head / (a->heads / a->groups), keys = keys_of(a, sample);
  const real *q = head_of(&a->q, sample, head), *k = head_of(&a->k, sample, group), *v = head_of(&a->v, sample, group);
  const real *y = head_of(&a->y, sample, head), *dy = head_of(&g->dy, sample, head);
  const real *lse = a->lse + (sample * a->heads + head) * a->queries;
  real *dq = head_of(&g->dq, sample, head), *s = w->s, *dp = w->dp;
  real *dk = g->dk.at ? head_of(&g->dk, sample, group) : NULL, *dv = g->dv.at ? head_of(&g->dv, sample, group) : NULL;
  zero_rows(dq, g->dq.row, a->queries, a->features);
  for (int64_t j = 0; j < keys; j += COLS) {
    const int64_t n = gd_min(COLS, keys - j);
    const real *k_rows = k + j * a->k.row, *v_rows = v + j * a->v.row;
    pack(w, &w->k_columns, by_columns(k_rows, a->k.row), a->features, n), pack(w, &w->v_columns, by_columns(v_rows, a->v.row), a->values, n);
    pack(w, &w->k_rows, by_rows(k_rows, a->k.row), n, a->features);
    for (int64_t i = a->causal ? j / ROWS * ROWS : 0; i < a->queries; i += ROWS) {
      const int64_t m = gd_min(ROWS, a->queries - i), step = rows_at_once(a, i, j, n), parts = step < ROWS;
      real delta[ROWS];
      fetch(y + i * a->y.row, a->y.row, m, a->values), fetch(dy + i * g->dy.row, g->dy.row, m, a->values);
      fetch(q + i * a->q.row, a->q.row, m, a->features);
      for (int64_t r = 0; r < m; ++r) delta[r] = dot(y + (i + r) * a->y.row, dy + (i + r) * g->dy.row, a->values);
      const gemm_operand q_block = by_rows(q + i * a->q.row, a->q.row), dy_block = by_rows(dy + i * g->dy.row, g->dy.row);
      if (dk) pack(w, &w->q_rows, q_block, m, a->features);
      if (dv) pack(w, &w->dy_rows, dy_block, m, a->values);
      for (int64_t from = 0; from < m; from += step) {
        const int64_t rows = gd_min(step, m - from), first = i + from, all = seen(a, first + step - 1, j, n);
        real *s_rows = s + from * PITCH, *dp_rows = dp + from * PITCH;
        multiply(w, s_rows, PITCH, by_rows(q + first * a->q.row, a->q.row), by_columns(k_rows, a->k.row), &w->k_columns, 0, rows, all, a->features, 0);
        multiply(w, dp_rows, PITCH, by_rows(dy + first * g->dy.row, g->dy.row), by_columns(v_rows, a->v.row), &w->v_columns, 0, rows, all, a->values, 0);
        for (int64_t r = 0; r < rows; ++r) {
          const score_row row = row_of(a, sample, head, first + r, j);
          real *dbias = g->dbias ? g->dbias + (row.bias - a->bias) : NULL;
          softmax_gradient(&row, s_rows + r * PITCH, dp_rows + r * PITCH, seen(a, first + r, j, n), all, lse[first + r], delta[from + r], dbias);
        }
        multiply(w, dq + first * g->dq.row, g->dq.row, by_rows(dp_rows, PITCH), by_rows(k_rows, a->k.row), &w->k_rows, 0, rows, a->features, all, 1);
      }
      for (int64_t c = 0; c < n; c += parts ? SOME : n) { /* columns, and the rows that see any of them */
        const int64_t columns = gd_min(parts ? SOME : n, n - c), from = parts ? gd_max(0, j + c - i) : 0, rows = m - from;
        if (rows <= 0) break;
        const gemm_operand q_rows = by_rows(q_block.at + from * a->q.row, a->q.row), dy_rows = by_rows(dy_block.at + from * g->dy.row, g->dy.row);
        const gemm_operand dp_columns = by_columns(dp + from * PITCH + c, PITCH), s_columns = by_columns(s + from * PITCH + c, PITCH);
        if (dk) multiply(w, dk + (j + c) * g->dk.row, g->dk.row, dp_columns, q_rows, &w->q_rows, from, columns, a->features, rows, 1);
        if (dv) multiply(w, dv + (j + c) * g->dv.row, g->dv.row, s_columns, dy_rows, &w->dy_rows, from, columns, a->values, rows, 1);
      }
    }
  }
}

void GD_NAME(gd_attention_gradient)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  int ref = 1;
  attention a = attention_open(ins, run, &ref);
  attention_gradients g = {.dq = heads_at(ins, run, 0, GRADIENT_STRIDES + 3)};
  a.y = heads_at(ins, run, ref++, SIZES + 9);
  a.lse = (real *)gd_at(run, ins, ref++);
  g.dy = heads_at(ins, run, ref++, GRADIENT_STRIDES);
  if (ins->attr[WANT_DK]) g.dk = heads_at(ins, run, ref++, GRADIENT_STRIDES + 6);
  if (ins->attr[WANT_DV]) g.dv = heads_at(ins, run, ref++, GRADIENT_STRIDES + 9);
  if (ins->attr[WANT_DBIAS]) g.dbias = (real *)gd_at(run, ins, ref++);
  workspace w = workspace_of(ins, run, 1);
  const int all = shares_bias(ins);
  const int64_t per_group = a.heads / a.groups;
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t first = all ? 0 : u / a.groups, last = all ? a.samples : first + 1, group = u % a.groups;
    if (g.dbias)
      for (int64_t head = group * per_group; head < (group + 1) * per_group; ++head)
        zero_rows(g.dbias + first * a.bias_sample + head * a.bias_head, a.bias_row, a.queries, a.keys);
    for (int64_t sample = first; sample < last; ++sample) {
      if (g.dk.at) zero_rows(head_of(&g.dk, sample, group), g.dk.row, a.keys, a.features);
      if (g.dv.at) zero_rows(head_of(&g.dv, sample, group), g.dv.row, a.keys, a.values);
      for (int64_t head = group * per_group; head < (group + 1) * per_group; ++head)
        attend_back(&a, &g, &w, sample, head);
    }
  }
}
