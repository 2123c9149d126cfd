using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>Encodes frames with ffmpeg into mp4, gif or webp.</summary>
internal sealed class FfmpegWriter : IFrameWriter
{
    private readonly string _path, _format;
    private readonly FrameRate _rate;
    private readonly AudioTrack? _audio;
    private readonly CancellationToken _token;
    private readonly PendingFile _file;
    private readonly ChildProcess _ffmpeg;
    private int _frames;

    /// <param name="path">The file to be made; its extension says how.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rate">Frames a second.</param>
    /// <param name="audio">Sound to go with the frames, for mp4; null for none.</param>
    /// <param name="cancellationToken">Stops ffmpeg.</param>
    public FfmpegWriter(string path, int width, int height, FrameRate rate, AudioTrack? audio, CancellationToken cancellationToken)
    {
        (_path, _rate, _token) = (path, rate, cancellationToken);
        _format = Path.GetExtension(path).ToLowerInvariant();
        _audio = _format == ".mp4" ? audio : null;
        _file = new PendingFile(path);
        try
        {
            _ffmpeg = ChildProcess.Start("ffmpeg",
            [
                "-nostdin", "-v", "error", "-xerror", "-protocol_whitelist", "pipe", "-f", "rawvideo",
                "-pixel_format", "rgb24", "-video_size", $"{width}x{height}", "-framerate", $"{rate}", "-i", "pipe:0",
                .. Encoding(_format), "-y", "file:" + _file.Path,
            ], path, feeds: true, cancellationToken);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public void Write(ReadOnlySpan<byte> pixels)
    {
        try
        {
            _ffmpeg.Input.Write(pixels);
        }
        catch (IOException)
        {
            throw _ffmpeg.Failure();
        }
        _frames++;
    }

    public bool Complete()
    {
        try
        {
            _ffmpeg.Input.Close();
        }
        catch (IOException)
        {
            throw _ffmpeg.Failure();
        }
        EncodedClip.Check(_path, _file.Open(), _format, _frames, _ffmpeg.WaitForSuccess());
        if (_audio is null)
        {
            _file.Commit();
            return false;
        }
        using PendingFile withSound = new(_path);
        EncodedClip.Check(_path, withSound.Open(), _format, _frames, AddSound(withSound.Path, _audio));
        withSound.Commit();
        return true;
    }

    public void Dispose()
    {
        _ffmpeg.Dispose();
        _file.Dispose();
    }

    /// <summary>
    /// mp4: H.264 at a visually lossless quality, extents made even by repeating the edge, BT.709 and said so.
    /// gif: a palette for every frame, since one for all would need all frames first.
    /// webp: frames that stand alone, since libwebp_anim keeps the whole animation in memory until its end.
    /// </summary>
    private static string[] Encoding(string format) => format switch
    {
        ".mp4" =>
        [
            "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv", "-c:v", "libx264", "-pix_fmt", "yuv420p",
                "-crf", "17", "-preset", "medium",
            "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-movflags", "+faststart",
                "-f", "mp4",
        ],
        ".gif" =>
        [
            "-filter_complex", "[0:v]split[a][b];[a]palettegen=stats_mode=single:reserve_transparent=0[p];[b][p]paletteuse=new=1", "-loop",
                "0", "-f", "gif",
        ],
        _ => ["-c:v", "libwebp", "-quality", "90", "-loop", "0", "-f", "webp"],
    };

    /// <summary>
    /// Puts the excerpt of the sound beside the finished picture stream. Only now is the number of frames certain, and with it how much
    /// sound belongs to them.
    /// Gives what ffmpeg says. Without -xerror, which would have damage in the driving clip's sound end it; whether all was written, the
    /// file tells.
    /// </summary>
    private string AddSound(string target, AudioTrack audio)
    {
        using SafeInput input = new(audio.Path);
        using ChildProcess ffmpeg = ChildProcess.Start("ffmpeg",
        [
            "-nostdin", "-v", "error", .. SafeInput.Limits, "-i", "file:" + _file.Path,
            "-ss", Seconds(audio.FirstFrame), "-t", Seconds(_rate.Seconds(_frames)), .. SafeInput.Limits, "-i", input.Url,
            "-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart", "-f", "mp4", "-y",
                "file:" + target,
        ], _path, feeds: false, _token);
        return ffmpeg.WaitForSuccess();
    }

    private static string Seconds(double seconds) => seconds.ToString("F6", System.Globalization.CultureInfo.InvariantCulture);
}
