# Frames of the public sets that are trained on and those that are tested on; sourced by run.sh and networks.sh.

# train_frames SET OUT: prints the file of the frames to train on, written to OUT where the set holds the test frames too
train_frames() {
  case $1 in
    3bpa) echo "$CARTAN_DATA/3bpa/train_300K.xyz" ;;
    acac) echo "$CARTAN_DATA/acac/train_300K.xyz" ;;
    ethanol | aspirin) echo "$CARTAN_DATA/rmd17/rmd17_$1_train_01.npz" ;;
    silicon)
      sixths silicon/si_train.xyz 0 > "$2/train_silicon.xyz"
      echo "$2/train_silicon.xyz" ;;
    *) echo "frames.sh: no set $1" >&2; return 1 ;;
  esac
}

# test_frames SET OUT: writes them to OUT/test_NAME.xyz and prints a line "NAME FILE" for each part
test_frames() {
  local out=$2 data=$CARTAN_DATA
  case $1 in
    3bpa)  # the thirds of train_mixedT; 300 K without the frames of the training set
      awk 'function done() { if (NR == FNR) seen[key] = 1; else if (!(key in seen)) printf "%s", frame; n = 0 }
           n == 0 { n = $1 + 2; left = n; key = ""; frame = "" }
           { frame = frame $0 "\n"; if (left < n - 1) key = key " " $2 " " $3 " " $4; if (--left == 0) done() }' \
        "$data/3bpa/train_300K.xyz" <(head -n $((167 * 29)) "$data/3bpa/train_mixedT.xyz") > "$out/test_300K.xyz"
      sed -n "$((167 * 29 + 1)),$((334 * 29))p" "$data/3bpa/train_mixedT.xyz" > "$out/test_600K.xyz"
      tail -n +$((334 * 29 + 1)) "$data/3bpa/train_mixedT.xyz" > "$out/test_1200K.xyz"
      printf '%s\n' "300K $out/test_300K.xyz" "600K $out/test_600K.xyz" "1200K $out/test_1200K.xyz" ;;
    acac) echo "600K $data/acac/train_600K.xyz" ;;
    ethanol) echo "another $data/ethanol/train.xyz" ;;
    silicon)  # every sixth frame
      sixths silicon/si_train.xyz 1 > "$out/test_sixth.xyz"
      echo "sixth $out/test_sixth.xyz" ;;
  esac
}

# sixths FILE 0|1: the frames of an extxyz file without (0), or that are (1), the sixth, twelfth, ...
sixths() {
  awk -v keep="$2" 'left == 0 { left = $1 + 2; n++ } { if ((n % 6 == 0) == keep) print; left-- }' "$CARTAN_DATA/$1"
}
