using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;

namespace Lia.Network.Cuda;

/// <summary>An activation on the device, in whatever layout its plan works in.</summary>
internal interface ICudaActivation
{
    /// <summary>Its memory, counted in floats; what is copied when it is kept.</summary>
    ArrayView<float> Memory { get; }

    /// <summary>[frame, channel, row, column].</summary>
    int[] Shape { get; }

    /// <summary>The values, row-major in that shape.</summary>
    float[] Read(AcceleratorStream stream);
}
