using System.Runtime.InteropServices;

namespace Lia.Gpu.Cuda;

/// <summary>
/// Libraries of the driver: code that belongs to no context, and is assembled on whatever thread asks for it. The functions exist from CUDA
/// 12.0 on and are looked up at the first use, so that older drivers still serve everything else.
/// </summary>
internal static unsafe class CudaLibrary
{
    private static readonly delegate* unmanaged<nint*, byte*, void*, void*, uint, void*, void*, uint, CudaResult> s_load =
        (delegate* unmanaged<nint*, byte*, void*, void*, uint, void*, void*, uint, CudaResult>)Function("cuLibraryLoadData");

    private static readonly delegate* unmanaged<nint*, nint, CudaResult> s_module =
        (delegate* unmanaged<nint*, nint, CudaResult>)Function("cuLibraryGetModule");

    private static readonly delegate* unmanaged<nint, CudaResult> s_unload =
        (delegate* unmanaged<nint, CudaResult>)Function("cuLibraryUnload");

    /// <summary>The library of an image; null when the driver refuses, or has no libraries.</summary>
    /// <param name="image">PTX that ends with a zero.</param>
    public static nint? Load(byte* image)
    {
        nint library;
        return s_load != null && s_module != null && s_unload != null
            && s_load(&library, image, null, null, 0, null, null, 0) == CudaResult.Success ? library : null;
    }

    /// <summary>The library's module in the current context; null when it cannot be assembled or loaded.</summary>
    public static nint? Module(nint library)
    {
        nint module;
        return s_module(&module, library) == CudaResult.Success ? module : null;
    }

    /// <summary>Releases the library with its modules.</summary>
    public static CudaResult Unload(nint library) => s_unload(library);

    private static nint Function(string name) =>
        NativeLibrary.TryGetExport(CudaDriver.Current.Library, name, out nint export) ? export : 0;
}
