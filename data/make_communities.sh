#!/bin/sh
# Makes communities.tns: counts that were thought up of how often 60 units were active in each of 40 windows of time
# under 6 conditions. Four communities, some units in two of them, each active for a while and under conditions of
# its own; Poisson counts. Every entry is listed, zeros too; indices count from 1.
#
#   data/make_communities.sh > data/communities.tns
awk 'function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function poisson(mean,  limit, p, k) { limit = exp(-mean); p = uniform(); k = 0; while (p > limit) { p *= uniform(); k++ } return k }
BEGIN {
  state = 4127
  for (i = 0; i < 60; i++) for (c = 0; c < 4; c++) member[i, c] = int(i / 15) == c || i % 15 == 0 && (int(i / 15) + 1) % 4 == c ? 0.5 + uniform() : 0.02
  for (t = 0; t < 40; t++) for (c = 0; c < 4; c++) { d = (t - 6 - 9 * c) / 5; active[t, c] = exp(-d * d / 2) + 0.02 }
  for (s = 0; s < 6; s++) for (c = 0; c < 4; c++) under[s, c] = s % 4 == c || s == 5 ? 3 : 0.2
  for (i = 0; i < 60; i++) for (t = 0; t < 40; t++) for (s = 0; s < 6; s++) {
    m = 0.02
    for (c = 0; c < 4; c++) m += member[i, c] * active[t, c] * under[s, c]
    print i + 1, t + 1, s + 1, poisson(m)
  }
}'
