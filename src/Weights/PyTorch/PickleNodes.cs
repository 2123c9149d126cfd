namespace Lia.Weights;

/// <summary>
/// A value of a pickle. Nodes are inert: a class is a name, a call is a name with arguments, and nothing is ever constructed or called.
/// </summary>
internal abstract class PickleNode
{
    /// <summary>One more than the deepest value inside, as it was when it was put in.</summary>
    public int Depth { get; protected set; } = 1;

    /// <summary>What messages call such a value.</summary>
    public abstract string Kind { get; }

    protected void Enclose(PickleNode child) => Depth = Math.Max(Depth, child.Depth + 1);
}

/// <summary>A value no tensor is made of: floats, bytes, huge integers, extension codes.</summary>
internal sealed class PickleOpaque(string kind) : PickleNode
{
    public static readonly PickleOpaque None = new("None"), Float = new("a float"), Bytes = new("bytes"), Set = new("a set"),
        Integer = new("a huge integer"), Extension = new("an extension object");

    public override string Kind => kind;
}

/// <summary>An integer or a bool of up to 128 bits.</summary>
internal sealed class PickleInteger(Int128 value) : PickleNode
{
    public Int128 Value => value;
    public override string Kind => "an integer";
}

/// <summary>A string.</summary>
internal sealed class PickleString(string value) : PickleNode
{
    public string Value => value;
    public override string Kind => "a string";
}

/// <summary>A tuple or a list.</summary>
internal sealed class PickleSequence : PickleNode
{
    private readonly List<PickleNode> _items;

    public PickleSequence(ReadOnlySpan<PickleNode> items)
    {
        _items = new(items.Length);
        foreach (PickleNode item in items) Add(item);
    }

    public IReadOnlyList<PickleNode> Items => _items;
    public override string Kind => "a list";

    /// <summary>Whether a dictionary has been made of the pairs in it.</summary>
    public bool IsTaken { get; set; }

    public void Add(PickleNode item)
    {
        Enclose(item);
        _items.Add(item);
    }
}

/// <summary>A dict or an OrderedDict, in the order of insertion, keys as they came.</summary>
internal sealed class PickleDictionary : PickleNode
{
    private readonly List<KeyValuePair<PickleNode, PickleNode>> _items = [];

    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Items => _items;
    public override string Kind => "a dictionary";

    public void Add(PickleNode key, PickleNode value)
    {
        Enclose(key);
        Enclose(value);
        _items.Add(new(key, value));
    }

    /// <summary>The last value under a string key, or null.</summary>
    public PickleNode? this[string key] => _items.LastOrDefault(item => item.Key is PickleString name && name.Value == key).Value;
}

/// <summary>The name of a class or function.</summary>
internal sealed class PickleGlobal(string module, string name) : PickleNode
{
    public string FullName => field ??= $"{module}.{name}";
    public override string Kind => $"the name {Text.Quote(FullName)}";
}

/// <summary>What would be a call or a construction: it is only written down.</summary>
internal sealed class PickleCall : PickleNode
{
    public PickleCall(PickleNode function, PickleNode arguments)
    {
        Function = (function as PickleGlobal)?.FullName ?? "no class";
        Arguments = (arguments as PickleSequence)?.Items ?? [];
        Enclose(function);
        Enclose(arguments);
    }

    public string Function { get; }
    public IReadOnlyList<PickleNode> Arguments { get; }

    /// <summary>
    /// The tensor that the call describes, as <see cref="TensorRecipe.From(PickleNode)"/> found it: references share it, as they share the
    /// call.
    /// </summary>
    public (bool IsKnown, TensorRecipe? Value) Recipe { get; set; }

    public override string Kind => $"an object made by {Text.Quote(Function)}";
}

/// <summary>A reference to something outside the pickle: in PyTorch files, a storage.</summary>
internal sealed class PicklePersistent : PickleNode
{
    public PicklePersistent(PickleNode id)
    {
        Id = id;
        Enclose(id);
    }

    public PickleNode Id { get; }
    public override string Kind => "a persistent reference";
}
