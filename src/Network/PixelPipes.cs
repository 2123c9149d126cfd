namespace Lia.Network;

/// <summary>Batches of pictures under way. Disposing waits for them and drops their results.</summary>
/// <remarks>
/// Work is submitted and its result received later, in the order of submission. Pictures are RGB bytes [S, S, 3]. Results are those that
/// the methods of <see cref="IExecutor"/> lead to when pictures are made planes by <c>(u8 / 255 - 0.5) * 2</c> and planes pictures by <c>(x
/// + 1) / 2 * 255</c>, rounded and clamped. Executor and pipes are used by one thread at a time, which may use all of them at once.
/// </remarks>
public interface IPixelPipe : IDisposable
{
    /// <summary>
    /// Batches that may be under way; one more has to wait until the first is received. 1 where the processor computes, while the caller
    /// waits. It may change from one batch to the next, where devices join and leave.
    /// </summary>
    int Depth { get; }

    /// <summary>Batches under way.</summary>
    int UnderWay { get; }

    /// <summary>How long the device was busy with the batches received so far.</summary>
    PixelPipeTimes Times { get; }
}

/// <summary>From driving pictures to motion codes.</summary>
public interface IMotionPipe : IPixelPipe
{
    /// <summary>Starts to encode pictures, which may be reused on return.</summary>
    /// <param name="pictures">Each [S, S, 3].</param>
    /// <exception cref="ArgumentException">There are more than the pipe was opened for, or none, or one has another length.</exception>
    /// <exception cref="InvalidOperationException"><see cref="IPixelPipe.Depth"/> batches are under way.</exception>
    void Submit(ReadOnlySpan<byte[]> pictures);

    /// <summary>Waits for the codes of the batch submitted first of those not received.</summary>
    /// <param name="codes">Receives alpha [count, motion].</param>
    /// <exception cref="ArgumentException">The span is not that batch's.</exception>
    /// <exception cref="InvalidOperationException">Nothing is under way.</exception>
    void Receive(Span<float> codes);
}

/// <summary>From latents to pictures.</summary>
public interface IPicturePipe : IPixelPipe
{
    /// <summary>
    /// Starts to decode latents with a source's features. The latents may be reused on return; the source must live until the result is
    /// received.
    /// </summary>
    /// <param name="source">From <see cref="IExecutor.EncodeSource"/>.</param>
    /// <param name="latents">[count, style].</param>
    /// <param name="count">Number of pictures.</param>
    /// <exception cref="ArgumentException">There are more than the pipe was opened for, or none, the span has another length, or the source
    /// is another executor's.</exception>
    /// <exception cref="InvalidOperationException"><see cref="IPixelPipe.Depth"/> batches are under way.</exception>
    void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count);

    /// <summary>Starts to decode latents of different sources together.</summary>
    /// <param name="sources">One for each picture; the same may come several times. They must live until the result is received.</param>
    /// <param name="latents">[sources, style]; may be reused on return.</param>
    /// <inheritdoc cref="Submit(EncodedSource, ReadOnlySpan{float}, int)"/>
    void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents);

    /// <summary>Waits for the pictures of the batch submitted first of those not received.</summary>
    /// <param name="pictures">Receive [S, S, 3] each.</param>
    /// <param name="faults">Receives which of them came out with a value that is not a finite number; as many, or empty.</param>
    /// <returns>
    /// The first picture of the batch that came out with a value that is not a finite number, counted from 0; -1 when there is none.
    /// </returns>
    /// <exception cref="ArgumentException">Their number or a length is not that batch's.</exception>
    /// <exception cref="InvalidOperationException">Nothing is under way.</exception>
    int Receive(ReadOnlySpan<byte[]> pictures, Span<bool> faults = default);
}

/// <summary>How long a device was busy, by what it did; the three may overlap.</summary>
/// <param name="Upload">Copying driving pictures to the device; on the processor, making them planes.</param>
/// <param name="Compute">Running the network; on a GPU its conversions of pictures are included.</param>
/// <param name="Download">Copying results to the host; on the processor, making them pictures.</param>
public readonly record struct PixelPipeTimes(TimeSpan Upload, TimeSpan Compute, TimeSpan Download)
{
    /// <summary>The sums of both.</summary>
    public static PixelPipeTimes operator +(PixelPipeTimes a, PixelPipeTimes b) => Add(a, b);

    /// <summary>The sums of both.</summary>
    public static PixelPipeTimes Add(PixelPipeTimes left, PixelPipeTimes right) =>
        new(left.Upload + right.Upload, left.Compute + right.Compute, left.Download + right.Download);

    /// <summary>What the first has more.</summary>
    public static PixelPipeTimes operator -(PixelPipeTimes a, PixelPipeTimes b) => Subtract(a, b);

    /// <summary>What the first has more.</summary>
    public static PixelPipeTimes Subtract(PixelPipeTimes left, PixelPipeTimes right) =>
        new(left.Upload - right.Upload, left.Compute - right.Compute, left.Download - right.Download);
}
