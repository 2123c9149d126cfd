namespace Lia.Gpu.Cuda;

/// <summary>A call of the CUDA driver failed. The message names the call, the error and what was being done.</summary>
public sealed class CudaException : Exception
{
    internal CudaException(string call, int code, string name, string description, string? detail, Exception? cause = null)
        : base($"{call}: {name}{(code == 0 ? "" : $" ({code})")}, {description}{(detail is null ? "" : ": " + detail)}{After(code)}", cause)
    {
        Call = call;
        Code = code;
        ErrorName = name;
    }

    /// <summary>A failure that ILGPU met and knows by its name.</summary>
    internal CudaException(string call, ILGPU.Runtime.Cuda.CudaException failure, string detail)
        : this(call, Enum.TryParse(failure.Error, out ILGPU.Runtime.Cuda.CudaError code) ? (int)code : 0, failure.Error, failure.Message,
            detail, failure)
    {
    }

    /// <summary>The driver function, for example <c>cuLaunchKernel</c>.</summary>
    public string Call { get; }

    /// <summary>The driver's status code; 0 where ILGPU does not tell.</summary>
    public int Code { get; }

    /// <summary>The status code's name, for example <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</summary>
    public string ErrorName { get; }

    // 700 to 720 are faults of running kernels; the driver reports them at the next call, whichever that is.
    private static string After(int code) =>
        code is >= 700 and <= 720 and not 701
            ? "; a kernel launched before this call failed, and no work can be done on this device until the process ends" : "";
}

/// <summary>Why CUDA cannot be used on a machine.</summary>
public enum CudaUnavailableReason
{
    /// <summary>No NVIDIA driver library was found.</summary>
    NoDriver,

    /// <summary>A library of the driver's name was found that lacks functions of the CUDA driver.</summary>
    UnusableDriver,

    /// <summary>The driver is older than this program needs.</summary>
    DriverTooOld,

    /// <summary>The driver is there and no device is visible to it.</summary>
    NoDevice,

    /// <summary>The driver could not start.</summary>
    InitializationFailed,
}

/// <summary>CUDA cannot be used on this machine; the message says why and what would help.</summary>
public sealed class CudaUnavailableException : Exception
{
    internal CudaUnavailableException(CudaUnavailableReason reason, string message) : base(message) => Reason = reason;

    /// <summary>Why.</summary>
    public CudaUnavailableReason Reason { get; }
}
