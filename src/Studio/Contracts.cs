using System.Text.Json;
using Lia.Studio.Animations;
using Lia.Studio.Settings;
using Lia.Studio.Uploads;

namespace Lia.Studio;

/// <summary>A part of a picture in pixels.</summary>
internal sealed record BoxView(int Left, int Top, int Width, int Height)
{
    public static BoxView Of(PixelBox box) => new(box.X, box.Y, box.Width, box.Height);
}

internal sealed record LimitsView(
    long UploadBytes, int SourcePixels, int DrivingFrames, int QueuedAnimations, int Sources, int Drivings, int Sessions, float Delta,
    float Strength);

internal sealed record ModelView(
    string Name, string Version, bool Demonstration, int Size, int Directions, string Mode, string Device, bool Page, bool Ffmpeg,
    string[] Formats, LimitsView Limits);

internal sealed record SourceView(string Id, string Name, int Width, int Height, BoxView Crop)
{
    public static SourceView Of(SourceUpload source) => new(source.Id, source.Name, source.Width, source.Height, BoxView.Of(source.Part));
}

internal sealed record DrivingView(
    string Id, string Name, int Frames, int Encoded, int Width, int Height, double Seconds, string Rate, bool Sound)
{
    public static DrivingView Of(DrivingUpload driving) => new(
        driving.Id, driving.Name, driving.Frames, driving.Encoded, driving.Width, driving.Height, driving.Rate.Seconds(driving.Frames),
        driving.Rate.ToString(), driving.HasSound);
}

internal sealed record StartView(int Frame);

internal sealed record ResultView(
    string Url, string Name, string Type, long Bytes, int Frames, int Width, int Height, string Rate, bool Sound);

internal sealed record AnimationsView(IReadOnlyList<AnimationView> Animations);

internal sealed record AnimationView(
    string Id, string Status, DateTimeOffset Created, DateTimeOffset? Started, DateTimeOffset? Finished, string Source, string? Driving,
    JsonElement Options, string? Stage, int Done, int? Of, double? SecondsLeft, string? Error, string Command, ResultView? Result)
{
    public static AnimationView From(AnimationRecord animation)
    {
        AnimationProgress? progress = animation.Progress;
        AnimationResult? result = animation.Result;
        return new(
            animation.Id, Lower(animation.Status), animation.Created, animation.Started, animation.Finished, animation.Source,
            animation.Driving, animation.Options, animation.Status == Animations.Status.Running ? Lower(progress?.Stage ?? default) : null,
            result?.Frames ?? progress?.Frames ?? 0, result?.Frames ?? progress?.Total,
            animation.Status == Animations.Status.Running ? progress?.Remaining?.TotalSeconds : null, animation.Error, animation.Command,
            result is null ? null : new($"/api/animations/{animation.Id}/result", animation.ResultName,
                AnimationRecord.TypeOf(animation.Format), result.Bytes, result.Frames, result.Width, result.Height, result.Rate,
                result.HasSound));
    }

    private static string Lower<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
