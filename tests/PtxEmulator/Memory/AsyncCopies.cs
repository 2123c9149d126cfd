using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Memory;

/// <summary>
/// The cp.async copies of a warp that have not arrived. The bytes are read when the copy is issued and reach shared memory at the wait that
/// covers them; until then the destination is in state <see cref="ByteState.Pending"/>, whose every access is an error. Commit groups are
/// counted per thread.
/// </summary>
internal sealed unsafe class AsyncCopies
{
    private struct Copy
    {
        public int Lane, Destination, Bytes;
        public uint Group;
        public UInt128 Data;
    }

    private readonly uint[] _committed = new uint[32];
    private readonly List<Copy> _pending = [];

    public void Reset()
    {
        Array.Clear(_committed);
        _pending.Clear();
    }

    /// <summary>Adds a copy to the open group of its thread; the destination was checked.</summary>
    public void Issue(SharedMemory shared, int lane, int destination, int bytes, UInt128 data)
    {
        _pending.Add(new Copy { Lane = lane, Destination = destination, Bytes = bytes, Group = _committed[lane], Data = data });
        new Span<byte>(shared.State + destination, bytes).Fill(ByteState.Pending);
    }

    /// <summary>Closes the open group of each lane.</summary>
    public void Commit(uint mask)
    {
        for (; mask != 0; mask &= mask - 1) _committed[Warp.FirstLane(mask)]++;
    }

    /// <summary>
    /// Completes all groups but the newest <paramref name="newest"/> committed ones; null completes everything, committed or not.
    /// </summary>
    public void Wait(Warp warp, uint mask, uint? newest)
    {
        SharedMemory shared = warp.Block.Shared;
        int kept = 0;
        for (int i = 0; i < _pending.Count; i++)
        {
            Copy copy = _pending[i];
            bool arrives = (mask >> copy.Lane & 1) != 0 && (newest is not uint n || copy.Group + (ulong)n < _committed[copy.Lane]);
            if (!arrives)
            {
                _pending[kept++] = copy;
                continue;
            }
            new ReadOnlySpan<byte>(&copy.Data, copy.Bytes).CopyTo(new Span<byte>(shared.Data + copy.Destination, copy.Bytes));
            ByteState.MarkInitialized(shared.State + copy.Destination, copy.Bytes);
            shared.Races?.Write(warp, copy.Lane, (ulong)copy.Destination, copy.Bytes, strong: false);
        }
        _pending.RemoveRange(kept, _pending.Count - kept);
    }
}
