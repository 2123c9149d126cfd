using Lia.PtxEmulator.Execute;
using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator.Decode;

/// <summary>Turns an entry's text into operations with resolved operands, control flow and register checks.</summary>
internal static class Decoder
{
    // Which family knows an opcode. Integer and floating point share names; the type at the end decides.
    private static readonly Dictionary<string, Func<InstructionReader, Op?>> s_families = Families();

    private static Dictionary<string, Func<InstructionReader, Op?>> Families()
    {
        var families = new Dictionary<string, Func<InstructionReader, Op?>>(StringComparer.Ordinal);
        Add(Arithmetic, "add", "sub", "mul", "mad", "fma", "div", "rem", "abs", "neg", "min", "max", "rcp", "sqrt", "rsqrt", "ex2", "lg2",
            "sin", "cos", "tanh", "copysign", "testp");
        Add(BitInstructions.Decode, "and", "or", "xor", "not", "shl", "shr", "bfe", "bfi", "prmt", "lop3", "popc", "clz", "brev", "shf");
        Add(ComparisonInstructions.Decode, "setp");
        Add(MoveInstructions.Decode, "mov", "selp");
        Add(MemoryInstructions.Decode, "ld", "st", "cvta", "membar", "fence");
        Add(ControlInstructions.Decode, "bra", "ret", "exit", "trap", "nanosleep", "bar", "barrier");
        Add(ConvertInstructions.Decode, "cvt");
        Add(WarpInstructions.Decode, "shfl", "vote", "redux", "activemask");
        Add(AtomicInstructions.Decode, "atom", "red");
        Add(AsyncCopyInstructions.Decode, "cp");
        Add(MatrixInstructions.Decode, "ldmatrix", "stmatrix", "movmatrix", "mma");
        Add(MBarrierInstructions.Decode, "mbarrier");
        Add(WarpgroupInstructions.Decode, "wgmma");
        Add(LaunchControlInstructions.Decode, "setmaxnreg", "griddepcontrol", "prefetch");
        return families;

        void Add(Func<InstructionReader, Op?> family, params string[] opcodes)
        {
            foreach (string opcode in opcodes) families.Add(opcode, family);
        }
    }

    private static Op? Arithmetic(InstructionReader r)
    {
        string type = r.Syntax.Modifiers is [.., string last] ? last : "";
        return type switch
        {
            "f32" or "f64" => FloatInstructions.Decode(r),
            "f16" or "f16x2" or "bf16" or "bf16x2" => HalfInstructions.Decode(r),
            _ => IntegerInstructions.Decode(r),
        };
    }

    public static Op Decode(InstructionReader reader)
    {
        InstructionSyntax syntax = reader.Syntax;
        if (!s_families.TryGetValue(syntax.Opcode, out Func<InstructionReader, Op?>? family))
            throw reader.Error($"instruction '{syntax.Opcode}' is not known");
        Op op = family(reader) ?? throw reader.Error($"instruction '{syntax.Opcode}' is not known with these modifiers");
        reader.Finish();
        op.Syntax = syntax;
        return op;
    }

    /// <summary>Decodes a whole entry; returns the program and how many registers must be followed at run time.</summary>
    public static (Op[] Program, int Followed) DecodeEntry(DecodeScope scope)
    {
        EntrySyntax entry = scope.Entry;
        List<InstructionSyntax> instructions = entry.Instructions;
        if (instructions.Count == 0 || instructions[^1] is not { Opcode: "ret" or "exit" or "bra" or "trap", Guard: null })
            throw new PtxSyntaxException(instructions.Count == 0 ? entry.Line : instructions[^1].Line,
                $"the body of {entry.Name} does not end with ret");
        foreach ((string label, int index) in entry.Labels)
        {
            if (index == instructions.Count) throw new PtxSyntaxException(entry.Line, $"label {label} has no instruction behind it");
        }
        var program = new Op[instructions.Count];
        var uses = new List<int>[program.Length];
        var definitions = new List<int>[program.Length];
        int[] guards = new int[program.Length];
        for (int i = 0; i < program.Length; i++)
        {
            var reader = new InstructionReader(scope, instructions[i]);
            program[i] = Decode(reader);
            uses[i] = reader.Uses;
            definitions[i] = reader.Definitions;
            guards[i] = -1;
            if (instructions[i].Guard is not string guard) continue;
            if (!scope.Layout.TryGet(guard, out Register predicate) || predicate.Type != PtxType.Pred)
                throw reader.Error($"'{guard}' is not a predicate");
            program[i].Guard = predicate.Offset;
            program[i].GuardNegated = instructions[i].GuardNegated;
            guards[i] = predicate.Id;
        }
        if (!program.Any(op => op.Flow == Flow.Exit)) throw new PtxSyntaxException(entry.Line, $"{entry.Name} never returns");
        var graph = new ControlFlowGraph(program);
        graph.SetReconvergence(program);
        AccumulatorUse.Instrument(program, uses, definitions, scope.Layout);
        int followed = DefiniteAssignment.Instrument(program, guards, uses, definitions, graph, scope.Layout);
        return (program, followed);
    }
}
