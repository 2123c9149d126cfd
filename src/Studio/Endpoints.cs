using System.Globalization;
using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lia.Studio.Access;
using Lia.Studio.Animations;
using Lia.Studio.Faces;
using Lia.Studio.Files;
using Lia.Studio.Live;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Lia.Studio.Telemetry;
using Lia.Studio.Uploads;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lia.Studio;

/// <summary>What is under <c>/api</c>; docs/service.md is the contract.</summary>
internal static class Endpoints
{
    private static readonly TimeSpan Pulse = TimeSpan.FromSeconds(15), Pace = TimeSpan.FromMilliseconds(100);

    /// <summary>The program's version.</summary>
    public static string Version { get; } =
        typeof(Endpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public static void Map(WebApplication application)
    {
        RouteGroupBuilder api = application.MapGroup("/api");
        api.MapGet("/model", ModelAsync);

        api.MapPost("/sources", PostSourceAsync).RequireRateLimiting(Rates.Work).DisableAntiforgery();
        api.MapGet("/sources/{id}", (string id, Shelf<SourceUpload> sources) => TypedResults.Ok(SourceView.Of(sources.Find(id))));
        api.MapPut("/sources/{id}/crop", PutCropAsync);
        api.MapGet("/sources/{id}/picture", (string id, Shelf<SourceUpload> sources) => Png(sources.Find(id).Read()))
            .RequireRateLimiting(Rates.Work);
        api.MapGet("/sources/{id}/square", SquareAsync);
        api.MapGet("/sources/{id}/directions/{direction:int}.png", DirectionAsync);
        api.MapGet("/sources/{id}/preview", PreviewAsync);
        api.MapGet("/sources/{id}/live", LiveAsync).ExcludeFromDescription();
        api.MapGet("/sources/{id}/camera", CameraAsync).ExcludeFromDescription();
        api.MapDelete("/sources/{id}", (string id, Shelf<SourceUpload> sources) => Removed(sources, id));

        api.MapPost("/drivings", PostDrivingAsync).RequireRateLimiting(Rates.Work).DisableAntiforgery();
        api.MapGet("/drivings/{id}", (string id, Shelf<DrivingUpload> drivings) => TypedResults.Ok(DrivingView.Of(drivings.Find(id))));
        api.MapGet("/drivings/{id}/frames/{frame:int}.jpg", (string id, int frame, Shelf<DrivingUpload> drivings) =>
            TypedResults.PhysicalFile(drivings.Find(id).ThumbnailOf(frame), "image/jpeg"));
        api.MapGet("/drivings/{id}/clip", (string id, Shelf<DrivingUpload> drivings) =>
            TypedResults.PhysicalFile(drivings.Find(id).File, ContentTypes.Of(drivings.Find(id).File), enableRangeProcessing: true));
        api.MapGet("/drivings/{id}/start", StartAsync);
        api.MapDelete("/drivings/{id}", (string id, Shelf<DrivingUpload> drivings) => Removed(drivings, id));

        api.MapPost("/animations", PostAnimationAsync).RequireRateLimiting(Rates.Work).DisableAntiforgery();
        api.MapGet("/animations", (AnimationStore store) =>
            TypedResults.Ok(new AnimationsView([.. store.All().Select(AnimationView.From)])));
        api.MapGet("/animations/{id}", (string id, AnimationStore store) => TypedResults.Ok(AnimationView.From(Found(store, id))));
        api.MapGet("/animations/{id}/events", Events);
        api.MapGet("/animations/{id}/result", Result);
        api.MapDelete("/animations/{id}", DeleteAnimation);
    }

    private static async Task<Ok<ModelView>> ModelAsync(StudioSettings settings, Networks network)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        bool hasFfmpeg = Formats.HasFfmpeg;
        return TypedResults.Ok(new ModelView(
            facts.Name, Version, settings.IsDemonstration, facts.Size, facts.Directions, facts.DefaultMode.ToString().ToLowerInvariant(),
            facts.DeviceName, settings.HasPage, hasFfmpeg, AnimationPlan.Formats(hasFfmpeg),
            new(settings.MostUpload, RgbImage.MaxPixels, settings.MostFrames, settings.MostQueued, settings.MostKept.Sources,
                settings.MostKept.Drivings, settings.MostSessions, Limits.MostDelta, Limits.MostStrength)));
    }

    private static async Task<Created<SourceView>> PostSourceAsync(HttpRequest request, Uploader uploader)
    {
        SourceUpload source = await uploader.SourceAsync(request).ConfigureAwait(false);
        return TypedResults.Created($"/api/sources/{source.Id}", SourceView.Of(source));
    }

    private static async Task<Created<DrivingView>> PostDrivingAsync(HttpRequest request, Uploader uploader)
    {
        DrivingUpload driving = await uploader.DrivingAsync(request).ConfigureAwait(false);
        return TypedResults.Created($"/api/drivings/{driving.Id}", DrivingView.Of(driving));
    }

