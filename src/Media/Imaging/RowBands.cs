namespace Lia.Media.Imaging;

/// <summary>Divides the rows of a large picture among threads.</summary>
internal static class RowBands
{
    private const int PixelsWorthThreads = 1 << 18; // a quarter of a megapixel takes a millisecond or so

    /// <summary>Does a part of the rows.</summary>
    /// <param name="source">All that is read.</param>
    /// <param name="destination">All that is written.</param>
    /// <param name="firstRow">The part's first row.</param>
    /// <param name="endRow">The row behind its last.</param>
    public delegate void Pass(ReadOnlySpan<byte> source, Span<byte> destination, int firstRow, int endRow);

    /// <summary>How many threads a picture is worth.</summary>
    /// <param name="pixels">Of the picture.</param>
    /// <param name="most">That there may be.</param>
    public static int Threads(long pixels, int most) => pixels < PixelsWorthThreads ? 1 : most;

    /// <summary>Runs a pass over all rows, each thread over a part of them.</summary>
    public static unsafe void Run(int rows, int threads, ReadOnlySpan<byte> source, Span<byte> destination, Pass pass)
    {
        int parts = Math.Min(threads, rows), sourceLength = source.Length, destinationLength = destination.Length;
        if (parts <= 1)
        {
            pass(source, destination, 0, rows);
            return;
        }
        fixed (byte* from = source, to = destination)
        {
            // The memory stays where it is until all parts are done, which is when the loop returns.
            nint fixedSource = (nint)from, fixedDestination = (nint)to;
            Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = parts }, part => pass(
                new ReadOnlySpan<byte>((void*)fixedSource, sourceLength), new Span<byte>((void*)fixedDestination, destinationLength),
                (int)((long)rows * part / parts), (int)((long)rows * (part + 1) / parts)));
        }
    }
}
