using System.Collections.Immutable;
using Lia.Network;
using Lia.Loading;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>
/// A network whose result can be foretold: a picture's motion code is its mean red, green and blue, Q is the identity, the appearance code
/// is
/// zero, and a frame is half the source plus the latent in each colour. In absolute mode a frame is therefore the source tinted by the
/// driving frame.
/// </summary>
internal sealed class FakeExecutor : IExecutor
{
    public FakeExecutor(int size) => Architecture = new ModelArchitecture(size, 3, 3, [.. Enumerable.Repeat(3, int.Log2(size) - 1)]);

    /// <summary>Called before every batch is decoded.</summary>
    public Action<int>? BeforeSynthesis { get; init; }

    /// <summary>Frames that go together by its own choice.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Clips' numbers of frames, as it was told.</summary>
    public List<int?> Expected { get; } = [];

    /// <summary>Number of a frame that comes out as NaN.</summary>
    public int Poison { get; init; } = -1;

    /// <summary>Number of a driving frame whose motion code comes out as NaN.</summary>
    public int PoisonedCode { get; init; } = -1;

    /// <summary>Frames whose motion was asked for, the source's not counted.</summary>
    public int DrivingFrames { get; private set; }

    /// <summary>Sources encoded and not disposed yet.</summary>
    public int LiveSources { get; private set; }

    /// <summary>Sources encoded.</summary>
    public int Sources { get; private set; }

    private int _frames;

    /// <summary>What motion clips know the fake model by.</summary>
    public const string Fingerprint = "fafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafa";

    public bool IsDisposed { get; private set; }

    public ModelArchitecture Architecture { get; }

    public string DeviceName => "fake";

    public int PreferredBatch(int? frames)
    {
        Expected.Add(frames);
        return Batch;
    }

    public MotionBasis Basis { get; } = new([1, 0, 0, 0, 1, 0, 0, 0, 1], 3, 3);

    public TapHandler? Tap { get; set; }

    public EncodedSource EncodeSource(ReadOnlySpan<float> image)
    {
        float[] code = new float[3];
        Encode(image, 1, code);
        LiveSources++;
        Sources++;
        return new Source(image.ToArray(), code, () => LiveSources--);
    }

    public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes)
    {
        Encode(images, count, codes);
        if (PoisonedCode >= DrivingFrames && PoisonedCode < DrivingFrames + count) codes[3 * (PoisonedCode - DrivingFrames)] = float.NaN;
        DrivingFrames += count;
    }

    private void Encode(ReadOnlySpan<float> images, int count, Span<float> codes)
    {
        int plane = Architecture.Size * Architecture.Size;
        for (int i = 0; i < 3 * count; i++)
        {
            double sum = 0;
            foreach (float value in images.Slice(i * plane, plane)) sum += value;
            codes[i] = (float)(sum / plane);
        }
    }

    public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames)
    {
        BeforeSynthesis?.Invoke(count);
        int plane = Architecture.Size * Architecture.Size;
        ReadOnlySpan<float> image = ((Source)source).Image;
        for (int i = 0; i < 3 * count; i++)
            for (int p = 0; p < plane; p++)
                frames[i * plane + p] = 0.5f * image[i % 3 * plane + p] + latents[i];
        if (Poison >= _frames && Poison < _frames + count) frames[(Poison - _frames) * 3 * plane + 5] = float.NaN;
        _frames += count;
    }

    public Exception? Explain(Exception failure) =>
        failure is RawFailure ? new NotSupportedException($"the fake device failed: {failure.Message}", failure) : null;

    public void Dispose() => IsDisposed = true;

    private sealed class Source(float[] image, float[] code, Action onDisposed) : EncodedSource
    {
        public float[] Image => image;

        public override ReadOnlySpan<float> Appearance => new float[3];

        public override ReadOnlySpan<float> Motion => code;

        public override void Dispose() => onDisposed();
    }
}
