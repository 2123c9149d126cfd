"""Procedural portraits: any drawn identity with any motion, so that the true answer of an animation is known.

A head is a signed distance field (ellipsoids and capsules joined by smooth minima) in head coordinates, sphere-traced
under parallel projection; eyes, brows, lips and beard are painted on its surface in the same coordinates, glasses stand in
a plane before it, hair is a volume around it. Everything is elementwise over (image, ray), so one code runs on any device
(fuse.py makes one C or CUDA function of it, which is what training uses).

    render(person, pose)  [n, 5, S, S] in 0..1: RGB, importance (0 background, 1/3 hair and clothes, 2/3 skin, 1 eyes and mouth), depth
    correspondence        where the surface points of one picture lie in another of the same person
    surfaces              the same for any pairs of pictures: which part a pixel shows, and where parts are

`python3 portrait.py` compares the last two.

Axes: x to the viewer's right, y up, z towards the viewer; head units (the skull's half height is about 1).
"""
from collections import namedtuple

import torch

from people import Person, Pose

# --- the distance field --------------------------------------------------------------------------------------------

def _length(x, y, z):
    return torch.sqrt(x * x + y * y + z * z + 1e-9)


def _ellipsoid(x, y, z, rx, ry, rz):
    x, y, z = x / rx, y / ry, z / rz
    k0 = _length(x, y, z)
    return k0 * (k0 - 1) / _length(x / rx, y / ry, z / rz)


def _smin(a, b, k):
    h = torch.relu(k - (a - b).abs())
    return torch.minimum(a, b) - h * h * (0.25 / k)


def _smax(a, b, k):
    h = torch.relu(k - (a - b).abs())
    return torch.maximum(a, b) + h * h * (0.25 / k)


def _capsule(x, y, z, a, b, r):
    """Distance to the segment a-b (tuples of numbers or [B, 1] tensors) with radius r."""
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    x, y, z = x - a[0], y - a[1], z - a[2]
    h = ((x * dx + y * dy + z * dz) / (dx * dx + dy * dy + dz * dz)).clamp(0, 1)
    return _length(x - dx * h, y - dy * h, z - dz * h) - r


PIVOT = (0.0, -0.45, -0.22)  # where the head turns on the neck, head units
EYE_X, EYE_Y, MOUTH_Y = 0.31, 0.05, -0.50


