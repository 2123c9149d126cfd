"""Compares lia.py with the reference outputs of the official program.

    python3 check_golden.py GOLDEN_FOLDER      (net64.safetensors, net64_absolute.safetensors, ops.safetensors, synthetic_weights.py)
"""
import importlib.util
import sys

import torch

import lia
import tensors


def error(a, b):
    return float((a.double() - b.double()).norm() / b.double().norm())


def operations(folder):
    T, _ = tensors.load(f"{folder}/ops.safetensors")
    T = {k: v.double() for k, v in T.items()}

    def part(op, prefix="", strip=""):
        head = f"{op}.w.{strip}"
        return {prefix + k[len(head):]: v for k, v in T.items() if k.startswith(head)}

    g = lambda op, i: T[f"{op}.in{i}"]
    out = {}
    w = part("conv_layer")
    out["conv_layer"] = [lia.conv_layer(g("conv_layer", 0), w["0.weight"], w["1.bias"])]
    out["res_block"] = [lia.res_block(g("res_block", 0), part("res_block"), "")]
    out["upsample"] = [lia.upsample(g("upsample", 0))]
    for op, up in (("modconv3", False), ("modconv3_up", True)):
        y, d = lia.modulated(g(op, 0), g(op, 1), part(op, "m."), "m.", up)
        out[op] = [y * d[:, :, None, None]]
    for op, up in (("styled_conv", False), ("styled_conv_up", True)):
        out[op] = [lia.styled_conv(g(op, 0), g(op, 1), part(op, "m."), "m.", up)]
    out["to_rgb_first"] = [lia.to_rgb(g("to_rgb_first", 0), None, part("to_rgb_first", "m."), "m.")]
    out["to_rgb"] = [lia.to_rgb(g("to_rgb", 0), g("to_rgb", 1), part("to_rgb", "m."), "m.")]
    out["to_flow_first"] = lia.to_flow(g("to_flow_first", 0), g("to_flow_first", 1), g("to_flow_first", 2), None, part("to_flow_first", "m.", "m."), "m.")
    out["to_flow"] = lia.to_flow(*(g("to_flow", i) for i in range(4)), part("to_flow", "m.", "m."), "m.")
    out["direction"] = [g("direction", 0) @ lia.basis({"dec.direction.weight": part("direction")["weight"]}).t()]
    for op, ys in out.items():
        print(f"{op:16s}", " ".join(f"{error(y, T[f'{op}.out{i}']):.1e}" for i, y in enumerate(ys)))


def network(folder, name):
    T, meta = tensors.load(f"{folder}/{name}.safetensors")
    spec = importlib.util.spec_from_file_location("synthetic_weights", f"{folder}/synthetic_weights.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    official = {r: 512 for r in (4, 8, 16, 32)} | {64: 256, 128: 128}
    size = int(meta["size"])
    P = lia.create(0, size, {r: c for r, c in official.items() if r <= size}, 512, 20)
    P = {k: v.double() for k, v in recipe.fill(P, int(meta["seed"])).items()}
    picture = lambda u: (u.double() / 255 - 0.5) * 2
    source, driving = picture(T["source.u8"]).permute(2, 0, 1)[None], picture(T["driving.u8"]).permute(0, 3, 1, 2)
    wa, _ = lia.encode(P, source)
    alpha = lia.motion(P, lia.encode(P, driving)[0])
    frames = lia.animate(P, source, driving, driving[:1] if meta["relative"] == "True" else None)
    print(f"{name}: wa {error(wa[0], T['wa']):.1e}  alpha {error(alpha[-1], T['alpha.drive']):.1e}  Q {error(lia.basis(P), T['Q']):.1e}"
          f"  frames {error(frames, T['frames']):.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    operations(sys.argv[1])
    network(sys.argv[1], "net64")
    network(sys.argv[1], "net64_absolute")
