/* exec.h: what exec.c and batch.c share with the Cython door. */
#ifndef GD_EXEC_H
#define GD_EXEC_H

#include "gd.h"
#include "sources.h"

/* A plan: the instructions of one training or prediction step, in order.
 * [0, n_gradients) compute loss, outputs and gradients, [n_gradients, n_compute) look at the gradients; if they are
 * finite, [n_compute, n_ins) update. */
typedef struct {
  const gd_ins *ins;
  int32_t n_ins, n_gradients, n_compute, bits;
  int32_t flag_buffer; /* where all_finite clears its flag; -1: nothing is checked */
  int64_t flag_offset;
  int64_t scratch; /* bytes that each thread needs */
  const uint8_t *meet; /* [n_ins]: whether what follows an instruction needs it to be finished by all; NULL: always */
} gd_plan;

/* What is done to the rows of a feed while they are gathered; height 0: nothing. See augment.c. */
enum { GD_FLIP_NONE = 0, GD_FLIP_RANDOM = 1, GD_FLIP_ALTERNATING = 2 };
enum { GD_IMAGE = 0, GD_MASK = 1, GD_LABELS = 2, GD_BOXES = 3 }; /* roles: images, or targets that go along with them */
enum { GD_GRID_MOST = 8, GD_CHANNELS_MOST = 1024 };
typedef struct {
  int64_t height, width, channels;
  int64_t shift_y, shift_x;  /* most pixels by which an image is shifted, up or down, left or right */
  int32_t flip, reflect;     /* reflect: at the outermost pixels; or zeros */
  int64_t hole;              /* side of the square that is set to 0 */
  double rotation, zoom;     /* most radians either way; most by which the scale differs from 1 */
  double elastic;            /* standard deviation of the control points of a bend, in pixels */
  int64_t grid;              /* cells between control points along a side, 1 ... GD_GRID_MOST */
  double brightness, contrast, saturation, channel_scale; /* most by which each factor differs from 1 */
  double most;               /* colours are limited to 0 ... most; 0: they are not */
  double mixup, cutmix;      /* alpha of the beta distribution of shares; 0: none */
  int32_t role;
  uint64_t seed, epoch;
  const int64_t *samples;    /* the number of each row, where rows are not numbered as they lie; or NULL */
} gd_augment;

/* One array of the data set, and the buffer that holds a batch of it. A compressed sparse matrix gives
 * the numbers of row r as data[starts[r]] ... data[starts[r + 1] - 1], each with its column. */
typedef struct {
  const char *data;
  const void *columns, *starts; /* of a sparse matrix; NULL for rows that lie in full */
  int64_t held;                 /* numbers of a sparse matrix */
  int64_t rows, row;            /* samples, and elements of one */
  int64_t pitch;                /* bytes from one sample to the next */
  double scale;                 /* reals are multiplied by it */
  gd_convert_fn convert;        /* from source to type */
  int32_t source, type;         /* GD_SOURCE_uint8 ...; GD_REAL or GD_INT32 */
  int32_t wide;                 /* whether columns and starts are int64, not int32 */
  int32_t part;                 /* of a sparse matrix: GD_FULL rows are staged, or their columns or numbers alone */
  int32_t buffer;               /* its base is set to the staged batch, or straight into the data */
  char *stage;
  gd_augment augment;
} gd_feed;

/* What of a sparse matrix a feed stages: rows in full, or of each the first `row` columns (int32; -1 where there are
 * fewer) or numbers. */
enum { GD_FULL = 0, GD_COLUMNS = 1, GD_NUMBERS = 2 };

/* One output of which every row is kept. */
typedef struct { gd_ref from; char *to; int64_t row_bytes; } gd_tap;

enum { GD_DONE = 0, GD_PAUSED = 1, GD_NOT_FINITE = 2, GD_LEFT = 3 };

