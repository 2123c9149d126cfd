namespace Lia.Gpu.Runtime;

/// <summary>One allocation of device memory, or of page-locked host memory. Its handle is its address.</summary>
public abstract class DeviceMemory : AcceleratorHandle
{
    /// <summary>Takes ownership of the allocation at <paramref name="address"/>.</summary>
    protected DeviceMemory(LiveObjects live, nint address, long bytes, string what) : base(live, address, $"{what} of {bytes} bytes") => Bytes = bytes;

    /// <summary>Bytes allocated.</summary>
    public long Bytes { get; }
}
