using Lia.Studio.Files;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Lia.Studio.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Animations;

/// <summary>Runs the animations that wait, one after another, with a model of its own: a clip holds an animator until it is
/// done.</summary>
internal sealed class AnimationRunner(
    AnimationStore store, PrivateFolder folder, StudioSettings settings, StudioMetrics metrics, ILogger<AnimationRunner> log)
    : BackgroundService
{
    private const int MostKept = 1000;

    private readonly SemaphoreSlim _something = new(0);
    private readonly Lock _gate = new();
    private (string Id, CancellationTokenSource Cancel)? _running;

    /// <summary>Something waits.</summary>
    public void Wake() => _something.Release();

    /// <summary>Stops an animation, or takes it out of the queue.</summary>
    public AnimationRecord? Cancel(string id)
    {
        AnimationRecord? after = store.Change(id, one => one.Status == Status.Queued ? Ended(one, Status.Cancelled) : null);
        if (after is { Status: Status.Cancelled }) RemoveInputs(after);
        lock (_gate)
        {
            if (_running is { } running && running.Id == id) running.Cancel.Cancel();
        }
        return after;
    }

    /// <summary>Removes the oldest results until there is room.</summary>
    /// <param name="bytes">For so much more.</param>
    /// <returns>Whether there is.</returns>
    public bool MakeRoom(long bytes)
    {
        AnimationRecord[] ended = [.. store.All().Where(one => one.HasEnded).Reverse()];
        int removed = 0;
        foreach (AnimationRecord oldest in ended)
        {
            bool isTooMany = ended.Length - removed > MostKept;
            if (!isTooMany && store.Bytes + bytes <= settings.DiskBudget) break;
            if (!isTooMany && oldest.Result is null) continue;
            log.MadeRoom(oldest.Id);
            store.Remove(oldest.Id);
            removed++;
        }
        return store.Bytes + bytes <= settings.DiskBudget;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Animator? animator = null;
        try
        {
            while (true)
            {
                if (store.NextQueued() is not { } next)
                {
                    await _something.WaitAsync(stoppingToken).ConfigureAwait(false);
                    continue;
                }
                using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                lock (_gate) _running = (next.Id, cancel);
                try
                {
                    animator = await Task.Run(() => Run(next.Id, animator, cancel.Token, stoppingToken), CancellationToken.None)
                        .ConfigureAwait(false);
                }
                finally
                {
                    lock (_gate) _running = null;
                }
                MakeRoom(0);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What ran is running still for the next process, which runs it again.
        }
        finally
        {
            animator?.Dispose();
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _something.Dispose();
    }

    private Animator? Run(string id, Animator? animator, CancellationToken cancel, CancellationToken stopping)
    {
        AnimationRecord? running = store.Change(id, one => one.Status == Status.Queued
            ? one with { Status = Status.Running, Started = DateTimeOffset.UtcNow } : null);
        if (running is not { Status: Status.Running }) return animator; // It was cancelled meanwhile.
        string place = folder.Animation(id);
        try
        {
            animator ??= new Animator(settings.Model, null, cancel);
            // What a run has left that did not end.
            AnimationFiles.Keep(place, AnimationFiles.Source(place), AnimationFiles.Driving(place, running.Motive));
            AnimationResult result = Make(animator, running, place, cancel);
            metrics.Made(result.Frames, "animation");
            store.Change(id, one => Ended(one, Status.Done) with { Result = result });
            log.Done(id, result.Frames);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            store.Change(id, one => Ended(one, Status.Cancelled));
        }
        catch (Exception failure)
        {
            string? told = Problem.Tell(failure, (AnimationFiles.Source(place), running.Source),
                (AnimationFiles.Driving(place, running.Motive), running.Driving ?? ""),
                (AnimationFiles.Result(place, running.Format), running.ResultName));
            if (told is null) log.Failed(failure, id);
            store.Change(id, one => Ended(one, Status.Failed) with { Error = told ?? "The service has failed here; its log says more." });
        }
        if (store.Find(id) is { } ended)
        {
            metrics.Ended(ended.Status.ToString().ToLowerInvariant());
            RemoveInputs(ended);
        }
        return animator;
    }

    private AnimationResult Make(Animator animator, AnimationRecord animation, string place, CancellationToken cancel)
    {
        AnimationPlan plan = AnimationPlan.Read(animation.Options, animation.Motive, animator.Directions, Formats.HasFfmpeg);
        string source = AnimationFiles.Source(place), driving = AnimationFiles.Driving(place, animation.Motive),
            output = AnimationFiles.Result(place, plan.Format);
        Progress progress = new(report => store.Change(animation.Id, one => one.Status == Status.Running
            ? one with { Progress = report } : null));
        if (animation.Motive != Motive.Directions)
        {
            AnimationSummary summary = animator.Animate(
                plan.SourceIsClip ? Source.Clip(source) : source, animation.Motive == Motive.Motion ? MotionClip.Load(driving) : driving,
                output, plan.Options, progress, cancel);
            return new(Length(), summary.Frames, summary.Width, summary.Height, summary.FrameRate.ToString(), summary.HasAudio);
        }
        RgbImage picture = RgbImage.Load(source, cancel);
        FrameRate rate = plan.Options.FrameRate ?? new FrameRate(10); // as lia manipulate has it
        if (plan.Sweeps.Count == 0)
        {
            animator.Manipulate(picture, plan.Directions, plan.Options, cancel).Save(output);
            return new(Length(), 1, animator.Size, animator.Size, rate.ToString(), false);
        }
        MotionEdit[][] frames = [.. plan.Sweeps.SelectMany(sweep => sweep).Select(step => (MotionEdit[])[.. plan.Directions, .. step])];
        using (ClipWriter writer = new(output, animator.Size, animator.Size, rate, cancel))
        {
            foreach (RgbImage frame in animator.ManipulateFrames(picture, frames, plan.Options, progress, cancel)) writer.Write(frame);
            writer.Complete();
        }
        return new(Length(), frames.Length, animator.Size, animator.Size, rate.ToString(), false);

        long Length() => new FileInfo(output).Length;
    }

    private static AnimationRecord Ended(AnimationRecord animation, Status status) =>
        animation with { Status = status, Finished = DateTimeOffset.UtcNow };

    /// <summary>What was uploaded goes with the work it was uploaded for. What cannot be removed now goes at the next start.</summary>
    private void RemoveInputs(AnimationRecord animation)
    {
        string place = folder.Animation(animation.Id);
        try
        {
            if (animation.Status != Status.Done) PrivateFolder.Remove(place);
            else AnimationFiles.Keep(place, AnimationFiles.Result(place, animation.Format));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log.NotRemoved(failure, animation.Id);
        }
    }

    private sealed class Progress(Action<AnimationProgress> report) : IProgress<AnimationProgress>
    {
        public void Report(AnimationProgress value) => report(value);
    }
}

/// <summary>Log messages of animations.</summary>
internal static partial class RunnerLog
{
    [LoggerMessage(1, LogLevel.Information, "animation {Id} is done: {Frames} frames")]
    public static partial void Done(this ILogger log, string id, int frames);

    [LoggerMessage(2, LogLevel.Error, "animation {Id} failed")]
    public static partial void Failed(this ILogger log, Exception failure, string id);

    [LoggerMessage(4, LogLevel.Warning, "what animation {Id} was made from could not be removed")]
    public static partial void NotRemoved(this ILogger log, Exception failure, string id);

    [LoggerMessage(3, LogLevel.Information, "animation {Id} made room for newer ones")]
    public static partial void MadeRoom(this ILogger log, string id);
}
