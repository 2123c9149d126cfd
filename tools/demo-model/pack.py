"""Draws what the demonstration model learns from, into a pack that `lia train` learns from (docs/training.md, "The format of a pack").

    python3 pack.py --out drawn.liapack --groups 816 --rows 480000 --seed 1 [--mix 18,12,18] [--parts 12]

The people, motions and pictures are numbered from --seed, and the rows, `--rows` of them, drawn in batches of the mix, self, cross and relative
examples, as train.py says. A relative row has a start frame, the others have their source in its place. Weight maps are train.py's, each on
the scale of 8 bits. Labels are poses over their ranges, and surfaces depths in 8 bits with the rigid parts and matrices of portrait.py: what
the two helps know (`lia train --labels --surfaces`). Behind them come 48 relative rows of people and motions that are never trained
on: `lia train --held-out 48`.

Pictures are written as they are drawn, the pack appears when it is complete. Without a GPU it works too, slowly.
"""
import argparse
import concurrent.futures
import hashlib
import os
import queue
import random
import struct
import threading
import time

import numpy as np
import torch

import fuse
import people
import portrait
import train

HELD_GROUPS, HELD_ROWS = 4, 48
PICTURES = train.PEOPLE * train.MOTIONS      # of a group
LABELS, PARTS, PLANES = len(people.MOTION), 2, 6


class Pack:
    """A pack in the making: pictures are hashed and written by threads of their own; numbers of pictures wait for the end."""

    def __init__(self, path, side):
        self.path, self.side, self.pictures, self.numbers, self.failure = path, side, 0, [], None
        self.file, self.hash = open(path + ".part", "wb"), hashlib.sha256()
        self.file.write(bytes(64))
        self.waiting = queue.Queue(maxsize=4)
        self.writer = threading.Thread(target=self._write)
        self.writer.start()

    def _write(self):
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            while (block := self.waiting.get()) is not None:
                if self.failure is None:         # else: nothing is left waiting
                    hashed = beside.submit(self.hash.update, block)
                    try:
                        self.file.write(block)
                    except OSError as e:
                        self.failure = e
                    hashed.result()

    def add(self, pictures, numbers):
        """uint8 [n, side * side * PLANES]: RGB [side, side, 3], then [side, side] of weights, of depths and of part numbers; and float32
        [n, LABELS + 16 * PARTS]: labels, then a matrix of each part."""
        if self.failure:
            raise self.failure
        self.pictures += pictures.shape[0]
        self.numbers.append(np.ascontiguousarray(numbers, "<f4"))
        self.waiting.put(pictures)

    def close(self):
        self.waiting.put(None)
        self.writer.join()
        if self.failure:
            raise self.failure

    def complete(self, name, rows):
        """rows: [(source, driving, start, target)], numbers of pictures."""
        self.close()
        for numbers in self.numbers:
            self.hash.update(numbers)
            self.file.write(numbers)
        name = name.encode()
        index = struct.pack("<IIH", 1, self.pictures, len(name)) + name + self.hash.digest() + struct.pack("<I", len(rows))
        index += np.array(rows, "<u4").tobytes()
        start = self.file.tell()
        self.file.write(index)
        self.file.seek(0)
        self.file.write(struct.pack("<8sIIIIQQQII8x", b"LIAPACK\n", 2, self.side, PLANES, 0, self.pictures, start, len(index), LABELS, PARTS))
        self.file.close()
        os.replace(self.path + ".part", self.path)


def packed(group, poses, parts):
    """uint8 [PEOPLE, MOTIONS, 5, S, S] as drawn and poses [MOTIONS, len(MOTION)] -> uint8 [PICTURES, S * S * PLANES] and float32
    [PICTURES, LABELS + 16 * PARTS] as in a pack."""
    flat, poses = group.view(PICTURES, 5, *group.shape[3:]), poses.repeat(train.PEOPLE, 1)
    most = float(train.weights(torch.ones(()), parts))
    maps = (train.weights(flat[:, 3].float() / 255, parts) * (255 / most)).round().to(torch.uint8)
    shown, places = portrait.surfaces(flat[:, 4].float() / 255, poses)
    pictures = torch.cat([flat[:, :3].permute(0, 2, 3, 1).flatten(1), *(k.flatten(1) for k in (maps, flat[:, 4], shown))], 1)
    numbers = torch.cat([poses / people.RANGE.to(poses), places.flatten(1).float()], 1)
    return pictures.cpu().numpy(), numbers.cpu().numpy()


def rows(groups, count, shares, rng, first=0):
    """`count` rows, batch by batch; `first` is the number of the first group's first picture."""
    out = []
    while len(out) < count:
        batch = zip(*train.draw_indices(groups, shares, rng))
        for k, (source, driving, start, target) in enumerate(batch):
            start = start if k >= shares[0] + shares[1] else source
            out.append((first + source, first + driving, first + start, first + target))
    return out[:count]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--out", required=True)
    a.add_argument("--groups", type=int, default=816, help=f"groups of {train.PEOPLE} people and {PICTURES} pictures")
    a.add_argument("--rows", type=int, default=480_000, help="examples: batch times steps, for each to be seen once")
    a.add_argument("--mix", default="18,12,18", help="self, cross and relative examples of a batch")
    a.add_argument("--parts", type=float, default=12.0, help="extra weight of eyes and mouth")
    a.add_argument("--size", type=int, default=128)
    a.add_argument("--samples", type=int, default=2)
    a.add_argument("--chunk", type=int, default=128)
    a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    began, device = time.time(), "cuda" if torch.cuda.is_available() else "cpu"
    shares = [int(k) for k in a.mix.split(",")]
    held = rows(HELD_GROUPS, HELD_ROWS, (0, 0, HELD_ROWS), random.Random(7), a.groups * PICTURES)
    learned = rows(a.groups, a.rows, shares, random.Random(a.seed))
    first = (train.TRAINING + a.seed * 1_000_000) // 64
    group = torch.empty(train.PEOPLE, train.MOTIONS, 5, a.size, a.size, dtype=torch.uint8, device=device)
    draw = lambda who, how: train.draw_group(who, how, a.size, a.samples, device, a.chunk, group)
    try:
        draw(0, 0)
    except Exception as e:  # no compiler here: slower, not wrong
        print(f"drawing without fusion: {e}"[:400], flush=True)
        fuse.render = portrait.render
    pack = Pack(a.out, a.size)
    try:
        for start, groups in ((first * 64, a.groups), (0, HELD_GROUPS)):
            for g in range(groups):
                poses = draw(start + g * train.PEOPLE, start + g * train.QUADS)
                pack.add(*packed(group, poses, a.parts))
    except BaseException:
        pack.waiting.put(None)
        os.remove(a.out + ".part")
        raise
    pack.complete("drawn portraits", learned + held)
    print(f"{a.out}: {pack.pictures} pictures of {(a.groups + HELD_GROUPS) * train.PEOPLE} people, {len(learned)} rows and {len(held)} held out, "
          f"{os.path.getsize(a.out) / 1e9:.2f} GB in {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
