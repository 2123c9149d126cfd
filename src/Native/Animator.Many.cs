using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Motion;
using Lia.Weights;

namespace Lia;

// Many pictures with one motion: the driving clip goes through the encoder once.
public sealed partial class Animator
{
    /// <summary>Animates many picture files with one driving file. The driving frames are read and encoded once, when the first picture needs them.</summary>
    /// <remarks>
    /// A job whose output is there already is skipped, so that the same call takes up again what was interrupted. A job that fails does not stop the others: a
    /// source that cannot be read, an output that cannot be written. What would stop all of them (the driving file cannot be read, the device fails, cancellation) is thrown.
    /// </remarks>
    /// <param name="jobs">The pictures and outputs (<see cref="AnimationJob.ForEach"/>).</param>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="overwrite">Whether to do jobs again whose output is there.</param>
    /// <param name="options">Options of every clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told about the driving clip's encoding first, then about each job's frames.</param>
    /// <param name="cancellationToken">Stops the work; the outputs that are there are whole.</param>
    /// <returns>What became of each job, in their order; a job is done when its result is asked for. The animator is occupied from the first result asked for until the loop is left.</returns>
    /// <exception cref="ArgumentException">Two jobs have the same output, an output is a pattern for numbered pictures, or options ask for a dump, which is of one clip.</exception>
    /// <exception cref="MediaException">The driving file cannot be read, or has no frame in the range.</exception>
    public IEnumerable<AnimationJobResult> AnimateMany(
        IEnumerable<AnimationJob> jobs, string driving, bool overwrite = false, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(driving);
        options = ForClip(options);
        return Many(Check(jobs, options), (driving, "the driving file"), token => Record(Read(driving, options), options, progress, token),
            overwrite, options, progress, cancellationToken);
    }

    /// <summary>Animates many picture files with one motion clip; otherwise as with a driving file.</summary>
    /// <param name="jobs">The pictures and outputs (<see cref="AnimationJob.ForEach"/>).</param>
    /// <param name="motion">The motion.</param>
    /// <param name="overwrite">Whether to do jobs again whose output is there.</param>
    /// <param name="options">Options of every clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told about each job's frames.</param>
    /// <param name="cancellationToken">Stops the work; the outputs that are there are whole.</param>
    /// <returns>What became of each job, in their order; a job is done when its result is asked for. The animator is occupied from the first result asked for until the loop is left.</returns>
    /// <exception cref="ArgumentException">Two jobs have the same output, an output is a pattern for numbered pictures, or options ask for a dump or for driving frames side by side.</exception>
    /// <exception cref="MediaException">The motion is another model's, or has no frame in the range.</exception>
    public IEnumerable<AnimationJobResult> AnimateMany(
        IEnumerable<AnimationJob> jobs, MotionClip motion, bool overwrite = false, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options = ForMotion(motion, options);
        return Many(Check(jobs, options), (motion.Path, "the motion file"), _ => new MotionRecording(motion, options), overwrite, options, progress, cancellationToken);
    }

    private IEnumerable<AnimationJobResult> Many(
        AnimationJob[] jobs, (string? Path, string What) driving, Func<CancellationToken, MotionRecording> record, bool overwrite, AnimationOptions options,
        IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        using Occupation clip = Occupy(cancellationToken);
        HashSet<string> sources = [.. jobs.Select(job => Outputs.Full(job.Source))];
        MotionRecording? recording = null;
        try
        {
            foreach (AnimationJob job in jobs)
            {
                // Refused before it counts as done: an output that is there may be somebody's source.
                Exception? refusal = Attempt(() => Refuse(job));
                if (refusal is null && !overwrite && job.IsDone)
                {
                    yield return new AnimationJobResult(job, null, null);
                    continue;
                }
                if (refusal is null) recording ??= clip.Explain(() => Complete(record(clip.Token)));
                AnimationSummary? summary = null;
                refusal ??= Attempt(() => summary = clip.Explain(() => Write(job)));
                yield return new AnimationJobResult(job, summary, refusal);
            }
        }
        finally
        {
            recording?.Dispose();
        }

        void Refuse(AnimationJob job)
        {
            FrameWriters.CheckDistinct([(job.Source, "the source"), .. driving.Path is null ? [] : ((string, string)[])[(driving.Path, driving.What)]], job.Output, null);
            if (sources.Contains(Outputs.Full(job.Output))) throw new MediaException($"{job.Output}: the output would replace another job's source; choose another name.");
        }

        AnimationSummary Write(AnimationJob job)
        {
            if (!File.Exists(job.Source)) throw new MediaException($"{job.Source}: there is no such file."); // Before a folder is made for it.
            string output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(job.Output));
            Outputs.Guard(job.Output, () => Directory.CreateDirectory(Path.GetDirectoryName(output)!));
            return WriteClip(job.Source, _ => new RecordedMotion(recording!, options, ownsRecording: false), job.Output, options, progress, clip.Token);
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

    private static AnimationJob[] Check(IEnumerable<AnimationJob> jobs, AnimationOptions options)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        if (options.Dump is not null) throw new ArgumentException($"{options.Dump}: a dump is of one clip, and there may be many.");
        AnimationJob[] all = [.. jobs];
        HashSet<string> outputs = [];
        foreach (AnimationJob job in all)
        {
            job.Validate();
            if (!outputs.Add(Outputs.Full(job.Output))) throw new ArgumentException($"{job.Output}: two jobs have this output.");
        }
        return all;
    }
}
