using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>
/// Batches through a <see cref="CudaExecutor"/>, two under way in each pipe:
/// <code>
///     upload stream     pixels k+1 up                                         (of the motion pipe)
///     compute stream    encoder k | decoder k-1 | encoder k+1 | ...           (the executor's)
///     download stream   pixels k-2 down                                       (of the picture pipe)
/// </code>
/// Copies are to and from page-locked memory, so that they run beside the kernels; events order the streams.
/// </summary>
internal abstract class CudaPixelPipe : IPixelPipe
{
    private const int MostUnderWay = 2;

    private readonly int _batch;
    private readonly bool _varies;
    private readonly List<CudaPixelBatch> _batches = [];
    private int _submitted, _received;
    private bool _isDisposed;

    /// <param name="executor">Runs the batches.</param>
    /// <param name="loader">Its device.</param>
    /// <param name="batch">Most pictures of a batch.</param>
    /// <param name="varies">Whether their number changes from one batch to the next.</param>
    /// <param name="vectorLength">Values of a motion code or a latent.</param>
    protected CudaPixelPipe(CudaExecutor executor, KernelLoader loader, int batch, bool varies, int vectorLength)
    {
        (Executor, Loader, _batch, _varies, VectorLength) = (executor, loader, batch, varies, vectorLength);
        try
        {
            Copies = loader.CreateStream();
            for (int i = 0; i < MostUnderWay; i++) _batches.Add(new(loader, batch, PictureLength, vectorLength));
        }
        catch (Exception e)
        {
            Dispose();
            if (e is AcceleratorException failure) throw loader.Explain(failure);
            throw;
        }
    }

    public int Depth => MostUnderWay;

    public int UnderWay => _submitted - _received;

    public PixelPipeTimes Times { get; private set; }

    protected CudaExecutor Executor { get; }

    protected KernelLoader Loader { get; }

    protected AcceleratorStream Compute => Executor.Stream;

    protected AcceleratorStream Copies { get; } = null!; // until the constructor has made it, which may fail

    protected int VectorLength { get; }

    protected int PictureLength => Executor.Architecture.PictureLength();

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        CudaExecutor.Release(() =>
        {
            Copies?.Synchronize();
            Compute.Synchronize();
            Copies?.Synchronize(); // which may have waited for the computation
        });
        CudaExecutor.Release(() =>
        {
            foreach (CudaPixelBatch batch in _batches) batch.Dispose();
            Copies?.Dispose();
        });
    }

    /// <summary>Where the next batch goes.</summary>
    protected CudaPixelBatch Next(int count)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (count < 1 || count > _batch) throw new ArgumentException($"A batch has 1 to {_batch} pictures, not {count}.", nameof(count));
        if (UnderWay == MostUnderWay) throw new InvalidOperationException($"{MostUnderWay} batches are under way; receive one first.");
        CudaPixelBatch batch = _batches[_submitted % MostUnderWay];
        batch.Count = count;
        return batch;
    }

    /// <summary>
    /// Frames that the plans of a batch have room for. That of the last, smaller batch of a clip is that of the others: nothing has to be
    /// made ready for it, and what a frame comes to depends on the pipe's batch alone, whichever device of a kind computes it.
    /// </summary>
    protected int Room(int count) => _varies ? CudaExecutor.PassSize(count) : Loader.IsStock ? count : _batch;

    /// <summary>The batch that <see cref="Next"/> gave is under way.</summary>
    protected void Submitted() => _submitted++;

    /// <summary>The batch to be received.</summary>
    protected CudaPixelBatch Oldest()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (UnderWay == 0) throw new InvalidOperationException("Nothing is under way.");
        return _batches[_received % MostUnderWay];
    }

    /// <summary>The batch that <see cref="Oldest"/> gave has been received.</summary>
    protected void Received(PixelPipeTimes times)
    {
        Times += times;
        _received++;
    }

    /// <summary>The first values of page-locked memory to the device, without waiting.</summary>
    protected void Up<T>(AcceleratorStream stream, PageLockedMemory<T> source, ArrayView<T> target, int length) where T : unmanaged
    {
        // OpenCL does not take the memory for a buffer
        if (Loader.IsStock) target.SubView(0, length).CopyFromCPU(stream, (ReadOnlySpan<T>)source.Span[..length]);
        else target.SubView(0, length).CopyFrom(stream, source.View.SubView(0, length));
    }

    /// <summary>The first values of a view to page-locked memory, without waiting.</summary>
    protected void Down<T>(AcceleratorStream stream, ArrayView<T> source, PageLockedMemory<T> target, int length) where T : unmanaged
    {
        if (Loader.IsStock) source.SubView(0, length).CopyToCPU(stream, target.Span[..length]);
        else source.SubView(0, length).CopyTo(stream, target.View.SubView(0, length));
    }

    /// <exception cref="ArgumentException">A picture has another length.</exception>
    protected void CheckPictures(ReadOnlySpan<byte[]> pictures)
    {
        foreach (byte[] picture in pictures) ExecutorArguments.CheckPicture(Executor.Architecture, picture.Length, nameof(pictures));
    }
}

