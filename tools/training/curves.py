"""The plain recipe of docs/training.md in PyTorch, step by step beside runs of `lia train`: the same first parameters, the same pairs in the same order.

    python3 curves.py START.safetensors PACK.liapack --run NAME=RUN/log.jsonl ... [--vgg FILE] [--out curves.png] [--seconds 60]

START is what `Lia.Bench run-start RUN` wrote, PACK what RUN learned from, with a line a step in its log (--log-every 1). PyTorch does the steps in float32,
and, if that took less than --seconds, again with TF32, to show how far two honest programs come apart: steps of Adam without momentum are of full size
however small the gradient, so rounding grows until two runs have their losses in common and not their weights.

Prints the losses of the first steps, the curves (means of the last 50 steps) each hundred steps, and how far each run's curve is from that of PyTorch's
float32: the mean and the largest relative difference. The picture has a panel a loss (perceptual, L1, adversarial, discriminator), from 0 to its largest
value: PyTorch black, its TF32 grey, runs blue, orange, green. Exit status 1 if a first loss is another than PyTorch's: then it is another computation.
"""
import argparse
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "demo-model"))
import draw
import lia
import sheet
import tensors
import train

LOSSES = ("perceptual", "l1", "adversarial", "discriminator")
G_RATIO, D_RATIO = 4 / 5, 16 / 17
WINDOW, EVERY = 50, 100
FIRST = 1e-4         # relative difference allowed of the losses of the first step
WARM_UP = 3          # steps before one is captured


# --- the recipe ----------------------------------------------------------------------------------------------------

def basis(w):
    """lia.basis, Householder's reflections one by one: library calls cannot be captured into a graph everywhere, and this can."""
    a, vectors = w + 1e-8, []
    n, k = a.shape
    for j in range(k):
        x = a[j:, j]
        first = x[:1] + torch.where(x[:1] < 0, -x.norm(), x.norm())
        v = torch.cat([first, x[1:]])
        v = F.pad(v / v.norm(), (j, 0))
        a = a - 2 * torch.outer(v, v @ a)
        vectors.append(v)
    q = torch.eye(n, k, device=w.device, dtype=w.dtype)
    for v in reversed(vectors):
        q = q - 2 * torch.outer(v, v @ q)
    return q


