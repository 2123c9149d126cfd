using Lia.Media.Files;
using Lia.Media.Imaging;
using Lia.Media.IO;

namespace Lia.Training.Data;

/// <summary>Is told of each clip or row of a pack in the making, in order: its place, its pictures, and why it is left out; null if it is
/// not.</summary>
internal delegate void PackedOne(int place, int pictures, MediaException? problem);

/// <summary>Packs clips, in their order.</summary>
internal static class ClipPacker
{
    /// <summary>Writes a pack.</summary>
    /// <param name="clips">Files and folders, each a clip.</param>
    /// <param name="output">The pack.</param>
    /// <param name="options">How.</param>
    /// <param name="mayBeEmpty">Whether a pack without clips is one: as a part of several it is.</param>
    /// <param name="told">Is told of each clip on the calling thread.</param>
    /// <param name="cancellationToken">Stops it; nothing is written.</param>
    /// <exception cref="MediaException">The pack cannot be written, or there is no clip for it.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PackSummary Write(IReadOnlyList<string> clips, string output, PackOptions options, bool mayBeEmpty, PackedOne told,
        CancellationToken cancellationToken)
    {
        if (clips.Any(clip => Outputs.Same(clip, output))) throw new MediaException($"{output}: the pack would replace a clip.");
        PackShape shape = options.Shape(options.WeightMaps is not null);
        using PackWriter writer = new(output, shape);
        LabelFinder labels = new(options.Labels, shape);
        PictureLine<string> line = new(shape.Length, options.Threads, (clip, room, token) => Read(clip, options, labels, room, token));
        int place = 0, leftOut = 0;
        line.Run(clips, picture => writer.AddWithNumbers(picture), (clip, problem) =>
        {
            int pictures = 0;
            if (problem is null)
            {
                pictures = writer.EndClip(Path.GetFileName(Path.TrimEndingDirectorySeparator(clip)));
            }
            else
            {
                writer.DropClip();
                leftOut++;
            }
            told(place++, pictures, problem);
        }, cancellationToken);
        if (writer.Clips == 0 && !mayBeEmpty) throw new MediaException($"{output}: there is no clip with two frames that can be read.");
        if (!mayBeEmpty) labels.Demand(output);
        writer.Complete();
        return new(output, writer.Clips, writer.Pictures, writer.Rows, leftOut, writer.Length);
    }

    /// <summary>Where the weight maps of a clip are.</summary>
    public static string MapsOf(string folder, string clip)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(clip)), same = Path.Combine(folder, name);
        // A video's maps are a folder of pictures more often than a video.
        return Path.Exists(same) ? same : Path.Combine(folder, Path.GetFileNameWithoutExtension(name));
    }

    private static MediaException? Read(string clip, PackOptions options, LabelFinder labels, PictureLine<string>.Room room,
        CancellationToken token)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(clip));
        try
        {
            using IFrameReader frames = FrameReaders.Open(clip, default, token);
            using IFrameReader? maps = options.WeightMaps is { } folder ? FrameReaders.Open(MapsOf(folder, clip), default, token) : null;
            FrameFitter fitter = new(options.Side, Fit.Stretch, name: clip), mapFitter = new(options.Side, Fit.Stretch, name: clip);
            int packed = 0;
            for (int frame = 0; ; frame++)
            {
                token.ThrowIfCancellationRequested();
                if (frames.Read() is not { } image)
                    return packed >= 2 ? null : new($"{clip}: it has {packed} frame{(packed == 1 ? "" : "s")}, of two needed.");
                RgbImage? map = maps?.Read();
                if (maps is not null && map is null) return new($"{maps.Name}: there are weight maps for {frame} frames only.");
                if (frame % options.Every != 0) continue;
                byte[] picture = room.Rent();
                Pictures.Fit(fitter, image, mapFitter, map, labels.Pixels(picture), options.Side);
                labels.Write(name, frame, picture);
                room.Add(picture);
                packed++;
            }
        }
        catch (MediaException failure)
        {
            return failure;
        }
    }
}
