#!/bin/sh
# Makes trade.csv: trade that was thought up among 24 countries of four regions in twelve years, in logarithms. A size
# for each exporter and importer that grows, three industries that regions sell and buy, a shock in one year, noise;
# seven of twenty flows are not reported.
#
#   data/make_trade.sh > data/trade.csv
awk 'function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function normal() { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()) }
BEGIN {
  state = 90125
  print "exporter,importer,year,log_flow"
  n = split("Arn Bel Cor Dun Eld Fen Gar Hol Ibr Jor Kel Lor Mar Nor Osk Pel Qua Ros Sar Tir Ulm Ver Wen Yor", name, " ")
  for (i = 1; i <= n; i++) {
    size[i] = normal(); want[i] = normal(); growth[i] = 0.03 + 0.03 * normal(); region = i % 4
    for (g = 0; g < 3; g++) { sells[i, g] = 0.3 * uniform() + (region == g); buys[i, g] = 0.3 * uniform() + ((region + 1) % 4 == g) }
  }
  for (t = 0; t < 12; t++) { boom[t, 0] = 1.5 + 0.1 * t; boom[t, 1] = 2 - 0.1 * t; boom[t, 2] = 1.2 + sin(t / 2) }
  for (i = 1; i <= n; i++) for (j = 1; j <= n; j++) for (t = 0; t < 12; t++) {
    y = 3 + size[i] + want[j] + growth[i] * t - (t == 7 ? 0.6 : 0) + 0.25 * normal()
    for (g = 0; g < 3; g++) y += sells[i, g] * buys[j, g] * boom[t, g]
    if (i != j && uniform() > 0.35) printf "%s,%s,%d,%.3f\n", name[i], name[j], 2010 + t, y
  }
}'
