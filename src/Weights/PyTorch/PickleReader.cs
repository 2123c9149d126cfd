using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Lia.Weights;

/// <summary>
/// Parses one pickle (protocols 0 to 5) into inert nodes.
/// </summary>
/// <remarks>
/// A pickle is a program for a stack machine whose GLOBAL, REDUCE, INST, OBJ, NEWOBJ and BUILD codes import modules and call functions.
/// Here they only put names and arguments down. References share a value and never copy it, and no operation does more work than there are
/// values that operations before it have put on the stack, or bytes in its own text: what parsing costs is in proportion to the pickle, and
/// limited by <see cref="PickleBudget"/> beside.
/// </remarks>
internal ref struct PickleReader
{
    private readonly ReadOnlySpan<byte> _data;
    private readonly string _file;
    private readonly List<PickleNode> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, PickleNode> _memo = new(MemoComparer.Instance);
    private readonly List<PicklePersistent> _persistent;
    private readonly PickleBudget _budget;
    private int _position;

    private PickleReader(ReadOnlySpan<byte> data, string file, List<PicklePersistent> persistent, PickleBudget budget)
    {
        _data = data;
        _file = file;
        _persistent = persistent;
        _budget = budget;
    }

    /// <summary>Parses the pickle at the start of <paramref name="data"/>.</summary>
    /// <param name="data">The pickle; bytes may follow it.</param>
    /// <param name="file">What messages call the file.</param>
    /// <param name="length">Bytes of the pickle, its STOP code included.</param>
    /// <param name="persistent">Receives every persistent reference, also those inside values that are dropped.</param>
    /// <param name="budget">What the file's pickles together may cost; what this one costs is taken from it.</param>
    /// <exception cref="WeightsException">The pickle is cut off, malformed or over a limit.</exception>
    /// <exception cref="OperationCanceledException">The budget's token was signaled.</exception>
    public static PickleNode Parse(
        ReadOnlySpan<byte> data, string file, out int length, List<PicklePersistent> persistent, PickleBudget budget)
    {
        PickleReader reader = new(data, file, persistent, budget);
        PickleNode result = reader.Run();
        length = reader._position;
        return result;
    }

    private PickleNode Run()
    {
        while (_budget.TryTakeOperation())
        {
            char code = (char)Take(1)[0];
            if (code == '.') return Pop();
            Step(code);
            if (_stack.Count > 0 && _stack[^1].Depth > PickleBudget.DeepestNesting)
                throw Broken($"values nest deeper than {PickleBudget.DeepestNesting}");
        }
        throw Broken($"there are more than {PickleBudget.MostOperations} operations");
    }

    private void Step(char code)
    {
        switch (code)
        {
            // Framing.
            case '\x80': Expect(Take(1)[0] <= 5, "the pickle protocol is newer than 5"); break;
            case '\x95': Expect(UInt64() <= (ulong)(_data.Length - _position), "a frame is longer than the file"); break;

            // Constants and numbers.
            case 'N': _stack.Add(PickleOpaque.None); break;
            case '\x88': _stack.Add(new PickleInteger(1)); break;
            case '\x89': _stack.Add(new PickleInteger(0)); break;
            case 'K': _stack.Add(new PickleInteger(Take(1)[0])); break;
            case 'M': _stack.Add(new PickleInteger(BinaryPrimitives.ReadUInt16LittleEndian(Take(2)))); break;
            case 'J': _stack.Add(new PickleInteger(BinaryPrimitives.ReadInt32LittleEndian(Take(4)))); break;
            case '\x8a': _stack.Add(Integer(Take(Take(1)[0]))); break;
            case '\x8b': _stack.Add(Integer(Take(Int32Length()))); break;
            case 'I' or 'L': _stack.Add(IntegerText(Line())); break;
            case 'F': Line(); _stack.Add(PickleOpaque.Float); break;
            case 'G': Take(8); _stack.Add(PickleOpaque.Float); break;

            // Text and bytes.
            case '\x8c': _stack.Add(Utf8(Take(Take(1)[0]))); break;
            case 'X': _stack.Add(Utf8(Take(UInt32()))); break;
            case '\x8d': _stack.Add(Utf8(Take(UInt64()))); break;
            case 'V': _stack.Add(Utf8(Line())); break;
            case 'U': _stack.Add(Utf8(Take(Take(1)[0]))); break; // Python 2's str: names are ASCII.
            case 'T': _stack.Add(Utf8(Take(Int32Length()))); break;
            case 'S': _stack.Add(Quoted(Line())); break;
            case 'C': Take(Take(1)[0]); _stack.Add(PickleOpaque.Bytes); break;
            case 'B': Take(UInt32()); _stack.Add(PickleOpaque.Bytes); break;
            case '\x8e' or '\x96': Take(UInt64()); _stack.Add(PickleOpaque.Bytes); break;

            // The stack.
            case '(': _marks.Add(_stack.Count); Expect(_marks.Count <= PickleBudget.DeepestNesting, "marks nest too deep"); break;
            case '0': if (_marks.Count > 0 && _marks[^1] == _stack.Count) PopMark(); else Pop(); break;
            case '1': PopMark(); break;
            case '2': _stack.Add(Top()); break;

            // The memo.
            case 'p': _memo[Index(Line())] = Top(); break;
            case 'q': _memo[Take(1)[0]] = Top(); break;
            case 'r': _memo[UInt32()] = Top(); break;
            case '\x94': _memo[(uint)_memo.Count] = Top(); break;
            case 'g': Recall(Index(Line())); break;
            case 'h': Recall(Take(1)[0]); break;
            case 'j': Recall(UInt32()); break;

            // Containers.
            case ')': _stack.Add(new PickleSequence([])); break;
            case '\x85': _stack.Add(new PickleSequence([Pop()])); break;
            case '\x86': { PickleNode b = Pop(); _stack.Add(new PickleSequence([Pop(), b])); break; }
            case '\x87': { PickleNode c = Pop(), b = Pop(); _stack.Add(new PickleSequence([Pop(), b, c])); break; }
            case 't' or 'l': _stack.Add(new PickleSequence(PopMark())); break;
            case ']': _stack.Add(new PickleSequence([])); break;
            case '}': _stack.Add(new PickleDictionary()); break;
            case 'd': { PickleNode[] items = PopMark(); PickleDictionary made = new(); SetItems(made, items); _stack.Add(made); break; }
            case 'a': { PickleNode item = Pop(); Append(Top(), [item]); break; }
            case 'e': { PickleNode[] items = PopMark(); Append(Top(), items); break; }
            case 's': { PickleNode value = Pop(), key = Pop(); SetItems(Top(), [key, value]); break; }
            case 'u': { PickleNode[] items = PopMark(); SetItems(Top(), items); break; }
            case '\x8f': _stack.Add(PickleOpaque.Set); break;
            case '\x90': PopMark(); Top(); break;
            case '\x91': PopMark(); _stack.Add(PickleOpaque.Set); break;

            // Names, and what would be calls.
            case 'c': { PickleString module = Utf8(Line()); _stack.Add(Global(module, Utf8(Line()))); break; }
            case '\x93': { PickleNode name = Pop(), module = Pop(); _stack.Add(Global(module, name)); break; }
            case 'R' or '\x81': { PickleNode arguments = Pop(); _stack.Add(Call(Pop(), arguments)); break; }
            case '\x92': { Pop(); PickleNode arguments = Pop(); _stack.Add(Call(Pop(), arguments)); break; }
            case 'i':
                {
                    PickleString module = Utf8(Line());
                    PickleGlobal type = Global(module, Utf8(Line()));
                    _stack.Add(Call(type, new PickleSequence(PopMark())));
                    break;
                }
            case 'o':
                {
                    PickleNode[] items = PopMark();
                    Expect(items.Length > 0, "an object has no class");
                    _stack.Add(Call(items[0], new PickleSequence(items.AsSpan(1))));
                    break;
                }
            case 'b': Pop(); Top(); break; // An object's state is dropped.
            case '\x82': Take(1); _stack.Add(PickleOpaque.Extension); break;
            case '\x83': Take(2); _stack.Add(PickleOpaque.Extension); break;
            case '\x84': Take(4); _stack.Add(PickleOpaque.Extension); break;

            // References to outside.
            case 'P': _stack.Add(Persistent(Utf8(Line()))); break;
            case 'Q': _stack.Add(Persistent(Pop())); break;

            default: throw Broken($"unknown operation 0x{(int)code:x2}");
        }
    }

    /// <summary>Dictionaries are data; every other call stays a description.</summary>
    private readonly PickleNode Call(PickleNode function, PickleNode arguments)
    {
        if (function is not PickleGlobal { FullName: "collections.OrderedDict" or "builtins.dict" or "__builtin__.dict" }
            || arguments is not PickleSequence { Items: var items } || items.Count > 1)
        {
            return new PickleCall(function, arguments);
        }
        if (items.Count == 0) return new PickleDictionary();
        // Python 2 gives the pairs as an argument, a list that nobody else has. Many dictionaries of one list would be many copies of it.
        if (items[0] is not PickleSequence pairs) return new PickleCall(function, arguments);
        Expect(!pairs.IsTaken, "two dictionaries are made of the same list of pairs");
        pairs.IsTaken = true;
        PickleDictionary made = new();
        foreach (PickleNode pair in pairs.Items)
        {
            Expect(pair is PickleSequence { Items.Count: 2 }, "an OrderedDict is made of something else than pairs");
            IReadOnlyList<PickleNode> both = ((PickleSequence)pair).Items;
            made.Add(both[0], both[1]);
        }
        return made;
    }

    private readonly PickleGlobal Global(PickleNode module, PickleNode name)
    {
        Expect(module is PickleString && name is PickleString, "a class is not named by two strings");
        (string first, string second) = (((PickleString)module).Value, ((PickleString)name).Value);
        Expect(first.Length + second.Length <= PickleBudget.LongestName,
            $"the name of a class is longer than {PickleBudget.LongestName} characters");
        return new PickleGlobal(first, second);
    }

    private readonly PicklePersistent Persistent(PickleNode id)
    {
        PicklePersistent reference = new(id);
        _persistent.Add(reference);
        return reference;
    }

    private readonly void Append(PickleNode target, ReadOnlySpan<PickleNode> items)
    {
        if (target is PickleSequence sequence)
        {
            foreach (PickleNode item in items) sequence.Add(item);
        }
        else if (target is not (PickleCall or PickleOpaque))
        {
            throw Broken($"something is appended to {target.Kind}");
        }
    }

    private readonly void SetItems(PickleNode target, ReadOnlySpan<PickleNode> items)
    {
        Expect(items.Length % 2 == 0, "a dictionary has a key without a value");
        if (target is PickleDictionary dictionary)
        {
            for (int i = 0; i < items.Length; i += 2) dictionary.Add(items[i], items[i + 1]);
        }
        else if (target is not (PickleCall or PickleOpaque))
        {
            throw Broken($"an item is set in {target.Kind}");
        }
    }

    private readonly void Recall(uint index)
    {
        if (!_memo.TryGetValue(index, out PickleNode? value)) throw Broken($"memo entry {index} is used before it is set");
        _stack.Add(value);
    }

    private readonly PickleNode Top()
    {
        Expect(_stack.Count > (_marks.Count == 0 ? 0 : _marks[^1]), "the stack is empty");
        return _stack[^1];
    }

    private readonly PickleNode Pop()
    {
        PickleNode value = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly PickleNode[] PopMark()
    {
        Expect(_marks.Count > 0, "there is no mark on the stack");
        int start = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        PickleNode[] items = CollectionsMarshal.AsSpan(_stack)[start..].ToArray();
        _stack.RemoveRange(start, _stack.Count - start);
        return items;
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        int left = _data.Length - _position;
        if (count > (ulong)left) throw Broken($"{count} bytes are wanted and {left} are left (truncated?)");
        ReadOnlySpan<byte> bytes = _data.Slice(_position, (int)count);
        _position += (int)count;
        return bytes;
    }

    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    private ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    private uint Int32Length()
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(Take(4));
        Expect(length >= 0, "a length is negative");
        return (uint)length;
    }

    private ReadOnlySpan<byte> Line()
    {
        int length = _data[_position..].IndexOf((byte)'\n');
        Expect(length >= 0, "a line does not end (truncated?)");
        return Take((ulong)length + 1)[..length];
    }

    private readonly uint Index(ReadOnlySpan<byte> line)
    {
        Expect(uint.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out uint index), "a memo index is not a number");
        return index;
    }

    /// <summary>Two's complement, little-endian; nothing is zero.</summary>
    private static PickleNode Integer(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 16) return PickleOpaque.Integer;
        Span<byte> wide = stackalloc byte[16];
        wide.Fill((byte)(bytes.Length > 0 && bytes[^1] >= 0x80 ? 0xff : 0));
        bytes.CopyTo(wide);
        return new PickleInteger(BinaryPrimitives.ReadInt128LittleEndian(wide));
    }

    /// <summary>Decimal text; Python 2 ends long ones in L and writes bools as 00 and 01.</summary>
    private readonly PickleNode IntegerText(ReadOnlySpan<byte> line)
    {
        if (line.EndsWith("L"u8)) line = line[..^1];
        if (line.Length > 39) return PickleOpaque.Integer;
        Expect(Int128.TryParse(line, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out Int128 value),
            "an integer is not a number");
        return new PickleInteger(value);
    }

    private readonly PickleString Utf8(ReadOnlySpan<byte> bytes)
    {
        Expect(_budget.TryTakeText(bytes.Length), $"there are more than {PickleBudget.MostText} bytes of text");
        return new(Encoding.UTF8.GetString(bytes));
    }

    private readonly PickleString Quoted(ReadOnlySpan<byte> line)
    {
        Expect(line.Length >= 2 && line[0] == line[^1] && line[0] is (byte)'\'' or (byte)'"', "a string is not in quotes");
        return Utf8(line[1..^1]);
    }

    private readonly void Expect(bool condition, string otherwise)
    {
        if (!condition) throw Broken(otherwise);
    }

    private readonly WeightsException Broken(string what) => new($"{_file}: broken pickle at byte {_position}: {what}");

    /// <summary>
    /// Spreads memo indices by a number that differs from process to process: a file cannot choose indices that fall together.
    /// </summary>
    private sealed class MemoComparer : IEqualityComparer<uint>
    {
        public static readonly MemoComparer Instance = new();

        public bool Equals(uint x, uint y) => x == y;

        public int GetHashCode(uint index) => HashCode.Combine(index);
    }
}
