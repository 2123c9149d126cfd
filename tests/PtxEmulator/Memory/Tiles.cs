using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Memory;

/// <summary>The elements of a tile in global memory.</summary>
internal static unsafe class Tiles
{
    /// <summary>Calls back for each run of elements that follow each other in both memories: global address and, in the tile as it would be without swizzle, offset and bytes.</summary>
    public static void Runs(EmulatedTensorMap map, ReadOnlySpan<int> coordinates, Action<ulong, int, int> run)
    {
        long first = Math.Max(0, coordinates[0]), end = Math.Min(map.Dimensions[0], (long)coordinates[0] + map.Box[0]);
        int rowBytes = map.Box[0] * map.ElementBytes;
        Span<int> index = stackalloc int[map.Rank];
        index.Clear();
        for (int row = 0; first < end; row++)
        {
            ulong address = map.Address;
            bool isInside = true;
            for (int d = 1; d < map.Rank; d++)
            {
                long at = coordinates[d] + ((long)index[d] * map.ElementStrides[d]);
                isInside &= at >= 0 && at < map.Dimensions[d];
                address += (ulong)(at * map.Strides[d]);
            }
            if (isInside)
                run(address + (ulong)(first * map.ElementBytes), (row * rowBytes) + (int)((first - coordinates[0]) * map.ElementBytes), (int)(end - first) * map.ElementBytes);
            int next = 1;
            while (next < map.Rank && ++index[next] == map.Count(next)) index[next++] = 0;
            if (next >= map.Rank) return;
        }
    }

    public static byte[] Read(Warp warp, int lane, EmulatedTensorMap map, ReadOnlySpan<int> coordinates)
    {
        byte[] tile = new byte[map.TileBytes];
        Runs(map, coordinates, (address, offset, bytes) =>
        {
            (Allocation allocation, ulong start) = Locate(warp, lane, address, bytes, "reads");
            if (new ReadOnlySpan<byte>(allocation.State + start, bytes).IndexOfAnyExcept(ByteState.Initialized) is >= 0 and int bad)
                throw warp.Fault(EmulationErrorKind.UninitializedRead, lane, $"copies {bytes} bytes of global memory that are not all written", address + (ulong)bad);
            warp.Block.Launch.GlobalRaces?.Read(warp, lane, allocation, start, bytes, strong: false);
            new ReadOnlySpan<byte>(allocation.Data + start, bytes).CopyTo(tile.AsSpan(offset));
        });
        return tile;
    }

    public static void Write(Warp warp, int lane, EmulatedTensorMap map, ReadOnlySpan<int> coordinates, byte[] tile) => Runs(map, coordinates, (address, offset, bytes) =>
    {
        (Allocation allocation, ulong start) = Locate(warp, lane, address, bytes, "writes");
        warp.Block.Launch.GlobalRaces?.Write(warp, lane, allocation, start, bytes, strong: false);
        new Span<byte>(allocation.State + start, bytes).Fill(ByteState.Initialized);
        tile.AsSpan(offset, bytes).CopyTo(new Span<byte>(allocation.Data + start, bytes));
    });

    private static (Allocation Allocation, ulong Offset) Locate(Warp warp, int lane, ulong address, int bytes, string does)
    {
        Allocation? allocation = warp.Block.Launch.Memory.Find(address);
        if (allocation is null || address - allocation.Base + (ulong)bytes > allocation.Bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"the tensor map reaches outside its allocation: {does} {bytes} bytes", address);
        return allocation.Freed
            ? throw warp.Fault(EmulationErrorKind.UseAfterFree, lane, $"{does} {bytes} bytes of a tensor that was freed", address)
            : (allocation, address - allocation.Base);
    }
}

/// <summary>
/// The loads of tiles of a block that have not arrived. Global memory is read when a load is issued; the tile appears in shared memory, and its bytes are counted on the barrier, when
/// no warp can go on without. Until then every access to it is an error.
/// </summary>
internal sealed unsafe class TileLoads(BlockExecutor block)
{
    private sealed record Load(Warp Warp, int Lane, int Line, MBarrier Barrier, ulong Destination, int Span, byte[] Tile, uint[]? Clock);

    private readonly Queue<Load> _pending = [];

    public void Reset() => _pending.Clear();

