using Lia.Gpu;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Tests;

/// <summary>Device arrays of one test, released together.</summary>
internal sealed class DeviceScope(KernelLoader loader) : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public KernelLoader Accelerator => loader;

    public ArrayView<T> Upload<T>(T[] values) where T : unmanaged => Own(loader.Allocate1D(values)).View;

    public ArrayView<T> Allocate<T>(long length) where T : unmanaged => Own(loader.Allocate1D<T>(length)).View;

    public ArrayView<float> Upload(Tensor tensor) => Upload(tensor.ToNhwc());

    public T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }

    public void Run(params ReadOnlySpan<KernelLaunch> launches)
    {
        foreach (KernelLaunch launch in launches) launch.Enqueue(loader.Accelerator.DefaultStream);
    }

    public T[] Download<T>(ArrayView<T> view) where T : unmanaged
    {
        T[] values = new T[view.Length];
        view.CopyToCPU(loader.Accelerator.DefaultStream, values.AsSpan());
        return values;
    }

    public Tensor DownloadNhwc(ArrayView<float> view, int batch, int channels, int height, int width) =>
        Tensor.FromNhwc(Download(view), batch, channels, height, width);

    public void Dispose()
    {
        foreach (IDisposable resource in _owned) resource.Dispose();
    }
}
