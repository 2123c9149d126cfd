"""From a model that `lia train` wrote to what the repository ships.

    python3 export.py MODEL ../../models [STEPS_BEFORE]

writes demo.safetensors (the weights in fp16) and demo.golden.safetensors: the exact answers of
that file in float64 arithmetic, for the tests of other implementations. STEPS_BEFORE are those of the run that MODEL's went on from, which are
added to its own. Prints size and sha256.
"""
import hashlib
import os
import sys

import torch

import lia
import people
import portrait
import tensors


def error(a, b):
    return float((a.double() - b).norm() / b.norm())


def golden(P, meta, path):
    """Relative animation of held-out person 40 by the held-out clip 3 of person 41: frame 30 after frame 0."""
    who, how = people.identity(torch.tensor([40, 41, 41])), people.clip(torch.tensor([3]), 31)[0]
    poses = torch.stack([people.neutral(torch.tensor([40]))[0], how[0], how[30]])
    u8 = (torch.cat([portrait.render(who[k:k + 1], poses[k:k + 1]) for k in range(3)])[:, :3] * 255).round().to(torch.uint8)
    x = (u8.double() / 255 - 0.5) * 2
    D = {n: t.double() for n, t in P.items()}
    wa, features = lia.encode(D, x)
    alpha = lia.motion(D, wa)
    frame = lia.animate(D, x[:1], x[2:], x[1:2])
    single = {n: t.float() for n, t in P.items()}
    off = error(lia.animate(single, x[:1].float(), x[2:].float(), x[1:2].float()), frame)
    hwc = u8.permute(0, 2, 3, 1)
    tensors.save(path, {"source.u8": hwc[0], "driving.u8": hwc[1:], "wa": wa[0].float(), "alpha.source": alpha[0].float(), "alpha.start": alpha[1].float(),
                        "alpha.drive": alpha[2].float(), "Q": lia.basis(D).float(), "frame": frame[0].float()},
                 {"size": meta["size"], "relative": True, "frame.f32err": off, "frame.absmax": float(frame.abs().max()),
                  "what": "float64 arithmetic on models/demo.safetensors; frame is the animation of source by driving[1] with driving[0] as first frame"})
    print(f"{path}: {os.path.getsize(path)} bytes, PyTorch's float32 off by {off:.1e}, range {float(frame.min()):.3f} .. {float(frame.max()):.3f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    P, meta = tensors.load(sys.argv[1])
    step = int(meta["steps"]) + (int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    P = {n: t.half() for n, t in P.items()}
    assert {n: tuple(t.shape) for n, t in P.items()} == lia.names(**lia.DEMO)
    path = f"{sys.argv[2]}/demo.safetensors"
    tensors.save(path, P, {"variant": "demo", "size": meta["size"], "steps": step, "title": "LIA demonstration model, trained on drawn portraits (tools/demo-model)"})
    blob = open(path, "rb").read()
    print(f"{path}: {len(P)} tensors, {sum(t.numel() for t in P.values())} values, {len(blob)} bytes, sha256 {hashlib.sha256(blob).hexdigest()}, {step} steps")
    golden(tensors.load(path)[0], meta, f"{sys.argv[2]}/demo.golden.safetensors")
