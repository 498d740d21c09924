#!/bin/sh
# Makes river.csv: water temperatures of a river that was thought up, 1500 readings at four sites, any depth down to
# 8 m, on days of two years; a seasonal wave that fades and lags with depth, another shift at each site, slow weather,
# and noise with outliers.
#
#   data/make_river.sh > data/river.csv
awk 'function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function normal() { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()) }
BEGIN {
  state = 20261
  print "day,depth,site,temperature"
  split("bridge weir mill ford", name, " "); split("0 -1.2 0.8 2.1", shift, " ")
  for (d = 0; d < 731; d++) { drift = 0.95 * drift + 0.35 * normal(); weather[d] = drift }
  for (i = 0; i < 1500; i++) {
    day = int(731 * uniform()); depth = 8 * uniform() ^ 1.5; s = 1 + int(4 * uniform())
    wave = exp(-depth / 10) * cos(6.283185307179586 * (day - 205 - 3 * depth) / 365.25)
    y = 11 + 7.5 * wave + shift[s] + weather[day] * exp(-depth / 4) + 0.4 * normal() * (uniform() < 0.04 ? 6 : 1)
    printf "%d,%.2f,%s,%.2f\n", day, depth, name[s], y
  }
}'