def _field(x, y, z, bx, by, bz, I, M):
    """Distances (skin, hair, cloth, frame) at head coordinates x, y, z and body coordinates bx, by, bz."""
    ax = torch.sqrt(x * x + 1e-4)  # mirrored, rounded at the plane of symmetry
    drop = 0.11 * M.open
    skull = _ellipsoid(x, y - 0.25, z + 0.12, 0.78 * I.skull_w, 0.80 * I.skull_h, 0.88)
    jaw = _ellipsoid(x, y + 0.26 + drop * 0.5, z - 0.10, 0.65 * I.jaw_w, 0.74 * I.jaw_l, 0.66)
    skin = _smin(skull, jaw, 0.30)
    chin = _ellipsoid(x, y + 0.80 * I.jaw_l + drop, z - 0.46, 0.20 * I.chin, 0.17, 0.20)
    skin = _smin(skin, chin, 0.28)
    cheek = _ellipsoid(ax - 0.36, y + 0.20 - 0.03 * M.wide, z - 0.42, 0.24 * I.cheek, 0.22, 0.24 * I.cheek)
    skin = _smin(skin, cheek, 0.22)
    socket = _ellipsoid(ax - EYE_X * I.eye_d, y - EYE_Y - 0.03 - I.eye_y, z - 0.90, 0.20, 0.13, 0.14)
    skin = _smax(skin, -socket, 0.16)
    lids = _ellipsoid(ax - EYE_X * I.eye_d, y - EYE_Y - I.eye_y, z - 0.60, 0.19 * I.eye_s, 0.16 * I.eye_s, 0.17)
    skin = _smin(skin, lids, 0.07)
    lips = _ellipsoid(x, y - MOUTH_Y - I.mouth_y + drop * 0.5, z - 0.68, (0.25 + 0.04 * M.wide) * I.mouth_w, 0.10 * I.lip_t + 0.5 * drop, 0.12)
    skin = _smin(skin, lips, 0.12)
    bridge = _capsule(x, y, z, (0.0, 0.16, 0.68), (0.0, -0.20 * I.nose_l, 0.72 + 0.16 * I.nose_p), 0.06)
    tip = _ellipsoid(x, y + 0.20 * I.nose_l, z - 0.70 - 0.16 * I.nose_p, 0.095 * I.nose_w, 0.085, 0.10)
    wings = _ellipsoid(ax - 0.085 * I.nose_w, y + 0.235 * I.nose_l, z - 0.74, 0.065, 0.06, 0.09)
    skin = _smin(skin, _smin(bridge, _smin(tip, wings, 0.06), 0.10), 0.10)
    ear = _ellipsoid(ax - 0.80 * I.skull_w, y + 0.02, z + 0.12, 0.08, 0.20 * I.ear, 0.13 * I.ear)
    skin = _smin(skin, ear, 0.06)
    neck = _capsule(bx, by, bz, (0.0, PIVOT[1] - 0.15, PIVOT[2]), (0.0, -1.75, -0.35), 0.31 * I.neck_w)
    skin = _smin(skin, neck, 0.12)

    wave = I.curl * torch.sin(13 * x + 2) * torch.sin(13 * y) * torch.sin(13 * z + 1)
    th = I.hair_t + 0.5 * I.curl
    cap = _ellipsoid(x, y - 0.27, z + 0.15, 0.78 * I.skull_w + th, 0.80 * I.skull_h + 1.2 * th, 0.88 + th)
    line = 0.80 * (y - 0.66 + I.fringe - 0.70 * (z - 0.70) + I.part * x * 0.8 + 0.55 * x * x)
    hair = _smax(cap, -line, 0.22)
    back = _ellipsoid(x, y + 0.50 * I.long_l, z + 0.36, 0.86 * I.skull_w, 1.25 * I.long_l, 0.52)
    hair = _smin(hair, _smax(back, z + 0.22 - 0.25 * ax, 0.12) + 9 * (1 - I.long), 0.15)
    side = _ellipsoid(ax - 0.72 * I.skull_w, y + 0.12, z + 0.12, 0.20, 0.72, 0.42)
    hair = _smin(hair, side + 9 * (1 - I.bob), 0.2)
    bun = _ellipsoid(x, y - 1.10 * I.skull_h, z + 0.35, 0.34, 0.30, 0.34)
    hair = _smin(hair, bun + 9 * (1 - I.bun), 0.06)
    hair = hair + wave + 9 * (1 - I.hair)

    cloth = _ellipsoid(bx, by + 2.32, bz + 0.35, 1.42 * I.shoulder, 0.86, 0.72)
    collar = torch.sqrt(bx * bx + (bz + 0.33) ** 2 + 1e-9) - 0.40 * I.neck_w
    collar = _smax(collar, (by + 1.55).abs() - 0.12, 0.06)
    cloth = _smin(cloth, collar, 0.12)

    arm = _capsule(ax, y, z, (0.31 * I.eye_d + 0.22, EYE_Y + 0.06, 0.80), (0.82 * I.skull_w, 0.10, 0.0), 0.022)
    frame = arm + 9 * (1 - I.glasses)
    return skin, hair, cloth, frame


def _nearest(x, y, z, bx, by, bz, I, M):
    a, b, c, d = _field(x, y, z, bx, by, bz, I, M)
    return torch.minimum(torch.minimum(a, b), torch.minimum(c, d))


# --- tracing and painting ------------------------------------------------------------------------------------------

VIEW, FRONT, BACK, STEPS = 1.60, 1.55, -2.5, 26  # half width of the picture, where rays start and end, sphere-tracing steps
LIFT = 0.08                           # of the head above the middle of the picture
Camera = namedtuple("Camera", "ox oy oz dx dy dz bx by inv")


