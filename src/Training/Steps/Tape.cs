using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Network.Cuda;
using Half = ILGPU.Half;

namespace Lia.Training.Steps;

/// <summary>
/// A step as a list of launches: what goes forward is appended at once and says how it goes back; <see cref="GoBack"/> appends that, the
/// last first. Activations and gradients lie in an arena, where each lives as long as somebody reads it:
/// <code>
///     forward:    x, y, z, loss from left to right:        values are kept
///     back:      dx, dy, dz from right to left: y and dy are given back when dx (and the gradient of the weights) is there
/// </code>
/// </summary>
/// <param name="loader">Where the kernels are loaded.</param>
/// <param name="arena">Places activations.</param>
/// <param name="arithmetic">How convolutions multiply.</param>
/// <param name="packed">Launches the convolutions that read packed maps.</param>
internal sealed class Tape(KernelLoader loader, ArenaLayout arena, ConvolutionArithmetic arithmetic, HalfConvolutionLauncher packed)
{
    private readonly Stack<Action> _back = [];
    private List<CudaStep> _steps = [];

    public KernelLoader Loader => loader;

    public ConvolutionArithmetic Arithmetic => arithmetic;

    public HalfConvolutionLauncher Packed => packed;

    public IReadOnlyList<CudaStep> Steps => _steps;

    /// <summary>A walk of its own at this place of the list: a loss, there and back, before the network that it judges goes back.</summary>
    public Tape Branch() => new(loader, arena, arithmetic, packed) { _steps = _steps };

    /// <summary>Appends launches.</summary>
    public void Add(string name, params IEnumerable<KernelLaunch> launches)
    {
        KernelLaunch[] all = [.. launches];
        foreach (KernelLaunch launch in all) launch.Name = name;
        _steps.Add(new(all, []));
    }

    /// <summary>What is to be appended on the way back, before what was pushed before it.</summary>
    public void Push(Action back) => _back.Push(back);

    /// <summary>Walks back to the beginning.</summary>
    public void GoBack()
    {
        while (_back.TryPop(out Action? back)) back();
    }

    /// <summary>Room for floats, undefined at first.</summary>
    public ArrayView<float> Reserve(long length) => arena.Reserve(length);

    /// <summary>Room for an activation.</summary>
    public ActivationMap Reserve(int frames, int height, int width, int channels, bool isPlanar = false) =>
        new(arena.Reserve((long)frames * height * width * channels), frames, height, width, channels, isPlanar);

    /// <summary>Room for one like another.</summary>
    public ActivationMap ReserveLike(ActivationMap map) => map with { View = arena.Reserve(map.Length) };

    /// <summary>Room for a packed map.</summary>
    /// <param name="frames">Pictures.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="hasPhases">Whether every second pixel of it is read together.</param>
    public HalfMap ReserveHalves(int frames, int channels, int height, int width, bool hasPhases)
    {
        int parts = arithmetic == ConvolutionArithmetic.Half ? 1 : 2, planes = hasPhases ? 4 : 1;
        if (hasPhases) (height, width) = ((height + 1) / 2, (width + 1) / 2);
        return new(arena.Reserve(HalfMap.LengthOf(frames, channels, height, width, parts * planes) / 2).Cast<Half>(), frames, channels,
            height, width, planes, parts);
    }

    public void Release(ArrayView<float> view) => arena.Release(view);

    /// <summary>Gives a packed map back.</summary>
    public void Release(HalfMap map) => arena.Release(map.View.Cast<float>());

    /// <summary>Gives an activation and its gradient back.</summary>
    public void Release(TrainedMap map)
    {
        arena.Release(map.Value.View);
        if (map.Gradient is { } gradient) arena.Release(gradient.View);
    }

    /// <summary>Launches that need room for themselves alone.</summary>
    public void AddWith(string name, long length, Func<ArrayView<float>, IEnumerable<KernelLaunch>> launches)
    {
        ArrayView<float> workspace = length > 0 ? Reserve(length) : default;
        Add(name, launches(workspace));
        if (length > 0) Release(workspace);
    }

    /// <summary>The same with room for doubles.</summary>
    public void AddWithDoubles(string name, long length, Func<ArrayView<double>, IEnumerable<KernelLaunch>> launches) =>
        AddWith(name, 2 * length, room => launches(room.Cast<double>()));
}
