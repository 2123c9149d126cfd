using System.Globalization;
using System.Text.Json;
using Lia.Media.Imaging;
using Lia.Studio.Access;
using Lia.Studio.Faces;
using Lia.Studio.Live;
using Lia.Studio.Problems;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lia.Studio.Inference;

/// <summary>The Open Inference Protocol, version 2, over REST, with sequences and binary tensor data as Triton has them.</summary>
internal static class InferenceEndpoints
{
    private const int MostFrames = 64, MostJson = 32 << 20, MostBinary = 256 << 20;
    private const string HeaderLength = "Inference-Header-Content-Length", Output = "frames";

    public static void Map(WebApplication application)
    {
        application.MapGet("/v2", () => Results.Json(new
        {
            name = "lia", version = Version, extensions = (string[])["sequence", "binary_tensor_data"],
        }));
        application.MapGet("/v2/health/live", () => Results.Ok());
        application.MapGet("/v2/health/ready", (Networks network) => IsReady(network) ? Results.Ok()
            : Results.StatusCode(StatusCodes.Status503ServiceUnavailable));
        application.MapGet("/v2/models/{name}", MetadataAsync);
        application.MapGet("/v2/models/{name}/ready", (string name, Networks network) =>
            IsReady(network) && network.Facts.Result.Name == name ? Results.Ok() : Fail(StatusCodes.Status404NotFound, "no such model"));
        application.MapPost("/v2/models/{name}/infer", InferAsync).RequireRateLimiting(Rates.Work);
    }

    private static string Version =>
        typeof(InferenceEndpoints).Assembly.GetName().Version?.ToString(3) ?? "";

    private static bool IsReady(Networks network) => network.Facts.IsCompletedSuccessfully;

    private static IResult Fail(int status, string error) => Results.Json(new { error }, statusCode: status);