def _rotation(M):
    """cos and sin of yaw, pitch and roll."""
    return torch.cos(M.yaw), torch.sin(M.yaw), torch.cos(M.pitch), torch.sin(M.pitch), torch.cos(M.roll), torch.sin(M.roll)


def _camera(u, v, M):
    """Rays of picture points u, v in [-1, 1] (right, up) as lines in head coordinates: o + z d, with z the world depth over scale."""
    s = torch.exp(M.zoom)
    px, py = (u * VIEW - M.x) / s, (v * VIEW - M.y - LIFT) / s
    cy, sy, cp, sp, cr, sr = _rotation(M)

    def turn(x, y, z):  # inverse of Rz(roll) Ry(yaw) Rx(pitch)
        x, y = cr * x + sr * y, cr * y - sr * x
        x, z = cy * x - sy * z, sy * x + cy * z
        y, z = cp * y + sp * z, cp * z - sp * y
        return x, y, z

    ox, oy, oz = turn(px - PIVOT[0], py - PIVOT[1], torch.full_like(px, -PIVOT[2]))
    dx, dy, dz = turn(torch.zeros_like(cy), torch.zeros_like(cy), torch.ones_like(cy))
    return Camera(ox + PIVOT[0], oy + PIVOT[1], oz + PIVOT[2], dx, dy, dz, px, py, 1 / s)


def _at(C, z):
    return C.ox + C.dx * z, C.oy + C.dy * z, C.oz + C.dz * z, C.bx, C.by, z


def _step(z, C, I, M):
    return torch.clamp(z - _nearest(*_at(C, z), I, M), min=BACK)


def _band(d, w):
    """1 inside (d < 0), 0 outside, softened over w."""
    return (0.5 - d / w).clamp(0, 1)


def _mixc(a, b, k):
    return tuple(p + (q - p) * k for p, q in zip(a, b))


def _probe(z, k, wx, wy, wz, C, I, M):
    """Distance at the hit point moved by k along the world direction w (body and camera axes are the world's)."""
    cy, sy, cp, sp, cr, sr = _rotation(M)
    a, b = k * wx, k * wy
    z = z + k * wz
    x = C.ox + C.dx * z + a * (cr * cy) + b * (sr * cy)               # head coordinates of the world's x and y axes
    y = C.oy + C.dy * z + a * (cr * sy * sp - sr * cp) + b * (cr * cp + sr * sy * sp)
    h = C.oz + C.dz * z + a * (sr * sp + cr * sy * cp) + b * (sr * sy * cp - cr * sp)
    return _nearest(x, y, h, C.bx + a, C.by + b, z, I, M)


def _surroundings(z, C, I, M):
    """Normal, ambient occlusion and shadow at the hit depth z."""
    one, nil, e = torch.ones_like(z), torch.zeros_like(z), torch.full_like(z, 0.012)
    base = _probe(z, nil, nil, nil, nil, C, I, M)
    nx, ny, nz = _probe(z, e, one, nil, nil, C, I, M) - base, _probe(z, e, nil, one, nil, C, I, M) - base, _probe(z, e, nil, nil, one, C, I, M) - base
    n = _length(nx, ny, nz)
    nx, ny, nz = nx / n, ny / n, nz / n
    wide_, tight = _probe(z, one * 0.35, nx, ny, nz, C, I, M) / 0.35, _probe(z, one * 0.12, nx, ny, nz, C, I, M) / 0.12
    ao = 0.35 + 0.40 * tight.clamp(0, 1) + 0.25 * wide_.clamp(0, 1)
    lx, ly, lz = (one * k for k in _light(I))
    shadow, k = one, one * 0.06
    for _ in range(7):
        d = _probe(z, k, lx, ly, lz, C, I, M)
        shadow = torch.minimum(shadow, (0.5 + 5 * d / k).clamp(0, 1))
        k = k + d.clamp(0.05, 0.35)
    return nx, ny, nz, ao, shadow


def _light(I):
    n = _length(I.light_x, I.light_y, torch.full_like(I.light_x, 0.75))
    return I.light_x / n, I.light_y / n, 0.75 / n


