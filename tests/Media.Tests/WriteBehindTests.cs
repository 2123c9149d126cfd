using Lia.Media.IO;
using Lia.Tests;

namespace Lia.Media.Tests;

public sealed class WriteBehindTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(3, 2000)]
    [InlineData(5 << 20, 5)]
    public void Blocks_come_in_order_behind_what_was_written_before(int length, int blocks)
    {
        using FileStream file = new(folder["blocks"], FileMode.CreateNew);
        file.Write("HEAD"u8);
        using (WriteBehind behind = new(file, new byte[length], default))
        {
            for (int i = 0; i < blocks; i++)
            {
                byte[] block = behind.Next();
                Array.Fill(block, (byte)(i % 251));
                behind.Add(block);
            }
            behind.Finish();
        }
        file.Flush();
        byte[] written = File.ReadAllBytes(folder["blocks"]);
        Assert.Equal(4 + length * blocks, written.Length);
        for (int i = 0; i < blocks; i++)
            Assert.False(written.AsSpan(4 + i * length, length).ContainsAnyExcept((byte)(i % 251)), $"block {i}");
    }

    [Fact]
    public void Blocks_are_as_the_first_was()
    {
        using FileStream file = new(folder["marks"], FileMode.CreateNew);
        using WriteBehind behind = new(file, [1, 2, 3], default);
        for (int i = 0; i < 100; i++)
        {
            byte[] block = behind.Next();
            Assert.Equal([1, 2], block[..2]);
            block[2] = (byte)i;
            behind.Add(block);
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
            for (int i = 0; i < 100; i++) behind.Add(behind.Next());
        });
        Assert.Contains("No space left", failure.Message);
        Assert.Throws<IOException>(behind.Finish);
    }

    [Fact]
    public void Who_waits_for_a_block_is_woken_when_the_work_is_stopped()
    {
        using CancellationTokenSource stop = new();
        using FileStream file = new(folder["stopped"], FileMode.CreateNew);
        using WriteBehind behind = new(file, new byte[1], stop.Token);
        Task waiting = Task.Run(() =>
        {
            while (true) _ = behind.Next(); // and never given back
        }, CancellationToken.None);
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => waiting.GetAwaiter().GetResult());
    }
}