def judge(W, x):
    """The discriminator: positive for what was filmed. [n, 3, S, S] -> [n, 1]"""
    x = lia.conv_layer(lia._nhwc(x), W["convs.0.0.weight"], W["convs.0.1.bias"])
    k = 1
    while f"convs.{k}.conv1.0.weight" in W:
        x = lia.res_block(x, W, f"convs.{k}.")
        k += 1
    n, c, h, w = x.shape
    group = min(n, 4)
    deviation = (x.reshape(group, n // group, c, h, w).var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    x = torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(n, 1, h, w)], 1)
    x = lia.conv_layer(x, W["final_conv.0.weight"], W["final_conv.1.bias"]).flatten(1)
    linear = lambda x, name, gain: F.linear(x, W[name + ".weight"] * (gain / x.shape[1] ** 0.5), W[name + ".bias"] * gain)
    return linear(lia._act(linear(x, "final_linear.0", 2 ** 0.5)), "final_linear.1", 1)


def shrunk(x, scale):
    """A level of the pyramid: Gaussian, zeros around, every scale-th pixel."""
    if scale == 1:
        return x
    sigma = (scale - 1) / 2
    radius = round(4 * sigma)
    taps = torch.exp(-torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype) ** 2 / (2 * sigma * sigma))
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    y = F.conv2d(x.reshape(-1, 1, *x.shape[2:]), kernel[None, None], padding=radius)
    return y[:, :, ::scale, ::scale].reshape(*x.shape[:2], x.shape[2] // scale, x.shape[3] // scale)


def features(V, x):
    """relu1_1, relu2_1, ... relu5_1 of pictures in [-1, 1]."""
    x, out = ((x.clamp(-1, 1) + 1) / 2 - V["mean"]) / V["deviation"], []
    for index, _ in draw.VGG:
        if index in (5, 10, 19, 28):
            x = F.max_pool2d(x, 2)
        x = F.relu(F.conv2d(x, V[f"features.{index}.weight"], V[f"features.{index}.bias"], padding=1))
        if index in (0, 5, 10, 19, 28):
            out.append(x)
    return out


def perceptual(V, out, target):
    if V is None:
        return train.picture_loss(out, target, torch.ones_like(target[:, :1]))
    total = 0.0
    for scale in (1, 2, 4, 8):
        if out.shape[2] // scale >= 16:
            wanted = features(V, shrunk(target, scale))
            total = total + sum(10 * (a - b.detach()).abs().mean() for a, b in zip(features(V, shrunk(out, scale)), wanted))
    return total


def steps(start, meta, pixels, V, device, tf32):
    """Losses [steps, 4] of all steps, and the seconds they took."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    widths = {4 << k: int(c) for k, c in enumerate(meta["channels"].split(","))}
    P = lia.create(0, int(meta["size"]), widths, int(meta["code"]), int(meta["directions"]))
    J = {}
    for name, t in start.items():
        if name.startswith("generator."):
            P[name[len("generator."):]] = t.clone()
        elif name.startswith("discriminator."):
            J[name[len("discriminator."):]] = t.clone()
    for name in [n for n in J if n.endswith("conv2.1.weight")]:
        J[name.replace("conv2.1.weight", "conv2.0.kernel")] = J[name.replace("conv2.1.weight", "skip.0.kernel")] = lia.fir()
    G = train.State(P, device, lambda name: f"generator.{name}" in start)
    D = train.State(J, device, lambda name: f"discriminator.{name}" in start)
    G.lr.fill_(float(meta["rate"]) * G_RATIO)
    D.lr.fill_(float(meta["discriminator-rate"]) * D_RATIO)
    weight = float(meta["adversarial"])
    pairs = start["pairs"].long().to(device)[:, :, [0, 3]].transpose(1, 2).contiguous()     # [step, source and target, pair]
    count, _, B = pairs.shape
    index, last, log = pairs[0].clone(), torch.zeros(4, device=device), torch.zeros(count, 4, device=device)

    def step():
        s, t = ((pixels[index].permute(0, 1, 4, 2, 3).float() / 255 - 0.5) * 2).unbind(0)
        wa, maps = lia.encode(G.P, lia._nhwc(torch.cat([s, t])))
        out = lia.decode(G.P, wa[:B] + lia.motion(G.P, wa[B:]) @ basis(G.P["dec.direction.weight"]).t(), [f[:B] for f in maps])
        parts = [perceptual(V, out, t), F.l1_loss(out, t), F.softplus(-judge({n: w.detach() for n, w in D.P.items()}, out)).mean()]
        G.gradient(parts[0] + parts[1] + weight * parts[2])
        parts.append(F.softplus(-judge(D.P, t)).mean() + F.softplus(judge(D.P, out.detach())).mean())
        D.gradient(parts[3])
        G.adam(0.0, 0.99 ** G_RATIO)
        D.adam(0.0, 0.99 ** D_RATIO)
        last.copy_(torch.stack([p.detach() for p in parts]))

    def do(i, run):
        index.copy_(pairs[i])
        run()
        log[i].copy_(last)

    began, run, done = time.time(), step, 0
    if device == "cuda":
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for done in range(min(WARM_UP, count)):
                do(done, step)
        done += 1
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                step()
            run = graph.replay
        except Exception as e:
            print(f"steps without a graph: {e}"[:300], flush=True)
            run = step
            torch.cuda.synchronize()
    for i in range(done, count):
        do(i, run)
    return log.double().cpu().numpy(), time.time() - began


# --- what is shown -------------------------------------------------------------------------------------------------

def logged(path, count):
    """Losses [steps, 4] of a run's log."""
    out = np.full((count, 4), np.nan)
    with open(path) as f:
        for line in f:
            entry = json.loads(line)
            if entry["event"] == "steps":
                assert entry["steps"] == 1, f"{path}: a line stands for {entry['steps']} steps; --log-every 1 is needed"
                if entry["step"] <= count:
                    out[entry["step"] - 1] = [entry[name] for name in LOSSES]
    assert not np.isnan(out).any(), f"{path}: steps are missing"
    return out


def running(x):
    """Means of the last WINDOW steps (of all, at first)."""
    total = np.concatenate([np.zeros((1, 4)), x.cumsum(0)])
    ends = np.arange(1, len(x) + 1)
    begins = np.maximum(0, ends - WINDOW)
    return (total[ends] - total[begins]) / (ends - begins)[:, None]


def picture(curves, path, width=1000, height=180):
    colors = {"PyTorch": (0, 0, 0), "PyTorch TF32": (160, 160, 160)}
    for name, color in zip([n for n in curves if n not in colors], [(30, 90, 220), (240, 140, 20), (30, 160, 60)] * 9):
        colors[name] = color
    panels = []
    for k in range(4):
        a = np.full((height, width, 3), 255, np.uint8)
        a[-1] = a[:, 0] = 200
        top = max(float(c[:, k].max()) for c in curves.values()) or 1.0
        for name, c in curves.items():
            at = np.linspace(0, len(c) - 1, width).round().astype(int)
            y = ((1 - c[at, k] / top) * (height - 10) + 5).round().clip(0, height - 1).astype(int)
            for x in range(1, width):
                a[min(y[x - 1], y[x]):max(y[x - 1], y[x]) + 1, x] = colors[name]
        panels.append(a)
    sheet.save_png(np.concatenate(panels), path)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("start")
    a.add_argument("pack")
    a.add_argument("--run", action="append", required=True, metavar="NAME=LOG")
    a.add_argument("--vgg")
    a.add_argument("--out")
    a.add_argument("--seconds", type=float, default=60, help="PyTorch's second run is left out if the first took longer")
    a = a.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    start, meta = tensors.load(a.start)
    assert torch.equal(start["pairs"][:, :, 1], start["pairs"][:, :, 3]), f"{a.start}: rows, where pairs of one clip are needed"
    pixels = torch.from_numpy(draw.read(a.pack)).to(device)
    V = None
    if a.vgg:
        V = {name: t.float().to(device) for name, t in tensors.load(a.vgg)[0].items()}
        V["mean"] = torch.tensor([0.485, 0.456, 0.406], device=device)[None, :, None, None]
        V["deviation"] = torch.tensor([0.229, 0.224, 0.225], device=device)[None, :, None, None]
    print(f"{torch.cuda.get_device_name() if device == 'cuda' else 'processor'}, PyTorch {torch.__version__}; {len(start['pairs'])} steps of "
          f"{start['pairs'].shape[1]} pairs, size {meta['size']}, channels {meta['channels']}, code {meta['code']}")

    direction = start["generator.dec.direction.weight"]
    off = (basis(direction.to(device)).cpu() - lia.basis({"dec.direction.weight": direction})).abs().max()
    print(f"the basis by reflections and by the library differ by {float(off):.1e}")
    curves = {}
    curves["PyTorch"], seconds = steps(start, meta, pixels, V, device, False)
    print(f"PyTorch float32: {seconds:.1f} s", flush=True)
    if device == "cuda" and seconds < a.seconds:
        curves["PyTorch TF32"], seconds = steps(start, meta, pixels, V, device, True)
        print(f"PyTorch TF32: {seconds:.1f} s", flush=True)
    for run in a.run:
        name, _, path = run.partition("=")
        curves[name] = logged(path, len(start["pairs"]))
    truth, count = curves["PyTorch"], len(start["pairs"])
    others = [name for name in curves if name != "PyTorch"]

    print("\nlosses of single steps" + "".join(f"{name:>29s}" for name in LOSSES))
    for i in [k for k in (0, 1, 2, 4, 9, 19) if k < count]:
        for name, c in curves.items():
            off = "" if name == "PyTorch" else "{:9.1e}"
            print(f"{i + 1:5d} {name:16s}" + "".join(f"{c[i, k]:20.7g}" + (off.format(abs(c[i, k] / truth[i, k] - 1)) if off else " " * 9) for k in range(4)))
    means = {name: running(c) for name, c in curves.items()}
    print(f"\nmeans of the last {WINDOW} steps")
    print(f"{'step':>5s} {'loss':14s}" + "".join(f"{name:>14s}" for name in curves))
    for i in range(min(EVERY, count) - 1, count, EVERY):
        for k, loss in enumerate(LOSSES):
            print(f"{i + 1:5d} {loss:14s}" + "".join(f"{means[name][i, k]:14.5f}" for name in curves))
    print(f"\nrelative difference of those means from PyTorch's float32, over all steps: mean, largest, at the end")
    print(f"{'':14s}" + "".join(f"{name:>30s}" for name in others))
    for k, loss in enumerate(LOSSES):
        off = {name: abs(means[name][:, k] - means["PyTorch"][:, k]) / abs(means["PyTorch"][:, k]) for name in others}
        print(f"{loss:14s}" + "".join(f"{off[name].mean():10.4f}{off[name].max():10.4f}{off[name][-1]:10.4f}" for name in others))
    if a.out:
        picture(means, a.out)
        print(f"{a.out}: {os.path.getsize(a.out)} bytes")
    # Half-precision operands and TF32 differ from the first step on.
    first = abs(curves[others[-1] if "exact" not in curves else "exact"][0] / truth[0] - 1).max()
    print(f"losses of the first step differ by {first:.1e}")
    sys.exit(0 if first <= FIRST else 1)


if __name__ == "__main__":
    main()
