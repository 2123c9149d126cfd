"""The critic of adversarial training: residual blocks as in the StyleGAN2 discriminator, spectrally normalised.

It looks at one picture and answers for every patch (an eighth of the resolution, 66 pixels of view) whether it was drawn or animated, so that
eyes and mouth can be judged on their own. Every weight is divided by its largest singular value (one power iteration a step), which
needs no gradient of a gradient and so fits a captured graph.

    create(seed)             fresh parameters; NAME.u holds the power iteration of weight NAME
    trained(name)            whether the optimiser moves it
    normalised(P)            the weights to judge with, and one power iteration
    judge(W, picture)        logits [n, 1, S/8, S/8] (positive: drawn) and the features of every block
"""
import math

import torch
import torch.nn.functional as F

import lia

WIDTHS = (16, 64, 96, 128)


def create(seed, widths=WIDTHS):
    g = torch.Generator().manual_seed(seed)
    P = {}

    def layer(weight, bias, *shape):
        P[weight] = torch.randn(shape, generator=g)
        P[weight + ".u"] = F.normalize(torch.randn(shape[0], generator=g), dim=0)
        if bias:
            P[bias] = torch.zeros(1, shape[0], 1, 1)

    layer("critic.0.weight", "critic.0.bias", widths[0], 3, 1, 1)
    for k, (a, b) in enumerate(zip(widths, widths[1:]), 1):
        p = f"critic.{k}."
        layer(p + "conv1.0.weight", p + "conv1.1.bias", a, a, 3, 3)
        layer(p + "conv2.1.weight", p + "conv2.2.bias", b, a, 3, 3)
        layer(p + "skip.1.weight", None, b, a, 1, 1)
        P[p + "conv2.0.kernel"], P[p + "skip.0.kernel"] = lia.fir(), lia.fir()
    layer("critic.last.weight", "critic.last.bias", widths[-1], widths[-1], 3, 3)
    layer("critic.logit.weight", "critic.logit.bias", 1, widths[-1], 1, 1)
    return P


def trained(name):
    return not name.endswith((".kernel", ".u"))


def normalised(P):
    """P with every weight divided by its spectral norm (times the root of its fan-in, by which the layers divide again)."""
    out = dict(P)
    for name, w in P.items():
        if name.endswith(".weight"):
            m = w.flatten(1)
            with torch.no_grad():
                v = F.normalize(m.t() @ P[name + ".u"], dim=0)
                u = F.normalize(m @ v, dim=0)
                P[name + ".u"].copy_(u)
            sigma = (u * (m @ v)).sum()
            out[name] = w * (math.sqrt(m.shape[1]) / sigma)
    return out


def judge(W, picture):
    x = lia.conv_layer(lia._nhwc(picture), W["critic.0.weight"], W["critic.0.bias"])
    features, k = [], 1
    while f"critic.{k}.conv1.0.weight" in W:
        x = lia.res_block(x, W, f"critic.{k}.")
        features.append(x)
        k += 1
    x = lia.conv_layer(x, W["critic.last.weight"], W["critic.last.bias"])
    w = W["critic.logit.weight"] / math.sqrt(W["critic.logit.weight"].shape[1])
    return F.conv2d(x, w.to(x.dtype)).float() + W["critic.logit.bias"], features
