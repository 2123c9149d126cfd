"""Trains the demonstration model on portraits drawn as it goes.

    python3 train.py --out FOLDER --seconds 300 [--resume FOLDER | --init MODEL] [--lr 0.01] [--lr-end 0.0005] [--adversarial W]

Every batch holds pictures of three kinds (shares in --mix):
  self      source and driving frame of one person, the paper's scheme: reconstruct the driving frame;
  cross     the driving frame shows another person: the renderer knows the right answer;
  relative  the animation as it is used: source, another person's first frame and a later one, the codes combined as in
            relative mode; the right answer is the source moved as the driver moved.

FOLDER receives params, ema, adam_m, adam_v (.safetensors, float32), log.txt and sheet.png; --resume goes on from there; with --adversarial
also critic_params and so on (begun afresh where the folder resumed from has none). --init starts from an exported model, with a fresh optimiser.
The run ends by the clock: learning rate flat for --flat of the time, then a cosine down to --lr-end.
"""
import argparse
import math
import os
import random
import time

import torch
import torch.nn.functional as F

import critic
import fuse
import lia
import people
import portrait
import sheet
import tensors

PEOPLE, QUADS = 8, 4                  # of a group: persons x (quadruples of motions)
MOTIONS = 4 * QUADS
TRAINING = 1_000_000                  # identities and motions below this index are held out


# --- pictures ------------------------------------------------------------------------------------------------------

def quadruples(first, count, device):
    """[count * 4, 14] motions: source pose a, driving pose b, first driving pose c, and d = a + (b - c)."""
    i = first + torch.arange(count, device=device)
    a, b, c = people.neutral(2 * i), people.wide(i), people.neutral(2 * i + 1)
    return torch.stack([a, b, c, people.relative(a, b, c)], 1).flatten(0, 1)


def draw_group(who, how, size, samples, device, chunk, out):
    """Draws the pictures of a group, its first person and quadruple given by number, into `out`, uint8 [PEOPLE, MOTIONS, 5, size, size]; returns
    the motions [MOTIONS, 14]."""
    who, how = people.identity(who + torch.arange(PEOPLE, device=device)), quadruples(how, QUADS, device)
    p, m = who.repeat_interleave(MOTIONS, 0), how.repeat(PEOPLE, 1)
    for k in range(0, len(p), chunk):
        x = fuse.render(p[k:k + chunk], m[k:k + chunk], size, samples)
        out.view(-1, 5, size, size)[k:k + chunk] = (x * 255).round().to(torch.uint8)
    return how


def draw_pool(groups, first, size, samples, device, chunk, seconds=1e9):
    """uint8 pictures [groups, PEOPLE, MOTIONS, 5, size, size] and motions [groups, MOTIONS, 14]; stops early when the time is up."""
    poses = []
    began, pool = time.time(), torch.empty(groups, PEOPLE, MOTIONS, 5, size, size, dtype=torch.uint8, device=device)
    for g in range(groups):
        poses.append(draw_group(first * 64 + g * PEOPLE, first * 64 + g * QUADS, size, samples, device, chunk, pool[g]))
        if g % 8 == 7:
            if device == "cuda":
                torch.cuda.synchronize()
            if time.time() - began > seconds:
                break
    return pool[:len(poses)], torch.stack(poses)


def draw_indices(groups, count, shares, rng):
    """[steps?, 4, B] flat pool indices of (source, driving, start, target), as lists; kinds in the order self, cross, relative."""
    rows = []
    for kind, n in enumerate(shares):
        for _ in range(n):
            g, a, b = rng.randrange(groups), rng.randrange(PEOPLE), rng.randrange(PEOPLE)
            b = b if a != b else (b + 1) % PEOPLE
            s, d = rng.randrange(MOTIONS), rng.randrange(MOTIONS)
            at = lambda who, m: (g * PEOPLE + who) * MOTIONS + m
            if kind == 0:
                rows.append((at(a, s), at(a, d), 0, at(a, d)))
            elif kind == 1:
                rows.append((at(a, s), at(b, d), 0, at(a, d)))
            else:
                q = 4 * rng.randrange(QUADS)
                rows.append((at(a, q), at(b, q + 1), at(b, q + 2), at(a, q + 3)))
    return list(zip(*rows))


