using System.Collections;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Ptx;

/// <summary>
/// Gives the accumulators of asynchronous products one register from the first to the last instruction that touches them, around loops too:
/// a move between two such instructions would touch a register in flight. Values that an instruction joins (an accumulator's old and new
/// content) and values that a phi joins are merged unless their live ranges overlap. Functions without accumulators are left alone.
/// </summary>
internal sealed class Coalescing
{
    // Positions in a block: phis, then twice the index of an instruction for what it reads, one more for what it computes. The new content
    // of an accumulator counts as written one before the reads, since a move that fills its register stands before the instruction.
    private const int PhiPosition = -2;

    private readonly Dictionary<Value, Value[]> _results = [];
    private readonly Dictionary<Value, int> _numbers = [];
    private readonly List<Value> _web = [];
    private readonly List<(Block Block, int Position)> _definitions = [];
    private readonly Dictionary<(int Number, Block Block), int> _lastUse = [];
    private readonly Dictionary<Block, BitArray> _liveOut = [];
    private readonly Dictionary<int, Value> _ownOperand = [];
    private readonly int[] _class = [];
    private readonly List<int>?[] _members = [];

    public Coalescing(Function function)
    {
        List<Block> order = new Flow(function).Order;
        CollectResults(function, order);
        if (_results.Count == 0) return;
        CollectWeb(order);
        Locate(order);
        FindLiveRanges(order);
        _class = [.. Enumerable.Range(0, _web.Count)];
        _members = [.. Enumerable.Range(0, _web.Count).Select(static i => new List<int> { i })];
        foreach ((Value call, Value[] results) in _results)
        {
            for (int i = 0; i < results.Length; i++) Merge(call.Call.Accumulator(call, i), results[i]);
        }
        foreach (Value value in _web)
        {
            if (value.Op != Op.Phi) continue;
            foreach (Value operand in value.Operands) Merge(value, operand);
        }
    }

    /// <summary>The value whose register this one shares: itself for nearly all.</summary>
    public Value Representative(Value value) => _numbers.TryGetValue(value, out int number) ? _web[_class[number]] : value;

    /// <summary>The new contents of an instruction's accumulators, those that nothing reads included.</summary>
    public Value[] Results(Value call) => _results[call];

    private void CollectResults(Function function, List<Block> order)
    {
        foreach (Block block in order)
        {
            foreach (Value value in block.Body)
            {
                if (value.Op == Op.Ptx && value.Call.HasAccumulators) _results.Add(value, new Value[value.Call.Results.Length]);
                else if (value.Op == Op.Extract && _results.TryGetValue(value.Operands[0], out Value[]? results))
                    results[value.Bits] = value;
            }
        }
        foreach ((Value call, Value[] results) in _results)
        {
            for (int i = 0; i < results.Length; i++)
            {
                if (results[i] is not null) continue;
                results[i] = function.NewValue(Op.Extract, IRType.F32, call);
                results[i].Bits = i;
                results[i].Block = call.Block;
            }
        }
    }

    /// <summary>The accumulators, and whatever phis join with them.</summary>
    private void CollectWeb(List<Block> order)
    {
        var readers = new Dictionary<Value, List<Value>>();
        foreach (Block block in order)
        {
            foreach (Value phi in block.Phis)
            {
                if (phi.Type != IRType.F32) continue;
                foreach (Value operand in phi.Operands)
                {
                    if (!readers.TryGetValue(operand, out List<Value>? phis)) readers.Add(operand, phis = []);
                    phis.Add(phi);
                }
            }
        }
        var pending = new Queue<Value>();
        foreach ((Value call, Value[] results) in _results)
        {
            for (int i = 0; i < results.Length; i++)
            {
                pending.Enqueue(call.Call.Accumulator(call, i));
                pending.Enqueue(results[i]);
            }
        }
        while (pending.TryDequeue(out Value? value))
        {
            if (value.Op is Op.Const or Op.Undef || !_numbers.TryAdd(value, _web.Count)) continue;
            _web.Add(value);
            foreach (Value phi in readers.GetValueOrDefault(value) ?? []) pending.Enqueue(phi);
            if (value.Op != Op.Phi) continue;
            foreach (Value operand in value.Operands) pending.Enqueue(operand);
        }
    }

