using System.Diagnostics;
using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>lia animate in a pipe: with ffmpeg on both sides, frame by frame, and when a side goes away.</summary>
public sealed class PipeTests(Workspace files) : IClassFixture<Workspace>
{
    private const int FrameBytes = 3 * 64 * 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "lia.dll");

    /// <summary>Runs a line of shell, as a person would type it.</summary>
    private async Task<(int Status, string Error)> Shell(string line)
    {
        using Process shell = Process.Start(
            new ProcessStartInfo("bash", ["-c", "set -o pipefail; " + line]) { WorkingDirectory = files.Folder,
                RedirectStandardError = true })!;
        string error = await shell.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await shell.WaitForExitAsync().WaitAsync(Patience);
        return (shell.ExitCode, error);
    }

    /// <summary>The program with raw pixels on both its standard streams.</summary>
    private Process Live(params string[] more)
    {
        ProcessStartInfo start = new("dotnet", [Program, "animate", files.Source, "-", "-o", "-", "-m", files.Model,
            "--input-format", "rgb24", "--input-size", "64x64", "--fps", "25", "--output-format", "rgb24", .. more])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static byte[] Gray(int value) => [.. Enumerable.Repeat((byte)value, FrameBytes)];

    [Theory]
    [InlineData("yuv420p", "yuv4mpeg")]
    [InlineData("yuvj420p", "yuv4mpeg420")]
    [InlineData("yuv422p", "yuv4mpeg")]
    [InlineData("yuv444p", "yuv4mpeg420")]
    [InlineData("gray", "auto")]
    public async Task Two_ffmpegs_and_a_picture_between_them(string pixels, string format)
    {
        string output = $"piped-{pixels}";
        Directory.CreateDirectory(files.At(output));
        (int status, string error) = await Shell(
            $"ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=96x80:rate=30000/1001 -frames:v 7 -pix_fmt {pixels} -strict -1 -f "
                + "yuv4mpegpipe - "
            + $"| dotnet {Program} animate {files.Source} - -o - --model {files.Model} --output-format {format} --json --quiet "
            + $"| ffmpeg -nostdin -v error -i - {output}/%d.png");
        Assert.True(status == 0, error);
        JsonElement json = JsonDocument.Parse(error).RootElement; // the only thing anyone says
        Assert.Equal(("-", 7, "30000/1001"),
            (json.GetProperty("output").GetString(), json.GetProperty("frames").GetInt32(), json.GetProperty("frameRate").GetString()));
        Assert.Equal(7, Directory.GetFiles(files.At(output)).Length);

        // The frames are those that the same clip as a file gives.
        await Shell($"ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=size=96x80:rate=30000/1001 -frames:v 7 -pix_fmt {pixels} -strict "
            + "-1 -f yuv4mpegpipe clip.y4m");
        CliRunner.Succeed("animate", files.Source, files.At("clip.y4m"), "-o", files.At($"expected-{pixels}") + "/", "-m", files.Model,
            "-q");
        for (int i = 0; i < 7; i++)
        {
            RgbImage frame = RgbImage.Load(files.At($"{output}/{i + 1}.png")),
                expected = RgbImage.Load(files.At($"expected-{pixels}/{i:d5}.png"));
            Assert.Equal((64, 64), (frame.Width, frame.Height));
            double difference = frame.Pixels.Zip(expected.Pixels, (a, b) => Math.Abs(a - b)).Average();
            Assert.InRange(difference, 0, format == "yuv4mpeg420" ? 12 : 1); // colour for four pixels blurs what this network draws
        }
    }

    [Fact]
    public async Task The_next_frame_is_sent_when_the_last_has_come_back()
    {
        using Process lia = Live();
        Task<string> error = lia.StandardError.ReadToEndAsync();
        Stream input = lia.StandardInput.BaseStream, output = lia.StandardOutput.BaseStream;
        List<byte[]> results = [];
        for (int i = 0; i < 6; i++)
        {
            await input.WriteAsync(Gray(40 * i));
            await input.FlushAsync();
            byte[] result = new byte[FrameBytes];
            await output.ReadExactlyAsync(result).AsTask().WaitAsync(Patience);
            results.Add(result);
        }
        lia.StandardInput.Close();
        Assert.Equal(0, await output.ReadAsync(new byte[1]).AsTask().WaitAsync(Patience));
        await lia.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(ExitCode.Success, lia.ExitCode);
        string[] lines = (await error).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches(@"^1 frame, \d+\.\d\d frames/s$", lines[0]);
        Assert.Matches(@"^latency a frame: p50 \d+\.\d ms, p99 \d+\.\d ms, longest \d+\.\d ms, over 6 frames$", lines[^2]);
        Assert.StartsWith("-: 6 frames of 64x64 at 25/1 frames/s, relative motion, in ", lines[^1]);

        using Animator animator = new(new ModelOptions { Model = files.Model, Device = Device.Cpu });
        IEnumerable<RgbImage> driving = Enumerable.Range(0, 6).Select(i => new RgbImage(64, 64, Gray(40 * i)));
        Assert.Equal(animator.Frames(files.Source, Driving.From(driving)).Select(frame => frame.Pixels), results);
    }

    [Fact]
    public async Task A_reader_that_goes_ends_it_quietly()
    {
        using Process lia = Live("--quiet");
        Task<string> error = lia.StandardError.ReadToEndAsync();
        await lia.StandardInput.BaseStream.WriteAsync(Gray(1));
        await lia.StandardOutput.BaseStream.ReadExactlyAsync(new byte[FrameBytes]).AsTask().WaitAsync(Patience);
        lia.StandardOutput.Close();
        try
        {
            while (!lia.HasExited) await lia.StandardInput.BaseStream.WriteAsync(Gray(2)).AsTask().WaitAsync(Patience);
        }
        catch (IOException)
        {
            // It has gone.
        }
        await lia.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal((ExitCode.ReaderGone, ""), (lia.ExitCode, await error));
    }

    [Fact]
    public async Task Ctrl_C_while_it_waits_for_a_frame_stops_it()
    {
        ProcessStartInfo start = new("/usr/bin/env",
            ["--default-signal=INT", "dotnet", Program, "animate", files.Source, "-", "-o", "-", "-m", files.Model, "--input-size", "64x64",
                "--fps", "25"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process lia = Process.Start(start)!;
        for (int i = 0; i < 3; i++)
        {
            await lia.StandardInput.BaseStream.WriteAsync(Gray(1));
            await lia.StandardInput.BaseStream.FlushAsync();
            await lia.StandardOutput.BaseStream.ReadExactlyAsync(new byte[FrameBytes]).AsTask().WaitAsync(Patience);
        }
        CliRunner.Signal(lia, CliRunner.Interrupt);
        string error = await lia.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await lia.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(ExitCode.Cancelled, lia.ExitCode);
        Assert.Contains("lia: stopped\n", error);
        // What the last report of progress told: that of a frame that is out may still be on its way.
        Assert.Matches("latency a frame: p50 .* over [1-3] frames?\n", error);
    }

    [Fact]
    public void Standard_streams_and_files_mix()
    {
        byte[] driving = [.. Gray(10), .. Gray(200), .. Gray(90)];
        // From standard input into a file.
        StringWriter results = new(), error = new();
        CliContext context = new(results, error, ErrorIsTerminal: false, default)
        {
            OpenInput = () => new MemoryStream(driving),
            OpenOutput = () => throw new InvalidOperationException(),
        };
        string[] raw = ["--input-size", "64x64", "--fps", "25"];
        Assert.Equal(0, Application.Run(
            ["animate", files.Source, "-", "-o", files.At("from-pipe.rgb"), "-m", files.Model, "--json", .. raw], context));
        JsonElement json = JsonDocument.Parse(results.ToString()).RootElement;
        Assert.InRange(json.GetProperty("latencyMilliseconds").GetProperty("p50").GetDouble(), 0.001,
            json.GetProperty("latencyMilliseconds").GetProperty("p99").GetDouble());
        Assert.Equal(json.GetProperty("latencyMilliseconds").GetProperty("p99").GetDouble(),
            json.GetProperty("latencyMilliseconds").GetProperty("longest").GetDouble(), 1e-9);

        // From a file to standard output: nothing but frames goes there.
        File.WriteAllBytes(files.At("driving.rgb"), driving);
        using MemoryStream output = new();
        context = context with { Output = new StringWriter(), OpenInput = () => throw new InvalidOperationException(), OpenOutput = () =>
            output };
        Assert.Equal(0, Application.Run(
            ["animate", files.Source, files.At("driving.rgb"), "-o", "-", "-m", files.Model, "--output-format", "rgb24", .. raw], context));
        Assert.Equal(File.ReadAllBytes(files.At("from-pipe.rgb")), output.ToArray());
        Assert.Equal("", context.Output.ToString());
        Assert.Contains("-: 3 frames of 64x64", error.ToString());
    }

    [Fact]
    public void Recorded_motion_goes_into_a_pipe()
    {
        CliRunner.Succeed("motion", "extract", files.Driving, "-o", files.At("motion.safetensors"), "-m", files.Model, "--driving-crop",
            "0,0,40,40", "-q");
        using MemoryStream output = new();
        CliContext context = new(new StringWriter(), new StringWriter(), ErrorIsTerminal: false, default) { OpenOutput = () => output };
        Assert.Equal(0, Application.Run(
            ["animate", files.Source, "--motion", files.At("motion.safetensors"), "-o", "-", "-m", files.Model, "--output-format",
                "rgb24"], context));
        Assert.Contains("-: 10 frames of 64x64", context.Error.ToString());
        CliRunner.Succeed("animate", files.Source, files.Driving, "-o", files.At("direct.rgb"), "-m", files.Model, "--driving-crop",
            "0,0,40,40", "-q");
        Assert.Equal(File.ReadAllBytes(files.At("direct.rgb")), output.ToArray());
    }

    [Theory]
    [InlineData("", "", "the driving stream: it is empty.")]
    [InlineData("not a stream", "",
        "the driving stream: it is not a yuv4mpeg stream; raw RGB24 needs the size of its frames (--input-size).")]
    [InlineData("not a stream", "--input-size 64x64", "the driving stream: raw RGB24 needs a frame rate (--fps).")]
    [InlineData("not a stream", "--input-size 64x64 --fps 25",
        "the driving stream: at byte 12: the stream ends within frame 0, of which 12 of 12288 bytes are there.")]
    [InlineData("not a stream", "--input-format yuv4mpeg",
        "the driving stream: at byte 0: it is not a yuv4mpeg stream: it does not begin with YUV4MPEG2.")]
    [InlineData("YUV4MPEG2 W4 H4 F25:1 C444\nFRAME\n1234", "",
        "the driving stream: at byte 37: the stream ends within frame 0, of which 4 of 48 bytes are there.")]
    [InlineData("YUV4MPEG2 W4 H4 F25:1 C444\nFRAME\n", "--normalize minmax",
        "Colors cannot be stretched over a clip (minmax) whose frames come one by one.")]
    [InlineData("YUV4MPEG2 W4 H4 F25:1 C444\nFRAME\n", "--start-frame best",
        "Frames that come one by one can be animated in their order only, from the first: no start frame, loop or ping-pong.")]
    [InlineData("YUV4MPEG2 W4 H4 F25:1 C444\nFRAME\n", "--driving-crop auto",
        "The driving crop can be found in files only, which can be read twice; give a box (--driving-crop x,y,w,h), which MotionFraming "
            + "may have found.")]
    public void Bad_streams_are_told_in_one_line(string stream, string options, string message)
    {
        StringWriter error = new();
        CliContext context = new(new StringWriter(), error, ErrorIsTerminal: false, default)
        {
            OpenInput = () => new MemoryStream(System.Text.Encoding.ASCII.GetBytes(stream)), OpenOutput = () => new MemoryStream(),
        };
        int status = Application.Run(["animate", files.Source, "-", "-o", "-", "-m", files.Model,
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)], context);
        Assert.Equal((ExitCode.BadInput, $"lia: {message}{Environment.NewLine}"), (status, error.ToString()));
    }
}
