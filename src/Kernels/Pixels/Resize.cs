using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Pixels;

/// <summary>What one pass of the resize is passed.</summary>
internal struct ResizeArguments
{
    /// <summary>Bytes [picture, outer, InputLength, inner].</summary>
    public ArrayView<byte> Input;

    /// <summary>Bytes [picture, outer, OutputLength, inner].</summary>
    public ArrayView<byte> Output;

    /// <summary>First tap, then number of taps, then the weights of each output (<see cref="ResizeAxis"/>).</summary>
    public ArrayView<int> Taps;

    public int Outer, InputLength, OutputLength, Inner, MostTaps;
}

/// <summary>
/// One pass of Pillow's default resize, bit for bit, on RGB bytes of one or many pictures:
/// y[.., x, ..] = clip((2^21 + sum over taps t of w[x, t] in[.., first(x) + t, ..]) >> 22).
/// A picture is [rows, columns x 3]: the horizontal pass sees [rows, columns, 3] and goes first, its bytes are what the vertical pass, which sees
/// [1, rows, columns x 3], reads. A thread makes one byte; neighbouring threads make neighbouring bytes. Bound by the taps' loads out of the cache; under 10 us
/// for a 512 picture.
/// </summary>
internal static class Resize
{
    public static KernelLaunch Prepare(KernelLoader loader, ResizeArguments arguments) => KernelLaunch.Create(
        loader, Run, KernelLaunch.Linear((long)arguments.Outer * arguments.OutputLength * arguments.Inner), arguments,
        bytes: (double)arguments.Outer * arguments.Inner * (arguments.InputLength + arguments.OutputLength));

    public static void Run(ResizeArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int rest = index / a.Inner;
        int outer = rest / a.OutputLength;
        if (outer < a.Outer)
        {
            int inner = index - rest * a.Inner, output = rest - outer * a.OutputLength;
            int first = a.Taps[output], count = a.Taps[a.OutputLength + output];
            int weights = 2 * a.OutputLength + output * a.MostTaps;
            int from = (outer * a.InputLength + first) * a.Inner + inner;
            int sum = 1 << (ResizeTaps.Bits - 1);
            for (int tap = 0; tap < count; tap++) sum += a.Input[from + tap * a.Inner] * a.Taps[weights + tap];
            a.Output[index] = (byte)IntrinsicMath.Clamp(sum >> ResizeTaps.Bits, 0, 255);
        }
    }
}

/// <summary>The taps of one axis on the device.</summary>
internal sealed class ResizeAxis : IDisposable
{
    private readonly MemoryBuffer1D<int, Stride1D.Dense> _taps;

    public ResizeAxis(KernelLoader loader, int inputs, int outputs)
    {
        ResizeTaps taps = new(inputs, outputs);
        (InputLength, OutputLength, MostTaps) = (inputs, outputs, taps.Most);
        _taps = loader.Allocate1D<int>([.. taps.First, .. taps.Count, .. taps.AllWeights]);
    }

    public int InputLength { get; }

    public int OutputLength { get; }

    public int MostTaps { get; }

    public ArrayView<int> Taps => _taps.View;

    public void Dispose() => _taps.Dispose();
}
