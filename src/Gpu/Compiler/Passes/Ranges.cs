using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>Bounds on 32-bit integers that follow from where they come: thread indices, masks, loop counters.</summary>
internal sealed class Ranges(Flow flow)
{
    private const int MostDepth = 32;
    private static readonly (long Low, long High) s_all = (int.MinValue, int.MaxValue);

    private readonly Dictionary<Value, (long Low, long High)> _known = [];

    public bool IsNonNegative(Value value) => value.Type == IRType.I64 ? NonNegativeLong(value) : Of(value, 0).Low >= 0;

    private bool NonNegativeLong(Value value) => value.Op switch
    {
        Op.ZeroExtend => true,
        Op.SignExtend => IsNonNegative(value.Operands[0]),
        Op.Const => value.Bits >= 0,
        Op.And => value.Operands[1].IsConst && value.Operands[1].Bits >= 0,
        _ => false,
    };

    private (long Low, long High) Of(Value value, int depth)
    {
        if (value.IsConst) return (value.Bits, value.Bits);
        if (depth > MostDepth) return s_all;
        if (_known.TryGetValue(value, out (long Low, long High) known)) return known;
        (long Low, long High) range = value.Op == Op.Phi ? Counter(value, depth) : Compute(value, depth + 1);
        // Arithmetic wraps: a range that leaves 32 bits says nothing.
        if (range.Low < int.MinValue || range.High > int.MaxValue) range = s_all;
        _known[value] = range;
        return range;
    }

    private (long Low, long High) Compute(Value value, int depth)
    {
        (long Low, long High) A() => Of(value.Operands[0], depth);
        (long Low, long High) B() => Of(value.Operands[1], depth);
        switch (value.Op)
        {
            case Op.Ptx:
                return SpecialRegister(value.Call.Intrinsic.Template);
            case Op.BoolToInt:
                return (0, 1);
            case Op.Extend or Op.Load when value.Op == Op.Extend || value.Memory is MemoryType.U8 or MemoryType.U16:
                return value.Memory switch
                {
                    MemoryType.U8 => (0, 255),
                    MemoryType.U16 => (0, 65535),
                    MemoryType.I8 => (-128, 127),
                    _ => (-32768, 32767),
                };
            case Op.Add:
                return (A().Low + B().Low, A().High + B().High);
            case Op.Sub:
                return (A().Low - B().High, A().High - B().Low);
            case Op.Mul when A().Low >= 0 && B().Low >= 0:
                return (A().Low * B().Low, A().High * B().High);
            case Op.And when B().Low >= 0:
                return (0, B().High);
            case Op.And when A().Low >= 0:
                return (0, A().High);
            case Op.Or or Op.Xor when A().Low >= 0 && B().Low >= 0:
                return (0, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)Math.Max(A().High, B().High) + 1) - 1);
            case Op.ShrU when value.Operands[1].IsConst && value.Operands[1].Bits is > 0 and < 32:
                return A().Low >= 0 ? (A().Low >> (int)value.Operands[1].Bits, A().High >> (int)value.Operands[1].Bits)
                    : (0, uint.MaxValue >> (int)value.Operands[1].Bits);
            case Op.Shr when value.Operands[1].IsConst && value.Operands[1].Bits is >= 0 and < 32:
                return (A().Low >> (int)value.Operands[1].Bits, A().High >> (int)value.Operands[1].Bits);
            case Op.Div when B().Low > 0:
                return A().Low >= 0 ? (0, A().High / B().Low) : (A().Low, Math.Max(A().High, 0));
            case Op.Rem when B().Low > 0:
                return (A().Low >= 0 ? 0 : 1 - B().High, A().High <= 0 ? 0 : B().High - 1);
            case Op.MulHiU:
                return A().Low >= 0 ? (0, A().High) : s_all;
            case Op.Min:
                return (Math.Min(A().Low, B().Low), Math.Min(A().High, B().High));
            case Op.Max:
                return (Math.Max(A().Low, B().Low), Math.Max(A().High, B().High));
            case Op.Select:
                (long Low, long High) c = Of(value.Operands[2], depth);
                return (Math.Min(B().Low, c.Low), Math.Max(B().High, c.High));
            default:
                return s_all;
        }
    }

    /// <summary>
    /// A phi whose every way in is known; a loop counter `start + k * step` is bounded by the comparison that keeps the loop going.
    /// </summary>
    private (long Low, long High) Counter(Value phi, int depth)
    {
        _known[phi] = s_all;
        Value? step = null;
        (long Low, long High) range = (long.MaxValue, long.MinValue);
        foreach (Value operand in phi.Operands)
        {
            if (operand.Op == Op.Add && operand.Operands[0] == phi && operand.Operands[1].IsConst && operand.Operands[1].Bits > 0
                && step is null)
            {
                step = operand;
                continue;
            }
            (long Low, long High) entry = Of(operand, depth + 1);
            range = (Math.Min(range.Low, entry.Low), Math.Max(range.High, entry.High));
        }
        if (step is null) return range.Low > range.High ? s_all : range;
        // Counting up from a non-negative start stays non-negative as long as `counter < bound` was tested before each step of one.
        bool tested = phi.Block!.Predecessors.Append(phi.Block).Any(block => IsBelow(block, phi, step));
        return tested && range.Low >= 0 && step.Operands[1].Bits <= 1 << 20 ? (range.Low, int.MaxValue) : s_all;
    }

    /// <summary>Whether the loop goes on from a block only while the counter is below a bound that leaves room for another step.</summary>
    private bool IsBelow(Block block, Value phi, Value step)
    {
        if (block.Exit != Exit.Conditional || flow.LoopOf(phi.Block!) is not { } loop || loop.Header != phi.Block) return false;
        bool goesOnThen = loop.Blocks.Contains(block.Then!);
        if (!loop.Blocks.Contains(block) || goesOnThen == loop.Blocks.Contains(block.Else!)) return false;
        Value condition = block.Condition!;
        if (condition.Op != Op.Compare || !condition.Operands[0].Type.IsInteger()) return false;
        if (condition.Operands[0] != phi && condition.Operands[0] != step) return false;
        Comparison comparison = goesOnThen ? condition.Comparison : condition.Comparison.Invert(isFloat: false);
        long room = int.MaxValue - step.Operands[1].Bits;
        long bound = Of(condition.Operands[1], MostDepth).High;
        return comparison switch
        {
            Comparison.Lt => step.Operands[1].Bits == 1 || bound <= room + 1,
            Comparison.Le => bound <= room,
            _ => false,
        };
    }

    private static (long, long) SpecialRegister(string template) => template switch
    {
        "mov.u32 $d, %tid.x;" or "mov.u32 $d, %tid.y;" => (0, 1023),
        "mov.u32 $d, %tid.z;" => (0, 63),
        "mov.u32 $d, %ntid.x;" or "mov.u32 $d, %ntid.y;" => (1, 1024),
        "mov.u32 $d, %ntid.z;" => (1, 64),
        "mov.u32 $d, %laneid;" => (0, 31),
        "mov.u32 $d, %ctaid.x;" => (0, int.MaxValue - 1),
        "mov.u32 $d, %nctaid.x;" => (1, int.MaxValue),
        "mov.u32 $d, %ctaid.y;" or "mov.u32 $d, %ctaid.z;" => (0, 65534),
        "mov.u32 $d, %nctaid.y;" or "mov.u32 $d, %nctaid.z;" => (1, 65535),
        _ => s_all,
    };
}
