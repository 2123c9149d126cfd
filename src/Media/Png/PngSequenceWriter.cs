using System.Globalization;
using System.Text.RegularExpressions;
using Lia.Media.IO;

namespace Lia.Media.Png;

/// <summary>
/// Writes a PNG file for every frame, numbered from 0: into a folder of their own as <c>00000.png</c>, or by a pattern like
/// <c>NAME%05d.png</c>.
/// The files grow in a hidden folder, which is its owner's alone, and take their places when all are there and on the disk. Symbolic links
/// are followed.
/// </summary>
internal sealed partial class PngSequenceWriter : IFrameWriter
{
    private readonly string _output, _folder, _prefix = "", _suffix = ".png", _work;
    private readonly int _digits = 5;
    private readonly bool _isPattern;
    private readonly PngEncoder _encoder;
    private readonly FileStream _lock; // tells others that somebody is at work on the folder
    private readonly UnixFileMode _mode;
    private int _frames;
    private bool _completed;

    /// <param name="output">A folder that is empty or not there yet, or a pattern in a folder that is there.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="MediaException">It is neither.</exception>
    public PngSequenceWriter(string output, int width, int height)
    {
        _output = output;
        Outputs.RefuseName(output);
        string full = Outputs.Guard(output, () => Outputs.Full(output));
        _isPattern = IsPattern(output);
        if (_isPattern)
        {
            Match match = Pattern().Match(Path.GetFileName(full));
            (_prefix, _suffix) = (match.Groups["prefix"].Value, match.Groups["suffix"].Value);
            _digits = match.Groups["digits"].Length > 0 ? int.Parse(match.Groups["digits"].Value, CultureInfo.InvariantCulture) : 1;
            _folder = Path.GetDirectoryName(full)!;
            if (!Directory.Exists(_folder)) throw new MediaException($"{output}: cannot be written: there is no folder {_folder}.");
        }
        else
        {
            _folder = full;
            if (File.Exists(full)) throw new MediaException(
                $"{output}: cannot be written: it is a file, and a folder of pictures was asked for.");
            if (Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any())
                throw new MediaException($"{output}: cannot be written: the folder is not empty.");
            if (Path.GetDirectoryName(full) is not string parent || !Directory.Exists(parent))
                throw new MediaException($"{output}: cannot be written: there is no folder to make it in.");
        }
        string home = _isPattern ? _folder : Path.GetDirectoryName(_folder)!, name = Path.GetFileName(full);
        TemporaryFiles.SweepParts(home, name);
        _work = Path.Combine(home, $".{name}.{Guid.NewGuid():N}.part");
        _encoder = new PngEncoder(width, height);
        Outputs.Guard(output, () => Directory.CreateDirectory(_work));
        try
        {
            string held = Path.Combine(_work, TemporaryFiles.LockName);
            _lock = Outputs.Guard(output, () => new FileStream(held, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite));
            Disk.TryLock(_lock.SafeFileHandle);
            _mode = Outputs.Guard(output, () => Disk.Mode(Directory.Exists(_folder) && !_isPattern ? _folder : _work));
            Outputs.Guard(output, () => Disk.SetMode(_work, TemporaryFiles.Private | UnixFileMode.UserExecute));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether a file name is a pattern with one number in it.</summary>
    public static bool IsPattern(string path) => Pattern().IsMatch(Path.GetFileName(path));

    public void Write(ReadOnlySpan<byte> pixels)
    {
        byte[] data = _encoder.Compress(pixels);
        try
        {
            using FileStream stream = new(Path.Combine(_work, FileName(_frames)), FileMode.CreateNew);
            _encoder.Begin(stream);
            PngEncoder.WriteChunk(stream, "IDAT"u8, data);
            PngEncoder.WriteChunk(stream, "IEND"u8, []);
        }
        catch (IOException failure)
        {
            throw Outputs.Failed(_output, failure);
        }
        _frames++;
    }

    public bool Complete()
    {
        Outputs.Guard(_output, () =>
        {
            // First all of them are on the disk: together that takes hardly longer than one.
            for (int i = 0; i < _frames; i++) Disk.FlushFile(Path.Combine(_work, FileName(i)));
            _lock.Dispose();
            File.Delete(_lock.Name);
            if (!_isPattern)
            {
                Disk.SetMode(_work, _mode);
                if (Directory.Exists(_folder)) Directory.Delete(_folder);
                Directory.Move(_work, _folder);
                Disk.FlushFolder(_folder);
                Disk.FlushFolder(Path.GetDirectoryName(_folder)!);
                return;
            }
            for (int i = 0; i < _frames; i++)
                File.Move(Path.Combine(_work, FileName(i)), Outputs.Full(Path.Combine(_folder, FileName(i))), overwrite: true);
            Directory.Delete(_work);
            Disk.FlushFolder(_folder);
        });
        _completed = true;
        return false;
    }

    public void Dispose()
    {
        if (_completed) return;
        try
        {
            _lock?.Dispose();
            Directory.Delete(_work, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // As for a single file: the reason that brought us here is the one to report.
        }
    }

    private string FileName(int frame) => _prefix + frame.ToString($"D{_digits}", CultureInfo.InvariantCulture) + _suffix;

    [GeneratedRegex("^(?<prefix>[^%]*)%(0(?<digits>[1-9]))?d(?<suffix>[^%]*\\.png)$",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
