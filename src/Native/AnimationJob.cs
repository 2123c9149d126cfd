using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Png;

namespace Lia;

/// <summary>A picture to animate and where the result goes: one of many that are driven by the same motion.</summary>
/// <param name="Source">The picture file.</param>
/// <param name="Output">The file or folder to write, by extension as everywhere, numbered pictures (<c>NAME%05d.png</c>) apart: of those it
/// cannot be told whether all are there. The folder it lies in is made when it is missing.</param>
public sealed record AnimationJob(string Source, string Output)
{
    /// <summary>Whether the source is a clip, as of <see cref="Lia.Source.Clip(string)"/>.</summary>
    public bool SourceIsClip { get; init; }

    /// <summary>Whether the output is there. Outputs appear complete or not at all, so what is there is whole; what it was made from is not
    /// looked at.</summary>
    public bool IsDone => File.Exists(Output) || (Directory.Exists(Output) && Directory.EnumerateFileSystemEntries(Output).Any());

    /// <summary>A job for every picture, with outputs in one folder that are called after their sources: <c>faces/anna.png</c> becomes
    /// <c>out/anna.mp4</c>.</summary>
    /// <param name="sources">Picture files and folders of pictures; the pictures of a folder are taken in the order of their
    /// numbers.</param>
    /// <param name="folder">Where the outputs go.</param>
    /// <param name="extension">What they are: <c>.mp4</c>, <c>.webm</c>, <c>.gif</c>, <c>.webp</c>, <c>.png</c>, <c>.apng</c>,
    /// <c>.y4m</c>, <c>.rgb</c>; empty for a folder of pictures each.</param>
    /// <returns>The jobs, in the order of the sources.</returns>
    /// <exception cref="MediaException">A folder cannot be read, has no picture in it or is the output folder too, or two sources have the
    /// same name but for folder and extension.</exception>
    public static IReadOnlyList<AnimationJob> ForEach(IEnumerable<string> sources, string folder, string extension)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(extension);
        List<AnimationJob> jobs = [];
        Dictionary<string, string> takenBy = [];
        foreach (string source in sources.SelectMany(Pictures))
        {
            string output = Path.Combine(folder, Path.GetFileNameWithoutExtension(source) + extension);
            if (!takenBy.TryAdd(output, source))
                throw new MediaException($"{source}: its output would be {output}, and so would that of {takenBy[output]}; rename one, or "
                    + "use two folders.");
            jobs.Add(new AnimationJob(source, output));
        }
        return jobs;

        IEnumerable<string> Pictures(string source)
        {
            if (!Directory.Exists(source)) return [source];
            if (Outputs.Full(source) == Outputs.Full(folder))
                throw new MediaException($"{folder}: it is a folder of sources; choose another for the outputs.");
            return FolderReader.Pictures(source);
        }
    }

    /// <summary>Refuses jobs that get into each other's way.</summary>
    /// <exception cref="ArgumentException">An output is a pattern, or that of two jobs.</exception>
    internal static AnimationJob[] Check(IEnumerable<AnimationJob> jobs)
    {
        AnimationJob[] all = [.. jobs];
        HashSet<string> outputs = [];
        foreach (AnimationJob job in all)
        {
            ArgumentException.ThrowIfNullOrEmpty(job.Source);
            ArgumentException.ThrowIfNullOrEmpty(job.Output);
            if (PngSequenceWriter.IsPattern(job.Output))
                throw new ArgumentException($"{job.Output}: of numbered pictures it cannot be told whether all are there; name a folder.");
            if (!outputs.Add(Outputs.Full(job.Output))) throw new ArgumentException($"{job.Output}: two jobs have this output.");
        }
        return all;
    }
}

/// <summary>What became of a job.</summary>
/// <param name="Job">The job.</param>
/// <param name="Summary">What was written; null where nothing was.</param>
/// <param name="Failure">Why nothing could be written; its message is one line and names the file. Null where nothing went wrong.</param>
public sealed record AnimationJobResult(AnimationJob Job, AnimationSummary? Summary, Exception? Failure)
{
    /// <summary>Whether there was nothing to do: the output is there.</summary>
    public bool IsSkipped => Summary is null && Failure is null;
}
