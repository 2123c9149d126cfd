using System.Text.Json;
using Lia.Cli.Manifests;
using Lia.Network.Cuda;

namespace Lia.Cli.Tests;

/// <summary>Rows over several devices: each has one at a time, and what one cannot do others do.</summary>
public sealed class ShardRunTests(Workspace files) : IClassFixture<Workspace>
{
    private static Lane Working(int? failsAfter = null, Device? device = null)
    {
        int opened = 0;
        return new(failsAfter is null ? "cuda:0" : "cuda:1", asked => device is null || asked == device, (model, cancellationToken) =>
            opened++ >= failsAfter ? throw new NotSupportedException("The device cuda:1 cannot be used",
                new GpuUnavailableException("it is\nlost", isAbsent: false))
            : new Animator(model with { Device = Device.Cpu }, null, cancellationToken));
    }

    private Fake[] Jobs(int count, Action<Fake, Animator> step, Device? device = null) =>
    [
        .. Enumerable.Range(1, count).Select(i => new Fake(step)
        {
            Row = i, Name = $"row {i}", Work = 1, Model = new() { Model = files.Model, Device = device ?? Device.Cpu, Threads = 1 },
        }),
    ];

    private (ShardOutcome Outcome, Fake[] Jobs, Told Told) Run(Fake[] jobs, params Lane[] lanes)
    {
        Told told = new();
        using StatusFile status = new(null);
        return (new ShardRun(lanes, status, told).Run(jobs, TestContext.Current.CancellationToken), jobs, told);
    }

    [Fact]
    public void A_device_that_is_not_there_leaves_its_rows_to_the_others()
    {
        (ShardOutcome outcome, Fake[] jobs, Told told) = Run(Jobs(6, (_, _) => { }), Working(failsAfter: 0), Working());
        Assert.Equal(new ShardOutcome(6, 0, 0, 0, 0, false), outcome);
        Assert.All(jobs, job => Assert.Equal((1, 1), (job.Done, job.Released)));
        Assert.All(told.Devices, device => Assert.Equal(("cuda:1", "The device cuda:1 cannot be used"), (device.Name, device.Reason)));
        Assert.NotEmpty(told.Devices);
    }

    [Fact]
    public void Devices_that_are_not_there_cost_no_row_as_long_as_one_is()
    {
        (ShardOutcome outcome, Fake[] jobs, Told told) = Run(Jobs(4, (_, _) => { }), Working(0), Working(0), Working(0), Working());
        Assert.Equal(new ShardOutcome(4, 0, 0, 0, 0, false), outcome);
        Assert.All(jobs, job => Assert.Equal((1, 1), (job.Done, job.Released)));
        Assert.Empty(told.Failures);
    }

    [Fact]
    public void A_row_goes_to_no_device_that_it_does_not_name()
    {
        Device other = Device.CudaAt(1);
        Fake[] jobs = [.. Jobs(4, (_, _) => { }), .. Jobs(3, (_, _) => { }, other)];
        (ShardOutcome outcome, _, Told told) = Run(jobs, Working(device: Device.Cpu), Working(0, other));
        // The first shows twice that the device is not there; the others nobody tries.
        Assert.Equal(new ShardOutcome(4, 0, 0, 1, 2, false), outcome);
        Assert.Equal(ExitCode.TryAgain, outcome.ExitCode);
        Assert.Equal([false, true], told.Devices.Select(device => device.IsGivenUp));
        Assert.All(jobs[4..], job => Assert.Equal(0, job.Tried));
    }

    [Fact]
    public void A_shard_without_rows_needs_no_device() => Assert.Equal(new ShardOutcome(0, 0, 0, 0, 0, false), Run([]).Outcome);