    private void Locate(List<Block> order)
    {
        var indices = new Dictionary<Value, int>();
        foreach (Block block in order)
        {
            for (int i = 0; i < block.Body.Count; i++) indices.Add(block.Body[i], i);
        }
        for (int number = 0; number < _web.Count; number++)
        {
            Value value = _web[number];
            if (value.Op == Op.Phi)
            {
                _definitions.Add((value.Block!, PhiPosition));
                continue;
            }
            Value source = value.Op == Op.Extract ? value.Operands[0] : value;
            bool isAccumulator = _results.ContainsKey(source);
            _definitions.Add((source.Block!, indices[source] * 2 + (isAccumulator ? -1 : 1)));
            if (isAccumulator && OwnOperand(source, (int)value.Bits) is { } own) _ownOperand.Add(number, own);
        }
    }

    /// <summary>The operand whose register a result may take over: one that is no other accumulator's too.</summary>
    private static Value? OwnOperand(Value call, int result)
    {
        Value own = call.Call.Accumulator(call, result);
        return call.Operands.Count(o => o == own) == 1 ? own : null;
    }

    private void FindLiveRanges(List<Block> order)
    {
        var exposed = new Dictionary<Block, BitArray>();
        var liveIn = new Dictionary<Block, BitArray>();
        foreach (Block block in order)
        {
            var uses = new BitArray(_web.Count);
            for (int i = 0; i < block.Body.Count; i++)
            {
                foreach (Value operand in block.Body[i].Operands)
                {
                    if (!_numbers.TryGetValue(operand, out int number)) continue;
                    _lastUse[(number, block)] = i * 2;
                    if (_definitions[number].Block != block) uses[number] = true;
                }
            }
            exposed.Add(block, uses);
            liveIn.Add(block, new BitArray(uses));
            _liveOut.Add(block, new BitArray(_web.Count));
        }
        // What phis read on an edge is read at the end of the block before.
        foreach (Value phi in _web)
        {
            if (phi.Op != Op.Phi) continue;
            for (int i = 0; i < phi.Operands.Length; i++)
            {
                if (_numbers.TryGetValue(phi.Operands[i], out int number)) _liveOut[phi.Block!.Predecessors[i]][number] = true;
            }
        }
        var defined = order.ToDictionary(static b => b, b => new BitArray(_web.Count));
        for (int number = 0; number < _web.Count; number++) defined[_definitions[number].Block][number] = true;
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int i = order.Count - 1; i >= 0; i--)
            {
                Block block = order[i];
                BitArray live = _liveOut[block];
                foreach (Block successor in block.Successors) live.Or(liveIn[successor]);
                // Live at the start: read before it is defined, or live at the end and defined elsewhere.
                BitArray start = new BitArray(defined[block]).Not().And(live).Or(exposed[block]);
                if (Same(start, liveIn[block])) continue;
                liveIn[block] = start;
                changed = true;
            }
        }
    }

    private static bool Same(BitArray a, BitArray b) => !new BitArray(a).Xor(b).HasAnySet();

    private void Merge(Value a, Value b)
    {
        if (!_numbers.TryGetValue(a, out int first) || !_numbers.TryGetValue(b, out int second)) return;
        int into = _class[first], from = _class[second];
        if (into == from) return;
        foreach (int x in _members[into]!)
        {
            foreach (int y in _members[from]!)
            {
                if (Overlap(x, y)) return;
            }
        }
        if (_members[into]!.Count < _members[from]!.Count) (into, from) = (from, into);
        foreach (int member in _members[from]!) _class[member] = into;
        _members[into]!.AddRange(_members[from]!);
        _members[from] = null;
    }

    /// <summary>
    /// In static single assignment form two live ranges overlap exactly when one value is live where the other is defined.
    /// </summary>
    private bool Overlap(int a, int b) => IsLiveAtDefinition(a, b) || IsLiveAtDefinition(b, a);

    private bool IsLiveAtDefinition(int value, int other)
    {
        (Block block, int position) = _definitions[other];
        // The instruction is the operand's last reader, or not.
        if (_ownOperand.TryGetValue(other, out Value? own) && own == _web[value]) position++;
        (Block home, int start) = _definitions[value];
        if (home == block && start > position) return false;
        if (home == block && start == position) return true;
        return _liveOut[block][value] || (_lastUse.TryGetValue((value, block), out int last) && last > position);
    }
}
