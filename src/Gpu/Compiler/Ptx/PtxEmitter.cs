using System.Text;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Ptx;

/// <summary>Writes a function as PTX: one instruction a line, labels for the blocks that are branched to.</summary>
internal sealed partial class PtxEmitter
{
    private const int MostStaticShared = 48 * 1024;

    private readonly Function _function;
    private readonly string _name;
    private readonly List<KernelParameter> _parameters;
    private readonly Selection _selection;
    private readonly Coalescing _coalescing;
    private readonly Registers _registers;
    private readonly StringBuilder _text = new();
    private readonly Dictionary<Slot, string> _locals = [];
    private readonly Dictionary<SharedSymbol, long> _shared = [];

    private PtxEmitter(Function function, string name, List<KernelParameter> parameters)
    {
        _function = function;
        _name = name;
        _parameters = parameters;
        _selection = new Selection(function);
        _coalescing = new Coalescing(function);
        _registers = new Registers(_coalescing);
    }

    /// <summary>The module's text, the bytes of static shared memory, and those that aligning the dynamic part takes.</summary>
    public static (string Ptx, int StaticShared, bool Dynamic, int DynamicPadding) Emit(
        Function function, string name, List<KernelParameter> parameters, CompileTarget target, LaunchBoundsAttribute? bounds)
    {
        var emitter = new PtxEmitter(function, name, parameters);
        emitter.EmitBody();
        return emitter.Assemble(target, bounds);
    }

    private (string, int, bool, int) Assemble(CompileTarget target, LaunchBoundsAttribute? bounds)
    {
        var module = new StringBuilder(_text.Length + 1024);
        module.Append($".version {target.PtxVersion}\n.target {target.Name}\n.address_size 64\n\n");
        long staticShared = 0;
        bool isDynamic = false;
        int padding = 0;
        foreach (SharedSymbol symbol in _function.Shared)
        {
            if (!_shared.TryGetValue(symbol, out long size)) continue;
            module.Append(symbol.IsDynamic ? $".extern .shared .align 16 .b8 {symbol.Name}[];\n"
                : $".shared .align 16 .b8 {symbol.Name}[{size}];\n");
            if (symbol.IsDynamic)
            {
                isDynamic = true;
                padding = symbol.Alignment - 16;
                continue;
            }
            staticShared = (staticShared + 15) / 16 * 16 + size;
            if (staticShared > MostStaticShared)
                throw symbol.Place!.Refuse(
                    $"{staticShared} bytes of static shared memory, at most {MostStaticShared} are allowed: use " +
                    "SharedMemory.GetDynamic<T>()");
        }
        module.Append($".visible .entry {_name}(\n");
        for (int i = 0; i < _parameters.Count; i++)
        {
            KernelParameter parameter = _parameters[i];
            Frontend.TypeLayout layout = Frontend.TypeLayout.Of(parameter.Type)!;
            module.Append(layout.IsScalar
                ? $"    .param .{ParameterType(layout.Leaves[0].Type)} {ParameterName(i)}"
                : $"    .param .align {parameter.Alignment} .b8 {ParameterName(i)}[{parameter.Size}]");
            module.Append(i + 1 < _parameters.Count ? ",\n" : "\n");
        }
        module.Append(")\n");
        if (bounds is not null) module.Append($".maxntid {bounds.MaxThreads}, 1, 1\n");
        if (bounds is { MinGroups: > 0 }) module.Append($".minnctapersm {bounds.MinGroups}\n");
        module.Append("{\n");
        _registers.Declare(module);
        foreach ((Slot slot, string local) in _locals) module.Append($"    .local .align 16 .b8 {local}[{slot.Size}];\n");
        module.Append('\n').Append(_text).Append("}\n");
        return (module.ToString(), (int)staticShared, isDynamic, padding);
    }

    private string ParameterName(int index) => $"{_name}_param_{index}";

    private static string ParameterType(MemoryType type) => type switch
    {
        MemoryType.F32 => "f32",
        MemoryType.F64 => "f64",
        _ => $"b{type.Size() * 8}",
    };

