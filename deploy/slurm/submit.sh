#!/bin/bash
# Cuts rows or clips into shards for Slurm, and has a job report when they are over.
#   submit.sh SHARDS STATUS_FOLDER COMMAND...
#   submit.sh 100 status/ batch --manifest clips.csv --model vox.safetensors --device cuda
#   submit.sh 100 status/ train pack clips/ -o packs/faces.liapack --size 256
# COMMAND is one of lia's that takes --shard and --status. Each shard has a GPU, unless it packs. SBATCH_* variables
# (https://slurm.schedmd.com/sbatch.html) choose partition, account and the like; LIA is the program. Prints the numbers of the two jobs. The
# same command goes on with what is left.
set -eu
[ $# -ge 3 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed 1d; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
shards=$1
mkdir -p "$2"
folder=$(realpath "$2")
shift 2
gpu=(--gres=gpu:1)
[ "$1 ${2:-}" != "train pack" ] || gpu=()
array=$(sbatch --parsable --array="1-$shards" "${gpu[@]}" --output="$folder/%x-%A_%a.log" "$here/lia-shard.sbatch" "$shards" "$folder" "$@")
report=$(sbatch --parsable --dependency="afterany:$array" --output="$folder/%x-%A.log" "$here/lia-report.sbatch" "$folder")
echo "$array $report"