# --- loss ----------------------------------------------------------------------------------------------------------

def weights(importance, parts):
    """How much pixels count, of the renderer's map of importance: towards face, and by `parts` towards eyes and mouth."""
    return 0.5 + 0.8 * importance + parts * (importance - 0.72).clamp(min=0)


def picture_loss(out, target, weight):
    """L1 over a pyramid of four scales plus, at each, L1 of the horizontal, vertical and diagonal derivatives; weighted
    towards face, eyes and mouth by the renderer's map of importance."""
    total = 0.0
    for level in range(4):
        d = out - target
        total = total + (d.abs() * weight).mean() * (1.0 if level == 0 else 0.7)
        w = weight[:, :, 1:, 1:]
        dx, dy = d[:, :, 1:, 1:] - d[:, :, 1:, :-1], d[:, :, 1:, 1:] - d[:, :, :-1, 1:]
        dd = d[:, :, 1:, 1:] - d[:, :, :-1, :-1]
        total = total + ((dx.abs() + dy.abs() + 0.7 * dd.abs()) * w).mean() * 0.7
        if level < 3:
            out, target, weight = F.avg_pool2d(out, 2), F.avg_pool2d(target, 2), F.avg_pool2d(weight, 2)
    return total


def warp_loss(taps, depth, target, source):
    """L1 distance, at every level, between where the warp reads and where the surface point truly lies in the source."""
    place, known = portrait.correspondence(depth, target, source)
    total = 0.0
    for o in reversed(taps):
        r = o.shape[2]
        if place.shape[2] > r:
            w = F.avg_pool2d(known, 2)
            place, known = F.avg_pool2d(place * known, 2) / w.clamp(min=1e-3), w * (w > 0.9)
        axis = torch.linspace(-1, 1, r, device=o.device)
        grid = torch.stack([axis[None, :].expand(r, r), axis[:, None].expand(r, r)])
        total = total + ((torch.tanh(o[:, :2]) + grid - place).abs() * known).mean()
    return total


