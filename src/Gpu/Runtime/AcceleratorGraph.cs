using ILGPU.Runtime;

namespace Lia.Gpu.Runtime;

/// <summary>
/// A captured sequence of launches and copies, replayed as one. It keeps the addresses it was captured with: their buffers must live as
/// long.
/// </summary>
/// <param name="accelerator">Where it runs.</param>
public abstract class AcceleratorGraph(Accelerator accelerator) : AcceleratorObject(accelerator)
{
    /// <summary>Runs the captured work once, in the stream's order.</summary>
    public abstract void Launch(AcceleratorStream stream);
}
