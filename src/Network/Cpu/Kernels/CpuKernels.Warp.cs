using System.Runtime.CompilerServices;

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
            outputs[0] = V.Sum(sum0);
            outputs[1] = V.Sum(sum1);
            outputs[2] = V.Sum(sum2);
            outputs[3] = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void WarpRow(in WarpArguments arguments)
    {
        int stride = arguments.Stride;
        float* flow = arguments.Flow, x = arguments.X, warped = arguments.Warped, blended = arguments.Blended;
        for (int column = 0; column < arguments.Width; column++, flow += 4, x += stride, warped += stride, blended += stride)
        {
            float gridX = MathF.Tanh(flow[0]) + arguments.GridX[column], gridY = MathF.Tanh(flow[1]) + arguments.GridY;
            float mask = 1 / (1 + MathF.Exp(-flow[2]));
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

        float* Corner(int cornerRow, int cornerColumn, float weight, out V cornerFactor)
        {
            bool isInside = (uint)cornerRow < (uint)height && (uint)cornerColumn < (uint)width;
            cornerFactor = V.Broadcast(isInside ? weight * factor : 0);
            return isInside ? feature + cornerRow * rowStep + (nint)cornerColumn * stride : feature;
        }
    }
}
