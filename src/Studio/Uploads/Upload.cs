namespace Lia.Studio.Uploads;

/// <summary>Something that was sent and is kept while it is used.</summary>
internal abstract class Upload(string id, string name, string folder)
{
    private static long _uses;
    private int _connections;

    public string Id => id;

    /// <summary>What the client calls it, to be shown.</summary>
    public string Name => name;

    /// <summary>Where it lies.</summary>
    public string Folder => folder;

    /// <summary>Greater than that of all uploads that were asked for before it: a clock would let two be of one moment.</summary>
    public long LastUse { get; private set; } = Interlocked.Increment(ref _uses);

    /// <summary>Whether somebody is connected to it.</summary>
    public bool IsConnected => Volatile.Read(ref _connections) > 0;

    /// <summary>Cancelled when it is removed.</summary>
    public CancellationTokenSource Removed { get; } = new();

    /// <summary>It is asked for.</summary>
    public void Use() => LastUse = Interlocked.Increment(ref _uses);

    /// <summary>Keeps it until the result is disposed.</summary>
    public IDisposable Connect()
    {
        Interlocked.Increment(ref _connections);
        return new Connection(this);
    }

    /// <summary>It is no longer there for anybody.</summary>
    public virtual void Leave() => Removed.Cancel();

    private sealed class Connection(Upload upload) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref upload._connections);
    }
}
