#!/usr/bin/env bash
# One run on a GPU: goes on from models/demo.safetensors with the critic, exports, measures. About nine minutes in all.
#   run.sh OUT [SECONDS_OF_TRAINING=450]
# OUT receives at most 8 files of less than 16 MiB: demo.safetensors, demo.golden.safetensors, report.txt (everything printed, with
# the tables), train.png, evaluate.png, and the training state to resume from, as training.tar.* (cat them together, unpack, --resume FOLDER).
# Should the run with the critic fail, the rest of the time is trained without it; should it end worse than it began, the best weights are kept.
set -uo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd) seconds=${2:-450} began=$(date +%s) PYTHONUNBUFFERED=1
export PYTHONUNBUFFERED
cd "$(dirname "$0")"
work=$(mktemp -d)
exec > >(tee "$out/report.txt") 2>&1

train() {  # FOLDER SECONDS OPTIONS...
  local folder=$1 time=$2
  shift 2
  echo "python3 train.py --seconds $time $*"
  timeout $((time + 60)) python3 train.py --out "$folder" --init ../../models/demo.safetensors --seconds "$time" --seed 2 --flat 0.4 --lr 0.005 --lr-end 0.0002 \
    --guide 0.1 --guide-end 0.05 --pool-seconds 15 --chunk 128 --mix 18,12,18 --parts 20 --keep-best --report 20 "$@"
}

folder=$work/critic
if ! train "$folder" "$seconds" --adversarial 0.2 --matching 0.5; then
  left=$((seconds - ($(date +%s) - began)))
  echo "the run with the critic failed; $left s are left"
  folder=$work/plain
  [ "$left" -lt 90 ] || train "$folder" "$left"
fi

echo "trained after $(($(date +%s) - began)) s"
if [ -f "$folder/ema.safetensors" ]; then
  cp "$folder/sheet.png" "$out/train.png"
  mkdir -p "$work/models"
  timeout 60 python3 export.py "$folder" "$work/models" && cp "$work/models"/*.safetensors "$out/"
  tar -C "$folder" -cf - --exclude=sheet.png . | split -b 16700000 -d -a 1 - "$out/training.tar."
fi
echo "exported after $(($(date +%s) - began)) s"
timeout 75 python3 evaluate.py "$out/demo.safetensors" --sheet "$out/evaluate.png"
echo "measured after $(($(date +%s) - began)) s"
ls -l "$out"
sleep 1   # for the last lines to reach report.txt
