using Lia.Media.Files;
using Lia.Media.Imaging;

namespace Lia.Training.Data;

/// <summary>Packs supervised rows: pictures as they come, each once, and the rows by their numbers.</summary>
internal sealed class RowPacker : IDisposable
{
    private readonly string _output;
    private readonly PackOptions _options;
    private readonly CancellationToken _token;
    private readonly Dictionary<(string Picture, string? Weights), int> _numbers = [];
    private readonly FrameFitter _fitter, _mapFitter;
    private PackWriter? _writer;
    private byte[] _bytes = [];

    public RowPacker(string output, PackOptions options, CancellationToken token)
    {
        if (options.WeightMaps is not null || options.Every != 1)
            throw new ArgumentException("Weight maps of supervised rows are in the rows, and each row is packed.", nameof(options));
        (_output, _options, _token) = (output, options, token);
        (_fitter, _mapFitter) = (new(options.Side, Fit.Stretch), new(options.Side, Fit.Stretch));
    }

    public int Pictures => _writer?.Pictures ?? 0;

    /// <summary>Adds a row and those of its pictures that are not there yet.</summary>
    /// <returns>Why it cannot be used; null if it can.</returns>
    public string? Add(TrainingRow row)
    {
        // Whether there are weight maps shows in the first row: a pack has them for all pictures or for none.
        _writer ??= new(_output, _options.Side, row.Weights is not null);
        _bytes = _bytes.Length == 0 ? new byte[_writer.PictureLength] : _bytes;
        bool hasWeights = _bytes.Length > 3 * _options.Side * _options.Side;
        if (row.Weights is not null && !hasWeights) return $"{Name(row)}: it has a weight map, and the first row has none.";
        int source, driving, start, target;
        try
        {
            source = Number(row.Source, null);
            driving = Number(row.Driving, null);
            start = row.Start is null ? source : Number(row.Start, null);
            target = Number(row.Target, row.Weights);
        }
        catch (UnreadableException unreadable)
        {
            return $"{Name(row)}: {unreadable.Message}";
        }
        _writer.Add(new PackedRow(source, driving, start, target));
        return null;
    }

    public PackSummary Complete(int leftOut)
    {
        if (_writer is not { Rows: > 0 }) throw new MediaException($"{_output}: there is no supervised row whose pictures can be read.");
        _writer.EndClip("rows");
        _writer.Complete();
        return new(_output, _writer.Clips, _writer.Pictures, _writer.Rows, leftOut, _writer.Length);
    }

    public void Dispose() => _writer?.Dispose();

    private static string Name(TrainingRow row) => row.Name ?? $"the row of {row.Source} and {row.Driving}";

    private int Number(string picture, string? weights)
    {
        if (_numbers.TryGetValue((picture, weights), out int number)) return number;
        RgbImage image;
        RgbImage? map;
        try
        {
            image = FrameReaders.ReadPicture(picture, _token);
            map = weights is null ? null : FrameReaders.ReadPicture(weights, _token);
        }
        catch (MediaException failure)
        {
            throw new UnreadableException(failure.Message, failure);
        }
        Data.Pictures.Fit(_fitter, image, _mapFitter, map, _bytes, _options.Side);
        number = _writer!.Pictures;
        _writer.Add(_bytes);
        _numbers.Add((picture, weights), number);
        return number;
    }

    // A picture's fault is its row's; faults of the pack are MediaExceptions too, and end all.
    private sealed class UnreadableException(string message, Exception inner) : Exception(message, inner);
}
