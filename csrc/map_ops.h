/* map_ops.h: the elementwise operations, name by name. map.c gives each a block function;
 * the index in this list is the operation code that gdcore/graph/lower.py writes into a plan. */
#ifndef GD_MAP_OPS_H
#define GD_MAP_OPS_H

#define GD_MAP_OPS(X)                                                                     \
  X(identity) X(neg) X(abs) X(sign) X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(square)     \
  X(reciprocal) X(sin) X(cos) X(floor) X(round) X(erf) X(tanh) X(sigmoid) X(relu)         \
  X(leaky_relu) X(elu) X(gelu) X(gelu_tanh) X(silu) X(softplus) X(softsign)               \
  X(hard_sigmoid) X(hard_swish) X(mish) X(add) X(sub) X(mul) X(div) X(pow) X(maximum)     \
  X(minimum) X(equal) X(not_equal) X(less) X(less_equal) X(where) X(random_uniform)

#endif
