using System.Buffers.Binary;

namespace Lia.Weights;

/// <summary>
/// A checkpoint written by <c>torch.save</c>, in the zip or the older stream format, read without Python: nothing in it is ever executed.
/// </summary>
/// <remarks>
/// The tensors are those of the dictionary that holds a generator, at most four levels down; of several that of <c>gen</c>, where the
/// official training program keeps it. Of other networks they are those under <c>gen</c>, at the top level, or in the only dictionary of
/// tensors one level down (<see cref="Location"/> tells which). Other values, among
/// them objects of unknown classes, are skipped (<see cref="Skipped"/>). Contiguous tensors are read straight from the mapped file.
/// The file must not be shortened while it is open.
/// </remarks>
public sealed class PyTorchCheckpoint : ITensorSource
{
    /// <summary>Expanded views repeat elements: all tensors written out may take so many times the file, and a bit.</summary>
    private const int MostRepetition = 4;

    /// <summary>Characters of a tensor's name.</summary>
    private const int LongestTensorName = 1_000;

    /// <summary>Levels of dictionaries in which generators are looked for.</summary>
    private const int MostLevels = 4;

    private static readonly Int128 Magic = ((Int128)0x1950 << 64) | 0xa86a20f9469cfc6c;

    private readonly MappedFile _file;
    private readonly Dictionary<string, (long Offset, long Length)> _storages = [];
    private readonly Dictionary<string, TensorRecipe> _recipes = [];
    private readonly Dictionary<string, TensorInfo> _tensors = [];
    private readonly PickleBudget _budget;

    /// <summary>Opens a checkpoint and checks it completely.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="WeightsException">The file is absent, damaged, hostile or holds no dictionary of tensors; the message says
    /// which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was signaled.</exception>
    public PyTorchCheckpoint(string path, CancellationToken cancellation = default) : this(new MappedFile(path), null, cancellation) { }

