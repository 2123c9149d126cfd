using System.Reflection;
using System.Reflection.Metadata;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

internal sealed partial class Importer
{
    /// <summary>One inlined call: its variables, its blocks, and where it returns.</summary>
    private sealed partial class Frame(Importer importer, MethodCode code, StackValue[] arguments)
    {
        private readonly Builder _builder = importer._builder;
        private readonly Function _function = importer._function;
        private readonly Value?[] _argumentSlots = new Value?[arguments.Length];
        private readonly Value?[] _localSlots = new Value?[code.Locals.Length];
        private readonly Dictionary<int, Entry> _entries = [];
        private readonly Stack<Entry> _pending = new();
        private readonly bool _noUnroll = code.Method.IsDefined(typeof(NoUnrollAttribute), false);
        private readonly List<StackValue> _stack = [];
        private Instruction _current = null!;

        // Where several returns meet: a block, and the slots of the value. A single return goes on in its own block.
        private Block? _returnBlock;
        private Value? _returnSlot;
        private StackValue _returnValue;
        private Block? _singleReturn;

        /// <summary>A branch target: its block, and the slots that carry the evaluation stack into it.</summary>
        private sealed class Entry(int index, Block block)
        {
            public readonly int Index = index;
            public readonly Block Block = block;
            public Carried[]? Stack;
        }

        private readonly record struct Carried(Value[] Slots, IRType[] Types, Type? Type);

        public StackValue Import()
        {
            for (int i = 0; i < arguments.Length; i++)
            {
                if (!code.StoredParameters[i]) continue;
                TypeLayout layout = LayoutOf(code.Parameters[i]);
                _argumentSlots[i] = importer.NewSlot($"arg{i}", layout.Size);
                importer.Store(layout, _argumentSlots[i]!, arguments[i]);
            }
            if (code.ReturnCount > 1)
            {
                _returnBlock = _function.NewBlock();
                if (code.ReturnType != typeof(void)) _returnSlot = importer.NewSlot("result", LayoutOf(code.ReturnType).Size);
            }

            if (code.Targets.ContainsKey(0)) Jump(0);
            else ImportBlock(0);
            while (_pending.TryPop(out Entry? entry))
            {
                _builder.At(entry.Block);
                _stack.Clear();
                foreach (Carried carried in entry.Stack!)
                {
                    var leaves = new Value[carried.Slots.Length];
                    for (int i = 0; i < leaves.Length; i++) leaves[i] = _builder.Load(carried.Types[i].Whole(), carried.Slots[i]);
                    _stack.Add(new StackValue(leaves, carried.Type));
                }
                ImportBlock(entry.Index);
            }

            if (_returnBlock is null)
            {
                if (_singleReturn is null) Unreachable();
                else _builder.At(_singleReturn);
                return _returnValue;
            }
            _builder.At(_returnBlock);
            return _returnSlot is null ? default : importer.Load(LayoutOf(code.ReturnType), code.ReturnType, _returnSlot);
        }

        /// <summary>Goes on in a block nothing leads to, with a value of the right shape: every way out of this call was refused.</summary>
        private void Unreachable()
        {
            _builder.At(_function.NewBlock());
            if (code.ReturnType == typeof(void)) return;
            TypeLayout layout = LayoutOf(code.ReturnType);
            _returnValue = new StackValue([.. layout.Leaves.Select(l => _function.Undef(l.Type.Register()))],
                layout.IsScalar ? null : code.ReturnType);
        }

        private void ImportBlock(int index)
        {
            int first = index;
            try
            {
                while (true)
                {
                    _current = code.Instructions[index];
                    if (index != first && code.Targets.ContainsKey(_current.Offset))
                    {
                        Jump(_current.Offset);
                        return;
                    }
                    if (!Step(_current, index)) return;
                    index++;
                }
            }
            catch (KernelCompilationException refusal)
            {
                Block block = _builder.Block;
                block.Exit = Exit.Refuse;
                block.Refusal = refusal;
            }
        }

        private KernelCompilationException Refuse(string problem) => Place.Refuse(problem);

        private SourcePlace Place => new(code.Method, _current?.Offset ?? -1);

        private TypeLayout LayoutOf(Type type) => TypeLayout.Of(type)
            ?? throw Refuse($"a {type.Name} cannot exist on the device: use primitives, ArrayView<T> and structs of these");

        private void Push(Value value) => _stack.Add(new StackValue(value));

        private void Push(StackValue value) => _stack.Add(value);

        private StackValue PopAny()
        {
            StackValue value = _stack[^1];
            _stack.RemoveAt(_stack.Count - 1);
            return value;
        }

        private Value Pop() => PopAny().Leaves[0];

        /// <summary>Branches to an offset; what is on the stack travels in slots.</summary>
        private Entry EntryAt(int offset)
        {
            if (!_entries.TryGetValue(offset, out Entry? entry))
            {
                Block block = _function.NewBlock();
                block.NoUnroll = _noUnroll;
                entry = new Entry(code.Targets[offset], block);
                _entries.Add(offset, entry);
            }
            if (entry.Stack is null)
            {
                entry.Stack = [.. _stack.Select(item => new Carried(
                    [.. item.Leaves.Select(leaf => importer.NewSlot("stack", leaf.Type.Whole().Size()))],
                    [.. item.Leaves.Select(static leaf => leaf.Type)], item.Type))];
                _pending.Push(entry);
            }
            for (int i = 0; i < _stack.Count; i++)
            {
                Carried carried = entry.Stack[i];
                for (int k = 0; k < carried.Slots.Length; k++)
                    _builder.Store(carried.Types[k].Whole(), carried.Slots[k], importer.Coerce(_stack[i].Leaves[k], carried.Types[k]));
            }
            return entry;
        }

        private void Jump(int offset) => _builder.Block.Branch(EntryAt(offset).Block);

        private void JumpIf(Value condition, int then, int otherwise)
        {
            if (condition.IsConst)
            {
                Jump(condition.Bits != 0 ? then : otherwise);
                return;
            }
            Block thenBlock = EntryAt(then).Block, otherwiseBlock = EntryAt(otherwise).Block;
            _builder.Block.BranchIf(condition, thenBlock, otherwiseBlock);
        }

        private void Return()
        {
            StackValue value = code.ReturnType == typeof(void) ? default : PopAny();
            if (value.Leaves is not null && value.Type is null)
                value = new StackValue(importer.Coerce(value.Scalar, LayoutOf(code.ReturnType).Leaves[0].Type.Register()));
            if (_returnBlock is null)
            {
                _returnValue = value;
                _singleReturn = _builder.Block;
                return;
            }
            if (_returnSlot is not null) importer.Store(LayoutOf(code.ReturnType), _returnSlot, value);
            _builder.Block.Branch(_returnBlock);
        }

        private Value LocalAddress(long index)
        {
            Type type = code.Locals[index];
            return _localSlots[index] ??= importer.NewSlot($"loc{index}", LayoutOf(type).Size);
        }
    }
}
