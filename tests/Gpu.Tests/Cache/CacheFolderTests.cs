using System.Diagnostics;
using System.Text;
using Lia.Gpu.Cache;

namespace Lia.Gpu.Tests.Cache;

/// <summary>Files of the cache are found whole or not at all, whoever else is at work in the folder.</summary>
public sealed class CacheFolderTests : IDisposable
{
    private const long Plenty = 1 << 20;

    private readonly string _root = Directory.CreateTempSubdirectory("lia-cache-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string FolderPath => Path.Combine(_root, "made", "by", "itself");

    private CacheFolder Folder(long mostBytes = Plenty) => new(FolderPath, mostBytes);

    private static byte[] Content(int seed, int length = 100)
    {
        byte[] content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }

    [Fact]
    public void What_was_stored_is_found_by_its_key_alone()
    {
        CacheFolder folder = Folder();
        Assert.Null(folder.Find("a"));
        folder.Store("a", Content(1));
        folder.Store("b", []);
        Assert.Equal(Content(1), folder.Find("a"));
        Assert.Equal([], folder.Find("b")!);
        Assert.Null(folder.Find("c"));
        folder.Store("a", Content(2));
        Assert.Equal(Content(2), Folder().Find("a"));
        Assert.Null(folder.Problem);
        Assert.Equal((2, Directory.GetFiles(FolderPath).Sum(file => new FileInfo(file).Length)), folder.Usage);
    }

    [Fact]
    public void A_file_damaged_in_any_byte_counts_as_absent_and_is_written_anew()
    {
        CacheFolder folder = Folder();
        folder.Store("key", Content(1, 20));
        byte[] whole = File.ReadAllBytes(folder.PathOf("key"));
        for (int at = 0; at < whole.Length; at++)
        {
            foreach (byte change in (byte[])[1, 0x80, 0xff])
            {
                byte[] damaged = [.. whole];
                damaged[at] ^= change;
                File.WriteAllBytes(folder.PathOf("key"), damaged);
                Assert.Null(folder.Find("key"));
            }
        }
        folder.Store("key", Content(1, 20));
        Assert.Equal(Content(1, 20), folder.Find("key"));
        Assert.Null(folder.Problem);
    }

    [Fact]
    public void A_file_cut_at_any_place_or_longer_than_it_was_counts_as_absent()
    {
        CacheFolder folder = Folder();
        folder.Store("key", Content(1, 20));
        byte[] whole = File.ReadAllBytes(folder.PathOf("key"));
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(folder.PathOf("key"), whole[..length]);
            Assert.Null(folder.Find("key"));
        }
        File.WriteAllBytes(folder.PathOf("key"), [.. whole, 0]);
        Assert.Null(folder.Find("key"));
    }

    [Fact]
    public void A_whole_file_of_another_key_or_kind_counts_as_absent()
    {
        CacheFolder folder = Folder();
        folder.Store("mine", Content(1));
        folder.Store("your", Content(2));
        File.Copy(folder.PathOf("your"), folder.PathOf("mine"), overwrite: true);
        Assert.Null(folder.Find("mine"));
        File.WriteAllText(folder.PathOf("mine"), string.Concat(Enumerable.Repeat("this is not a kernel ", 50)));
        Assert.Null(folder.Find("mine"));
        File.Delete(folder.PathOf("mine"));
        Directory.CreateDirectory(folder.PathOf("mine"));
        Assert.Null(folder.Find("mine"));
    }

