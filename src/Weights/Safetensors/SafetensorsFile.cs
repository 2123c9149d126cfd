using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lia.Weights;

/// <summary>A safetensors file, memory-mapped: opening reads only the header, and tensors are views of the mapping.</summary>
/// <remarks>
/// The file must not be shortened while it is open: the operating system ends a process that touches a page that is gone.
/// </remarks>
public sealed class SafetensorsFile : ITensorSource, IMappedTensors
{
    private readonly MappedFile _file;
    private readonly long _dataStart;
    private readonly Dictionary<string, TensorInfo> _tensors = [];
    private readonly Dictionary<string, (long Begin, long End)> _ranges = [];

    /// <summary>Opens a file and checks every rule of the format.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="WeightsException">The file is absent or breaks a rule; the message says which and where.</exception>
    public SafetensorsFile(string path) : this(new MappedFile(path)) { }

    /// <summary>Takes over an open file; it is disposed when it is not a safetensors file.</summary>
    internal SafetensorsFile(MappedFile file)
    {
        _file = file;
        try
        {
            int length = SafetensorsHeader.ReadLength(file.Slice(0, (int)Math.Min(8, file.Length)), file.Length, file.Name);
            SafetensorsHeader header = SafetensorsHeader.Parse(file.Slice(8, length), file.Length, file.Name);
            _dataStart = header.DataStart;
            Metadata = header.Metadata;
            foreach (SafetensorsEntry entry in header.Entries)
            {
                _tensors.Add(entry.Info.Name, entry.Info);
                _ranges.Add(entry.Info.Name, (entry.Begin, entry.End));
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => _file.Name;

    /// <summary>Always <c>safetensors</c>.</summary>
    public string Format => "safetensors";

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>A tensor's bytes as stored: little-endian, row-major, not copied. Valid until this is disposed.</summary>
    /// <param name="name">A key of <see cref="Tensors"/>.</param>
    /// <exception cref="WeightsException">There is no such tensor, or it is larger than a span can be (2 GiB).</exception>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        if (!_ranges.TryGetValue(name, out (long Begin, long End) range)) throw TensorSourceExtensions.Missing(this, name);
        long length = range.End - range.Begin;
        if (length > int.MaxValue)
            throw new WeightsException($"{Name}: tensor {Text.Quote(name)} takes {length} bytes, more than the 2 GiB that can be viewed");
        return _file.Slice(_dataStart + range.Begin, (int)length);
    }

    /// <summary>
    /// A tensor of float32 where it lies in the mapping; null for one of another type. Its memory throws when it is used after this is
    /// disposed; a span taken before is not to be.
    /// </summary>
    internal ReadOnlyMemory<float>? Singles(string name)
    {
        if (!BitConverter.IsLittleEndian || !_tensors.TryGetValue(name, out TensorInfo? info) || info.DType != DType.Float32
            || info.ElementCount > Array.MaxLength) return null;
        return new MappedSingles(this, name, (int)info.ElementCount).Memory;
    }

    ReadOnlyMemory<float>? IMappedTensors.Singles(string name) => Singles(name);

    /// <inheritdoc/>
    public void CopyTo(string name, Span<float> destination)
    {
        TensorInfo info = this.Find(name, destination.Length);
        TensorConversion.ToSingle(info.DType, Bytes(name), destination);
    }

    /// <inheritdoc/>
    public void CopyBytesTo(string name, Span<byte> destination)
    {
        ReadOnlySpan<byte> bytes = Bytes(name);
        if (bytes.Length != destination.Length)
            throw new ArgumentException($"Tensor {name} takes {bytes.Length} bytes, the destination {destination.Length}.");
        bytes.CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private sealed class MappedSingles(SafetensorsFile file, string name, int length) : MemoryManager<float>
    {
        public override Memory<float> Memory => CreateMemory(length);

        // Of a read-only mapping: what is handed out is a ReadOnlyMemory.
        public override Span<float> GetSpan()
        {
            ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(file.Bytes(name));
            return MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(values), values.Length);
        }

        // The mapping does not move.
        public override unsafe MemoryHandle Pin(int elementIndex = 0) =>
            new((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(GetSpan())) + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
