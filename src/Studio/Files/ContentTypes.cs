namespace Lia.Studio.Files;

/// <summary>Media types of files that were uploaded, by their content: what a browser's player needs to be told, and nothing that a
/// browser would run.</summary>
internal static class ContentTypes
{
    /// <summary>What a file is.</summary>
    public static string Of(string path)
    {
        Span<byte> start = stackalloc byte[12];
        using FileStream file = File.OpenRead(path);
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        return start switch
        {
            [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', (byte)'q', (byte)'t', ..] => "video/quicktime",
            [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => "video/mp4",
            [0x1a, 0x45, 0xdf, 0xa3, ..] => "video/webm",
            [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => "image/png",
            [(byte)'G', (byte)'I', (byte)'F', ..] => "image/gif",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P'] => "image/webp",
            _ => "application/octet-stream",
        };
    }
}
