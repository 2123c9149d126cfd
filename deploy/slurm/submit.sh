#!/bin/bash
# Cuts a manifest into shards for Slurm, a GPU each, and has a job report when they are over.
#   submit.sh MANIFEST SHARDS STATUS_FOLDER [options of lia batch]
# SBATCH_* variables (https://slurm.schedmd.com/sbatch.html) choose partition, account and the like; LIA is the program. Prints the numbers of
# the two jobs. The same command goes on with what is left.
set -eu
[ $# -ge 3 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed 1d; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
manifest=$(realpath "$1") shards=$2
mkdir -p "$3"
folder=$(realpath "$3")
shift 3
array=$(sbatch --parsable --array="1-$shards" --output="$folder/%x-%A_%a.log" "$here/lia-batch.sbatch" "$manifest" "$shards" "$folder" "$@")
report=$(sbatch --parsable --dependency="afterany:$array" --output="$folder/%x-%A.log" "$here/lia-report.sbatch" "$folder")
echo "$array $report"
