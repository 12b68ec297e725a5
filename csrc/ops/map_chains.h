/* map_chains.h: common chains of elementwise operations, each as one loop. Written by csrc/make_chains.py.
 *
 * map.c includes it for the loops, dispatch.c for their keys: "vvs>1:add 3 0 1;..." are two vectors and
 * one number for each row in, one vector out, and what is done to which registers. The number of a chain
 * in a plan is its place in the list of keys.
 */
#ifndef GD_MAP_CHAINS_H
#define GD_MAP_CHAINS_H

#define GD_CHAIN_KEYS(X) \
  X("vv>1:add 3 0 1;relu 2 3") \
  X("vvvss>2:add 7 0 1;sub 8 7 2;square 5 8;mul 7 8 3;mul 6 4 7") \
  X("svv>1:less 4 0 1;where 3 4 2 0") \
  X("vsvssvssssv>3:mul 14 0 1;mul 15 2 3;add 11 14 15;mul 15 11 4;mul 14 5 6;square 16 2;mul 17 16 7;add 12 14 17;sqrt 17 12;mul 14 17 8;add 17 14 9;div 14 15 17;sub 13 10 14") \
  X("vv>1:add 2 0 1") \
  X("vv>1:add 3 0 1;tanh 2 3") \
  X("vsv>1:square 4 0;sub 5 1 4;mul 3 2 5") \
  X("vv>1:add 3 0 1;sigmoid 2 3") \
  X("svv>1:sub 4 0 1;mul 5 1 4;mul 3 2 5") \
  X("vv>2:add 2 0 1;gelu 3 2") \
  X("vsssssv>1:mul 8 0 1;erf 9 8;add 8 2 9;mul 9 8 3;square 8 0;mul 10 8 4;exp 8 10;mul 10 0 8;div 8 10 5;add 10 9 8;mul 7 6 10") \
  X("vv>1:add 3 0 1;gelu 2 3") \
  X("vv>2:add 2 0 1;silu 3 2") \
  X("vsv>1:sigmoid 4 0;sub 5 1 4;mul 6 0 5;add 5 1 6;mul 6 4 5;mul 3 2 6") \
  X("vv>1:add 3 0 1;silu 2 3") \
  X("vv>2:add 2 0 1;elu 3 2") \
  X("vsvsv>1:less 6 0 1;add 7 2 3;mul 8 4 7;where 5 6 8 4") \
  X("vv>1:add 3 0 1;elu 2 3") \
  X("vv>2:add 2 0 1;leaky_relu 3 2") \
  X("vsvs>1:less 5 0 1;mul 6 2 3;where 4 5 6 2") \
  X("vv>1:add 3 0 1;leaky_relu 2 3") \
  X("vv>2:add 2 0 1;softplus 3 2") \
  X("vv>1:sigmoid 3 0;mul 2 1 3") \
  X("vv>1:add 3 0 1;softplus 2 3") \
  X("svv>1:mul 4 0 1;sub 3 2 4") \
  X("vsvsv>2:mul 7 0 1;add 5 7 2;mul 7 3 5;sub 6 4 7") \
  X("vsvsv>2:mul 7 0 1;add 5 7 2;mul 7 5 1;add 8 2 7;mul 7 3 8;sub 6 4 7") \
  X("vssv>1:mul 5 0 1;mul 6 2 3;sub 4 5 6") \
  X("vsvsvs>2:mul 8 0 1;mul 9 2 3;add 6 9 4;mul 9 5 6;sub 7 8 9") \
  X("v>1:square 1 0") \
  X("vsvsssvssssv>3:mul 15 0 1;mul 16 2 3;mul 17 16 4;add 12 15 17;mul 17 12 5;mul 15 6 7;square 18 16;mul 16 18 8;add 13 15 16;sqrt 16 13;mul 15 16 9;add 16 15 10;div 15 17 16;sub 14 11 15") \
  X("vsvsvssvssss>3:mul 15 0 1;mul 16 2 3;mul 17 4 5;add 12 16 17;mul 17 12 6;mul 16 7 8;square 18 4;mul 19 18 9;add 13 16 19;sqrt 19 13;mul 16 19 10;add 19 16 11;div 16 17 19;sub 14 15 16") \
  X("vsvsvsssvssss>3:mul 16 0 1;mul 17 2 3;mul 18 4 5;mul 19 18 6;add 13 17 19;mul 19 13 7;mul 17 8 9;square 20 18;mul 18 20 10;add 14 17 18;sqrt 18 14;mul 17 18 11;add 18 17 12;div 17 19 18;sub 15 16 17") \
  X("vsvssvssvssv>4:mul 16 0 1;mul 17 2 3;add 12 16 17;mul 17 12 4;mul 16 5 6;square 18 2;mul 19 18 7;add 13 16 19;maximum 14 8 13;sqrt 19 14;mul 16 19 9;add 19 16 10;div 16 17 19;sub 15 11 16") \
  X("vsvssssvssssv>3:mul 16 0 1;mul 17 2 3;mul 18 0 4;add 13 17 18;mul 18 13 5;add 17 16 18;mul 18 6 17;mul 17 7 8;square 16 0;mul 19 16 9;add 14 17 19;sqrt 19 14;mul 17 19 10;add 19 17 11;div 17 18 19;sub 15 12 17") \
  X("vsvsssv>2:mul 9 0 1;square 10 2;mul 11 10 3;add 7 9 11;sqrt 11 7;add 9 11 4;div 11 2 9;mul 9 5 11;sub 8 6 9") \
  X("svvsv>2:mul 7 0 1;square 8 1;add 5 2 8;sqrt 8 5;add 9 8 3;div 8 7 9;sub 6 4 8") \
  X("vsvsvssv>3:add 11 0 1;sqrt 12 11;mul 11 2 3;square 13 4;mul 14 13 5;add 8 11 14;add 14 8 1;sqrt 11 14;div 14 12 11;mul 11 14 4;mul 14 6 11;sub 9 7 14;mul 14 0 3;square 12 11;mul 11 12 5;add 10 14 11") \
  X("vvvs>2:add 6 0 1;sub 7 6 2;abs 4 7;sign 6 7;mul 5 3 6") \
  X("vvvsss>2:add 8 0 1;sub 9 8 2;abs 8 9;minimum 10 8 3;mul 11 10 4;sub 12 8 11;mul 6 10 12;mul 11 5 10;mul 10 5 12;neg 12 11;mul 13 12 4;add 12 10 13;less 13 8 3;less 10 3 8;sub 8 3 10;add 10 13 8;mul 8 10 4;mul 10 12 8;add 8 11 10;sign 10 9;mul 7 8 10") \
  X("vvvs>3:add 4 0 1;equal 5 2 3;mul 6 5 4") \
  X("vv>1:sub 2 0 1") \
  X("svvss>1:mul 6 0 1;sub 7 2 3;exp 8 7;mul 7 8 4;add 5 6 7") \
  X("vsvss>2:add 7 0 1;softplus 8 7;mul 9 2 7;sub 5 8 9;mul 9 3 2;sigmoid 8 7;mul 7 4 8;add 6 9 7") \
  X("vs>1:add 2 0 1") \
  X("vsvvss>3:mul 9 0 1;add 10 9 2;sub 9 10 3;square 6 9;mul 10 9 4;mul 7 5 10;mul 8 7 1") \
  X("vvvvsssssv>3:mul 13 0 1;mul 14 13 2;neg 15 14;add 16 13 15;minimum 15 3 4;exp 17 15;add 15 17 5;mul 18 17 15;add 15 18 5;mul 19 18 15;mul 18 3 17;add 20 17 6;mul 17 18 20;mul 20 17 7;add 17 19 20;square 20 15;div 15 17 20;mul 20 14 15;add 10 16 20;mul 11 10 8;mul 12 13 9") \
  X("vsvv>1:mul 5 0 1;add 6 5 2;mish 5 6;sub 7 5 6;mul 5 3 7;add 4 6 5") \
  X("vsv>1:mul 4 0 1;add 3 4 2") \
  X("vvvvssvss>3:mul 12 0 1;mul 13 12 2;neg 14 13;add 15 12 14;less 14 3 4;mul 16 13 5;add 13 6 7;mul 17 16 13;where 13 14 17 16;add 9 15 13;mul 10 9 8;mul 13 6 5;sub 15 13 3;mul 11 12 15") \
  X("vsvsv>1:mul 6 0 1;add 7 6 2;elu 6 7;mul 8 6 3;sub 6 8 7;mul 8 4 6;add 5 7 8") \
  X("vv>2:sub 2 0 1;square 3 2") \
  X("vss>2:add 5 0 1;sqrt 3 5;div 4 2 3") \
  X("vvvv>1:mul 5 0 1;mul 6 5 2;add 4 6 3") \
  X("vv>1:mul 2 0 1") \
  X("vvvvss>1:mul 7 0 1;neg 8 7;mul 7 8 2;div 8 7 3;mul 7 8 4;div 8 7 3;div 6 8 5") \
  X("vvvs>1:mul 5 0 1;mul 6 5 2;neg 5 6;div 4 5 3") \
  X("svvvvvsvv>1:less 10 0 1;mul 11 2 3;mul 12 11 4;mul 11 5 6;mul 13 7 11;add 11 12 13;add 13 11 8;where 9 10 13 0") \
  X("vvvv>1:mul 5 0 1;mul 6 2 3;add 4 5 6") \
  X("vsvsv>1:mul 6 0 1;mul 7 2 3;add 8 6 7;mul 7 8 1;mul 8 4 3;add 5 7 8") \
  X("vss>1:add 4 0 1;sqrt 5 4;div 3 2 5") \
  X("vvvvvv>1:add 7 0 1;relu 8 7;sub 7 8 2;mul 8 7 3;mul 7 8 4;add 6 7 5") \
  X("vs>2:sub 2 0 1;square 3 2") \
  X("vsvv>2:mul 4 0 1;mul 6 4 2;add 5 6 3") \
  X("vvv>2:mul 3 0 1;mul 4 3 2") \
  X("vvvss>1:neg 6 0;mul 7 6 1;div 6 7 2;mul 7 6 3;div 6 7 2;mul 5 6 4") \
  X("vvs>1:mul 4 0 1;neg 5 4;mul 3 5 2") \
  X("svvsvsss>1:less 9 0 1;mul 10 2 3;mul 11 4 5;mul 12 6 11;add 11 10 12;add 12 11 7;where 8 9 12 0") \
  X("vsvv>1:mul 5 0 1;mul 6 5 2;add 4 6 3") \
  X("vvvv>1:mul 5 0 1;mul 6 5 2;add 5 6 3;relu 4 5") \
  X("vvvvv>1:mul 6 0 1;mul 7 6 2;add 6 7 3;add 7 6 4;relu 5 7") \
  X("vvvvv>1:mul 6 0 1;mul 7 6 2;add 6 7 3;add 7 4 6;relu 5 7") \
  X("vvvvvvvv>1:mul 9 0 1;mul 10 9 2;add 9 10 3;mul 10 4 5;mul 11 10 6;add 10 11 7;add 11 9 10;relu 8 11") \
  X("svvvv>3:less 8 0 1;where 5 8 2 0;mul 6 3 5;mul 7 4 5") \
  X("vvvvsvv>1:mul 8 0 1;mul 9 8 2;mul 8 3 4;mul 10 5 8;add 8 9 10;add 7 8 6") \
  X("svvv>2:less 6 0 1;where 4 6 2 0;mul 5 3 4") \
  X("svvvv>2:less 7 0 1;add 8 2 3;where 5 7 8 0;mul 6 4 5") \
  X("v>1:identity 1 0") \
  X("vsvs>1:mul 5 0 1;mul 6 2 3;add 4 5 6") \
  X("vvvvv>1:sub 6 0 1;mul 7 6 2;mul 6 7 3;add 7 6 4;relu 5 7") \
  X("vvvvvv>1:sub 7 0 1;mul 8 7 2;mul 7 8 3;add 8 7 4;add 7 8 5;relu 6 7") \
  X("vvvvvv>1:sub 7 0 1;mul 8 7 2;mul 7 8 3;add 8 7 4;add 7 5 8;relu 6 7") \
  X("vvvvvvvvvv>1:sub 11 0 1;mul 12 11 2;mul 11 12 3;add 12 11 4;sub 11 5 6;mul 13 11 7;mul 11 13 8;add 13 11 9;add 11 12 13;relu 10 11") \
  X("vvvvss>1:mul 7 0 1;mul 8 7 2;add 7 8 3;maximum 8 7 4;minimum 6 8 5") \
  X("vvvvvss>1:mul 8 0 1;mul 9 8 2;add 8 9 3;add 9 8 4;maximum 8 9 5;minimum 7 8 6") \
  X("vvvvvss>1:mul 8 0 1;mul 9 8 2;add 8 9 3;add 9 4 8;maximum 8 9 5;minimum 7 8 6") \
  X("vvvvvvvvss>1:mul 11 0 1;mul 12 11 2;add 11 12 3;mul 12 4 5;mul 13 12 6;add 12 13 7;add 13 11 12;maximum 12 13 8;minimum 10 12 9") \
  X("vvvvvvvvssssv>3:mul 16 0 1;mul 17 16 2;add 16 17 3;mul 17 4 5;mul 18 17 6;add 17 18 7;add 18 16 17;maximum 17 18 8;less 16 17 9;less 19 9 17;sub 17 10 19;add 19 16 17;mul 17 19 11;mul 19 12 17;less 17 8 18;less 16 18 8;sub 18 10 16;add 16 17 18;mul 18 16 11;mul 13 19 18;mul 14 0 13;mul 15 4 13") \
  X("vvvvvssssv>2:mul 12 0 1;mul 13 12 2;add 12 13 3;add 13 4 12;maximum 12 13 5;less 14 12 6;less 15 6 12;sub 12 7 15;add 15 14 12;mul 12 15 8;mul 15 9 12;less 12 5 13;less 14 13 5;sub 13 7 14;add 14 12 13;mul 13 14 8;mul 10 15 13;mul 11 0 10") \
  X("vvvvssssv>2:mul 11 0 1;mul 12 11 2;add 11 12 3;maximum 12 11 4;less 13 12 5;less 14 5 12;sub 12 6 14;add 14 13 12;mul 12 14 7;mul 14 8 12;less 12 4 11;less 13 11 4;sub 11 6 13;add 13 12 11;mul 11 13 7;mul 9 14 11;mul 10 0 9") \
  X("vvvvvvvssss>2:add 13 0 1;mul 14 2 3;mul 15 14 4;add 14 15 5;add 15 14 6;maximum 14 15 7;less 16 14 8;less 17 8 14;sub 14 9 17;add 17 16 14;mul 14 17 10;mul 17 13 14;less 14 7 15;less 13 15 7;sub 15 9 13;add 13 14 15;mul 15 13 10;mul 11 17 15;mul 12 2 11") \
  X("vvvvvvssss>2:add 12 0 1;mul 13 2 3;mul 14 13 4;add 13 14 5;maximum 14 13 6;less 15 14 7;less 16 7 14;sub 14 8 16;add 16 15 14;mul 14 16 9;mul 16 12 14;less 14 6 13;less 12 13 6;sub 13 8 12;add 12 14 13;mul 13 12 9;mul 10 16 13;mul 11 2 10") \
  X("vvvvvss>1:sub 8 0 1;mul 9 8 2;mul 8 9 3;add 9 8 4;maximum 8 9 5;minimum 7 8 6") \
  X("vvvvvvss>1:sub 9 0 1;mul 10 9 2;mul 9 10 3;add 10 9 4;add 9 10 5;maximum 10 9 6;minimum 8 10 7") \
  X("vvvvvvss>1:sub 9 0 1;mul 10 9 2;mul 9 10 3;add 10 9 4;add 9 5 10;maximum 10 9 6;minimum 8 10 7") \
  X("vvvvvvvvvvss>1:sub 13 0 1;mul 14 13 2;mul 13 14 3;add 14 13 4;sub 13 5 6;mul 15 13 7;mul 13 15 8;add 15 13 9;add 13 14 15;maximum 15 13 10;minimum 12 15 11") \
  X("vvvv>1:mul 5 0 1;mul 6 5 2;add 5 6 3;gelu 4 5") \
  X("vvvvv>1:mul 6 0 1;mul 7 6 2;add 6 7 3;add 7 6 4;gelu 5 7") \
  X("vvvvv>1:mul 6 0 1;mul 7 6 2;add 6 7 3;add 7 4 6;gelu 5 7") \
  X("vvvvvvvv>1:mul 9 0 1;mul 10 9 2;add 9 10 3;mul 10 4 5;mul 11 10 6;add 10 11 7;add 11 9 10;gelu 8 11") \
  X("vvvvvvvvsssssv>3:mul 17 0 1;mul 18 17 2;add 17 18 3;mul 18 4 5;mul 19 18 6;add 18 19 7;add 19 17 18;mul 18 19 8;erf 17 18;add 18 9 17;mul 17 18 10;square 18 19;mul 20 18 11;exp 18 20;mul 20 19 18;div 18 20 12;add 20 17 18;mul 14 13 20;mul 15 0 14;mul 16 4 14") \
  X("vvvvvsssssv>2:mul 13 0 1;mul 14 13 2;add 13 14 3;add 14 4 13;mul 13 14 5;erf 15 13;add 13 6 15;mul 15 13 7;square 13 14;mul 16 13 8;exp 13 16;mul 16 14 13;div 13 16 9;add 16 15 13;mul 11 10 16;mul 12 0 11") \
  X("vvvvsssssv>2:mul 12 0 1;mul 13 12 2;add 12 13 3;mul 13 12 4;erf 14 13;add 13 5 14;mul 14 13 6;square 13 12;mul 15 13 7;exp 13 15;mul 15 12 13;div 13 15 8;add 15 14 13;mul 10 9 15;mul 11 0 10") \
  X("vvvvvvvsssss>2:add 14 0 1;mul 15 2 3;mul 16 15 4;add 15 16 5;add 16 15 6;mul 15 16 7;erf 17 15;add 15 8 17;mul 17 15 9;square 15 16;mul 18 15 10;exp 15 18;mul 18 16 15;div 15 18 11;add 18 17 15;mul 12 14 18;mul 13 2 12") \
  X("vvvvvvsssss>2:add 13 0 1;mul 14 2 3;mul 15 14 4;add 14 15 5;mul 15 14 6;erf 16 15;add 15 7 16;mul 16 15 8;square 15 14;mul 17 15 9;exp 15 17;mul 17 14 15;div 15 17 10;add 17 16 15;mul 11 13 17;mul 12 2 11") \
  X("vvvvv>1:sub 6 0 1;mul 7 6 2;mul 6 7 3;add 7 6 4;gelu 5 7") \
  X("vvvvvv>1:sub 7 0 1;mul 8 7 2;mul 7 8 3;add 8 7 4;add 7 8 5;gelu 6 7") \
  X("vvvvvv>1:sub 7 0 1;mul 8 7 2;mul 7 8 3;add 8 7 4;add 7 5 8;gelu 6 7") \
  X("vvvvvvvvvv>1:sub 11 0 1;mul 12 11 2;mul 11 12 3;add 12 11 4;sub 11 5 6;mul 13 11 7;mul 11 13 8;add 13 11 9;add 11 12 13;gelu 10 11") \
  X("vvv>1:add 4 0 1;add 3 2 4") \
  X("vsvsss>1:mul 7 0 1;mul 8 2 3;mul 9 4 8;add 8 7 9;add 6 8 5") \
  X("vvvvs>4:add 5 0 1;mul 6 5 2;mul 7 6 3;mul 9 3 4;mul 8 5 9") \
  X("vs>1:sub 3 0 1;square 2 3") \
  X("vssvv>1:sub 6 0 1;mul 7 6 2;mul 6 7 3;add 5 6 4") \
  X("vsvssvs>1:mul 8 0 1;mul 9 2 3;mul 10 4 9;add 9 8 10;add 10 5 9;add 7 10 6") \
  X("vssv>1:sub 5 0 1;mul 6 5 2;mul 4 3 6") \
  X("vvvvv>7:sigmoid 5 0;sigmoid 6 1;mul 12 6 2;sigmoid 7 3;tanh 8 4;mul 13 7 8;add 9 12 13;tanh 10 9;mul 11 5 10") \
  X("svvvvsvvvv>5:mul 15 0 1;mul 16 0 2;mul 17 16 3;square 18 4;sub 19 5 18;mul 18 17 19;add 19 15 18;mul 18 19 6;square 15 7;sub 17 5 15;mul 10 18 17;mul 17 19 7;sub 18 5 6;mul 15 6 18;mul 11 17 15;mul 15 19 8;sub 17 5 9;mul 18 9 17;mul 12 15 18;mul 18 16 4;sub 16 5 3;mul 15 3 16;mul 13 18 15;mul 14 19 9") \
  X("vvvvv>2:sigmoid 7 0;sigmoid 8 1;mul 9 8 2;sigmoid 8 3;tanh 10 4;mul 11 8 10;add 5 9 11;tanh 11 5;mul 6 7 11") \
  X("vvsvvvvv>5:add 13 0 1;sigmoid 8 13;sub 9 2 8;add 13 3 4;sigmoid 10 13;mul 13 10 5;add 14 6 13;tanh 11 14;mul 14 8 7;mul 13 9 11;add 12 14 13") \
  X("svvvsvvvv>5:mul 9 0 1;mul 14 9 2;square 15 3;sub 16 4 15;mul 10 14 16;mul 16 10 5;sub 14 4 6;mul 15 6 14;mul 11 16 15;mul 15 9 3;neg 16 15;mul 15 9 7;add 14 16 15;sub 15 4 8;mul 16 8 15;mul 12 14 16;mul 13 10 6") \
  X("vvv>1:mul 4 0 1;add 3 4 2") \
  X("vvvsvvvv>1:add 9 0 1;sigmoid 10 9;mul 9 10 2;sub 11 3 10;add 10 4 5;sigmoid 12 10;mul 10 12 6;add 12 7 10;tanh 10 12;mul 12 11 10;add 8 9 12") \
  X("vvvsvvvv>5:add 13 0 1;sigmoid 8 13;mul 13 8 2;sub 9 3 8;add 14 4 5;sigmoid 10 14;mul 14 10 6;add 15 7 14;tanh 11 15;mul 15 9 11;add 12 13 15") \
  X("svvvvsvvvv>5:mul 15 0 1;mul 16 0 2;add 10 15 16;mul 16 10 3;square 15 4;sub 17 5 15;mul 11 16 17;mul 17 11 6;sub 16 5 7;mul 15 7 16;mul 12 17 15;mul 15 10 4;neg 17 15;mul 15 10 8;add 16 17 15;sub 15 5 9;mul 17 9 15;mul 13 16 17;mul 14 11 7") \
  X("svvs>1:mul 5 0 1;square 6 2;sub 7 3 6;mul 4 5 7") \
  X("svvvs>1:mul 6 0 1;mul 7 0 2;add 8 6 7;square 7 3;sub 6 4 7;mul 5 8 6") \
  X("vssvssvssssv>3:mul 15 0 1;mul 16 2 3;mul 17 16 4;add 12 15 17;mul 17 12 5;mul 15 6 7;square 18 16;mul 16 18 8;add 13 15 16;sqrt 16 13;mul 15 16 9;add 16 15 10;div 15 17 16;sub 14 11 15") \
  X("svsv>1:mul 5 0 1;mul 6 2 5;sub 4 3 6") \
  X("vssvsv>2:mul 8 0 1;mul 9 2 3;add 6 8 9;mul 9 4 6;sub 7 5 9") \
  X("svvssv>2:mul 8 0 1;mul 9 2 3;add 6 9 8;mul 9 6 3;add 10 8 9;mul 9 4 10;sub 7 5 9") \
  X("vssvs>1:mul 6 0 1;mul 7 2 3;mul 8 4 7;sub 5 6 8") \
  X("vsvssvs>2:mul 9 0 1;mul 10 2 3;mul 11 4 5;add 7 10 11;mul 11 6 7;sub 8 9 11") \
  X("vsvssvssvssss>3:mul 16 0 1;mul 17 2 3;mul 18 4 5;mul 19 18 6;add 13 17 19;mul 19 13 7;mul 17 8 9;square 20 18;mul 18 20 10;add 14 17 18;sqrt 18 14;mul 17 18 11;add 18 17 12;div 17 19 18;sub 15 16 17") \
  X("vssvssvssvssv>4:mul 17 0 1;mul 18 2 3;mul 19 18 4;add 13 17 19;mul 19 13 5;mul 17 6 7;square 20 18;mul 18 20 8;add 14 17 18;maximum 15 9 14;sqrt 18 15;mul 17 18 10;add 18 17 11;div 17 19 18;sub 16 12 17") \
  X("svsvssssvssssv>3:mul 17 0 1;mul 18 17 2;mul 19 3 4;mul 20 17 5;add 14 19 20;mul 20 14 6;add 19 18 20;mul 20 7 19;mul 19 8 9;square 18 17;mul 17 18 10;add 15 19 17;sqrt 17 15;mul 19 17 11;add 17 19 12;div 19 20 17;sub 16 13 19") \
  X("svvssssv>2:mul 10 0 1;mul 11 2 3;square 12 10;mul 13 12 4;add 8 11 13;sqrt 13 8;add 11 13 5;div 13 10 11;mul 11 6 13;sub 9 7 11") \
  X("svsvsv>2:mul 8 0 1;mul 9 2 8;square 10 8;add 6 3 10;sqrt 10 6;add 8 10 4;div 10 9 8;sub 7 5 10") \
  X("vsvssvssv>3:add 12 0 1;sqrt 13 12;mul 12 2 3;mul 14 4 5;square 15 14;mul 16 15 6;add 9 12 16;add 16 9 1;sqrt 12 16;div 16 13 12;mul 12 16 14;mul 14 7 12;sub 10 8 14;mul 14 0 3;square 16 12;mul 12 16 6;add 11 14 12") \
  X("vssv>1:mul 5 0 1;mul 6 2 5;sub 4 3 6") \
  X("vvvvssvssv>3:mul 13 0 1;mul 14 13 2;neg 15 14;add 16 13 15;less 15 3 4;mul 17 14 5;add 14 6 7;mul 18 17 14;where 14 15 18 17;add 10 16 14;mul 11 10 8;mul 12 13 9") \
  X("vvvvss>3:mul 9 0 1;mul 10 9 2;add 6 10 3;maximum 7 6 4;minimum 8 7 5") \
  X("vvvvvss>3:mul 10 0 1;mul 11 10 2;add 10 11 3;add 7 10 4;maximum 8 7 5;minimum 9 8 6") \
  X("vvvvvss>3:mul 10 0 1;mul 11 10 2;add 10 11 3;add 7 4 10;maximum 8 7 5;minimum 9 8 6") \
  X("vvvvvvvvss>3:mul 13 0 1;mul 14 13 2;add 13 14 3;mul 14 4 5;mul 15 14 6;add 14 15 7;add 10 13 14;maximum 11 10 8;minimum 12 11 9") \
  X("vsssvsvvv>3:less 12 0 1;less 13 1 0;sub 14 2 13;add 13 12 14;mul 14 13 3;mul 13 4 14;less 14 5 6;less 12 6 5;sub 15 2 12;add 12 14 15;mul 15 12 3;mul 9 13 15;mul 10 7 9;mul 11 8 9") \
  X("vsssvsvv>2:less 10 0 1;less 11 1 0;sub 12 2 11;add 11 10 12;mul 12 11 3;mul 11 4 12;less 12 5 6;less 10 6 5;sub 13 2 10;add 10 12 13;mul 13 10 3;mul 8 11 13;mul 9 7 8") \
  X("vvvssssvv>2:add 11 0 1;less 12 2 3;less 13 3 2;sub 14 4 13;add 13 12 14;mul 14 13 5;mul 13 11 14;less 14 6 7;less 11 7 6;sub 12 4 11;add 11 14 12;mul 12 11 5;mul 9 13 12;mul 10 8 9") \
  X("vvvv>2:mul 6 0 1;mul 7 6 2;add 4 7 3;gelu 5 4") \
  X("vvvvv>2:mul 7 0 1;mul 8 7 2;add 7 8 3;add 5 7 4;gelu 6 5") \
  X("vvvvv>2:mul 7 0 1;mul 8 7 2;add 7 8 3;add 5 4 7;gelu 6 5") \
  X("vvvvvvvv>2:mul 10 0 1;mul 11 10 2;add 10 11 3;mul 11 4 5;mul 12 11 6;add 11 12 7;add 8 10 11;gelu 9 8") \
  X("vsssssvvv>3:mul 12 0 1;erf 13 12;add 12 2 13;mul 13 12 3;square 12 0;mul 14 12 4;exp 12 14;mul 14 0 12;div 12 14 5;add 14 13 12;mul 9 6 14;mul 10 7 9;mul 11 8 9") \
  X("vsssssvv>2:mul 10 0 1;erf 11 10;add 10 2 11;mul 11 10 3;square 10 0;mul 12 10 4;exp 10 12;mul 12 0 10;div 10 12 5;add 12 11 10;mul 8 6 12;mul 9 7 8") \
  X("vvvsssssv>2:add 11 0 1;mul 12 2 3;erf 13 12;add 12 4 13;mul 13 12 5;square 12 2;mul 14 12 6;exp 12 14;mul 14 2 12;div 12 14 7;add 14 13 12;mul 9 11 14;mul 10 8 9") \
  X("vvvvv>4:add 5 0 1;mul 6 5 2;mul 7 6 3;mul 8 5 4")

