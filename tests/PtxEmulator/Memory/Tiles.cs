using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Memory;

/// <summary>The elements of a tile in global memory.</summary>
internal static unsafe class Tiles
{
    /// <summary>
    /// Reads a tile as it would be without swizzle: a run of elements that follow each other in both memories at a time. What is outside
    /// the tensor stays zero.
    /// </summary>
    public static byte[] Read(Warp warp, int lane, EmulatedTensorMap map, ReadOnlySpan<int> coordinates)
    {
        byte[] tile = new byte[map.TileBytes];
        long first = Math.Max(0, coordinates[0]), end = Math.Min(map.Dimensions[0], (long)coordinates[0] + map.Box[0]);
        if (first >= end) return tile;
        int rowBytes = map.Box[0] * map.ElementBytes, before = (int)(first - coordinates[0]) * map.ElementBytes,
            bytes = (int)(end - first) * map.ElementBytes;
        Span<int> index = stackalloc int[map.Rank];
        index.Clear();
        for (int row = 0; ; row++)
        {
            ulong address = map.Address + (ulong)(first * map.ElementBytes);
            bool isInside = true;
            for (int d = 1; d < map.Rank; d++)
            {
                long at = coordinates[d] + ((long)index[d] * map.ElementStrides[d]);
                isInside &= at >= 0 && at < map.Dimensions[d];
                address += (ulong)(at * map.Strides[d]);
            }
            if (isInside) ReadRun(warp, lane, address, tile.AsSpan((row * rowBytes) + before, bytes));
            int next = 1;
            while (next < map.Rank && ++index[next] == map.Count(next)) index[next++] = 0;
            if (next >= map.Rank) return tile;
        }
    }

    private static void ReadRun(Warp warp, int lane, ulong address, Span<byte> run)
    {
        (Allocation allocation, ulong start) = Locate(warp, lane, address, run.Length);
        if (new ReadOnlySpan<byte>(allocation.State + start, run.Length).IndexOfAnyExcept(ByteState.Initialized) is >= 0 and int bad)
            throw warp.Fault(EmulationErrorKind.UninitializedRead, lane,
                $"copies {run.Length} bytes of global memory that are not all written", address + (ulong)bad);
        warp.Block.Launch.GlobalRaces?.Read(warp, lane, allocation, start, run.Length, strong: false);
        new ReadOnlySpan<byte>(allocation.Data + start, run.Length).CopyTo(run);
    }

    private static (Allocation Allocation, ulong Offset) Locate(Warp warp, int lane, ulong address, int bytes)
    {
        Allocation? allocation = warp.Block.Launch.Memory.Find(address);
        if (allocation is null || address - allocation.Base + (ulong)bytes > allocation.Bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"the tensor map reaches outside its allocation: reads {bytes} bytes",
                address);
        return allocation.Freed
            ? throw warp.Fault(EmulationErrorKind.UseAfterFree, lane, $"reads {bytes} bytes of a tensor that was freed", address)
            : (allocation, address - allocation.Base);
    }
}

/// <summary>
/// The loads of tiles of a block that have not arrived. Global memory is read when a load is issued; the tile appears in shared memory, and
/// its bytes are counted on the barrier, when no warp can go on without. Until then every access to it is an error. The copy engine
/// promises no order: the latest load arrives first; or any, but one, which is held back while there is another
/// (<see cref="EmulatorOptions.ScheduleSeed"/>).
/// </summary>
internal sealed unsafe class TileLoads(BlockExecutor block)
{
    private sealed record Load(Warp Warp, int Lane, int Line, MBarrier Barrier, ulong Destination, int Span, byte[] Tile, uint[]? Clock);

    private readonly List<Load> _pending = [];

    private bool _holdsFirst;

    public void Reset()
    {
        _pending.Clear();
        _holdsFirst = false;
    }

    public void Issue(Warp warp, int lane, int line, EmulatedTensorMap map, ReadOnlySpan<int> coordinates, ulong destination,
        MBarrier barrier)
    {
        SharedMemory shared = block.Shared;
        byte[] tile = Tiles.Read(warp, lane, map, coordinates);
        if (destination + (ulong)tile.Length > shared.Bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane,
                $"copies a tile of {tile.Length} bytes to shared memory, which has {shared.Bytes} bytes", destination);
        shared.Proxy?.RequireFree(warp, lane, destination, destination + (ulong)tile.Length, "overwrites");
        for (int i = 0; i < tile.Length; i += 16)
        {
            ulong piece = Swizzle.Apply(destination + (ulong)i, map.SwizzleSpan);
            if (!ByteState.Writable(shared.State + piece, 16)) throw SharedSpace.Refuse(warp, shared, lane, piece, 16, "overwrites");
            shared.Races?.Write(warp, lane, piece, 16, strong: false);
            new Span<byte>(shared.State + piece, 16).Fill(ByteState.Pending);
        }
        _pending.Add(new Load(warp, lane, line, barrier, destination, map.SwizzleSpan, tile, shared.Races?.Release(warp.Index)));
    }

    /// <summary>Lets a load arrive; false when there is none.</summary>
    /// <param name="random">Draws the one that is held back, and of the others which arrives; null for the latest.</param>
    public bool Deliver(Random? random)
    {
        if (_pending.Count == 0) return false;
        int at = _pending.Count - 1;
        if (random is not null)
        {
            if (!_holdsFirst)
            {
                int held = random.Next(_pending.Count);
                (_pending[0], _pending[held]) = (_pending[held], _pending[0]);
            }
            if (at > 0) at = random.Next(1, _pending.Count);
            _holdsFirst = at > 0;
        }
        Load load = _pending[at];
        _pending.RemoveAt(at);
        SharedMemory shared = block.Shared;
        for (int i = 0; i < load.Tile.Length; i += 16)
        {
            ulong piece = Swizzle.Apply(load.Destination + (ulong)i, load.Span);
            load.Tile.AsSpan(i, 16).CopyTo(new Span<byte>(shared.Data + piece, 16));
            ByteState.MarkInitialized(shared.State + piece, 16);
            shared.Proxy?.Arrive(piece, 16);
        }
        load.Barrier.Complete(load.Tile.Length, load.Clock);
        return true;
    }

    /// <summary>A block must not end before its loads have arrived.</summary>
    public void RequireNone()
    {
        if (_pending.Count == 0) return;
        Load load = _pending[0];
        throw block.Fault(EmulationErrorKind.MissingAsyncCopyWait, null, (load.Warp.Index * 32) + load.Lane, null,
            $"the block ends while the load of a tile, started in line {load.Line}, is under way", load.Destination);
    }
}
