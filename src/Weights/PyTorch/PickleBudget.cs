namespace Lia.Weights;

/// <summary>
/// What the pickles of one file may cost together. An operation takes at least one byte of the pickle and makes at most a few small objects
/// (some 100 bytes), text takes two bytes of memory for each of its own, so that a pickle of n bytes costs at most some 130 n bytes of
/// memory, whatever it says, and no more than about 160 MB in all.
/// </summary>
internal sealed class PickleBudget(CancellationToken cancellation = default)
{
    /// <summary>The longest pickle read, in bytes: tensors lie outside, so real ones are well under a megabyte.</summary>
    public const int LongestPickle = 64 << 20;

    /// <summary>Operations; a checkpoint of this network with optimizer states has some 50,000.</summary>
    public const int MostOperations = 1_000_000;

    /// <summary>Bytes of text, in UTF-8.</summary>
    public const int MostText = 16 << 20;

    /// <summary>
    /// Characters of a class's name with its module, and of a storage's key: both are compared for every reference to them.
    /// </summary>
    public const int LongestName = 256;

    /// <summary>How deep values may nest; Python's own pickler stops near here.</summary>
    public const int DeepestNesting = 1_000;

    private const int OperationsBetweenLooks = 1 << 12;

    private int _operations, _text;

    /// <summary>Stops the parser, which looks every few thousand operations: in less than a millisecond.</summary>
    public CancellationToken Cancellation => cancellation;

    /// <summary>Takes one operation; false when there is none left.</summary>
    /// <exception cref="OperationCanceledException">The token was signaled.</exception>
    public bool TryTakeOperation()
    {
        if (_operations % OperationsBetweenLooks == 0) cancellation.ThrowIfCancellationRequested();
        return ++_operations <= MostOperations;
    }

    /// <summary>Takes bytes of text; false when there are not so many left.</summary>
    public bool TryTakeText(int bytes)
    {
        if (bytes > MostText - _text) return false;
        _text += bytes;
        return true;
    }
}