#ifdef GD_PRECISION
#define CHAIN(i) static void chain_##i(const map_region *t)
#define NUMBER(i) const vec q##i = v_set1((real)t->par[2 * i]);
#define EACH_ROW for (int64_t row = 0; row < t->rows; ++row)
#define ROW(k) const vec s##k = v_set1(t->x[k].p[row * t->x[k].row]);
#define VECTOR(k) const real *x_##k = t->x[k].p + row * t->x[k].row;
#define OUTPUT(k) real *y_##k = t->y[k] + row * t->y_row;
#define LOAD(k) (whole ? v_load(x_##k + i) : v_load_n(x_##k + i, t->n - i))
#define STORE(k, value) if (whole) v_store(y_##k + i, value); else v_store_n(y_##k + i, value, t->n - i)
#define EACH_VECTOR(...)                               \
  int64_t i = 0;                                       \
  for (; i + VL <= t->n; i += VL) {                    \
    enum { whole = 1 };                                \
    __VA_ARGS__                                        \
  }                                                    \
  if (i < t->n) {                                      \
    enum { whole = 0 };                                \
    __VA_ARGS__                                        \
  }

CHAIN(0) { /* add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_relu(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(1) { /* add·sub·square·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sub(t0, LOAD(2));
      const vec t2 = e_square(t1);
      const vec t3 = e_mul(t1, s3);
      const vec t4 = e_mul(s4, t3);
      STORE(0, t2);
      STORE(1, t4);
    )
  }
}

CHAIN(2) { /* less·where */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_less(s0, LOAD(1));
      const vec t1 = e_where(t0, LOAD(2), s0);
      STORE(0, t1);
    )
  }
}

