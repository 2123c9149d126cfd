using Lia.Network.Cpu;
using Lia.Network.Verification;
using Lia.Weights;

namespace Lia.Network.Tests.Cpu;

/// <summary>
/// Runs one building block of the executor on the inputs of a reference file, sample by sample, and compares its outputs.
/// </summary>
internal sealed unsafe class OpRig : IDisposable
{
    public const double Tolerance = 1e-5;
    private readonly string _name;

    public OpRig(ITensorSource ops, string name, SimdLevel simd)
    {
        (Ops, _name) = (ops, name);
        Context = new(new() { Threads = 2, Simd = simd });
        Plan = new(Context);
        Builder = new(Context, ops, Plan);
    }

    public ITensorSource Ops { get; }

    public CpuContext Context { get; }

    public Plan Plan { get; }

    public PlanBuilder Builder { get; }

    /// <summary>Names of the parameters start with this.</summary>
    public string Parameters => $"{_name}.w.";

    public IReadOnlyList<int> Shape(string tensor) => Ops.Tensors[$"{_name}.{tensor}"].Shape;

    /// <summary>Sample <paramref name="index"/> of a tensor.</summary>
    public ReadOnlySpan<float> Sample(string tensor, int index)
    {
        float[] values = Ops.Read($"{_name}.{tensor}");
        int length = values.Length / Shape(tensor)[0];
        return values.AsSpan(index * length, length);
    }

    /// <summary>A map for a [batch, channels, height, width] tensor.</summary>
    public FeatureMap MapFor(string tensor, int border) =>
        Builder.Reserve(Shape(tensor)[2], Shape(tensor)[3], Shape(tensor)[1], border);

    /// <summary>A vector for a [batch, features] tensor.</summary>
    public float* VectorFor(string tensor) => Context.Vector(Shape(tensor)[1], 0);

    public static void Fill(FeatureMap map, ReadOnlySpan<float> planar)
    {
        new Span<float>(map.Memory, (int)map.Length).Clear();
        for (int c = 0, i = 0; c < map.Channels; c++)
        {
            for (int y = 0; y < map.Height; y++)
            {
                for (int x = 0; x < map.Width; x++) map.Pixel(y, x)[c] = planar[i++];
            }
        }
    }

    public static float[] Planar(FeatureMap map)
    {
        float[] values = new float[map.Channels * map.Height * map.Width];
        map.ToPlanar(values);
        return values;
    }

    public void AssertOutput(string tensor, int index, ReadOnlySpan<float> actual)
    {
        ReadOnlySpan<float> expected = Sample(tensor, index);
        Assert.Equal(expected.Length, actual.Length);
        foreach (float value in actual) Assert.True(float.IsFinite(value), $"{_name}.{tensor} has the value {value}");
        double error = GoldenVerification.RelativeError(actual, expected);
        Assert.True(error <= Tolerance, $"{_name}.{tensor}, sample {index}: relative error {error:E2}, limit {Tolerance:E0}");
    }

    public void Dispose() => Context.Dispose();
}
