"""Who is drawn and how they move: parameters of identities and motions as pure functions of an index, so that any part of the
endless population can be drawn again anywhere, and training and held-out people are told apart by their numbers.

    identity(i)                     [n, len(IDENTITY)]        shape parameters, then colours, light and background
    neutral(i), wide(i)             [n, len(MOTION)]          poses as portraits begin with, and over the whole range
    clip(i, frames)                 [n, frames, len(MOTION)]  smooth motion
    relative(source, driving, start)                          the motion a relative animation asks for
"""
import math
from collections import namedtuple

import torch

# --- deterministic draws -------------------------------------------------------------------------------------------

def _mix(z):
    """SplitMix64's finaliser on wrapping int64 (logical shifts by masking)."""
    z = (z ^ ((z >> 30) & ((1 << 34) - 1))) * -4658895280553007687
    z = (z ^ ((z >> 27) & ((1 << 37) - 1))) * -7723592293110705685
    return z ^ ((z >> 31) & ((1 << 33) - 1))


def uniform(index, count, salt):
    """[n] int64 -> [n, count] uniform in (0, 1): a pure function of (index, column, salt)."""
    k = torch.arange(1, count + 1, device=index.device, dtype=torch.int64)
    z = _mix(_mix(index[:, None] * 7046029254386353131 + salt) + k * -7046029254386353131)
    return (((z >> 11) & ((1 << 24) - 1)).to(torch.float32) + 0.5) / (1 << 24)


# --- identities ----------------------------------------------------------------------------------------------------

SHAPE = ("skull_w skull_h jaw_w jaw_l chin cheek nose_w nose_l nose_p eye_s eye_d eye_y eye_tilt brow_t brow_arch brow_y "
         "mouth_w mouth_y lip_t ear neck_w shoulder "
         "hair fringe part hair_t curl long long_l bob bun beard moustache glasses glass_r glass_sq").split()
COLOUR = ("skin_r skin_g skin_b hair_r hair_g hair_b iris_r iris_g iris_b lip cloth_r cloth_g cloth_b trim_r trim_g trim_b stripes "
          "frame_r frame_g frame_b bga_r bga_g bga_b bgb_r bgb_g bgb_b bg_angle bg_spot light_x light_y light_w ambient").split()
IDENTITY = SHAPE + COLOUR
Person = namedtuple("Person", IDENTITY)

SKINS = [(0.95, 0.72, 0.58), (0.90, 0.62, 0.47), (0.80, 0.52, 0.36), (0.66, 0.40, 0.25), (0.46, 0.26, 0.16), (0.29, 0.16, 0.10)]
HAIRS = [(0.03, 0.025, 0.025), (0.09, 0.05, 0.03), (0.19, 0.09, 0.045), (0.36, 0.13, 0.05), (0.62, 0.40, 0.16), (0.78, 0.60, 0.32),
         (0.50, 0.50, 0.52), (0.80, 0.80, 0.82), (0.55, 0.12, 0.20), (0.14, 0.30, 0.52)]
IRISES = [(0.16, 0.08, 0.04), (0.30, 0.17, 0.07), (0.13, 0.32, 0.55), (0.18, 0.40, 0.22), (0.35, 0.40, 0.42)]


def _palette(table, u, spread):
    """u in (0, 1): walk along a table of colours; spread mixes neighbours (1) or picks one (0)."""
    t = torch.tensor(table, device=u.device, dtype=u.dtype)
    p = u * (len(table) - 1 if spread else len(table) - 1e-3)
    i = p.long()
    f = (p - i)[:, None] * (1.0 if spread else 0.0)
    return t[i] * (1 - f) + t[(i + 1).clamp(max=len(table) - 1)] * f


def _hue(h, s, v):
    """HSV -> RGB, linear enough for clothes and walls."""
    k = torch.stack([(5 + h * 6) % 6, (3 + h * 6) % 6, (1 + h * 6) % 6], 1)
    return v[:, None] * (1 - s[:, None] * torch.minimum(k, 4 - k).clamp(0, 1))


