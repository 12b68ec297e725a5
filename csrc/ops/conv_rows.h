/* conv_rows.h: convolution for few filters, one row of windows at a time. Part of conv.c, which includes it.
 *
 * Where there are few filters, writing windows would cost more than multiplying them. A row of windows is a matrix
 * as it lies: its rows are the pixels' channels, one step apart, and its columns the elements of a line of taps, one
 * line after another (`gd_product_segments`). Lines of the image are copied only where they are padded or hold several
 * groups; lines outside of it are left out. In bfloat16 lines and the kernel are copied and rounded, to pairs of channels where the
 * processor multiplies pairs and the channels are even in number.
 */
#if GD_REAL_BITS == 32
#include "../gemm_shapes.h"
#define PAIRS GD_NAME(gd_bf16)
#else
static const struct {
  void (*panels)(real *to, const real *b, int64_t row, int64_t col, int64_t k, int64_t n);
  void (*line)(real *to, const real *x, int64_t n);
  void (*pairs)(real *to, const real *x, int64_t below, int64_t n);
} PAIRS = {0};
#endif
enum { SEGMENTS = 128, FEW = 8 * VL, FEW_PANEL = (256 << 10) / sizeof(real), FEW_LINES = (512 << 10) / sizeof(real), AT_ONCE = 512 };

static conv_windows rows_open(const gd_ins *ins, const real *x) {
  conv_windows g = windows_open(ins, x);
  if (ins->attr[BF16]) g.bfloat16 = ins->attr[BF16] == 2 && PAIRS.line && g.c % 2 == 0 ? 2 : 1;
  return g;
}

/* Where the lines of taps of one row of windows lie, and their elements; and how they are cut into segments. */
static int64_t segments_of(const gd_windows *g) { return g->deep.taps * g->down.taps * (g->across.apart == 1 ? 1 : g->across.taps); }

/* Pixels of a line that the windows reach. */
static int64_t line_of(gd_axis w) { return gd_max(0, (w.windows - 1) * w.step + (w.taps - 1) * w.apart + 1); }

/* Whether so many elements are at most `limit`. */
static int within(int64_t a, int64_t b, int64_t c, int64_t limit) {
  return !a || !b || !c || (a <= limit && b <= limit / a && c <= limit / (a * b));
}

static int line_is_copied(const conv_windows *g) {
  const gd_axis w = g->at.across;
  return g->bfloat16 || g->pixel != g->c || w.first < 0 || w.first + line_of(w) > w.size;
}

/* Windows of one unit. */
static gd_axis some_windows(gd_axis w, int64_t part) {
  w.first += part * AT_ONCE * w.step, w.windows = gd_min(AT_ONCE, w.windows - part * AT_ONCE);
  return w;
}
static int64_t row_parts(gd_axis w) { return gd_ceil_div(w.windows, AT_ONCE); }
static int64_t longest(const conv_windows *g) { return line_of(some_windows(g->at.across, 0)); }
static int64_t lines_of_taps(const gd_windows *g) { return g->deep.taps * g->down.taps; }

/* Whether few filters see lines that are short enough for their kernels to stay in L2. */
static int by_rows(const gd_ins *ins) {
  const conv_windows g = rows_open(ins, NULL);
  const int64_t n = gd_ceil_div(ins->attr[N], VL) * VL;
  const int flat = gd_axis_flat(g.at.deep) && gd_axis_flat(g.at.down) && gd_axis_flat(g.at.across);
  return !flat && n && n <= FEW && segments_of(&g.at) <= SEGMENTS && within(gd_taps(&g.at), g.c, n, g.bfloat16 == 2 ? 4 * FEW_PANEL : FEW_PANEL) &&
         g.at.across.windows >= 4 && (!line_is_copied(&g) || within(lines_of_taps(&g.at), longest(&g), g.c, FEW_LINES));
}

/* Words of a pixel in a line that is copied: channels, or pairs of them. */
static int64_t words_of(const conv_windows *g) { return g->bfloat16 == 2 ? g->c / 2 : g->c; }

static void rounded(real *x, int64_t n) {
#if GD_REAL_BITS == 32
  for (int64_t i = 0; i < n; i += VL) v_store(x + i, v_bf16(v_load(x + i)));
#else
  (void)x, (void)n;
#endif
}

/* A line of x from pixel `first` of its row on, zeros outside of it. */
static void copy_line(const conv_windows *g, gd_axis w, const real *row, real *to) {
  const int64_t line = line_of(w), from = gd_min(line, gd_max(0, -w.first)), end = gd_max(from, gd_min(line, w.size - w.first));
  const int64_t words = words_of(g), step = g->pixel == g->c ? gd_max(1, end - from) : 1; /* pixels copied as one */
  zero(to, from * words);
  const real *x = row + (w.first + from) * g->pixel;
  to += from * words;
  for (int64_t p = from; p < end; p += step, x += step * g->pixel, to += step * words)
    if (g->bfloat16 == 2) PAIRS.line(to, x, step * g->c);
    else copy(to, x, step * g->c);
  if (g->bfloat16 == 1) rounded(to - (end - from) * words, (end - from) * words);
  zero(to, (line - end) * words);
}