    private void EmitBody()
    {
        List<Block> layout = new Flow(_function).Order;
        for (int i = 0; i < layout.Count; i++)
        {
            Block block = layout[i];
            Block? following = i + 1 < layout.Count ? layout[i + 1] : null;
            // The block above falls through; only other ways in need the label.
            if (block.Predecessors.Exists(p => i == 0 || p != layout[i - 1])) _text.Append($"{Label(block)}:\n");
            foreach (Value value in block.Body)
            {
                if (_selection.IsNeeded(value)) EmitValue(value);
            }
            if (block.Then is not null) EmitPhiMoves(block);
            EmitExit(block, following);
        }
    }

    private static string Label(Block block) => $"$L_{block.Order}";

    private void EmitExit(Block block, Block? following)
    {
        switch (block.Exit)
        {
            case Exit.Branch when block.Then != following:
                Line($"bra.uni {Label(block.Then!)};");
                break;
            case Exit.Conditional:
                string condition = _registers.Of(block.Condition!);
                if (block.Then == following)
                {
                    Line($"@!{condition} bra {Label(block.Else!)};");
                    break;
                }
                Line($"@{condition} bra {Label(block.Then!)};");
                if (block.Else != following) Line($"bra.uni {Label(block.Else!)};");
                break;
            case Exit.Return:
                Line("ret;");
                break;
        }
    }

    /// <summary>
    /// The phis of the successor take their operands all at once: a move is written when no other still reads its target, and a
    /// cycle is broken by a spare register. Edges that need this have been split, so the successor is the only one.
    /// </summary>
    private void EmitPhiMoves(Block block)
    {
        if (block.Exit != Exit.Branch) return;
        Block successor = block.Then!;
        int index = successor.Predecessors.IndexOf(block);
        var moves = new List<(Value Target, string Source)>();
        var readers = new Dictionary<string, int>();
        foreach (Value phi in successor.Phis)
        {
            if (!_selection.IsNeeded(phi) || phi.Operands[index] == phi) continue;
            if (_coalescing.Representative(phi.Operands[index]) == _coalescing.Representative(phi)) continue;
            string source = Operand(phi.Operands[index]);
            moves.Add((phi, source));
            readers[source] = readers.GetValueOrDefault(source) + 1;
        }
        var ready = new Queue<int>();
        var waiting = new Dictionary<string, int>();
        for (int i = 0; i < moves.Count; i++)
        {
            string target = _registers.Of(moves[i].Target);
            if (readers.GetValueOrDefault(target) == 0) ready.Enqueue(i);
            else waiting.Add(target, i);
        }
        while (true)
        {
            while (ready.TryDequeue(out int i))
            {
                Move(moves[i].Target.Type, _registers.Of(moves[i].Target), moves[i].Source);
                if (--readers[moves[i].Source] == 0 && waiting.Remove(moves[i].Source, out int freed)) ready.Enqueue(freed);
            }
            if (waiting.Count == 0) return;
            // What is left are cycles: save one target, let its readers read the copy.
            (string blocked, int first) = waiting.MinBy(static w => w.Value);
            string spare = _registers.New(moves[first].Target.Type);
            Move(moves[first].Target.Type, spare, blocked);
            for (int i = 0; i < moves.Count; i++)
            {
                if (moves[i].Source == blocked) moves[i] = (moves[i].Target, spare);
            }
            readers[spare] = readers[blocked];
            readers[blocked] = 0;
            waiting.Remove(blocked);
            ready.Enqueue(first);
        }
    }

    private void Move(IRType type, string target, string source) => Line($"mov.{MoveType(type)} {target}, {source};");

    private static string MoveType(IRType type) => type switch
    {
        IRType.Pred => "pred",
        IRType.H16 => "b16",
        IRType.I32 => "b32",
        IRType.I64 => "b64",
        IRType.F32 => "f32",
        _ => "f64",
    };

    private void Line(string instruction) => _text.Append("    ").Append(instruction).Append('\n');
}
