"""Cross-identity animation of the demonstration model against the renderer's truth.

    python3 evaluate.py [../../models/demo.safetensors] [--frames 4] [--people 20] [--clips 5] [--sheet FILE]

Persons 0..19 (sources) and clips 0..4, each performed by another held-out person (100 + clip); none was seen in training. The source pose is the
person's own near-frontal one; the truth of a frame is the source person with their own pose moved as the driver's moved since the first frame
(people.relative). Beside the animation stand two baselines: the still source, and the driving frame itself.

face: pixels the truth shows as skin; eyes, mouth: the regions around them. Identity: each result is compared with renderings of persons on the line from
source (0) to driver (1), once along the shape parameters and once along the colour parameters; kept if the nearest lies below 0.5 on both.
"""
import argparse
import time

import torch
import torch.nn.functional as F

import fuse
import lia
import people
import portrait
import sheet
import tensors

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def draw(person, pose, size=128, samples=2):
    if DEVICE == "cuda":
        return fuse.render(person, pose, size, samples)
    return torch.cat([portrait.render(person[k:k + 1], pose[k:k + 1], size, samples) for k in range(len(person))])


def psnr(a, b, mask):
    e = (((a - b) ** 2) * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3))).clamp(min=1)
    return -10 * torch.log10(e + 1e-10)


def ssim(a, b, mask):
    """Structural similarity (Gaussian window, sigma 1.5, 11x11), averaged over the mask."""
    t = torch.arange(-5.0, 6.0, device=a.device)
    k = torch.exp(-t * t / 4.5)
    k = (k / k.sum())
    w = (k[:, None] * k[None, :]).expand(3, 1, 11, 11)
    f = lambda x: F.conv2d(x, w, padding=5, groups=3)
    ma, mb = f(a), f(b)
    va, vb, c = f(a * a) - ma * ma, f(b * b) - mb * mb, f(a * b) - ma * mb
    s = (2 * ma * mb + 1e-4) * (2 * c + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4))
    return (s * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3))).clamp(min=1)


def nearest_person(result, source, driver, poses):
    """Positions in [0, 1] from source to driver along (shape, colour) parameters whose rendering is nearest to each result."""
    steps, split = torch.tensor([0, 0.25, 0.75, 1], device=result.device), len(people.SHAPE)
    small = F.avg_pool2d(result, 2)

    def distance(person):
        r = (fuse if DEVICE == "cuda" else portrait).render(person.expand(len(poses), -1), poses, 64, 1)
        return ((r[:, :3] - small) ** 2).mean((1, 2, 3))

    at_source, found = distance(source), []
    for part in (slice(0, split), slice(split, None)):
        cost = [at_source]
        for t in steps[1:]:
            p = source.clone()
            p[part] += t * (driver[part] - p[part])
            cost.append(distance(p))
        found.append(steps[torch.stack(cost).argmin(0)])
    return torch.stack(found, 1)


@torch.no_grad()
def main():
    a = argparse.ArgumentParser()
    a.add_argument("model", nargs="?", default="../../models/demo.safetensors")
    a.add_argument("--frames", type=int, default=4)
    a.add_argument("--people", type=int, default=20)
    a.add_argument("--clips", type=int, default=5)
    a.add_argument("--sheet")
    a = a.parse_args()
    torch.set_num_threads(1)
    began = time.time()
    P = {n: t.float().to(DEVICE) for n, t in tensors.load(a.model)[0].items()}
    Q = lia.basis(P)
    at = (torch.arange(1, a.frames + 1) * 96 // a.frames - 1).to(DEVICE)       # spread over 4 seconds
    index = lambda first, n: torch.arange(first, first + n, device=DEVICE)
    code = lambda x: lia.motion(P, lia.encode(P, x * 2 - 1)[0])
    clips = people.clip(index(0, a.clips), 96)
    drivers = people.identity(index(100, a.clips))
    start = draw(drivers, clips[:, 0])[:, :3]
    driving = [draw(drivers[c:c + 1].expand(a.frames, -1), clips[c, at])[:, :3] for c in range(a.clips)]
    start_code, codes = code(start), [code(d) for d in driving]
    persons, own = people.identity(index(0, a.people)), people.neutral(index(0, a.people))
    rows, kept, shown = [], [], []
    for i in range(a.people):
        source = draw(persons[i:i + 1], own[i:i + 1])[:, :3]
        wa, features = lia.encode(P, source * 2 - 1)
        home = lia.motion(P, wa)
        for c in range(a.clips):
            poses = people.relative(own[i:i + 1], clips[c, at], clips[c, :1])
            truth = draw(persons[i:i + 1].expand(a.frames, -1), poses)
            latent = wa + (codes[c] - start_code[c:c + 1] + home) @ Q.t()
            result = (lia.decode(P, latent, [f.expand(a.frames, -1, -1, -1) for f in features]).clamp(-1, 1) + 1) / 2
            masks = [torch.ones_like(truth[:, :1]), (truth[:, 3:4] > 0.55).float(), (truth[:, 3:4] > 0.8).float()]
            for x in (result, source.expand_as(result), driving[c]):
                rows.append(torch.stack([f(x, truth[:, :3], m) for m in masks for f in (psnr, ssim)], 1))
            kept.append(nearest_person(result, persons[i], drivers[c], poses))
            if len(shown) < 10 and c == i % a.clips:
                k = a.frames // 2
                shown.append(torch.stack([source[0], start[c], driving[c][k], result[k], truth[k, :3]]))
        print(f"person {i}: {time.time() - began:.0f} s, face PSNR so far {torch.cat(rows[::3])[:, 2].mean():.2f} (still {torch.cat(rows[1::3])[:, 2].mean():.2f})", flush=True)
    if a.sheet:
        sheet.save(torch.cat(shown), a.sheet, 10)
    print(f"{a.people} people x {a.clips} clips x {a.frames} frames, all held out; mean over frames")
    print("                      picture          face             eyes and mouth")
    print("                      PSNR   SSIM      PSNR   SSIM      PSNR   SSIM")
    table = [torch.cat(rows[k::3]) for k in range(3)]
    for name, t in zip(("animation", "still source", "driving frame"), table):
        m = t.mean(0)
        print(f"{name:20s}" + "".join(f"{m[2 * k]:7.2f} {m[2 * k + 1]:6.3f}   " for k in range(3)))
    gain = (table[0] - table[1])[:, 2]
    print(f"face PSNR over the still source: {gain.mean():.2f} dB; better than it in {100 * (gain > 0).float().mean():.1f} % of frames")
    t = torch.cat(kept)
    print(f"nearer to the source than to the driver: shape {100 * (t[:, 0] < 0.5).float().mean():.1f} %, colour {100 * (t[:, 1] < 0.5).float().mean():.1f} %,"
          f" both {100 * (t < 0.5).all(1).float().mean():.1f} % of frames; mean position {t[:, 0].mean():.2f}, {t[:, 1].mean():.2f} (0 source, 1 driver)")


if __name__ == "__main__":
    main()
