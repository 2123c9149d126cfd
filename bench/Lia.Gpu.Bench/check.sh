#!/usr/bin/env bash
# Everything to check and measure on a GPU in one go. Needs the driver, and besides it the CUDA toolkit (ptxas, compute-sanitizer) and PyTorch.
#   check.sh OUT TESTS BENCH [STEP...]
# OUT: a folder for the logs. TESTS, BENCH: commands that run Lia.Gpu.Tests and Lia.Gpu.Bench, for example
#   "dotnet run --project tests/Gpu.Tests -c Release --" "dotnet run --project bench/Lia.Gpu.Bench -c Release --"
# STEP: tests, ptxas, bench, memcheck, racecheck; without any, all of them.
set -uo pipefail
out=$1 tests=$2 bench=$3; shift 3
steps=${*:-tests ptxas bench memcheck racecheck}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
status=0

for step in $steps; do
  echo "== $step"
  case $step in
    tests)
      $tests > "$out/tests.txt" 2>&1 || status=1
      grep -E 'FAIL|Total:|kernels compile in' "$out/tests.txt" ;;
    ptxas)
      # Every kernel of the suite and the benchmark, for every target it supports; registers and spills of all.
      ptx=$(mktemp -d)
      LIA_GPU_TEST_PTX=$ptx $tests -class Lia.Gpu.Tests.Kernels.CatalogTests > /dev/null 2>&1 || status=1
      assemble() { sm=${1%.ptx}; sm=${sm##*.}; echo "# $(basename "$1")"; ptxas -v -arch="$sm" -o /dev/null "$1" 2>&1 || echo "REFUSED $1"; }
      export -f assemble
      find "$ptx" -name '*.ptx' | sort | xargs -P "$(nproc)" -I{} bash -c 'assemble {}' > "$out/ptxas.txt" 2>&1
      if grep -q REFUSED "$out/ptxas.txt"; then grep -E -A2 'error|REFUSED' "$out/ptxas.txt" | head -40; status=1; fi
      echo "$(find "$ptx" -name '*.ptx' | wc -l) files assembled, $(grep -c REFUSED "$out/ptxas.txt") refused, $(grep -cE '[1-9][0-9]* bytes spill' "$out/ptxas.txt") with spills" ;;
    bench)
      $bench > /dev/null 2>&1 # once before, so that the figures are those of a warm disk cache
      $bench > "$out/bench.txt" 2>&1 || { cat "$out/bench.txt"; status=1; }
      python3 "$here/compare.py" "$out/bench.txt" 2>&1 | tee "$out/compare.txt" ;;
    memcheck|racecheck)
      timeout 120 compute-sanitizer --tool "$step" --target-processes all --report-api-errors no --error-exitcode 9 $tests -parallel none > "$out/$step.txt" 2>&1 || status=1
      grep -E 'FAIL|Total:|ERROR SUMMARY|RACECHECK SUMMARY|=========' "$out/$step.txt" | tail -30 ;;
  esac
done
exit $status
