using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

// Everything per pixel at the end of a level. A pixel's channels are contiguous, so a bilinear sample is four weighted vectors and a
// 1x1 convolution to three channels is three dot products. Memory-bound: x and four corners in, one blend out.
internal sealed unsafe partial class CpuKernels<V>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Project(float* pixels, int count, int stride, float* weights, float* outputs)
    {
        for (int x = 0; x < count; x++, pixels += stride, outputs += 4)
        {
            V sum0 = default, sum1 = default, sum2 = default;
            for (int channel = 0; channel < stride; channel += V.Count)
            {
                V value = V.Load(pixels + channel);
                sum0 = V.MultiplyAdd(value, V.Load(weights + channel), sum0);
                sum1 = V.MultiplyAdd(value, V.Load(weights + stride + channel), sum1);
                sum2 = V.MultiplyAdd(value, V.Load(weights + 2 * stride + channel), sum2);
            }
            Vector128.Create(Vector128.Sum(V.Fold(sum0)), Vector128.Sum(V.Fold(sum1)), Vector128.Sum(V.Fold(sum2)), 0).Store(outputs);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void WarpRow(in WarpArguments arguments)
    {
        int stride = arguments.Stride;
        float* flow = arguments.Flow, x = arguments.X, warped = arguments.Warped, blended = arguments.Blended;
        for (int column = 0; column < arguments.Width; column++, flow += 4, x += stride, warped += stride, blended += stride)
        {
            Vector128<float> moved = Squash(Vector128.Load(flow));
            float gridX = moved[0] + arguments.GridX[column], gridY = moved[1] + arguments.GridY, mask = moved[2];
            Sample(arguments.Feature, arguments.Height, arguments.Width, stride, arguments.FeatureRowStep,
                ToPixel(gridX, arguments.Width), ToPixel(gridY, arguments.Height), mask, warped);
            if (arguments.Blended == null) continue;
            V rest = V.Broadcast(1 - mask);
            for (int channel = 0; channel < stride; channel += V.Count)
            {
                V blend = V.MultiplyAdd(V.Load(x + channel), rest, V.Load(warped + channel));
                if (arguments.Post != null) blend = V.Multiply(blend, V.Load(arguments.Post + channel));
                blend.Store(blended + channel);
            }
        }
    }

    /// <summary>
    /// (tanh, tanh, sigmoid, 1/2) of four lanes, the fourth 0, by one exponential: tanh |x| = (1 - e) / (1 + e), e = exp(-2 |x|).
    /// </summary>
    /// <remarks>A small tanh has an absolute error of float32's at 1, which is what the grid it is added to has.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Squash(Vector128<float> o)
    {
        Vector128<float> isTanh = Vector128.Create(-1, -1, 0, 0).AsSingle(), one = Vector128.Create(1f);
        Vector128<float> e = Vector128.Exp(Vector128.ConditionalSelect(isTanh, -2 * Vector128.Abs(o), -o));
        return Vector128.ConditionalSelect(isTanh, Vector128.CopySign(one - e, o), one) / (one + e);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Sample(float* feature, int height, int width, int stride, nint rowStep, float x, float y, float factor,
        float* output)
    {
        // Far outside all corners are zero; clamping keeps the conversion to int defined.
        float left = MathF.Floor(Math.Clamp(x, -2, width + 1)), top = MathF.Floor(Math.Clamp(y, -2, height + 1));
        float right = x - left, down = y - top;
        int column = (int)left, row = (int)top;
        float* p00 = Corner(row, column, (1 - down) * (1 - right), out V f00), p01 = Corner(row, column + 1, (1 - down) * right, out V f01);
        float* p10 = Corner(row + 1, column, down * (1 - right), out V f10), p11 = Corner(row + 1, column + 1, down * right, out V f11);
        for (int channel = 0; channel < stride; channel += V.Count)
        {
            V upper = V.MultiplyAdd(f01, V.Load(p01 + channel), V.Multiply(f00, V.Load(p00 + channel)));
            V.MultiplyAdd(f11, V.Load(p11 + channel), V.MultiplyAdd(f10, V.Load(p10 + channel), upper)).Store(output + channel);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        float* Corner(int cornerRow, int cornerColumn, float weight, out V cornerFactor)
        {
            bool isInside = (uint)cornerRow < (uint)height && (uint)cornerColumn < (uint)width;
            cornerFactor = V.Broadcast(isInside ? weight * factor : 0);
            return isInside ? feature + cornerRow * rowStep + (nint)cornerColumn * stride : feature;
        }
    }
}