    /// <summary>Takes over an open file; it is disposed when it is not a checkpoint.</summary>
    internal PyTorchCheckpoint(MappedFile file, string? weights, CancellationToken cancellation)
    {
        _file = file;
        _budget = new PickleBudget(cancellation);
        try
        {
            PickleNode root = ZipDirectory.IsZip(file) ? ReadZip() : ReadLegacy();
            PickleDictionary state = FindState(root, weights);
            AddTensors(state);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => _file.Name;

    /// <summary>Always empty: the format has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>Always <c>PyTorch</c>.</summary>
    public string Format => "PyTorch";

    /// <summary>
    /// What stands before the names of the generator's tensors in their dictionary, with its last point; empty for nothing.
    /// </summary>
    internal string Prefix { get; private set; } = "";

    /// <summary>
    /// The keys of the dictionary the tensors were found in, for example <c>gen</c>, and what stands before all of their names there; empty
    /// for the top level.
    /// </summary>
    public string Location { get; private set; } = "";

    /// <summary>Entries beside the tensors in their dictionary that are no tensors, or tensors of a type that is not read; each name once,
    /// the middle of long ones left out.</summary>
    public IReadOnlyList<string> Skipped { get; private set; } = [];

    /// <inheritdoc/>
    public void CopyTo(string name, Span<float> destination)
    {
        TensorInfo info = this.Find(name, destination.Length);
        TensorRecipe recipe = _recipes[name];
        if (recipe.IsContiguous)
        {
            TensorConversion.ToSingle(info.DType, Contiguous(recipe), destination);
            return;
        }
        byte[] bytes = new byte[(int)recipe.ByteLength!.Value];
        recipe.Gather(Storage(recipe), bytes);
        TensorConversion.ToSingle(info.DType, bytes, destination);
    }

    /// <inheritdoc/>
    public void CopyBytesTo(string name, Span<byte> destination)
    {
        if (!_recipes.TryGetValue(name, out TensorRecipe? recipe)) throw TensorSourceExtensions.Missing(this, name);
        if (recipe.ByteLength != destination.Length)
            throw new ArgumentException($"Tensor {name} takes {recipe.ByteLength} bytes, the destination {destination.Length}.");
        if (recipe.IsContiguous) Contiguous(recipe).CopyTo(destination);
        else recipe.Gather(Storage(recipe), destination);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private ReadOnlySpan<byte> Contiguous(TensorRecipe recipe)
    {
        long length = recipe.ByteLength!.Value;
        return length == 0 ? default : _file.Slice(_storages[recipe.Storage.Key].Offset + recipe.Offset * recipe.Type.Size, (int)length);
    }

    private ReadOnlySpan<byte> Storage(TensorRecipe recipe)
    {
        (long offset, long length) = _storages[recipe.Storage.Key];
        return _file.Slice(offset, (int)length);
    }

    /// <summary>The zip format: the pickle in <c>*/data.pkl</c>, storage KEY in <c>*/data/KEY</c>.</summary>
    private PickleNode ReadZip()
    {
        IReadOnlyDictionary<string, ZipMember> members = new ZipDirectory(_file).Members;
        string[] pickles = [.. members.Keys.Where(name => name.EndsWith("/data.pkl", StringComparison.Ordinal))];
        if (pickles.Length != 1) throw Broken($"the zip file holds {pickles.Length} pickles called data.pkl, a PyTorch checkpoint has one");
        string folder = pickles[0][..^"data.pkl".Length];
        if (members.TryGetValue(folder + "byteorder", out ZipMember order)
            && !_file.Slice(order.Offset, (int)Math.Min(order.Length, 16)).SequenceEqual("little"u8))
        {
            throw Broken("its byte order is not little-endian");
        }
        ZipMember pickle = members[pickles[0]];
        if (pickle.Length > PickleBudget.LongestPickle)
            throw Broken($"its pickle has {pickle.Length} bytes, at most {PickleBudget.LongestPickle} are read");
        List<PicklePersistent> persistent = [];
        PickleNode root = PickleReader.Parse(_file.Slice(pickle.Offset, (int)pickle.Length), Name, out _, persistent, _budget);

        foreach (StorageReference storage in References(persistent).Values)
        {
            if (!members.TryGetValue($"{folder}data/{storage.Key}", out ZipMember member))
                throw Broken($"storage {Text.Quote(storage.Key)} is not in the archive");
            if (storage.Type is { } type && member.Length != storage.Count * type.Size)
                throw Broken($"storage {Text.Quote(storage.Key)} claims {storage.Count * type.Size} bytes and has {member.Length}");
            _storages.Add(storage.Key, (member.Offset, member.Length));
        }
        return root;
    }

    /// <summary>
    /// The stream format: magic, version, system, object and storage keys as five pickles, then a count and the raw data of each storage.
    /// </summary>
    private PickleNode ReadLegacy()
    {
        long position = 0;
        List<PicklePersistent> persistent = [];
        if (Next() is not PickleInteger { Value: var magic } || magic != Magic)
            throw Broken("it is a pickle, and not one written by torch.save");
        if (Next() is not PickleInteger { Value: var version } || version != 1001) throw Broken("its protocol version is not 1001");
        if (Next() is not PickleDictionary system) throw Broken("its system description is missing");
        if (system["little_endian"] is not PickleInteger { Value: var little } || little != 1)
            throw Broken("its byte order is not little-endian");
        PickleNode root = Next();
        if (Next() is not PickleSequence { Items: var keys }) throw Broken("its list of storages is missing");

        Dictionary<string, StorageReference> references = References(persistent);
        foreach (PickleNode node in keys)
        {
            if (node is not PickleString { Value: var key } || !references.Remove(key, out StorageReference storage))
                throw Broken("its list of storages names one that is not used, or one twice");
            if (storage.Type is not { } type)
                throw Broken($"storage {Text.Quote(key)} is of the unknown class {Text.Quote(storage.Class)}");
            if (_file.Length - position < 8) throw Broken($"it ends before storage {Text.Quote(key)} (truncated?)");
            long count = BinaryPrimitives.ReadInt64LittleEndian(_file.Slice(position, 8));
            position += 8;
            if (count != storage.Count) throw Broken($"storage {Text.Quote(key)} claims {storage.Count} elements and has {count}");
            long length = count * type.Size;
            if (length > _file.Length - position)
                throw Broken($"storage {Text.Quote(key)} claims {length} bytes and {_file.Length - position} are left (truncated?)");
            _storages.Add(key, (position, length));
            position += length;
        }
        if (references.Count > 0) throw Broken($"its list of storages lacks {Text.Quote(references.Keys.First())}");
        if (position != _file.Length) throw Broken($"{_file.Length - position} bytes follow its last storage");
        return root;

        PickleNode Next()
        {
            ReadOnlySpan<byte> rest = _file.Slice(position, (int)Math.Min(PickleBudget.LongestPickle, _file.Length - position));
            PickleNode node = PickleReader.Parse(rest, Name, out int length, persistent, _budget);
            position += length;
            return node;
        }
    }

    /// <summary>Every storage that is referred to, by key; all references to one must agree.</summary>
    private Dictionary<string, StorageReference> References(List<PicklePersistent> persistent)
    {
        Dictionary<string, StorageReference> references = [];
        foreach (PicklePersistent node in persistent)
        {
            _budget.Cancellation.ThrowIfCancellationRequested();
            if (StorageReference.From(node) is not { } storage)
                throw Broken("a persistent reference in its pickle does not describe a storage");
            if (!references.TryAdd(storage.Key, storage) && references[storage.Key] != storage)
                throw Broken($"storage {Text.Quote(storage.Key)} is described in two ways");
        }
        return references;
    }

    private PickleDictionary FindState(PickleNode root, string? weights)
    {
        if (root is not PickleDictionary top)
            throw Broken($"it holds {root.Kind} and not a dictionary; save the state_dict() of the generator");
        List<(string Name, string Prefix, PickleDictionary State)> generators = FindGenerators(top);
        if (generators.Count > 0 || weights is not null)
        {
            int chosen = GeneratorChoice.Choose([.. generators.Select(generator => generator.Name)], weights, Name);
            (Location, Prefix, PickleDictionary state) = generators[chosen];
            return state;
        }
        if (top["gen"] is PickleDictionary gen)
        {
            Location = "gen";
            return gen;
        }
        // A dictionary may be the value of many entries: each is searched once.
        Dictionary<PickleDictionary, bool> searched = [];
        if (HoldsTensors(top)) return top;
        (string Key, PickleDictionary Value)[] candidates = [.. top.Items
            .Where(item => item is { Key: PickleString, Value: PickleDictionary inner } && HoldsTensors(inner))
            .Select(item => (((PickleString)item.Key).Value, (PickleDictionary)item.Value))];
        if (candidates.Length == 0) throw Broken("it holds no tensors under 'gen', at the top level or one level down");
        if (candidates.Length > 1)
            throw Broken(
                $"it has no 'gen', and {candidates.Length} other entries hold tensors: " +
                $"{string.Join(", ", candidates.Take(5).Select(candidate => Text.Quote(candidate.Key)))}");
        Location = candidates[0].Key;
        return candidates[0].Value;

        bool HoldsTensors(PickleDictionary dictionary)
        {
            if (searched.TryGetValue(dictionary, out bool holds)) return holds;
            _budget.Cancellation.ThrowIfCancellationRequested();
            return searched[dictionary] =
                dictionary.Items.Any(item => item.Key is PickleString && TensorRecipe.From(item.Value) is not null);
        }
    }

    /// <summary>Dictionaries that hold a generator's tensors, with what stands before their names there.</summary>
    private List<(string Name, string Prefix, PickleDictionary State)> FindGenerators(PickleDictionary top)
    {
        List<(string, string, PickleDictionary)> found = [];
        HashSet<PickleDictionary> searched = [top]; // each once, however many entries it is the value of
        Queue<Place> queue = new([new Place(null, "", 0, top)]);
        while (queue.TryDequeue(out Place? place) && found.Count < GeneratorChoice.MostNamed)
        {
            List<string> names = [];
            foreach ((PickleNode keyNode, PickleNode value) in place.Dictionary.Items)
            {
                _budget.Cancellation.ThrowIfCancellationRequested();
                if (keyNode is not PickleString { Value: { Length: <= LongestTensorName } key }) continue;
                if (value is not PickleDictionary inner) names.Add(key);
                else if (place.Level < MostLevels && searched.Add(inner)) queue.Enqueue(new Place(place, key, place.Level + 1, inner));
            }
            foreach (string prefix in GeneratorChoice.Prefixes(names)) found.Add((place.Name(prefix), prefix, place.Dictionary));
        }
        return found;
    }

    /// <summary>A dictionary, and the keys that lead to it.</summary>
    private sealed record Place(Place? Outer, string Key, int Level, PickleDictionary Dictionary)
    {
        /// <summary>The keys and what stands before names in the dictionary, parted by points.</summary>
        public string Name(string prefix)
        {
            List<string> words = [];
            for (Place? at = this; at?.Outer is not null; at = at.Outer) words.Insert(0, at.Key);
            if (prefix.Length > 0) words.Add(prefix.TrimEnd('.'));
            return string.Join('.', words);
        }
    }

    private void AddTensors(PickleDictionary state)
    {
        Int128 total = 0;
        HashSet<string> skipped = [];
        foreach ((PickleNode keyNode, PickleNode value) in state.Items)
        {
            _budget.Cancellation.ThrowIfCancellationRequested();
            if (keyNode is not PickleString { Value: var key } || TensorRecipe.From(value) is not { } recipe)
            {
                skipped.Add(keyNode is PickleString text ? Text.Shorten(text.Value) : "a key that is no text");
                continue;
            }
            if (key.Length > LongestTensorName)
                throw Broken($"tensor {Text.Quote(key)}: its name has {key.Length} characters, at most {LongestTensorName} are read");
            string quoted = Text.Quote(key);
            if (recipe.ByteLength is not { } length || length > int.MaxValue)
                throw Broken($"tensor {quoted}: shape {Text.Shape(recipe.Shape)} is too large");
            long storageLength = _storages[recipe.Storage.Key].Length;
            if (storageLength > int.MaxValue && !recipe.IsContiguous)
                throw Broken($"tensor {quoted} is a view of a storage of more than 2 GiB");
            if (!recipe.FitsIn(storageLength))
                throw Broken(
                    $"tensor {quoted}: shape {Text.Shape(recipe.Shape)}, strides [{string.Join(", ", recipe.Strides)}] and offset " +
                    $"{recipe.Offset} reach past its storage of {storageLength} bytes");
            total += length;
            if (total > (Int128)_file.Length * MostRepetition)
                throw Broken($"its tensors repeat their elements to more than {MostRepetition} times the file's length");
            TensorInfo info = new(key, recipe.Type.DType!.Value, recipe.Shape);
            if (!_tensors.TryAdd(key, info)) throw Broken($"tensor {quoted} occurs twice");
            _recipes.Add(key, recipe);
        }
        Skipped = [.. skipped];
    }

    private WeightsException Broken(string what) => new($"{Name}: unusable PyTorch checkpoint: {what}");
}