def adversarial_loss(P, out, target, weight, dtype):
    """Of the critic P on pictures `out` beside `target`, both towards what the map of importance says: the generator's two terms
    (non-saturating logistic loss; L1 distance of the critic's features) and the critic's logistic loss."""
    W = critic.normalised(P)
    fake, seen = critic.judge(W, out.to(dtype))
    real, wanted = critic.judge(W, target.to(dtype))
    pooled = lambda x: F.avg_pool2d(weight, weight.shape[2] // x.shape[2]) / weight.mean()
    w = pooled(fake)
    matching = sum(((a - b.detach()).float().abs() * pooled(a)).mean() for a, b in zip(seen, wanted))
    return (F.softplus(-fake) * w).mean(), matching, ((F.softplus(fake) + F.softplus(-real)) * w).mean()


def scaled(terms, picture, out):
    """The gradient at `out` of each (term, weight), scaled to `weight` times the length of the picture loss's; summed. So no term outgrows it."""
    at = lambda t: torch.autograd.grad(t, out, retain_graph=True)[0]
    length, total = at(picture).norm(), 0.0
    for term, weight in terms:
        g = at(term)
        total = total + g * (weight * length / (g.norm() + 1e-12))
    return torch.nan_to_num(total.detach(), nan=0.0, posinf=0.0, neginf=0.0)


def make_loss(Q, shares, dtype, parts):
    B, R = sum(shares), shares[2]
    spread = people.RANGE.to(Q)

    def loss(P, pictures, poses, guide):
        """pictures uint8 [3B + R, 5, S, S]: sources, driving frames, start frames of the last R, targets, with their poses.
        guide: weight of the two helps at the start (motion codes and warps told the truth).
        Returns the pictures' loss, the helps, what to report, and (result, target, weight), the pictures in [-1, 1]."""
        x = pictures.to(torch.float32) / 255
        rgb = (x[:, :3] * 2 - 1).to(dtype)
        goal = x[2 * B + R:]
        wa, features = lia.encode(P, lia._nhwc(rgb[:2 * B + R]))
        alpha = lia.motion(P, wa)
        told = ((alpha @ P["aux.probe"].t() - poses[:2 * B + R] / spread) ** 2).mean()
        a = alpha[B:2 * B]
        a = torch.cat([a[:B - R], a[B - R:] - alpha[2 * B:] + alpha[B - R:B]]) if R else a
        taps = []
        out = lia.decode(P, wa[:B] + a @ Q.t(), [f[:B] for f in features], taps)
        importance = goal[:, 3:4]
        weight = weights(importance, parts)
        target = goal[:, :3] * 2 - 1
        picture = picture_loss(out, target, weight)
        warp = warp_loss(taps, goal[:, 4], poses[2 * B + R:], poses[:B])
        return picture, guide * (8 * told + 3 * warp), [picture.detach(), told.detach(), warp.detach()], (out, target, weight)

    return loss


# --- state: every parameter is a view of one flat vector -----------------------------------------------------------

class State:
    def __init__(self, P, device, trained=lia.trained, prefix=""):
        self.prefix, self.names = prefix, [n for n in P if trained(n)]
        self.shapes = {n: P[n].shape for n in P}
        self.flat = self.join(P).to(device)
        self.grad = torch.zeros_like(self.flat)
        self.ema, self.m, self.v = self.flat.clone(), torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.step = torch.zeros((), device=device)
        self.lr = torch.zeros((), device=device)
        self.fixed = {n: t.to(device) for n, t in P.items() if n not in self.names}
        self.P = dict(self.fixed)
        self.P.update({n: t.detach().requires_grad_() for n, t in self.split(self.flat)})
        self.leaves = [self.P[n] for n in self.names]

    def join(self, P):
        """One vector of all trained tensors, each padded to a multiple of 64 numbers (so that views are aligned)."""
        return torch.cat([F.pad(P[n].flatten(), (0, -P[n].numel() % 64)) for n in self.names])

    def split(self, flat):
        at = 0
        for n in self.names:
            k = self.shapes[n].numel()
            yield n, flat[at:at + k].view(self.shapes[n])
            at += k + -k % 64

    def view(self, flat):
        out = self.fixed | dict(self.split(flat))
        return {n: out[n] for n in self.shapes}

    def gradient(self, loss, retain_graph=False):
        g = torch.autograd.grad(loss, self.leaves, retain_graph=retain_graph)
        self.grad.copy_(self.join(dict(zip(self.names, g))))

    def adam(self, b1=0.9, b2=0.99, decay=0.998):
        """One step of Adam, and the moving average of the weights (short at first)."""
        g = self.grad
        self.step += 1
        self.m.mul_(b1).add_(g, alpha=1 - b1)
        self.v.mul_(b2).addcmul_(g, g, value=1 - b2)
        m = self.m / (1 - b1 ** self.step)
        v = (self.v / (1 - b2 ** self.step)).sqrt() + 1e-8
        self.flat -= self.lr * (m / v)
        self.ema += (self.flat - self.ema) * (self.step ** -0.8).clamp(min=1 - decay)

    def save(self, folder, meta):
        for name, t in (("params", self.flat), ("ema", self.ema)):
            tensors.save(f"{folder}/{self.prefix}{name}.safetensors", self.view(t), meta)
        for name, t in (("adam_m", self.m), ("adam_v", self.v)):
            tensors.save(f"{folder}/{self.prefix}{name}.safetensors", {"flat": t}, meta | {"step": int(self.step)})

    def load(self, folder):
        for name, t in (("params", self.flat), ("ema", self.ema)):
            P, _ = tensors.load(f"{folder}/{self.prefix}{name}.safetensors")
            t.copy_(self.join(P))
        m, meta = tensors.load(f"{folder}/{self.prefix}adam_m.safetensors")
        self.m.copy_(m["flat"])
        self.v.copy_(tensors.load(f"{folder}/{self.prefix}adam_v.safetensors")[0]["flat"])
        self.step.fill_(float(meta["step"]))
        for n, t in self.fixed.items():
            t.copy_(P[n])
        return meta

    def snapshot(self):
        return [t.clone() for t in (self.flat, self.ema, self.m, self.v, self.step)]

    def restore(self, snapshot):
        for t, kept in zip((self.flat, self.ema, self.m, self.v, self.step), snapshot):
            t.copy_(kept)


# --- the run -------------------------------------------------------------------------------------------------------

def psnr(a, b, mask):
    """Mean over pictures of the PSNR of RGB in 0..1, over the pixels of mask."""
    e = (((a - b) ** 2) * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))
    return float((-10 * torch.log10(e + 1e-10)).mean())


