using Lia.Network;
using Lia.Weights;
using Microsoft.Extensions.Logging;

namespace Lia.Tests;

/// <summary>What the caller hands over may throw anywhere: no thread, no program and no file stays behind.</summary>
[Collection("Alone")]
public class ThrowingCallerTests
{
    private sealed class Bad : Exception;

    private sealed class BadLog(string at) : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => at == "create" ? throw new Bad() : this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
            string> formatter)
        {
            if (formatter(state, exception).Contains(at, StringComparison.Ordinal)) throw new Bad();
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public void AddProvider(ILoggerProvider provider) { }

        public void Dispose() { }
    }

    private sealed class BadProgress(int after) : IProgress<AnimationProgress>
    {
        public void Report(AnimationProgress value)
        {
            if (value.Frames >= after) throw new Bad();
        }
    }

    [Theory]
    [InlineData("create")]
    [InlineData("loaded")]
    public void A_logger_that_throws_while_a_model_loads_leaves_no_thread(string at)
    {
        FakeExecutor executor = new(64);
        Assert.Throws<Bad>(() => executor.Animator(log: new BadLog(at)));
        Assert.True(executor.IsDisposed);

        // The same with a true network, whose threads have a name. Nothing else runs; what other tests have left may still be ending.
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 24, 5, [12, 10, 8, 6, 4]), 1);
        HashSet<string> before = Workers();
        Assert.Throws<Bad>(() => new Animator(
            new ModelOptions { Weights = weights, Device = Device.Cpu, Threads = 7, LoggerFactory = new BadLog(at) }));
        Assert.True(SpinWait.SpinUntil(() => Workers().IsSubsetOf(before), TimeSpan.FromSeconds(10)), "A worker has outlived its network.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Progress_that_throws_leaves_nothing(bool isMinmax)
    {
        using TempFolder folder = new();
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 20", folder["driving.mp4"]);
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        AnimationOptions options = new()
        {
            Dump = folder["dump.safetensors"],
            PingPong = isMinmax,
            SideBySide = true,
            Normalization = isMinmax ? Normalization.MinMax : Normalization.Fixed,
        };
        Assert.Throws<Bad>(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"], options,
            new BadProgress(5)));
        Assert.Equal(["driving.mp4", "source.png"], folder.Entries);
        Assert.Equal(0, executor.LiveSources);
        // and it is free again
        Assert.Equal(3, animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"], new() { Frames = 0..3 }).Frames);
    }

    [Theory]
    [InlineData("begin")]
    [InlineData("next")]
    [InlineData("end")]
    public void Frames_that_throw_leave_nothing(string at)
    {
        using TempFolder folder = new();
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        AnimationOptions options = new() { Dump = folder["dump.safetensors"] };
        Assert.ThrowsAny<Bad>(() => animator.All(Pictures.Noise(64, 64, 1), at == "begin" ? throw new Bad() : Frames(), options));
        Assert.Empty(folder.Entries);
        Assert.Equal(0, executor.LiveSources);
        Assert.Single(animator.All(Pictures.Noise(64, 64, 1), [Pictures.Noise(64, 64, 2)]));

        IEnumerable<RgbImage> Frames()
        {
            try
            {
                yield return Pictures.Noise(64, 64, 2);
                if (at == "next") throw new Bad();
                for (int i = 0; i < 10; i++) yield return Pictures.Noise(64, 64, 3);
            }
            finally
            {
#pragma warning disable CA2219 // This is what is tested.
                if (at == "end") throw new Bad();
#pragma warning restore CA2219
            }
        }
    }

    /// <summary>The threads of networks that there are. The kernel lets go of a thread a moment after it was joined.</summary>
    private static HashSet<string> Workers() => [.. Directory.GetDirectories("/proc/self/task").Where(IsWorker)];

    private static bool IsWorker(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("LIA worker", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has ended
        }
    }
}
