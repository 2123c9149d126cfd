using Lia.Animation.Motion;
using Lia.Media.Files;
using Lia.Media.Imaging;
using Lia.Media.IO;
using Lia.Studio.Faces;
using Lia.Studio.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace Lia.Studio.Uploads;

/// <summary>A driving clip: counted and shown when it came, its codes taken in the background.</summary>
internal sealed partial class DrivingUpload : Upload
{
    private const int MostThumbnailHeight = 160;

    private readonly List<float[]> _codes = [];
    private readonly Lock _gate = new();
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;

    private DrivingUpload(string id, string name, string folder, string file) : base(id, name, folder) => File = file;

    /// <summary>The file as it was sent.</summary>
    public string File { get; }

    public int Frames { get; private init; }

    public int Width { get; private init; }

    public int Height { get; private init; }

    public FrameRate Rate { get; private init; }

    public bool HasSound { get; private init; }

    /// <summary>Frames whose codes are known.</summary>
    public int Encoded
    {
        get
        {
            lock (_gate) return _codes.Count;
        }
    }

    /// <summary>Reads a clip once: counts its frames and keeps a small picture of each.</summary>
    /// <exception cref="MediaException">It cannot be read.</exception>
    /// <exception cref="ProblemException">It has too many frames.</exception>
    public static DrivingUpload Open(
        string id, string name, string folder, string file, int mostFrames, CancellationToken cancellationToken)
    {
        using IFrameReader reader = FrameReaders.Open(file, new(mostFrames + 1, default), cancellationToken);
        if (reader.Count > mostFrames) throw TooLong(mostFrames);
        int frames = 0, width = 0, height = 0;
        for (; reader.Read() is { } frame; frames++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (frames == mostFrames) throw TooLong(mostFrames);
            if (frames == 0) (width, height) = (frame.Width, frame.Height);
            using Image<Rgb24> image = frame.ToImageSharp();
            if (image.Height > MostThumbnailHeight) image.Mutate(small => small.Resize(0, MostThumbnailHeight));
            using FileStream thumbnail = System.IO.File.Create(Thumbnail(folder, frames));
            Pictures.WriteJpeg(image, thumbnail);
        }
        if (frames == 0) throw new MediaException($"{name}: there is no frame in it.");
        return new(id, name, folder, file)
        {
            Frames = frames,
            Width = width,
            Height = height,
            Rate = reader.Rate ?? FrameRate.Default,
            HasSound = reader.Audio is not null,
        };
    }

    /// <summary>The small picture of a frame.</summary>
    /// <exception cref="ProblemException">There is no such frame.</exception>
    public string ThumbnailOf(int frame) => Thumbnail(Folder, Checked(frame));

    /// <summary>Takes the codes, a few frames at a time and when the network is free.</summary>
    public async Task EncodeAsync(Networks network, ILogger log)
    {
        try
        {
            NetworkFacts facts = await network.Facts.ConfigureAwait(false);
            using IFrameReader reader = FrameReaders.Open(File, new(Frames, default), Removed.Token);
            FrameFitter fitter = new(facts.Size, Fit.Crop, null, Name);
            for (bool more = true; more;)
            {
                List<byte[]> squares = [];
                while (squares.Count < facts.Together && (more = reader.Read() is { } frame && Take(frame)))
                {
                }
                if (squares.Count > 0) Add(await network.DoAsync(live => Codes(live, [.. squares])).ConfigureAwait(false));

                bool Take(RgbImage frame)
                {
                    byte[] square = new byte[3 * facts.Size * facts.Size];
                    fitter.Fit(frame, square);
                    squares.Add(square);
                    return true;
                }
            }
            if (Encoded < Frames) Fail(new MediaException($"{Name}: it has fewer frames than when it came."));
        }
        catch (OperationCanceledException)
        {
            Fail(ProblemException.Missing("driving clip"));
        }
        catch (Exception failure)
        {
            if (!Removed.IsCancellationRequested) log.NotEncoded(failure, Id);
            Fail(failure);
        }
    }

    /// <summary>A frame's code, smoothed; waits until those that it takes are known.</summary>
    /// <exception cref="ProblemException">There is no such frame, or it took too long.</exception>
    public async Task<float[]> CodeAsync(int frame, int smooth, TimeSpan patience, CancellationToken cancellationToken)
    {
        int half = smooth / 2, first = Math.Max(0, Checked(frame) - half), last = Math.Min(Frames - 1, frame + half);
        await KnownAsync(last + 1, patience, cancellationToken).ConfigureAwait(false);
        MotionFrame[] near;
        lock (_gate) near = [.. _codes.GetRange(first, last - first + 1).Select(code => new MotionFrame(code, null))];
        // The window of this frame ends within what was taken, or where the clip does.
        return near.Smooth(smooth).ElementAt(frame - first).Code;
    }

    /// <summary>The frame whose code, smoothed, is nearest to a source's.</summary>
    /// <exception cref="ProblemException">The codes are not all known yet.</exception>
    public async Task<int> NearestAsync(float[] source, int smooth, TimeSpan patience, CancellationToken cancellationToken)
    {
        await KnownAsync(Frames, patience, cancellationToken).ConfigureAwait(false);
        MotionFrame[] all;
        lock (_gate) all = [.. _codes.Select(code => new MotionFrame(code, null))];
        return MotionCodes.Nearest([.. all.Smooth(smooth).Select(frame => frame.Code)], source);
    }

    private static string Thumbnail(string folder, int frame) => Path.Combine(folder, $"{frame}.jpg");

    private static ProblemException TooLong(int most) =>
        new(StatusCodes.Status413PayloadTooLarge, $"The clip has more than {most} frames, the most that this service takes.");

    private static float[][] Codes(ILiveNetwork network, byte[][] squares)
    {
        float[] codes = new float[squares.Length * network.Directions];
        network.EncodeMotion(squares, codes);
        return [.. Enumerable.Range(0, squares.Length).Select(i => codes.AsSpan(i * network.Directions, network.Directions).ToArray())];
    }

    private int Checked(int frame) => frame >= 0 && frame < Frames ? frame
        : throw new ProblemException(StatusCodes.Status404NotFound, $"There is no frame {frame}; the clip's are 0 to {Frames - 1}.");

    private void Add(float[][] codes)
    {
        TaskCompletionSource told;
        lock (_gate)
        {
            _codes.AddRange(codes);
            (told, _more) = (_more, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        told.SetResult();
    }

    private void Fail(Exception failure)
    {
        TaskCompletionSource told;
        lock (_gate) (_failure, told) = (failure, _more);
        told.TrySetResult();
    }

    private async Task KnownAsync(int frames, TimeSpan patience, CancellationToken cancellationToken)
    {
        using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(patience);
        try
        {
            while (true)
            {
                Task more;
                lock (_gate)
                {
                    if (_codes.Count >= frames) return;
                    if (_failure is { } failure) throw failure is ProblemException ? failure : new MediaException(
                        Problem.Tell(failure, (File, Name)) ?? "The motion of the clip could not be taken.");
                    more = _more.Task;
                }
                await more.WaitAsync(late.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProblemException(StatusCodes.Status409Conflict, $"{Encoded} of {Frames} frames are encoded; this takes {frames}.", 1);
        }
    }
}

/// <summary>Log messages of clips.</summary>
internal static partial class DrivingLog
{
    [LoggerMessage(1, LogLevel.Warning, "the motion of driving clip {Id} could not be taken")]
    public static partial void NotEncoded(this ILogger log, Exception failure, string id);
}
