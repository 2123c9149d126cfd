using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Lia;

/// <summary>What computes: <see cref="Auto"/>, which is the default value, <see cref="Cpu"/>, <see cref="Cuda"/>, <see cref="CudaAt"/> or
/// <see cref="Ilgpu"/>.</summary>
public readonly record struct Device : IParsable<Device>
{
    /// <summary>What may be written for a device, in words.</summary>
    internal const string Choices = "auto, cpu, cuda, cuda:N or ilgpu";

    private const string CudaWord = "cuda", Numbered = "cuda:";

    private Device(DeviceKind kind, int? ordinal = null) => (Kind, Ordinal) = (kind, ordinal);

    /// <summary>The fastest device there is: CUDA where there is a GPU that can hold the network, else the processor.</summary>
    public static Device Auto => default;

    /// <summary>The processor: everywhere.</summary>
    public static Device Cpu => new(DeviceKind.Cpu);

    /// <summary>The first NVIDIA GPU that can be used (compute capability 7.5 and up).</summary>
    public static Device Cuda => new(DeviceKind.Cuda);

    /// <summary>
    /// The exact kernels, compiled by ILGPU's own compiler, on the accelerator that ILGPU finds: the first on CUDA, else on OpenCL, which
    /// other makers' GPUs have, else its simulator
    /// on the processor. Slower by far than the others, each on its own ground: for GPUs that those do not run on.
    /// </summary>
    public static Device Ilgpu => new(DeviceKind.Ilgpu);

    /// <summary>Which of the four it is.</summary>
    internal DeviceKind Kind { get; }

    /// <summary>The number of the GPU, as the driver counts; null for the first that can be used.</summary>
    internal int? Ordinal { get; }

    /// <summary>An NVIDIA GPU by its number.</summary>
    /// <param name="ordinal">From 0, as the driver counts and <c>lia info</c> lists them.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static Device CudaAt(int ordinal)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        return new(DeviceKind.Cuda, ordinal);
    }

    /// <summary>Reads a device: <c>auto</c>, <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c> or <c>ilgpu</c>, in letters of either case.</summary>
    /// <param name="text">What is written.</param>
    /// <exception cref="FormatException">It is none of them; the message lists the choices.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Read(text, out Device device) is { } problem ? throw new FormatException($"A device {problem}") : device;
    }

    /// <summary>Reads a device as <see cref="Parse(string)"/> does.</summary>
    /// <param name="text">What is written.</param>
    /// <param name="device">The device.</param>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out Device device)
    {
        device = default;
        return text is not null && Read(text, out device) is null;
    }

    static Device IParsable<Device>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Device>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Device result) =>
        TryParse(s, out result);

    /// <summary>As <see cref="Parse(string)"/> reads it.</summary>
    public override string ToString() =>
        Ordinal is { } ordinal ? string.Create(CultureInfo.InvariantCulture, $"{Numbered}{ordinal}") : Kind switch
    {
        DeviceKind.Cpu => "cpu",
        DeviceKind.Cuda => CudaWord,
        DeviceKind.Ilgpu => "ilgpu",
        _ => "auto",
    };

    /// <summary>Reads a device.</summary>
    /// <returns>What is wrong, to follow the name of what was given: <c>is auto, ..., not 'gpu'.</c>; null if nothing is.</returns>
    internal static string? Read(string text, out Device device)
    {
        string word = text.ToLowerInvariant();
        device = word switch
        {
            "cpu" => Cpu,
            CudaWord => Cuda,
            "ilgpu" => Ilgpu,
            _ => default,
        };
        if (device != default || word == "auto") return null;
        if (word.StartsWith(Numbered, StringComparison.Ordinal))
        {
            string number = word[Numbered.Length..];
            if (number == "all" || number.Contains(',', StringComparison.Ordinal))
                return $"is one GPU so far: several GPUs, as in '{text}', are not supported yet; name one, such as cuda:0.";
            if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal))
            {
                device = CudaAt(ordinal);
                return null;
            }
        }
        return $"is {Choices}, not '{text}'.";
    }
}

/// <summary>The kinds of devices.</summary>
internal enum DeviceKind
{
    Auto,
    Cpu,
    Cuda,
    Ilgpu,
}