    private static async Task<IResult> MetadataAsync(string name, Networks network)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        if (facts.Name != name) return Fail(StatusCodes.Status404NotFound, "no such model");
        return Results.Json(new
        {
            name,
            versions = (string[])["1"],
            platform = "lia_native",
            inputs = new[]
            {
                new { name = "source", datatype = "UINT8", shape = (int[])[-1, -1, 3] },
                new { name = "driving", datatype = "UINT8", shape = (int[])[-1, -1, -1, 3] },
            },
            outputs = new[] { new { name = Output, datatype = "UINT8", shape = (int[])[-1, facts.Size, facts.Size, 3] } },
        });
    }

    private static async Task<IResult> InferAsync(string name, HttpContext context, Networks network, Sequences sequences)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        if (facts.Name != name) return Fail(StatusCodes.Status404NotFound, "no such model");
        try
        {
            InferenceRequest request = await ReadAsync(context.Request).ConfigureAwait(false);
            return await AnswerAsync(request, facts, network, sequences, context).ConfigureAwait(false);
        }
        catch (ProblemException problem)
        {
            if (problem.RetryAfter is { } after) context.Response.Headers.RetryAfter = after.ToString(CultureInfo.InvariantCulture);
            return Fail(problem.Status, problem.Message);
        }
        catch (JsonException)
        {
            return Fail(StatusCodes.Status400BadRequest, "The JSON is not in order.");
        }
    }

    private static async Task<IResult> AnswerAsync(
        InferenceRequest request, NetworkFacts facts, Networks network, Sequences sequences, HttpContext context)
    {
        Tensor? source = request.Inputs.GetValueOrDefault("source"), driving = request.Inputs.GetValueOrDefault("driving");
        if (request.Inputs.Keys.FirstOrDefault(key => key is not ("source" or "driving")) is { } unknown)
            throw ProblemException.Bad($"There is no input '{Files.Multipart.FileName(unknown, "?")}'.");
        float strength = Limits.Strength(request.Strength);
        RgbImage[] pictures = source?.Pictures("source") ?? [], frames = driving?.Pictures("driving") ?? [];
        if (pictures.Length > 1) throw ProblemException.Bad("source is one picture.");
        if (frames.Length > MostFrames) throw ProblemException.Bad($"driving has at most {MostFrames} frames in a request.");
        Sequence sequence;
        if (request.SequenceId is not { } id)
        {
            if (pictures.Length == 0 || frames.Length == 0)
                throw ProblemException.Bad("Without a sequence a request has source and driving.");
            sequence = new(new Face(Square(pictures[0], facts.Size)));
        }
        else if (request.IsStart)
        {
            if (pictures.Length == 0) throw ProblemException.Bad("A sequence starts with source.");
            sequence = sequences.Begin(id, new Face(Square(pictures[0], facts.Size)));
        }
        else
        {
            if (pictures.Length > 0) throw ProblemException.Bad("The source comes once, with sequence_start.");
            sequence = sequences.Find(id);
        }
        byte[] made = new byte[frames.Length * 3 * facts.Size * facts.Size];
        try
        {
            await sequence.Turn.WaitAsync(context.RequestAborted).ConfigureAwait(false);
            try
            {
                await AnimateAsync(sequence, frames, strength, made, facts, network).ConfigureAwait(false);
            }
            finally
            {
                sequence.Turn.Release();
            }
        }
        finally
        {
            if (request.SequenceId is null) network.Forget(sequence.Face);
            else if (request.IsEnd) sequences.End(request.SequenceId);
        }
        int[] shape = [frames.Length, facts.Size, facts.Size, 3];
        return request.IsBinary ? Binary(context, facts.Name, request.Id, shape, made) : Results.Json(new
        {
            model_name = facts.Name,
            model_version = "1",
            id = request.Id,
            outputs = new[] { new { name = Output, datatype = "UINT8", shape, data = made.Select(value => (int)value) } },
        });
    }

    private static async Task AnimateAsync(
        Sequence sequence, RgbImage[] frames, float strength, byte[] made, NetworkFacts facts, Networks network)
    {
        bool isRelative = facts.DefaultMode == MotionMode.Relative;
        int length = 3 * facts.Size * facts.Size, first = 0;
        if (isRelative && sequence.Start is null && frames.Length > 0)
        {
            sequence.Start = await DrawAsync(0).ConfigureAwait(false);
            first = 1;
        }
        // All at once: they go through the network together.
        await Task.WhenAll(Enumerable.Range(first, frames.Length - first).Select(DrawAsync)).ConfigureAwait(false);

        async Task<float[]> DrawAsync(int frame)
        {
            Picture picture = await network.AskAsync(new(sequence.Face, "inference")
            {
                Frame = Square(frames[frame], facts.Size),
                Start = isRelative ? sequence.Start : null,
                Strength = strength,
                IsRelative = isRelative,
            }).ConfigureAwait(false);
            picture.Pixels.CopyTo(made, frame * length);
            Networks.Return(picture);
            return picture.Code;
        }
    }

    private static IResult Binary(HttpContext context, string model, string? id, int[] shape, byte[] made)
    {
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new
        {
            model_name = model,
            model_version = "1",
            id,
            outputs = new[] { new { name = Output, datatype = "UINT8", shape, parameters = new { binary_data_size = made.Length } } },
        });
        context.Response.Headers[HeaderLength] = header.Length.ToString(CultureInfo.InvariantCulture);
        return Results.Bytes((byte[])[.. header, .. made], "application/octet-stream");
    }

    private static byte[] Square(RgbImage picture, int size)
    {
        byte[] square = new byte[3 * size * size];
        new FrameFitter(size, Fit.Crop).Fit(picture, square);
        return square;
    }

    private static async Task<InferenceRequest> ReadAsync(HttpRequest request)
    {
        bool isBinary = request.Headers.TryGetValue(HeaderLength, out var text);
        int headerLength = 0;
        if (isBinary && !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out headerLength))
            throw ProblemException.Bad($"{HeaderLength} is the number of bytes of the JSON.");
        int most = isBinary ? MostBinary : MostJson;
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = most;
        if (request.ContentLength > most) throw TooLarge();
        using MemoryStream body = new((int)Math.Min(most, request.ContentLength ?? 0));
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted).ConfigureAwait(false)) > 0;)
        {
            if (body.Length + count > most) throw TooLarge();
            body.Write(buffer, 0, count);
        }
        ReadOnlyMemory<byte> all = body.GetBuffer().AsMemory(0, (int)body.Length);
        if (!isBinary) headerLength = all.Length;
        if (headerLength > all.Length || headerLength > MostJson) throw ProblemException.Bad($"{HeaderLength} is more than there is.");
        return InferenceRequest.Read(all[..headerLength], all[headerLength..]);

        ProblemException TooLarge() => new(StatusCodes.Status413PayloadTooLarge, $"The request is larger than {most >> 20} MiB.");
    }
}
