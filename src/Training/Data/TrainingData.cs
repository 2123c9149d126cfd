using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Lia.Training.Data;

/// <summary>
/// What is learned from: a pack, or the packs of a folder one after another, as if they were one (<see cref="PackParts"/>). May be used
/// by several threads.
/// </summary>
internal sealed class TrainingData : IDisposable
{
    private readonly PackFile[] _packs; // those with pictures
    private readonly int[] _pictures, _rows; // the first of each

    /// <summary>Opens a pack, or those of a folder.</summary>
    /// <exception cref="MediaException">One is damaged, they do not go together, or one is missing.</exception>
    public TrainingData(string path)
    {
        Name = path;
        PackParts.Part[] parts = Directory.Exists(path) ? PackParts.In(path) : [new(path, path, 1, 1)];
        List<PackFile> packs = [];
        try
        {
            foreach (PackParts.Part part in parts) packs.Add(new(part.File));
            if (packs.Count == 0) throw new MediaException($"{path}: there is no pack in the folder.");
            PackFile first = packs[0];
            Shape = first.Shape;
            foreach (PackFile pack in packs)
            {
                PackShape other = pack.Shape;
                if (other.Side != Side) throw Differs(first, pack, $"pictures of {Side} pixels a side", $"of {other.Side}");
                if (other.HasWeights != HasWeights)
                    throw Differs(other.HasWeights ? pack : first, other.HasWeights ? first : pack, "weight maps", "none");
                if (other.Labels != Shape.Labels) throw Differs(first, pack, $"{Shape.Labels} labels a picture", $"{other.Labels}");
                if (other.Parts != Shape.Parts) throw Differs(first, pack, $"surfaces of {Shape.Parts} parts", $"of {other.Parts}");
            }
            foreach (PackFile empty in packs.Where(pack => pack.Pictures == 0)) empty.Dispose();
            _packs = [.. packs.Where(pack => pack.Pictures > 0)];
            if (_packs.FirstOrDefault(pack => pack.Rows > 0) is { } supervised
                && _packs.FirstOrDefault(pack => pack.Rows == 0) is { } clips)
                throw Differs(supervised, clips, "supervised rows", "clips");
            RefuseDoubles(parts, packs);
            (_pictures, _rows) = (new int[_packs.Length], new int[_packs.Length]);
            long pictures = 0, rows = 0;
            ImmutableArray<PackedClip>.Builder all = ImmutableArray.CreateBuilder<PackedClip>();
            for (int i = 0; i < _packs.Length; i++)
            {
                (_pictures[i], _rows[i]) = ((int)pictures, (int)rows);
                all.AddRange(_packs[i].Clips.Select(clip => clip with { First = clip.First + (int)pictures }));
                (pictures, rows) = (pictures + _packs[i].Pictures, rows + _packs[i].Rows);
                if (pictures > int.MaxValue || rows > int.MaxValue)
                    throw new MediaException($"{path}: its packs have more than {int.MaxValue:N0} pictures or rows together.");
            }
            (Pictures, Rows, Clips) = ((int)pictures, (int)rows, all.DrainToImmutable());
            Fingerprint = Hash();
        }
        catch
        {
            foreach (PackFile pack in packs) pack.Dispose();
            throw;
        }
    }

    /// <summary>The path.</summary>
    public string Name { get; }

    /// <summary>What there is of each picture.</summary>
    public PackShape Shape { get; }

    /// <summary>P, the side of the pictures.</summary>
    public int Side => Shape.Side;

    /// <summary>Whether each picture has a weight map.</summary>
    public bool HasWeights => Shape.HasWeights;

    /// <summary>N.</summary>
    public int Pictures { get; }

    /// <summary>The clips, in order.</summary>
    public ImmutableArray<PackedClip> Clips { get; }

    /// <summary>Supervised rows; with any, it is they that are learned from, not pairs of a clip.</summary>
    public int Rows { get; }

    /// <summary>SHA-256 of the header and the index that a single pack of all this has, and so of all there is: data with equal ones is
    /// equal, into however many packs clips were put.</summary>
    public string Fingerprint { get; }

    /// <summary>Bytes of a picture.</summary>
    public int PictureLength => Shape.PictureLength;

    /// <summary>Whether a path is that of a pack, or of a folder of packs.</summary>
    /// <exception cref="MediaException">It is a folder with packs and clips in it.</exception>
    public static bool Recognizes(string path) => Directory.Exists(path) ? PackParts.AreIn(path) : PackFile.Recognizes(path);

    /// <summary>A supervised row.</summary>
    public PackedRow Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        int pack = At(_rows, row), first = _pictures[pack];
        PackedRow found = _packs[pack].Row(row - _rows[pack]);
        return new(first + found.Source, first + found.Driving, first + found.Start, first + found.Target);
    }

    /// <inheritdoc cref="PackFile.Read"/>
    public void Read(int picture, Span<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)picture, (uint)Pictures, nameof(picture));
        int pack = At(_pictures, picture);
        _packs[pack].Read(picture - _pictures[pack], bytes);
    }

    /// <inheritdoc cref="PackFile.ReadNumbers(int, Span{float})"/>
    public void ReadNumbers(int picture, Span<float> numbers)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)picture, (uint)Pictures, nameof(picture));
        int pack = At(_pictures, picture);
        _packs[pack].ReadNumbers(picture - _pictures[pack], numbers);
    }

    public void Dispose()
    {
        foreach (PackFile pack in _packs) pack.Dispose();
    }

    /// <summary>The last pack that begins at a number or before it.</summary>
    private static int At(int[] firsts, int number)
    {
        int found = Array.BinarySearch(firsts, number);
        return found >= 0 ? found : ~found - 1;
    }

    private static MediaException Differs(PackFile one, PackFile other, string what, string whatElse) =>
        new($"{one.Name} and {other.Name} are no data together: the first has {what}, the second {whatElse}.");

    /// <summary>A clip that is in two parts of one pack was elsewhere in the order when the other was packed: other clips may be in
    /// none.</summary>
    private static void RefuseDoubles(PackParts.Part[] parts, List<PackFile> packs)
    {
        Dictionary<(string Pack, string Clip), PackFile> known = [];
        foreach ((PackParts.Part part, PackFile pack) in parts.Zip(packs))
        {
            if (part.Count == 1 || pack.Rows > 0) continue;
            foreach (PackedClip clip in pack.Clips)
            {
                if (!known.TryAdd((part.Pack, clip.Name), pack) && known[(part.Pack, clip.Name)] != pack)
                    throw new MediaException($"{pack.Name}: clip {clip.Name} is in {known[(part.Pack, clip.Name)].Name} too: the clips "
                        + "changed while they were packed; pack all parts once more.");
            }
        }
    }

    private string Hash()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long index = 8 + _packs.Sum(pack => (long)pack.ClipIndex.Length) + (long)Rows * PackFormat.RowLength;
        hash.AppendData(PackFormat.Header(Shape, Pictures, index));
        byte[] row = new byte[PackFormat.RowLength];
        AppendCount(Clips.Length);
        foreach (PackFile pack in _packs) hash.AppendData(pack.ClipIndex);
        AppendCount(Rows);
        for (int i = 0; i < Rows; i++)
        {
            Row(i).Write(row);
            hash.AppendData(row);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void AppendCount(int count)
        {
            BinaryPrimitives.WriteInt32LittleEndian(row, count);
            hash.AppendData(row, 0, 4);
        }
    }
}