def _paint(z, nx, ny, nz, ao, shadow, u, v, C, I, M):
    """Colours at the hit depth z: (r, g, b, importance, depth)."""
    q = _at(C, z)
    x, y, h = q[0], q[1], q[2]
    skin, hair, cloth, frame = _field(*q, I, M)
    near = torch.minimum(torch.minimum(skin, hair), torch.minimum(cloth, frame))
    hit = (near < 0.02).to(z.dtype)
    lx, ly, lz = _light(I)

    # --- skin and what is painted on it
    face = (h > 0).to(z.dtype)
    col = (I.skin_r, I.skin_g, I.skin_b)
    col = tuple(c + torch.zeros_like(x) for c in col)
    sx = torch.where(x < 0, -1.0, 1.0)
    ax = x.abs()
    blush = torch.exp(-((ax - 0.42) ** 2 + (y + 0.22) ** 2) * 14) + 0.7 * torch.exp(-(x * x + (y + 0.2 * I.nose_l) ** 2) * 40)
    col = _mixc(col, (col[0] * 1.02, col[1] * 0.72, col[2] * 0.68), 0.45 * blush * face)
    my = I.mouth_y + MOUTH_Y
    # beard: below a line from the ears past the mouth; moustache
    chinline = y - my - 0.02 - 0.55 * (ax - 0.16).clamp(min=0)
    beard = _band(chinline, 0.12) * _band(-(y + 1.25), 0.1) * _band(-h - 0.05, 0.15) * I.beard
    tache = _band(((x / (0.24 * I.mouth_w)) ** 2 + ((y - my - 0.12 + 0.35 * x * x) / 0.055) ** 2).sqrt() - 1, 0.5) * I.moustache * face
    hairc = (I.hair_r, I.hair_g, I.hair_b)
    grain = 0.85 + 0.15 * torch.sin(37 * x + 5 * y) * torch.sin(29 * y + 11 * h)
    col = _mixc(col, tuple(c * grain for c in hairc), (0.92 * torch.maximum(beard, tache)).clamp(0, 1))
    # lips and mouth
    half = 0.225 * I.mouth_w * (1 + 0.22 * M.wide - 0.06 * M.open)
    gap = 0.125 * M.open * (1 - 0.12 * M.wide)
    t = x / half
    arc = (1 - t * t)
    bend = my + (0.07 * M.wide + 0.022) * (t * t - 0.45)                      # the corners rise in a smile
    bow = 1 - 0.22 * torch.exp(-(t * 4.5) ** 2)                     # cupid's bow
    env = torch.sqrt(arc.clamp(min=0) + 1e-4)
    upper = bend + gap * 0.35 * env + 0.058 * I.lip_t * env * bow
    lower = bend - gap * env - 0.075 * I.lip_t * env
    inu, inl = bend + gap * 0.35 * env, bend - gap * env
    w = 0.02
    lips = _band(y - upper, w) * _band(lower - y, w) * _band(-arc, 0.12) * face
    lipc = (col[0] * (0.86 + 0.05 * I.lip), col[1] * (0.60 - 0.28 * I.lip), col[2] * (0.60 - 0.22 * I.lip))
    col = _mixc(col, lipc, lips)
    mouth = _band(y - inu, w) * _band(inl - y, w) * _band(-arc, 0.12) * face * (M.open / 0.06).clamp(0, 1)
    seam = _band((y - bend).abs() - 0.006, 0.022) * _band(-arc, 0.12) * face * (1 - mouth)
    col = _mixc(col, (lipc[0] * 0.35, lipc[1] * 0.3, lipc[2] * 0.3), 0.9 * seam)
    teeth = _band(inu - 0.048 - y, w) * _band(-(arc - 0.25), 0.2)
    tongue = torch.exp(-((x / (0.6 * half)) ** 2 + ((y - inl - 0.02) / 0.05) ** 2))
    cave = _mixc(_mixc((0.05, 0.012, 0.012), (0.40, 0.10, 0.10), tongue), (0.86, 0.84, 0.78), teeth)
    col = _mixc(col, cave, mouth)
    # brows
    tb = (ax - EYE_X * I.eye_d) / 0.20
    by0 = EYE_Y + 0.245 + I.brow_y + 0.075 * M.brow - 0.045 * M.frown * (0.4 - tb) + 0.045 * I.brow_arch * (1 - tb * tb) - 0.03 * tb
    brow = _band((y - by0).abs() - 0.030 * I.brow_t * (1 - 0.35 * tb), 0.03) * _band(tb.abs() - 0.95, 0.2) * face
    browc = tuple(0.75 * c + 0.01 for c in hairc)
    col = _mixc(col, browc, 0.92 * brow)
    # eyes: an almond window; the lids close it from above
    exl = (ax - EYE_X * I.eye_d)
    eyl = y - EYE_Y - I.eye_y - I.eye_tilt * exl
    wd, ht = 0.172 * I.eye_s, 0.112 * I.eye_s
    te = exl / wd
    win = (1 - te * te)
    blink = torch.where(x < 0, M.blink_l + 0 * x, M.blink_r + 0 * x)
    wide_open = 1 + 0.12 * M.brow - 0.10 * M.wide.clamp(min=0)
    topl = ht * win.clamp(min=-1) * (wide_open * (1 - blink) - 0.62 * blink)
    botl = -0.62 * ht * win.clamp(min=-1)
    eye = _band(eyl - topl, w) * _band(botl - eyl, w) * _band(te.abs() - 1, 0.1) * face
    gxo, gyo = 0.062 * M.gaze_x * I.eye_s, 0.036 * M.gaze_y * I.eye_s
    ix = exl * sx - gxo                                             # iris centre moves the same way in both eyes
    iy = y - EYE_Y - I.eye_y - 0.008 - gyo
    ri = torch.sqrt(ix * ix + iy * iy + 1e-9)
    ir = 0.088 * I.eye_s
    white = (0.90 - 0.25 * (te * te), 0.89 - 0.27 * (te * te), 0.88 - 0.27 * (te * te))
    rim = (1 - 0.75 * (ri / ir - 0.72).clamp(0, 0.28) / 0.28)
    ring = tuple(c * rim * (0.75 + 0.6 * (0.5 - iy / ir * 0.5)) for c in (I.iris_r, I.iris_g, I.iris_b))
    eyec = _mixc(white, ring, _band(ri - ir, w))
    eyec = _mixc(eyec, (0.012, 0.012, 0.015), _band(ri - 0.45 * ir, w))
    lidshade = 1 - 0.45 * torch.exp(-((topl - eyl) / 0.035).clamp(min=0))
    eyec = tuple(c * lidshade for c in eyec)
    glint = _band(torch.sqrt((ix + 0.025 * I.eye_s) ** 2 + (iy - 0.028 * I.eye_s) ** 2 + 1e-9) - 0.020, w) * eye
    lash = _band((eyl - topl).abs() - 0.014, 0.02) * _band(te.abs() - 1.06, 0.1) * face
    crease = _band((eyl - ht * win.clamp(min=-1) * 1.0 - 0.055).abs() - 0.004, 0.025) * _band(te.abs() - 0.95, 0.2) * face * (1 - blink)
    col = _mixc(col, tuple(c * 0.55 for c in col), 0.55 * crease)
    col = _mixc(col, eyec, eye)
    col = _mixc(col, (0.03, 0.02, 0.02), 0.9 * lash)
    nostril = torch.exp(-(((ax - 0.055 * I.nose_w) / 0.030) ** 2 + ((y + 0.275 * I.nose_l) / 0.018) ** 2)) * face
    col = _mixc(col, tuple(c * 0.25 for c in col), 0.75 * nostril)
    importance = (0.67 * torch.ones_like(x)) * torch.where(C.by > -1.15, 1.0, 0.5)
    near_eye = torch.exp(-((exl / 0.24) ** 2 + ((y - EYE_Y - I.eye_y - 0.06) / 0.24) ** 2) ** 2)
    near_mouth = torch.exp(-((x / 0.36) ** 2 + ((y - my + 0.06 * M.open) / 0.24) ** 2) ** 2)
    importance = importance + 0.33 * torch.maximum(near_eye, near_mouth) * face

    # --- hair, cloth, frame
    around = torch.atan2(x + 0.15 * I.part, y + 0.9)
    strand = 0.45 * torch.sin(31 * around + 7 * h + 3 * y) + 0.35 * torch.sin(67 * around - 9 * h) + 0.2 * torch.sin(113 * around + 5 * y)
    hb = (0.90 + 0.16 * strand)
    sheen = torch.exp(-((y - 0.55 + 0.35 * nx * nx - 0.25 * ly) / 0.16) ** 2) * (0.6 + 0.4 * strand)
    hc = tuple(c * hb + 0.16 * sheen * (0.25 + c) for c in hairc)
    line = torch.sin(9.5 * C.by)
    pat = I.stripes * _band(line, 0.6)
    cc = _mixc((I.cloth_r, I.cloth_g, I.cloth_b), (I.trim_r, I.trim_g, I.trim_b), torch.maximum(pat, _band(-(C.by + 1.62), 0.03)))
    is_hair = (hair <= near + 1e-4).to(z.dtype)
    is_cloth = (cloth <= near + 1e-4).to(z.dtype)
    is_frame = (frame <= near + 1e-4).to(z.dtype)
    col = _mixc(col, hc, is_hair)
    col = _mixc(col, cc, is_cloth)
    col = _mixc(col, (I.frame_r, I.frame_g, I.frame_b), is_frame)
    importance = importance * (1 - 0.5 * torch.maximum(is_hair, is_cloth))

    # --- light: a warm or cool key, sky and ground, a rim from behind, a soft highlight
    is_skin = (1 - is_hair) * (1 - is_cloth) * (1 - is_frame)
    diff = nx * lx + ny * ly + nz * lz
    lit = ((diff + 0.25) / 1.25).clamp(min=0) * (0.25 + 0.75 * shadow)
    warm = (1.0 + 0.10 * I.light_w, torch.ones_like(I.light_w), 1.0 - 0.12 * I.light_w)
    hx, hy, hz = lx, ly, lz + 1
    hn = _length(hx, hy, hz)
    spec = ((nx * hx + ny * hy + nz * hz) / hn).clamp(min=0)
    gloss = (0.14 * spec ** 18 + 0.05 * spec ** 5) * shadow * (is_skin * (1 - 0.8 * mouth) + 0.5 * is_hair + 0.2 * is_cloth)
    rimlight = (1 - nz).clamp(0, 1) ** 3 * (0.5 - 0.5 * nx * torch.sign(lx)) * 0.30 * ao
    sky = I.ambient * (0.75 + 0.25 * ny) * ao
    soft = (0.06 * is_skin * (1 - (diff * 2.5).abs()).clamp(min=0), 0.0, 0.0)  # red bleeding at the terminator
    rgb = []
    for k in range(3):
        c = col[k] * (sky * (1.05 - 0.05 * warm[k]) + 0.95 * lit * warm[k] + rimlight + (soft[k] if k == 0 else 0)) + gloss * warm[k]
        rgb.append(c)
    eye_glint = glint * is_skin
    rgb = [c + 0.85 * eye_glint for c in rgb]

    # --- background: a wall with a soft gradient and a spot of light
    g = (0.5 + 0.5 * (u * torch.cos(I.bg_angle) + v * torch.sin(I.bg_angle))).clamp(0, 1)
    spot = torch.exp(-((u - 0.5 * torch.sin(3 * I.bg_angle)) ** 2 + (v - 0.25) ** 2) * 1.6) * I.bg_spot
    vig = 1 - 0.16 * (u * u + v * v)
    bg = [(a + (b - a) * g) * (0.75 + 0.35 * spot) * vig for a, b in
          ((I.bga_r, I.bgb_r), (I.bga_g, I.bgb_g), (I.bga_b, I.bgb_b))]
    rgb = [b + (c - b) * hit for b, c in zip(bg, rgb)]
    importance = importance * hit

    # --- the glasses' front: a plane across the ray in head coordinates
    gz0 = 0.885
    tz = (gz0 - C.oz) / C.dz
    px, py = C.ox + C.dx * tz, C.oy + C.dy * tz
    vis = (tz > z - 0.02).to(z.dtype) * I.glasses
    gx0, gy0 = (px.abs() - 0.335 * I.eye_d) / (0.225 * I.glass_r), (py - EYE_Y + 0.01) / (0.195 * I.glass_r)
    round_ = torch.sqrt(gx0 * gx0 + gy0 * gy0 + 1e-9)
    box = (gx0 ** 4 + gy0 ** 4 + 1e-9) ** 0.25
    rr = (round_ + (box - round_) * I.glass_sq - 1) * 0.21
    bridge = torch.maximum((py - EYE_Y - 0.03 + 0.25 * px * px).abs() - 0.016, px.abs() - 0.16)
    rimf = torch.maximum(_band(rr.abs() - 0.016, 0.02), _band(bridge, 0.02) * (rr > 0).to(z.dtype)) * vis
    lens = _band(rr, 0.02) * vis
    streak = _band((gx0 + 0.6 * gy0 - 0.35).abs() - 0.13, 0.2)
    rgb = [c + lens * (0.02 + 0.055 * streak) for c in rgb]
    fc = (I.frame_r, I.frame_g, I.frame_b)
    rgb = [c + (f * 0.75 + 0.03 - c) * rimf for c, f in zip(rgb, fc)]
    importance = torch.maximum(importance, 0.67 * rimf)
    rgb = [c.clamp(0, 4) for c in rgb]
    rgb = [(c * (1 + 0.12 * c) / (1 + 0.35 * c) * 1.12).clamp(1e-5, 1) ** (1 / 2.2) for c in rgb]
    return rgb[0], rgb[1], rgb[2], importance, (z - BACK) / (FRONT - BACK)


