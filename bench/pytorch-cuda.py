"""Times the official LIA networks on a GPU in PyTorch, as published and tuned, to set beside `Lia.Bench end-to-end`.

    python3 bench/pytorch-cuda.py LIA_DIR [--size 256] [--batches 1,8,32] [--compile] [--json pytorch_256.json]

LIA_DIR is a checkout of https://github.com/wyhsirius/LIA, of which only `networks` is used. Milliseconds a driving frame, medians between events after a warm-up,
with freshly initialised weights. As published, the program encodes the source again for every frame. Tuned, it is encoded once, the motion basis is factored once, styles
scale activations instead of weights (so that frames share them), and memory is channels-last; in TF32 and in fp16, launched one by one, captured in a CUDA graph, and
with --compile through torch.compile. The ceilings of the GPU are measured first: matrix products of 8192 and a copy of 1 GiB.
"""
import argparse
import json
import statistics
import sys
import types

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("lia")
parser.add_argument("--size", type=int, default=256)
parser.add_argument("--batches", default="1,8,32")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--json")
options = parser.parse_args()
batches = [int(text) for text in options.batches.split(",")]
if not hasattr(torch, "qr"):  # Removed from recent versions; the program still calls it.
    torch.qr = torch.linalg.qr
sys.path.insert(0, options.lia)
from networks import encoder, styledecoder  # noqa: E402
from networks.generator import Generator  # noqa: E402

DEVICE = "cuda"
figures = []


def median_ms(run, repetitions):
    for _ in range(8):
        run()
    times = []
    for _ in range(5):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repetitions):
            run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / repetitions)
    return statistics.median(times)


def tell(program, batch, published, milliseconds):
    figures.append({"size": options.size, "batch": batch, "program": program, "published": published, "milliseconds": milliseconds / batch})
    print(f"{program}, {batch} together: {milliseconds / batch:.4f} ms a frame", flush=True)
    save()


def save():
    """Writes what has been measured so far, so that a run cut short leaves its figures."""
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine, "peaks": peaks, "frames": figures}, file, indent=1)


def product_rate(dtype, tf32=False, n=8192):
    torch.backends.cuda.matmul.allow_tf32 = tf32
    a, b = (torch.randn(n, n, device=DEVICE, dtype=dtype) for _ in range(2))
    milliseconds = median_ms(lambda: a @ b, 5)
    torch.backends.cuda.matmul.allow_tf32 = False
    return 2 * n**3 / milliseconds / 1e9


def copy_rate():
    a = torch.empty(1 << 30, device=DEVICE, dtype=torch.uint8)
    b = torch.empty_like(a)
    return 2 * (1 << 30) / median_ms(lambda: b.copy_(a), 10) / 1e6


def modulated(self, x, style):
    """ModulatedConv2d with the style on the activations: every frame of the batch shares the weight."""
    batch, channels = x.shape[:2]
    s, weight = self.modulation(style), self.weight[0] * self.scale
    x = x * s.view(batch, channels, 1, 1).to(x.dtype)
    if self.upsample:
        y = F.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2)
    else:
        y = F.conv2d(x, weight.to(x.dtype), padding=self.padding)
    if self.demodulate:
        d = torch.rsqrt((s.float() ** 2) @ weight.float().pow(2).sum([2, 3]).t() + 1e-8)
        y = y * d.view(batch, -1, 1, 1).to(y.dtype)
    return self.blur(y) if self.upsample else y


def to_flow(self, x, style, feature, skip=None):
    """ToFlow with its grid kept on the device."""
    y = self.conv(x, style) + self.bias
    if not hasattr(self, "_grid") or self._grid.shape[1] != x.size(2) or self._grid.dtype != x.dtype:
        line = torch.linspace(-1, 1, x.size(2), device=x.device)
        rows, columns = torch.meshgrid(line, line, indexing="ij")
        self._grid = torch.stack([columns, rows], 2)[None].to(x.dtype)
    if skip is not None:
        y = y + self.upsample(skip)
    flow, mask = torch.tanh(y[:, 0:2]).permute(0, 2, 3, 1) + self._grid, torch.sigmoid(y[:, 2:3])
    warped = F.grid_sample(feature, flow, align_corners=False) * mask
    return warped, warped + x * (1.0 - mask), y


