using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>
/// Tensor maps by the driver. The function exists from CUDA 12.0 on and is looked up at the first use, so that older drivers still serve
/// everything else.
/// </summary>
internal static unsafe class CudaTensorMap
{
    private const string Function = "cuTensorMapEncodeTiled";

    public static TensorMap Encode(TensorMapDescription description)
    {
        if (!NativeLibrary.TryGetExport(CudaDriver.Current.Library, Function, out nint export))
            throw new NotSupportedException(
                $"tensor maps need a driver that serves CUDA 12.0 or later (525 or later), this one serves " +
                $"{CudaDriver.Format(CudaDriver.Current.Version)}");
        var encode = (delegate* unmanaged<void*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaResult>)export;

        int rank = description.Dimensions.Length;
        ulong* dimensions = stackalloc ulong[rank], strides = stackalloc ulong[rank];
        uint* box = stackalloc uint[rank], elementStrides = stackalloc uint[rank];
        for (int i = 0; i < rank; i++)
        {
            dimensions[i] = (ulong)description.Dimensions[i];
            box[i] = (uint)description.Box[i];
            elementStrides[i] = (uint)description.StrideOf(i);
            if (i > 0) strides[i - 1] = (ulong)description.Strides[i - 1];
        }
        // The driver writes to a multiple of 64.
        byte* room = stackalloc byte[TensorMap.Bytes + TensorMap.Alignment];
        byte* map = (byte*)(((nint)room + TensorMap.Alignment - 1) & -TensorMap.Alignment);
        const int Half = 6, Word = 4; // CU_TENSOR_MAP_DATA_TYPE_FLOAT16, _UINT64
        // No interleave; the driver numbers swizzles and promotions as we do; zeros outside.
        encode(map, description.ElementBytes == 8 ? Word : Half, (uint)rank, description.Address, dimensions, strides, box, elementStrides,
            0, (int)description.Swizzle, (int)description.Promotion, 0)
            .Check(description.ToString(), Function);
        return *(TensorMap*)map;
    }
}