    private static async Task<Ok<SourceView>> PutCropAsync(string id, HttpRequest request, Shelf<SourceUpload> sources)
    {
        SourceUpload source = sources.Find(id);
        BoxView? box = await request.ReadFromJsonAsync<BoxView?>(request.HttpContext.RequestAborted).ConfigureAwait(false);
        PixelBox? crop = box is null ? null : new PixelBox(box.Left, box.Top, box.Width, box.Height);
        if (crop is { } part && !(part.IsBox && part.FitsInto(source.Width, source.Height)))
            throw ProblemException.Bad($"The crop {part} reaches beyond the picture, which is {source.Width}x{source.Height}.");
        source.Cut(crop);
        return TypedResults.Ok(SourceView.Of(source));
    }

    private static async Task<FileContentHttpResult> SquareAsync(string id, Shelf<SourceUpload> sources, Networks network)
    {
        int size = (await network.Facts.ConfigureAwait(false)).Size;
        return Png(new(size, size, sources.Find(id).Face.Square));
    }

    private static async Task<FileContentHttpResult> DirectionAsync(
        string id, int direction, float? delta, int? size, Shelf<SourceUpload> sources, Networks network)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        SourceUpload source = sources.Find(id);
        if (direction >= facts.Directions)
            throw new ProblemException(StatusCodes.Status404NotFound,
                $"There is no motion direction {direction}: this model's are 0 to {facts.Directions - 1}.");
        if (size is { } width && (width < 16 || width > facts.Size))
            throw ProblemException.Bad($"size is a number from 16 to {facts.Size}.");
        float[] deltas = new float[facts.Directions];
        deltas[direction] = Limits.Delta(delta ?? 3);
        RgbImage moved = await DrawAsync(network, facts,
            new PictureRequest(source.Face, "preview") { Code = deltas, Start = new float[facts.Directions] }).ConfigureAwait(false);
        return TypedResults.Bytes(Pictures.ToPng(moved, size ?? Math.Min(96, facts.Size)), "image/png");
    }

    private static async Task<FileContentHttpResult> PreviewAsync(
        string id, HttpRequest request, Shelf<SourceUpload> sources, Shelf<DrivingUpload> drivings, Networks network)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        SourceUpload source = sources.Find(id);
        IQueryCollection query = request.Query;
        float[] deltas = new float[facts.Directions];
        foreach (string? text in query["direction"])
        {
            MotionEdit edit = AnimationPlan.Edit(text ?? "", facts.Directions);
            deltas[edit.Direction] += edit.Delta;
        }
        Pose pose = new()
        {
            Driving = One("driving") is { } driving ? drivings.Find(driving) : null,
            Frame = One("frame") is { } frame ? Whole("frame", frame) : 0,
            Smooth = One("smooth") is { } smooth ? Limits.Smooth(Whole("smooth", smooth)) : 1,
            Start = One("start-frame") is { } start ? Limits.Start(start) : null,
            Mode = One("mode") is { } mode ? Limits.Mode(mode) : default,
            Strength = One("strength") is { } strength ? Strength(strength) : 1,
            Directions = deltas,
        };
        string format = One("format") ?? "jpg";
        if (format is not ("jpg" or "png")) throw ProblemException.Bad("format is jpg or png.");
        if (query.Keys.FirstOrDefault(key => key is not ("direction" or "driving" or "frame" or "smooth" or "start-frame" or "mode"
            or "strength" or "format")) is { } unknown) throw ProblemException.Bad($"There is no option '{unknown}' of a preview.");
        RgbImage picture = await DrawAsync(network, facts, await pose.AskAsync(
            source, network, "preview", request.HttpContext.RequestAborted).ConfigureAwait(false)).ConfigureAwait(false);
        return format == "png" ? Png(picture) : TypedResults.Bytes(Pictures.ToJpeg(picture), "image/jpeg");

        string? One(string name) => query[name] is { Count: > 0 } values ? values[0] : null;
    }

    private static int Whole(string name, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value
            : throw ProblemException.Bad($"{name} is a whole number.");

    private static float Strength(string text) => Limits.Strength(
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : float.NaN);

    private static async Task<RgbImage> DrawAsync(Networks network, NetworkFacts facts, PictureRequest request)
    {
        Picture picture = await network.AskAsync(request).ConfigureAwait(false);
        RgbImage copy = new(facts.Size, facts.Size, (byte[])picture.Pixels.Clone());
        Networks.Return(picture);
        return copy;
    }

    private static async Task LiveAsync(
        string id, HttpContext context, Shelf<SourceUpload> sources, Shelf<DrivingUpload> drivings, Networks network,
        StudioMetrics metrics, Sessions sessions, ILogger<LiveConnection> log, IHostApplicationLifetime lifetime)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        SourceUpload source = sources.Find(id);
        await sessions.ServeAsync(context, socket =>
            new LiveConnection(socket, source, drivings, facts.Directions, network, metrics, log), lifetime.ApplicationStopping)
            .ConfigureAwait(false);
    }

    private static async Task CameraAsync(
        string id, HttpContext context, Shelf<SourceUpload> sources, Networks network, StudioMetrics metrics, Sessions sessions,
        ILogger<CameraConnection> log, IHostApplicationLifetime lifetime)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        SourceUpload source = sources.Find(id);
        IQueryCollection query = context.Request.Query;
        MotionMode mode = query["mode"] is { Count: > 0 } asked ? Limits.Mode(asked.ToString()) : MotionMode.Auto;
        CameraSettings settings = new(
            query["strength"] is { Count: > 0 } strength ? Strength(strength.ToString()) : 1,
            query["fit"] is { Count: > 0 } fit ? Limits.Fit(fit.ToString()) : Fit.Crop,
            query["driving-crop"] is { Count: > 0 } crop ? Limits.Box(crop.ToString(), "driving-crop") : null,
            (mode == MotionMode.Auto ? facts.DefaultMode : mode) == MotionMode.Relative);
        if (settings.Crop is { IsBox: false }) throw ProblemException.Bad("driving-crop holds no pixel.");
        await sessions.ServeAsync(context, socket =>
            new CameraConnection(socket, source, settings, facts.Size, network, metrics, log), lifetime.ApplicationStopping)
            .ConfigureAwait(false);
    }

    private static async Task<Ok<StartView>> StartAsync(
        string id, string source, int? smooth, Shelf<DrivingUpload> drivings, Shelf<SourceUpload> sources, Networks network,
        CancellationToken cancellationToken)
    {
        DrivingUpload driving = drivings.Find(id);
        float[] code = await network.CodeOfAsync(sources.Find(source).Face).ConfigureAwait(false);
        return TypedResults.Ok(new StartView(await driving.NearestAsync(code, Limits.Smooth(smooth ?? 1), TimeSpan.Zero, cancellationToken)
            .ConfigureAwait(false)));
    }

    private static NoContent Removed<T>(Shelf<T> shelf, string id) where T : Upload
    {
        shelf.Remove(id);
        return TypedResults.NoContent();
    }

    private static FileContentHttpResult Png(RgbImage picture) => TypedResults.Bytes(Pictures.ToPng(picture), "image/png");

    private static async Task<Accepted<AnimationView>> PostAnimationAsync(HttpRequest request, Submission submission)
    {
        AnimationRecord animation = await submission.TakeAsync(request).ConfigureAwait(false);
        return TypedResults.Accepted($"/api/animations/{animation.Id}", AnimationView.From(animation));
    }

    private static AnimationRecord Found(AnimationStore store, string id) => store.Find(id) ?? throw ProblemException.Missing("animation");

    private static ServerSentEventsResult<AnimationView> Events(
        string id, AnimationStore store, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        Found(store, id);
        return TypedResults.ServerSentEvents(Watch(store, id, lifetime.ApplicationStopping, cancellationToken));
    }

    private static async IAsyncEnumerable<SseItem<AnimationView>> Watch(
        AnimationStore store, string id, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        while (!either.IsCancellationRequested && store.Watch(id) is { } one)
        {
            yield return new(AnimationView.From(one.Animation), "animation");
            if (one.Animation.HasEnded) yield break;
            await QuietAsync(Task.WhenAny(one.Changed, Task.Delay(Pulse, either.Token))).ConfigureAwait(false);
            // Progress may be told a thousand times a second, and is not looked at so often.
            if (!either.IsCancellationRequested) await QuietAsync(Task.Delay(Pace, either.Token)).ConfigureAwait(false);
        }

        static async Task QuietAsync(Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static PhysicalFileHttpResult Result(
        string id, string? download, AnimationStore store, PrivateFolder folder)
    {
        AnimationRecord animation = Found(store, id);
        if (animation.Result is null) throw new ProblemException(StatusCodes.Status409Conflict,
            $"The animation is {animation.Status.ToString().ToLowerInvariant()}; there is no result.", animation.HasEnded ? null : 1);
        return TypedResults.PhysicalFile(AnimationFiles.Result(folder.Animation(id), animation.Format),
            AnimationRecord.TypeOf(animation.Format), download is null ? null : animation.ResultName, enableRangeProcessing: true);
    }

    private static Results<NoContent, Accepted<AnimationView>> DeleteAnimation(string id, AnimationStore store, AnimationRunner runner)
    {
        AnimationRecord animation = Found(store, id);
        if (!animation.HasEnded && runner.Cancel(id) is { } cancelled)
            return TypedResults.Accepted($"/api/animations/{id}", AnimationView.From(cancelled));
        if (!store.Remove(id)) throw ProblemException.Missing("animation");
        return TypedResults.NoContent();
    }
}
