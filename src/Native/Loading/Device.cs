using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Lia;

/// <summary>What computes: <see cref="Auto"/>, which is the default value, <see cref="Cpu"/>, <see cref="Cuda"/>, <see cref="CudaAt"/>,
/// <see cref="CudaAll"/> or <see cref="Ilgpu"/>.</summary>
public readonly record struct Device : IParsable<Device>
{
    /// <summary>What may be written for a device, in words.</summary>
    internal const string Choices = "auto, cpu, cuda, cuda:N, cuda:N,M, cuda:all or ilgpu";

    private const string CudaWord = "cuda", Numbered = "cuda:", AllWord = "all";

    // As they are written, so that equal devices are equal values: "1", "0,2", "all"; null for the first.
    private readonly string? _numbers;

    private Device(DeviceKind kind, string? numbers = null) => (Kind, _numbers) = (kind, numbers);

    /// <summary>The fastest device there is: CUDA where there is a GPU that can hold the network, else the processor.</summary>
    public static Device Auto => default;

    /// <summary>The processor: everywhere.</summary>
    public static Device Cpu => new(DeviceKind.Cpu);

    /// <summary>The first NVIDIA GPU that can be used (compute capability 7.5 and up).</summary>
    public static Device Cuda => new(DeviceKind.Cuda);

    /// <summary>Every NVIDIA GPU that can be used: see <see cref="CudaAt"/>.</summary>
    public static Device CudaAll => new(DeviceKind.Cuda, AllWord);

    /// <summary>
    /// The exact kernels, compiled by ILGPU's own compiler, on the accelerator that ILGPU finds: the first on CUDA, else on OpenCL, which
    /// other makers' GPUs have, else its simulator
    /// on the processor. Slower by far than the others, each on its own ground: for GPUs that those do not run on.
    /// </summary>
    public static Device Ilgpu => new(DeviceKind.Ilgpu);

    /// <summary>Which of the four it is.</summary>
    internal DeviceKind Kind { get; }

    /// <summary>Whether GPUs are named by their numbers, or all of them are meant.</summary>
    internal bool IsNumbered => _numbers is not null;

    /// <summary>Whether it may be several GPUs.</summary>
    internal bool MayBeSeveral => _numbers is not null && (_numbers == AllWord || _numbers.Contains(',', StringComparison.Ordinal));

    /// <summary>The numbers of the GPUs, as the driver counts; empty for <see cref="CudaAll"/>, and where none are named.</summary>
    internal ImmutableArray<int> Ordinals => _numbers is null or AllWord ? []
        : [.. _numbers.Split(',').Select(number => int.Parse(number, CultureInfo.InvariantCulture))];

    /// <summary>
    /// NVIDIA GPUs by their numbers. Several hold the network each and share the batches of a clip; with GPUs of one kind the frames are
    /// those of one GPU, bit for bit. One that fails is not used any more, and the others do its work.
    /// </summary>
    /// <param name="ordinals">At least one, from 0, each once, as the driver counts and <c>lia info</c> lists them; the first one's first
    /// frame is waited for, the others join.</param>
    /// <exception cref="ArgumentException">There is none, or one is there twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
    public static Device CudaAt(params ReadOnlySpan<int> ordinals)
    {
        if (ordinals.IsEmpty) throw new ArgumentException("No GPU is named.", nameof(ordinals));
        foreach (int ordinal in ordinals) ArgumentOutOfRangeException.ThrowIfNegative(ordinal, nameof(ordinals));
        for (int i = 1; i < ordinals.Length; i++)
        {
            if (ordinals[..i].Contains(ordinals[i])) throw new ArgumentException($"GPU {ordinals[i]} is named twice.", nameof(ordinals));
        }
        return new(DeviceKind.Cuda, string.Join(',', ordinals.ToArray().Select(ordinal => ordinal.ToString(CultureInfo.InvariantCulture))));
    }

    /// <summary>Reads a device: <c>auto</c>, <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, <c>cuda:0,2</c>, <c>cuda:all</c> or <c>ilgpu</c>, in
    /// letters of either case.</summary>
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
    public override string ToString() => _numbers is not null ? Numbered + _numbers : Kind switch
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
            Numbered + AllWord => CudaAll,
            "ilgpu" => Ilgpu,
            _ => default,
        };
        if (device != default || word == "auto") return null;
        if (word.StartsWith(Numbered, StringComparison.Ordinal))
        {
            List<int> ordinals = [];
            foreach (string number in word[Numbered.Length..].Split(','))
            {
                if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal)) return Refusal();
                if (ordinals.Contains(ordinal)) return $"names GPU {ordinal} twice in '{text}'.";
                ordinals.Add(ordinal);
            }
            device = CudaAt([.. ordinals]);
            return null;
        }
        return Refusal();

        string Refusal() => $"is {Choices}, not '{text}'.";
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
