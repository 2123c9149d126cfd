using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Png;
using Lia.Weights;

namespace Lia.Cli.Manifests;

/// <summary>
/// How many frames clips have, as far as that can be known without decoding: exactly of motion files, folders of pictures and animated PNG;
/// of other files a frame for every 8 KiB. Of what cannot be read, 1. Each file is looked at once.
/// </summary>
internal sealed class FrameCounts
{
    private const long BytesOfFrame = 8192;

    private readonly Dictionary<string, long> _known = [];

    /// <summary>Frames of a clip.</summary>
    public long Of(string path)
    {
        if (!_known.TryGetValue(path, out long frames)) _known.Add(path, frames = Math.Max(1, Count(path)));
        return frames;
    }

    private static long Count(string path)
    {
        try
        {
            if (Directory.Exists(path)) return FolderReader.Pictures(path).Length;
            if (!File.Exists(path)) return 1;
            if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) return MotionClip.Load(path).Count;
            if (!PngReader.Recognizes(path)) return 1 + new FileInfo(path).Length / BytesOfFrame;
            using PngReader png = new(path, null, null);
            return png.Count ?? 1;
        }
        catch (Exception failure) when (failure is MediaException or WeightsException or IOException or UnauthorizedAccessException)
        {
            return 1; // Whoever works it off will say why.
        }
    }

    /// <summary>Frames of a range of them.</summary>
    public static long InRange(long frames, Range range)
    {
        long end = range.End.IsFromEnd ? frames : Math.Min(frames, range.End.Value);
        return Math.Max(1, end - range.Start.Value);
    }
}
