"""Measures in PyTorch what Lia.Gpu.Bench measures, and prints both and their ratios.

    python3 compare.py FIGURES      FIGURES: a file with the output of Lia.Gpu.Bench, made on the same machine just before
"""
import statistics
import sys

import torch

SIZE, SETS = 4096, 3


def median_ms(work, repetitions):
    for i in range(5):
        work(i)
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repetitions + 1)]
    marks[0].record()
    for i in range(repetitions):
        work(i)
        marks[i + 1].record()
    torch.cuda.synchronize()
    return statistics.median(a.elapsed_time(b) for a, b in zip(marks, marks[1:]))


def copy():
    source = torch.full((1 << 28,), 0.011, device="cuda")
    target = torch.empty_like(source)
    return 2 * (1 << 30) / median_ms(lambda i: target.copy_(source), 40) / 1e9


def product(dtype, repetitions):
    a, b = ([(2 * torch.rand(SIZE, SIZE, device="cuda") - 1).to(dtype) for _ in range(SETS)] for _ in range(2))
    c = [torch.empty(SIZE, SIZE, device="cuda", dtype=dtype) for _ in range(SETS)]
    return 2 * SIZE**3 / median_ms(lambda i: torch.mm(a[i % SETS], b[i % SETS], out=c[i % SETS]), repetitions) / 1e9


torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
ours = {}
for line in open(sys.argv[1]):
    if not line.startswith("#"):
        name, value, unit = line.split()
        ours[name] = (float(value), unit)
theirs = {"copy": copy(), "fp32": product(torch.float32, 20), "fp16_wide": product(torch.float16, 60)}
theirs["fp16_square"] = theirs["fp16_wide"]
print(f"| {torch.cuda.get_device_name()}, PyTorch {torch.__version__} | Lia.Gpu | PyTorch | ratio |\n|---|---|---|---|")
for name, (value, unit) in ours.items():
    other = theirs.get(name)
    print(f"| {name} | {value:.4g} {unit} | " + (f"{other:.4g} {unit} | {value / other:.1%} |" if other else "| |"))
