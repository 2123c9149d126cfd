"""Reading and writing safetensors files (8-byte header length, JSON header, raw little-endian data), without a package."""
import json
import struct

import numpy as np
import torch

_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U8": np.uint8}
_NAMES = {np.dtype(v): k for k, v in _TYPES.items()}


def load(path):
    """{name: tensor}, {metadata}"""
    with open(path, "rb") as f:
        blob = f.read()
    n = struct.unpack("<Q", blob[:8])[0]
    header = json.loads(blob[8:8 + n])
    meta = header.pop("__metadata__", {})
    out = {}
    for name, e in header.items():
        a, b = e["data_offsets"]
        out[name] = torch.from_numpy(np.frombuffer(blob[8 + n + a:8 + n + b], _TYPES[e["dtype"]]).reshape(e["shape"]).copy())
    return out, meta


def save(path, tensors, meta=None):
    """Writes {name: tensor} in the order given; the header is padded so that the data is 8-byte aligned."""
    header, parts, at = ({"__metadata__": {k: str(v) for k, v in meta.items()}} if meta else {}), [], 0
    for name, t in tensors.items():
        a = np.ascontiguousarray(t.detach().cpu().numpy())
        header[name] = {"dtype": _NAMES[a.dtype], "shape": list(t.shape), "data_offsets": [at, at + a.nbytes]}
        parts.append(a.tobytes())
        at += a.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + b"".join(parts))