CHAIN(3) { /* mul·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) ROW(6) ROW(7) ROW(8) ROW(9) VECTOR(10) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(x2, s3);
      const vec t2 = e_add(t0, t1);
      const vec t3 = e_mul(t2, s4);
      const vec t4 = e_mul(LOAD(5), s6);
      const vec t5 = e_square(x2);
      const vec t6 = e_mul(t5, s7);
      const vec t7 = e_add(t4, t6);
      const vec t8 = e_sqrt(t7);
      const vec t9 = e_mul(t8, s8);
      const vec t10 = e_add(t9, s9);
      const vec t11 = e_div(t3, t10);
      const vec t12 = e_sub(LOAD(10), t11);
      STORE(0, t2);
      STORE(1, t7);
      STORE(2, t12);
    )
  }
}

CHAIN(4) { /* add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      STORE(0, t0);
    )
  }
}

CHAIN(5) { /* add·tanh */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_tanh(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(6) { /* square·sub·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_square(LOAD(0));
      const vec t1 = e_sub(s1, t0);
      const vec t2 = e_mul(LOAD(2), t1);
      STORE(0, t2);
    )
  }
}

CHAIN(7) { /* add·sigmoid */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sigmoid(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(8) { /* sub·mul·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec x1 = LOAD(1);
      const vec t0 = e_sub(s0, x1);
      const vec t1 = e_mul(x1, t0);
      const vec t2 = e_mul(LOAD(2), t1);
      STORE(0, t2);
    )
  }
}

CHAIN(9) { /* add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_gelu(t0);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(10) { /* mul·erf·add·mul·square·mul·exp·mul·div·add·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) VECTOR(6) OUTPUT(0)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, s1);
      const vec t1 = e_erf(t0);
      const vec t2 = e_add(s2, t1);
      const vec t3 = e_mul(t2, s3);
      const vec t4 = e_square(x0);
      const vec t5 = e_mul(t4, s4);
      const vec t6 = e_exp(t5);
      const vec t7 = e_mul(x0, t6);
      const vec t8 = e_div(t7, s5);
      const vec t9 = e_add(t3, t8);
      const vec t10 = e_mul(LOAD(6), t9);
      STORE(0, t10);
    )
  }
}

CHAIN(11) { /* add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_gelu(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(12) { /* add·silu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_silu(t0);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(13) { /* sigmoid·sub·mul·add·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_sigmoid(x0);
      const vec t1 = e_sub(s1, t0);
      const vec t2 = e_mul(x0, t1);
      const vec t3 = e_add(s1, t2);
      const vec t4 = e_mul(t0, t3);
      const vec t5 = e_mul(LOAD(2), t4);
      STORE(0, t5);
    )
  }
}

CHAIN(14) { /* add·silu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_silu(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(15) { /* add·elu */
  NUMBER(1)
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_elu(t0, q1);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(16) { /* less·add·mul·where */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec x4 = LOAD(4);
      const vec t0 = e_less(LOAD(0), s1);
      const vec t1 = e_add(LOAD(2), s3);
      const vec t2 = e_mul(x4, t1);
      const vec t3 = e_where(t0, t2, x4);
      STORE(0, t3);
    )
  }
}

CHAIN(17) { /* add·elu */
  NUMBER(1)
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_elu(t0, q1);
      STORE(0, t1);
    )
  }
}

CHAIN(18) { /* add·leaky_relu */
  NUMBER(1)
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_leaky_relu(t0, q1);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(19) { /* less·mul·where */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) OUTPUT(0)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_less(LOAD(0), s1);
      const vec t1 = e_mul(x2, s3);
      const vec t2 = e_where(t0, t1, x2);
      STORE(0, t2);
    )
  }
}

CHAIN(20) { /* add·leaky_relu */
  NUMBER(1)
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_leaky_relu(t0, q1);
      STORE(0, t1);
    )
  }
}

