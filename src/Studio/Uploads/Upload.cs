namespace Lia.Studio.Uploads;

/// <summary>Something that was sent and is kept while it is used.</summary>
internal abstract class Upload(string id, string name, string folder)
{
    private int _connections;

    public string Id => id;

    /// <summary>What the client calls it, to be shown.</summary>
    public string Name => name;

    /// <summary>Where it lies.</summary>
    public string Folder => folder;

    /// <summary>When it was asked for last.</summary>
    public long Used { get; set; } = Environment.TickCount64;

    /// <summary>Whether somebody is connected to it.</summary>
    public bool IsConnected => Volatile.Read(ref _connections) > 0;

    /// <summary>Cancelled when it is removed.</summary>
    public CancellationTokenSource Removed { get; } = new();

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