    /// <summary>
    /// Objects share nothing but the folder, as processes do. A reader sees one writer's content or the other's, never parts of both.
    /// </summary>
    [Fact]
    public async Task Writers_readers_and_somebody_who_deletes_the_folder_do_not_disturb_each_other()
    {
        byte[][] contents = [Content(1, 50_000), Content(2, 70_000)];
        int found = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Factory.StartNew(() =>
        {
            CacheFolder folder = Folder();
            for (int round = 0; round < 60; round++)
            {
                string key = $"key {round % 3}";
                if (worker == 7)
                {
                    if (round % 3 == 1) DeleteFolder();
                }
                else if (worker % 2 == 0)
                {
                    folder.Store(key, contents[worker / 2 % 2]);
                }
                else if (folder.Find(key) is { } content)
                {
                    Assert.True(content.AsSpan().SequenceEqual(contents[0]) || content.AsSpan().SequenceEqual(contents[1]));
                    Interlocked.Increment(ref found);
                }
            }
            Assert.Null(folder.Problem);
        }, TaskCreationOptions.LongRunning)));
        CacheFolder last = Folder();
        last.Store("key", contents[0]);
        Assert.Equal(contents[0], last.Find("key"));
        Assert.True(found > 0);
        Assert.Empty(Directory.EnumerateFiles(FolderPath, "*.part", new EnumerationOptions { AttributesToSkip = 0 }));

        void DeleteFolder()
        {
            try
            {
                Directory.Delete(FolderPath, recursive: true);
            }
            catch (IOException)
            {
                // A writer has put a file into it meanwhile.
            }
        }
    }

    [Fact]
    public void A_folder_that_is_deleted_is_made_again()
    {
        CacheFolder folder = Folder();
        folder.Store("a", Content(1));
        Directory.Delete(_root, recursive: true);
        Assert.Null(folder.Find("a"));
        folder.Store("a", Content(2));
        Assert.Equal(Content(2), folder.Find("a"));
        Assert.Null(folder.Problem);
    }

    [Fact]
    public void The_files_not_used_for_the_longest_time_are_deleted_first_and_no_file_of_anybody_else()
    {
        const int Each = 1000;
        CacheFolder folder = Folder(mostBytes: 5 * Each);
        Directory.CreateDirectory(FolderPath);
        string[] strangers =
            [.. new[] { "notes.txt", "tuning.kernel", new string('g', 40) + ".kernel" }.Select(name => Path.Combine(FolderPath, name))];
        foreach (string stranger in strangers)
        {
            File.WriteAllBytes(stranger, new byte[10 * Each]);
            File.SetLastWriteTimeUtc(stranger, DateTime.UtcNow.AddYears(-1));
        }
        string[] keys = ["a", "b", "c", "d"];
        for (int i = 0; i < keys.Length; i++)
        {
            folder.Store(keys[i], Content(i, Each - 200));
            File.SetLastWriteTimeUtc(folder.PathOf(keys[i]), DateTime.UtcNow.AddDays(i - 10));
        }
        Assert.NotNull(folder.Find("a")); // used now, so b is the oldest
        folder.Store("e", Content(5, Each - 200));
        folder.Store("f", Content(6, Each - 200));
        Assert.Equal(["a", "c", "d", "e", "f"], new[] { "a", "b", "c", "d", "e", "f" }.Where(key => folder.Find(key) is not null));
        folder.Store("large", Content(7, 50 * Each)); // what was stored last stays, whatever its size
        Assert.Equal(["large"], new[] { "a", "b", "c", "d", "e", "f", "large" }.Where(key => folder.Find(key) is not null));
        Assert.All(strangers, stranger => Assert.True(File.Exists(stranger)));
    }

    [Fact]
    public void What_a_dead_process_left_unfinished_is_deleted_when_it_is_old()
    {
        CacheFolder folder = Folder();
        folder.Store("a", Content(1));
        string old = Path.Combine(FolderPath, $".{Path.GetFileName(folder.PathOf("x"))}.0123.part"),
            young = old.Replace("0123", "4567", StringComparison.Ordinal);
        File.WriteAllText(old, "half");
        File.WriteAllText(young, "half");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        folder.Store("b", Content(2));
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(young));
    }

    [Fact]
    public void Where_nothing_can_be_written_nothing_fails_and_one_line_says_so()
    {
        string file = Path.Combine(_root, "file");
        File.WriteAllText(file, "in the way");
        CacheFolder folder = new(Path.Combine(file, "cache"), Plenty);
        Assert.Null(folder.Find("a"));
        folder.Store("a", Content(1));
        Assert.Null(folder.Find("a"));
        Assert.Equal((0, 0), folder.Usage);
        string problem = Assert.IsType<string>(folder.Problem);
        Assert.Contains(folder.FullName, problem);
        Assert.DoesNotContain('\n', problem);
        folder.Store("b", Encoding.UTF8.GetBytes("x"));
        Assert.Same(problem, folder.Problem);
    }

    /// <summary>Kernels run on the device: they are taken from nobody else, and nobody else's folder is written to.</summary>
    [Theory]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.GroupWrite)]
    public void A_folder_that_others_may_write_to_is_not_used_and_one_line_says_so(UnixFileMode others)
    {
        if (OperatingSystem.IsWindows()) return;
        Folder().Store("a", Content(1));
        File.SetUnixFileMode(FolderPath, File.GetUnixFileMode(FolderPath) | others);
        CacheFolder folder = Folder();
        Assert.Null(folder.Find("a"));
        folder.Store("b", Content(2));
        Assert.Single(Directory.GetFiles(FolderPath));
        string problem = Assert.IsType<string>(folder.Problem);
        Assert.Contains($"{FolderPath} is not used", problem);
        Assert.Contains("can be written to by other users", problem);
        Assert.DoesNotContain('\n', problem);
        Assert.Null(folder.Find("a"));
        Assert.Same(problem, folder.Problem);
    }

    [Fact]
    public async Task A_folder_of_another_user_is_not_used_and_one_line_says_so()
    {
        Folder().Store("a", Content(1));
        // Only the administrator can give a folder away.
        Assert.SkipUnless(!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess,
            "It takes the administrator to give a folder away.");
        using (Process chown = Process.Start("chown", ["12345", FolderPath]))
            await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        CacheFolder folder = Folder();
        Assert.Null(folder.Find("a"));
        folder.Store("b", Content(2));
        Assert.Single(Directory.GetFiles(FolderPath));
        Assert.Contains("belongs to another user (number 12345", folder.Problem);
    }

    [Fact]
    public async Task A_pipe_or_a_file_without_end_in_place_of_a_kernel_is_passed_by()
    {
        if (OperatingSystem.IsWindows()) return;
        CacheFolder folder = Folder();
        folder.Store("key", Content(1));
        foreach (string kind in new[] { "pipe", "device", "long" })
        {
            File.Delete(folder.PathOf("key"));
            if (kind == "pipe")
            {
                using Process make = Process.Start("mkfifo", folder.PathOf("key"));
                await make.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            else if (kind == "device")
            {
                File.CreateSymbolicLink(folder.PathOf("key"), "/dev/zero");
            }
            else
            {
                using FileStream sparse = new(folder.PathOf("key"), FileMode.CreateNew);
                sparse.SetLength(CacheFolder.MostFileBytes + 1);
            }
            (byte[]? found, long bytes) = await Task.Run(() =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                return (folder.Find("key"), GC.GetAllocatedBytesForCurrentThread() - before);
            }).WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
            Assert.Null(found);
            Assert.True(bytes < CacheFolder.MostFileBytes / 2);
        }
        Assert.Null(folder.Problem);
    }

    [Fact]
    public void The_folder_is_the_users_own()
    {
        if (OperatingSystem.IsWindows()) return;
        Folder().Store("a", []);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(FolderPath));
    }
}
