using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Training.Parameters;

/// <summary>A network's parameters on a device, with their gradients and Adam's moments, each one flat array.</summary>
internal sealed class ParameterBank : IDisposable
{
    private readonly List<MemoryBuffer1D<float, Stride1D.Dense>> _buffers = [];

    /// <param name="loader">The device.</param>
    /// <param name="layout">Where each parameter lies.</param>
    /// <param name="learns">Whether there are gradients and moments; else values alone.</param>
    /// <param name="averages">Whether a moving average of the values is kept.</param>
    /// <param name="hasMomentum">Whether Adam keeps a first moment.</param>
    public ParameterBank(
        KernelLoader loader, ParameterLayout layout, bool learns = true, bool averages = false, bool hasMomentum = false)
    {
        Layout = layout;
        try
        {
            Values = Allocate();
            if (learns) (Gradients, SecondMoments) = (Allocate(), Allocate());
            if (hasMomentum) FirstMoments = Allocate();
            if (averages) Averages = Allocate();
        }
        catch
        {
            Dispose();
            throw;
        }

        // Zeros, between the parameters too: there Adam moves nothing.
        ArrayView<float> Allocate()
        {
            _buffers.Add(loader.Allocate1D(new float[layout.Length]));
            return _buffers[^1].View;
        }
    }

    public ParameterLayout Layout { get; }

    public ArrayView<float> Values { get; }

    public ArrayView<float> Gradients { get; }

    /// <summary>Empty where there is no momentum.</summary>
    public ArrayView<float> FirstMoments { get; }

    public ArrayView<float> SecondMoments { get; }

    /// <summary>Empty where none are kept.</summary>
    public ArrayView<float> Averages { get; }

    /// <summary>A parameter's values.</summary>
    public ArrayView<float> Value(string name) => Part(Values, name);

    /// <summary>A parameter's gradient.</summary>
    public ArrayView<float> Gradient(string name) => Part(Gradients, name);

    /// <summary>A parameter's part of one of the arrays.</summary>
    public ArrayView<float> Part(ArrayView<float> all, string name) => all.SubView(Layout[name].Offset, Layout[name].Length);

    public void Dispose()
    {
        foreach (MemoryBuffer1D<float, Stride1D.Dense> buffer in _buffers) buffer.Dispose();
    }
}
