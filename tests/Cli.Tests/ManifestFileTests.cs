using System.CommandLine;
using Lia.Cli.Commands;
using Lia.Cli.Manifests;
using Parquet;
using Parquet.Schema;

namespace Lia.Cli.Tests;

/// <summary>Manifests as files: three formats of the same rows, what is wrong with them told by file, row and column, and how they are
/// cut.</summary>
public sealed class ManifestFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lia-manifest-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Show(ManifestRow row) =>
        $"{row.Number}: {row.Problem ?? string.Join(' ', row.Columns.Zip(row.Values, (column, value) => $"{column}={value ?? "(none)"}"))}";

    [Fact]
    public async Task Csv_json_lines_and_Parquet_give_the_same_rows()
    {
        string csv = Write("a.csv",
            "source,Start_Frame,strength,#note,ping-pong\r\n\"a, \"\"b\"\".png\",3,0.5,mine,true\r\ncé.png,,2,,\r\n");
        string json = Write("a.jsonl", """
            {"source":"a, \"b\".png","start_frame":3,"strength":0.5,"#note":[1],"ping-pong":true}

            {"source":"c\u00e9.png","start_frame":null,"strength":2,"ping-pong":""}

            """);
        string parquet = Path.Combine(_folder, "a.parquet");
        DataField source = new DataField<string>("source"), start = new DataField<int?>("start_frame"), strength = new DataField<double>(
            "strength"), note = new DataField<string>("#note"), pingPong = new DataField<bool?>("ping-pong");
        await using (FileStream file = File.Create(parquet))
        await using (ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema(source, start, strength, note, pingPong),
            file,
            cancellationToken: TestContext.Current.CancellationToken))
        {
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            await group.WriteAsync(source, (string[])["a, \"b\".png", "cé.png"]);
            await group.WriteAsync<int>(start, new int?[] { 3, null }.AsMemory());
            await group.WriteAsync<double>(strength, new double[] { 0.5, 2 }.AsMemory());
            await group.WriteAsync(note, (string[])["mine", ""]);
            await group.WriteAsync<bool>(pingPong, new bool?[] { true, null }.AsMemory());
        }
        string[] expected = ["1: source=a, \"b\".png start-frame=3 strength=0.5 ping-pong=true",
            "2: source=cé.png start-frame=(none) strength=2 ping-pong=(none)"];
        foreach (string manifest in (string[])[csv, json, parquet]) Assert.Equal(expected, ManifestFile.Read(manifest).Select(Show));
    }

    [Fact]
    public void A_row_that_cannot_be_read_is_one_row()
    {
        string csv = Write("a.csv", "source,output\na,b\n\"x,y\nc,d,e\nf\ng\"g,h\ni,j\n");
        Assert.Equal(["1: source=a output=b", "2: a quotation mark is not closed.", "3: it has 3 cells, and there are 2 columns.",
            "4: it has 1 cell, and there are 2 columns.", "5: there is a quotation mark in a cell that does not begin with one.",
            "6: source=i output=j"], ManifestFile.Read(csv).Select(Show));
        Assert.Equal([2, 3, 4, 5, 6, 7], ManifestFile.Read(csv).Select(row => row.Line));
        string[] json = [.. ManifestFile.Read(Write("a.jsonl",
            "{\"source\":\"a\"}\n{\"source\":\n[1]\n{\"source\":{}}\n{\"a\":1,\"A\":2}\n{\"source\":\"b\"}\n")).Select(Show)];
        Assert.Equal(6, json.Length);
        Assert.StartsWith("2: it is no JSON object: ", json[1]);
        Assert.Equal(["1: source=a", "3: it is no JSON object.", "4: column source: a cell is text, a number, true, false or null.",
            "5: a is there twice.", "6: source=b"], json.Where((_, i) => i != 1));
    }

    [Theory]
    [InlineData("a.txt", "source\n", "a manifest is .csv, .jsonl or .parquet.")]
    [InlineData("a.csv", "", "it is empty, or not a regular file.")]
    [InlineData("a.csv", "source,Source\n", "two columns are called source.")]
    [InlineData("a.csv", "source,,b\n", "column 2 has no name.")]
    [InlineData("a.parquet", "PAR1 no more", "cannot be read as Parquet: ")]
    public void What_is_no_manifest_is_refused(string name, string text, string problem)
    {
        string path = Write(name, text);
        MediaException refusal = Assert.Throws<MediaException>(() => ManifestFile.Read(path).ToList());
        Assert.Contains(problem, refusal.Message);
        Assert.StartsWith(path, refusal.Message);
    }

    [Fact]
    public void Every_option_of_animate_is_a_column()
    {
        CliContext context = new(TextWriter.Null, TextWriter.Null, ErrorIsTerminal: false, CancellationToken.None);
        using WarningLog log = new(TextWriter.Null);
        using AnimateRows rows = new("a.csv", BatchCommand.Create(context).Parse([]), null, null, log);
        // What is printed is the command's and no row's.
        string[] options = [.. AnimateCommand.Create(context).Options.Select(option => option.Name.TrimStart('-'))
            .Except(["help", "quiet", "json", "profile"])];
        Assert.True(options.Length > 25, string.Join(' ', options));
        Assert.Empty(options.Except(rows.Columns));
    }

    [Fact]
    public void A_cut_is_even_to_within_a_row_whatever_the_work()
    {
        Random random = new(5);
        for (int round = 0; round < 300; round++)
        {
            long[] work = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => (long)Math.Pow(10, 9 * random.NextDouble()))];
            int count = random.Next(1, 20);
            int[] shares = Shard.Cut(work, count);
            Assert.Equal(shares.Order(), shares);
            Assert.All(shares, share => Assert.InRange(share, 1, count));
            for (int share = 1; share <= count; share++)
            {
                double sum = work.Where((_, i) => shares[i] == share).Sum();
                Assert.True(Math.Abs(sum - (double)work.Sum() / count) <= work.Max() + 1, $"{share}/{count}: {sum} of {work.Sum()}");
            }
        }
        Assert.Equal([1, 1, 1, 2], Shard.Cut([1, 1, 1, 3], 2));
    }

    [Theory]
    [InlineData("0/2")]
    [InlineData("3/2")]
    [InlineData("1")]
    [InlineData("-1/2")]
    [InlineData("1/2/3")]
    public void A_shard_is_one_of_several(string text) => Assert.False(Shard.TryParse(text, out _));

    [Theory]
    [InlineData(5, RowFailure.Machine)]
    [InlineData(28, RowFailure.Machine)]
    [InlineData(122, RowFailure.Machine)]
    [InlineData(unchecked((int)0x80070070), RowFailure.Machine)]
    [InlineData(2, RowFailure.BadInput)]
    [InlineData(13, RowFailure.BadInput)]
    public void What_the_system_says_tells_whether_to_try_again(int error, object expected) =>
        Assert.Equal((RowFailure)expected, RowFailures.Of(new MediaException("a.mp4: cannot be written", new IOException("why", error))));

    [Fact]
    public void Failures_are_told_apart_by_what_they_are()
    {
        Assert.Equal(RowFailure.BadInput, RowFailures.Of(new MediaException("a.png: there is no such file.")));
        Assert.Equal(RowFailure.BadInput, RowFailures.Of(new ArgumentException("a start frame is ...")));
        Assert.Equal(RowFailure.Machine, RowFailures.Of(new InsufficientMemoryException()));
        Assert.Equal(RowFailure.Machine,
            RowFailures.Of(new MediaException("a.mp4: av_interleaved_write_frame(): No space left on device")));
        Assert.Equal(RowFailure.Device, RowFailures.Of(new NotSupportedException("The device cuda cannot be used",
            new Lia.Network.Cuda.GpuUnavailableException("no driver", isAbsent: true))));
        Assert.Equal(RowFailure.Device, RowFailures.Of(new NotSupportedException("OpenCL cannot be used",
            new OfIlgpu("the cable was pulled"))));
        Assert.Equal(RowFailure.Internal, RowFailures.Of(new InvalidOperationException()));
    }

    private sealed class OfIlgpu(string message) : ILGPU.Runtime.AcceleratorException(message)
    {
        public override ILGPU.Runtime.AcceleratorType AcceleratorType => ILGPU.Runtime.AcceleratorType.OpenCL;
    }
}
