"""Draws samples/: two source portraits, a driving clip and the true answer, of persons and a clip held out from training.

    python3 samples.py ../../samples ../../models/demo.safetensors [preview.png]

driving.png   48 frames (24 a second) of clip 204 by person 130, animated PNG
source.png    person 139, source2.png person 142, near-frontal
truth.png     every sixth frame (0, 6, ... 42) as the renderer draws it for source.png in relative mode, animated PNG at 4 a second
"""
import os
import sys

import torch

import evaluate
import lia
import people
import portrait
import sheet
import tensors

SOURCES, DRIVER, CLIP, FRAMES = (139, 142), 130, 204, 48

if __name__ == "__main__":
    torch.set_num_threads(1)
    one = lambda k: torch.tensor([k])
    draw = lambda who, poses: (evaluate.draw(people.identity(one(who)).expand(len(poses), -1), poses, samples=3)[:, :3] * 255).round() / 255
    clip = people.clip(one(CLIP), FRAMES)[0]
    driving, sources = draw(DRIVER, clip), [draw(k, people.neutral(one(k))) for k in SOURCES]
    truth = [draw(k, people.relative(people.neutral(one(k)), clip[::6], clip[:1])) for k in SOURCES]
    folder = sys.argv[1]
    for name, x in (("source", sources[0]), ("source2", sources[1])):
        sheet.save(x, f"{folder}/{name}.png", 1)
    sheet.save_animation(driving, f"{folder}/driving.png", 24)
    sheet.save_animation(truth[0], f"{folder}/truth.png", 4)
    P = {n: t.float() for n, t in tensors.load(sys.argv[2])[0].items()}
    with torch.no_grad():
        for x, t, who in zip(sources, truth, SOURCES):
            y = (lia.animate(P, x * 2 - 1, driving[::6] * 2 - 1, driving[:1] * 2 - 1).clamp(-1, 1) + 1) / 2
            whole = torch.ones_like(t[:, :1])
            print(f"person {who}: PSNR of frames 0, 6, ... 42 over the picture", " ".join(f"{v:.2f}" for v in evaluate.psnr(y, t, whole)),
                  "| still source", " ".join(f"{v:.2f}" for v in evaluate.psnr(x.expand_as(t), t, whole)))
            if len(sys.argv) > 3 and who == SOURCES[0]:
                sheet.save(torch.cat([driving[::6], y, t]), sys.argv[3], 8)
    for name in sorted(os.listdir(folder)):
        print(f"{name}: {os.path.getsize(f'{folder}/{name}')} bytes")
