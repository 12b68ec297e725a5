/* check.c: whether a plan can be run: every operand lies within its buffer, and each kernel has room for it.
 *
 * Called by the Cython door before a plan is bound to memory, whatever made the plan. Sizes grow with the
 * batch and are never negative, so that what fits the largest batch fits every smaller one. Each kernel has
 * a function here that says how many elements its operands have; kernels themselves test nothing.
 */
#include <string.h>

#include "exec.h"
#include "map_ops.h"

enum { ANY = -1, MOST = (1 << 30) }; /* MOST: instructions, operands, sizes of one instruction */
#define TOO_LARGE INT64_MAX /* of a size: sticks in sums and products */

typedef struct {
  const gd_ins *ins;
  const gd_plan *plan;
  const int64_t *room;
  int32_t n_buffers;
  int64_t batch;
  gd_fault *fault;
} scan;

static void fail(const scan *s, int32_t ref, const char *what) {
  if (s->fault->what) return; /* the first is told */
  s->fault->what = what, s->fault->ref = ref;
}

static int64_t times(int64_t a, int64_t b) {
  int64_t product;
  if (a == 0 || b == 0) return 0;
  return a == TOO_LARGE || b == TOO_LARGE || __builtin_mul_overflow(a, b, &product) ? TOO_LARGE : product;
}

static int64_t plus(int64_t a, int64_t b) {
  int64_t sum;
  return a == TOO_LARGE || b == TOO_LARGE || __builtin_add_overflow(a, b, &sum) ? TOO_LARGE : sum;
}

/* A size for the largest batch. */
static int64_t size(const scan *s, int64_t i) {
  const gd_dim d = s->ins->dim[i];
  if (d.fixed < 0 || d.per_row < 0) return fail(s, -1, "has a negative size"), 0;
  return plus(d.fixed, times(d.per_row, s->batch));
}

/* How many elements sizes [from, from + n) have together. */
static int64_t product(const scan *s, int64_t from, int64_t n) {
  int64_t all = 1;
  for (int64_t i = 0; i < n; ++i) all = times(all, size(s, from + i));
  return all;
}

/* How many elements a walk over a shape reaches, whose strides begin at number `strides`; 0 over nothing. */
static int64_t walked(const scan *s, int64_t shape, int64_t strides, int64_t n) {
  int64_t last = 0;
  for (int64_t d = 0; d < n; ++d) {
    const int64_t length = size(s, shape + d);
    if (length == 0) return 0;
    last = plus(last, times(length == TOO_LARGE ? TOO_LARGE : length - 1, size(s, strides + d)));
  }
  return plus(last, 1);
}

/* Whether an instruction has so many operands, sizes, whole numbers and reals; kernels read no more. */
static int has(const scan *s, int64_t refs, int64_t dims, int64_t attrs, int64_t pars) {
  const gd_ins *ins = s->ins;
  if (ins->n_ref == refs && ins->n_dim == dims && ins->n_attr == attrs && ins->n_par >= pars) return 1;
  fail(s, -1, "has another number of operands or sizes than its kernel takes");
  return 0;
}

/* Operand i has so many elements of a type. */
static void holds(const scan *s, int32_t i, int type, int64_t elements) {
  const gd_ref ref = s->ins->ref[i];
  if (type != ANY && ref.type != type) fail(s, i, "has an operand of another type than its kernel takes");
  else if (ref.type != GD_REAL && ref.type != GD_INT32) fail(s, i, "has an operand of an unknown type");
  else if (elements == 0) return;
  else if (ref.buffer < 0 || ref.buffer >= s->n_buffers) fail(s, i, "has an operand in no buffer of the plan");
  else {
    const int64_t width = ref.type == GD_INT32 ? 4 : s->plan->bits / 8;
    if (ref.offset < 0 || ref.offset % width || plus(ref.offset, times(elements, width)) > s->room[ref.buffer])
      fail(s, i, "has an operand that reaches beyond its buffer");
  }
}

/* The loop of a chain reads its operands as its key has them, vectors or one number for each row:
 * "vvs>1:add 3 0 1;..." */
static void chain(const scan *s, const char *key, int64_t n_in, int64_t n_out, int64_t n_code, const char *kinds) {
  int64_t in = 0, out = 0, code = 1;
  int alike = 1;
  for (; *key != '>'; ++key, ++in) alike &= in < n_in && *key == kinds[in];
  for (++key; *key != ':'; ++key) out = out * 10 + (*key - '0');
  for (; *key; ++key) code += *key == ';';
  if (!alike || in != n_in || out != n_out || code != n_code) fail(s, -1, "names the loop of another chain");
}