    public void Issue(Warp warp, int lane, int line, EmulatedTensorMap map, ReadOnlySpan<int> coordinates, ulong destination, MBarrier barrier)
    {
        SharedMemory shared = block.Shared;
        byte[] tile = Tiles.Read(warp, lane, map, coordinates);
        if (destination + (ulong)tile.Length > shared.Bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"copies a tile of {tile.Length} bytes to shared memory, which has {shared.Bytes} bytes", destination);
        shared.Proxy?.RequireFree(warp, lane, destination, destination + (ulong)tile.Length, "overwrites");
        for (int i = 0; i < tile.Length; i += 16)
        {
            ulong piece = Swizzle.Apply(destination + (ulong)i, map.SwizzleSpan);
            if (!ByteState.Writable(shared.State + piece, 16)) throw SharedSpace.Refuse(warp, shared, lane, piece, 16, "overwrites");
            shared.Races?.Write(warp, lane, piece, 16, strong: false);
            new Span<byte>(shared.State + piece, 16).Fill(ByteState.Pending);
        }
        _pending.Enqueue(new Load(warp, lane, line, barrier, destination, map.SwizzleSpan, tile, shared.Races?.Release(warp.Index)));
    }

    /// <summary>Lets the oldest load arrive; false when there is none.</summary>
    public bool Deliver()
    {
        if (!_pending.TryDequeue(out Load? load)) return false;
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
        if (!_pending.TryPeek(out Load? load)) return;
        throw block.Fault(EmulationErrorKind.MissingAsyncCopyWait, null, (load.Warp.Index * 32) + load.Lane, null,
            $"the block ends while the load of a tile, started in line {load.Line}, is under way", load.Destination);
    }
}

/// <summary>The stores of tiles of a warp that have not arrived. Shared memory is read when a store is issued, and must stay as it is until a wait; global memory is written at a wait that is not for reads only, or at the block's end.</summary>
internal sealed class TileStores
{
    private sealed record Store(int Lane, uint Group, int Line, EmulatedTensorMap Map, int[] Coordinates, byte[] Tile, AsyncProxy.Reading Reading)
    {
        public bool IsRead { get; set; }
    }

    private readonly uint[] _committed = new uint[32];
    private readonly List<Store> _pending = [];

    public void Reset()
    {
        Array.Clear(_committed);
        _pending.Clear();
    }

    public unsafe void Issue(Warp warp, int lane, int line, EmulatedTensorMap map, int[] coordinates, ulong source)
    {
        SharedMemory shared = warp.Block.Shared;
        byte[] tile = new byte[map.TileBytes];
        if (source + (ulong)tile.Length > shared.Bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"copies a tile of {tile.Length} bytes from shared memory, which has {shared.Bytes} bytes", source);
        for (int i = 0; i < tile.Length; i += 16)
        {
            ulong piece = Swizzle.Apply(source + (ulong)i, map.SwizzleSpan);
            Allocation? none = null;
            new ReadOnlySpan<byte>(SharedSpace.Read(warp, lane, piece, 16, strong: false, ref none), 16).CopyTo(tile.AsSpan(i));
            shared.Proxy!.Read(warp, lane, piece, 16);
        }
        var reading = new AsyncProxy.Reading(source, source + (ulong)tile.Length, line, "the store of a tile");
        shared.Proxy!.Add(reading);
        _pending.Add(new Store(lane, _committed[lane], line, map, coordinates, tile, reading));
    }

    public void Commit(uint mask)
    {
        for (; mask != 0; mask &= mask - 1) _committed[Warp.FirstLane(mask)]++;
    }

    /// <summary>All groups but the newest have been read, or have arrived.</summary>
    public void Wait(Warp warp, uint mask, uint newest, bool readsOnly)
    {
        foreach (Store store in _pending.ToArray())
        {
            if ((mask >> store.Lane & 1) == 0 || store.Group + (ulong)newest >= _committed[store.Lane]) continue;
            EndRead(warp, store);
            if (readsOnly) continue;
            Tiles.Write(warp, store.Lane, store.Map, store.Coordinates, store.Tile);
            _pending.Remove(store);
        }
    }

    /// <summary>Shared memory must outlive the reads.</summary>
    public void RequireRead(Warp warp)
    {
        if (_pending.Find(s => !s.IsRead) is { } store)
            throw warp.Fault(EmulationErrorKind.MissingAsyncCopyWait, store.Lane, $"exits while the store of a tile, started in line {store.Line}, still reads shared memory");
    }

    /// <summary>The end of the kernel waits for all stores.</summary>
    public void Flush(Warp warp)
    {
        foreach (Store store in _pending) Tiles.Write(warp, store.Lane, store.Map, store.Coordinates, store.Tile);
        _pending.Clear();
    }

    private static void EndRead(Warp warp, Store store)
    {
        if (store.IsRead) return;
        store.IsRead = true;
        warp.Block.Shared.Proxy!.Remove(store.Reading);
    }
}
