using System.Diagnostics;

namespace Lia.Cli.Manifests;

/// <summary>What became of a shard's rows.</summary>
/// <param name="Done">Worked off in this run.</param>
/// <param name="Skipped">Done already.</param>
/// <param name="Failed">That can never succeed.</param>
/// <param name="Again">That failed now, and may succeed another time or elsewhere.</param>
/// <param name="Left">That were not tried.</param>
/// <param name="IsCancelled">Whether the run was stopped.</param>
internal sealed record ShardOutcome(int Done, int Skipped, int Failed, int Again, int Left, bool IsCancelled)
{
    /// <summary>The exit status of the run.</summary>
    public int ExitCode => IsCancelled ? Cli.ExitCode.Cancelled : Again + Left > 0 ? Cli.ExitCode.TryAgain
        : Failed > 0 ? Cli.ExitCode.BadRows : Cli.ExitCode.Success;
}

/// <summary>
/// Works off the rows of a shard in their order, a row at a time on each device. A device's failure gives its row to the others; one that
/// fails twice running is given up. A row that two devices fail at is for another time; that a device does not open is not the row's fault.
/// Failures of the machine, three running, end the run: the rest is for another time.
/// </summary>
/// <param name="lanes">A device each; for every row there is one.</param>
/// <param name="status">Is told everything.</param>
/// <param name="teller">Tells people.</param>
/// <param name="overwrite">Whether rows are done again that are done.</param>
internal sealed class ShardRun(IReadOnlyList<Lane> lanes, StatusFile status, IRunTeller teller, bool overwrite = false)
{
    private const int MostFailures = 2, MostMachineFailures = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300), Beat = TimeSpan.FromSeconds(5);

    private readonly object _gate = new();
    private readonly LinkedList<Entry> _waiting = new();
    private readonly int[] _counts = new int[4]; // by verdict
    private readonly bool[] _isGone = new bool[lanes.Count];
    private int _atWork, _machineFailures;
    private bool _isOver;

    /// <summary>Works them off.</summary>
    /// <param name="jobs">The rows.</param>
    /// <param name="cancellationToken">Stops the work; outputs that are there are whole.</param>
    public ShardOutcome Run(IReadOnlyList<RowJob> jobs, CancellationToken cancellationToken)
    {
        foreach (RowJob job in jobs) _waiting.AddLast(new Entry(job));
        using CancellationTokenRegistration waking = cancellationToken.Register(Wake);
        Exception? fault = null;
        Thread[] others = [.. lanes.Index().Skip(1).Select(lane =>
            new Thread(() => Guarded(lane.Index)) { Name = $"LIA {lane.Item.Name}" })];
        foreach (Thread other in others) other.Start();
        if (lanes.Count > 0) Guarded(0);
        foreach (Thread other in others) other.Join();
        if (fault is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
        return new(_counts[(int)Verdict.Done], _counts[(int)Verdict.Skipped], _counts[(int)Verdict.Failed], _counts[(int)Verdict.Again],
            _waiting.Count, cancellationToken.IsCancellationRequested && _waiting.Count > 0);

        void Guarded(int lane)
        {
            try
            {
                Work(lane, cancellationToken);
            }
#pragma warning disable CA1031 // Thrown again where the run was called: a thread's own exception would end the program.
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref fault, e, null);
                lock (_gate) _isOver = true;
                Wake();
            }
#pragma warning restore CA1031
        }
    }

    private void Work(int lane, CancellationToken token)
    {
        Animator? animator = null;
        ModelOptions? loaded = null;
        int failures = 0;
        try
        {
            while (Take(lane, token) is { } entry)
            {
                RowJob job = entry.Job;
                bool isOpening = false;
                try
                {
                    using IRowClaim? claim = job.Claim();
                    if (claim is null)
                    {
                        Return(entry with { NotBefore = Stopwatch.GetTimestamp() }, atEnd: true);
                        continue;
                    }
                    bool isThere = claim.IsDone && !overwrite;
                    Stopwatch watch = Stopwatch.StartNew();
                    if (!isThere)
                    {
                        status.Write("start", job.Write);
                        if (animator is null || loaded != job.Model)
                        {
                            animator?.Dispose();
                            animator = null;
                            isOpening = true;
                            animator = lanes[lane].Open(job.Model, token);
                            isOpening = false;
                            loaded = job.Model;
                        }
                        teller.Begin(job, lanes.Count);
                        claim.Do(animator, new Progress(status, teller, job, lane), token);
                    }
                    status.Write("done", json =>
                    {
                        job.Write(json);
                        json.WriteBoolean("skipped", isThere);
                        if (!isThere) json.WriteNumber("seconds", Math.Round(watch.Elapsed.TotalSeconds, 3));
                        claim.Write(json);
                    });
                    teller.Done(job, isThere ? null : claim.Describe());
                    failures = 0;
                    Over(job, isThere ? Verdict.Skipped : Verdict.Done);
                }
                catch (OperationCanceledException) when (token.IsCancellationRequested)
                {
                    Return(entry, atEnd: false);
                    return;
                }
#pragma warning disable CA1031 // One row's failure, whatever it is, is not another's.
                catch (Exception failure)
                {
                    RowFailure kind = RowFailures.Of(failure);
                    if (kind != RowFailure.Device)
                    {
                        Fail(job, kind, kind == RowFailure.Internal ? $"internal error: {failure}" : failure.Message);
                        continue;
                    }
                    animator?.Dispose();
                    animator = null;
                    if (DeviceFailed(lane, entry, failure, isOpening, ++failures)) return;
                }
#pragma warning restore CA1031
            }
        }
        finally
        {
            animator?.Dispose();
            lock (_gate) _isGone[lane] = true;
            Wake();
        }
    }

    /// <summary>Gives a row to others.</summary>
    /// <returns>Whether the device is given up.</returns>
    private bool DeviceFailed(int lane, Entry entry, Exception failure, bool isOpening, int failures)
    {
        bool isGivenUp = failures >= MostFailures;
        string name = lanes[lane].Name, reason = failure.Message.ReplaceLineEndings(" ");
        status.Write("device", json =>
        {
            entry.Job.Write(json);
            json.WriteNumber("lane", lane);
            json.WriteString("device", name);
            json.WriteString("reason", StatusFile.Cut(reason));
            json.WriteBoolean("givenUp", isGivenUp);
        });
        teller.DeviceFailed(name, reason, isGivenUp);
        bool hasOthers;
        lock (_gate)
        {
            _isGone[lane] = isGivenUp;
            hasOthers = HasOthers(lane, entry);
        }
        int rowsFault = entry.Failures + (isOpening && hasOthers ? 0 : 1);
        if (rowsFault < MostFailures) Return(entry with { Failures = rowsFault, FailedOn = lane }, atEnd: false);
        else Fail(entry.Job, RowFailure.Device, reason);
        return isGivenUp;
    }

    /// <summary>Whether another device may do a row.</summary>
    private bool HasOthers(int lane, Entry entry) =>
        lanes.Index().Any(other => other.Index != lane && !_isGone[other.Index] && other.Item.Does(entry.Job.Model.Device));

    private void Fail(RowJob job, RowFailure kind, string reason)
    {
        bool isForNow = kind is RowFailure.Machine or RowFailure.Device;
        status.Write("failed", json =>
        {
            job.Write(json);
            json.WriteString("reason", StatusFile.Cut(reason));
            json.WriteBoolean("retry", isForNow);
        });
        teller.Failed(job, reason);
        lock (_gate) _isOver |= kind == RowFailure.Machine && ++_machineFailures >= MostMachineFailures;
        Over(job, isForNow ? Verdict.Again : Verdict.Failed);
    }

    private void Over(RowJob job, Verdict verdict)
    {
        job.Release();
        lock (_gate)
        {
            _counts[(int)verdict]++;
            if (verdict == Verdict.Done) _machineFailures = 0;
            _atWork--;
        }
        Wake();
    }

    /// <summary>The next row; null when there is none for this device, and none can come.</summary>
    private Entry? Take(int lane, CancellationToken token)
    {
        lock (_gate)
        {
            while (!token.IsCancellationRequested && !_isOver)
            {
                bool mayWait = false;
                for (LinkedListNode<Entry>? node = _waiting.First; node is not null; node = node.Next)
                {
                    Entry entry = node.Value;
                    if (!lanes[lane].Does(entry.Job.Model.Device)) continue;
                    bool isElsewhere = entry.NotBefore is { } since && Stopwatch.GetElapsedTime(since) < Patience;
                    bool isForOthers = entry.FailedOn == lane && HasOthers(lane, entry);
                    mayWait |= isElsewhere || isForOthers;
                    if (isElsewhere || isForOthers) continue;
                    _waiting.Remove(node);
                    _atWork++;
                    return entry;
                }
                // A row at work may come back.
                if (!mayWait && _atWork == 0) return null;
                Monitor.Wait(_gate, Patience);
            }
            return null;
        }
    }

    private void Return(Entry entry, bool atEnd)
    {
        lock (_gate)
        {
            _atWork--;
            if (atEnd) _waiting.AddLast(entry);
            else _waiting.AddFirst(entry);
        }
        Wake();
    }

    private void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }

    private enum Verdict
    {
        Done,
        Skipped,
        Failed,
        Again,
    }

    private sealed record Entry(RowJob Job)
    {
        /// <summary>When somebody else was seen at work on it.</summary>
        public long? NotBefore { get; init; }

        public int Failures { get; init; }

        public int FailedOn { get; init; } = -1;
    }

    /// <summary>Tells of a row's frames: the first batch, and one every few seconds.</summary>
    private sealed class Progress(StatusFile status, IRunTeller teller, RowJob job, int lane) : IProgress<AnimationProgress>
    {
        private readonly Stopwatch _sinceLast = new();

        public void Report(AnimationProgress value)
        {
            teller.Progress(job, lane, value);
            if (_sinceLast.IsRunning && _sinceLast.Elapsed < Beat) return;
            _sinceLast.Restart();
            status.Write("progress", json =>
            {
                job.Write(json);
                json.WriteString("stage", value.Stage == AnimationStage.Encoding ? "encoding" : "animating");
                json.WriteNumber("frames", value.Frames);
                if (value.Total is { } total) json.WriteNumber("of", total);
            });
        }
    }
}