def filtered(x, kernel, up_x, up_y, down_x, down_y, left, right, top, bottom):
    """upfirdn2d as a depthwise convolution, which keeps channels-last."""
    batch, channels, height, width = x.shape
    if up_x > 1:
        wide = torch.zeros((batch, channels, height * up_y, width * up_x), device=x.device, dtype=x.dtype).to(memory_format=torch.channels_last)
        wide[:, :, ::up_y, ::up_x] = x
        x = wide
    taps = torch.flip(kernel, [0, 1])[None, None].to(x.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(x, [left, right, top, bottom]), taps, groups=channels, stride=(down_y, down_x))


class Frame(torch.nn.Module):
    """A driving frame with everything that depends on the source alone computed before."""

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, driving, appearance, base, features, basis):
        alpha = self.generator.enc.fc(self.generator.enc.net_app(driving)[0])
        latent, decoder = appearance + base + alpha @ basis.t(), self.generator.dec
        x = decoder.conv1(decoder.input(latent.unsqueeze(1)), latent)
        flow = picture = None
        for up, conv, rgb, warp, feature in zip(decoder.convs[::2], decoder.convs[1::2], decoder.to_rgbs, decoder.to_flows, features):
            x = conv(up(x, latent), latent)
            warped, x, flow = warp(x, latent, feature) if flow is None else warp(x, latent, feature, flow)
            picture = rgb(warped) if picture is None else rgb(warped, picture)
        return picture


def tune(generator, dtype):
    for module in generator.modules():
        if isinstance(module, styledecoder.ToFlow):
            module.forward = types.MethodType(to_flow, module)
        if isinstance(module, styledecoder.ModulatedConv2d):
            module.forward = types.MethodType(modulated, module)
    styledecoder.upfirdn2d_native = encoder.upfirdn2d_native = filtered
    generator = generator.to(dtype)
    for parameter in generator.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return generator


def captured(run):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def new_generator():
    torch.manual_seed(1)
    return Generator(options.size, 512, 20, 1).to(DEVICE).eval()


def attempt(program, batch, make, repetitions):
    try:
        tell(program, batch, False, median_ms(make(), repetitions))
    except Exception as problem:  # A variant that does not run on this version must not end the others.
        print(f"{program}, {batch} together: failed: {problem!r:.150}", flush=True)


machine = {"gpu": torch.cuda.get_device_name(), "pytorch": torch.__version__}
print(machine)
peaks = {"fp16": product_rate(torch.float16), "tf32": product_rate(torch.float32, True), "fp32": product_rate(torch.float32), "copy": copy_rate()}
print(" ".join(f"{name} {value:.1f}" for name, value in peaks.items()), "(TFLOP/s, copy GB/s)")
picture = lambda batch: torch.rand(batch, 3, options.size, options.size, device=DEVICE) * 2 - 1  # noqa: E731
with torch.no_grad():
    generator = new_generator()
    start = generator.enc.enc_motion(picture(1))
    for batch in batches:
        source, driving, starts = picture(1).repeat(batch, 1, 1, 1), picture(batch), start.repeat(batch, 1)
        tell("as published", batch, True, median_ms(lambda: generator(source, driving, starts), 50 if batch == 1 else 10))
    torch.backends.cudnn.benchmark = True
    for name, dtype in (("TF32", torch.float32), ("fp16", torch.float16)):
        generator = tune(new_generator(), dtype)
        frame = Frame(generator)
        source = picture(1).to(dtype).to(memory_format=torch.channels_last)
        appearance, _, features = generator.enc(source, None)
        basis = torch.linalg.qr((generator.dec.direction.weight + 1e-8).float())[0].to(dtype)
        base = (generator.enc.fc(appearance) - start.to(dtype)) @ basis.t()
        for batch in batches:
            driving = picture(batch).to(dtype).to(memory_format=torch.channels_last)
            expanded = [feature.expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last) for feature in features]
            codes, bases = appearance.expand(batch, -1).contiguous(), base.expand(batch, -1).contiguous()
            run = lambda: frame(driving, codes, bases, expanded, basis)  # noqa: B023, E731
            repetitions = 30 if batch == 1 else 8
            attempt(f"tuned, {name}", batch, lambda: run, repetitions)
            attempt(f"tuned, {name}, CUDA graph", batch, lambda: captured(run), repetitions)
            if options.compile and dtype == torch.float16:
                torch._dynamo.reset()
                compiled = torch.compile(frame, mode="reduce-overhead")
                attempt(f"tuned, {name}, torch.compile", batch, lambda: lambda: compiled(driving, codes, bases, expanded, basis), repetitions)  # noqa: B023