CHAIN(21) { /* add·softplus */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_softplus(t0);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(22) { /* sigmoid·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sigmoid(LOAD(0));
      const vec t1 = e_mul(LOAD(1), t0);
      STORE(0, t1);
    )
  }
}

CHAIN(23) { /* add·softplus */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_softplus(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(24) { /* mul·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_sub(LOAD(2), t0);
      STORE(0, t1);
    )
  }
}

CHAIN(25) { /* mul·add·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_add(t0, LOAD(2));
      const vec t2 = e_mul(s3, t1);
      const vec t3 = e_sub(LOAD(4), t2);
      STORE(0, t1);
      STORE(1, t3);
    )
  }
}

CHAIN(26) { /* mul·add·mul·add·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_add(t0, x2);
      const vec t2 = e_mul(t1, s1);
      const vec t3 = e_add(x2, t2);
      const vec t4 = e_mul(s3, t3);
      const vec t5 = e_sub(LOAD(4), t4);
      STORE(0, t1);
      STORE(1, t5);
    )
  }
}

CHAIN(27) { /* mul·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(s2, LOAD(3));
      const vec t2 = e_sub(t0, t1);
      STORE(0, t2);
    )
  }
}

CHAIN(28) { /* mul·mul·add·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) ROW(5) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_add(t1, LOAD(4));
      const vec t3 = e_mul(s5, t2);
      const vec t4 = e_sub(t0, t3);
      STORE(0, t2);
      STORE(1, t4);
    )
  }
}

CHAIN(29) { /* square */
  EACH_ROW {
    VECTOR(0) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_square(LOAD(0));
      STORE(0, t0);
    )
  }
}

CHAIN(30) { /* mul·mul·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) ROW(5) VECTOR(6) ROW(7) ROW(8) ROW(9) ROW(10) VECTOR(11) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(t1, s4);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_mul(LOAD(6), s7);
      const vec t6 = e_square(t1);
      const vec t7 = e_mul(t6, s8);
      const vec t8 = e_add(t5, t7);
      const vec t9 = e_sqrt(t8);
      const vec t10 = e_mul(t9, s9);
      const vec t11 = e_add(t10, s10);
      const vec t12 = e_div(t4, t11);
      const vec t13 = e_sub(LOAD(11), t12);
      STORE(0, t3);
      STORE(1, t8);
      STORE(2, t13);
    )
  }
}

CHAIN(31) { /* mul·mul·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) ROW(5) ROW(6) VECTOR(7) ROW(8) ROW(9) ROW(10) ROW(11) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x4 = LOAD(4);
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(x4, s5);
      const vec t3 = e_add(t1, t2);
      const vec t4 = e_mul(t3, s6);
      const vec t5 = e_mul(LOAD(7), s8);
      const vec t6 = e_square(x4);
      const vec t7 = e_mul(t6, s9);
      const vec t8 = e_add(t5, t7);
      const vec t9 = e_sqrt(t8);
      const vec t10 = e_mul(t9, s10);
      const vec t11 = e_add(t10, s11);
      const vec t12 = e_div(t4, t11);
      const vec t13 = e_sub(t0, t12);
      STORE(0, t3);
      STORE(1, t8);
      STORE(2, t13);
    )
  }
}

CHAIN(32) { /* mul·mul·mul·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) ROW(5) ROW(6) ROW(7) VECTOR(8) ROW(9) ROW(10) ROW(11) ROW(12) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(LOAD(4), s5);
      const vec t3 = e_mul(t2, s6);
      const vec t4 = e_add(t1, t3);
      const vec t5 = e_mul(t4, s7);
      const vec t6 = e_mul(LOAD(8), s9);
      const vec t7 = e_square(t2);
      const vec t8 = e_mul(t7, s10);
      const vec t9 = e_add(t6, t8);
      const vec t10 = e_sqrt(t9);
      const vec t11 = e_mul(t10, s11);
      const vec t12 = e_add(t11, s12);
      const vec t13 = e_div(t5, t12);
      const vec t14 = e_sub(t0, t13);
      STORE(0, t4);
      STORE(1, t9);
      STORE(2, t14);
    )
  }
}

CHAIN(33) { /* mul·mul·add·mul·mul·square·mul·add·maximum·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) ROW(6) ROW(7) VECTOR(8) ROW(9) ROW(10) VECTOR(11) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(x2, s3);
      const vec t2 = e_add(t0, t1);
      const vec t3 = e_mul(t2, s4);
      const vec t4 = e_mul(LOAD(5), s6);
      const vec t5 = e_square(x2);
      const vec t6 = e_mul(t5, s7);
      const vec t7 = e_add(t4, t6);
      const vec t8 = e_maximum(LOAD(8), t7);
      const vec t9 = e_sqrt(t8);
      const vec t10 = e_mul(t9, s9);
      const vec t11 = e_add(t10, s10);
      const vec t12 = e_div(t3, t11);
      const vec t13 = e_sub(LOAD(11), t12);
      STORE(0, t2);
      STORE(1, t7);
      STORE(2, t8);
      STORE(3, t13);
    )
  }
}

CHAIN(34) { /* mul·mul·mul·add·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) ROW(5) ROW(6) VECTOR(7) ROW(8) ROW(9) ROW(10) ROW(11) VECTOR(12) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(x0, s4);
      const vec t3 = e_add(t1, t2);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_add(t0, t4);
      const vec t6 = e_mul(s6, t5);
      const vec t7 = e_mul(LOAD(7), s8);
      const vec t8 = e_square(x0);
      const vec t9 = e_mul(t8, s9);
      const vec t10 = e_add(t7, t9);
      const vec t11 = e_sqrt(t10);
      const vec t12 = e_mul(t11, s10);
      const vec t13 = e_add(t12, s11);
      const vec t14 = e_div(t6, t13);
      const vec t15 = e_sub(LOAD(12), t14);
      STORE(0, t3);
      STORE(1, t10);
      STORE(2, t15);
    )
  }
}

CHAIN(35) { /* mul·square·mul·add·sqrt·add·div·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) ROW(5) VECTOR(6) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_square(x2);
      const vec t2 = e_mul(t1, s3);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_sqrt(t3);
      const vec t5 = e_add(t4, s4);
      const vec t6 = e_div(x2, t5);
      const vec t7 = e_mul(s5, t6);
      const vec t8 = e_sub(LOAD(6), t7);
      STORE(0, t3);
      STORE(1, t8);
    )
  }
}

CHAIN(36) { /* mul·square·add·sqrt·add·div·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) ROW(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x1 = LOAD(1);
      const vec t0 = e_mul(s0, x1);
      const vec t1 = e_square(x1);
      const vec t2 = e_add(LOAD(2), t1);
      const vec t3 = e_sqrt(t2);
      const vec t4 = e_add(t3, s3);
      const vec t5 = e_div(t0, t4);
      const vec t6 = e_sub(LOAD(4), t5);
      STORE(0, t2);
      STORE(1, t6);
    )
  }
}

CHAIN(37) { /* add·sqrt·mul·square·mul·add·add·sqrt·div·mul·mul·sub·mul·square·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) ROW(5) ROW(6) VECTOR(7) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec x4 = LOAD(4);
      const vec t0 = e_add(x0, s1);
      const vec t1 = e_sqrt(t0);
      const vec t2 = e_mul(LOAD(2), s3);
      const vec t3 = e_square(x4);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_add(t2, t4);
      const vec t6 = e_add(t5, s1);
      const vec t7 = e_sqrt(t6);
      const vec t8 = e_div(t1, t7);
      const vec t9 = e_mul(t8, x4);
      const vec t10 = e_mul(s6, t9);
      const vec t11 = e_sub(LOAD(7), t10);
      const vec t12 = e_mul(x0, s3);
      const vec t13 = e_square(t9);
      const vec t14 = e_mul(t13, s5);
      const vec t15 = e_add(t12, t14);
      STORE(0, t5);
      STORE(1, t11);
      STORE(2, t15);
    )
  }
}

CHAIN(38) { /* add·sub·abs·sign·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sub(t0, LOAD(2));
      const vec t2 = e_abs(t1);
      const vec t3 = e_sign(t1);
      const vec t4 = e_mul(s3, t3);
      STORE(0, t2);
      STORE(1, t4);
    )
  }
}

CHAIN(39) { /* add·sub·abs·minimum·mul·sub·mul·mul·mul·neg·mul·add·less·less·sub·add·mul·mul·add·sign·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) ROW(5) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sub(t0, LOAD(2));
      const vec t2 = e_abs(t1);
      const vec t3 = e_minimum(t2, s3);
      const vec t4 = e_mul(t3, s4);
      const vec t5 = e_sub(t2, t4);
      const vec t6 = e_mul(t3, t5);
      const vec t7 = e_mul(s5, t3);
      const vec t8 = e_mul(s5, t5);
      const vec t9 = e_neg(t7);
      const vec t10 = e_mul(t9, s4);
      const vec t11 = e_add(t8, t10);
      const vec t12 = e_less(t2, s3);
      const vec t13 = e_less(s3, t2);
      const vec t14 = e_sub(s3, t13);
      const vec t15 = e_add(t12, t14);
      const vec t16 = e_mul(t15, s4);
      const vec t17 = e_mul(t11, t16);
      const vec t18 = e_add(t7, t17);
      const vec t19 = e_sign(t1);
      const vec t20 = e_mul(t18, t19);
      STORE(0, t6);
      STORE(1, t20);
    )
  }
}

CHAIN(40) { /* add·equal·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_equal(LOAD(2), s3);
      const vec t2 = e_mul(t1, t0);
      STORE(0, t0);
      STORE(1, t1);
      STORE(2, t2);
    )
  }
}

CHAIN(41) { /* sub */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      STORE(0, t0);
    )
  }
}

CHAIN(42) { /* mul·sub·exp·mul·add */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_sub(LOAD(2), s3);
      const vec t2 = e_exp(t1);
      const vec t3 = e_mul(t2, s4);
      const vec t4 = e_add(t0, t3);
      STORE(0, t4);
    )
  }
}

CHAIN(43) { /* add·softplus·mul·sub·mul·sigmoid·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_add(LOAD(0), s1);
      const vec t1 = e_softplus(t0);
      const vec t2 = e_mul(x2, t0);
      const vec t3 = e_sub(t1, t2);
      const vec t4 = e_mul(s3, x2);
      const vec t5 = e_sigmoid(t0);
      const vec t6 = e_mul(s4, t5);
      const vec t7 = e_add(t4, t6);
      STORE(0, t3);
      STORE(1, t7);
    )
  }
}

CHAIN(44) { /* add */
  EACH_ROW {
    VECTOR(0) ROW(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), s1);
      STORE(0, t0);
    )
  }
}

CHAIN(45) { /* mul·add·sub·square·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_add(t0, LOAD(2));
      const vec t2 = e_sub(t1, LOAD(3));
      const vec t3 = e_square(t2);
      const vec t4 = e_mul(t2, s4);
      const vec t5 = e_mul(s5, t4);
      const vec t6 = e_mul(t5, s1);
      STORE(0, t3);
      STORE(1, t5);
      STORE(2, t6);
    )
  }
}

CHAIN(46) { /* mul·mul·neg·add·minimum·exp·add·mul·add·mul·mul·add·mul·mul·add·square·div·mul·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) VECTOR(9) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x3 = LOAD(3);
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_neg(t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_minimum(x3, s4);
      const vec t5 = e_exp(t4);
      const vec t6 = e_add(t5, s5);
      const vec t7 = e_mul(t5, t6);
      const vec t8 = e_add(t7, s5);
      const vec t9 = e_mul(t7, t8);
      const vec t10 = e_mul(x3, t5);
      const vec t11 = e_add(t5, s6);
      const vec t12 = e_mul(t10, t11);
      const vec t13 = e_mul(t12, s7);
      const vec t14 = e_add(t9, t13);
      const vec t15 = e_square(t8);
      const vec t16 = e_div(t14, t15);
      const vec t17 = e_mul(t1, t16);
      const vec t18 = e_add(t3, t17);
      const vec t19 = e_mul(t18, s8);
      const vec t20 = e_mul(t0, LOAD(9));
      STORE(0, t18);
      STORE(1, t19);
      STORE(2, t20);
    )
  }
}

CHAIN(47) { /* mul·add·mish·sub·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_add(t0, LOAD(2));
      const vec t2 = e_mish(t1);
      const vec t3 = e_sub(t2, t1);
      const vec t4 = e_mul(LOAD(3), t3);
      const vec t5 = e_add(t1, t4);
      STORE(0, t5);
    )
  }
}

CHAIN(48) { /* mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_add(t0, LOAD(2));
      STORE(0, t1);
    )
  }
}

CHAIN(49) { /* mul·mul·neg·add·less·mul·add·mul·where·add·mul·mul·sub·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) VECTOR(6) ROW(7) ROW(8) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x3 = LOAD(3);
      const vec x6 = LOAD(6);
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_neg(t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_less(x3, s4);
      const vec t5 = e_mul(t1, s5);
      const vec t6 = e_add(x6, s7);
      const vec t7 = e_mul(t5, t6);
      const vec t8 = e_where(t4, t7, t5);
      const vec t9 = e_add(t3, t8);
      const vec t10 = e_mul(t9, s8);
      const vec t11 = e_mul(x6, s5);
      const vec t12 = e_sub(t11, x3);
      const vec t13 = e_mul(t0, t12);
      STORE(0, t9);
      STORE(1, t10);
      STORE(2, t13);
    )
  }
}

CHAIN(50) { /* mul·add·elu·mul·sub·mul·add */
  NUMBER(2)
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_add(t0, LOAD(2));
      const vec t2 = e_elu(t1, q2);
      const vec t3 = e_mul(t2, s3);
      const vec t4 = e_sub(t3, t1);
      const vec t5 = e_mul(LOAD(4), t4);
      const vec t6 = e_add(t1, t5);
      STORE(0, t6);
    )
  }
}

