using System.Text.RegularExpressions;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>
/// Frames that ffmpeg decodes. They come through its standard output as binary PPM, which says its own size, so a rotation
/// stored in the file (which ffmpeg applies) needs no arithmetic here.
/// </summary>
internal sealed partial class FfmpegReader : IFrameReader
{
    private static readonly Lazy<string> SyncOption = new(FindSyncOption, LazyThreadSafetyMode.PublicationOnly);

    private readonly VideoProbe _probe;
    private readonly SafeInput _input;
    private readonly ChildProcess _ffmpeg;
    private readonly BufferedStream _stream;
    private RgbImage? _frame;
    private bool _any, _ended;

    private FfmpegReader(string path, VideoProbe probe, IEnumerable<string> choice, CancellationToken cancellationToken)
    {
        (Name, _probe, _input) = (path, probe, new SafeInput(path));
        try
        {
            _ffmpeg = ChildProcess.Start("ffmpeg",
            [
                "-nostdin", "-v", "error", .. SafeInput.Limits, "-i", _input.Url, "-map", "0:v:0", .. choice,
                SyncOption.Value, "passthrough", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1",
            ], path, feeds: false, cancellationToken);
        }
        catch
        {
            _input.Dispose();
            throw;
        }
        _stream = new BufferedStream(_ffmpeg.Output, 1 << 16);
    }

    /// <summary>Opens a picture, or the first frame of a video.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Stops ffmpeg.</param>
    /// <exception cref="MediaException">ffmpeg is missing.</exception>
    public static FfmpegReader Picture(string path, CancellationToken cancellationToken) =>
        new(path, VideoProbe.Picture, ["-frames:v", "1"], cancellationToken);

    /// <summary>Opens a video.</summary>
    /// <param name="path">The file.</param>
    /// <param name="frames">Frames wanted, counted from the first; null wants all.</param>
    /// <param name="cancellationToken">Stops ffmpeg, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">The file is none of ffmpeg's, or ffmpeg is missing.</exception>
    public static FfmpegReader Video(string path, int? frames, CancellationToken cancellationToken)
    {
        // While ffprobe reads the file, ffmpeg is asked for its version. An error of that is the constructor's to tell.
        _ = Task.Run(static () => SyncOption.Value, CancellationToken.None);
        VideoProbe probe = VideoProbe.Of(path, cancellationToken);
        string[] steady = probe.IsConstantRate ? [] : ["-vf", $"fps={probe.Rate}"];
        string[] limit = frames is int count ? ["-frames:v", $"{count}"] : [];
        return new FfmpegReader(path, probe, [.. steady, .. limit], cancellationToken);
    }

    public string Name { get; }

    public FrameRate Rate => _probe.Rate;

    public int? Count => _probe.Count;

    public AudioTrack? Audio => _probe.HasAudio ? new AudioTrack(Name, _probe.FirstFrame) : null;

    public string? Warning { get; private set; }

    public RgbImage? Read()
    {
        if (_ended) return null;
        if (_stream.ReadByte() != 'P')
        {
            _ended = true;
            string tail = _ffmpeg.WaitForSuccess();
            if (tail.Length > 0 && !_any) throw new MediaException($"{Name}: {tail}");
            if (tail.Length > 0) Warning = $"{Name}: {tail}";
            return null;
        }
        Expect(_stream.ReadByte() == '6');
        Expect(_stream.ReadByte() == '\n');
        int width = Number(), height = Number(), maximum = Number();
        Expect(maximum == 255 && width > 0 && height > 0);
        Inputs.RefuseTooLarge(Name, width, height);
        if (_frame is null || _frame.Width != width || _frame.Height != height) _frame = new RgbImage(width, height);
        Expect(_stream.ReadAtLeast(_frame.Pixels, _frame.Pixels.Length, throwOnEndOfStream: false) == _frame.Pixels.Length);
        _any = true;
        return _frame;
    }

    public void Dispose()
    {
        _ffmpeg.Dispose();
        _stream.Dispose();
        _input.Dispose();
    }

    /// <summary>The option that neither repeats nor drops frames was renamed in 5.1, and its old name was removed in 9.</summary>
    internal static string SyncOptionOf(string version) =>
        Release().Match(version) is { Success: true } release
        && (int.Parse(release.Groups["major"].Value), int.Parse(release.Groups["minor"].Value)).CompareTo((5, 1)) < 0 ? "-vsync" : "-fps_mode";

    private static string FindSyncOption()
    {
        using ChildProcess ffmpeg = ChildProcess.Start("ffmpeg", ["-version"], "ffmpeg", feeds: false, CancellationToken.None);
        using StreamReader reader = new(ffmpeg.Output);
        string version = reader.ReadToEnd();
        ffmpeg.WaitForSuccess();
        return SyncOptionOf(version);
    }

    [GeneratedRegex(@"^ffmpeg version n?(?<major>\d{1,4})\.(?<minor>\d{1,4})", RegexOptions.ExplicitCapture)]
    private static partial Regex Release();

    /// <summary>A decimal number and the white space after it.</summary>
    private int Number()
    {
        int value = 0, digits = 0;
        for (int c; (c = _stream.ReadByte()) is >= '0' and <= '9'; digits++)
        {
            Expect(digits < 9);
            value = 10 * value + (c - '0');
        }
        return value;
    }

    private void Expect(bool holds)
    {
        if (!holds) throw _ffmpeg.Failure();
    }
}
