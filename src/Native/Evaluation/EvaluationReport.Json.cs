using System.Text.Json;

namespace Lia.Evaluation;

// {
//   "model": "<sha256>", "size": 128, "mode": "relative", "fit": "crop", "drivingCrop": "none", "frames": "0..^0", "precision": "auto",
// "lpips": null, "msSsimScales": 4,
//   "clips": [ { "clip": "a.mp4", "frames": 48, "l1": 0.01, "psnr": 30.1, "ssim": 0.95, "msSsim": 0.97, "lpips": 0.03 }, { "clip":
// "b.mp4", "problem": "..." } ],
//   "overall": { "frames": 48, ... }
// }
public sealed partial class EvaluationReport
{
    /// <summary>Writes the members of the report's JSON object.</summary>
    internal void Write(Utf8JsonWriter json)
    {
        json.WriteString("model", Setting.Fingerprint);
        json.WriteNumber("size", Setting.Size);
        json.WriteString("mode", Setting.Mode);
        json.WriteString("fit", Setting.Fit);
        json.WriteString("drivingCrop", Setting.Crop);
        json.WriteString("frames", Setting.Frames);
        json.WriteString("precision", Setting.Precision);
        json.WriteString("lpips", Setting.Lpips);
        json.WriteNumber("msSsimScales", MsSsimScales);
        json.WriteStartArray("clips");
        foreach (EvaluatedClip clip in _clips)
        {
            json.WriteStartObject();
            json.WriteString("clip", clip.Clip);
            if (clip.Scores is { } scores) Write(json, scores);
            else json.WriteString("problem", clip.Problem);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (Overall is { } overall)
        {
            json.WriteStartObject("overall");
            Write(json, overall);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("overall");
        }
    }

    private static void Write(Utf8JsonWriter json, ClipScores scores)
    {
        json.WriteNumber("frames", scores.Frames);
        json.WriteNumber("l1", scores.L1);
        json.WriteNumber("psnr", scores.Psnr);
        json.WriteNumber("ssim", scores.Ssim);
        json.WriteNumber("msSsim", scores.MsSsim);
        if (scores.Lpips is { } lpips) json.WriteNumber("lpips", lpips);
    }

    private static EvaluationReport Read(JsonElement json)
    {
        EvaluationReport report = new(new EvaluationSetting(
            Text("model"), json.GetProperty("size")
                .GetInt32(), Text("mode"), Text("fit"), Text("drivingCrop"), Text("frames"), Text("precision"), json.GetProperty("lpips")
                    .GetString()));
        foreach (JsonElement clip in json.GetProperty("clips").EnumerateArray())
        {
            string name = clip.GetProperty("clip").GetString() ?? throw new FormatException("a clip has no name");
            report.Set(clip.TryGetProperty("problem", out JsonElement problem) ? new(name, null, problem.GetString())
                : new(name, Scores(clip), null));
        }
        return report;

        string Text(string name) => json.GetProperty(name).GetString() ?? throw new FormatException($"{name} is missing");
    }

    private static ClipScores Scores(JsonElement json)
    {
        int frames = json.GetProperty("frames").GetInt32();
        if (frames < 1) throw new FormatException("a clip has no frames");
        return new(frames, Number("l1"), Number("psnr"), Number("ssim"), Number("msSsim"), json.TryGetProperty("lpips", out _)
            ? Number("lpips") : null);

        double Number(string name) => json.GetProperty(name).GetDouble();
    }
}