def render(person, pose, size=128, samples=2):
    """[n, len(IDENTITY)], [n, len(MOTION)] -> [n, 5, size, size] in 0..1; samples x samples rays a pixel."""
    n, s = person.shape[0], size * samples
    c = (torch.arange(s, device=person.device, dtype=torch.float32) + 0.5) / s * 2 - 1
    u, v = c.repeat(s)[None], (-c).repeat_interleave(s)[None]
    I = Person(*[p[:, None] for p in person.unbind(1)])
    M = Pose(*[p[:, None] for p in pose.unbind(1)])
    C = _camera(u, v, M)
    C = Camera(*[k.contiguous() for k in C])
    z = torch.full((n, s * s), FRONT, device=person.device)
    for _ in range(STEPS):
        z = _step(z, C, I, M)
    out = torch.stack(_paint(z, *_surroundings(z, C, I, M), u, v, C, I, M), 1)
    return out.view(n, 5, size, samples, size, samples).mean((3, 5))


def _surface(depth, pose):
    """What a picture shows, at each pixel: head coordinates, body coordinates x and y, and whether it is the rigid head or the body (the neck
    between them bends, the background is nobody's). [n, S, S] and [n, len(MOTION)] -> [n, S * S] each."""
    size = depth.shape[2]
    c = (torch.arange(size, device=depth.device, dtype=depth.dtype) + 0.5) / size * 2 - 1
    u, v = c.repeat(size)[None], (-c).repeat_interleave(size)[None]
    d = depth.flatten(1)
    x, y, z, bx, by, _ = _at(_camera(u, v, Pose(*[p[:, None] for p in pose.unbind(1)])), d * (FRONT - BACK) + BACK)
    head = (y > -0.95) & (d > 0.15)
    return x, y, z, bx, by, head, (by < -1.25) & (d > 0.15) & ~head