@torch.no_grad()
def validate(P, pool, path=None):
    """Relative animation of the held-out pool: PSNR in the face of the result, the still source and the driving frame."""
    rng = random.Random(7)
    i = torch.tensor(draw_indices(pool.shape[0], 0, (0, 0, 48), rng), device=pool.device)
    x = pool.view(-1, *pool.shape[3:])[i].float() / 255
    s, d, c, t = (k[:, :3] * 2 - 1 for k in x)
    wa, features = lia.encode(P, s)
    alpha = lia.motion(P, lia.encode(P, d)[0]) - lia.motion(P, lia.encode(P, c)[0]) + lia.motion(P, wa)
    out = lia.decode(P, wa + alpha @ lia.basis(P).t(), features).clamp(-1, 1)
    face, part = (x[3][:, 3:4] > 0.55).float(), (x[3][:, 3:4] > 0.8).float()
    z = [(k + 1) / 2 for k in (out, s, d, t)]
    if path:
        rows = torch.stack([z[1], x[2][:, :3], z[2], z[0], z[3]], 1)[:24].flatten(0, 1)
        sheet.save(rows, path, 20)
    return [psnr(z[0], z[3], face), psnr(z[1], z[3], face), psnr(z[2], z[3], face), psnr(z[0], z[3], part), psnr(z[1], z[3], part)]