static const char arguments[] = { /* of each elementwise operation */
#define ARGUMENTS_1(name) 1,
#define ARGUMENTS_2(name) 2,
    GD_UNARY_OPS(ARGUMENTS_1) GD_NUMBERED_OPS(ARGUMENTS_1) GD_BINARY_OPS(ARGUMENTS_2) 3, 0,
};

/* Elements of an elementwise pass; its code reads no register before it is written. */
static int64_t map(const scan *s) {
  enum { DIRECT, SPREAD, SCALAR, COUNT };
  const int64_t *attr = s->ins->attr;
  if (s->ins->n_attr < 6) return has(s, 0, 0, 6, 0), 0;
  const int64_t nd = attr[0], n_out = attr[1], n_in = attr[2], n_code = attr[3];
  if (nd < 0 || nd > GD_MAP_DIMS) return fail(s, -1, "walks more dimensions than its kernel has room for"), 0;
  if (n_out < 1 || n_in < 0 || n_out > GD_MAP_REGISTERS || n_in + n_out > GD_MAP_REGISTERS)
    return fail(s, -1, "has more operands than its kernel has registers"), 0;
  if (n_code < 0 || n_code > MOST || attr[4] < 1 || attr[4] > MOST)
    return fail(s, -1, "has a number of operations, or a unit, that cannot be"), 0;
  const int64_t placed = s->ins->n_dim == nd * (n_in + 1) ? 0 : n_out; /* outputs that have strides, too */
  if (!has(s, n_out + n_in, nd * (n_in + 1 + placed), 6 + n_in + 5 * n_code, 2 * n_code)) return 0;
  const int64_t elements = product(s, 0, nd);
  char kinds[GD_MAP_REGISTERS], written[GD_MAP_REGISTERS];
  for (int64_t k = 0; k < n_out; ++k) holds(s, (int32_t)k, GD_REAL, placed ? walked(s, 0, nd * (n_in + 1 + k), nd) : elements);
  for (int64_t k = 0; k < n_in; ++k) {
    const int32_t ref = (int32_t)(n_out + k);
    kinds[k] = attr[6 + k] == DIRECT || (attr[6 + k] == SPREAD && nd && size(s, nd * (k + 2) - 1)) ? 'v' : 's';
    switch (attr[6 + k]) {
      case DIRECT: holds(s, ref, GD_REAL, elements); break;
      case SPREAD:
        if (nd == 0) fail(s, ref, "spreads an operand over no dimension");
        holds(s, ref, ANY, walked(s, 0, nd * (k + 1), nd));
        break;
      case SCALAR: holds(s, ref, ANY, 1); break;
      case COUNT: if (nd == 0) fail(s, ref, "has a count and no place for it"); break;
      default: fail(s, ref, "has an operand of an unknown kind");
    }
  }
  const char *key = "";
  for (int64_t i = 0; i <= attr[5] && key; ++i) key = gd_chain_key((int)i);
  if (!key) fail(s, -1, "names the loop of no chain");
  else if (*key) chain(s, key, n_in, n_out, n_code, kinds);
  for (int64_t k = 0; k < GD_MAP_REGISTERS; ++k) written[k] = k < n_in;
  for (const int64_t *code = attr + 6 + n_in, *end = code + 5 * n_code; code < end; code += 5) {
    if (code[0] < 0 || code[0] >= (int64_t)sizeof arguments) return fail(s, -1, "has an unknown operation"), 0;
    for (int i = 2; i < 5; ++i) {
      if (code[i] < 0 || code[i] >= GD_MAP_REGISTERS || (i < 2 + arguments[code[0]] && !written[code[i]]))
        return fail(s, -1, "reads a register that nothing was written to"), 0;
    }
    if (code[1] < n_in || code[1] >= GD_MAP_REGISTERS)
      return fail(s, -1, "writes to a register that there is not"), 0;
    written[code[1]] = 1;
  }
  for (int64_t k = n_in; k < n_in + n_out; ++k)
    if (!written[k]) fail(s, (int32_t)(k - n_in), "leaves an output unwritten");
  return elements;
}

#include "check_rows.h"