def correspondence(depth, target, source):
    """depth [n, S, S] of pictures with poses `target` [n, len(MOTION)] -> where each surface point lies under the poses `source`
    (x right, y down, in [-1, 1] over the picture: [n, 2, S, S]) and whether it is known: rigid head or body, not background."""
    n, size = depth.shape[0], depth.shape[2]
    x, y, z, bx, by, head, body = _surface(depth, target)
    M = Pose(*[p[:, None] for p in source.unbind(1)])
    x, y, z = x - PIVOT[0], y - PIVOT[1], z - PIVOT[2]
    cy, sy, cp, sp, cr, sr = _rotation(M)
    y, z = cp * y - sp * z, cp * z + sp * y
    x, z = cy * x + sy * z, cy * z - sy * x
    x, y = cr * x - sr * y, cr * y + sr * x
    x, y = torch.where(head, x + PIVOT[0], bx), torch.where(head, y + PIVOT[1], by)
    s = torch.exp(M.zoom)
    out = torch.stack([(x * s + M.x) / VIEW, -(y * s + M.y + LIFT) / VIEW], 1)
    return out.view(n, 2, size, size), (head | body).to(depth.dtype).view(n, 1, size, size)


HEAD, BODY = 1, 2                     # numbers of the parts that move as one; 0 is what does not


