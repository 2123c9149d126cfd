using Lia.Animation.Pipeline;
using Lia.Loading;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lia;

/// <summary>A loaded model for frames of many sources. Used by one thread at a time, the one that loaded it.</summary>
internal interface ILiveNetwork : IDisposable
{
    /// <summary>The model in messages.</summary>
    string Name { get; }

    /// <summary>Side of pictures in pixels.</summary>
    int Size { get; }

    /// <summary>Values of a motion code.</summary>
    int Directions { get; }

    /// <summary>The device in words.</summary>
    string DeviceName { get; }

    /// <summary>What <see cref="MotionMode.Auto"/> means: relative or absolute.</summary>
    MotionMode DefaultMode { get; }

    /// <summary>The most frames that go through together.</summary>
    int Together { get; }

    /// <summary>Whether frames that go together take less time than one after another.</summary>
    bool GainsTogether { get; }

    /// <summary>Bytes of memory in use: the device's, by whomever, or this process's where the processor computes.</summary>
    long MemoryBytes { get; }

    /// <summary>Encodes a source.</summary>
    /// <param name="square">[S, S, 3].</param>
    EncodedSource Encode(byte[] square);

    /// <summary>Takes the motion of driving frames.</summary>
    /// <param name="squares">At most <see cref="Together"/>, each [S, S, 3].</param>
    /// <param name="codes">Receives alpha [squares, directions].</param>
    void EncodeMotion(ReadOnlySpan<byte[]> squares, Span<float> codes);

    /// <summary>Makes pictures of poses, of any sources.</summary>
    /// <param name="poses">At most <see cref="Together"/>.</param>
    /// <param name="pictures">Receive [S, S, 3] each.</param>
    /// <param name="faults">Receives which of them came out with values that are not finite numbers.</param>
    void Decode(ReadOnlySpan<LivePose> poses, ReadOnlySpan<byte[]> pictures, Span<bool> faults);
}

/// <summary>What a picture is decoded from.</summary>
/// <param name="Source">What is animated.</param>
/// <param name="Start">alpha where relative motion starts.</param>
/// <param name="Code">alpha of the frame.</param>
/// <param name="Strength">Factor on the motion.</param>
/// <param name="IsRelative">Whether motion is relative to its start.</param>
internal readonly record struct LivePose(EncodedSource Source, float[] Start, float[] Code, float Strength, bool IsRelative);

/// <summary>A model of a file, on a device.</summary>
internal sealed class LiveNetwork : ILiveNetwork
{
    private const int MostTogether = 32;

    private readonly LoadedModel _model;
    private readonly float[] _latents;
    private IMotionPipe? _motion;
    private IPicturePipe? _pictures;

    /// <summary>The devices that a network each is to be on.</summary>
    public static IReadOnlyList<Device> Devices(Device device) => device.MayBeSeveral ? DeviceSelection.Each(device) : [device];

    /// <summary>Loads a model on one device.</summary>
    /// <exception cref="WeightsException">The model cannot be read, or is not a LIA generator.</exception>
    /// <exception cref="NotSupportedException">The device is not there.</exception>
    /// <exception cref="OperationCanceledException">Loading was cancelled.</exception>
    public LiveNetwork(ModelOptions options, CancellationToken cancellationToken)
    {
        ILogger log = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Lia.Live");
        _model = ModelLoader.Open(options, 1, log.DeviceComplained, cancellationToken)[0];
        _latents = new float[MostTogether * Executor.Architecture.Style];
        // What a device prepares for batches it prepares now, and not while somebody waits.
        _ = (Motion, Pictures);
    }

    public string Name => _model.Name;

    public int Size => Executor.Architecture.Size;

    public int Directions => Executor.Architecture.Motion;

    public string DeviceName => Executor.DeviceName;

    public MotionMode DefaultMode => _model.DefaultMode;

    // Where nothing is gained, who asked first is answered first, and the end waits for one frame.
    public int Together => GainsTogether ? MostTogether : 1;

    public bool GainsTogether => Executor.PreferredBatch() > 1;

    public long MemoryBytes =>
        Executor is CudaExecutor { MemoryInfo: var memory } ? memory.Total - memory.Free : Environment.WorkingSet;

    private IExecutor Executor => _model.Executor;

    private IMotionPipe Motion => _motion ??= Executor.OpenMotion(Together, varies: true);

    private IPicturePipe Pictures => _pictures ??= Executor.OpenPictures(Together, varies: true);

    public EncodedSource Encode(byte[] square) => Explained(() =>
        SourceFrames.Still("the source", new RgbImage(Size, Size, square), Size, new()).Next(Executor)!);

    public void EncodeMotion(ReadOnlySpan<byte[]> squares, Span<float> codes)
    {
        try
        {
            Motion.Submit(squares);
            Motion.Receive(codes);
        }
        catch (Exception failure)
        {
            Forget();
            if (Executor.Explain(failure) is { } told) throw told;
            throw;
        }
    }

    public void Decode(ReadOnlySpan<LivePose> poses, ReadOnlySpan<byte[]> pictures, Span<bool> faults)
    {
        int style = Executor.Architecture.Style;
        for (int i = 0; i < poses.Length; i++)
        {
            LivePose pose = poses[i];
            Span<float> latent = _latents.AsSpan(i * style, style);
            if (pose.IsRelative) Latents.Relative(Executor.Basis, pose.Source.Appearance, pose.Source.Motion, pose.Start, pose.Code,
                pose.Strength, latent);
            else Latents.Absolute(Executor.Basis, pose.Source.Appearance, pose.Source.Motion, pose.Code, pose.Strength, latent);
        }
        try
        {
            EncodedSource[] sources = new EncodedSource[poses.Length];
            for (int i = 0; i < sources.Length; i++) sources[i] = poses[i].Source;
            Pictures.Submit(sources, _latents.AsSpan(0, poses.Length * style));
            Pictures.Receive(pictures, faults);
        }
        catch (Exception failure)
        {
            Forget();
            if (Executor.Explain(failure) is { } told) throw told;
            throw;
        }
    }

    public void Dispose()
    {
        Forget();
        Executor.Dispose();
    }

    /// <summary>Drops what is under way: after a failure nobody knows what there is.</summary>
    private void Forget()
    {
        _motion?.Dispose();
        _pictures?.Dispose();
        (_motion, _pictures) = (null, null);
    }

    private T Explained<T>(Func<T> step)
    {
        try
        {
            return step();
        }
        catch (Exception failure) when (Executor.Explain(failure) is { } told)
        {
            throw told;
        }
    }
}
