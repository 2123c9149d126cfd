"""LIA (Wang et al., ICLR 2022) as functions over a dictionary of the official tensors.

Every blur is folded into the convolution beside it, which is exact: a strided 3x3 convolution after a 4x4 blur is a 6x6 one,
a 2x transposed convolution before a blur likewise. So a pass is convolutions and pointwise arithmetic only, and trains fast.

    names(size, widths, style, motion)   the tensors' names and shapes, in the official order
    create(...)                          fresh parameters
    encode(P, image)                     appearance code wa, features from 8x8 up to full size
    motion(P, wa)                        motion code alpha
    basis(P)                             Q, the motion dictionary as orthonormal columns
    decode(P, latent, features)          the picture
"""
import math

import torch
import torch.nn.functional as F

DEMO = dict(size=128, widths={4: 128, 8: 128, 16: 128, 32: 96, 64: 64, 128: 32}, style=128, motion=20)


def names(size, widths, style, motion):
    """{name: shape} of the official state dict for any widths (channels by resolution)."""
    out, n = {}, int(math.log2(size))
    out["enc.net_app.convs.0.0.weight"] = (widths[size], 3, 1, 1)
    out["enc.net_app.convs.0.1.bias"] = (1, widths[size], 1, 1)
    for k, r in enumerate(range(n, 2, -1), 1):
        a, b, p = widths[2 ** r], widths[2 ** (r - 1)], f"enc.net_app.convs.{k}."
        out.update({p + "conv1.0.weight": (a, a, 3, 3), p + "conv1.1.bias": (1, a, 1, 1), p + "conv2.0.kernel": (4, 4), p + "conv2.1.weight": (b, a, 3, 3),
                    p + "conv2.2.bias": (1, b, 1, 1), p + "skip.0.kernel": (4, 4), p + "skip.1.weight": (b, a, 1, 1)})
    out[f"enc.net_app.convs.{n - 1}.weight"] = (style, widths[4], 4, 4)
    for k in range(5):
        m = motion if k == 4 else style
        out.update({f"enc.fc.{k}.weight": (m, style), f"enc.fc.{k}.bias": (m,)})
    out["dec.direction.weight"] = (style, motion)
    out["dec.input.input"] = (1, widths[4], 4, 4)

    def styled(p, a, b, up):
        out[p + "conv.weight"] = (1, b, a, 3, 3)
        if up:
            out[p + "conv.blur.kernel"] = (4, 4)
        out.update({p + "conv.modulation.weight": (a, style), p + "conv.modulation.bias": (a,), p + "noise.weight": (1,), p + "activate.bias": (1, b, 1, 1)})

    def rgb(p, a, skip):
        out[p + "bias"] = (1, 3, 1, 1)
        if skip:
            out[p + "upsample.kernel"] = (4, 4)
        out.update({p + "conv.0.weight": (3, a, 1, 1), p + "conv.1.bias": (1, 3, 1, 1)})

    styled("dec.conv1.", widths[4], widths[4], False)
    rgb("dec.to_rgb1.", widths[4], False)
    levels = [2 ** r for r in range(3, n + 1)]
    for i, r in enumerate(levels):
        styled(f"dec.convs.{2 * i}.", widths[r // 2], widths[r], True)
        styled(f"dec.convs.{2 * i + 1}.", widths[r], widths[r], False)
    for i, r in enumerate(levels):
        rgb(f"dec.to_rgbs.{i}.", widths[r], True)
    for i, r in enumerate(levels):
        p = f"dec.to_flows.{i}."
        out.update({p + "bias": (1, 3, 1, 1), p + "upsample.kernel": (4, 4), p + "conv.weight": (1, 3, widths[r], 1, 1),
                    p + "conv.modulation.weight": (widths[r], style), p + "conv.modulation.bias": (widths[r],)})
    return out


def fir(gain=1.0):
    k = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(k, k) * (gain / 64)


def create(seed, size, widths, style, motion):
    """Parameters as the paper's program starts them, but for the warps, which start near the identity: unit normal
    weights (scaled at run time), zero biases, modulation biases 1."""
    g = torch.Generator().manual_seed(seed)
    P = {}
    for name, shape in names(size, widths, style, motion).items():
        if name.endswith(".kernel"):
            P[name] = fir(4.0 if ("upsample" in name or "blur" in name) else 1.0)
        elif name.endswith("modulation.bias"):
            P[name] = torch.ones(shape)
        elif name.endswith("bias") or name.endswith("noise.weight"):
            P[name] = torch.zeros(shape)
        else:
            P[name] = torch.randn(shape, generator=g)
        if "to_flows" in name and name.endswith("conv.weight"):
            P[name] *= 0.05
    return P


def trained(name):
    """False for what no output depends on (noise, to_rgb1), for the FIR kernels, and for the dictionary (see README)."""
    return not (name.endswith(".kernel") or "noise" in name or "to_rgb1" in name or name == "dec.direction.weight")


# --- building blocks -----------------------------------------------------------------------------------------------

def _act(x):
    return F.leaky_relu(x, 0.2)  # the gain sqrt(2) is moved into what comes before: leaky_relu is homogeneous


def _nhwc(x):
    """On a GPU, channels last: the layout its convolutions are fastest in."""
    return x.contiguous(memory_format=torch.channels_last) if x.is_cuda else x


def _blur_then_conv(w, k):
    """Kernel of: blur by k, then correlate with w."""
    o, c, h, _ = w.shape
    full = F.conv2d(w.reshape(o * c, 1, h, h), k.to(w).flip(0, 1)[None, None], padding=3)
    return full.view(o, c, h + 3, h + 3)


def conv_layer(x, w, b, gain=math.sqrt(2)):
    """Convolution with weight/sqrt(fan in), bias, leaky ReLU."""
    w = w * (gain / math.sqrt(w[0].numel()))
    return _act(F.conv2d(x, w.to(x.dtype), None if b is None else (b.flatten() * gain).to(x.dtype), padding=w.shape[2] // 2))


def res_block(x, P, p):
    h = conv_layer(x, P[p + "conv1.0.weight"], P[p + "conv1.1.bias"])
    w = _blur_then_conv(P[p + "conv2.1.weight"], P[p + "conv2.0.kernel"]) / math.sqrt(P[p + "conv2.1.weight"][0].numel())
    h = _act(F.conv2d(h, w.to(x.dtype), P[p + "conv2.2.bias"].flatten().to(x.dtype), stride=2, padding=2))  # sqrt(2) of the gain / sqrt(2) of the sum
    w = _blur_then_conv(P[p + "skip.1.weight"], P[p + "skip.0.kernel"]) / math.sqrt(2 * P[p + "skip.1.weight"][0].numel())
    return h + F.conv2d(x, w.to(x.dtype), stride=2, padding=1)


def _style(latent, P, p):
    w = P[p + "modulation.weight"]
    return latent @ (w / math.sqrt(w.shape[1])).t() + P[p + "modulation.bias"]


def modulated(x, latent, P, p, up):
    """Modulated, demodulated 3x3 convolution: input channels scaled by the style, outputs by its norm."""
    w = P[p + "weight"][0]
    w = w / math.sqrt(w[0].numel())
    s = _style(latent, P, p)
    d = torch.rsqrt((s * s) @ (w * w).sum((2, 3)).t() + 1e-8)
    x = x * s[:, :, None, None].to(x.dtype)
    if up:
        k = P[p + "blur.kernel"].to(w)
        o, c = w.shape[:2]
        full = F.conv_transpose2d(w.reshape(o * c, 1, 3, 3), k[None, None])
        # out[2y+a] takes tap 2-2j+a of parent y+j, j = -1, 0, 1: an ordinary 3x3 convolution to four phases
        phases = full.view(o, c, 3, 2, 3, 2).flip(2, 4).permute(0, 3, 5, 1, 2, 4).reshape(4 * o, c, 3, 3)
        x = F.pixel_shuffle(F.conv2d(x, phases.to(x.dtype), padding=1), 2)
    else:
        x = F.conv2d(x, w.to(x.dtype), padding=1)
    return x, d


def styled_conv(x, latent, P, p, up):
    x, d = modulated(x, latent, P, p + "conv.", up)
    r2 = math.sqrt(2)
    return _act(x * (d * r2)[:, :, None, None].to(x.dtype) + (P[p + "activate.bias"] * r2).to(x.dtype))


def upsample(x):
    """Twice the size by the FIR kernel [1,3,3,1]: each sample is 3/4 of its own and 1/4 of the next parent, zero outside."""
    n, c, h, w = x.shape
    p = F.pad(x, (0, 0, 1, 1))
    x = torch.stack([0.75 * x + 0.25 * p[:, :, :-2], 0.75 * x + 0.25 * p[:, :, 2:]], 3).reshape(n, c, 2 * h, w)
    p = F.pad(x, (1, 1))
    return torch.stack([0.75 * x + 0.25 * p[..., :-2], 0.75 * x + 0.25 * p[..., 2:]], 4).reshape(n, c, 2 * h, 2 * w)


def to_rgb(x, skip, P, p):
    w = P[p + "conv.0.weight"] * math.sqrt(2 / x.shape[1])
    y = F.conv2d(x, w.to(x.dtype)).to(P[p + "bias"].dtype)
    y = _act(y + P[p + "conv.1.bias"] * math.sqrt(2)) + P[p + "bias"]
    return y if skip is None else y + upsample(skip)


def to_flow(x, latent, feature, skip, P, p):
    """Warps the source's feature and blends it with x: (warped, blended, o)."""
    w = P[p + "conv.weight"][0] / math.sqrt(x.shape[1])
    s = _style(latent, P, p + "conv.")
    o = F.conv2d(x * s[:, :, None, None].to(x.dtype), w.to(x.dtype)).to(w.dtype) + P[p + "bias"]
    if skip is not None:
        o = o + upsample(skip)
    r = x.shape[2]
    axis = torch.linspace(-1, 1, r, device=x.device, dtype=torch.float32).to(o.dtype)
    fx = torch.tanh(o[:, 0]) + axis[None, None, :]
    fy = torch.tanh(o[:, 1]) + axis[None, :, None]
    mask = torch.sigmoid(o[:, 2:3])
    warped = F.grid_sample(feature.to(o.dtype), torch.stack([fx, fy], 3), mode="bilinear", padding_mode="zeros", align_corners=False) * mask
    warped = _nhwc(warped.to(x.dtype))
    return warped, warped + x * (1 - mask).to(x.dtype), o


# --- the networks --------------------------------------------------------------------------------------------------

def encode(P, image):
    last = 1
    while f"enc.net_app.convs.{last}.conv1.0.weight" in P:
        last += 1
    x = conv_layer(image, P["enc.net_app.convs.0.0.weight"], P["enc.net_app.convs.0.1.bias"])
    features = [x]
    for k in range(1, last):
        x = res_block(x, P, f"enc.net_app.convs.{k}.")
        features.append(x)
    w = P[f"enc.net_app.convs.{last}.weight"]
    wa = (x.to(w.dtype).flatten(1) @ (w.flatten(1) / math.sqrt(w[0].numel())).t())
    return wa, features[-2::-1]


def motion(P, wa):
    x = wa
    for k in range(5):
        w = P[f"enc.fc.{k}.weight"]
        x = x @ (w / math.sqrt(w.shape[1])).t() + P[f"enc.fc.{k}.bias"]
    return x


def basis(P):
    """Q of the reduced QR factorisation with LAPACK's Householder signs."""
    return torch.linalg.qr(P["dec.direction.weight"] + 1e-8)[0]


def decode(P, latent, features, taps=None):
    x = _nhwc(P["dec.input.input"].expand(latent.shape[0], -1, -1, -1).to(features[0].dtype))
    x = styled_conv(x, latent, P, "dec.conv1.", False)
    o = image = None
    for i, feature in enumerate(features):
        x = styled_conv(x, latent, P, f"dec.convs.{2 * i}.", True)
        x = styled_conv(x, latent, P, f"dec.convs.{2 * i + 1}.", False)
        warped, x, o = to_flow(x, latent, feature, o, P, f"dec.to_flows.{i}.")
        image = to_rgb(warped, image, P, f"dec.to_rgbs.{i}.")
        if taps is not None:
            taps.append(o)
    return image


def animate(P, source, driving, start=None):
    """Relative animation (absolute without a start frame): frames of `source` [1,3,S,S] moved as `driving` [n,3,S,S]."""
    Q = basis(P)
    wa, features = encode(P, source)
    alpha = motion(P, encode(P, driving)[0])
    if start is not None:
        alpha = alpha - motion(P, encode(P, start)[0]) + motion(P, wa)
    n = driving.shape[0]
    return decode(P, wa + alpha @ Q.t(), [f.expand(n, -1, -1, -1) for f in features])
