"""Times the official LIA networks on the processor in PyTorch, to set beside `Lia.Bench cpu`.

    taskset -c 0,1 python3 bench/pytorch-cpu.py LIA_DIR [--size 256] [--threads 2] [--runs 7]

LIA_DIR is a checkout of https://github.com/wyhsirius/LIA, of which only `networks` is used. One encoder pass is one picture to its
motion code; one decoder pass is one latent and the source's features to a picture, including the QR factorisation that
the program repeats for every frame. Medians, after a warm-up, with freshly initialised weights; first as published, then
with channels-last memory, which oneDNN prefers.
"""
import argparse
import statistics
import sys
import time

import torch

parser = argparse.ArgumentParser()
parser.add_argument("lia")
parser.add_argument("--size", type=int, default=256)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--runs", type=int, default=7)
options = parser.parse_args()
torch.set_num_threads(options.threads)
if not hasattr(torch, "qr"):  # Removed from recent versions; the program still calls it.
    torch.qr = torch.linalg.qr
torch.Tensor.cuda = lambda tensor: tensor  # The decoder sends its grid to the GPU unconditionally.
sys.path.insert(0, options.lia)
from networks.generator import Generator  # noqa: E402


def median_ms(run):
    for _ in range(2):
        run()
    times = []
    for _ in range(options.runs):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


torch.manual_seed(1)
print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, size {options.size}, median of {options.runs} runs")
with torch.inference_mode():
    for name, layout in (("as published", torch.contiguous_format), ("channels last", torch.channels_last)):
        generator = Generator(options.size, 512, 20, 1).eval()
        for parameter in generator.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=layout)
        source, driving = ((torch.rand(1, 3, options.size, options.size) * 2 - 1).contiguous(memory_format=layout) for _ in range(2))
        start = generator.enc.enc_motion(driving)
        appearance, alpha, features = generator.enc(source, driving, start)
        encoder = median_ms(lambda: generator.enc.enc_motion(driving))
        decoder = median_ms(lambda: generator.dec(appearance, alpha, features))
        print(f"{name}: encoder pass {encoder:.1f} ms, decoder pass {decoder:.1f} ms", flush=True)
