"""The renderer's arithmetic as one C function a ray, traced from portrait.py, so that there is one description of a portrait.

portrait.py computes elementwise with torch functions. Here those functions run once on symbols that write C; the text is compiled
for the GPU (NVRTC) or, for checks and speed on the CPU, by the system's C compiler. `python3 fuse.py` compares the two.

    render(person, pose, size, samples)   as portrait.render
"""
import ctypes
import os
import subprocess
import tempfile

import torch

import people
import portrait


class Symbol:
    """A float of the generated program."""
    lines, count, dtype, device = [], 0, None, None

    def __init__(self, text):
        self.text = text

    @classmethod
    def emit(cls, expression):
        cls.count += 1
        cls.lines.append(f"float t{cls.count} = {expression};")
        return cls(f"t{cls.count}")

    def __add__(a, b): return Symbol.emit(f"{c(a)} + {c(b)}")
    def __radd__(a, b): return Symbol.emit(f"{c(b)} + {c(a)}")
    def __sub__(a, b): return Symbol.emit(f"{c(a)} - {c(b)}")
    def __rsub__(a, b): return Symbol.emit(f"{c(b)} - {c(a)}")
    def __mul__(a, b): return Symbol.emit(f"{c(a)} * {c(b)}")
    def __rmul__(a, b): return Symbol.emit(f"{c(b)} * {c(a)}")
    def __truediv__(a, b): return Symbol.emit(f"{c(a)} / {c(b)}")
    def __rtruediv__(a, b): return Symbol.emit(f"{c(b)} / {c(a)}")
    def __neg__(a): return Symbol.emit(f"-{c(a)}")
    def __lt__(a, b): return Symbol.emit(f"{c(a)} < {c(b)}")
    def __le__(a, b): return Symbol.emit(f"{c(a)} <= {c(b)}")
    def __gt__(a, b): return Symbol.emit(f"{c(a)} > {c(b)}")
    def abs(a): return Symbol.emit(f"fabsf({c(a)})")
    def sqrt(a): return Symbol.emit(f"sqrtf({c(a)})")
    def to(a, _): return a

    def __pow__(a, k):
        if isinstance(k, int):
            out = a if k == 1 else (a ** (k // 2)) * (a ** (k // 2))
            return out * a if k > 1 and k % 2 else out
        return Symbol.emit(f"powf({c(a)}, {c(k)})")

    def clamp(a, min=None, max=None):
        text = c(a)
        if min is not None:
            text = f"fmaxf({text}, {c(min)})"
        if max is not None:
            text = f"fminf({text}, {c(max)})"
        return Symbol.emit(text)


def c(x):
    return x.text if isinstance(x, Symbol) else f"{float(x)!r}f" if x >= 0 else f"({float(x)!r}f)"


class Functions:
    """What portrait.py uses of torch, on symbols."""
    sqrt = staticmethod(lambda a: Symbol.emit(f"sqrtf({c(a)})"))
    exp = staticmethod(lambda a: Symbol.emit(f"expf({c(a)})"))
    sin = staticmethod(lambda a: Symbol.emit(f"sinf({c(a)})"))
    cos = staticmethod(lambda a: Symbol.emit(f"cosf({c(a)})"))
    relu = staticmethod(lambda a: a.clamp(min=0))
    sign = staticmethod(lambda a: Symbol.emit(f"(float)({c(a)} > 0) - (float)({c(a)} < 0)"))
    atan2 = staticmethod(lambda a, b: Symbol.emit(f"atan2f({c(a)}, {c(b)})"))
    minimum = staticmethod(lambda a, b: Symbol.emit(f"fminf({c(a)}, {c(b)})"))
    maximum = staticmethod(lambda a, b: Symbol.emit(f"fmaxf({c(a)}, {c(b)})"))
    where = staticmethod(lambda k, a, b: Symbol.emit(f"{c(k)} != 0 ? {c(a)} : {c(b)}"))
    clamp = staticmethod(lambda a, min=None, max=None: a.clamp(min, max))
    full_like = staticmethod(lambda a, k: Symbol(c(k)))
    ones_like = staticmethod(lambda a: Symbol("1.0f"))
    zeros_like = staticmethod(lambda a: Symbol("0.0f"))


_NEAREST = "x y z bx by bz".split()


def program():
    """C text of `ray(u, v, I, M, out)`."""
    I = people.Person(*[Symbol(f"I[{k}]") for k in range(len(people.IDENTITY))])
    M = people.Pose(*[Symbol(f"M[{k}]") for k in range(len(people.MOTION))])
    saved = portrait.torch, portrait._nearest

    def trace(f):
        Symbol.lines = []
        out = f()
        return "\n    ".join(Symbol.lines), out

    try:
        portrait.torch = Functions
        text, out = trace(lambda: portrait._nearest(*map(Symbol, _NEAREST), I, M))
        result = [f"DEVICE float nearest({', '.join('float ' + k for k in _NEAREST)}, const float* I, const float* M)\n{{\n    {text}\n    return {c(out)};\n}}\n"]
        portrait._nearest = lambda *a: Symbol.emit(f"nearest({', '.join(c(k) for k in a[:6])}, I, M)")
        u, v, z = Symbol("u"), Symbol("v"), Symbol("z")
        view, C = trace(lambda: portrait._camera(u, v, M))
        step, after = trace(lambda: portrait._step(z, C, I, M))
        paint, rgb = trace(lambda: portrait._paint(z, *portrait._surroundings(z, C, I, M), u, v, C, I, M))
    finally:
        portrait.torch, portrait._nearest = saved
    stores = "\n    ".join(f"out[{k}] += {c(e)};" for k, e in enumerate(rgb))
    result.append(f"""DEVICE void ray(float u, float v, const float* I, const float* M, float* out)
{{
    {view}
    float z = {portrait.FRONT}f;
    for (int step = 0; step < {portrait.STEPS}; step++)
    {{
    {step}
    z = {c(after)};
    }}
    {paint}
    {stores}
}}

DEVICE void pixel(long k, const float* persons, const float* poses, float* out, int size, int samples)
{{
    long image = k / (size * size);
    int at = k % (size * size), row = at / size, column = at % size;
    float sum[5] = {{0, 0, 0, 0, 0}}, n = size * samples;
    for (int i = 0; i < samples; i++)
        for (int j = 0; j < samples; j++)
            ray((column * samples + j + 0.5f) / n * 2 - 1, -((row * samples + i + 0.5f) / n * 2 - 1),
                persons + image * {len(people.IDENTITY)}, poses + image * {len(people.MOTION)}, sum);
    for (int ch = 0; ch < 5; ch++)
        out[(image * 5 + ch) * size * size + at] = sum[ch] / (samples * samples);
}}
""")
    return "\n".join(result)


CPU = "#include <math.h>\n#define DEVICE static inline\n" + "{0}" + """
void draw(long count, const float* persons, const float* poses, float* out, int size, int samples)
{
    for (long k = 0; k < count; k++)
        pixel(k, persons, poses, out, size, samples);
}
"""
GPU = "#define DEVICE __device__ \n" + "{0}" + """
extern "C" __global__ void draw(long count, const float* persons, const float* poses, float* out, int size, int samples)
{
    long k = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (k < count)
        pixel(k, persons, poses, out, size, samples);
}
"""
_ready = {}


def _cpu():
    folder = tempfile.mkdtemp()
    with open(f"{folder}/ray.c", "w") as f:
        f.write(CPU.replace("{0}", program()))
    subprocess.run(["cc", "-O2", "-ffast-math", "-march=native", "-shared", "-fPIC", f"{folder}/ray.c", "-o", f"{folder}/ray.so", "-lm"], check=True)
    f = ctypes.CDLL(f"{folder}/ray.so").draw
    f.argtypes = [ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    return lambda n, a, b, o, size, samples: f(n, a.data_ptr(), b.data_ptr(), o.data_ptr(), size, samples)


def _gpu():
    import cupy
    f = cupy.RawKernel(GPU.replace("{0}", program()), "draw", options=("--use_fast_math",))

    def launch(n, a, b, o, size, samples):
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            f(((n + 127) // 128,), (128,), (n, a.data_ptr(), b.data_ptr(), o.data_ptr(), cupy.int32(size), cupy.int32(samples)))

    return launch


def render(person, pose, size=128, samples=2):
    """[n, len(IDENTITY)], [n, len(MOTION)] -> [n, 5, size, size] in 0..1; samples x samples rays a pixel."""
    person, pose = person.float().contiguous(), pose.float().contiguous()
    out = torch.empty(person.shape[0], 5, size, size, device=person.device)
    kind = person.device.type
    if kind not in _ready:
        _ready[kind] = _gpu() if kind == "cuda" else _cpu()
    _ready[kind](person.shape[0] * size * size, person, pose, out, size, samples)
    return out


if __name__ == "__main__":
    torch.set_num_threads(1)
    i = torch.arange(4)
    a, b = portrait.render(people.identity(i), people.wide(i), 64, 2), render(people.identity(i), people.wide(i), 64, 2)
    print(f"largest mean difference of a picture {float((a - b).abs().mean((1, 2, 3)).max()):.1e}, pixels off by more than 0.02: {float(((a - b).abs().amax(1) > 0.02).float().mean()):.1e}")
