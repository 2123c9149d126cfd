#!/usr/bin/env bash
# The demonstration model by `lia train`, on a GPU: draws its data, trains, exports, measures.
#   train-native.sh LIA OUT [STEPS=8805] [STEPS_WITH_CRITIC=10156]
# LIA is the program. The first run begins with random weights (with 0 steps it is left out, and the second begins with FROM, by default
# ../../models/demo.safetensors), the second goes on from its model with the critic (with 0 steps it is left out).
# Where a call has no time for both: 0 steps with the critic first, then 0 steps and FROM=OUT/demo.safetensors.
# OUT receives demo.safetensors, demo.golden.safetensors, report.txt (everything printed, with the tables), evaluate.png, curves and sheets.
# PRECISION (fast) can be set, WORK is where packs (up to 11.2 GB) and runs lie.
set -euo pipefail
lia=$(realpath "$1") steps=${3:-8805} critic_steps=${4:-10156} precision=${PRECISION:-fast}
mkdir -p "$2"
out=$(cd "$2" && pwd) began=$(date +%s) before=0
export PYTHONUNBUFFERED=1
from=$(realpath "${FROM:-$(dirname "$0")/../../models/demo.safetensors}")
cd "$(dirname "$0")"
work=${WORK:-$(mktemp -d)}
mkdir -p "$work"
exec > >(tee "$out/report.txt") 2>&1

# NAME SEED STEPS PARTS GROUPS OPTIONS...: what the recipe has not is common to both runs. Adam is given a rate times 4/5 (a discriminator's times 16/17): 0.01,
# 0.005 and 0.002.
run() {
  local name=$1 seed=$2 count=$3 parts=$4 groups=$5
  shift 5
  python3 pack.py --out "$work/$name.liapack" --groups "$groups" --rows $((48 * count)) --seed "$seed" --mix 18,12,18 --parts "$parts"
  set -- train "$work/$name.liapack" -o "$work/$name" --batch 48 --in-order --steps "$count" --seed "$seed" --held-out 48 \
    --momentum 0.9 --fixed-directions --l1 0 --average 0.998 --warm-up 100 --schedule cosine --precision "$precision" \
    --workers 8 --log-every 100 --checkpoint-every 2000 --sheet-every 2000 "$@"
  echo "lia $*"
  "$lia" "$@"
  rm "$work/$name.liapack"
  cp "$work/$name/curves.png" "$out/$name-curves.png"
  cp "$(ls "$work/$name/sheets"/*.png | tail -1)" "$out/$name-sheet.png"
  cp "$work/$name/log.jsonl" "$out/$name.jsonl"
  echo "$name trained after $(($(date +%s) - began)) s"
}

# Helps are weighed beside the picture's loss, which maps divided by their means (0.81 and 0.91 on average) make larger: 8 and 3 (of run 2 a tenth) over
# the mean.
if [ "$steps" -gt 0 ]; then
  run plain 1 "$steps" 12 816 --size 128 --channels 128,128,128,96,64,32 --code 128 --flow-start 0.05 --adversarial 0 \
    --labels 9.8 --surfaces 3.7 --guide-end 0.1 --rate 0.0125 --rate-end 0.05 --flat 0.5
  from=$work/plain/model.safetensors
fi
if [ "$critic_steps" -gt 0 ]; then
  run critic 2 "$critic_steps" 20 880 --from "$from" --discriminator patches --adversarial 0.2 --matching 0.5 \
    --labels 0.87 --surfaces 0.33 --guide-end 0.5 --rate 0.00625 --discriminator-rate 0.002125 --rate-end 0.04 --flat 0.4
  from=$work/critic/model.safetensors before=$steps
fi
python3 export.py "$from" "$out" "$before"
timeout 75 python3 evaluate.py "$out/demo.safetensors" --sheet "$out/evaluate.png"
echo "measured after $(($(date +%s) - began)) s"
ls -l "$out"
sleep 1   # for the last lines to reach report.txt