def surfaces(depth, pose):
    """What `correspondence` knows, as it is kept for any pair of pictures of a person: of pictures with poses `pose` [n, len(MOTION)] and depths
    [n, S, S] the part that each pixel shows, uint8 [n, S, S], and where parts are, float64 [n, 2, 4, 4]: matrices that take a part's own
    coordinates (x, y, z, 1) to the picture's (x right, y down, depth, 1). A target's point is in its source's picture where
    M_source inverse(M_target) takes it."""
    *_, head, body = _surface(depth, pose)
    parts = (HEAD * head + BODY * body).to(torch.uint8).view(depth.shape)
    M = Pose(*pose.double().unbind(1))
    cy, sy, cp, sp, cr, sr = _rotation(M)
    nil, one, s = torch.zeros_like(cy), torch.ones_like(cy), torch.exp(M.zoom)

    def matrix(*rows):
        return torch.stack([k for row in rows for k in row], 1).view(-1, 4, 4)

    def turned(*rows):
        """Rotation about the pivot."""
        R = matrix(*rows)
        pivot = torch.tensor(PIVOT, dtype=torch.float64, device=depth.device)
        R[:, :3, 3] = pivot - R[:, :3, :3] @ pivot
        return R

    pitch = turned((one, nil, nil, nil), (nil, cp, -sp, nil), (nil, sp, cp, nil), (nil, nil, nil, one))
    yaw = turned((cy, nil, sy, nil), (nil, one, nil, nil), (-sy, nil, cy, nil), (nil, nil, nil, one))
    roll = turned((cr, -sr, nil, nil), (sr, cr, nil, nil), (nil, nil, one, nil), (nil, nil, nil, one))
    camera = matrix((s / VIEW, nil, nil, M.x / VIEW), (nil, -s / VIEW, nil, -(M.y + LIFT) / VIEW),
                    (nil, nil, one / (FRONT - BACK), -BACK * one / (FRONT - BACK)), (nil, nil, nil, one))
    return parts, torch.stack([camera @ roll @ yaw @ pitch, camera], 1)


