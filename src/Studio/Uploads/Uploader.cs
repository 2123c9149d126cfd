using Lia.Media.Files;
using Lia.Studio.Faces;
using Lia.Studio.Files;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Uploads;

/// <summary>Takes in sources and driving clips.</summary>
internal sealed class Uploader(
    PrivateFolder folder, StudioSettings settings, Networks network, Shelf<SourceUpload> sources, Shelf<DrivingUpload> drivings,
    ILogger<Uploader> log)
{
    /// <summary>Reads a source from a form.</summary>
    public Task<SourceUpload> SourceAsync(HttpRequest request) => TakeAsync(request, "source", sources, async (id, place, file, token) =>
    {
        NetworkFacts facts = await network.Facts.ConfigureAwait(false);
        return await Task.Run(() =>
            new SourceUpload(id, file.Name, place, file.Path, FrameReaders.ReadPicture(file.Path, token), facts.Size, network), token)
            .ConfigureAwait(false);
    });

    /// <summary>Reads a driving clip from a form; its codes are taken in the background from then on.</summary>
    public async Task<DrivingUpload> DrivingAsync(HttpRequest request)
    {
        DrivingUpload driving = await TakeAsync(request, "driving", drivings, (id, place, file, token) =>
            Task.Run(() => DrivingUpload.Open(id, file.Name, place, file.Path, settings.MostFrames, token), token)).ConfigureAwait(false);
        _ = Task.Run(() => driving.EncodeAsync(network, log));
        return driving;
    }

    private async Task<T> TakeAsync<T>(
        HttpRequest request, string field, Shelf<T> shelf, Func<string, string, SentFile, CancellationToken, Task<T>> open)
        where T : Upload
    {
        string id = PrivateFolder.NewId(), place = folder.NewUpload(id);
        SentFile? file = null;
        try
        {
            Form form = await Multipart.ReadAsync(request, place, [field], settings.MostUpload, request.HttpContext.RequestAborted)
                .ConfigureAwait(false);
            file = form.Files.GetValueOrDefault(field) ?? throw ProblemException.Bad($"There is no file '{field}' in the form.");
            using CancellationTokenSource late =
                CancellationTokenSource.CreateLinkedTokenSource(request.HttpContext.RequestAborted);
            late.CancelAfter(TimeSpan.FromSeconds(settings.MostSeconds));
            T upload;
            try
            {
                upload = await open(id, place, file, late.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!request.HttpContext.RequestAborted.IsCancellationRequested)
            {
                throw ProblemException.Bad($"{file.Name}: reading it takes more than {settings.MostSeconds} seconds, the most here.");
            }
            shelf.Add(upload);
            return upload;
        }
        catch (Exception failure)
        {
            PrivateFolder.Remove(place);
            if (file is not null && failure is not ProblemException && Problem.Tell(failure, (file.Path, file.Name)) is { } told)
                throw ProblemException.Bad(told);
            throw;
        }
    }
}
