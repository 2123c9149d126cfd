using System.Diagnostics;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>A driving file is opened while the model is loaded: taken once, and closed whoever fails.</summary>
public class DrivingAheadTests
{
    private sealed class Reader(CancellationToken stop) : IFrameReader
    {
        public CancellationToken Stop => stop;

        public bool IsDisposed { get; private set; }

        public string Name => "reader";

        public FrameRate? Rate => null;

        public int? Count => null;

        public AudioTrack? Audio => null;

        public string? Warning => null;

        public RgbImage? Read() => null;

        public void Dispose() => IsDisposed = true;
    }

    [Fact]
    public void What_is_taken_is_the_takers_and_stops_with_its_token()
    {
        using CancellationTokenSource taker = new();
        Reader reader;
        using (DrivingAhead ahead = new(static stop => new Reader(stop), default))
        {
            reader = Assert.IsType<Reader>(ahead.Take(taker.Token));
            Assert.Null(ahead.Take(default));
            Assert.False(reader.Stop.IsCancellationRequested);
            taker.Cancel();
            Assert.True(reader.Stop.IsCancellationRequested);
        }
        Assert.False(reader.IsDisposed);
    }

    [Fact]
    public void What_nobody_takes_is_stopped_and_closed()
    {
        Reader? reader = null;
        using ManualResetEventSlim opening = new();
        using (new DrivingAhead(
            stop =>
            {
                opening.Set();
                Assert.True(stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
                return reader = new Reader(stop);
            }, default))
        {
            opening.Wait(TestContext.Current.CancellationToken);
        }
        Assert.True(SpinWait.SpinUntil(() => reader is { IsDisposed: true }, TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Why_it_does_not_open_is_told_to_who_takes_it_and_to_nobody_else()
    {
        using (new DrivingAhead(static _ => throw new MediaException("no such file"), default))
        {
        }
        using DrivingAhead ahead = new(static _ => throw new MediaException("no such file"), default);
        Assert.Equal("no such file", Assert.Throws<MediaException>(() => ahead.Take(default)).Message);
    }

    [Fact]
    public void The_next_opening_of_a_file_takes_it_and_the_one_after_opens_anew()
    {
        using TempFolder folder = new();
        RgbImage picture = Pictures.Noise(8, 8, 1);
        picture.Save(folder["one.png"]);
        Driving driving = folder["one.png"];
        using DrivingAhead? opened = driving.OpenAhead(new(), default, out Driving ahead);
        using (IFrameReader reader = ahead.Open(new(), default)) Assert.Equal(picture.Pixels, reader.Read()!.Pixels);
        Assert.Null(opened!.Take(default));
        using (IFrameReader reader = ahead.Open(new(), default)) Assert.Equal(picture.Pixels, reader.Read()!.Pixels);
    }

    [Fact]
    public void Pipes_and_frames_in_memory_wait_until_it_is_their_turn()
    {
        using TempFolder folder = new();
        Assert.Null(((Driving)new[] { Pictures.Noise(8, 8, 1) }).OpenAhead(new(), default, out _));
        Assert.Null(((Driving)new MemoryStream()).OpenAhead(new(), default, out _));
        if (OperatingSystem.IsWindows()) return;
        using Process mkfifo = Process.Start("mkfifo", [folder["pipe"]]);
        mkfifo.WaitForExit();
        Assert.Equal(0, mkfifo.ExitCode);
        Assert.Null(((Driving)folder["pipe"]).OpenAhead(new(), default, out _));
    }
}
