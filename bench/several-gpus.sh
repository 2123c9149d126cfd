#!/usr/bin/env bash
# One GPU against all of a machine, in one go: the same bytes, the rates, and what happens when one of them is full.
#   several-gpus.sh OUT LIA [GPU_TESTS KERNEL_TESTS]
# OUT: a folder for logs and summary.txt. LIA: the program. GPU_TESTS, KERNEL_TESTS: the built suites, run on every device. WORK names a
# folder for inputs and outputs (some GB), FRAMES and CLIPS other extents. Needs python3 for inputs and for filling a GPU.
set -uo pipefail
out=$1 lia=$2; shift 2
work=${WORK:-$(mktemp -d)} frames=${FRAMES:-4000} clips=${CLIPS:-64}
mkdir -p "$out" "$work"
say() { echo "$*" | tee -a "$out/summary.txt"; }

$lia info | tee "$out/info.txt" | grep -E '^(cuda|device)' | tee "$out/summary.txt"
devices=$(grep -cE '^cuda:[0-9]' "$out/info.txt") last=$(($(grep -cE '^cuda:[0-9]' "$out/info.txt") - 1))
say "$devices devices, $(nproc) cores"

for suite in "$@"; do
  for device in $(seq 0 $last); do
    log=$out/$(basename "$suite").$device.txt
    LIA_TEST_DEVICE=$device timeout 500 "$suite" > "$log" 2>&1
    say "suite $(basename "$suite") on device $device: $(grep -aE 'Total:' "$log" | tr -s ' ' | tail -1)"
  done
done

python3 - "$work" "$frames" "$clips" <<'PYTHON'
import os, struct, sys, zlib
work, frames, clips = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
side = 256
def picture(i):  # a bright square that wanders over a slope
    rows = []
    x0, y0 = (7 * i) % 160, (5 * i) % 160
    base = bytes(((i + x) & 255) for x in range(side))
    lit = base[:x0] + b"\xe0" * 96 + base[x0 + 96:]
    return b"".join(lit if y0 <= y < y0 + 96 else base for y in range(side))
def clip(name, count):
    with open(f"{work}/{name}.y4m", "wb") as y4m, open(f"{work}/{name}.rgb", "wb") as rgb:
        y4m.write(b"YUV4MPEG2 W256 H256 F25:1 Ip A1:1 C420jpeg\n")
        chroma = bytes([120]) * (side * side // 4) + bytes([140]) * (side * side // 4)
        for i in range(count):
            luma = picture(i)
            y4m.write(b"FRAME\n" + luma + chroma)
            three = bytearray(3 * side * side)
            three[0::3], three[1::3], three[2::3] = luma, luma, luma
            rgb.write(three)
clip("long", frames)
clip("short", 50)
os.makedirs(f"{work}/faces", exist_ok=True)
for n in range(clips):
    raw = b"".join(b"\0" + bytes(v for x in range(side) for v in ((x + n) & 255, y, (x * y + n) & 255)) for y in range(side))
    def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(f"{work}/faces/face{n:03}.png", "wb") as png:
        png.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b""))
PYTHON
$lia synthesize --size 256 -o "$work/model.safetensors" --quiet
source=$work/faces/face000.png
raw="--input-format rgb24 --input-size 256x256 --fps 25"

animate() { # DEVICE INPUT OUTPUT LOG [OPTION...]
  local device=$1 input=$2 output=$3 log=$4; shift 4
  $lia animate "$source" "$input" -o "$output" -m "$work/model.safetensors" --device "$device" --precision fast --profile "$@" > "$log" 2> "$log.err"
}

for device in $(seq 0 $last); do animate "cuda:$device" "$work/short.y4m" "$work/warm.y4m" "$out/warm.$device.txt"; done # the kernel cache
for kind in y4m rgb; do
  options=; [ $kind = rgb ] && options=$raw
  for device in cuda:0 "cuda:$last" cuda:all; do
    for run in 1 2 3; do
      log=$out/animate.$kind.${device#cuda:}.$run.txt
      animate $device "$work/long.$kind" "$work/long.${device#cuda:}.out.$kind" "$log" $options
      say "animate $kind $device run $run: $(grep -oE 'in [0-9.]+ s \([0-9.]+ frames/s\)' "$log" | head -1) $(cat "$log.err")"
    done
    tail -n +2 "$log" >> "$out/summary.txt"
  done
  say "animate $kind: $(sha256sum "$work"/long.*.out.$kind | cut -d' ' -f1 | sort -u | wc -l) different output(s) of three devices"
done

for device in cuda:0 cuda:all; do
  rm -rf "$work/out.${device#cuda:}"
  start=$(date +%s.%N)
  $lia batch "$work/faces" --driving "$work/short.y4m" -o "$work/out.${device#cuda:}" --format apng -m "$work/model.safetensors" --device $device --precision fast \
    > "$out/batch.${device#cuda:}.txt" 2>&1
  say "batch $device: $(tail -1 "$out/batch.${device#cuda:}.txt") in $(python3 -c "import time; print(f'{time.time() - $start:.2f}')") s"
done
diff -rq "$work/out.0" "$work/out.all" > "$out/batch.diff.txt" && say "batch: the same files" || say "batch: FILES DIFFER"

# One device filled by another program, to all but so many MiB: no context opens, or no network fits, or no batch does.
for left in 64 600 900 1200; do
  python3 - "$last" "$left" > "$work/full" 2> "$out/fill.$left.txt" <<'PYTHON' &
import ctypes, sys, time
cuda = ctypes.CDLL("libcuda.so.1")
device, context, free, total, address = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_uint64()
def check(status): assert status == 0, status
check(cuda.cuInit(0))
check(cuda.cuDeviceGet(ctypes.byref(device), int(sys.argv[1])))
check(cuda.cuCtxCreate_v2(ctypes.byref(context), 0, device))
check(cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)))
check(cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(free.value - (int(sys.argv[2]) << 20))))
print("full", flush=True)
time.sleep(120)
PYTHON
  filler=$!
  for wait in $(seq 100); do grep -q full "$work/full" 2> /dev/null && break; sleep 0.2; done
  log=$out/full.$left.txt
  rm -f "$work/full.y4m"
  animate cuda:all "$work/long.y4m" "$work/full.y4m" "$log"
  say "device $last with $left MiB left: status $?, $(cmp "$work/full.y4m" "$work/long.0.out.y4m" && echo same bytes): $(grep -oE 'in [0-9.]+ s .*' "$log" | head -1)"
  say "  $(cat "$log.err")"
  animate "cuda:$last" "$work/short.y4m" "$work/alone.y4m" "$log.alone"
  say "  alone: $(cat "$log.alone.err")"
  kill $filler; wait $filler 2> /dev/null; : > "$work/full"
done
$lia animate "$source" "$work/short.y4m" -o "$work/none.y4m" -m "$work/model.safetensors" --device cuda:97 2>&1 | tee -a "$out/summary.txt"
