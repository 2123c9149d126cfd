using Lia.Weights;

namespace Lia.Network;

/// <summary>Runs a LIA network on one device. Pictures are planar float32 [3, S, S], RGB, nominally in [-1, 1].</summary>
/// <remarks>An executor is used by one thread at a time. After the first frame of a batch size, a frame allocates nothing.</remarks>
public interface IExecutor : IDisposable
{
    /// <summary>The extents of the loaded network.</summary>
    ModelArchitecture Architecture { get; }

    /// <summary>The device in words, for example <c>CPU (2 threads, AVX-512)</c>.</summary>
    string DeviceName { get; }

    /// <summary>Whether it computes in float32 throughout; else convolutions have fp16 operands and float32 sums.</summary>
    bool IsExact => true;

    /// <summary>
    /// How many frames to pass together when nothing speaks for another number. Results do not depend on it, but for the order of sums
    /// where <see cref="IsExact"/> is false.
    /// </summary>
    /// <param name="frames">Those there will be; null where nothing says it.</param>
    int PreferredBatch(int? frames = null) => 1;

    /// <summary>Clips that go through it well side by side, on a thread each; 1 where it is used by one thread at a time.</summary>
    int Clips => 1;

    /// <summary>The orthonormal motion basis Q [style, motion].</summary>
    MotionBasis Basis { get; }

    /// <summary>Sees the activations of every layer as it runs (tests and verification); null costs nothing.</summary>
    TapHandler? Tap { get; set; }

    /// <summary>Encodes a source picture once: appearance code, motion code and the features the decoder warps.</summary>
    /// <param name="image">[3, S, S].</param>
    /// <returns>Valid until disposed, and only with this executor.</returns>
    EncodedSource EncodeSource(ReadOnlySpan<float> image);

    /// <summary>Motion codes of driving frames.</summary>
    /// <param name="images">[count, 3, S, S].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="codes">Receives alpha [count, motion].</param>
    void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes);

    /// <summary>Decodes latents with a source's features.</summary>
    /// <param name="source">From <see cref="EncodeSource"/>.</param>
    /// <param name="latents">[count, style].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="frames">Receives [count, 3, S, S], not clamped.</param>
    void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames);

    /// <summary>
    /// Whether a batch that the device's memory does not hold fails, rather than be computed in parts: where another device can do it
    /// whole.
    /// </summary>
    bool KeepsBatches { get => false; set { } }

    /// <summary>Decodes latents of different sources together, each with its own source's features.</summary>
    /// <param name="sources">From <see cref="EncodeSource"/>, one for each frame; the same may come several times.</param>
    /// <param name="latents">[sources, style].</param>
    /// <param name="frames">Receives [sources, 3, S, S], not clamped: bit for bit what as many frames of one source come to.</param>
    void Synthesize(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents, Span<float> frames)
    {
        int style = Architecture.Style, picture = Architecture.PictureLength();
        ExecutorArguments.CheckLength(latents.Length, sources.Length, style, nameof(latents));
        ExecutorArguments.CheckLength(frames.Length, sources.Length, picture, nameof(frames));
        for (int i = 0; i < sources.Length; i++)
            Synthesize(sources[i], latents.Slice(i * style, style), 1, frames.Slice(i * picture, picture));
    }

    /// <summary>A failure of what an executor stands on in the words of this library: what failed, and on which device.</summary>
    /// <param name="failure">What a method of the executor or of one of its pipes threw.</param>
    /// <returns>What to throw in its place; null where the failure says it all itself.</returns>
    Exception? Explain(Exception failure) => null;

    /// <summary>
    /// Opens a way from driving pictures to motion codes. What is submitted may be computed while the caller prepares the next batch.
    /// </summary>
    /// <param name="batch">Most pictures of a submission, at least 1.</param>
    /// <param name="varies">Whether their number changes from one submission to the next. A device then prepares for few numbers, now, and
    /// runs the next larger one; what that adds is computed for nobody.</param>
    IMotionPipe OpenMotion(int batch, bool varies = false) => new DirectMotionPipe(this, batch);

    /// <summary>Opens a way from latents to pictures. What is submitted may be computed while the caller prepares the next batch.</summary>
    /// <param name="batch">Most pictures of a submission, at least 1.</param>
    /// <param name="varies">As <see cref="OpenMotion"/> says, for pictures of different sources.</param>
    IPicturePipe OpenPictures(int batch, bool varies = false) => new DirectPicturePipe(this, batch);
}

/// <summary>Receives one activation.</summary>
/// <param name="layer">The layer's name in the graph, for example <c>dec.to_flows.0.flow</c>.</param>
/// <param name="shape">[batch, channels, height, width], or [batch, features].</param>
/// <param name="values">The activation, row-major in that shape; valid only during the call.</param>
public delegate void TapHandler(string layer, ReadOnlySpan<int> shape, ReadOnlySpan<float> values);

/// <summary>What the encoder says of a source picture. The executor that made it owns the features.</summary>
public abstract class EncodedSource : IDisposable
{
    /// <summary>The appearance code <c>wa</c> [style].</summary>
    public abstract ReadOnlySpan<float> Appearance { get; }

    /// <summary>The motion code <c>alpha</c> [motion].</summary>
    public abstract ReadOnlySpan<float> Motion { get; }

    /// <summary>Gives the features' memory back.</summary>
    public abstract void Dispose();
}
