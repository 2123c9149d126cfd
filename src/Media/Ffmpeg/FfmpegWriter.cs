using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>Encodes frames with ffmpeg into mp4, mov, mkv, webm, gif or webp.</summary>
internal sealed class FfmpegWriter : IFrameWriter
{
    // Delays in a GIF are in hundredths of a second, and browsers take one below two of them for ten.
    private static readonly FrameRate FastestGif = new(50);

    // Rate factors of 17 in H.264's scale from 51 to 0, and 20 in VP9's from 63.
    private const int UsualQuality = 68;

    private readonly string _path, _format;
    private readonly FrameRate _rate;
    private readonly AudioTrack? _audio;
    private readonly CancellationToken _token;
    private readonly PendingFile _file;
    private readonly ChildProcess _ffmpeg;
    private int _frames, _encoded;

    /// <param name="path">The file to be made; its extension says how.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rate">Frames a second.</param>
    /// <param name="audio">Sound to go with the frames, where the format has any; null for none.</param>
    /// <param name="quality">1 to 100; null for the format's usual.</param>
    /// <param name="cancellationToken">Stops ffmpeg.</param>
    public FfmpegWriter(
        string path, int width, int height, FrameRate rate, AudioTrack? audio, int? quality, CancellationToken cancellationToken)
    {
        (_path, _rate, _token) = (path, rate, cancellationToken);
        _format = Path.GetExtension(path).ToLowerInvariant();
        _audio = _format is ".gif" or ".webp" ? null : audio;
        FrameRate encoded = DropsFrames ? FastestGif : rate;
        _file = new PendingFile(path);
        try
        {
            _ffmpeg = ChildProcess.Start("ffmpeg",
            [
                "-nostdin", "-v", "error", "-xerror", "-protocol_whitelist", "pipe", "-f", "rawvideo",
                "-pixel_format", "rgb24", "-video_size", $"{width}x{height}", "-framerate", $"{encoded}", "-i", "pipe:0",
                .. Encoding(_format, quality), "-y", "file:" + _file.Path,
            ], path, feeds: true, cancellationToken);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Whether frames come faster than they can be shown: then of those that fall together only the first is kept.</summary>
    private bool DropsFrames => _format == ".gif" && _rate.Value > FastestGif.Value;

    public void Write(ReadOnlySpan<byte> pixels)
    {
        _frames++;
        if (DropsFrames && Hundredths(_frames - 1) / 2 < _encoded) return;
        try
        {
            _ffmpeg.Input.Write(pixels);
        }
        catch (IOException)
        {
            throw _ffmpeg.Failure();
        }
        _encoded++;

        // When a frame begins.
        long Hundredths(long frame) => 100 * frame * _rate.Denominator / _rate.Numerator;
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
        EncodedClip.Check(_path, _file.Open(), _format, _encoded, _ffmpeg.WaitForSuccess());
        if (_audio is null)
        {
            _file.Commit();
            return false;
        }
        using PendingFile withSound = new(_path);
        EncodedClip.Check(_path, withSound.Open(), _format, _encoded, AddSound(withSound.Path, _audio));
        withSound.Commit();
        return true;
    }

    public void Dispose()
    {
        _ffmpeg.Dispose();
        _file.Dispose();
    }

    /// <summary>
    /// mp4, mov, mkv: H.264, visually lossless at the usual quality. webm: VP9, the same. In these, extents are made even by repeating the
    /// edge, and colours are BT.709 and said to be.
    /// gif: a palette for every frame, since one for all would need all frames first; quality is how full it may be.
    /// webp: frames that stand alone, since libwebp_anim keeps the whole animation in memory until its end.
    /// </summary>
    internal static string[] Encoding(string format, int? quality) => format switch
    {
        ".gif" =>
        [
            "-filter_complex", "[0:v]split[a][b];"
                + $"[a]palettegen=stats_mode=single:reserve_transparent=0:max_colors={Colors(quality ?? 100)}[p];[b][p]paletteuse=new=1",
            "-loop", "0", "-f", "gif",
        ],
        ".webp" => ["-c:v", "libwebp", "-quality", $"{quality ?? 90}", "-loop", "0", "-f", "webp"],
        _ =>
        [
            "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv",
            .. format == ".webm"
                ? (string[])
                [
                    "-c:v", "libvpx-vp9", "-b:v", "0", "-crf", $"{(63 * (100 - (quality ?? UsualQuality)) + 50) / 100}",
                    "-deadline", "good", "-cpu-used", "4", "-row-mt", "1",
                ]
                : ["-c:v", "libx264", "-crf", $"{51 - (quality ?? UsualQuality) / 2}", "-preset", "medium"],
            "-pix_fmt", "yuv420p",
            "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", .. Container(format),
        ],
    };

    // ffmpeg 5 makes palettes of four colours and more.
    private static int Colors(int quality) => Math.Max(4, 256 * quality / 100);

    private static string[] Container(string format) => format switch
    {
        ".mkv" => ["-f", "matroska"],
        ".webm" => ["-f", "webm"],
        _ => ["-movflags", "+faststart", "-f", format[1..]],
    };

    /// <summary>
    /// Puts the excerpt of the sound beside the finished picture stream. Only now is the number of frames certain, and with it how much
    /// sound belongs to them. It is cut by its time stamps after decoding, since seeking goes where a container can, and silence fills
    /// what is missing.
    /// Gives what ffmpeg says. Without -xerror, which would have damage in the driving clip's sound end it; whether all was written, the
    /// file tells.
    /// </summary>
    private string AddSound(string target, AudioTrack audio)
    {
        using SafeInput input = new(audio.Path);
        string start = Seconds(audio.FirstFrame);
        string excerpt = $"atrim=start={start}:duration={Seconds(_rate.Seconds(_frames))},asetpts=PTS-({start})/TB,"
            + "aresample=async=1:min_hard_comp=0.02:first_pts=0";
        // Opus knows fewer arrangements of channels than there are.
        string[] coding = _format == ".webm"
            ? ["-af", excerpt + ",aformat=channel_layouts=mono|stereo|3.0|quad|5.0|5.1|6.1|7.1", "-c:a", "libopus", "-b:a", "160k"]
            : ["-af", excerpt, "-c:a", "aac", "-b:a", "192k"];
        using ChildProcess ffmpeg = ChildProcess.Start("ffmpeg",
        [
            "-nostdin", "-v", "error", .. audio.HasClock ? (string[])["-copyts"] : [],
            .. SafeInput.Limits, "-i", "file:" + _file.Path, .. SafeInput.Limits, "-i", input.Url,
            "-map", "0:v:0", "-map", $"1:{audio.Stream}", "-c:v", "copy", .. coding, .. Container(_format), "-y", "file:" + target,
        ], _path, feeds: false, _token);
        return ffmpeg.WaitForSuccess();
    }

    private static string Seconds(double seconds) => seconds.ToString("F6", System.Globalization.CultureInfo.InvariantCulture);
}
