#!/usr/bin/env bash
# Curves of `lia train`, exact and fast, beside PyTorch's doing the same steps of the plain recipe. Needs a GPU, PyTorch and NumPy.
#   curves.sh OUT LIA BENCH [STEPS=2000] [SIZE=64] [BATCH=8]
# LIA and BENCH are commands: "dotnet lia.dll", "dotnet Lia.Bench.dll". OUT receives report.txt (everything printed), curves.png, and the runs.
# Channels and code are the demonstration model's. The perceptual network has VGG19's layers and random weights; VGG=0 takes the loss without one.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd) lia=$2 bench=$3 steps=${4:-2000} size=${5:-64} batch=${6:-8} began=$(date +%s)
here=$(cd "$(dirname "$0")" && pwd)
exec > >(tee "$out/report.txt") 2>&1

widths=(128 128 128 96 64 32 16 8 4)
levels=0
for ((side = size; side > 2; side /= 2)); do levels=$((levels + 1)); done
channels=$(IFS=,; echo "${widths[*]:0:levels}")
python3 "$here/draw.py" clips "$out/clips.liapack" --size "$size"
vgg=()
if [ "${VGG:-1}" != 0 ]; then
  python3 "$here/draw.py" vgg "$out/vgg.safetensors"
  vgg=(--vgg "$out/vgg.safetensors")
fi
echo "drawn after $(($(date +%s) - began)) s"
runs=()
for precision in exact fast; do
  rm -rf "$out/$precision"
  $lia train "$out/clips.liapack" -o "$out/$precision" --size "$size" --channels "$channels" --code 128 --batch "$batch" --steps "$steps" \
    --held-out 0 --log-every 1 --checkpoint-every "$steps" --sheet-every "$steps" --precision "$precision" "${vgg[@]}" | tail -n 3
  runs+=(--run "$precision=$out/$precision/log.jsonl")
  echo "$precision after $(($(date +%s) - began)) s"
done
$bench run-start "$out/exact" -o "$out/start.safetensors"
status=0
python3 "$here/curves.py" "$out/start.safetensors" "$out/clips.liapack" "${runs[@]}" "${vgg[@]}" --out "$out/curves.png" --seconds 35 || status=$?
echo "done after $(($(date +%s) - began)) s"
sleep 1   # for the last lines to reach report.txt
exit "$status"
