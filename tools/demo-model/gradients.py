"""Judges this program's gradients by PyTorch's, with a trained network and its own pictures.

    dotnet Lia.Bench.dll gradients --model ../../models/demo.safetensors --samples ../../samples -o FILE.safetensors
    python3 gradients.py FILE.safetensors ../../models/demo.safetensors

FILE holds pairs of pictures and, computed from them exactly and fast, the gradient of every parameter. The same is done here with lia.py, of the same
loss (train.picture_loss with all pixels alike, plus the mean absolute difference), in float32, in float64, and in bf16 in two ways: by PyTorch's
autocast, and as train.py has it (convolutions in bf16, codes, styles, warps and sums in float32). For each parameter:

    exact/f32   relative L2 difference of our exact gradient from PyTorch's float32: whether the same thing is computed
    f32/f64     the same of PyTorch's float32 from its float64: what float32 can tell (signs of differences near zero turn over)
    fast        1 - cosine of our fast gradient and our exact one
    autocast    1 - cosine of PyTorch's gradient in bf16 autocast and its float32 one; and by how much ours is the larger
    train.py    the same of train.py's bf16

Exit status 0 where no parameter's 1 - cosine exceeds 1.5 times that of autocast, and exact is as near to float32 as float32 to float64, or nearly.
"""
import argparse
import statistics
import sys

import numpy as np
import torch
import torch.nn.functional as F

import lia
import tensors
import train

LIMIT = 1.5           # of 1 - cosine, ours over PyTorch's
SAME = 10             # of the distance between exact and float32, over that between float32 and float64; the median and the whole


def planes(pixels):
    """uint8 [n, S, S, 3] -> float32 [n, 3, S, S] in [-1, 1], rounded as elsewhere: on a GPU PyTorch multiplies by a reciprocal."""
    x = (pixels.numpy().astype(np.float32) / np.float32(255) - np.float32(0.5)) * np.float32(2)
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()


def losses(P, sources, drivings, starts, targets, dtype):
    """The two terms of the loss; dtype is that of the pictures the network sees."""
    n = len(sources)
    Q = lia.basis({"dec.direction.weight": P["dec.direction.weight"].cpu()}).to(sources.device)
    wa, features = lia.encode(P, lia._nhwc(torch.cat([sources, drivings, starts]).to(dtype)))
    alpha = lia.motion(P, wa)
    moved = alpha[n:2 * n] - alpha[2 * n:] + alpha[:n]
    out = lia.decode(P, wa[:n] + moved @ Q.t(), [f[:n] for f in features])
    return train.picture_loss(out, targets, torch.ones_like(targets[:, :1])), F.l1_loss(out, targets)


def gradients(P, pictures, device, dtype, seen=None, autocast=False):
    """The losses, and {name: gradient in float64 on the processor}. dtype: of parameters and pictures; seen: of the pictures the network sees."""
    placed = {name: t.to(device, dtype, copy=True) for name, t in P.items()}
    leaves = {name: t.requires_grad_() for name, t in placed.items() if lia.trained(name) or name == "dec.direction.weight"}
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
        terms = losses(placed, *(x.to(device, dtype) for x in pictures), seen or dtype)
    g = torch.autograd.grad(terms[0] + terms[1], list(leaves.values()))
    return [float(t) for t in terms], {name: x.detach().double().cpu() for name, x in zip(leaves, g)}


def apart(a, b):
    """1 - cosine, without cancellation."""
    u, v = a.flatten() / a.norm().clamp(min=1e-300), b.flatten() / b.norm().clamp(min=1e-300)
    return float(((u - v) ** 2).sum() / 2)


def distance(a, b):
    return float((a - b).norm() / b.norm().clamp(min=1e-300))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("gradients")
    a.add_argument("model")
    a = a.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    T, _ = tensors.load(a.gradients)
    P = {name: t.float() for name, t in tensors.load(a.model)[0].items()}
    pictures = [planes(T[name]) for name in ("sources", "drivings", "starts", "targets")]
    print(f"{torch.cuda.get_device_name() if device == 'cuda' else 'processor'}, PyTorch {torch.__version__}, {len(pictures[0])} pairs")

    runs = {"float32": (torch.float32,), "float64": (torch.float64,), "autocast": (torch.float32, None, True), "train.py": (torch.float32, torch.bfloat16)}
    theirs = {}
    for name, how in runs.items():
        value, theirs[name] = gradients(P, pictures, device, *how)
        print(f"{name:9s} P {value[0]:.9g}  L1 {value[1]:.9g}")
    ours = {}
    for name in ("exact", "fast"):
        value = T[f"{name}.losses"].tolist()
        print(f"{name:9s} P {value[0]:.9g}  L1 {value[1]:.9g}")
        ours[name] = {key[len(name) + 1:]: t.double() for key, t in T.items() if key.startswith(name + ".") and key != f"{name}.losses"}
        missing = set(ours[name]) ^ set(theirs["float32"])
        assert not missing, f"{a.gradients}: {name}: not the same parameters: {sorted(missing)}"
        ours[name] = {key: ours[name][key] for key in theirs["float32"]}
    every = "all as one vector"
    for sets in (ours, theirs):
        for key, g in sets.items():
            sets[key] = {**g, every: torch.cat([t.flatten() for t in g.values()])}

    rows = []
    for name in theirs["float32"]:
        fast = apart(ours["fast"][name], ours["exact"][name])
        row = [distance(ours["exact"][name], theirs["float32"][name]), distance(theirs["float32"][name], theirs["float64"][name]), fast]
        for low in ("autocast", "train.py"):
            row += [apart(theirs[low][name], theirs["float32"][name])]
            row += [fast / max(row[-1], 1e-300)]
        rows.append((name, theirs["float32"][name].numel(), row))
    rows, whole = sorted(rows[:-1], key=lambda r: -r[2][4]), rows[-1]
    columns = list(zip(*(r[2] for r in rows)))
    width = max(len(r[0]) for r in rows)
    print(f"\n{'parameter':{width}s} {'values':>9s} {'exact/f32':>9s} {'f32/f64':>9s} {'fast':>9s} {'autocast':>9s} {'ratio':>7s} {'train.py':>9s} {'ratio':>7s}")
    for name, count, r in [*rows, whole, ("median", "", [statistics.median(c) for c in columns]), ("largest", "", [max(c) for c in columns])]:
        print(f"{name:{width}s} {count:>9} {r[0]:9.1e} {r[1]:9.1e} {r[2]:9.1e} {r[3]:9.1e} {r[4]:7.3f} {r[5]:9.1e} {r[6]:7.3f}")
    print()
    for low, at in (("autocast", 4), ("train.py's bf16", 6)):
        over = [f"{r[0]} ({r[1]} values: {r[2][at]:.2f})" for r in rows if not r[2][at] <= LIMIT]
        print(f"{len(over)} of {len(rows)} parameters exceed {LIMIT} times the 1 - cosine of {low}" + (": " + ", ".join(over) if over else ""))
    same = statistics.median(columns[0]) <= SAME * statistics.median(columns[1]) and whole[2][0] <= SAME * whole[2][1]
    print("exact computes what PyTorch's float32 does" if same else "exact does NOT compute what PyTorch's float32 does")
    sys.exit(0 if same and all(r[2][4] <= LIMIT for r in rows) else 1)


if __name__ == "__main__":
    main()