def identity(index):
    """Parameters [n, len(IDENTITY)] of persons `index` [n] int64."""
    u = uniform(index, 64, 11)
    c = iter(range(64))
    draw = lambda lo, hi: lo + (hi - lo) * u[:, next(c)]
    chance = lambda p: (u[:, next(c)] < p).to(u.dtype)
    v = {}
    for name, lo, hi in [("skull_w", 0.92, 1.10), ("skull_h", 0.94, 1.08), ("jaw_w", 0.84, 1.12), ("jaw_l", 0.92, 1.12), ("chin", 0.7, 1.25),
                         ("cheek", 0.75, 1.15), ("nose_w", 0.75, 1.45), ("nose_l", 0.85, 1.2), ("nose_p", 0.75, 1.3), ("eye_s", 0.86, 1.18),
                         ("eye_d", 0.92, 1.10), ("eye_y", -0.04, 0.05), ("eye_tilt", -0.10, 0.16), ("brow_t", 0.65, 1.5), ("brow_arch", 0.2, 1.3),
                         ("brow_y", -0.03, 0.05), ("mouth_w", 0.82, 1.2), ("mouth_y", -0.04, 0.04), ("lip_t", 0.65, 1.45), ("ear", 0.8, 1.2),
                         ("neck_w", 0.8, 1.2), ("shoulder", 0.88, 1.15), ("fringe", -0.06, 0.24), ("part", -0.35, 0.35), ("hair_t", 0.05, 0.17)]:
        v[name] = draw(lo, hi)
    v["hair"] = chance(0.92)
    v["curl"] = chance(0.3) * draw(0.02, 0.05)
    style = draw(0, 1)
    v["long"] = (style < 0.34).to(u.dtype) * v["hair"]
    v["long_l"] = draw(0.75, 1.15)
    v["bob"] = ((style >= 0.28) & (style < 0.5)).to(u.dtype) * v["hair"]
    v["bun"] = ((style >= 0.44) & (style < 0.62)).to(u.dtype) * v["hair"]
    v["beard"] = (style > 0.72).to(u.dtype) * draw(0.4, 1.0)
    v["moustache"] = (style > 0.66).to(u.dtype) * chance(0.7)
    v["glasses"] = chance(0.3)
    v["glass_r"] = draw(0.9, 1.2)
    v["glass_sq"] = draw(0.0, 1.0)
    tint = draw(0.92, 1.08)
    skin = _palette(SKINS, draw(0, 1), True)
    skin = skin * torch.stack([tint, torch.ones_like(tint), 2 - tint], 1)
    hair = _palette(HAIRS, draw(0, 1), False) * draw(0.8, 1.2)[:, None]
    iris = _palette(IRISES, draw(0, 1), False)
    cloth, trim = _hue(draw(0, 1), draw(0.2, 0.85), draw(0.12, 0.75)), _hue(draw(0, 1), draw(0.1, 0.7), draw(0.3, 0.9))
    frame = _hue(draw(0, 1), draw(0, 0.8), draw(0.02, 0.3))
    bga, bgb = _hue(draw(0, 1), draw(0.1, 0.6), draw(0.12, 0.8)), _hue(draw(0, 1), draw(0.1, 0.6), draw(0.12, 0.8))
    bgb = 0.55 * bga + 0.45 * bgb
    for name, rgb in [("skin", skin), ("hair", hair), ("iris", iris), ("cloth", cloth), ("trim", trim), ("frame", frame), ("bga", bga), ("bgb", bgb)]:
        for k, ch in enumerate("rgb"):
            v[f"{name}_{ch}"] = rgb[:, k].clamp(0.01, 1)
    v["lip"] = draw(0.0, 1.0)
    v["stripes"] = chance(0.35)
    v["bg_angle"] = draw(-3.1, 3.1)
    v["bg_spot"] = draw(0.0, 1.0)
    v["light_x"] = draw(-0.75, 0.75)
    v["light_y"] = draw(0.15, 0.75)
    v["light_w"] = draw(-1.0, 1.0)
    v["ambient"] = draw(0.25, 0.5)
    return torch.stack([v[n] for n in IDENTITY], 1)


# --- motions -------------------------------------------------------------------------------------------------------

