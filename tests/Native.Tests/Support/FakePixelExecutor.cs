using Lia.Network;
using Lia.Loading;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>
/// <see cref="FakeExecutor"/> behind pipes: a batch is computed when it is received, so that what reaches a file out of turn, or from a
/// buffer that was overwritten meanwhile, shows.
/// </summary>
internal sealed class FakePixelExecutor(int size) : IExecutor
{
    private readonly FakeExecutor _inner = new(size);

    /// <summary>Number of a frame that comes out as not finite.</summary>
    public int Poison { get; init; } = -1;

    /// <summary>Pipes opened and not disposed.</summary>
    public int OpenPipes { get; private set; }

    /// <summary>Most batches that were under way in a pipe at once.</summary>
    public int MostUnderWay { get; private set; }

    /// <summary>Calls of the methods that take and give planes, sources apart.</summary>
    public int PlaneCalls { get; private set; }

    /// <summary>Frames decoded through pipes.</summary>
    public int PipedFrames { get; private set; }

    public ModelArchitecture Architecture => _inner.Architecture;

    public string DeviceName => "fake pipes";

    public MotionBasis Basis => _inner.Basis;

    public TapHandler? Tap { get; set; }

    public EncodedSource EncodeSource(ReadOnlySpan<float> image) => new Source(_inner.EncodeSource(image));

    public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes)
    {
        PlaneCalls++;
        _inner.EncodeMotion(images, count, codes);
    }

    public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames)
    {
        PlaneCalls++;
        _inner.Synthesize(((Source)source).Inner, latents, count, frames);
    }

    public IMotionPipe OpenMotion(int batch, bool varies = false) => new MotionPipe(this, batch);

    public IPicturePipe OpenPictures(int batch, bool varies = false) => new PicturePipe(this, batch);

    public void Dispose() => _inner.Dispose();

    private sealed class Source(EncodedSource inner) : EncodedSource
    {
        public EncodedSource Inner => inner;

        public bool IsDisposed { get; private set; }

        public override ReadOnlySpan<float> Appearance => inner.Appearance;

        public override ReadOnlySpan<float> Motion => inner.Motion;

        public override void Dispose()
        {
            IsDisposed = true;
            inner.Dispose();
        }
    }

    private abstract class Pipe<T> : IPixelPipe
    {
        private readonly Queue<T> _underWay = [];
        private readonly int _batch;

        protected Pipe(FakePixelExecutor owner, int batch)
        {
            (Owner, _batch) = (owner, batch);
            owner.OpenPipes++;
        }

        public int Depth => 2;

        public int UnderWay => _underWay.Count;

        public PixelPipeTimes Times { get; protected set; }

        protected FakePixelExecutor Owner { get; }

        public void Dispose() => Owner.OpenPipes--;

        protected void Enqueue(T batch, int count)
        {
            Assert.InRange(count, 1, _batch);
            Assert.InRange(UnderWay, 0, Depth - 1);
            _underWay.Enqueue(batch);
            Owner.MostUnderWay = Math.Max(Owner.MostUnderWay, UnderWay);
        }

        protected T Dequeue() => _underWay.Dequeue();
    }

    private sealed class MotionPipe(FakePixelExecutor owner, int batch) : Pipe<float[]>(owner, batch), IMotionPipe
    {
        public void Submit(ReadOnlySpan<byte[]> pictures)
        {
            float[] planes = new float[pictures.Length * pictures[0].Length];
            for (int i = 0; i < pictures.Length; i++)
                Planes.FromPixels(pictures[i], planes.AsSpan(i * pictures[i].Length, pictures[i].Length));
            Enqueue(planes, pictures.Length);
        }

        public void Receive(Span<float> codes)
        {
            Owner._inner.EncodeMotion(Dequeue(), codes.Length / 3, codes);
            Times += new PixelPipeTimes(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2), default);
        }
    }

    private sealed class PicturePipe(FakePixelExecutor owner, int batch)
        : Pipe<(EncodedSource[] Sources, float[] Latents)>(owner, batch), IPicturePipe
    {
        public void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count) =>
            Enqueue(([.. Enumerable.Repeat(source, count)], latents.ToArray()), count);

        public void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents) =>
            Enqueue((sources.ToArray(), latents.ToArray()), sources.Length);

        public int Receive(ReadOnlySpan<byte[]> pictures, Span<bool> faults = default)
        {
            (EncodedSource[] sources, float[] latents) = Dequeue();
            int size = Owner.Architecture.Size, values = 3 * size * size, first = Owner.PipedFrames;
            float[] frames = new float[pictures.Length * values];
            Assert.DoesNotContain(sources, source => ((Source)source).IsDisposed);
            ((IExecutor)Owner._inner).Synthesize([.. sources.Select(source => ((Source)source).Inner)], latents, frames);
            for (int i = 0; i < pictures.Length; i++)
                new ColorMap(-1, 1).ToPixels(frames.AsSpan(i * values, values), size, pictures[i], 3 * size);
            Owner.PipedFrames += pictures.Length;
            Times += new PixelPipeTimes(default, TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(4));
            for (int i = 0; i < faults.Length; i++) faults[i] = first + i == Owner.Poison;
            return Owner.Poison >= first && Owner.Poison < Owner.PipedFrames ? Owner.Poison - first : -1;
        }
    }
}
