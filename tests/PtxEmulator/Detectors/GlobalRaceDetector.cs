using Lia.PtxEmulator.Execute;
using Lia.PtxEmulator.Memory;

namespace Lia.PtxEmulator.Detectors;

/// <summary>
/// Finds bytes of global memory that two blocks of one launch use, at least one of them writing, without atomics or volatile accesses on
/// both sides. Nothing orders two blocks of a launch here: a kernel that synchronises blocks by flags is right to be reported and must be
/// run without this detector.
/// </summary>
internal sealed class GlobalRaceDetector
{
    // Per byte: block + 1 of the plain or strong writer, and of up to one plain reader (or Many).
    private sealed class Shadow(ulong bytes)
    {
        public readonly int[] Writer = new int[bytes];
        public readonly int[] Reader = new int[bytes];
    }

    private const int Many = int.MaxValue;

    private readonly Dictionary<Allocation, Shadow> _shadows = [];
    private readonly Lock _lock = new();

    public void Read(Warp warp, int lane, Allocation allocation, ulong offset, int bytes, bool strong)
    {
        if (strong) return;
        int me = (int)warp.Block.LinearIndex + 1;
        lock (_lock)
        {
            Shadow shadow = ShadowOf(allocation);
            for (ulong i = offset; i < offset + (ulong)bytes; i++)
            {
                int writer = shadow.Writer[i];
                if (writer != 0 && Math.Abs(writer) != me)
                    throw Race(warp, lane, allocation.Base + i, "reads", "written", Math.Abs(writer));
                ref int reader = ref shadow.Reader[i];
                reader = reader == 0 || reader == me ? me : Many;
            }
        }
    }

    public void Write(Warp warp, int lane, Allocation allocation, ulong offset, int bytes, bool strong)
    {
        int me = (int)warp.Block.LinearIndex + 1;
        lock (_lock)
        {
            Shadow shadow = ShadowOf(allocation);
            for (ulong i = offset; i < offset + (ulong)bytes; i++)
            {
                ref int writer = ref shadow.Writer[i];   // negative: by an atomic
                if (writer != 0 && Math.Abs(writer) != me && !(strong && writer < 0))
                    throw Race(warp, lane, allocation.Base + i, "writes", "written", Math.Abs(writer));
                int reader = shadow.Reader[i];
                if (reader != 0 && reader != me)
                    throw Race(warp, lane, allocation.Base + i, "writes", "read", reader);
                writer = strong ? -me : me;
            }
        }
    }

    private Shadow ShadowOf(Allocation allocation)
    {
        if (!_shadows.TryGetValue(allocation, out Shadow? shadow)) _shadows.Add(allocation, shadow = new Shadow(allocation.Bytes));
        return shadow;
    }

    private static EmulationException Race(Warp warp, int lane, ulong address, string does, string did, int block)
    {
        string who = block == Many ? "several blocks have" : $"block {block - 1} (linear) has";
        return warp.Fault(EmulationErrorKind.GlobalRace, lane, $"{does} a global byte that {who} {did} in the same launch", address);
    }
}