MOTION = "yaw pitch roll x y zoom gaze_x gaze_y blink_l blink_r brow frown open wide".split()
Pose = namedtuple("Pose", MOTION)
RANGE = torch.tensor([0.62, 0.30, 0.24, 0.24, 0.14, 0.12, 1, 1, 1, 1, 1, 1, 1, 1])
_LOW = torch.tensor([-0.75, -0.42, -0.4, -0.4, -0.28, -0.25, -1.1, -1.1, 0, 0, -1.2, -1.2, 0, -1.2])
_HIGH = torch.tensor([0.75, 0.42, 0.4, 0.4, 0.28, 0.25, 1.1, 1.1, 1, 1, 1.2, 1.2, 1.1, 1.2])


def clamp(m):
    """The valid range of every motion parameter."""
    return torch.minimum(torch.maximum(m, _LOW.to(m)), _HIGH.to(m))


def relative(source, driving, start):
    """The motion that a relative animation asks for: the source's own, moved as the driver moved since its first frame."""
    return clamp(source + driving - start)


def neutral(index):
    """Near-frontal poses, eyes open, mouth nearly shut: how sources and first frames look. [n] -> [n, len(MOTION)]"""
    u = uniform(index, 14, 23) * 2 - 1
    m = u * RANGE.to(u) * torch.tensor([0.3, 0.3, 0.25, 0.3, 0.3, 0.5, 0.3, 0.3, 0, 0, 0.3, 0.3, 0, 0.4], device=u.device)
    m[:, 12] = 0.12 * (u[:, 12].clamp(min=0))
    m[:, 8:10] = (0.15 * u[:, 8:9]).clamp(min=0)
    return m


def wide(index):
    """Poses over the whole range; a fifth with shut eyes, half with an open mouth. [n] -> [n, len(MOTION)]"""
    u = uniform(index, 20, 37)
    m = (u[:, :14] * 2 - 1) * RANGE.to(u)
    blink = ((u[:, 14:15] - 0.7) / 0.15).clamp(0, 1)
    wink = (u[:, 15:16] < 0.1).to(u.dtype) * (u[:, 16:18] < 0.5).to(u.dtype)
    m[:, 8:10] = torch.maximum(blink.expand(-1, 2), wink)
    m[:, 12] = ((u[:, 12] - 0.4) / 0.6).clamp(min=0)
    return m


def clip(index, frames, fps=24.0):
    """Smooth trajectories [n, frames, len(MOTION)] of clips `index` [n]: slow turns, glances, blinks, speech; starts at `neutral`."""
    t = torch.arange(frames, device=index.device, dtype=torch.float32)[None, :] / fps
    n, start = index.shape[0], neutral(index)
    u = uniform(index, 14 * 4 + 20, 41)
    out = torch.zeros(n, frames, 14, device=index.device)
    swing = torch.tensor([0.75, 0.6, 0.6, 0.6, 0.5, 0.6, 0.9, 0.7, 0, 0, 0.8, 0.7, 0, 0.7], device=u.device) * RANGE.to(u)
    for k in range(14):
        a = u[:, 4 * k:4 * k + 4, None]
        w1, w2 = 2 * math.pi * (0.30 + 0.25 * a[:, 0]), 2 * math.pi * (0.65 + 0.45 * a[:, 1])
        s = torch.sin(w1 * t) * torch.where(a[:, 2] < 0.5, -1.0, 1.0) + 0.35 * torch.sin(w2 * t) * (a[:, 3] * 2 - 1)
        out[:, :, k] = start[:, k:k + 1] + swing[k] * s
    e = u[:, 56:]
    blink = torch.zeros(n, frames, device=u.device)
    for k in range(4):  # a blink about every 0.9 s, 0.2 s long
        at = 0.45 + 0.9 * k + 0.4 * e[:, k:k + 1]
        blink = torch.maximum(blink, (1.4 - (t - at).abs() / 0.085).clamp(0, 1))
    out[:, :, 8:10] = torch.maximum(start[:, None, 8:10], blink[:, :, None])
    talk = torch.sin(2 * math.pi * (1.3 + 0.5 * e[:, 8:9]) * t) * (0.6 + 0.4 * torch.sin(2 * math.pi * (0.4 + 0.3 * e[:, 9:10]) * t))
    out[:, :, 12] = start[:, None, 12] + talk.clamp(min=0)
    return clamp(out)