/// <summary>From driving pictures to motion codes.</summary>
internal sealed class CudaMotionPipe(CudaExecutor executor, KernelLoader loader, int batch, bool varies)
    : CudaPixelPipe(executor, loader, batch, varies, executor.Architecture.Motion), IMotionPipe
{
    public void Submit(ReadOnlySpan<byte[]> pictures)
    {
        CheckPictures(pictures);
        int count = pictures.Length;
        CudaPixelBatch batch = Next(count);
        for (int i = 0; i < count; i++) pictures[i].CopyTo(batch.HostPixels.Span[(i * PictureLength)..]);
        try
        {
            Loader.Record(Copies, batch.CopyStart);
            Up(Copies, batch.HostPixels, batch.Pixels.View, count * PictureLength);
            Loader.Record(Copies, batch.Copied);
            Loader.Wait(Compute, batch.Copied);
            Loader.Record(Compute, batch.ComputeStart);
            Executor.EnqueueMotion(batch.Pixels.View, count, batch.Vectors.View, Room(count));
            Down(Compute, batch.Vectors.View, batch.HostVectors, count * VectorLength);
            Loader.Record(Compute, batch.Computed);
            Submitted();
        }
        catch (AcceleratorException failure)
        {
            throw Executor.Explain(failure);
        }
    }

    public void Receive(Span<float> codes)
    {
        CudaPixelBatch batch = Oldest();
        ExecutorArguments.CheckLength(codes.Length, batch.Count, VectorLength, nameof(codes));
        batch.Computed.Synchronize();
        batch.HostVectors.Span[..codes.Length].CopyTo(codes);
        Received(new(batch.CopyTime, batch.ComputeTime, TimeSpan.Zero));
    }
}

/// <summary>From latents to pictures.</summary>
internal sealed class CudaPicturePipe(CudaExecutor executor, KernelLoader loader, int batch, bool varies)
    : CudaPixelPipe(executor, loader, batch, varies, executor.Architecture.Style), IPicturePipe
{
    public void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count) => Submit([source], latents, count);

    public void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents) => Submit(sources, latents, sources.Length);

    // One source for all pictures, or one for each.
    private void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents, int count)
    {
        CudaPixelBatch batch = Next(count);
        ExecutorArguments.CheckLength(latents.Length, count, VectorLength, nameof(latents));
        latents.CopyTo(batch.HostVectors.Span);
        try
        {
            Loader.Record(Compute, batch.ComputeStart);
            Up(Compute, batch.HostVectors, batch.Vectors.View, latents.Length);
            Executor.EnqueuePictures(sources, batch.Vectors.View, count, batch.Pixels.View, batch.Faults.View, Room(count));
            Loader.Record(Compute, batch.Computed);
            Loader.Wait(Copies, batch.Computed);
            Loader.Record(Copies, batch.CopyStart);
            Down(Copies, batch.Pixels.View, batch.HostPixels, count * PictureLength);
            Down(Copies, batch.Faults.View, batch.HostFaults, count);
            Loader.Record(Copies, batch.Copied);
            Submitted();
        }
        catch (AcceleratorException failure)
        {
            throw Executor.Explain(failure);
        }
    }

    public int Receive(ReadOnlySpan<byte[]> pictures, Span<bool> faults = default)
    {
        CudaPixelBatch batch = Oldest();
        if (pictures.Length != batch.Count)
            throw new ArgumentException($"The batch has {batch.Count} pictures, not {pictures.Length}.", nameof(pictures));
        CheckPictures(pictures);
        batch.Copied.Synchronize();
        for (int i = 0; i < pictures.Length; i++) batch.HostPixels.Span.Slice(i * PictureLength, PictureLength).CopyTo(pictures[i]);
        Received(new(TimeSpan.Zero, batch.ComputeTime, batch.CopyTime));
        ReadOnlySpan<int> isFaulty = batch.HostFaults.Span[..pictures.Length];
        for (int i = 0; i < faults.Length; i++) faults[i] = isFaulty[i] != 0;
        return isFaulty.IndexOfAnyExcept(0);
    }
}
