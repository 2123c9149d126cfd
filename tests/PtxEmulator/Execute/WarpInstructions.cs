using System.Numerics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// Exchange between the lanes of a warp: shfl.sync, vote.sync, redux.sync, activemask. The lanes named by the member mask must execute the
/// instruction together (exited ones aside); a shuffle that is in range but reads a lane that does not take part is an error.
/// </summary>
internal static class WarpInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "shfl" => Shuffle(r),
        "vote" => Vote(r),
        "redux" => Reduce(r),
        "activemask" => ActiveMask(r),
        _ => null,
    };

    private static ShuffleOp Shuffle(InstructionReader r)
    {
        r.Require("sync");
        string mode = r.Require("up", "down", "bfly", "idx");
        r.TakeType(B32);
        Operand destination = r[0];
        int d = r.Destination(destination, B32, wider: false);
        int? p = destination.Pair is Operand pair ? r.PredicateDestination(pair) : null;
        return new ShuffleOp(mode, d, p, r.Source(1, B32), r.Source(2, B32), r.Source(3, B32), r.Source(4, B32));
    }

    private static VoteOp Vote(InstructionReader r)
    {
        r.Require("sync");
        string mode = r.Require("all", "any", "uni", "ballot");
        r.TakeType(mode == "ballot" ? B32 : Pred);
        int d = mode == "ballot" ? r.Destination(0, B32) : r.PredicateDestination(r[0]);
        return new VoteOp(mode, d, r.Predicate(1), r.Source(2, B32));
    }

    private static ReduceOp Reduce(InstructionReader r)
    {
        r.Require("sync");
        r.RequireSm(80);
        string operation = r.Require("add", "min", "max", "and", "or", "xor");
        PtxType type = operation is "and" or "or" or "xor" ? r.TakeType(B32) : r.TakeType(U32, S32);
        return new ReduceOp(operation, type == S32, r.Destination(0, type), r.Source(1, type), r.Source(2, B32));
    }

    private static ActiveMaskOp ActiveMask(InstructionReader r)
    {
        r.TakeType(B32);
        return new ActiveMaskOp(r.Destination(0, B32));
    }

    private sealed unsafe class ShuffleOp(string mode, int d, int? p, int a, int b, int c, int members) : Op
    {
        private readonly int _mode = mode switch { "up" => 0, "down" => 1, "bfly" => 2, _ => 3 };

        public override void Execute(Warp warp, uint mask)
        {
            uint* source = (uint*)(warp.Registers + a), amount = (uint*)(warp.Registers + b), control = (uint*)(warp.Registers + c);
            uint* destination = (uint*)(warp.Registers + d), member = (uint*)(warp.Registers + members);
            uint* values = stackalloc uint[32];
            new ReadOnlySpan<uint>(source, 32).CopyTo(new Span<uint>(values, 32));
            uint inRange = 0;
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = Warp.FirstLane(rest);
                warp.RequireMembers(mask, member[lane], lane);
                // The pseudo code of the PTX manual: c holds the clamp value and, from bit 8 on, the mask that cuts the warp into segments.
                int offset = (int)(amount[lane] & 0x1F);
                int clamp = (int)(control[lane] & 0x1F), segments = (int)(control[lane] >> 8 & 0x1F);
                int most = (lane & segments) | (clamp & ~segments);
                int least = lane & segments;
                (int from, bool valid) = _mode switch
                {
                    0 => (lane - offset, lane - offset >= most),
                    1 => (lane + offset, lane + offset <= most),
                    2 => (lane ^ offset, (lane ^ offset) <= most),
                    _ => (least | (offset & ~segments), (least | (offset & ~segments)) <= most),
                };
                if (!valid) from = lane;
                else
                {
                    inRange |= 1u << lane;
                    if ((mask >> from & 1) == 0)
                        throw warp.Fault(EmulationErrorKind.InactiveLaneRead, lane,
                            $"reads lane {from}, which does not take part in the shuffle");
                }
                destination[lane] = values[from];
            }
            if (p is int predicate) warp.SetPredicate(predicate, inRange, mask);
        }
    }

    private sealed unsafe class VoteOp(string mode, int d, PredicateOperand a, int members) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            uint* member = (uint*)(warp.Registers + members);
            uint votes = warp.Predicate(a);
            uint result = 0;
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = Warp.FirstLane(rest);
                warp.RequireMembers(mask, member[lane], lane);
                uint voters = member[lane] & mask;
                uint yes = votes & voters;
                if (mode == "ballot") ((uint*)(warp.Registers + d))[lane] = yes;
                else if (mode switch { "all" => yes == voters, "any" => yes != 0, _ => yes == voters || yes == 0 }) result |= 1u << lane;
            }
            if (mode != "ballot") warp.SetPredicate(d, result, mask);
        }
    }

    private sealed unsafe class ReduceOp(string operation, bool signed, int d, int a, int members) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            uint* values = (uint*)(warp.Registers + a), destination = (uint*)(warp.Registers + d),
                member = (uint*)(warp.Registers + members);
            uint* results = stackalloc uint[32];
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = Warp.FirstLane(rest);
                warp.RequireMembers(mask, member[lane], lane);
                uint others = member[lane] & mask;
                uint result = values[Warp.FirstLane(others)];
                for (others &= others - 1; others != 0; others &= others - 1)
                {
                    uint x = values[Warp.FirstLane(others)];
                    result = operation switch
                    {
                        "add" => result + x,
                        "and" => result & x,
                        "or" => result | x,
                        "xor" => result ^ x,
                        "min" => signed ? (uint)Math.Min((int)result, (int)x) : Math.Min(result, x),
                        _ => signed ? (uint)Math.Max((int)result, (int)x) : Math.Max(result, x),
                    };
                }
                results[lane] = result;
            }
            for (uint rest = mask; rest != 0; rest &= rest - 1)
                destination[BitOperations.TrailingZeroCount(rest)] = results[BitOperations.TrailingZeroCount(rest)];
        }
    }

    private sealed unsafe class ActiveMaskOp(int d) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            uint* destination = (uint*)(warp.Registers + d);
            for (uint rest = mask; rest != 0; rest &= rest - 1) destination[Warp.FirstLane(rest)] = mask;
        }
    }
}
