using System.Text;
using System.Text.Json;
using Lia.Media.IO;

namespace Lia.Cli.Manifests;

/// <summary>
/// What an output was made from: a hidden file beside it, <c>out/.anna.mp4.lia</c> for <c>out/anna.mp4</c>, which is held while somebody
/// is at
/// work on the output and never deleted. A line of JSON: a hash of all that makes the output what it is, and how long the output is once it
/// is there; of an output of many parts also which of them could not be used, and why.
/// </summary>
internal sealed class OutputRecord : IDisposable
{
    private static readonly int[] Held = [11, 35, unchecked((int)0x80070020)]; // EWOULDBLOCK of Linux, of macOS; a sharing violation

    private readonly FileStream _file;
    private readonly string[] _outputs;
    private readonly Entry _before;

    private OutputRecord(FileStream file, string[] outputs)
    {
        (_file, _outputs) = (file, outputs);
        _before = Read(file);
    }

    /// <summary>Holds an output's record.</summary>
    /// <param name="output">The output; its folder is made when it is missing.</param>
    /// <param name="more">Other files that appear with it.</param>
    /// <returns>Null when somebody else holds it.</returns>
    /// <exception cref="MediaException">It cannot be made.</exception>
    public static OutputRecord? TryHold(string output, params IEnumerable<string> more)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)), folder = Path.GetDirectoryName(full)!;
        return Outputs.Guard(output, () =>
        {
            Directory.CreateDirectory(folder);
            try
            {
                // Not shared: a lock that ends with its process, where the file system has locks.
                FileStream file = new(Path.Combine(folder, $".{Path.GetFileName(full)}.lia"), FileMode.OpenOrCreate, FileAccess.ReadWrite,
                    FileShare.None);
                return new OutputRecord(file, [full, .. more]);
            }
            catch (IOException failure) when (Held.Contains(failure.HResult))
            {
                return null;
            }
        });
    }

    /// <summary>Parts that the output is without.</summary>
    public IReadOnlyList<LeftOut> LeftOut => _before.LeftOut;

    /// <summary>Whether the output is there, made from what has this hash, and as long as it was.</summary>
    public bool IsDone(string hash) => _before.Hash == hash && _before.Length is { } length && Length() == length;

    /// <summary>Notes that the output is being made anew. What this program has made there from something else goes, where it would be in
    /// the way: a folder of pictures.</summary>
    /// <param name="hash">Of what it is made from.</param>
    /// <exception cref="MediaException">It is a folder with something in it that was not made here.</exception>
    public void Begin(string hash)
    {
        bool isFolder = Directory.Exists(_outputs[0]) && Directory.EnumerateFileSystemEntries(_outputs[0]).Any();
        // Before it is written down: what is written down is ours.
        if (isFolder && _before.Hash is null)
            throw new MediaException($"{_outputs[0]}: cannot be written: the folder is not empty.");
        Write(new(hash, null, []));
        if (!isFolder) return;
        Outputs.Guard(_outputs[0], () =>
        {
            foreach (string picture in Directory.EnumerateFiles(_outputs[0], "*.png"))
                if (Path.GetFileNameWithoutExtension(picture).All(char.IsAsciiDigit)) File.Delete(picture);
        });
    }

    /// <summary>Notes that the output is there.</summary>
    /// <param name="hash">Of what it was made from.</param>
    /// <param name="leftOut">Parts that it is without.</param>
    public void Complete(string hash, params IReadOnlyList<LeftOut> leftOut) => Write(new(hash, Length(), leftOut));

    /// <summary>Lets go of it.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>Bytes of all outputs; null when one is missing.</summary>
    private long? Length()
    {
        long length = 0;
        foreach (string output in _outputs)
        {
            if (File.Exists(output)) length += new FileInfo(output).Length;
            else if (Directory.Exists(output)) length += new DirectoryInfo(output).EnumerateFiles().Sum(file => file.Length);
            else return null;
        }
        return length;
    }

    private void Write(Entry entry) => Outputs.Guard(_outputs[0], () =>
    {
        // Killed in the middle of this, the line is no record of anything, and the output is made again.
        _file.SetLength(0);
        using MemoryStream line = new();
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteString("hash", entry.Hash);
            if (entry.Length is { } length) json.WriteNumber("bytes", length);
            if (entry.LeftOut.Count > 0) json.WriteStartArray("leftOut");
            foreach ((int place, string reason) in entry.LeftOut)
            {
                json.WriteStartObject();
                json.WriteNumber("place", place);
                json.WriteString("reason", reason);
                json.WriteEndObject();
            }
            if (entry.LeftOut.Count > 0) json.WriteEndArray();
            json.WriteEndObject();
        }
        line.WriteByte((byte)'\n');
        _file.Position = 0;
        line.Position = 0;
        line.CopyTo(_file);
        _file.Flush(flushToDisk: true);
    });

    private static Entry Read(FileStream file)
    {
        const int Longest = 1 << 24; // beyond that the output is made again
        if (file.Length is 0 or > Longest) return Entry.None;
        byte[] line = new byte[file.Length];
        file.ReadExactly(line);
        try
        {
            using JsonDocument json = JsonDocument.Parse(Encoding.UTF8.GetString(line));
            return new(json.RootElement.GetProperty("hash").GetString(),
                json.RootElement.TryGetProperty("bytes", out JsonElement bytes) ? bytes.GetInt64() : null,
                json.RootElement.TryGetProperty("leftOut", out JsonElement leftOut) ? [.. leftOut.EnumerateArray().Select(part =>
                    new LeftOut(part.GetProperty("place").GetInt32(), part.GetProperty("reason").GetString()!))] : []);
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return Entry.None;
        }
    }

    private readonly record struct Entry(string? Hash, long? Length, IReadOnlyList<LeftOut> LeftOut)
    {
        public static Entry None => new(null, null, []);
    }
}

/// <summary>A part that an output is without.</summary>
/// <param name="Place">Which of what the output is made from.</param>
/// <param name="Reason">Why.</param>
internal readonly record struct LeftOut(int Place, string Reason);
