using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lia.Gpu.Cuda;

/// <summary>The driver's status codes that we tell apart; all others are failures too.</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    Deinitialized = 4,
    NoDevice = 100,
    InvalidContext = 201,
    IllegalAddress = 700,
    NotReady = 600,
}

/// <summary>Turns statuses into exceptions.</summary>
internal static class CudaStatus
{
    /// <summary>Throws unless the call succeeded. The call is named from the source text: <c>cuMemFree(address).Check()</c>.</summary>
    /// <param name="result">What the driver returned.</param>
    /// <param name="detail">What was being done, when the call's name does not say it.</param>
    /// <param name="call">The call's source text.</param>
    /// <exception cref="CudaException">It did not succeed.</exception>
    public static void Check(this CudaResult result, string? detail = null, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CudaResult.Success)
            throw Failure(result, detail, call);
    }

    public static CudaException Failure(CudaResult result, string? detail, string call)
    {
        int end = call.IndexOf('(', StringComparison.Ordinal);
        string name = (end < 0 ? call : call[..end]).Split('.')[^1];
        return new CudaException(name, (int)result, Name(result), Description(result), detail);
    }

    private static unsafe string Name(CudaResult result) =>
        CudaApi.cuGetErrorName(result, out byte* text) == CudaResult.Success ? Marshal.PtrToStringUTF8((nint)text)! : "unknown error";

    private static unsafe string Description(CudaResult result) =>
        CudaApi.cuGetErrorString(result, out byte* text) == CudaResult.Success ? Marshal.PtrToStringUTF8((nint)text)!
            : "the driver has no description";
}