CHAIN(51) { /* sub·square */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_square(t0);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(52) { /* add·sqrt·div */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), s1);
      const vec t1 = e_sqrt(t0);
      const vec t2 = e_div(s2, t1);
      STORE(0, t1);
      STORE(1, t2);
    )
  }
}

CHAIN(53) { /* mul·mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      STORE(0, t2);
    )
  }
}

CHAIN(54) { /* mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      STORE(0, t0);
    )
  }
}

CHAIN(55) { /* mul·neg·mul·div·mul·div·div */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) OUTPUT(0)
    EACH_VECTOR(
      const vec x3 = LOAD(3);
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_neg(t0);
      const vec t2 = e_mul(t1, LOAD(2));
      const vec t3 = e_div(t2, x3);
      const vec t4 = e_mul(t3, s4);
      const vec t5 = e_div(t4, x3);
      const vec t6 = e_div(t5, s5);
      STORE(0, t6);
    )
  }
}

CHAIN(56) { /* mul·mul·neg·div */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_neg(t1);
      const vec t3 = e_div(t2, s3);
      STORE(0, t3);
    )
  }
}

CHAIN(57) { /* less·mul·mul·mul·mul·add·add·where */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) ROW(6) VECTOR(7) VECTOR(8) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_less(s0, LOAD(1));
      const vec t1 = e_mul(LOAD(2), LOAD(3));
      const vec t2 = e_mul(t1, LOAD(4));
      const vec t3 = e_mul(LOAD(5), s6);
      const vec t4 = e_mul(LOAD(7), t3);
      const vec t5 = e_add(t2, t4);
      const vec t6 = e_add(t5, LOAD(8));
      const vec t7 = e_where(t0, t6, s0);
      STORE(0, t7);
    )
  }
}

CHAIN(58) { /* mul·mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(LOAD(2), LOAD(3));
      const vec t2 = e_add(t0, t1);
      STORE(0, t2);
    )
  }
}

CHAIN(59) { /* mul·mul·add·mul·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_add(t0, t1);
      const vec t3 = e_mul(t2, s1);
      const vec t4 = e_mul(LOAD(4), s3);
      const vec t5 = e_add(t3, t4);
      STORE(0, t5);
    )
  }
}

CHAIN(60) { /* add·sqrt·div */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), s1);
      const vec t1 = e_sqrt(t0);
      const vec t2 = e_div(s2, t1);
      STORE(0, t2);
    )
  }
}

CHAIN(61) { /* add·relu·sub·mul·mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_relu(t0);
      const vec t2 = e_sub(t1, LOAD(2));
      const vec t3 = e_mul(t2, LOAD(3));
      const vec t4 = e_mul(t3, LOAD(4));
      const vec t5 = e_add(t4, LOAD(5));
      STORE(0, t5);
    )
  }
}

CHAIN(62) { /* sub·square */
  EACH_ROW {
    VECTOR(0) ROW(1) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), s1);
      const vec t1 = e_square(t0);
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(63) { /* mul·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) VECTOR(3) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      STORE(0, t0);
      STORE(1, t2);
    )
  }
}

CHAIN(64) { /* mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      STORE(0, t0);
      STORE(1, t1);
    )
  }
}

CHAIN(65) { /* neg·mul·div·mul·div·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) OUTPUT(0)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_neg(LOAD(0));
      const vec t1 = e_mul(t0, LOAD(1));
      const vec t2 = e_div(t1, x2);
      const vec t3 = e_mul(t2, s3);
      const vec t4 = e_div(t3, x2);
      const vec t5 = e_mul(t4, s4);
      STORE(0, t5);
    )
  }
}

CHAIN(66) { /* mul·neg·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) ROW(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_neg(t0);
      const vec t2 = e_mul(t1, s2);
      STORE(0, t2);
    )
  }
}

CHAIN(67) { /* less·mul·mul·mul·add·add·where */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) ROW(3) VECTOR(4) ROW(5) ROW(6) ROW(7) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_less(s0, LOAD(1));
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(LOAD(4), s5);
      const vec t3 = e_mul(s6, t2);
      const vec t4 = e_add(t1, t3);
      const vec t5 = e_add(t4, s7);
      const vec t6 = e_where(t0, t5, s0);
      STORE(0, t6);
    )
  }
}

CHAIN(68) { /* mul·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      STORE(0, t2);
    )
  }
}

CHAIN(69) { /* mul·mul·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_relu(t2);
      STORE(0, t3);
    )
  }
}

CHAIN(70) { /* mul·mul·add·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_relu(t3);
      STORE(0, t4);
    )
  }
}

CHAIN(71) { /* mul·mul·add·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_relu(t3);
      STORE(0, t4);
    )
  }
}

CHAIN(72) { /* mul·mul·add·mul·mul·add·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(LOAD(4), LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_relu(t6);
      STORE(0, t7);
    )
  }
}

CHAIN(73) { /* less·where·mul·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_less(s0, LOAD(1));
      const vec t1 = e_where(t0, LOAD(2), s0);
      const vec t2 = e_mul(LOAD(3), t1);
      const vec t3 = e_mul(LOAD(4), t1);
      STORE(0, t1);
      STORE(1, t2);
      STORE(2, t3);
    )
  }
}

CHAIN(74) { /* mul·mul·mul·mul·add·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) VECTOR(5) VECTOR(6) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(LOAD(3), s4);
      const vec t3 = e_mul(LOAD(5), t2);
      const vec t4 = e_add(t1, t3);
      const vec t5 = e_add(t4, LOAD(6));
      STORE(0, t5);
    )
  }
}

CHAIN(75) { /* less·where·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_less(s0, LOAD(1));
      const vec t1 = e_where(t0, LOAD(2), s0);
      const vec t2 = e_mul(LOAD(3), t1);
      STORE(0, t1);
      STORE(1, t2);
    )
  }
}

CHAIN(76) { /* less·add·where·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_less(s0, LOAD(1));
      const vec t1 = e_add(LOAD(2), LOAD(3));
      const vec t2 = e_where(t0, t1, s0);
      const vec t3 = e_mul(LOAD(4), t2);
      STORE(0, t2);
      STORE(1, t3);
    )
  }
}

CHAIN(77) { /* identity */
  EACH_ROW {
    VECTOR(0) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_identity(LOAD(0));
      STORE(0, t0);
    )
  }
}

