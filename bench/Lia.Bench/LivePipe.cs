using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Lia.Bench;

/// <summary>
/// One camera through pipes: <c>lia animate SOURCE - -o -</c> as a process of its own gets yuv4mpeg frames by the clock on its standard
/// input, and the time ends when the frame's result has come out of its standard output, whole.
/// </summary>
internal static class LivePipe
{
    /// <summary>Frames before those that are measured.</summary>
    private const int WarmUp = 50;

    public static int Run(string[] arguments)
    {
        if (arguments.Option("--model") is not { } model || arguments.Option("--source") is not { } source)
        {
            Console.Error.WriteLine("live through pipes needs --lia COMMAND (for example OUT/lia), --model and --source");
            return 2;
        }
        int size = arguments.Number("--size", 256), rate = arguments.Number("--rate", 25), frames = WarmUp + rate * arguments.Number(
            "--seconds", 5);
        string[] command =
        [
            .. arguments.Option("--lia")!.Split(' ', StringSplitOptions.RemoveEmptyEntries), "animate", source, "-", "-o", "-",
            "--model", model, "--device", arguments.Option("--device") ?? "cuda", "--precision", arguments.Option("--mode") ?? "fast",
            "--quiet",
        ];
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Stream input = process.StandardInput.BaseStream, output = new BufferedStream(process.StandardOutput.BaseStream, 1 << 16);
        long[] sent = new long[frames];
        double[] latencies = new double[frames];
        Thread camera = new(() =>
        {
            try
            {
                Film(input, size, rate, sent);
            }
            catch (IOException)
            {
                // It has ended; how is told below.
            }
        });
        camera.Start();
        int received = Receive(output, sent, latencies);
        camera.Join();
        process.WaitForExit();
        if (process.ExitCode != 0 || received < frames)
        {
            Console.Error.WriteLine($"{string.Join(' ', command)} ended with {process.ExitCode} after {received} frames");
            return 1;
        }
        double[] measured = latencies[WarmUp..];
        Array.Sort(measured);
        double p50 = measured[(measured.Length - 1) / 2], p99 = measured[(measured.Length - 1) * 99 / 100], longest = measured[^1];
        Console.WriteLine($"one camera through pipes, {size}x{size}, {rate} frames a second, {measured.Length} frames after {WarmUp}");
        Console.WriteLine();
        Console.WriteLine("| p50, ms | p99, ms | longest, ms |");
        Console.WriteLine("|---|---|---|");
        Console.WriteLine($"| {p50:0.00} | {p99:0.00} | {longest:0.00} |");
        if (arguments.Option("--json") is { } path)
            File.WriteAllText(path, JsonSerializer.Serialize(new { size, rate, p50, p99, longest }, JsonSerializerOptions.Web));
        return 0;
    }

    private static void Film(Stream input, int size, int rate, long[] sent)
    {
        using Stream closed = input;
        input.Write(Encoding.ASCII.GetBytes($"YUV4MPEG2 W{size} H{size} F{rate}:1 Ip A1:1 C444\n"));
        input.Flush();
        byte[] marker = "FRAME\n"u8.ToArray(), frame = new byte[3 * size * size];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < sent.Length; i++)
        {
            for (int j = 0; j < frame.Length; j++)
                frame[j] = (byte)(j < size * size ? 126 + 60 * Math.Sin((j % size + i) * 0.05) + 40 * Math.Cos(j / size * 0.04) : 128);
            double wait = 1000.0 * i / rate - Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (wait > 0) Thread.Sleep(TimeSpan.FromMilliseconds(wait));
            // The frame is there: what follows is its way in.
            Volatile.Write(ref sent[i], Stopwatch.GetTimestamp());
            input.Write(marker);
            input.Write(frame);
            input.Flush();
        }
    }

    /// <returns>Frames that came out.</returns>
    private static int Receive(Stream output, long[] sent, double[] latencies)
    {
        string header = Line(output);
        int width = Number('W'), height = Number('H');
        string colors = header.Split(' ').FirstOrDefault(word => word.StartsWith('C')) ?? "C420";
        byte[] frame = new byte[colors.StartsWith("C444", StringComparison.Ordinal) ? 3 * width * height : 3 * width * height / 2];
        for (int i = 0; i < sent.Length; i++)
        {
            if (!Line(output).StartsWith("FRAME", StringComparison.Ordinal)) return i;
            if (output.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false) < frame.Length) return i;
            latencies[i] = Stopwatch.GetElapsedTime(Volatile.Read(ref sent[i])).TotalMilliseconds;
        }
        return sent.Length;

        int Number(char name) => header.Split(' ').FirstOrDefault(word => word.StartsWith(name)) is { } word
            ? int.Parse(word.AsSpan(1), CultureInfo.InvariantCulture) : 0;
    }

    private static string Line(Stream stream)
    {
        StringBuilder line = new();
        for (int read; (read = stream.ReadByte()) is >= 0 and not '\n';) line.Append((char)read);
        return line.ToString();
    }
}
