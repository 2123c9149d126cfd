using System.Runtime.CompilerServices;

namespace Lia.Network.Cpu;

// upfirdn with the separable kernel [1,3,3,1] x [1,3,3,1]; its 1/64 (or 4/64) is part of the epilogue's scale, a power of two.
// A row of output: the vertical sum of four input rows into scratch, with two zero pixels on the left and three on the right, then the
// horizontal sum. Rows outside the picture count as zero. Memory-bound: four reads (from L2) and one write per value.
internal sealed unsafe partial class CpuKernels<V>
{
    private const int BlurMargin = 2;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void BlurRow(in BlurArguments arguments, int row, float* scratch)
    {
        int n = V.Count, stride = arguments.Stride, length = arguments.InputWidth * stride, margin = BlurMargin * stride;
        int top = row * arguments.Step - arguments.Padding;
        float* sums = scratch + margin;
        float* r0 = Row(arguments, top, out V f0), r1 = Row(arguments, top + 1, out V f1);
        float* r2 = Row(arguments, top + 2, out V f2), r3 = Row(arguments, top + 3, out V f3);
        V three = V.Broadcast(3);
        f1 = V.Multiply(f1, three);
        f2 = V.Multiply(f2, three);
        for (int i = 0; i < margin; i += n) default(V).Store(scratch + i);
        for (int i = 0; i < length; i += n)
        {
            V outer = V.MultiplyAdd(f3, V.Load(r3 + i), V.Multiply(f0, V.Load(r0 + i)));
            V.MultiplyAdd(f2, V.Load(r2 + i), V.MultiplyAdd(f1, V.Load(r1 + i), outer)).Store(sums + i);
        }
        for (int i = 0; i < margin + stride; i += n) default(V).Store(sums + length + i);

        float* output = arguments.Output + row * arguments.OutputRowStep;
        for (int x = 0; x < arguments.Width; x++, output += stride)
        {
            float* tap = sums + (nint)(x * arguments.Step - arguments.Padding) * stride;
            for (int channel = 0; channel < stride; channel += n)
            {
                V outer = V.Add(V.Load(tap + channel), V.Load(tap + 3 * stride + channel));
                V inner = V.Add(V.Load(tap + stride + channel), V.Load(tap + 2 * stride + channel));
                Finish(arguments.Epilogue, V.MultiplyAdd(inner, three, outer), output + channel, channel);
            }
        }
    }

    /// <summary>A row and its factor; a row outside the picture is any row times zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Row(in BlurArguments arguments, int y, out V factor)
    {
        bool isInside = (uint)y < (uint)arguments.InputHeight;
        factor = V.Broadcast(isInside ? 1 : 0);
        return arguments.Input + (isInside ? y : 0) * arguments.InputRowStep;
    }
}
