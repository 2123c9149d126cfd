namespace Lia.Gpu.Runtime;

/// <summary>A captured sequence of launches and copies, replayed as one. It keeps the addresses it was captured with: their buffers must live as long.</summary>
public abstract class AcceleratorGraph : IDisposable
{
    /// <summary>Runs the captured work once, in the stream's order.</summary>
    public abstract void Launch(AcceleratorStream stream);

    /// <summary>Releases the graph.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the graph.</summary>
    protected abstract void Dispose(bool disposing);
}
