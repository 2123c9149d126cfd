using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Decode;

/// <summary>
/// The accumulators of products that an instruction other than a product reads or writes. Accumulators are numbered through the program, so
/// that all other registers cost nothing.
/// </summary>
internal sealed class AccumulatorUse(int[] registers)
{
    /// <summary>Numbers the accumulators and marks the instructions concerned.</summary>
    public static void Instrument(Op[] program, List<int>[] uses, List<int>[] definitions, RegisterLayout layout)
    {
        var numbers = new Dictionary<int, int>();
        for (int i = 0; i < program.Length; i++)
        {
            if (program[i] is not WarpgroupInstructions.ProductOp) continue;
            foreach (int register in definitions[i]) numbers.TryAdd(register, numbers.Count);
        }
        if (numbers.Count == 0) return;
        string[] names = new string[numbers.Count];
        foreach ((string name, Register register) in layout.Registers)
        {
            if (numbers.TryGetValue(register.Id, out int number)) names[number] = name;
        }
        for (int i = 0; i < program.Length; i++)
        {
            if (program[i] is WarpgroupInstructions.ProductOp product)
            {
                product.Accumulators = [.. definitions[i].Select(d => numbers[d])];
                product.Names = names;
                continue;
            }
            int[] touched = [.. uses[i].Concat(definitions[i]).Where(numbers.ContainsKey).Select(r => numbers[r]).Distinct()];
            if (touched.Length > 0) program[i].Touches = new AccumulatorUse(touched);
        }
    }

    /// <summary>Names of the accumulators by number.</summary>
    public static string[] Names(Op[] program) => program.OfType<WarpgroupInstructions.ProductOp>().FirstOrDefault()?.Names ?? [];

    public void Check(Warp warp)
    {
        foreach (int register in registers) warp.Accumulators.Touch(warp, register);
    }
}

/// <summary>What is known of the accumulators of a warp.</summary>
internal sealed class AccumulatorState(string[] names)
{
    private readonly WarpgroupInstructions.ProductOp?[] _inFlight = new WarpgroupInstructions.ProductOp?[names.Length];
    private readonly long[] _product = new long[names.Length];
    private readonly bool[] _touched = new bool[names.Length];

    /// <summary>Whether a wgmma.fence was executed.</summary>
    public bool Fenced { get; private set; }

    public void Reset()
    {
        Array.Clear(_inFlight);
        Array.Clear(_touched);
        Fenced = false;
    }

    public void Fence()
    {
        Array.Clear(_touched);
        Fenced = true;
    }

    /// <summary>An instruction that is no product reads or writes a register.</summary>
    public void Touch(Warp warp, int register)
    {
        if (_inFlight[register] is { } product)
        {
            throw warp.Fault(EmulationErrorKind.ProductInFlight, null,
                $"touches {names[register]}, which the product in line {product.Syntax.Line}, not waited for, accumulates in");
        }
        _touched[register] = true;
    }

    /// <summary>A product with this number starts.</summary>
    public void Start(Warp warp, WarpgroupInstructions.ProductOp op, long number)
    {
        if (!Fenced) throw warp.Fault(EmulationErrorKind.MissingProductFence, null, "no wgmma.fence was executed before the first product");
        foreach (int register in op.Accumulators)
        {
            if (_touched[register])
                throw warp.Fault(EmulationErrorKind.MissingProductFence, null,
                    $"{names[register]} was read or written after the last wgmma.fence");
            if (_inFlight[register] is { } other && !other.Accumulators.AsSpan().SequenceEqual(op.Accumulators))
            {
                throw warp.Fault(EmulationErrorKind.ProductInFlight, null,
                    $"{names[register]} is an accumulator of the product in line {other.Syntax.Line} too, which has others beside it " +
                        "and was not waited for");
            }
            _inFlight[register] = op;
            _product[register] = number;
        }
    }

    /// <summary>Products below this number have ended.</summary>
    public void End(long number)
    {
        for (int i = 0; i < _product.Length; i++)
        {
            if (_product[i] < number) _inFlight[i] = null;
        }
    }
}
