using System.Text.Json;
using Lia.Studio.Animations;
using Lia.Studio.Faces;
using Lia.Studio.Files;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Lia.Studio.Uploads;
using Microsoft.AspNetCore.Http;

namespace Lia.Studio;

/// <summary>Takes in animations.</summary>
internal sealed class Submission(
    PrivateFolder folder, StudioSettings settings, Networks network, AnimationStore store, AnimationRunner runner,
    Shelf<SourceUpload> sources, Shelf<DrivingUpload> drivings)
{
    private const int RetryAfter = 5;

    private static readonly JsonSerializerOptions Shallow = new() { MaxDepth = 8 };

    private int _coming;

    /// <summary>Reads a form, and puts what it asks for into the queue.</summary>
    /// <exception cref="ProblemException">It cannot be, or the queue is full.</exception>
    public async Task<AnimationRecord> TakeAsync(HttpRequest request)
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        // Those that are being read have their place already: none is read in vain.
        int coming = Interlocked.Increment(ref _coming);
        string id = PrivateFolder.NewId(), place = folder.NewAnimation(id);
        try
        {
            if (store.Queued + coming > settings.MostQueued)
                throw new ProblemException(StatusCodes.Status429TooManyRequests,
                    $"{settings.MostQueued} animations wait already.", RetryAfter);
            if (!runner.MakeRoom(request.ContentLength ?? 0))
                throw new ProblemException(StatusCodes.Status429TooManyRequests, "The disk's budget is used up by what waits.", RetryAfter);
            AnimationRecord animation = store.Add(await ReadAsync(request, id, place, facts).ConfigureAwait(false));
            runner.Wake();
            return animation;
        }
        catch
        {
            PrivateFolder.Remove(place);
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _coming);
        }
    }

    private async Task<AnimationRecord> ReadAsync(HttpRequest request, string id, string place, NetworkFacts facts)
    {
        Form form = await Multipart.ReadAsync(request, place, ["source", "driving", "motion"], settings.MostUpload,
            request.HttpContext.RequestAborted).ConfigureAwait(false);
        if (form.Fields.Keys.FirstOrDefault(field => field is not ("source" or "driving" or "options")) is { } unknown)
            throw ProblemException.Bad($"The field '{Multipart.FileName(unknown, "?")}' is not understood.");
        Dictionary<string, JsonElement> options = ReadOptions(form.Fields.GetValueOrDefault("options"));
        string source, target = AnimationFiles.Source(place);
        if (form.Files.GetValueOrDefault("source") is { } sent) source = sent.Name;
        else if (form.Fields.GetValueOrDefault("source") is { } sourceId)
        {
            SourceUpload upload = sources.Find(sourceId);
            using IDisposable connection = upload.Connect();
            File.Copy(upload.File, target);
            source = upload.Name;
            if (upload.Crop is { } crop) options.TryAdd("crop", JsonSerializer.SerializeToElement(crop.ToString()));
        }
        else throw ProblemException.Bad("There is no source in the form.");
        string? driving = null;
        Motive motive = Motive.Directions;
        if (form.Files.GetValueOrDefault("motion") is { } motion) (motive, driving) = (Motive.Motion, motion.Name);
        if (form.Files.ContainsKey("driving") || form.Fields.ContainsKey("driving"))
        {
            if (driving is not null) throw ProblemException.Bad("There are two motions: send driving or motion, not both.");
            motive = Motive.Driving;
            if (form.Files.GetValueOrDefault("driving") is { } clip) driving = clip.Name;
            else
            {
                DrivingUpload upload = drivings.Find(form.Fields["driving"]);
                using IDisposable connection = upload.Connect();
                File.Copy(upload.File, AnimationFiles.Driving(place, motive));
                driving = upload.Name;
            }
        }
        JsonElement all = JsonSerializer.SerializeToElement(options);
        AnimationPlan plan = AnimationPlan.Read(all, motive, facts.Directions, Formats.HasFfmpeg);
        return new()
        {
            Id = id,
            Created = DateTimeOffset.UtcNow,
            Source = source,
            Driving = driving,
            Motive = motive,
            Options = all,
            Format = plan.Format,
            Command = CommandLine.Line(CommandLine.Arguments(source, driving, motive, plan, Model)),
            InputBytes = Directory.EnumerateFiles(place).Sum(file => new FileInfo(file).Length),
        };
    }

    /// <summary>The model's arguments; where others may ask, without the folder it lies in.</summary>
    private string[] Model
    {
        get
        {
            string[] arguments = [.. settings.ModelArguments];
            int model = Array.IndexOf(arguments, "--model");
            if (settings.Host is not null && model >= 0) arguments[model + 1] = Path.GetFileName(arguments[model + 1]);
            return arguments;
        }
    }

    private static Dictionary<string, JsonElement> ReadOptions(string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) return [];
        try
        {
            JsonElement options = JsonSerializer.Deserialize<JsonElement>(text, Shallow);
            if (options.ValueKind != JsonValueKind.Object) throw ProblemException.Bad("The options are a JSON object.");
            Dictionary<string, JsonElement> read = [];
            foreach (JsonProperty member in options.EnumerateObject())
                if (!read.TryAdd(member.Name, member.Value)) throw ProblemException.Bad($"The option '{member.Name}' is there twice.");
            return read;
        }
        catch (JsonException)
        {
            throw ProblemException.Bad("The options are no JSON that is in order.");
        }
    }
}