@torch.no_grad()
def fit_probe(P, pictures, poses):
    """The linear probe [motions, codes] that tells the drawn poses best from the motion codes of `pictures`: least squares."""
    codes = [lia.motion(P, lia.encode(P, lia._nhwc(x[:, :3].float() / 127.5 - 1))[0]) for x in pictures.split(64)]
    told = poses / people.RANGE.to(poses)
    return torch.linalg.lstsq(torch.cat(codes).double().cpu(), told.double().cpu()).solution.t().float()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--out", required=True)
    a.add_argument("--resume")
    a.add_argument("--init", help="an exported model to start from")
    a.add_argument("--adversarial", type=float, default=0.0, help="length of the adversarial gradient at the picture, of the picture loss's")
    a.add_argument("--matching", type=float, default=0.0, help="the same of the match of the critic's features; goes with --adversarial")
    a.add_argument("--critic-lr", type=float, default=0.002)
    a.add_argument("--parts", type=float, default=12.0, help="extra weight of eyes and mouth")
    a.add_argument("--keep-best", action="store_true", help="saves the best held-out weights if the last are worse than those at the start")
    a.add_argument("--seconds", type=float, default=300)
    a.add_argument("--lr", type=float, default=0.01)
    a.add_argument("--lr-end", type=float, default=0.0005)
    a.add_argument("--flat", type=float, default=0.4)
    a.add_argument("--guide", type=float, default=1.0, help="weight of the help with motion codes and warps at the start of the run")
    a.add_argument("--guide-end", type=float, default=0.0)
    a.add_argument("--mix", default="24,16,24")
    a.add_argument("--size", type=int, default=128)
    a.add_argument("--widths", default="", help="channels at 4, 8, ... size; the demonstration's by default")
    a.add_argument("--style", type=int, default=128)
    a.add_argument("--groups", type=int, default=900)
    a.add_argument("--pool-seconds", type=float, default=40)
    a.add_argument("--samples", type=int, default=2)
    a.add_argument("--chunk", type=int, default=64)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--report", type=float, default=15)
    a = a.parse_args()
    began, gpu = time.time(), torch.cuda.is_available()
    device, dtype = ("cuda", torch.bfloat16) if gpu else ("cpu", torch.float32)
    os.makedirs(a.out, exist_ok=True)
    log = open(f"{a.out}/log.txt", "a")

    def say(text):
        print(f"{time.time() - began:6.1f}s {text}", flush=True)
        log.write(f"{time.time() - began:6.1f}s {text}\n")
        log.flush()

    if gpu:
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    else:
        torch.set_num_threads(1)
    config = dict(lia.DEMO)
    if a.size != 128 or a.widths:
        config = dict(size=a.size, widths={4 << k: int(w) for k, w in enumerate(a.widths.split(","))}, style=a.style, motion=20)
    fresh = lia.create(a.seed, **config) | {"aux.probe": torch.zeros(len(people.MOTION), config["motion"])}
    meta = {"seed": a.seed, "size": a.size, "earlier": 0}       # earlier: steps before the optimiser's count began
    if a.init:
        given, info = tensors.load(a.init)
        assert all(fresh[n].shape == t.shape for n, t in given.items()), f"{a.init} has other tensors than the network to train"
        fresh.update({n: t.float() for n, t in given.items()})
        meta["earlier"] = int(info.get("steps", 0))
    state = State(fresh, device)
    if a.resume:
        meta["earlier"] = int(state.load(a.resume).get("earlier", 0))
    judge = State(critic.create(a.seed), device, critic.trained, "critic_") if a.adversarial else None
    if judge and a.resume and os.path.exists(f"{a.resume}/critic_params.safetensors"):
        judge.load(a.resume)
    Q = lia.basis({"dec.direction.weight": state.fixed["dec.direction.weight"].cpu()}).to(device)
    say(f"{state.flat.numel()} trained parameters, step {int(state.step)}, seed {a.seed}"
        + (f"; critic of {judge.flat.numel()}, step {int(judge.step)}" if judge else ""))

    try:
        held, _ = draw_pool(4, 0, a.size, a.samples, device, a.chunk)
    except Exception as e:  # no compiler here: slower, not wrong
        say(f"drawing without fusion: {e}"[:400])
        fuse.render = portrait.render
        held, _ = draw_pool(4, 0, a.size, a.samples, device, a.chunk)
    if gpu:
        torch.cuda.synchronize()
    say("kernels of the renderer ready")
    first = (TRAINING + a.seed * 1_000_000) // 64
    pool, poses = draw_pool(a.groups, first, a.size, a.samples, device, a.chunk, a.pool_seconds)
    say(f"{pool[..., 0, 0, 0].numel()} pictures of {pool.shape[0] * PEOPLE} people drawn")

    shares = [int(k) for k in a.mix.split(",")]
    B, R = sum(shares), shares[2]
    rng = random.Random(a.seed)
    pictures = pool.view(-1, 5, a.size, a.size)
    poses = poses[:, None].expand(-1, PEOPLE, -1, -1).reshape(-1, len(people.MOTION))
    index = torch.zeros(3 * B + R, dtype=torch.int64, device=device)
    loss_fn = make_loss(Q, shares, dtype, a.parts)
    last = torch.zeros(6 if judge else 3, device=device)
    guide, press = torch.ones((), device=device), torch.zeros((), device=device)
    if a.init:
        some = slice(None, None, max(1, len(pictures) // 2048))
        with torch.no_grad():
            state.P["aux.probe"].copy_(fit_probe(state.P, pictures[some], poses[some]))
            state.ema.copy_(state.flat)

    def fetch():
        s, d, c, t = draw_indices(pool.shape[0], 0, shares, rng)
        index.copy_(torch.tensor(s + d + c[B - R:] + t), non_blocking=True)

    def step():
        picture, helps, parts, (out, target, weight) = loss_fn(state.P, pictures[index], poses[index], guide)
        value = picture + helps
        if judge:
            fooling, matching, judging = adversarial_loss(judge.P, out, target, weight, dtype)
            pull = scaled([(fooling, press * a.adversarial), (matching, press * a.matching)], picture, out)
            judge.gradient(judging, retain_graph=True)
            value = value + (out * pull).sum()
            parts += [fooling.detach(), matching.detach(), judging.detach()]
        state.gradient(value)
        state.adam()
        if judge:
            judge.adam(b1=0.0)
        last.copy_(torch.stack(parts))

    run = step
    if gpu:
        def warm_up():
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(4):
                    fetch()
                    step()
            torch.cuda.current_stream().wait_stream(stream)
            torch.cuda.synchronize()

        warm_up()
        say("training step ready")
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                step()
            run = graph.replay
        except Exception as e:
            say(f"training without a graph: {e}"[:400])
        torch.backends.cudnn.benchmark = False
        say("captured")

    def checkpoint(tag):
        v = validate(state.view(state.ema), held, f"{a.out}/sheet.png" if tag == "final" else None)
        w = validate(state.view(state.flat), held)
        mean = (total / max(1, count // 20)).tolist()
        say(f"{tag} step {int(state.step)} loss {mean[0]:.3f} motion {mean[1]:.3f} warp {mean[2]:.4f} lr {float(state.lr):.5f} | face PSNR: average {v[0]:.2f} weights {w[0]:.2f}"
            f" still {v[1]:.2f} driver {v[2]:.2f} | eyes and mouth {v[3]:.2f} still {v[4]:.2f}"
            + ("".join(f" | {n} {m:.3f}" for n, m in zip(("fooling", "matching", "critic"), mean[3:]))))
        return v[0] if math.isfinite(v[0]) and math.isfinite(w[0]) else -math.inf

    total, count, done, adversary = torch.zeros_like(last, device="cpu"), 0, 0, True
    at_start = checkpoint("start") if a.keep_best else -math.inf
    best, kept = at_start, state.snapshot() if a.keep_best else None
    reported = trained_from = time.time()
    span = max(5.0, a.seconds - (trained_from - began))
    while True:
        now = time.time()
        f = (now - trained_from) / span
        if f >= 1:
            break
        g = max(0.0, f - a.flat) / max(1e-6, 1 - a.flat)
        warm = 1.0 if a.resume else min(1.0, (done + 1) / 100)
        rate = warm * (a.lr_end + (a.lr - a.lr_end) * 0.5 * (1 + math.cos(math.pi * g)))
        state.lr.fill_(rate)
        guide.fill_(a.guide + (a.guide_end - a.guide) * f)
        if judge:
            judge.lr.fill_(a.critic_lr * float(rate / a.lr))
            press.fill_(min(1.0, max(0.0, (f - 0.05) / 0.15)) if adversary else 0.0)   # the critic learns alone at first
        fetch()
        run()
        count, done = count + 1, done + 1
        if count % 20 == 0:
            total += last.cpu()         # also keeps the queue short
        if now - reported > a.report:
            score = checkpoint("     ")
            total, count, reported = torch.zeros_like(total), 0, time.time()
            if a.keep_best and score > best:
                best, kept = score, state.snapshot()
            if a.keep_best and (score == -math.inf or f > 0.3 and score < at_start - 3):
                say("diverged: back to the best weights so far" + (", without the critic from here" if judge else ""))
                state.restore(kept)
                adversary = False
    if checkpoint("final") < at_start:
        say("worse than at the start: the best weights are saved instead")
        state.restore(kept)
        checkpoint("best ")
    state.save(a.out, meta)
    if judge:
        judge.save(a.out, meta)
    say("saved")


if __name__ == "__main__":
    main()
