using System.Globalization;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// Memory of a process that animates clip after clip, as a service does: of a narrow network on the processor, from a video to a video, so
/// that what media take is seen and not what weights do. Prints, of every so many animations, the peak of the resident memory
/// and what is in use at their end, and fails if the last peak is more than a tenth above the first. Linux tells such peaks.
/// </summary>
internal static class Memory
{
    private const int Width = 320, Height = 240, Frames = 12;
    private const double Allowed = 1.1;

    public static int Run(string[] arguments)
    {
        if (!OperatingSystem.IsLinux())
        {
            Console.Error.WriteLine("memory needs Linux, which tells the peak of a process's memory.");
            return 2;
        }
        int runs = arguments.Number("--runs", 160), every = arguments.Number("--every", 20);
        string extension = arguments.Option("--output") ?? ".mp4";
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lia-memory-");
        try
        {
            string driving = Path.Combine(folder.FullName, "driving.mp4"), output = Path.Combine(folder.FullName, "out" + extension);
            WriteDriving(driving);
            RgbImage source = Picture(0);
            using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 24, 5, [12, 10, 8, 6, 4]), 1);
            ModelOptions model = new() { Weights = weights, Device = Device.Cpu, Threads = 2 };
            using Animator animator = new(model);
            Console.WriteLine("| animations | peak, MB | in use, MB | managed, MB | of it live | threads | open files |");
            Console.WriteLine("|---|---|---|---|---|---|---|");
            List<double> peaks = [];
            for (int done = 0; done < runs;)
            {
                ForgetPeak();
                for (int i = 0; i < every; i++, done++)
                {
                    // A model of its own for each, or one for all.
                    if (arguments.Contains("--reload")) Native.Animate(source, driving, output, model);
                    else animator.Animate(source, driving, output);
                }
                peaks.Add(Status("VmHWM"));
                double used = Status("VmRSS"), managed = GC.GetTotalMemory(forceFullCollection: false) / 1e6;
                double live = arguments.Contains("--collect") ? GC.GetTotalMemory(forceFullCollection: true) / 1e6 : double.NaN;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {done} | {peaks[^1]:0.0} | {used:0.0} | {managed:0.0} | {live:0.0} "
                    + $"| {Directory.GetDirectories("/proc/self/task").Length} | {Directory.GetFiles("/proc/self/fd").Length} |"));
            }
            double growth = peaks[^1] / peaks[0];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{growth:0.00} times the first peak"));
            return growth <= Allowed ? 0 : 1;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void WriteDriving(string path)
    {
        using ClipWriter writer = new(path, Width, Height, FrameRate.Default);
        for (int i = 0; i < Frames; i++) writer.Write(Picture(i));
        writer.Complete();
    }

    /// <summary>A slope that moves.</summary>
    private static RgbImage Picture(int frame)
    {
        RgbImage picture = new(Width, Height);
        for (int i = 0; i < picture.Pixels.Length; i++)
            picture.Pixels[i] = (byte)(i / 3 % Width + i % 3 * 20 + i / (3 * Width) + 4 * frame);
        return picture;
    }

    /// <summary>Begins a new peak.</summary>
    private static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    /// <summary>A line of what Linux says of this process, in MB.</summary>
    private static double Status(string name)
    {
        string line = File.ReadLines("/proc/self/status").Single(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }
}
