using Lia.Network;

namespace Lia.Studio.Tests;

/// <summary>A network whose pictures can be foretold: one pixel, ten times the source and the code.</summary>
internal sealed class FakeNetwork : ILiveNetwork
{
    public const float Faulty = 200, Broken = 201;

    private readonly TaskCompletionSource _running = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when a batch is under way.</summary>
    public Task Running => _running.Task;

    public List<int> Batches { get; } = [];

    public List<byte> Encoded { get; } = [];

    public int Alive { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>What it fails with from now on; null works.</summary>
    public Exception? Failure { get; set; }

    public TimeSpan Delay { get; init; }

    /// <summary>Batches wait until it is open; null lets them pass.</summary>
    public ManualResetEventSlim? Gate { get; init; }

    public string Name => "fake";

    public int Size => 1;

    public int Directions => 1;

    public string DeviceName { get; init; } = "fake";

    public MotionMode DefaultMode => MotionMode.Relative;

    public int Together => 8;

    public bool GainsTogether { get; init; }

    public long MemoryBytes => 1;

    public EncodedSource Encode(byte[] square)
    {
        if (Failure is { } failure) throw failure;
        Encoded.Add(square[0]);
        Alive++;
        return new Source(square[0], () => Alive--);
    }

    public void EncodeMotion(ReadOnlySpan<byte[]> squares, Span<float> codes)
    {
        if (Failure is { } failure) throw failure;
        for (int i = 0; i < squares.Length; i++) codes[i] = squares[i][0];
    }

    public void Decode(ReadOnlySpan<LivePose> poses, ReadOnlySpan<byte[]> pictures, Span<bool> faults)
    {
        _running.TrySetResult();
        if (Delay > TimeSpan.Zero) Thread.Sleep(Delay);
        Gate?.Wait();
        Batches.Add(poses.Length);
        if (Failure is { } failure) throw failure;
        for (int i = 0; i < poses.Length; i++)
        {
            if (poses[i].Code[0] == Broken) throw new InvalidOperationException();
            faults[i] = poses[i].Code[0] == Faulty;
            pictures[i][0] = (byte)(10 * ((Source)poses[i].Source).Value + poses[i].Code[0]);
        }
    }

    public void Dispose()
    {
        IsDisposed = true;
        if (Failure is { } failure) throw failure; // what is on a lost device cannot be freed
    }

    private sealed class Source(byte value, Action disposed) : EncodedSource
    {
        public byte Value => value;

        public override ReadOnlySpan<float> Appearance => default;

        public override ReadOnlySpan<float> Motion => default;

        public override void Dispose() => disposed();
    }
}