static int64_t copy(const scan *s) {
  const int64_t nd = s->ins->n_attr ? s->ins->attr[0] : -1;
  if (nd < 0 || nd > GD_COPY_DIMS) return fail(s, -1, "walks more dimensions than its kernel has room for"), 0;
  if (!has(s, 2, 3 * nd + 2, 1, 0)) return 0;
  if (s->ins->ref[0].type != s->ins->ref[1].type) fail(s, 1, "copies to another type");
  for (int i = 0; i < 2; ++i) {
    const int64_t reached = walked(s, 0, (i + 1) * nd, nd);
    holds(s, i, ANY, reached ? plus(size(s, 3 * nd + i), reached) : 0);
  }
  return 0;
}

static int64_t fill(const scan *s) {
  if (has(s, 1, 1, 0, 1)) holds(s, 0, GD_REAL, size(s, 0));
  return 0;
}

#include "check_reductions.h"

int64_t gd_panels(int64_t k, int64_t n) {
  const int64_t columns = n > TOO_LARGE - GD_PANEL_COLUMNS ? TOO_LARGE : gd_ceil_div(n, GD_PANEL_COLUMNS) * GD_PANEL_COLUMNS;
  return times(2, times(k + 1, columns)) == TOO_LARGE ? TOO_LARGE : gd_panels_of(k, columns);
}

static int64_t pack(const scan *s) {
  enum { K, N, ROW, COL };
  if (!has(s, 2, 4, 0, 0)) return 0;
  const int64_t k = size(s, K), n = size(s, N);
  holds(s, 0, GD_REAL, k ? gd_panels(k, n) : 0);
  holds(s, 1, GD_REAL, k && n ? plus(plus(times(k - 1, size(s, ROW)), times(n - 1, size(s, COL))), 1) : 0);
  return 0;
}

static int64_t all_finite(const scan *s) {
  const int rows = s->ins->n_ref == 3; /* of groups */
  if (!has(s, 2 + rows, 1 + rows, 1, 0)) return 0;
  holds(s, 0, GD_INT32, 1);
  holds(s, 1, GD_REAL, rows ? product(s, 0, 2) : size(s, 0));
  if (rows) groups(s, 2, 0);
  return 0;
}

static int64_t outer_peak(const scan *s) {
  if (!has(s, 3, 2, 0, 0)) return 0;
  holds(s, 0, GD_REAL, 1);
  holds(s, 1, GD_REAL, size(s, 0));
  holds(s, 2, GD_REAL, size(s, 1));
  return 0;
}

/* Whether factors can be rounded so: 0 not, 1 in float32 code, 2 for instructions that this processor has. */
static void bfloat16(const scan *s, int64_t how) {
  if (how < 0 || how > 2 || (how && s->plan->bits != 32)) fail(s, -1, "rounds to bfloat16 in a way that its kernel has not");
  else if (how == 2 && !gd_bf16_supported()) fail(s, -1, "multiplies bfloat16 by instructions that this processor has not");
}

static int64_t gemm(const scan *s) {
  if (!has(s, s->ins->n_ref == 4 ? 4 : 3, 16, 4, 0)) return 0;
  bfloat16(s, s->ins->attr[3]);
  enum { OUTER, INNER, M, N, K, C_OUTER, C_INNER, C_ROW, A_OUTER, A_INNER, A_ROW, A_COL, B_OUTER, B_INNER, B_ROW, B_COL };
  const struct { int operand, sizes[4], strides[4]; } walks[] = {
      {0, {OUTER, INNER, M, N}, {C_OUTER, C_INNER, C_ROW, -1}},
      {1, {OUTER, INNER, M, K}, {A_OUTER, A_INNER, A_ROW, A_COL}},
      {2, {OUTER, INNER, K, N}, {B_OUTER, B_INNER, B_ROW, B_COL}},
  };
  for (int w = 0; w < 3; ++w) {
    int64_t last = 0, empty = 0;
    for (int d = 0; d < 4; ++d) {
      const int64_t length = size(s, walks[w].sizes[d]), stride = walks[w].strides[d];
      empty |= length == 0;
      last = plus(last, times(length == TOO_LARGE || !length ? length : length - 1, stride < 0 ? 1 : size(s, stride)));
    }
    holds(s, walks[w].operand, GD_REAL, empty ? 0 : plus(last, 1));
  }
  holds(s, 0, GD_REAL, product(s, OUTER, 4)); /* nor do they lie over one another */
  if (!s->ins->attr[0] != (s->ins->n_ref == 3)) fail(s, -1, "has column sums or panels and no place for them");
  else if (s->ins->attr[0] == 2) {
    holds(s, 3, GD_REAL, size(s, K) ? gd_panels(size(s, K), size(s, N)) : 0);
    if (product(s, OUTER, 2) > 1 || s->ins->attr[3]) fail(s, 3, "has panels of several products, or of rounded factors");
  } else if (s->ins->attr[0]) {
    holds(s, 3, GD_REAL, size(s, N));
    if (product(s, OUTER, 2) > 1) fail(s, 3, "has column sums of several products");
    if (s->ins->dim[B_COL].fixed != 1 || s->ins->dim[B_COL].per_row) fail(s, 2, "sums columns that do not lie in rows");
  }
  return product(s, OUTER, 4);
}

