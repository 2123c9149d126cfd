"""Makes the reference file of LPIPS: a narrow AlexNet and linear layers with random weights, pairs of pictures, and their distances.

    python3 make.py lpips.golden.safetensors

The arithmetic is that of the authors' program (richzhang/PerceptualSimilarity, version 0.1, net alex, spatial off), written with PyTorch's own convolution and
pooling in float64; where the packages torchvision and lpips are installed, the program itself is run on the same weights and compared.
Tensors: features.N.weight and .bias, linN.model.1.weight (float32), pairs.K.a and pairs.K.b (uint8 [H, W, 3]), distances (float64 [K]), layers (float64 [K, 5]).
"""
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "demo-model"))
import tensors

WIDTHS = (12, 16, 20, 24, 12)
INDICES, KERNELS = (0, 3, 6, 8, 10), (11, 5, 3, 3, 3)
SIZES = ((64, 64), (96, 80), (33, 47))


def weights(seed):
    g, out, channels = torch.Generator().manual_seed(seed), {}, 3
    for i, (width, kernel) in enumerate(zip(WIDTHS, KERNELS)):
        fan = channels * kernel * kernel
        out[f"features.{INDICES[i]}.weight"] = torch.randn(width, channels, kernel, kernel, generator=g) * (2 / fan) ** 0.5
        out[f"features.{INDICES[i]}.bias"] = torch.randn(width, generator=g) * 0.1
        out[f"lin{i}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=g)
        channels = width
    return out


def pictures(seed):
    """Pairs of pictures [H, W, 3]: waves, and the same waves shifted and disturbed."""
    g = torch.Generator().manual_seed(seed)
    out = []
    for h, w in SIZES:
        y, x, c = torch.arange(h)[:, None, None].double(), torch.arange(w)[None, :, None].double(), torch.arange(3)[None, None, :].double()
        wave = lambda at: 128 + 90 * torch.sin(0.13 * (x + at) * (1 + 0.4 * c)) * torch.cos(0.09 * (y - at) + c)
        noisy = lambda v: (v + 25 * torch.randn(h, w, 3, generator=g).double()).round().clamp(0, 255).to(torch.uint8)
        out.append((noisy(wave(0.0)), noisy(wave(3.0))))
    return out


def features(P, x):
    """The five activations after ReLU of AlexNet on x [1, 3, H, W]."""
    out = []
    for i, index in enumerate(INDICES):
        if i in (1, 2):
            x = F.max_pool2d(x, 3, 2)
        x = F.relu(F.conv2d(x, P[f"features.{index}.weight"], P[f"features.{index}.bias"], stride=4 if i == 0 else 1, padding=(2, 2, 1, 1, 1)[i]))
        out.append(x)
    return out


def distance(P, a, b):
    """The five layers' shares [5] of the distance of pictures [H, W, 3] u8."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]).double()[None, :, None, None], torch.tensor([0.458, 0.448, 0.450]).double()[None, :, None, None]
    enter = lambda u: (u.permute(2, 0, 1)[None].double() / 255 * 2 - 1 - shift) / scale
    unit = lambda f: f / (f.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
    rows = []
    for i, (fa, fb) in enumerate(zip(features(P, enter(a)), features(P, enter(b)))):
        rows.append(F.conv2d((unit(fa) - unit(fb)) ** 2, P[f"lin{i}.model.1.weight"]).mean())
    return torch.stack(rows)


def official(P, a, b):
    """The distance by the package lpips, its network replaced by ours."""
    import lpips
    net = lpips.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False).double().eval()
    slices = (net.net.slice1[0], net.net.slice2[1], net.net.slice3[1], net.net.slice4[0], net.net.slice5[0])
    for i, conv in enumerate(slices):
        conv.weight, conv.bias = (torch.nn.Parameter(P[f"features.{INDICES[i]}.{n}"]) for n in ("weight", "bias"))
        net.lins[i].model[-1].weight = torch.nn.Parameter(P[f"lin{i}.model.1.weight"])
    enter = lambda u: u.permute(2, 0, 1)[None].double() / 255 * 2 - 1
    with torch.no_grad():
        return float(net(enter(a), enter(b)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    P = weights(1)
    D = {n: t.double() for n, t in P.items()}
    pairs = pictures(2)
    layers = torch.stack([distance(D, a, b) for a, b in pairs])
    for (a, b), row in zip(pairs, layers):
        line = f"{a.shape[0]}x{a.shape[1]}: {float(row.sum()):.9f}"
        try:
            line += f", the package lpips {official(D, a, b):.9f}"
        except Exception as e:
            line += f" (the package lpips was not asked: {e})"
        print(line)
    for k, (a, b) in enumerate(pairs):
        P |= {f"pairs.{k}.a": a, f"pairs.{k}.b": b}
    P |= {"distances": layers.sum(1), "layers": layers}
    tensors.save(sys.argv[1], P, {"torch": torch.__version__, "what": "LPIPS 0.1 (alex) on random narrow weights, float64 arithmetic (tools/lpips-golden/make.py)"})
    print(f"{sys.argv[1]}: {os.path.getsize(sys.argv[1])} bytes")