CHAIN(78) { /* mul·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_add(t0, t1);
      STORE(0, t2);
    )
  }
}

CHAIN(79) { /* sub·mul·mul·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_relu(t3);
      STORE(0, t4);
    )
  }
}

CHAIN(80) { /* sub·mul·mul·add·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_add(t3, LOAD(5));
      const vec t5 = e_relu(t4);
      STORE(0, t5);
    )
  }
}

CHAIN(81) { /* sub·mul·mul·add·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_add(LOAD(5), t3);
      const vec t5 = e_relu(t4);
      STORE(0, t5);
    )
  }
}

CHAIN(82) { /* sub·mul·mul·add·sub·mul·mul·add·add·relu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) VECTOR(8) VECTOR(9) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_sub(LOAD(5), LOAD(6));
      const vec t5 = e_mul(t4, LOAD(7));
      const vec t6 = e_mul(t5, LOAD(8));
      const vec t7 = e_add(t6, LOAD(9));
      const vec t8 = e_add(t3, t7);
      const vec t9 = e_relu(t8);
      STORE(0, t9);
    )
  }
}

CHAIN(83) { /* mul·mul·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_maximum(t2, s4);
      const vec t4 = e_minimum(t3, s5);
      STORE(0, t4);
    )
  }
}

CHAIN(84) { /* mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_maximum(t3, s5);
      const vec t5 = e_minimum(t4, s6);
      STORE(0, t5);
    )
  }
}

CHAIN(85) { /* mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_maximum(t3, s5);
      const vec t5 = e_minimum(t4, s6);
      STORE(0, t5);
    )
  }
}

CHAIN(86) { /* mul·mul·add·mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) ROW(8) ROW(9) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(LOAD(4), LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_maximum(t6, s8);
      const vec t8 = e_minimum(t7, s9);
      STORE(0, t8);
    )
  }
}

CHAIN(87) { /* mul·mul·add·mul·mul·add·add·maximum·less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) ROW(8) ROW(9) ROW(10) ROW(11) VECTOR(12) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec x4 = LOAD(4);
      const vec t0 = e_mul(x0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(x4, LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_maximum(t6, s8);
      const vec t8 = e_less(t7, s9);
      const vec t9 = e_less(s9, t7);
      const vec t10 = e_sub(s10, t9);
      const vec t11 = e_add(t8, t10);
      const vec t12 = e_mul(t11, s11);
      const vec t13 = e_mul(LOAD(12), t12);
      const vec t14 = e_less(s8, t6);
      const vec t15 = e_less(t6, s8);
      const vec t16 = e_sub(s10, t15);
      const vec t17 = e_add(t14, t16);
      const vec t18 = e_mul(t17, s11);
      const vec t19 = e_mul(t13, t18);
      const vec t20 = e_mul(x0, t19);
      const vec t21 = e_mul(x4, t19);
      STORE(0, t19);
      STORE(1, t20);
      STORE(2, t21);
    )
  }
}

CHAIN(88) { /* mul·mul·add·add·maximum·less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) ROW(7) ROW(8) VECTOR(9) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_maximum(t3, s5);
      const vec t5 = e_less(t4, s6);
      const vec t6 = e_less(s6, t4);
      const vec t7 = e_sub(s7, t6);
      const vec t8 = e_add(t5, t7);
      const vec t9 = e_mul(t8, s8);
      const vec t10 = e_mul(LOAD(9), t9);
      const vec t11 = e_less(s5, t3);
      const vec t12 = e_less(t3, s5);
      const vec t13 = e_sub(s7, t12);
      const vec t14 = e_add(t11, t13);
      const vec t15 = e_mul(t14, s8);
      const vec t16 = e_mul(t10, t15);
      const vec t17 = e_mul(x0, t16);
      STORE(0, t16);
      STORE(1, t17);
    )
  }
}

CHAIN(89) { /* mul·mul·add·maximum·less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) ROW(6) ROW(7) VECTOR(8) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_maximum(t2, s4);
      const vec t4 = e_less(t3, s5);
      const vec t5 = e_less(s5, t3);
      const vec t6 = e_sub(s6, t5);
      const vec t7 = e_add(t4, t6);
      const vec t8 = e_mul(t7, s7);
      const vec t9 = e_mul(LOAD(8), t8);
      const vec t10 = e_less(s4, t2);
      const vec t11 = e_less(t2, s4);
      const vec t12 = e_sub(s6, t11);
      const vec t13 = e_add(t10, t12);
      const vec t14 = e_mul(t13, s7);
      const vec t15 = e_mul(t9, t14);
      const vec t16 = e_mul(x0, t15);
      STORE(0, t15);
      STORE(1, t16);
    )
  }
}

CHAIN(90) { /* add·mul·mul·add·add·maximum·less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) ROW(7) ROW(8) ROW(9) ROW(10) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(x2, LOAD(3));
      const vec t2 = e_mul(t1, LOAD(4));
      const vec t3 = e_add(t2, LOAD(5));
      const vec t4 = e_add(t3, LOAD(6));
      const vec t5 = e_maximum(t4, s7);
      const vec t6 = e_less(t5, s8);
      const vec t7 = e_less(s8, t5);
      const vec t8 = e_sub(s9, t7);
      const vec t9 = e_add(t6, t8);
      const vec t10 = e_mul(t9, s10);
      const vec t11 = e_mul(t0, t10);
      const vec t12 = e_less(s7, t4);
      const vec t13 = e_less(t4, s7);
      const vec t14 = e_sub(s9, t13);
      const vec t15 = e_add(t12, t14);
      const vec t16 = e_mul(t15, s10);
      const vec t17 = e_mul(t11, t16);
      const vec t18 = e_mul(x2, t17);
      STORE(0, t17);
      STORE(1, t18);
    )
  }
}

CHAIN(91) { /* add·mul·mul·add·maximum·less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) ROW(6) ROW(7) ROW(8) ROW(9) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(x2, LOAD(3));
      const vec t2 = e_mul(t1, LOAD(4));
      const vec t3 = e_add(t2, LOAD(5));
      const vec t4 = e_maximum(t3, s6);
      const vec t5 = e_less(t4, s7);
      const vec t6 = e_less(s7, t4);
      const vec t7 = e_sub(s8, t6);
      const vec t8 = e_add(t5, t7);
      const vec t9 = e_mul(t8, s9);
      const vec t10 = e_mul(t0, t9);
      const vec t11 = e_less(s6, t3);
      const vec t12 = e_less(t3, s6);
      const vec t13 = e_sub(s8, t12);
      const vec t14 = e_add(t11, t13);
      const vec t15 = e_mul(t14, s9);
      const vec t16 = e_mul(t10, t15);
      const vec t17 = e_mul(x2, t16);
      STORE(0, t16);
      STORE(1, t17);
    )
  }
}

CHAIN(92) { /* sub·mul·mul·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_maximum(t3, s5);
      const vec t5 = e_minimum(t4, s6);
      STORE(0, t5);
    )
  }
}

CHAIN(93) { /* sub·mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) ROW(6) ROW(7) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_add(t3, LOAD(5));
      const vec t5 = e_maximum(t4, s6);
      const vec t6 = e_minimum(t5, s7);
      STORE(0, t6);
    )
  }
}

CHAIN(94) { /* sub·mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) ROW(6) ROW(7) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_add(LOAD(5), t3);
      const vec t5 = e_maximum(t4, s6);
      const vec t6 = e_minimum(t5, s7);
      STORE(0, t6);
    )
  }
}

CHAIN(95) { /* sub·mul·mul·add·sub·mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) VECTOR(8) VECTOR(9) ROW(10) ROW(11) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_sub(LOAD(5), LOAD(6));
      const vec t5 = e_mul(t4, LOAD(7));
      const vec t6 = e_mul(t5, LOAD(8));
      const vec t7 = e_add(t6, LOAD(9));
      const vec t8 = e_add(t3, t7);
      const vec t9 = e_maximum(t8, s10);
      const vec t10 = e_minimum(t9, s11);
      STORE(0, t10);
    )
  }
}

CHAIN(96) { /* mul·mul·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_gelu(t2);
      STORE(0, t3);
    )
  }
}

CHAIN(97) { /* mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_gelu(t3);
      STORE(0, t4);
    )
  }
}

CHAIN(98) { /* mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_gelu(t3);
      STORE(0, t4);
    )
  }
}

CHAIN(99) { /* mul·mul·add·mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(LOAD(4), LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_gelu(t6);
      STORE(0, t7);
    )
  }
}

CHAIN(100) { /* mul·mul·add·mul·mul·add·add·mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) ROW(8) ROW(9) ROW(10) ROW(11) ROW(12) VECTOR(13) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec x4 = LOAD(4);
      const vec t0 = e_mul(x0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(x4, LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_mul(t6, s8);
      const vec t8 = e_erf(t7);
      const vec t9 = e_add(s9, t8);
      const vec t10 = e_mul(t9, s10);
      const vec t11 = e_square(t6);
      const vec t12 = e_mul(t11, s11);
      const vec t13 = e_exp(t12);
      const vec t14 = e_mul(t6, t13);
      const vec t15 = e_div(t14, s12);
      const vec t16 = e_add(t10, t15);
      const vec t17 = e_mul(LOAD(13), t16);
      const vec t18 = e_mul(x0, t17);
      const vec t19 = e_mul(x4, t17);
      STORE(0, t17);
      STORE(1, t18);
      STORE(2, t19);
    )
  }
}

CHAIN(101) { /* mul·mul·add·add·mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) ROW(7) ROW(8) ROW(9) VECTOR(10) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_erf(t4);
      const vec t6 = e_add(s6, t5);
      const vec t7 = e_mul(t6, s7);
      const vec t8 = e_square(t3);
      const vec t9 = e_mul(t8, s8);
      const vec t10 = e_exp(t9);
      const vec t11 = e_mul(t3, t10);
      const vec t12 = e_div(t11, s9);
      const vec t13 = e_add(t7, t12);
      const vec t14 = e_mul(LOAD(10), t13);
      const vec t15 = e_mul(x0, t14);
      STORE(0, t14);
      STORE(1, t15);
    )
  }
}

CHAIN(102) { /* mul·mul·add·mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) VECTOR(9) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(t2, s4);
      const vec t4 = e_erf(t3);
      const vec t5 = e_add(s5, t4);
      const vec t6 = e_mul(t5, s6);
      const vec t7 = e_square(t2);
      const vec t8 = e_mul(t7, s7);
      const vec t9 = e_exp(t8);
      const vec t10 = e_mul(t2, t9);
      const vec t11 = e_div(t10, s8);
      const vec t12 = e_add(t6, t11);
      const vec t13 = e_mul(LOAD(9), t12);
      const vec t14 = e_mul(x0, t13);
      STORE(0, t13);
      STORE(1, t14);
    )
  }
}

CHAIN(103) { /* add·mul·mul·add·add·mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) ROW(7) ROW(8) ROW(9) ROW(10) ROW(11) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(x2, LOAD(3));
      const vec t2 = e_mul(t1, LOAD(4));
      const vec t3 = e_add(t2, LOAD(5));
      const vec t4 = e_add(t3, LOAD(6));
      const vec t5 = e_mul(t4, s7);
      const vec t6 = e_erf(t5);
      const vec t7 = e_add(s8, t6);
      const vec t8 = e_mul(t7, s9);
      const vec t9 = e_square(t4);
      const vec t10 = e_mul(t9, s10);
      const vec t11 = e_exp(t10);
      const vec t12 = e_mul(t4, t11);
      const vec t13 = e_div(t12, s11);
      const vec t14 = e_add(t8, t13);
      const vec t15 = e_mul(t0, t14);
      const vec t16 = e_mul(x2, t15);
      STORE(0, t15);
      STORE(1, t16);
    )
  }
}

CHAIN(104) { /* add·mul·mul·add·mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) ROW(6) ROW(7) ROW(8) ROW(9) ROW(10) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(x2, LOAD(3));
      const vec t2 = e_mul(t1, LOAD(4));
      const vec t3 = e_add(t2, LOAD(5));
      const vec t4 = e_mul(t3, s6);
      const vec t5 = e_erf(t4);
      const vec t6 = e_add(s7, t5);
      const vec t7 = e_mul(t6, s8);
      const vec t8 = e_square(t3);
      const vec t9 = e_mul(t8, s9);
      const vec t10 = e_exp(t9);
      const vec t11 = e_mul(t3, t10);
      const vec t12 = e_div(t11, s10);
      const vec t13 = e_add(t7, t12);
      const vec t14 = e_mul(t0, t13);
      const vec t15 = e_mul(x2, t14);
      STORE(0, t14);
      STORE(1, t15);
    )
  }
}

CHAIN(105) { /* sub·mul·mul·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_gelu(t3);
      STORE(0, t4);
    )
  }
}

CHAIN(106) { /* sub·mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_add(t3, LOAD(5));
      const vec t5 = e_gelu(t4);
      STORE(0, t5);
    )
  }
}

CHAIN(107) { /* sub·mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_add(LOAD(5), t3);
      const vec t5 = e_gelu(t4);
      STORE(0, t5);
    )
  }
}

CHAIN(108) { /* sub·mul·mul·add·sub·mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) VECTOR(8) VECTOR(9) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_sub(LOAD(5), LOAD(6));
      const vec t5 = e_mul(t4, LOAD(7));
      const vec t6 = e_mul(t5, LOAD(8));
      const vec t7 = e_add(t6, LOAD(9));
      const vec t8 = e_add(t3, t7);
      const vec t9 = e_gelu(t8);
      STORE(0, t9);
    )
  }
}

CHAIN(109) { /* add·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_add(LOAD(2), t0);
      STORE(0, t1);
    )
  }
}

CHAIN(110) { /* mul·mul·mul·add·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) ROW(5) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(s4, t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_add(t3, s5);
      STORE(0, t4);
    )
  }
}

CHAIN(111) { /* add·mul·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3)
    EACH_VECTOR(
      const vec x3 = LOAD(3);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, x3);
      const vec t3 = e_mul(x3, s4);
      const vec t4 = e_mul(t0, t3);
      STORE(0, t0);
      STORE(1, t1);
      STORE(2, t2);
      STORE(3, t4);
    )
  }
}

CHAIN(112) { /* sub·square */
  EACH_ROW {
    VECTOR(0) ROW(1) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), s1);
      const vec t1 = e_square(t0);
      STORE(0, t1);
    )
  }
}