#include "check_windows.h"

#include "check_convolution.h"

/* A loop: its moves stay within what they move between, and its body can be run over a block's memory. */
static int64_t loop(const scan *s) {
  enum { STEPS, BACKWARDS, SAMPLES, BUFFERS, BLOCK_BYTES, SLOTS, MOVES, HEAD };
  enum { WHEN, OPERAND, BUFFER, OFFSET, BYTES, ROWS, ROW_STRIDE, STEP_STRIDE, MOVE };
  enum { FIRST, BEFORE, KEEP, AFTER, CARRY, LAST };
  const gd_ins *ins = s->ins;
  const int64_t *attr = ins->attr, moves = ins->n_attr < HEAD ? -1 : attr[MOVES];
  if (moves < 0 || moves > MOST) return has(s, 0, 0, HEAD, 0), 0;
  const int64_t buffers = attr[BUFFERS];
  if (buffers < 2 || buffers > GD_LOOP_BUFFERS || ins->n_ref < buffers - 1 || attr[SAMPLES] < 1)
    return fail(s, -1, "has a body with more buffers than its kernel has room for, or a block without samples"), 0;
  if (!has(s, ins->n_ref, 1, HEAD + MOVE * moves + 2 * (buffers - 2), 0)) return 0;
  for (const int64_t *a = attr; a < attr + ins->n_attr; ++a)
    if (*a < 0 || *a > (int64_t)1 << 40) return fail(s, -1, "has a negative size"), 0;
  const int64_t outside = buffers - 2, *strides = attr + HEAD + MOVE * moves;
  if (attr[SLOTS] > attr[BLOCK_BYTES] || attr[SLOTS] % 8 || attr[BLOCK_BYTES] % 8)
    return fail(s, -1, "has a body whose slots do not lie in its memory"), 0;
  const int64_t batch = size(s, 0), samples = gd_min(batch, attr[SAMPLES]), width = s->plan->bits / 8;
  if (batch == TOO_LARGE) return fail(s, -1, "has more samples than there can be"), 0;
  int64_t room[GD_LOOP_BUFFERS] = {attr[SLOTS], attr[BLOCK_BYTES] - attr[SLOTS]};
  const int32_t from = ins->n_ref - 1 - (int32_t)outside;
  for (int32_t i = 0; i < outside; ++i) {
    holds(s, from + i, ANY, 1);
    if (s->fault->what) return 0;
    room[2 + i] = s->room[ins->ref[from + i].buffer] - ins->ref[from + i].offset;
  }
  const int64_t blocks = batch / attr[SAMPLES] + (batch % attr[SAMPLES] != 0);
  holds(s, ins->n_ref - 1, GD_REAL, times(blocks, attr[BLOCK_BYTES] / width));
  for (const int64_t *m = attr + HEAD; m < strides; m += MOVE) {
    if (m[WHEN] > LAST || m[BUFFER] > 1 || m[OPERAND] >= ins->n_ref)
      return fail(s, -1, "has a move of no kind that its kernel knows"), 0;
    if (m[WHEN] == CARRY) {
      const int64_t bytes = plus(times(m[BYTES], samples), m[ROWS]);
      if (m[ROW_STRIDE] > 1 || plus(m[STEP_STRIDE], bytes) > room[m[ROW_STRIDE]] || plus(m[OFFSET], bytes) > room[m[BUFFER]])
        return fail(s, -1, "has a carry that reaches beyond its body's memory"), 0;
      continue;
    }
    const int64_t all = times(m[ROWS], batch), one = ins->ref[m[OPERAND]].type == GD_INT32 ? 4 : width;
    if (plus(m[OFFSET], times(m[ROWS] ? times(m[ROWS], samples) : 1, m[BYTES])) > room[m[BUFFER]])
      return fail(s, (int32_t)m[OPERAND], "has a move that reaches beyond its body's memory"), 0;
    int64_t reach = plus(times(all ? all - 1 : 0, m[ROW_STRIDE]), m[BYTES]);
    if (m[WHEN] >= BEFORE && m[WHEN] <= AFTER) reach = plus(reach, times(attr[STEPS] ? attr[STEPS] - 1 : 0, m[STEP_STRIDE]));
    holds(s, (int32_t)m[OPERAND], ANY, reach / one + (reach % one != 0));
  }
  if (s->fault->what) return 0;
  /* Reach is a convex function of a block's samples, so that the largest blocks and single samples tell of all. */
  const gd_plan body = {.ins = ins->body, .n_ins = ins->n_body, .bits = s->plan->bits, .flag_buffer = -1};
  const int64_t sizes[] = {samples, 1};
  for (int k = 0; k < (samples > 1 ? 2 : 1) && !s->fault->what; ++k) {
    int64_t left[GD_LOOP_BUFFERS];
    memcpy(left, room, sizeof left);
    for (int64_t i = 0; i < outside; ++i) {
      const int64_t before = plus(times(batch - gd_min(batch, sizes[k]), strides[2 * i]), times(attr[STEPS] ? attr[STEPS] - 1 : 0, strides[2 * i + 1]));
      left[2 + i] = before > room[2 + i] ? -1 : room[2 + i] - before;
    }
    gd_fault inner;
    if (gd_check(&body, left, (int32_t)buffers, gd_min(batch, sizes[k]), &inner)) continue;
    fail(s, inner.ref, inner.what);
    s->fault->within = inner.instruction + 1;
  }
  return 0;
}