/* The kernel of a group in panels of 2 VL filters, taps and channels one after another. */
static void pack_filters(const conv_windows *g, const int64_t *tap, int64_t row, int64_t column, const real *w, int64_t n, real *to) {
  enum { WIDTH = 2 * VL };
  for (int64_t j = 0; j < n; j += WIDTH)
    for (int64_t z = 0; z < g->at.deep.taps; ++z)
      for (int64_t y = 0; y < g->at.down.taps; ++y)
        for (int64_t x = 0; x < g->at.across.taps; ++x, to += words_of(g) * WIDTH) {
          const real *from = w + z * tap[0] + y * tap[1] + x * tap[2] + j * column;
          const int64_t some = gd_min(WIDTH, n - j);
          if (g->bfloat16 == 2) {
            PAIRS.panels(to, from, row, column, g->c, some);
            continue;
          }
          for (int64_t c = 0; c < g->c; ++c)
            for (int64_t i = 0; i < some; ++i) to[c * WIDTH + i] = from[c * row + i * column];
          if (g->bfloat16) rounded(to, g->c * WIDTH);
        }
}

static int64_t rows_panel(const conv_windows *g, int64_t n) { return gd_taps(&g->at) * words_of(g) * gd_ceil_div(n, 2 * VL) * 2 * VL; }
static int64_t padded(int64_t elements) { return gd_ceil_div(elements, VL) * VL + 2 * VL; }

static int64_t rows_scratch(const gd_ins *ins) {
  const conv_windows g = rows_open(ins, NULL);
  const int64_t lines = line_is_copied(&g) ? lines_of_taps(&g.at) * padded(longest(&g) * words_of(&g)) : 0;
  return gd_ceil_div((rows_panel(&g, ins->attr[N]) + VL + lines) * (int64_t)sizeof(real), 64) * 64;
}

static int64_t rows_units(const gd_ins *ins, int64_t batch) {
  const gd_windows g = gd_windows_of(ins->attr);
  return ins->attr[GROUPS] * gd_size(ins->dim[0], batch) * g.deep.windows * g.down.windows * row_parts(g.across);
}

/* Units [lo, hi): rows of windows, or parts of them, of one group after another. */
static void conv_rows(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t *a = ins->attr, n = a[N], rows = rows_units(ins, run->batch) / a[GROUPS];
  conv_windows g = rows_open(ins, (const real *)gd_at(run, ins, 1));
  const gd_axis d = g.at.deep, h = g.at.down;
  gd_axis w = g.at.across;
  const int copied = line_is_copied(&g);
  const int64_t words = words_of(&g), line = padded(longest(&g) * words), parts = row_parts(w), pitch = w.size * g.pixel, cuts = w.apart == 1 ? 1 : w.taps;
  const int64_t k = w.apart == 1 ? w.taps * words : words, ring = d.taps == 1 && h.apart == 1 ? h.taps : 0;
  int64_t a_at[SEGMENTS], b_at[SEGMENTS], held[SEGMENTS], group = -1;
  _Alignas(64) char epilogue[GD_EPILOGUE];
  real *panel = (real *)gd_open_epilogue(ins->then, run, epilogue);
  real *lines = panel + gd_ceil_div(rows_panel(&g, n), VL) * VL;
  const real *all = g.x;
  for (int64_t u = lo; u < hi; ++u) {
    if (u / rows != group) {
      group = u / rows, g.x = all + group * g.c;
      pack_filters(&g, a + W_TAPS, a[W_ROW], a[W_COLUMN], (const real *)gd_at(run, ins, 2) + a[W_BEGIN] + group * a[W_GROUP], n, panel);
      for (int64_t i = 0; i < ring; ++i) held[i] = -1;
    }
    const int64_t part = u % parts, first = u % rows / parts * g.at.across.windows + part * AT_ONCE;
    const gd_pixel p = gd_pixel_of(&g.at, first);
    w = some_windows(g.at.across, part);
    int64_t z0, z1, y0, y1, s = 0;
    gd_taps_inside(d, p.deep, &z0, &z1);
    gd_taps_inside(h, p.down, &y0, &y1);
    for (int64_t z = z0; z < z1; ++z)
      for (int64_t y = y0; y < y1; ++y) {
        const int64_t at = (p.image * d.size + p.deep * d.step + d.first + z * d.apart) * h.size + p.down * h.step + h.first + y * h.apart;
        int64_t begin = at * pitch + w.first * g.pixel;
        if (copied) {
          const int64_t slot = ring ? at % ring : z * h.taps + y;
          begin = slot * line;
          if (!ring || held[slot] != at * parts + part) copy_line(&g, w, g.x + at * pitch, lines + begin);
          if (ring) held[slot] = at * parts + part;
        }
        for (int64_t t = 0; t < cuts; ++t, ++s) {
          a_at[s] = begin + t * w.apart * words;
          b_at[s] = ((z * h.taps + y) * w.taps + t) * words * 2 * VL;
        }
      }
    if (s == 0) a_at[0] = b_at[0] = 0; /* all taps lie outside: a sum over nothing */
    const gemm_segments product = {
        .m = w.windows, .n = n, .k = s ? k : 0, .segments = gd_max(s, 1), .c = (real *)gd_at(run, ins, 0) + a[Y_BEGIN] + group * n + gd_place(&p, a + Y_STRIDES),
        .a = copied ? lines : g.x, .b = panel, .c_row = a[Y_STRIDES + 3], .a_row = w.step * words, .a_col = 1, .b_row = 2 * VL,
        .panel = gd_taps(&g.at) * words * 2 * VL, .a_at = a_at, .b_at = b_at, .pairs = g.bfloat16 == 2,
    };
    GD_NAME(gd_product_segments)(&product);
    if (ins->then) ins->then->op->window(epilogue, n * a[GROUPS], first, first + w.windows, group * n, group * n + n);
  }
}