CHAIN(113) { /* sub·mul·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) VECTOR(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), s1);
      const vec t1 = e_mul(t0, s2);
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      STORE(0, t3);
    )
  }
}

CHAIN(114) { /* mul·mul·mul·add·add·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) ROW(6) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(s4, t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_add(LOAD(5), t3);
      const vec t5 = e_add(t4, s6);
      STORE(0, t5);
    )
  }
}

CHAIN(115) { /* sub·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_sub(LOAD(0), s1);
      const vec t1 = e_mul(t0, s2);
      const vec t2 = e_mul(LOAD(3), t1);
      STORE(0, t2);
    )
  }
}

CHAIN(116) { /* sigmoid·sigmoid·mul·sigmoid·tanh·mul·add·tanh·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4) OUTPUT(5) OUTPUT(6)
    EACH_VECTOR(
      const vec t0 = e_sigmoid(LOAD(0));
      const vec t1 = e_sigmoid(LOAD(1));
      const vec t2 = e_mul(t1, LOAD(2));
      const vec t3 = e_sigmoid(LOAD(3));
      const vec t4 = e_tanh(LOAD(4));
      const vec t5 = e_mul(t3, t4);
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_tanh(t6);
      const vec t8 = e_mul(t0, t7);
      STORE(0, t0);
      STORE(1, t1);
      STORE(2, t3);
      STORE(3, t4);
      STORE(4, t6);
      STORE(5, t7);
      STORE(6, t8);
    )
  }
}

CHAIN(117) { /* mul·mul·mul·square·sub·mul·add·mul·square·sub·mul·mul·sub·mul·mul·mul·sub·mul·mul·mul·sub·mul·mul·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) VECTOR(6) VECTOR(7) VECTOR(8) VECTOR(9) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4)
    EACH_VECTOR(
      const vec x3 = LOAD(3);
      const vec x4 = LOAD(4);
      const vec x6 = LOAD(6);
      const vec x7 = LOAD(7);
      const vec x9 = LOAD(9);
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(s0, LOAD(2));
      const vec t2 = e_mul(t1, x3);
      const vec t3 = e_square(x4);
      const vec t4 = e_sub(s5, t3);
      const vec t5 = e_mul(t2, t4);
      const vec t6 = e_add(t0, t5);
      const vec t7 = e_mul(t6, x6);
      const vec t8 = e_square(x7);
      const vec t9 = e_sub(s5, t8);
      const vec t10 = e_mul(t7, t9);
      const vec t11 = e_mul(t6, x7);
      const vec t12 = e_sub(s5, x6);
      const vec t13 = e_mul(x6, t12);
      const vec t14 = e_mul(t11, t13);
      const vec t15 = e_mul(t6, LOAD(8));
      const vec t16 = e_sub(s5, x9);
      const vec t17 = e_mul(x9, t16);
      const vec t18 = e_mul(t15, t17);
      const vec t19 = e_mul(t1, x4);
      const vec t20 = e_sub(s5, x3);
      const vec t21 = e_mul(x3, t20);
      const vec t22 = e_mul(t19, t21);
      const vec t23 = e_mul(t6, x9);
      STORE(0, t10);
      STORE(1, t14);
      STORE(2, t18);
      STORE(3, t22);
      STORE(4, t23);
    )
  }
}

CHAIN(118) { /* sigmoid·sigmoid·mul·sigmoid·tanh·mul·add·tanh·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_sigmoid(LOAD(0));
      const vec t1 = e_sigmoid(LOAD(1));
      const vec t2 = e_mul(t1, LOAD(2));
      const vec t3 = e_sigmoid(LOAD(3));
      const vec t4 = e_tanh(LOAD(4));
      const vec t5 = e_mul(t3, t4);
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_tanh(t6);
      const vec t8 = e_mul(t0, t7);
      STORE(0, t6);
      STORE(1, t8);
    )
  }
}

CHAIN(119) { /* add·sigmoid·sub·add·sigmoid·mul·add·tanh·mul·mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) ROW(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sigmoid(t0);
      const vec t2 = e_sub(s2, t1);
      const vec t3 = e_add(LOAD(3), LOAD(4));
      const vec t4 = e_sigmoid(t3);
      const vec t5 = e_mul(t4, LOAD(5));
      const vec t6 = e_add(LOAD(6), t5);
      const vec t7 = e_tanh(t6);
      const vec t8 = e_mul(t1, LOAD(7));
      const vec t9 = e_mul(t2, t7);
      const vec t10 = e_add(t8, t9);
      STORE(0, t1);
      STORE(1, t2);
      STORE(2, t4);
      STORE(3, t7);
      STORE(4, t10);
    )
  }
}

CHAIN(120) { /* mul·mul·square·sub·mul·mul·sub·mul·mul·mul·neg·mul·add·sub·mul·mul·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) VECTOR(5) VECTOR(6) VECTOR(7) VECTOR(8) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4)
    EACH_VECTOR(
      const vec x3 = LOAD(3);
      const vec x6 = LOAD(6);
      const vec x8 = LOAD(8);
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_square(x3);
      const vec t3 = e_sub(s4, t2);
      const vec t4 = e_mul(t1, t3);
      const vec t5 = e_mul(t4, LOAD(5));
      const vec t6 = e_sub(s4, x6);
      const vec t7 = e_mul(x6, t6);
      const vec t8 = e_mul(t5, t7);
      const vec t9 = e_mul(t0, x3);
      const vec t10 = e_neg(t9);
      const vec t11 = e_mul(t0, LOAD(7));
      const vec t12 = e_add(t10, t11);
      const vec t13 = e_sub(s4, x8);
      const vec t14 = e_mul(x8, t13);
      const vec t15 = e_mul(t12, t14);
      const vec t16 = e_mul(t4, x6);
      STORE(0, t0);
      STORE(1, t4);
      STORE(2, t8);
      STORE(3, t15);
      STORE(4, t16);
    )
  }
}

CHAIN(121) { /* mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_add(t0, LOAD(2));
      STORE(0, t1);
    )
  }
}

CHAIN(122) { /* add·sigmoid·mul·sub·add·sigmoid·mul·add·tanh·mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sigmoid(t0);
      const vec t2 = e_mul(t1, LOAD(2));
      const vec t3 = e_sub(s3, t1);
      const vec t4 = e_add(LOAD(4), LOAD(5));
      const vec t5 = e_sigmoid(t4);
      const vec t6 = e_mul(t5, LOAD(6));
      const vec t7 = e_add(LOAD(7), t6);
      const vec t8 = e_tanh(t7);
      const vec t9 = e_mul(t3, t8);
      const vec t10 = e_add(t2, t9);
      STORE(0, t10);
    )
  }
}

CHAIN(123) { /* add·sigmoid·mul·sub·add·sigmoid·mul·add·tanh·mul·add */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_sigmoid(t0);
      const vec t2 = e_mul(t1, LOAD(2));
      const vec t3 = e_sub(s3, t1);
      const vec t4 = e_add(LOAD(4), LOAD(5));
      const vec t5 = e_sigmoid(t4);
      const vec t6 = e_mul(t5, LOAD(6));
      const vec t7 = e_add(LOAD(7), t6);
      const vec t8 = e_tanh(t7);
      const vec t9 = e_mul(t3, t8);
      const vec t10 = e_add(t2, t9);
      STORE(0, t1);
      STORE(1, t3);
      STORE(2, t5);
      STORE(3, t8);
      STORE(4, t10);
    )
  }
}

CHAIN(124) { /* mul·mul·add·mul·square·sub·mul·mul·sub·mul·mul·mul·neg·mul·add·sub·mul·mul·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) VECTOR(6) VECTOR(7) VECTOR(8) VECTOR(9) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4)
    EACH_VECTOR(
      const vec x4 = LOAD(4);
      const vec x7 = LOAD(7);
      const vec x9 = LOAD(9);
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(s0, LOAD(2));
      const vec t2 = e_add(t0, t1);
      const vec t3 = e_mul(t2, LOAD(3));
      const vec t4 = e_square(x4);
      const vec t5 = e_sub(s5, t4);
      const vec t6 = e_mul(t3, t5);
      const vec t7 = e_mul(t6, LOAD(6));
      const vec t8 = e_sub(s5, x7);
      const vec t9 = e_mul(x7, t8);
      const vec t10 = e_mul(t7, t9);
      const vec t11 = e_mul(t2, x4);
      const vec t12 = e_neg(t11);
      const vec t13 = e_mul(t2, LOAD(8));
      const vec t14 = e_add(t12, t13);
      const vec t15 = e_sub(s5, x9);
      const vec t16 = e_mul(x9, t15);
      const vec t17 = e_mul(t14, t16);
      const vec t18 = e_mul(t6, x7);
      STORE(0, t2);
      STORE(1, t6);
      STORE(2, t10);
      STORE(3, t17);
      STORE(4, t18);
    )
  }
}

CHAIN(125) { /* mul·square·sub·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) ROW(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_square(LOAD(2));
      const vec t2 = e_sub(s3, t1);
      const vec t3 = e_mul(t0, t2);
      STORE(0, t3);
    )
  }
}

CHAIN(126) { /* mul·mul·add·square·sub·mul */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(s0, LOAD(2));
      const vec t2 = e_add(t0, t1);
      const vec t3 = e_square(LOAD(3));
      const vec t4 = e_sub(s4, t3);
      const vec t5 = e_mul(t2, t4);
      STORE(0, t5);
    )
  }
}

CHAIN(127) { /* mul·mul·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) ROW(4) ROW(5) VECTOR(6) ROW(7) ROW(8) ROW(9) ROW(10) VECTOR(11) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(s2, LOAD(3));
      const vec t2 = e_mul(t1, s4);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_mul(LOAD(6), s7);
      const vec t6 = e_square(t1);
      const vec t7 = e_mul(t6, s8);
      const vec t8 = e_add(t5, t7);
      const vec t9 = e_sqrt(t8);
      const vec t10 = e_mul(t9, s9);
      const vec t11 = e_add(t10, s10);
      const vec t12 = e_div(t4, t11);
      const vec t13 = e_sub(LOAD(11), t12);
      STORE(0, t3);
      STORE(1, t8);
      STORE(2, t13);
    )
  }
}

CHAIN(128) { /* mul·mul·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) ROW(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(s2, t0);
      const vec t2 = e_sub(LOAD(3), t1);
      STORE(0, t2);
    )
  }
}

CHAIN(129) { /* mul·mul·add·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) ROW(4) VECTOR(5) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(s2, LOAD(3));
      const vec t2 = e_add(t0, t1);
      const vec t3 = e_mul(s4, t2);
      const vec t4 = e_sub(LOAD(5), t3);
      STORE(0, t2);
      STORE(1, t4);
    )
  }
}

CHAIN(130) { /* mul·mul·add·mul·add·mul·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_add(t1, t0);
      const vec t3 = e_mul(t2, s3);
      const vec t4 = e_add(t0, t3);
      const vec t5 = e_mul(s4, t4);
      const vec t6 = e_sub(LOAD(5), t5);
      STORE(0, t2);
      STORE(1, t6);
    )
  }
}

CHAIN(131) { /* mul·mul·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) ROW(4) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(s2, LOAD(3));
      const vec t2 = e_mul(s4, t1);
      const vec t3 = e_sub(t0, t2);
      STORE(0, t3);
    )
  }
}

CHAIN(132) { /* mul·mul·mul·add·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) ROW(6) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(s4, LOAD(5));
      const vec t3 = e_add(t1, t2);
      const vec t4 = e_mul(s6, t3);
      const vec t5 = e_sub(t0, t4);
      STORE(0, t3);
      STORE(1, t5);
    )
  }
}

CHAIN(133) { /* mul·mul·mul·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) ROW(6) ROW(7) VECTOR(8) ROW(9) ROW(10) ROW(11) ROW(12) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_mul(s4, LOAD(5));
      const vec t3 = e_mul(t2, s6);
      const vec t4 = e_add(t1, t3);
      const vec t5 = e_mul(t4, s7);
      const vec t6 = e_mul(LOAD(8), s9);
      const vec t7 = e_square(t2);
      const vec t8 = e_mul(t7, s10);
      const vec t9 = e_add(t6, t8);
      const vec t10 = e_sqrt(t9);
      const vec t11 = e_mul(t10, s11);
      const vec t12 = e_add(t11, s12);
      const vec t13 = e_div(t5, t12);
      const vec t14 = e_sub(t0, t13);
      STORE(0, t4);
      STORE(1, t9);
      STORE(2, t14);
    )
  }
}

CHAIN(134) { /* mul·mul·mul·add·mul·mul·square·mul·add·maximum·sqrt·mul·add·div·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) ROW(4) ROW(5) VECTOR(6) ROW(7) ROW(8) VECTOR(9) ROW(10) ROW(11) VECTOR(12) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(s2, LOAD(3));
      const vec t2 = e_mul(t1, s4);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_mul(LOAD(6), s7);
      const vec t6 = e_square(t1);
      const vec t7 = e_mul(t6, s8);
      const vec t8 = e_add(t5, t7);
      const vec t9 = e_maximum(LOAD(9), t8);
      const vec t10 = e_sqrt(t9);
      const vec t11 = e_mul(t10, s10);
      const vec t12 = e_add(t11, s11);
      const vec t13 = e_div(t4, t12);
      const vec t14 = e_sub(LOAD(12), t13);
      STORE(0, t3);
      STORE(1, t8);
      STORE(2, t9);
      STORE(3, t14);
    )
  }
}

CHAIN(135) { /* mul·mul·mul·mul·add·mul·add·mul·mul·square·mul·add·sqrt·mul·add·div·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) ROW(2) VECTOR(3) ROW(4) ROW(5) ROW(6) ROW(7) VECTOR(8) ROW(9) ROW(10) ROW(11) ROW(12) VECTOR(13) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(t0, s2);
      const vec t2 = e_mul(LOAD(3), s4);
      const vec t3 = e_mul(t0, s5);
      const vec t4 = e_add(t2, t3);
      const vec t5 = e_mul(t4, s6);
      const vec t6 = e_add(t1, t5);
      const vec t7 = e_mul(s7, t6);
      const vec t8 = e_mul(LOAD(8), s9);
      const vec t9 = e_square(t0);
      const vec t10 = e_mul(t9, s10);
      const vec t11 = e_add(t8, t10);
      const vec t12 = e_sqrt(t11);
      const vec t13 = e_mul(t12, s11);
      const vec t14 = e_add(t13, s12);
      const vec t15 = e_div(t7, t14);
      const vec t16 = e_sub(LOAD(13), t15);
      STORE(0, t4);
      STORE(1, t11);
      STORE(2, t16);
    )
  }
}

CHAIN(136) { /* mul·mul·square·mul·add·sqrt·add·div·mul·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) ROW(5) ROW(6) VECTOR(7) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(LOAD(2), s3);
      const vec t2 = e_square(t0);
      const vec t3 = e_mul(t2, s4);
      const vec t4 = e_add(t1, t3);
      const vec t5 = e_sqrt(t4);
      const vec t6 = e_add(t5, s5);
      const vec t7 = e_div(t0, t6);
      const vec t8 = e_mul(s6, t7);
      const vec t9 = e_sub(LOAD(7), t8);
      STORE(0, t4);
      STORE(1, t9);
    )
  }
}

CHAIN(137) { /* mul·mul·square·add·sqrt·add·div·sub */
  EACH_ROW {
    ROW(0) VECTOR(1) ROW(2) VECTOR(3) ROW(4) VECTOR(5) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(s0, LOAD(1));
      const vec t1 = e_mul(s2, t0);
      const vec t2 = e_square(t0);
      const vec t3 = e_add(LOAD(3), t2);
      const vec t4 = e_sqrt(t3);
      const vec t5 = e_add(t4, s4);
      const vec t6 = e_div(t1, t5);
      const vec t7 = e_sub(LOAD(5), t6);
      STORE(0, t3);
      STORE(1, t7);
    )
  }
}

