using System.Diagnostics;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Raw;
using Lia.Tests;

namespace Lia.Media.Tests;

public sealed class WriteBehindTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(3, 2000)]
    [InlineData(196_614, 12)] // ten of them are written together
    [InlineData(196_614, 220)] // more than gets its room ahead
    [InlineData(5 << 20, 8)]
    public void Records_come_in_order_behind_what_was_written_before(int length, int records)
    {
        using FileStream file = new(folder["records"], FileMode.CreateNew);
        file.Write("HEAD"u8);
        using (WriteBehind behind = new(file, new byte[length], default))
        {
            for (int i = 0; i < records; i++)
            {
                behind.Next().Span.Fill((byte)(i % 251));
                behind.Add();
            }
            behind.Finish();
        }
        byte[] written = File.ReadAllBytes(folder["records"]);
        Assert.Equal("HEAD"u8, written.AsSpan(0, 4));
        Assert.Equal(4 + length * records, written.Length);
        for (int i = 0; i < records; i++)
            Assert.False(written.AsSpan(4 + i * length, length).ContainsAnyExcept((byte)(i % 251)), $"record {i}");
    }

    [Fact]
    public void Records_are_as_the_first_was()
    {
        using FileStream file = new(folder["marks"], FileMode.CreateNew);
        using WriteBehind behind = new(file, [1, 2, 3], default);
        for (int i = 0; i < 10_000; i++)
        {
            Span<byte> record = behind.Next().Span;
            Assert.True(record[0] == 1 && record[1] == 2, $"record {i}");
            record[2] = (byte)i;
            behind.Add();
        }
        behind.Finish();
    }

    [Fact]
    public void A_full_disk_is_told_before_the_end()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        using FileStream file = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        using WriteBehind behind = new(file, new byte[1 << 20], default);
        // At the latest when every block has been handed out once.
        IOException failure = Assert.Throws<IOException>(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                behind.Next();
                behind.Add();
            }
        });
        Assert.Contains("No space left", failure.Message);
        Assert.Throws<IOException>(behind.Finish);
    }

    /// <summary>What fills no block is written at the end, and may be all there is.</summary>
    [Fact]
    public void A_full_disk_is_told_at_the_end_at_the_latest()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        using FileStream file = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        using WriteBehind behind = new(file, new byte[100], default);
        behind.Next();
        behind.Add();
        Assert.Contains("No space left", Assert.Throws<IOException>(behind.Finish).Message);
    }

    [Fact]
    public void A_file_gets_its_room_before_it_is_written_and_is_as_long_as_what_was_written_in_the_end()
    {
        const int Length = 1 << 20, Records = 24;
        using FileStream file = new(folder["long"], FileMode.CreateNew);
        Assert.SkipUnless(Disk.TryReserve(file.SafeFileHandle, file.Name, 0, 1), "no room is to be had ahead here");
        file.SetLength(0);
        using WriteBehind behind = new(file, new byte[Length], default);
        for (int i = 0; i < Records; i++)
        {
            behind.Next().Span.Fill(1);
            behind.Add();
        }
        Assert.True(SpinWait.SpinUntil(() => new FileInfo(folder["long"]).Length > Records * Length, 10_000));
        behind.Finish();
        Assert.Equal(Records * Length, new FileInfo(folder["long"]).Length);
    }

    /// <summary>A device has no room ahead, and a disk may have none left: then there is none.</summary>
    [Fact]
    public void Where_no_room_is_to_be_had_ahead_the_records_are_written_all_the_same()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/null is not everywhere");
        using FileStream file = new("/dev/null", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        Assert.False(Disk.TryReserve(file.SafeFileHandle, file.Name, 0, 1 << 20));
        using WriteBehind behind = new(file, new byte[1 << 20], default);
        for (int i = 0; i < 30; i++)
        {
            behind.Next();
            behind.Add();
        }
        behind.Finish();
    }

    /// <summary>A pipe that nobody empties stands for a disk that stops for a while.</summary>
    [Fact]
    public async Task Who_makes_records_goes_on_for_a_while_when_the_disk_stops()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no named pipes among files");
        const int Length = 196_614, Records = 150; // 29 MB, of which a pipe takes a part of a megabyte
        using (Process mkfifo = Process.Start("mkfifo", [folder["pipe"]])) mkfifo.WaitForExit();
        using FileStream pipe = new(folder["pipe"], FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
        using WriteBehind behind = new(pipe, new byte[Length], default);
        Task making = Task.Run(() =>
        {
            for (int i = 0; i < Records; i++)
            {
                behind.Next().Span.Fill((byte)i);
                behind.Add();
            }
        }, TestContext.Current.CancellationToken);
        bool isMade = await Task.WhenAny(making, Task.Delay(10_000, TestContext.Current.CancellationToken)) == making;
        Task finishing = Task.Run(async () =>
        {
            await making;
            behind.Finish();
        }, TestContext.Current.CancellationToken);
        Task reading = Task.Run(() =>
        {
            byte[] record = new byte[Length];
            for (int i = 0; i < Records; i++)
            {
                pipe.ReadExactly(record);
                Assert.False(record.AsSpan().ContainsAnyExcept((byte)i), $"record {i}");
            }
        }, TestContext.Current.CancellationToken);
        await finishing; // first: after a failure there is nothing more to read
        await reading;
        Assert.True(isMade);
    }

    [Fact]
    public async Task Who_waits_for_a_block_is_woken_when_the_work_is_stopped()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no named pipes among files");
        const int Length = 1 << 20;
        using (Process mkfifo = Process.Start("mkfifo", [folder["pipe"]])) mkfifo.WaitForExit();
        using FileStream pipe = new(folder["pipe"], FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
        using CancellationTokenSource stop = new();
        using WriteBehind behind = new(pipe, new byte[Length], stop.Token);
        int made = 0;
        Task waiting = Task.Run(() =>
        {
            while (true)
            {
                _ = behind.Next();
                behind.Add();
                made++;
            }
        }, CancellationToken.None);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref made) >= 40, 10_000));
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Task.Delay(200, CancellationToken.None)));
        Assert.InRange(made, 40, 60); // What waits is bounded.
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        pipe.ReadExactly(new byte[2 * Length]); // the two that are written together and were under way
    }

    /// <summary>The way through a stream converts and writes frame by frame, and is held against the formulas by itself.</summary>
    [Theory]
    [InlineData("a.y4m", RawOutput.Auto)]
    [InlineData("b.y4m", RawOutput.Yuv4Mpeg420)]
    [InlineData("c.rgb", RawOutput.Auto)]
    public void A_file_is_what_a_stream_gets(string name, RawOutput format)
    {
        const int Width = 256, Height = 192, Frames = 200;
        RgbImage[] pictures = [.. Enumerable.Range(0, 7).Select(i => Pictures.Noise(Width, Height, i))];
        using MemoryStream stream = new();
        bool isPlain = name.EndsWith(".rgb", StringComparison.Ordinal);
        using RawWriter expected = RawWriter.ToStream(
            stream, "stream", Width, Height, new FrameRate(25), isPlain ? RawOutput.Rgb24 : format, default);
        using (IFrameWriter writer = FrameWriters.Open(folder[name], Width, Height, new FrameRate(25), null, format, null, default))
        {
            for (int i = 0; i < Frames; i++)
            {
                expected.Write(pictures[i % 7].Pixels);
                writer.Write(pictures[i % 7].Pixels);
            }
            writer.Complete();
        }
        Assert.True(stream.ToArray().AsSpan().SequenceEqual(File.ReadAllBytes(folder[name])));
    }
}
