using System.Globalization;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>
/// Names a local file to ffmpeg so that nothing in its name has a meaning: neither a leading dash, nor something like a protocol, nor
/// the percent signs that ffmpeg takes for a pattern of numbered pictures (such a file is given another name while it is read).
/// </summary>
internal sealed class SafeInput : IDisposable
{
    /// <summary>
    /// The containers that are read, by ffmpeg's names. None of them names other files. Playlists and lists do (hls, dash, concat, imf,
    /// sdp, webm_dash_manifest, ...),
    /// drawings may (svg), and devices are none of our business (lavfi, x11grab, ...); what is not here is refused whatever its name's
    /// extension says.
    /// </summary>
    private static readonly string[] Formats =
    [
        "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "flv", "asf", "mpeg", "mpegts", "mpegvideo",
        "m4v", "ogg", "gif", "apng", "ivf", "obu",
        "h263", "h264", "hevc", "vc1", "av1", "mjpeg", "dv", "mxf", "nut", "rm", "wtv", "yuv4mpegpipe",
        "image2", "bmp_pipe", "dds_pipe", "dpx_pipe", "exr_pipe", "gif_pipe", "hdr_pipe", "ico", 
        "j2k_pipe", "jpeg_pipe", "jpegls_pipe", "jpegxl_pipe", "jpegxl_anim",
        "pam_pipe", "pbm_pipe", "pcx_pipe", "pfm_pipe", "pgm_pipe", "pgmyuv_pipe", "phm_pipe", "png_pipe", "ppm_pipe", "psd_pipe",
        "qoi_pipe", "sgi_pipe", "sunrast_pipe",
        "tiff_pipe", "webp_pipe", "xbm_pipe", "xpm_pipe", "xwd_pipe",
    ];

    private readonly string? _folder;

    /// <exception cref="MediaException">The file needs another name, and none can be given to it.</exception>
    public SafeInput(string path)
    {
        string full = Path.GetFullPath(path);
        if (full.Contains('%'))
        {
            (_folder, full) = Outputs.Guard("the temporary folder for a name with a percent sign", () =>
            {
                string folder = Directory.CreateTempSubdirectory(TemporaryFiles.AliasPrefix).FullName;
                string alias = Path.Combine(folder, "input" + Path.GetExtension(full).Replace("%", "", StringComparison.Ordinal));
                File.CreateSymbolicLink(alias, full);
                return (folder, alias);
            });
        }
        Url = "file:" + full;
    }

    /// <summary>Options before an input: ffmpeg opens this file and no other, and pictures beyond the limit are not decoded.</summary>
    public static string[] Limits { get; } =
    [
        "-protocol_whitelist", "file", "-format_whitelist", string.Join(',', Formats),
        "-max_pixels", RgbImage.MaxPixels.ToString(CultureInfo.InvariantCulture),
    ];

    /// <summary>What ffmpeg is told.</summary>
    public string Url { get; }

    /// <summary>Why a file of a format that is not among those read is refused.</summary>
    /// <param name="format">ffmpeg's name for it.</param>
    public static string Refusal(string format) => format switch
    {
        "hls" or "applehttp" => "it is a playlist (HLS), which names other files; these are not opened. Give the video itself.",
        "dash" or "webm_dash_manifest" => "it is a playlist (DASH), which names other files; these are not opened. Give the video itself.",
        "concat" => "it is a playlist (ffconcat), which names other files; these are not opened. Give the video itself.",
        _ => $"its format, {format}, is not among those that are read.",
    };

    public void Dispose()
    {
        if (_folder is null) return;
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It holds a link and nothing else; a later run sweeps it.
        }
    }
}
