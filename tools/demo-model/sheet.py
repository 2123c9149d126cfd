"""Contact sheets (PNG) and animated PNG."""
import struct
import zlib

import numpy as np


def _bytes(x):
    """[3, H, W] in 0..1 -> uint8 [H, W, 3]"""
    return (x[:3].detach().float().cpu().clamp(0, 1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _scanlines(a):
    """Zlib stream of the rows, each with the PNG filter (none, sub, up, average, Paeth) of smallest sum."""
    h, w, c = a.shape
    x = a.astype(np.int16)
    left = np.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :w]
    up = np.pad(x, ((1, 0), (0, 0), (0, 0)))[:h]
    corner = np.pad(x, ((1, 0), (1, 0), (0, 0)))[:h, :w]
    p = left + up - corner
    pa, pb, pc = abs(p - left), abs(p - up), abs(p - corner)
    paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, up, corner))
    tries = [((x - f) & 255).astype(np.uint8).reshape(h, -1) for f in (0, left, up, (left + up) // 2, paeth)]
    cost = np.stack([abs(t.astype(np.int8).astype(np.int32)).sum(1) for t in tries])
    best = cost.argmin(0)
    rows = np.concatenate([np.stack([np.concatenate([[np.uint8(best[y])], tries[best[y]][y]]) for y in range(h)])])
    return zlib.compress(rows.tobytes(), 9)


def save_png(a, path, delay=None):
    """uint8 [H, W, 3], or [n, H, W, 3] as an animation with delay (numerator, denominator) seconds a frame, looped."""
    frames = a if a.ndim == 4 else a[None]
    n, h, w, _ = frames.shape
    out = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0))]
    if n > 1:
        out.append(_chunk(b"acTL", struct.pack(">II", n, 0)))
    order = 0
    for k in range(n):
        if n > 1:
            out.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", order, w, h, 0, 0, *delay, 0, 0)))
            order += 1
        data = _scanlines(frames[k])
        if k == 0:
            out.append(_chunk(b"IDAT", data))
        else:
            out.append(_chunk(b"fdAT", struct.pack(">I", order) + data))
            order += 1
    out.append(_chunk(b"IEND", b""))
    with open(path, "wb") as f:
        f.write(b"".join(out))


def tile(pictures, columns):
    """[n, 3, H, W] in 0..1 -> uint8 picture of rows of `columns`."""
    a = [_bytes(p) for p in pictures]
    a += [np.zeros_like(a[0])] * (-len(a) % columns)
    return np.concatenate([np.concatenate(a[k:k + columns], 1) for k in range(0, len(a), columns)], 0)


def save(pictures, path, columns):
    save_png(tile(pictures, columns), path)


def save_animation(frames, path, fps):
    save_png(np.stack([_bytes(f) for f in frames]), path, (1, fps))
