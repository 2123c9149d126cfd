using System.Text.Json;
using Lia.Media.IO;

namespace Lia.Evaluation;

/// <summary>Scores of a model's reconstructions, clip by clip: what <see cref="Animator.EvaluateEach"/> makes and <c>lia evaluate -o</c>
/// writes.</summary>
public sealed partial class EvaluationReport
{
    private readonly List<EvaluatedClip> _clips = [];

    internal EvaluationReport(EvaluationSetting setting) => Setting = setting;

    internal EvaluationSetting Setting { get; }

    /// <summary>SHA-256 of the model file; of the name of a model that comes from no file.</summary>
    public string ModelFingerprint => Setting.Fingerprint;

    /// <summary>Side of the frames that were compared.</summary>
    public int Size => Setting.Size;

    /// <summary>Number of scales of <see cref="ClipScores.MsSsim"/> (<see cref="ImageMetrics.MsSsimScales"/>).</summary>
    public int MsSsimScales => ImageMetrics.MsSsimScales(Size, Size);

    /// <summary>Every clip, in the order in which they were first asked for.</summary>
    public IReadOnlyList<EvaluatedClip> Clips => _clips;

    /// <summary>The mean over all frames of all clips that have scores; null if none has.</summary>
    public ClipScores? Overall => ClipScores.Mean(_clips.Where(clip => clip.Scores is not null).Select(clip => clip.Scores!));

    /// <summary>Reads a report.</summary>
    /// <param name="path">A file that <see cref="Save"/> wrote.</param>
    /// <exception cref="MediaException">It is missing, or no report.</exception>
    public static EvaluationReport Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using FileStream file = Inputs.OpenFile(path);
        try
        {
            using JsonDocument json = JsonDocument.Parse(file);
            return Read(json.RootElement);
        }
        catch (Exception failure) when (
            failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IOException)
        {
            throw new MediaException($"{path}: this is no report of an evaluation: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    /// <summary>Writes the report as JSON.</summary>
    /// <param name="path">The file is replaced when it exists; it appears complete or not at all.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using PendingFile file = new(path);
        Outputs.Guard(path, () =>
        {
            FileStream stream = file.Open();
            using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
            {
                json.WriteStartObject();
                Write(json);
                json.WriteEndObject();
            }
            stream.WriteByte((byte)'\n');
            file.Commit();
        });
    }

    /// <summary>The scores a clip has already, if any.</summary>
    internal EvaluatedClip? Scored(string clip) => _clips.Find(known => known.Clip == clip && known.Scores is not null);

    /// <summary>Adds a clip, or replaces what is known of it.</summary>
    internal void Set(EvaluatedClip clip)
    {
        int known = _clips.FindIndex(one => one.Clip == clip.Clip);
        if (known < 0) _clips.Add(clip);
        else _clips[known] = clip;
    }
}

/// <summary>What must agree for scores to stand in one report.</summary>
/// <param name="Fingerprint">Of the model.</param>
/// <param name="Size">S.</param>
/// <param name="Mode">How motion is transferred.</param>
/// <param name="Fit">How frames become square.</param>
/// <param name="Crop">Which part of the frames: a box, <c>auto</c> or <c>none</c>, which is all of them.</param>
/// <param name="Frames">Which frames of each clip.</param>
/// <param name="Precision">How the device computes.</param>
/// <param name="Lpips">Fingerprint of the LPIPS weights; null without.</param>
internal sealed record EvaluationSetting(string Fingerprint, int Size, string Mode, string Fit, string Crop, string Frames,
    string Precision, string? Lpips)
{
    /// <summary>In what this setting differs from another, in words; null if in nothing.</summary>
    public string? DifferenceFrom(EvaluationSetting other) =>
        Fingerprint != other.Fingerprint || Size != other.Size ? "another model"
        : Mode != other.Mode ? $"{Mode} motion, not {other.Mode}"
        : Fit != other.Fit ? $"the fit {Fit}, not {other.Fit}"
        : Crop != other.Crop ? $"the driving crop {Crop}, not {other.Crop}"
        : Frames != other.Frames ? $"the frames {Frames}, not {other.Frames}"
        : Precision != other.Precision ? $"the precision {Precision}, not {other.Precision}"
        : Lpips == other.Lpips ? null
        : Lpips is null ? "no LPIPS" : other.Lpips is null ? "LPIPS" : "other LPIPS weights";
}