CHAIN(138) { /* add·sqrt·mul·mul·square·mul·add·add·sqrt·div·mul·mul·sub·mul·square·mul·add */
  EACH_ROW {
    VECTOR(0) ROW(1) VECTOR(2) ROW(3) ROW(4) VECTOR(5) ROW(6) ROW(7) VECTOR(8) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_add(x0, s1);
      const vec t1 = e_sqrt(t0);
      const vec t2 = e_mul(LOAD(2), s3);
      const vec t3 = e_mul(s4, LOAD(5));
      const vec t4 = e_square(t3);
      const vec t5 = e_mul(t4, s6);
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_add(t6, s1);
      const vec t8 = e_sqrt(t7);
      const vec t9 = e_div(t1, t8);
      const vec t10 = e_mul(t9, t3);
      const vec t11 = e_mul(s7, t10);
      const vec t12 = e_sub(LOAD(8), t11);
      const vec t13 = e_mul(x0, s3);
      const vec t14 = e_square(t10);
      const vec t15 = e_mul(t14, s6);
      const vec t16 = e_add(t13, t15);
      STORE(0, t6);
      STORE(1, t12);
      STORE(2, t16);
    )
  }
}

CHAIN(139) { /* mul·mul·sub */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) VECTOR(3) OUTPUT(0)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), s1);
      const vec t1 = e_mul(s2, t0);
      const vec t2 = e_sub(LOAD(3), t1);
      STORE(0, t2);
    )
  }
}

CHAIN(140) { /* mul·mul·neg·add·less·mul·add·mul·where·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) VECTOR(6) ROW(7) ROW(8) VECTOR(9) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_neg(t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_less(LOAD(3), s4);
      const vec t5 = e_mul(t1, s5);
      const vec t6 = e_add(LOAD(6), s7);
      const vec t7 = e_mul(t5, t6);
      const vec t8 = e_where(t4, t7, t5);
      const vec t9 = e_add(t3, t8);
      const vec t10 = e_mul(t9, s8);
      const vec t11 = e_mul(t0, LOAD(9));
      STORE(0, t9);
      STORE(1, t10);
      STORE(2, t11);
    )
  }
}

CHAIN(141) { /* mul·mul·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) ROW(4) ROW(5) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_maximum(t2, s4);
      const vec t4 = e_minimum(t3, s5);
      STORE(0, t2);
      STORE(1, t3);
      STORE(2, t4);
    )
  }
}

CHAIN(142) { /* mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_maximum(t3, s5);
      const vec t5 = e_minimum(t4, s6);
      STORE(0, t3);
      STORE(1, t4);
      STORE(2, t5);
    )
  }
}

CHAIN(143) { /* mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) ROW(5) ROW(6) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_maximum(t3, s5);
      const vec t5 = e_minimum(t4, s6);
      STORE(0, t3);
      STORE(1, t4);
      STORE(2, t5);
    )
  }
}

CHAIN(144) { /* mul·mul·add·mul·mul·add·add·maximum·minimum */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) ROW(8) ROW(9) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(LOAD(4), LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_maximum(t6, s8);
      const vec t8 = e_minimum(t7, s9);
      STORE(0, t6);
      STORE(1, t7);
      STORE(2, t8);
    )
  }
}

CHAIN(145) { /* less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) ROW(3) VECTOR(4) ROW(5) VECTOR(6) VECTOR(7) VECTOR(8) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec x6 = LOAD(6);
      const vec t0 = e_less(x0, s1);
      const vec t1 = e_less(s1, x0);
      const vec t2 = e_sub(s2, t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_mul(t3, s3);
      const vec t5 = e_mul(LOAD(4), t4);
      const vec t6 = e_less(s5, x6);
      const vec t7 = e_less(x6, s5);
      const vec t8 = e_sub(s2, t7);
      const vec t9 = e_add(t6, t8);
      const vec t10 = e_mul(t9, s3);
      const vec t11 = e_mul(t5, t10);
      const vec t12 = e_mul(LOAD(7), t11);
      const vec t13 = e_mul(LOAD(8), t11);
      STORE(0, t11);
      STORE(1, t12);
      STORE(2, t13);
    )
  }
}

CHAIN(146) { /* less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) ROW(3) VECTOR(4) ROW(5) VECTOR(6) VECTOR(7) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec x6 = LOAD(6);
      const vec t0 = e_less(x0, s1);
      const vec t1 = e_less(s1, x0);
      const vec t2 = e_sub(s2, t1);
      const vec t3 = e_add(t0, t2);
      const vec t4 = e_mul(t3, s3);
      const vec t5 = e_mul(LOAD(4), t4);
      const vec t6 = e_less(s5, x6);
      const vec t7 = e_less(x6, s5);
      const vec t8 = e_sub(s2, t7);
      const vec t9 = e_add(t6, t8);
      const vec t10 = e_mul(t9, s3);
      const vec t11 = e_mul(t5, t10);
      const vec t12 = e_mul(LOAD(7), t11);
      STORE(0, t11);
      STORE(1, t12);
    )
  }
}

CHAIN(147) { /* add·less·less·sub·add·mul·mul·less·less·sub·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) ROW(5) ROW(6) VECTOR(7) VECTOR(8) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec x7 = LOAD(7);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_less(x2, s3);
      const vec t2 = e_less(s3, x2);
      const vec t3 = e_sub(s4, t2);
      const vec t4 = e_add(t1, t3);
      const vec t5 = e_mul(t4, s5);
      const vec t6 = e_mul(t0, t5);
      const vec t7 = e_less(s6, x7);
      const vec t8 = e_less(x7, s6);
      const vec t9 = e_sub(s4, t8);
      const vec t10 = e_add(t7, t9);
      const vec t11 = e_mul(t10, s5);
      const vec t12 = e_mul(t6, t11);
      const vec t13 = e_mul(LOAD(8), t12);
      STORE(0, t12);
      STORE(1, t13);
    )
  }
}

CHAIN(148) { /* mul·mul·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_gelu(t2);
      STORE(0, t2);
      STORE(1, t3);
    )
  }
}

CHAIN(149) { /* mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(t2, LOAD(4));
      const vec t4 = e_gelu(t3);
      STORE(0, t3);
      STORE(1, t4);
    )
  }
}

CHAIN(150) { /* mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_add(LOAD(4), t2);
      const vec t4 = e_gelu(t3);
      STORE(0, t3);
      STORE(1, t4);
    )
  }
}

CHAIN(151) { /* mul·mul·add·mul·mul·add·add·gelu */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec t0 = e_mul(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_add(t1, LOAD(3));
      const vec t3 = e_mul(LOAD(4), LOAD(5));
      const vec t4 = e_mul(t3, LOAD(6));
      const vec t5 = e_add(t4, LOAD(7));
      const vec t6 = e_add(t2, t5);
      const vec t7 = e_gelu(t6);
      STORE(0, t6);
      STORE(1, t7);
    )
  }
}

CHAIN(152) { /* mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) VECTOR(6) VECTOR(7) VECTOR(8) OUTPUT(0) OUTPUT(1) OUTPUT(2)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, s1);
      const vec t1 = e_erf(t0);
      const vec t2 = e_add(s2, t1);
      const vec t3 = e_mul(t2, s3);
      const vec t4 = e_square(x0);
      const vec t5 = e_mul(t4, s4);
      const vec t6 = e_exp(t5);
      const vec t7 = e_mul(x0, t6);
      const vec t8 = e_div(t7, s5);
      const vec t9 = e_add(t3, t8);
      const vec t10 = e_mul(LOAD(6), t9);
      const vec t11 = e_mul(LOAD(7), t10);
      const vec t12 = e_mul(LOAD(8), t10);
      STORE(0, t10);
      STORE(1, t11);
      STORE(2, t12);
    )
  }
}

CHAIN(153) { /* mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul */
  EACH_ROW {
    VECTOR(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) VECTOR(6) VECTOR(7) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x0 = LOAD(0);
      const vec t0 = e_mul(x0, s1);
      const vec t1 = e_erf(t0);
      const vec t2 = e_add(s2, t1);
      const vec t3 = e_mul(t2, s3);
      const vec t4 = e_square(x0);
      const vec t5 = e_mul(t4, s4);
      const vec t6 = e_exp(t5);
      const vec t7 = e_mul(x0, t6);
      const vec t8 = e_div(t7, s5);
      const vec t9 = e_add(t3, t8);
      const vec t10 = e_mul(LOAD(6), t9);
      const vec t11 = e_mul(LOAD(7), t10);
      STORE(0, t10);
      STORE(1, t11);
    )
  }
}

CHAIN(154) { /* add·mul·erf·add·mul·square·mul·exp·mul·div·add·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) VECTOR(8) OUTPUT(0) OUTPUT(1)
    EACH_VECTOR(
      const vec x2 = LOAD(2);
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(x2, s3);
      const vec t2 = e_erf(t1);
      const vec t3 = e_add(s4, t2);
      const vec t4 = e_mul(t3, s5);
      const vec t5 = e_square(x2);
      const vec t6 = e_mul(t5, s6);
      const vec t7 = e_exp(t6);
      const vec t8 = e_mul(x2, t7);
      const vec t9 = e_div(t8, s7);
      const vec t10 = e_add(t4, t9);
      const vec t11 = e_mul(t0, t10);
      const vec t12 = e_mul(LOAD(8), t11);
      STORE(0, t11);
      STORE(1, t12);
    )
  }
}

CHAIN(155) { /* add·mul·mul·mul */
  EACH_ROW {
    VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3)
    EACH_VECTOR(
      const vec t0 = e_add(LOAD(0), LOAD(1));
      const vec t1 = e_mul(t0, LOAD(2));
      const vec t2 = e_mul(t1, LOAD(3));
      const vec t3 = e_mul(t0, LOAD(4));
      STORE(0, t0);
      STORE(1, t1);
      STORE(2, t2);
      STORE(3, t3);
    )
  }
}

static const chain_fn chain_fns[] = {chain_0, chain_1, chain_2, chain_3, chain_4, chain_5, chain_6, chain_7, chain_8, chain_9, chain_10, chain_11, chain_12, chain_13, chain_14, chain_15, chain_16, chain_17, chain_18, chain_19, chain_20, chain_21, chain_22, chain_23, chain_24, chain_25, chain_26, chain_27, chain_28, chain_29, chain_30, chain_31, chain_32, chain_33, chain_34, chain_35, chain_36, chain_37, chain_38, chain_39, chain_40, chain_41, chain_42, chain_43, chain_44, chain_45, chain_46, chain_47, chain_48, chain_49, chain_50, chain_51, chain_52, chain_53, chain_54, chain_55, chain_56, chain_57, chain_58, chain_59, chain_60, chain_61, chain_62, chain_63, chain_64, chain_65, chain_66, chain_67, chain_68, chain_69, chain_70, chain_71, chain_72, chain_73, chain_74, chain_75, chain_76, chain_77, chain_78, chain_79, chain_80, chain_81, chain_82, chain_83, chain_84, chain_85, chain_86, chain_87, chain_88, chain_89, chain_90, chain_91, chain_92, chain_93, chain_94, chain_95, chain_96, chain_97, chain_98, chain_99, chain_100, chain_101, chain_102, chain_103, chain_104, chain_105, chain_106, chain_107, chain_108, chain_109, chain_110, chain_111, chain_112, chain_113, chain_114, chain_115, chain_116, chain_117, chain_118, chain_119, chain_120, chain_121, chain_122, chain_123, chain_124, chain_125, chain_126, chain_127, chain_128, chain_129, chain_130, chain_131, chain_132, chain_133, chain_134, chain_135, chain_136, chain_137, chain_138, chain_139, chain_140, chain_141, chain_142, chain_143, chain_144, chain_145, chain_146, chain_147, chain_148, chain_149, chain_150, chain_151, chain_152, chain_153, chain_154, chain_155, 0};

#undef CHAIN
#undef NUMBER
#undef EACH_ROW
#undef ROW
#undef VECTOR
#undef OUTPUT
#undef LOAD
#undef STORE
#undef EACH_VECTOR
#endif

#endif
