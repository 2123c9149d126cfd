using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// What steers the hardware and computes nothing: setmaxnreg, griddepcontrol (launches never overlap here) and prefetch.tensormap.
/// </summary>
internal static class LaunchControlInstructions
{
    public static Op? Decode(InstructionReader r)
    {
        r.RequireSm(90);
        switch (r.Syntax.Opcode)
        {
            case "setmaxnreg":
                r.RequireArchitecture(90);
                r.Require("inc", "dec");
                r.Require("sync");
                r.Require("aligned");
                r.TakeType(PtxType.U32);
                long count = r.Immediate(0);
                return count is >= 24 and <= 256 && count % 8 == 0 ? new SetRegisters()
                    : throw r.Error("a thread has a multiple of 8 registers from 24 to 256");
            case "griddepcontrol":
                r.Require("wait", "launch_dependents");
                return new NoOperation();
            default:
                r.Require("tensormap");
                r.RequireVersion(80);
                return new BulkCopyInstructions.UseMap(r.Address(0, StateSpace.Generic));
        }
    }

    private sealed class SetRegisters : Op
    {
        public override void Execute(Warp warp, uint mask) => warp.RequireConverged(mask);
    }
}
