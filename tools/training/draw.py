"""Draws what a run is tried on: clips of the portraits of tools/demo-model as a pack (docs/training.md), and a perceptual network of random weights.

    python3 draw.py clips OUT.liapack [--size 64] [--clips 192] [--frames 16]
    python3 draw.py vgg OUT.safetensors

Clip k is person 1 000 000 + k in motion k, every third frame of 24 a second. The network has VGG19's layers up to relu5_1 with its own weights' names,
normally distributed weights of variance 2 / inputs, and no biases: enough to compare pictures by, and nobody's property.
"""
import argparse
import hashlib
import os
import struct
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "demo-model"))
import fuse
import people
import portrait
import tensors

FIRST, EVERY, CHUNK = 1_000_000, 3, 64
# VGG19's convolutions up to relu5_1: number in torchvision's features, outputs.
VGG = [(0, 64), (2, 64), (5, 128), (7, 128), (10, 256), (12, 256), (14, 256), (16, 256), (19, 512), (21, 512), (23, 512), (25, 512), (28, 512)]


def write(path, clips, size):
    """A pack of {name: uint8 [frames, size, size, 3]}."""
    pictures = sum(len(frames) for frames in clips.values())
    index = struct.pack("<I", len(clips))
    for name, frames in clips.items():
        index += struct.pack("<IH", len(frames), len(name.encode())) + name.encode() + hashlib.sha256(frames.tobytes()).digest()
    index += struct.pack("<I", 0)
    with open(path, "wb") as f:
        f.write(b"LIAPACK\n" + struct.pack("<IIIIQQQ", 1, size, 3, 0, pictures, 64 + pictures * size * size * 3, len(index)) + bytes(16))
        for frames in clips.values():
            f.write(frames.tobytes())
        f.write(index)


def read(path):
    """All pictures of a pack without weight maps, uint8 [pictures, size, size, 3]."""
    with open(path, "rb") as f:
        head = f.read(64)
        version, size, planes, _, pictures = struct.unpack("<IIIIQ", head[8:32])
        assert head[:8] == b"LIAPACK\n" and version == 1 and planes == 3, f"{path}: no pack, or one with weight maps"
        return np.fromfile(f, np.uint8, pictures * size * size * 3).reshape(pictures, size, size, 3)


def render(who, how, size):
    try:
        return fuse.render(who, how, size)
    except Exception as e:   # no compiler here: slower, not wrong
        print(f"drawing without fusion: {e}"[:200], file=sys.stderr)
        fuse.render = portrait.render
        return fuse.render(who, how, size)


def clips(path, size, count, frames):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    index = torch.arange(FIRST, FIRST + count, device=device)
    who = people.identity(index).repeat_interleave(frames, 0)
    how = people.clip(index, EVERY * frames)[:, ::EVERY].flatten(0, 1)
    x = torch.cat([render(who[k:k + CHUNK], how[k:k + CHUNK], size)[:, :3] for k in range(0, len(who), CHUNK)])
    x = (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    write(path, {f"{k:06d}": x[k * frames:(k + 1) * frames] for k in range(count)}, size)


def vgg(path):
    g, out, inputs = torch.Generator().manual_seed(1), {}, 3
    for index, outputs in VGG:
        out[f"features.{index}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=g) * (2 / (9 * inputs)) ** 0.5
        out[f"features.{index}.bias"] = torch.zeros(outputs)
        inputs = outputs
    tensors.save(path, out)


if __name__ == "__main__":
    a = argparse.ArgumentParser()
    a.add_argument("what", choices=["clips", "vgg"])
    a.add_argument("out")
    a.add_argument("--size", type=int, default=64)
    a.add_argument("--clips", type=int, default=192)
    a.add_argument("--frames", type=int, default=16)
    a = a.parse_args()
    if a.what == "vgg":
        vgg(a.out)
    else:
        clips(a.out, a.size, a.clips, a.frames)
    print(f"{a.out}: {os.path.getsize(a.out)} bytes")
