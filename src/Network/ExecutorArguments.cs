using Lia.Weights;

namespace Lia.Network;

/// <summary>What every executor demands of the spans it is given.</summary>
internal static class ExecutorArguments
{
    /// <summary>Values of one picture [3, S, S].</summary>
    public static int PictureLength(this ModelArchitecture architecture) => 3 * architecture.Size * architecture.Size;

    /// <exception cref="ArgumentException">The length is not one picture's.</exception>
    public static void CheckPicture(ModelArchitecture architecture, int length, string parameter)
    {
        if (length != architecture.PictureLength())
            throw new ArgumentException($"A picture has {architecture.PictureLength()} values, not {length}.", parameter);
    }

    /// <exception cref="ArgumentException">The length is not <paramref name="count"/> times <paramref name="each"/>.</exception>
    public static void CheckLength(int length, int count, int each, string parameter)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (length != (long)count * each) throw new ArgumentException($"{count} x {each} values are expected, not {length}.", parameter);
    }
}
