"""What the demonstration model is trained on and by, in PyTorch: the examples that pack.py packs for `lia train`, and the step that step_golden.py and
gradients.py hold it to.

A batch holds pictures of three kinds:
  self      source and driving frame of one person, the paper's scheme: reconstruct the driving frame;
  cross     the driving frame shows another person: the renderer knows the right answer;
  relative  the animation as it is used: source, another person's first frame and a later one, the codes combined as in
            relative mode; the right answer is the source moved as the driver moved.
"""
import torch
import torch.nn.functional as F

import critic
import fuse
import lia
import people
import portrait

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


def draw_indices(groups, shares, rng):
    """Flat indices of (source, driving, start, target) of a batch, as four lists; kinds in the order self, cross, relative."""
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
    def __init__(self, P, device, trained=lia.trained):
        self.names = [n for n in P if trained(n)]
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
