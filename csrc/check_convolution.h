/* check_convolution.h: what check.c, which includes it, looks at in convolutions; windows.h has their attributes. */

/* Sizes and distances of the windows, and `more` attributes; the places of one image, or -1: they cannot be. */
static int64_t windows(const scan *s, int64_t more) {
  enum { SIZES = 0, WINDOWS = 3, STEPS = 6, FIRST = 9, TAPS = 12, APART = 15, ALL = 18 };
  const int64_t *a = s->ins->attr;
  if (s->ins->n_attr != ALL + more) return has(s, 0, 0, ALL + more, 0), -1;
  for (int i = 0; i < ALL; ++i) {
    const int64_t least = i >= FIRST && i < TAPS ? -MOST : (i >= STEPS && i < FIRST) || i >= APART;
    if (a[i] < least || a[i] > MOST) return fail(s, -1, "has a size that cannot be"), -1;
  }
  for (int i = 0; i < 3; ++i) { /* how far windows reach, and how many there are */
    const int64_t reach = plus(times(a[WINDOWS + i], a[STEPS + i]), times(a[TAPS + i], a[APART + i]));
    if (reach > MOST) return fail(s, -1, "has a size that cannot be"), -1;
  }
  if (times(times(a[12], a[13]), a[14]) > MOST || times(times(a[3], a[4]), a[5]) > MOST)
    return fail(s, -1, "has a size that cannot be"), -1;
  return times(times(a[0], a[1]), a[2]);
}

static int64_t taps_of(const scan *s) { return times(times(s->ins->attr[12], s->ins->attr[13]), s->ins->attr[14]); }

