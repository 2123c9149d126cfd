using System.Diagnostics;

namespace Lia.Tests;

/// <summary>ffmpeg and ffprobe as makers and independent judges of media.</summary>
internal static class Ff
{
    /// <summary>Runs <c>ffmpeg -v error -y ARGUMENTS</c>; arguments are parted by blanks, names in the list after them are not.</summary>
    public static void Mpeg(string arguments, params string[] names) => Run("ffmpeg", "-nostdin -v error -y " + arguments, names);

    /// <summary>Runs <c>ffprobe -v error ARGUMENTS NAME</c> and gives the trimmed output.</summary>
    public static string Probe(string arguments, string name) =>
        System.Text.Encoding.UTF8.GetString(Run("ffprobe", "-v error " + arguments, [name])).Trim();

    /// <summary>One entry of the first stream of a kind (<c>v</c> or <c>a</c>).</summary>
    public static string Stream(string kind, string entry, string name) =>
        Probe($"-select_streams {kind}:0 -show_entries stream={entry} -of default=nw=1:nk=1", name);

    /// <summary>Number of frames, by decoding all of them.</summary>
    public static int CountFrames(string name) =>
        int.Parse(Probe("-count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of default=nw=1:nk=1", name));

    /// <summary>Decodes to raw pixels in a pixel format.</summary>
    public static byte[] Decode(string name, string format) =>
        Run("ffmpeg", "-nostdin -v error -i",
            [name, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", format, "pipe:1"]);

    /// <summary>Decodes the sound to one channel of 16-bit samples.</summary>
    public static short[] DecodeSound(string name, int rate) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, short>(
            Run("ffmpeg", "-nostdin -v error -i", [name, "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", $"{rate}", "pipe:1"]))
                .ToArray();

    private static byte[] Run(string program, string arguments, string[] names)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(program, [.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. names])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {arguments} {string.Join(' ', names)}: {errors.Result}");
        return output.ToArray();
    }
}