if __name__ == "__main__":
    import people

    torch.set_num_threads(1)
    i = torch.arange(8)
    target, source = people.wide(i).double(), people.wide(i + 8).double()
    depth = (render(people.identity(i), people.wide(i), 64, 1)[:, 4] * 255).round().double() / 255
    place, known = correspondence(depth, target, source)
    (parts, to), (_, moved) = surfaces(depth, target), surfaces(depth, source)
    c = (torch.arange(64, dtype=torch.float64) + 0.5) / 32 - 1
    points = torch.stack([c.expand(8, 64, 64), c[:, None].expand(8, 64, 64), depth, torch.ones_like(depth)], 3)
    moves = (moved @ torch.linalg.inv(to))[torch.arange(8)[:, None, None], (parts.long() - 1).clamp(min=0)]
    X, Y, _, W = (moves @ points[..., None])[..., 0].unbind(3)
    far = ((torch.stack([X / W, Y / W], 1) - place).abs() * known).max()
    print(f"places by matrices and by correspondence differ by {float(far):.1e} at most; known {float(known.mean()):.3f} of the pixels, "
          f"head {float((parts == HEAD).float().mean()):.3f}, body {float((parts == BODY).float().mean()):.3f}, "
          f"known differs in {int(((parts > 0) != (known[:, 0] > 0)).sum())}")
