using Lia.Animation.Motion;
using Lia.Media.IO;
using Lia.Weights;

namespace Lia;

// Many pictures with one motion: the driving clip goes through the encoder once.
public sealed partial class Animator
{
    /// <summary>Animates many files with one motion. Driving frames are read and encoded once, when the first source needs them.</summary>
    /// <remarks>
    /// A job whose output is there already is skipped, so that the same call takes up again what was interrupted. A job that fails does not
    /// stop the others: a
    /// source that cannot be read, an output that cannot be written. What would stop all of them (the driving file cannot be read, the
    /// device fails, cancellation) is thrown. With several devices (<see cref="Device.CudaAll"/>) as many jobs run side by side, so that
    /// some of the next ones are done before their results are asked for.
    /// </remarks>
    /// <param name="jobs">The pictures and outputs (<see cref="AnimationJob.ForEach"/>).</param>
    /// <param name="driving">The motion.</param>
    /// <param name="overwrite">Whether to do jobs again whose output is there.</param>
    /// <param name="options">Options of every clip; null takes <see cref="Defaults"/>.</param>
    /// <param name="progress">Told about the driving clip's encoding first, then about each job's frames; of jobs that run side by side,
    /// those of the one whose result is waited for, on other threads than the caller's.</param>
    /// <param name="cancellationToken">Stops the work; the outputs that are there are whole.</param>
    /// <returns>What became of each job, in their order; a job is done when its result is asked for. The animator is occupied from the
    /// first result asked for
    /// until the loop is left.</returns>
    /// <exception cref="ArgumentException">Two jobs have the same output, an output is a pattern for numbered pictures, or options ask for
    /// a dump, which is of one clip,
    /// or for what the motion does not have.</exception>
    /// <exception cref="MediaException">The driving file cannot be read, or has no frame in the range; the motion is another
    /// model's.</exception>
    public IEnumerable<AnimationJobResult> AnimateMany(
        IEnumerable<AnimationJob> jobs, Driving driving, bool overwrite = false, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        Clip clip = Begin(Verb.AnimateMany, driving, options);
        AnimationJob[] all = AnimationJob.Check(jobs);
        foreach (AnimationJob job in all) Combinations.CheckOutput(job.Output, clip.Options);
        return Many(all, clip, overwrite, progress, cancellationToken);
    }

    private IEnumerable<AnimationJobResult> Many(
        AnimationJob[] jobs, Clip clip, bool overwrite, IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        using Occupation occupation = Occupy(cancellationToken);
        using CancellationTokenSource leaving = CancellationTokenSource.CreateLinkedTokenSource(occupation.Token);
        HashSet<string> sources = [.. jobs.Select(job => Outputs.Full(job.Source))];
        Queue<(AnimationJob Job, Task<AnimationJobResult> Result)> underWay = [];
        HeadProgress head = new(progress);
        MotionRecording? recording = null;
        try
        {
            foreach (AnimationJob job in jobs)
            {
                underWay.Enqueue((job, Begin(job)));
                while (underWay.Count >= _executor.Clips) yield return Oldest();
            }
            while (underWay.Count > 0) yield return Oldest();
        }
        finally
        {
            leaving.Cancel();
            // What they end with was told, or nobody asks for it any more.
            Task.WhenAll(underWay.Select(one => one.Result)).ContinueWith(static _ => { }, TaskScheduler.Default)
                .Wait(CancellationToken.None);
            recording?.Dispose();
        }

        AnimationJobResult Oldest()
        {
            (AnimationJob job, Task<AnimationJobResult> result) = underWay.Peek();
            head.Job = job;
            AnimationJobResult done = result.GetAwaiter().GetResult();
            underWay.Dequeue();
            return done;
        }

        Task<AnimationJobResult> Begin(AnimationJob job)
        {
            // Refused before it counts as done: an output that is there may be somebody's source.
            if (Attempt(() => Refuse(job)) is { } refusal) return Task.FromResult(new AnimationJobResult(job, null, refusal));
            if (!overwrite && job.IsDone) return Task.FromResult(new AnimationJobResult(job, null, null));
            recording ??= occupation.Explain(() => Complete(Record(clip, progress, occupation.Token)));
            if (_executor.Clips > 1)
                return Task.Factory.StartNew(() => Do(job), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            head.Job = job;
            return Task.FromResult(Do(job));
        }

        AnimationJobResult Do(AnimationJob job)
        {
            AnimationSummary? summary = null;
            Exception? failure = Attempt(() => summary = occupation.Explain(() => WriteJob(job)));
            return new AnimationJobResult(job, summary, failure);
        }

        void Refuse(AnimationJob job)
        {
            CheckDistinct(clip with { Source = job.Source }, job.Output);
            if (sources.Contains(Outputs.Full(job.Output)))
                throw new MediaException($"{job.Output}: the output would replace another job's source; choose another name.");
        }

        AnimationSummary WriteJob(AnimationJob job)
        {
            if (!File.Exists(job.Source) && !(job.SourceIsClip && Directory.Exists(job.Source)))
                throw new MediaException($"{job.Source}: there is no such file."); // Before a folder is made for it.
            string output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(job.Output));
            Outputs.Guard(job.Output, () => Directory.CreateDirectory(Path.GetDirectoryName(output)!));
            Source source = job.SourceIsClip ? Source.Clip(job.Source) : job.Source;
            return Write(
                source, _ => new RecordedMotion(recording!, clip.Settings.Motion,
                    ownsRecording: false), clip, job.Output, null, head.Of(job), leaving.Token);
        }
    }

    /// <summary>Of jobs that run side by side, tells of the one whose result is waited for: one bar is not torn between several.</summary>
    private sealed class HeadProgress(IProgress<AnimationProgress>? progress)
    {
        private volatile AnimationJob? _job;

        public AnimationJob? Job
        {
            get => _job;
            set => _job = value;
        }

        public IProgress<AnimationProgress>? Of(AnimationJob job) => progress is null ? null : new OfJob(this, progress, job);

        private sealed class OfJob(HeadProgress head, IProgress<AnimationProgress> progress, AnimationJob job)
            : IProgress<AnimationProgress>
        {
            public void Report(AnimationProgress value)
            {
                if (ReferenceEquals(head.Job, job)) progress.Report(value);
            }
        }
    }

    private static MotionRecording Complete(MotionRecording recording)
    {
        try
        {
            recording.Complete();
            return recording;
        }
        catch
        {
            recording.Dispose();
            throw;
        }
    }

    /// <summary>What one job can fail of without the others being touched; null when it went well.</summary>
    private static Exception? Attempt(Action step)
    {
        try
        {
            step();
            return null;
        }
        catch (Exception failure) when (failure is MediaException or WeightsException or IOException or UnauthorizedAccessException)
        {
            return failure;
        }
    }
}
