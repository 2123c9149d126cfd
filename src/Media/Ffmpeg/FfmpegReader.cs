using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>
/// Frames that ffmpeg decodes. They come through its standard output as binary PPM, which says its own size, so a rotation
/// stored in the file (which ffmpeg applies) needs no arithmetic here. They come evenly, whatever their time stamps are.
/// </summary>
internal sealed partial class FfmpegReader : IFrameReader
{
    private static readonly TimeSpan LongestVersion = TimeSpan.FromSeconds(5);

    private static string? s_syncOption; // of the ffmpeg that was asked once

    private readonly VideoProbe _probe;
    private readonly ClipTiming? _timing;
    private readonly string? _told; // beforehand
    private readonly SafeInput _input;
    private readonly ChildProcess _ffmpeg;
    private readonly BufferedStream _stream;
    private readonly WorkLimit _limit;
    private RgbImage? _frame;
    private bool _any, _ended;

    private FfmpegReader(string path, VideoProbe probe, ClipTiming? timing, int? frames, CancellationToken cancellationToken)
    {
        (Name, _probe, _timing, _limit) = (path, probe, timing, new WorkLimit(path, new FileInfo(path).Length));
        string sync = SyncOption(cancellationToken);
        (string[] filters, _told) = PixelFilters.Of(path, probe, cancellationToken);
        if (timing is not null) frames = Math.Min(frames ?? int.MaxValue, timing.Timeline.Places);
        _input = new SafeInput(path);
        try
        {
            _ffmpeg = ChildProcess.Start("ffmpeg",
            [
                "-nostdin", "-v", "error", .. timing is null ? (string[])[] : ["-copyts"],
                .. SafeInput.Limits, "-i", _input.Url, "-map", $"0:{probe.Index}",
                "-vf", string.Join(',', [.. filters, "format=rgb24", .. timing is null ? [] : OnGrid(timing)]),
                .. frames is int count ? (string[])["-frames:v", $"{count}"] : [],
                sync, "passthrough", "-f", "image2pipe", "-c:v", "ppm", "pipe:1",
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
    /// <exception cref="MediaException">The file is none of ffmpeg's, or ffmpeg is missing.</exception>
    public static FfmpegReader Picture(string path, CancellationToken cancellationToken) =>
        new(path, Probe(path, cancellationToken), null, 1, cancellationToken);

    /// <summary>Opens a video.</summary>
    /// <param name="path">The file.</param>
    /// <param name="frames">Frames wanted, counted from the first; null wants all.</param>
    /// <param name="cancellationToken">Stops ffmpeg, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">The file is none of ffmpeg's, or ffmpeg is missing.</exception>
    public static FfmpegReader Video(string path, int? frames, CancellationToken cancellationToken)
    {
        VideoProbe probe = Probe(path, cancellationToken);
        Demand(probe.Count); // before the packets are counted: what is hopeless is refused at once
        ClipTiming? timing = probe.IsStill ? null : ClipTiming.Of(path, probe, cancellationToken);
        Demand(timing?.Timeline.Places);
        return new FfmpegReader(path, probe, timing, frames, cancellationToken);

        void Demand(int? count)
        {
            if (probe.Size is { } size && count is { } all)
                new WorkLimit(path, new FileInfo(path).Length).Take(Math.Min(all, frames ?? all), size.Width, size.Height);
        }
    }

    /// <summary>Asks ffprobe for the file and, meanwhile, ffmpeg for its version.</summary>
    private static VideoProbe Probe(string path, CancellationToken cancellationToken)
    {
        using (CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            // While ffprobe reads the file, ffmpeg is asked for its version. An error of that is the constructor's to tell.
            Task asking = Task.Run(() => SyncOption(stop.Token), CancellationToken.None);
            try
            {
                return VideoProbe.Of(path, cancellationToken);
            }
            catch
            {
                stop.Cancel();
                throw;
            }
            finally
            {
                Task.WhenAny(asking).GetAwaiter().GetResult(); // It has an end of its own, and leaves no program behind.
            }
        }
    }

    /// <summary>
    /// Filters that put frames on the clip's grid: time counts from its place 0, each place shows the frame that is nearest, and the
    /// last frame stays until its end, of which ffmpeg does not know.
    /// </summary>
    private static string[] OnGrid(ClipTiming timing)
    {
        Timeline timeline = timing.Timeline;
        int more = timeline.Places - timeline.LastPlace - 1;
        string start = timing.IsShown ? string.Create(CultureInfo.InvariantCulture, $"{Math.Round(1e6 * timing.Start):F0}") : "STARTPTS";
        return
        [
            "settb=AVTB", $"setpts=round(PTS-({start}))", $"fps=fps={timeline.Rate}:start_time=0",
            .. more > 0 ? (string[])[$"tpad=stop_mode=clone:stop={more}"] : [],
        ];
    }

    public string Name { get; }

    public FrameRate? Rate => _probe.IsStill ? null : _timing?.Timeline.Rate ?? _probe.Nominal;

    public int? Count => _probe.IsStill ? 1 : _timing?.Timeline.Places ?? _probe.Count;

    public AudioTrack? Audio => _probe.Sound is int sound ? new AudioTrack(Name, _timing?.Start ?? 0, sound, _timing is not null) : null;

    public string? Warning { get; private set; }

    public RgbImage? Read()
    {
        if (_ended) return null;
        int first = _stream.ReadByte();
        if (first < 0)
        {
            _ended = true;
            string tail = _ffmpeg.WaitForSuccess();
            if (tail.Length > 0 && !_any) throw new MediaException($"{Name}: {tail}");
            string[] warnings = [.. new[] { _told, tail.Length > 0 ? $"{Name}: {tail}" : null }.OfType<string>()];
            if (warnings.Length > 0) Warning = string.Join("; ", warnings);
            return null;
        }
        Expect(first == 'P' && _stream.ReadByte() == '6');
        Expect(_stream.ReadByte() == '\n');
        int width = Number(), height = Number(), maximum = Number();
        Expect(maximum == 255 && width > 0 && height > 0);
        Inputs.RefuseTooLarge(Name, width, height);
        _limit.Take(1, width, height);
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
        && (int.Parse(release.Groups["major"].Value), int.Parse(release.Groups["minor"].Value)).CompareTo((5, 1)) < 0 ? "-vsync"
            : "-fps_mode";

    /// <exception cref="MediaException">ffmpeg is missing, or does not tell its version.</exception>
    private static string SyncOption(CancellationToken cancellationToken)
    {
        if (s_syncOption is { } known) return known;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LongestVersion);
        try
        {
            using ChildProcess ffmpeg = ChildProcess.Start("ffmpeg", ["-version"], "ffmpeg", feeds: false, limit.Token);
            byte[] version = new byte[1 << 10]; // The first line tells; what follows is read so that it can end.
            int length = ffmpeg.Output.ReadAtLeast(version, version.Length, throwOnEndOfStream: false);
            ffmpeg.Output.CopyTo(Stream.Null);
            ffmpeg.WaitForSuccess();
            return s_syncOption = SyncOptionOf(Encoding.UTF8.GetString(version, 0, length));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            string command = $"{Programs.Find("ffmpeg")} -version";
            throw new MediaException($"ffmpeg: it does not tell its version within {LongestVersion.TotalSeconds:0} seconds ({command}).");
        }
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
