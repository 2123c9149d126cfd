using System.Runtime.InteropServices;

namespace Lia.Gpu.Runtime;

/// <summary>A native object of an accelerator, released exactly once, and counted until then.</summary>
public abstract class AcceleratorHandle : SafeHandle
{
    private readonly LiveObjects _live;
    private readonly long _ticket;

    /// <summary>Takes ownership of <paramref name="handle"/>.</summary>
    /// <param name="live">The count of the accelerator the object belongs to.</param>
    /// <param name="handle">The native object; 0 is invalid.</param>
    /// <param name="what">What it is, for leak reports.</param>
    protected AcceleratorHandle(LiveObjects live, nint handle, string what) : base(0, ownsHandle: true)
    {
        ArgumentNullException.ThrowIfNull(live);
        _live = live;
        _ticket = live.Add(what);
        SetHandle(handle);
    }

    /// <inheritdoc/>
    public sealed override bool IsInvalid => handle == 0;

    /// <summary>The native object.</summary>
    /// <exception cref="ObjectDisposedException">It was released.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        _live.Remove(_ticket);
        return Free(handle);
    }

    /// <summary>Releases the native object; true when that succeeded. Called once, perhaps on the finalizer's thread.</summary>
    protected abstract bool Free(nint handle);
}
