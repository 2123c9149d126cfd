"""Two steps of train.py with the critic and both helps, in float64, of a network of 16 pixels: the truth for `lia train` with the same extras.

    python3 step_golden.py demo_step.safetensors

writes where both networks start (generator.NAME with the probe, critic.NAME), drawn pictures as in a pack, with their labels (poses in parts
of their range), depths, part numbers and matrices (portrait.surfaces), two batches of rows (self, cross and relative examples), and of each
step losses [picture's, fooling, matching, critic's, told poses', warps']; the gradients of the first step (gradient.NAME) and what is there
after the second (after.NAME, average.NAME). Where train.py and `lia train` differ (tools/demo-model/README.md), `lia train`'s way is taken:
weight maps of 8 bits divided by their means, second betas.
"""
import random
import sys

import torch

import critic
import lia
import pack
import people
import portrait
import tensors
import train

CONFIG = dict(size=16, widths={4: 8, 8: 8, 16: 4}, style=8, motion=3)
CRITIC_WIDTHS = (4, 8, 8, 12)
SHARES, STEPS, RATES, PRESS, ADVERSARIAL, MATCHING = (1, 1, 2), 2, (0.01, 0.002), 0.5, 0.2, 0.5
GUIDE = 0.5
# Of the first starts, that with no activation so near its kink that operands of half precision turn it (with some of them a single one moves a
# gradient of the last encoder block by a tenth), so that the same file judges `fast`.
START = 5


def main():
    torch.set_num_threads(1)
    size, B, R = CONFIG["size"], sum(SHARES), SHARES[2]
    group = torch.empty(train.PEOPLE, train.MOTIONS, 5, size, size, dtype=torch.uint8)
    poses = train.draw_group(train.TRAINING, train.TRAINING, size, 2, "cpu", 128, group)
    packed = torch.from_numpy(pack.packed(group, poses, 12.0)[0][:, :4 * size * size])
    poses = poses[None].expand(train.PEOPLE, -1, -1).reshape(-1, len(people.MOTION)).double()
    pictures, maps = group.view(-1, 5, size, size), packed[:, 3 * size * size:].view(-1, 1, size, size).double()
    maps = maps / maps.mean((1, 2, 3), keepdim=True)
    rows = pack.rows(1, STEPS * B, SHARES, random.Random(1))

    double = lambda P: {n: t.double() for n, t in P.items()}
    # A probe of zeros would say nothing of the codes' gradient in the first step.
    probe = 0.3 * torch.randn(len(people.MOTION), CONFIG["motion"], generator=torch.Generator().manual_seed(2))
    fresh = lia.create(START, **CONFIG) | {"aux.probe": probe}
    state = train.State(double(fresh), "cpu")
    judge = train.State(double(critic.create(1, CRITIC_WIDTHS)), "cpu", critic.trained)
    for s, rate in zip((state, judge), RATES):
        s.step, s.lr = s.step.double(), torch.tensor(rate, dtype=torch.float64)
    named = lambda prefix, P: {prefix + n.replace("aux.probe", "probe.weight"): t.detach().float() for n, t in P.items() if not n.endswith(".kernel")}
    out = named("generator.", fresh) | named("", judge.view(judge.flat))
    losses, loss = [], train.make_loss(lia.basis(state.fixed), SHARES, torch.float64, 12.0)
    for step in range(STEPS):
        batch = torch.tensor(rows[step * B:step * B + B])
        source, driving, start, target = batch.t()
        index = torch.cat([source, driving, start[B - R:], target])
        train.weights = lambda importance, parts: maps[target]
        picture, helps, (_, told, warp), (result, wanted, weight) = loss(state.P, pictures[index], poses[index], GUIDE)
        fooling, matching, judging = train.adversarial_loss(judge.P, result, wanted.double(), weight, torch.float64)
        pull = train.scaled([(fooling, PRESS * ADVERSARIAL), (matching, PRESS * MATCHING)], picture, result)
        judge.gradient(judging, retain_graph=True)
        state.gradient(picture + helps + (result * pull).sum())
        if step == 0:
            out |= named("gradient.generator.", dict(state.split(state.grad))) | named("gradient.", dict(judge.split(judge.grad)))
        state.adam(b2=0.99 ** (4 / 5))
        judge.adam(b1=0.0, b2=0.99 ** (16 / 17))
        losses.append([float(k) for k in (picture, fooling, matching, judging, told, warp)])
    out |= named("after.generator.", dict(state.split(state.flat))) | named("average.", dict(state.split(state.ema)))
    out |= named("after.", judge.view(judge.flat))
    parts, matrices = portrait.surfaces(pictures[:, 4].float() / 255, poses)
    out |= {"labels": (poses / people.RANGE.double()).float(), "matrices": matrices.float(), "depths.u8": pictures[:, 4].flatten(1),
            "parts.u8": parts.flatten(1)}
    out |= {"pictures.u8": packed, "rows.u8": torch.tensor(rows, dtype=torch.uint8), "losses": torch.tensor(losses)}
    tensors.save(sys.argv[1], out, {"what": "two steps of tools/demo-model/train.py with the critic and both helps, float64", "rise": PRESS, "guide": GUIDE})
    print(losses)


if __name__ == "__main__":
    main()
