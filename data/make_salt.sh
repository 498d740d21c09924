#!/bin/sh
# Makes salt.pqr: a rock-salt cube of 6 x 6 x 6 ions of charge +1 and -1, 2.82 A apart. Its energy per ion pair tends
# to -1.7476 e^2/(4 pi eps0 2.82 A) with the size of the cube (Madelung).
#
#   data/make_salt.sh > data/salt.pqr
awk 'BEGIN {
  n = 6; a = 2.82
  print "REMARK a cube of rock salt, made by data/make_salt.sh"
  for (i = 0; i < n; i++) for (j = 0; j < n; j++) for (k = 0; k < n; k++) {
    sodium = (i + j + k) % 2 == 0
    printf "ATOM  %5d %-4s %-4s %4d    %8.3f %8.3f %8.3f %7.4f %6.4f\n", ++atom, sodium ? "NA" : "CL", \
      sodium ? "SOD" : "CLA", atom, a * i, a * j, a * k, sodium ? 1 : -1, sodium ? 1.02 : 1.81
  }
  print "END"
}'