/* Some steps over a data set. */
typedef struct {
  const gd_plan *plan;
  char **base; /* [n_buffers] */
  int32_t n_buffers, n_feeds, n_taps, threads;
  gd_feed *feeds;
  gd_tap *taps;
  const int64_t *order;     /* sample numbers in the order of their turn; NULL: as they lie */
  int64_t rows, batch;      /* samples in all, samples a step; the last step takes what is left */
  int64_t first, steps;     /* which steps of the epoch to take */
  uint64_t seed, counter;   /* counter: the number of the first step for random numbers */
  const char *hyper;        /* [steps] rows of hyper_bytes, copied to base[hyper_buffer] in turn; or NULL */
  int64_t hyper_bytes;
  int32_t hyper_buffer;
  gd_ref loss;              /* loss.buffer = -1: none */
  double *losses;           /* [steps] */
  char *scratch;            /* threads * plan->scratch bytes */
  double seconds;           /* come back after about this long */
  double *spent;            /* [n_ins]: seconds in each instruction are added here; NULL: not measured */
  int (*exchange)(void *);  /* called by one thread when all gradients are computed, before they are looked at
                               or applied: not 0: leave the step. Or NULL */
  int (*heard)(void *);     /* asked now and then within a long step, by one thread; not 0: leave it. Or NULL */
  void *listener;
} gd_job;

/* Takes steps until done, out of time, a loss or gradient is not finite, or `heard` says so. Returns
 * how many were completed; *status says why it stopped. A step that is left has updated nothing. */
int64_t gd_run_job(gd_job *job, int32_t *status);

/* What is wrong with a plan: the instruction, its operand (-1: all of it), 1 + the number of an instruction of
 * its body where the fault lies there, and in words; NULL: nothing. */
typedef struct { int32_t instruction, ref, within; const char *what; } gd_fault;

/* Whether a plan can be run for up to `batch` samples over buffers with room for so many bytes. */
int gd_check(const gd_plan *plan, const int64_t *room, int32_t n_buffers, int64_t batch, gd_fault *fault);

/* Numbers that the panels of a matrix b[k, n] take that is packed once, on any instruction set. */
int64_t gd_panels(int64_t k, int64_t n);

/* How many threads OpenMP would give the calling thread: what threadpoolctl looks at, and lowers. */
int gd_openmp_threads(void);

/* Stages rows [lo, hi) of one batch of a feed, whose first sample is number `first` of the order. */
void gd_stage(const gd_feed *feed, const int64_t *order, int64_t first, int64_t lo, int64_t hi, int bits);
/* One row of a feed, in `bytes` for each element, changed as its `augment` says. */
void gd_augment_row(const gd_feed *feed, int64_t row, const char *x, char *y, int64_t bytes);
/* Whether a feed can be read where it lies. */
int gd_in_place(const gd_feed *feed, const int64_t *order, int bits);
/* Whether whole numbers are all in 0 ... limit - 1 (if limit is not 0), and reals all finite (if that is asked). */
int gd_acceptable(const void *x, int source, int64_t n, int64_t limit, int finite);
/* Bytes of an element of a data set; 0 for a code that is none. */
int64_t gd_source_bytes(int source);
/* A random permutation of 0 ... n-1, a function of the seed and the stream alone. */
void gd_permutation(int64_t *order, int64_t n, uint64_t seed, uint64_t stream);

/* philox.c: words first ... first + n - 1 of the sequence of a key of two words. */
void gd_random_words(uint64_t *out, int64_t n, uint64_t first, const uint64_t *key);
/* low + width u for n numbers u of [0, 1), one of each word, as floats (bits = 32) or doubles. */
void gd_random_uniform(void *out, int bits, int64_t n, uint64_t first, const uint64_t *key, double low, double width);

/* dispatch.c: the tables. */
int gd_isa_count(void);
const char *gd_isa_name(int i);
int gd_isa_supported(int i);
int gd_bf16_supported(void); /* whether the processor multiplies pairs of bfloat16, in the best of these */
const gd_op *gd_table(int isa, int bits);
gd_convert_fn gd_converter(int isa, int bits, int source, int type);
const char *gd_source_name(int i);
const char *gd_map_op_name(int i);
const char *gd_chain_key(int i);
const char *gd_openmp(void);
const char *gd_build_flags(void);

#endif
