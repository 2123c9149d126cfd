using System.Text.Json;
using Lia.Evaluation;

namespace Lia.Cli.Manifests;

/// <summary>Scores of clips added up, so that the sums of shards can be: a clip weighs as its frames do. The sums are of the rows in their
/// order, whichever was done first. May be used from several threads.</summary>
internal sealed class ScoreSums
{
    private static readonly string[] Names = ["l1", "psnr", "ssim", "msSsim"];
    private const string LpipsName = "lpips";

    private readonly Lock _gate = new();
    private readonly SortedDictionary<int, ClipScores> _scores = [];

    /// <summary>Number of clips.</summary>
    public int Clips => _scores.Count;

    /// <summary>The mean over all frames; null without any.</summary>
    public ClipScores? Mean => ClipScores.Mean(_scores.Values);

    /// <summary>Takes the scores of a row's clip.</summary>
    public void Add(int row, ClipScores scores)
    {
        lock (_gate) _scores[row] = scores;
    }

    /// <summary>Writes a clip's scores as members.</summary>
    public static void Write(Utf8JsonWriter json, ClipScores scores)
    {
        json.WriteNumber("frames", scores.Frames);
        foreach ((string name, double value) in Names.Zip(Values(scores))) json.WriteNumber(name, value);
        if (scores.Lpips is { } lpips) json.WriteNumber(LpipsName, lpips);
    }

    /// <summary>Writes the sums, over frames, as members.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("clips", Clips);
        json.WriteNumber("frames", _scores.Values.Sum(scores => (long)scores.Frames));
        for (int i = 0; i < Names.Length; i++) json.WriteNumber(Names[i], _scores.Values.Sum(scores => scores.Frames * Values(scores)[i]));
        if (Clips > 0 && _scores.Values.All(scores => scores.Lpips is not null))
            json.WriteNumber(LpipsName, _scores.Values.Sum(scores => scores.Frames * scores.Lpips!.Value));
    }

    /// <summary>Reads what <see cref="Write(Utf8JsonWriter, ClipScores)"/> wrote.</summary>
    /// <returns>Null when they are no scores.</returns>
    public static ClipScores? Read(JsonElement json)
    {
        double[] values = new double[Names.Length];
        if (!json.TryGetProperty("frames", out JsonElement frames) || !frames.TryGetInt32(out int count) || count < 1) return null;
        for (int i = 0; i < Names.Length; i++)
            if (!json.TryGetProperty(Names[i], out JsonElement value) || !value.TryGetDouble(out values[i])) return null;
        double? lpips = json.TryGetProperty(LpipsName, out JsonElement distance) && distance.TryGetDouble(out double read) ? read : null;
        return new(count, values[0], values[1], values[2], values[3], lpips);
    }

    private static double[] Values(ClipScores scores) => [scores.L1, scores.Psnr, scores.Ssim, scores.MsSsim];
}
