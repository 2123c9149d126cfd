using Lia.Network;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>A device that fails: at its n-th batch, and at all that follow.</summary>
/// <param name="inner">What it is until then.</param>
/// <param name="batches">Batches, of either kind, that go well.</param>
/// <param name="failure">What it fails with.</param>
/// <param name="isLate">Whether a failure shows when the result is fetched, not when the batch is submitted.</param>
internal sealed class FaultyExecutor(IExecutor inner, int batches, Func<Exception> failure, bool isLate = false) : IExecutor
{
    private int _left = batches;

    /// <summary>Batches asked for.</summary>
    public int Batches { get; private set; }

    public bool IsDisposed { get; private set; }

    public ModelArchitecture Architecture => inner.Architecture;

    public string DeviceName => inner.DeviceName;

    public int PreferredBatch(int? frames) => inner.PreferredBatch(frames);

    public MotionBasis Basis => inner.Basis;

    public TapHandler? Tap { get; set; }

    public EncodedSource EncodeSource(ReadOnlySpan<float> image) => inner.EncodeSource(image);

    public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes) => inner.EncodeMotion(images, count, codes);

    public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames)
    {
        Count();
        inner.Synthesize(source, latents, count, frames);
    }

    public Exception? Explain(Exception failure) => inner.Explain(failure);

    public IMotionPipe OpenMotion(int batch, bool varies = false) => new MotionPipe(this, inner.OpenMotion(batch, varies));

    public IPicturePipe OpenPictures(int batch, bool varies = false) =>
        new PicturePipe(this, inner.OpenPictures(batch, varies));

    public void Dispose()
    {
        IsDisposed = true;
        inner.Dispose();
    }

    private void Submit()
    {
        Batches++;
        if (!isLate) Count();
    }

    private void Fetch()
    {
        if (isLate) Count();
    }

    private void Count()
    {
        if (_left-- <= 0) throw failure();
    }

    private abstract class Pipe(IPixelPipe pipe) : IPixelPipe
    {
        public int Depth => pipe.Depth;

        public int UnderWay => pipe.UnderWay;

        public PixelPipeTimes Times => pipe.Times;

        public void Dispose() => pipe.Dispose();
    }

    private sealed class MotionPipe(FaultyExecutor owner, IMotionPipe pipe) : Pipe(pipe), IMotionPipe
    {
        public void Submit(ReadOnlySpan<byte[]> pictures)
        {
            owner.Submit();
            pipe.Submit(pictures);
        }

        public void Receive(Span<float> codes)
        {
            owner.Fetch();
            pipe.Receive(codes);
        }
    }

    private sealed class PicturePipe(FaultyExecutor owner, IPicturePipe pipe) : Pipe(pipe), IPicturePipe
    {
        public void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count)
        {
            owner.Submit();
            pipe.Submit(source, latents, count);
        }

        public void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents)
        {
            owner.Submit();
            pipe.Submit(sources, latents);
        }

        public int Receive(ReadOnlySpan<byte[]> pictures, Span<bool> faults = default)
        {
            owner.Fetch();
            return pipe.Receive(pictures, faults);
        }
    }
}