#include "check_attention.h"
/* For each kernel what looks at its instructions: it gives the number of outputs where a pass may ride on them. */
static const struct {
  const char *name;
  int64_t (*look)(const scan *);
  int carries;
} kernels[] = {
    {"map", map, 0}, {"gemm", gemm, 1}, {"conv", conv, 1}, {"conv_dw", conv_dw, 0}, {"winograd_filters", winograd_filters, 0}, {"winograd", winograd, 1},
    {"winograd_dw", winograd_dw, 0}, {"depthwise", depthwise, 1}, {"depthwise_dw", depthwise_dw, 0}, {"sum", reduce, 0}, {"max", reduce, 0}, {"logsumexp", reduce, 0},
    {"sum_partial", sum_partial, 0}, {"sum_final", sum_final, 0}, {"copy", copy, 0}, {"fill", fill, 0},
    {"gather", gather, 0}, {"scatter_add", gather, 0}, {"unfold", window, 0}, {"fold", window, 0},
    {"max_pool", pool, 0}, {"max_pool_dx", pool, 0}, {"max_pool_take", pool, 0}, {"avg_pool", pool, 0}, {"avg_pool_dx", pool, 0},
    {"resample", resample, 0},
    {"all_finite", all_finite, 0}, {"outer_peak", outer_peak, 0}, {"scan", loop, 0}, {"attention", attention, 0}, {"attention_gradient", attention, 0},
    {"softmax", softmax, 0}, {"pack", pack, 0}, {"bag", bag, 0}, {"bag_add", bag, 0},
    {"group_rows", group_rows, 0}, {"sum_rows", sum_rows, 0}, {"square_rows", square_rows, 0},
    {"log_numbers", log_numbers, 0}, {"update_rows", update_rows, 0},
};

static int64_t look_at(scan *s, const gd_ins *ins, int *carries) {
  s->ins = ins;
  for (int32_t i = 0; i < ins->n_dim; ++i) size(s, i); /* those that the kernel does not need for its reach, too */
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i)
    if (strcmp(kernels[i].name, ins->op->name) == 0) {
      *carries = kernels[i].carries;
      return kernels[i].look(s);
    }
  return fail(s, -1, "has a kernel that nothing is known of"), 0;
}

int gd_check(const gd_plan *plan, const int64_t *room, int32_t n_buffers, int64_t batch, gd_fault *fault) {
  scan s = {NULL, plan, room, n_buffers, batch, fault};
  *fault = (gd_fault){0, -1, 0, NULL};
  for (int32_t i = 0; i < plan->n_ins && !fault->what; ++i) {
    const gd_ins *ins = &plan->ins[i];
    int carries = 0, rides = 0;
    fault->instruction = i;
    const int64_t outputs = look_at(&s, ins, &carries);
    if (!ins->then || fault->what) continue;
    const int64_t passed = look_at(&s, ins->then, &rides);
    if (!carries) fail(&s, -1, "has a pass that its kernel does not run");
    else if (outputs != passed) fail(&s, -1, "has a pass over another number of elements");
  }
  return !fault->what;
}