    [Fact]
    public void A_device_that_is_lost_at_work_gives_its_row_to_another()
    {
        Animator? lost = null;
        using ManualResetEventSlim both = new();
        int begun = 0;
        (ShardOutcome outcome, Fake[] jobs, Told told) = Run(Jobs(6, (job, animator) =>
        {
            // Both are at work before one is lost.
            if (Interlocked.Increment(ref begun) == 2) both.Set();
            Assert.True(both.Wait(TimeSpan.FromSeconds(60)));
            if (job.Row == 1) Interlocked.CompareExchange(ref lost, animator, null);
            if (animator == lost) throw new GpuUnavailableException("an illegal memory access", isAbsent: false);
        }), Working(), Working());
        Assert.Equal(0, outcome.ExitCode);
        Assert.All(jobs, job => Assert.Equal(1, job.Done));
        Assert.Equal(2, jobs[0].Tried);
        Assert.Contains(told.Devices, device => device.Reason == "an illegal memory access");
    }

    [Fact]
    public void A_row_that_no_device_can_do_does_not_stop_the_others()
    {
        (ShardOutcome outcome, Fake[] jobs, _) = Run(Jobs(5, (job, _) =>
        {
            if (job.Row == 2) throw new GpuUnavailableException("out of memory", isAbsent: false);
        }), Working(), Working());
        Assert.Equal(new ShardOutcome(4, 0, 0, 1, 0, false), outcome);
        Assert.Equal(ExitCode.TryAgain, outcome.ExitCode);
        Assert.Equal(2, jobs[1].Tried);
    }

    [Fact]
    public void A_failure_of_the_program_is_one_rows_and_a_full_disk_ends_the_run()
    {
        (ShardOutcome outcome, _, Told told) = Run(Jobs(4, (job, _) =>
        {
            if (job.Row == 2) throw new InvalidOperationException("a fault");
        }), Working());
        Assert.Equal(new ShardOutcome(3, 0, 1, 0, 0, false), outcome);
        Assert.Equal(ExitCode.BadRows, outcome.ExitCode);
        Assert.Contains("internal error: System.InvalidOperationException: a fault", Assert.Single(told.Failures));

        (outcome, Fake[] jobs, _) = Run(Jobs(9, (_, _) => throw new MediaException("full", new IOException("full", 28))), Working());
        Assert.Equal((3, 6), (outcome.Again, outcome.Left));
        Assert.All(jobs[3..], job => Assert.Equal(0, job.Tried));
    }

    [Fact]
    public void Every_device_has_rows_at_the_same_time()
    {
        using CountdownEvent together = new(3);
        (ShardOutcome outcome, _, _) = Run(Jobs(3, (_, _) =>
        {
            together.Signal();
            Assert.True(together.Wait(TimeSpan.FromSeconds(60)));
        }), Working(), Working(), Working());
        Assert.Equal(3, outcome.Done);
    }

    private sealed class Fake(Action<Fake, Animator> step) : RowJob
    {
        public int Tried, Done, Released;

        public override IRowClaim Claim() => new Taken(this);

        public override void Release() => Released++;

        private sealed class Taken(Fake job) : IRowClaim
        {
            public bool IsDone => false;

            public void Do(Animator animator, IProgress<AnimationProgress> progress, CancellationToken cancellationToken)
            {
                Interlocked.Increment(ref job.Tried);
                job.Step(job, animator);
                Interlocked.Increment(ref job.Done);
            }

            public string Describe() => "done";

            public void Write(Utf8JsonWriter json) { }

            public void Dispose() { }
        }

        private Action<Fake, Animator> Step => step;
    }

    private sealed class Told : IRunTeller
    {
        public List<(string Name, string Reason, bool IsGivenUp)> Devices { get; } = [];

        public List<string> Failures { get; } = [];

        public void Begin(RowJob job, int lanes) { }

        public void Progress(RowJob job, int lane, AnimationProgress progress) { }

        public void Done(PlannedRow job, string? description) { }

        public void Failed(PlannedRow job, string reason)
        {
            lock (Failures) Failures.Add(reason);
        }

        public void DeviceFailed(string device, string reason, bool isGivenUp)
        {
            lock (Devices) Devices.Add((device, reason, isGivenUp));
        }
    }
}