/* Whole numbers [from, from + n) of the instruction are from 0 to MOST. */
static int sizes(const scan *s, int64_t from, int64_t n) {
  for (int64_t i = from; i < from + n; ++i)
    if (s->ins->attr[i] < 0 || s->ins->attr[i] > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  return 1;
}

/* Operand i is walked over sizes by strides of either sign, from an element on. */
static void strided(const scan *s, int32_t i, int64_t begin, const int64_t *length, const int64_t *strides, int n) {
  int64_t low = begin, high = begin;
  for (int d = 0; d < n; ++d) {
    if (length[d] == 0) return;
    if (length[d] == TOO_LARGE || strides[d] > MOST || strides[d] < -MOST) high = TOO_LARGE;
    else if (strides[d] < 0) low -= times(length[d] - 1, -strides[d]);
    else high = plus(high, times(length[d] - 1, strides[d]));
    if (low < 0) return fail(s, i, "has an operand that reaches beyond its buffer");
  }
  holds(s, i, GD_REAL, plus(high, 1));
}

/* The results: pixels of y, whose strides and beginning are attributes from `at` on, and channels. */
static int64_t pixels(const scan *s, int64_t at, int64_t channels) {
  const int64_t *a = s->ins->attr, batch = size(s, 0);
  if (batch > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  strided(s, 0, a[at + 4], (int64_t[]){batch, a[3], a[4], a[5], channels}, (int64_t[]){a[at], a[at + 1], a[at + 2], a[at + 3], 1}, 5);
  return times(times(times(batch, a[3]), times(a[4], a[5])), channels);
}

static int64_t conv(const scan *s) {
  enum { GROUPS = 18, C, N, Y, Y_BEGIN = Y + 4, W, W_ROW = W + 3, W_COLUMN, W_BEGIN, W_GROUP, BF16, ALL };
  const int64_t image = windows(s, ALL - GROUPS);
  if (image < 0 || !has(s, 3, 1, ALL, 0) || !sizes(s, GROUPS, 3) || !sizes(s, Y_BEGIN, 1) || !sizes(s, W_BEGIN, 1)) return 0;
  const int64_t *a = s->ins->attr, channels = times(a[GROUPS], a[N]);
  bfloat16(s, a[BF16]);
  if (times(taps_of(s), a[C]) > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  holds(s, 1, GD_REAL, times(times(size(s, 0), image), times(a[GROUPS], a[C])));
  strided(s, 2, a[W_BEGIN], (int64_t[]){a[12], a[13], a[14], a[C], a[N], a[GROUPS]},
          (int64_t[]){a[W], a[W + 1], a[W + 2], a[W_ROW], a[W_COLUMN], a[W_GROUP]}, 6);
  return pixels(s, Y, channels);
}

static int64_t conv_dw(const scan *s) {
  enum { GROUPS = 18, C, N, SUMS, BF16, ALL };
  const int64_t image = windows(s, ALL - GROUPS), *a = s->ins->attr;
  if (image < 0 || !has(s, a[SUMS] ? 4 : 3, 1, ALL, 0) || !sizes(s, GROUPS, 3)) return 0;
  bfloat16(s, a[BF16]);
  const int64_t filters = times(a[GROUPS], a[N]), places = times(size(s, 0), times(times(a[3], a[4]), a[5]));
  holds(s, 0, GD_REAL, times(times(taps_of(s), a[C]), filters));
  holds(s, 1, GD_REAL, times(times(size(s, 0), image), times(a[GROUPS], a[C])));
  holds(s, 2, GD_REAL, times(places, filters));
  if (a[SUMS]) holds(s, 3, GD_REAL, filters);
  return 0;
}

/* The tiles of images, and `more` attributes behind theirs: whether they can be. */
static int tiles(const scan *s, int64_t refs, int64_t more) {
  enum { FIRST = 4, C = 6, ALL = 8 };
  if (!has(s, refs, 1, ALL + more, 0) || !sizes(s, 0, FIRST) || !sizes(s, C, ALL + more - C)) return 0;
  const int64_t *a = s->ins->attr;
  int possible = a[C] && a[C + 1] && size(s, 0) <= MOST && times(a[0], a[1]) <= MOST && times(a[2], a[3]) <= MOST;
  for (int i = FIRST; i < C; ++i) possible &= a[i] >= -MOST && a[i] <= MOST;
  if (!possible) fail(s, -1, "has a size that cannot be");
  return possible;
}

/* The 36 matrices of a kernel in panels: as many of each as `panels` says. */
static int64_t points(int64_t c, int64_t n) { return times(36, gd_panels(c, n)); }

static int64_t winograd_filters(const scan *s) {
  enum { CHANNEL = 2, FILTER, BEGIN, ALL };
  if (!has(s, 2, 2, ALL, 0) || !sizes(s, BEGIN, 1)) return 0;
  const int64_t *a = s->ins->attr, c = size(s, 0), n = size(s, 1);
  if (!c || !n || c > MOST || n > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  if (a[CHANNEL] != 1 && a[FILTER] != 1) return fail(s, 1, "has a kernel whose channels and filters lie apart"), 0;
  holds(s, 0, GD_REAL, points(c, n));
  strided(s, 1, a[BEGIN], (int64_t[]){3, 3, c, n}, a, 4);
  return 0;
}

static int64_t winograd(const scan *s) {
  enum { C = 6, N };
  if (!tiles(s, 3, 0)) return 0;
  const int64_t *a = s->ins->attr, batch = size(s, 0), results = times(batch, times(times(a[2], a[3]), a[N]));
  holds(s, 0, GD_REAL, results);
  holds(s, 1, GD_REAL, times(batch, times(times(a[0], a[1]), a[C])));
  holds(s, 2, GD_REAL, points(a[C], a[N]));
  return results;
}

static int64_t winograd_dw(const scan *s) {
  enum { C = 6, N, SUMS };
  const int64_t *a = s->ins->attr;
  if (!tiles(s, s->ins->n_attr > SUMS && a[SUMS] ? 4 : 3, 1)) return 0;
  const int64_t batch = size(s, 0);
  holds(s, 0, GD_REAL, times(9, times(a[C], a[N])));
  holds(s, 1, GD_REAL, times(batch, times(times(a[0], a[1]), a[C])));
  holds(s, 2, GD_REAL, times(batch, times(times(a[2], a[3]), a[N])));
  if (a[SUMS]) holds(s, 3, GD_REAL, a[N]);
  return 0;
}

static int64_t depthwise(const scan *s) {
  enum { LANES = 18, SPREAD, FOLD, Y, Y_BEGIN = Y + 4, W, W_BEGIN = W + 3, ALL };
  const int64_t image = windows(s, ALL - LANES), *a = s->ins->attr;
  if (image < 0 || !has(s, 3, 1, ALL, 0) || !sizes(s, LANES, 3) || !sizes(s, Y_BEGIN, 1) || !sizes(s, W_BEGIN, 1)) return 0;
  if (!a[SPREAD] || !a[FOLD] || a[LANES] % a[SPREAD] || a[LANES] % a[FOLD] || times(times(a[12], a[13]), a[2]) > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  holds(s, 1, GD_REAL, times(times(size(s, 0), image), a[LANES] / a[SPREAD]));
  strided(s, 2, a[W_BEGIN], (int64_t[]){a[12], a[13], a[14], a[LANES]}, (int64_t[]){a[W], a[W + 1], a[W + 2], 1}, 4);
  return pixels(s, Y, a[LANES] / a[FOLD]);
}

static int64_t depthwise_dw(const scan *s) {
  enum { LANES = 18, SPREAD, SUMS, ALL };
  const int64_t image = windows(s, ALL - LANES), *a = s->ins->attr;
  if (image < 0 || !has(s, a[SUMS] ? 4 : 3, 1, ALL, 0) || !sizes(s, LANES, 2)) return 0;
  if (!a[SPREAD] || a[LANES] % a[SPREAD] || times(times(a[12], a[13]), a[2]) > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  holds(s, 0, GD_REAL, times(taps_of(s), a[LANES]));
  holds(s, 1, GD_REAL, times(times(size(s, 0), image), a[LANES] / a[SPREAD]));
  holds(s, 2, GD_REAL, times(times(size(s, 0), times(times(a[3], a[4]), a[5])), a[LANES]));
  if (a[SUMS]) holds(s, 3, GD_REAL, a[LANES]);
  return 0;
}
