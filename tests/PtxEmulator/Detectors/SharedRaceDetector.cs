using System.Numerics;
using System.Runtime.CompilerServices;
using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Detectors;

/// <summary>
/// Finds unordered accesses of two threads of a block to the same byte of shared memory, at least one of them a write.
/// <para>
/// What orders accesses: program order of one thread; a block barrier between (bar.sync and the like), for the threads that took part in it; and within a warp
/// a <c>bar.warp.sync</c> whose member mask names both lanes. Nothing else does: warps are not assumed to run in lockstep, and shuffles, votes and mma, although
/// they converge the lanes, order no memory (PTX ISA). Two atomic or volatile accesses never race with each other.
/// </para>
/// <para>
/// Barriers are followed with vector clocks: a warp counts its barriers, and a barrier tells every participant the counts of the others. Each word of shared memory
/// remembers its last writer and up to two reading warps; a word accessed in parts keeps that record for each byte from then on.
/// A third reader is dropped only while two others stand in the same place, so with barriers of the whole block nothing is missed.
/// </para>
/// </summary>
internal sealed class SharedRaceDetector(int warps, int sharedBytes)
{
    private struct Record
    {
        public uint WriteClock, WriteSync, ReadClock, ReadSync, ReadLanes, SecondReadClock;
        public int WriteLine, ReadLine, SecondReadLine;
        public byte WriteWarp, WriteLane, ReadWarp, SecondReadWarp;
        public bool WriteStrong;
    }

    // Words first, then the bytes of split words.
    private readonly Record[] _records = new Record[((sharedBytes + 3) / 4 * 5) + 1];
    private readonly bool[] _split = new bool[((sharedBytes + 3) / 4) + 1];
    private readonly int _words = (sharedBytes + 3) / 4;

    // _clocks[w][v]: the last barrier count of warp v that warp w has heard of. Counts run on from block to block, so that old records need no clearing.
    private readonly uint[][] _clocks = [.. Enumerable.Range(0, warps).Select(_ => new uint[warps])];
    private readonly List<uint>[] _warpSyncs = [.. Enumerable.Range(0, warps).Select(_ => new List<uint>())];

    public void BeginBlock()
    {
        Synchronize(Enumerable.Range(0, warps));
        foreach (List<uint> syncs in _warpSyncs) syncs.Clear();
    }

    /// <summary>A barrier of these warps completed.</summary>
    public void Synchronize(IEnumerable<int> participants)
    {
        var joined = new uint[warps];
        foreach (int w in participants)
        {
            for (int v = 0; v < warps; v++) joined[v] = Math.Max(joined[v], _clocks[w][v]);
        }
        foreach (int w in participants)
        {
            joined.CopyTo(_clocks[w], 0);
            _clocks[w][w]++;
        }
    }

    /// <summary>A bar.warp.sync of these lanes.</summary>
    public void SynchronizeWarp(int warp, uint lanes) => _warpSyncs[warp].Add(lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Read(Warp warp, int lane, ulong address, int bytes, bool strong)
    {
        int word = (int)(address >> 2);
        if (bytes >= 4)
        {
            for (int end = word + (bytes >> 2); word < end; word++)
            {
                if (_split[word]) ReadBytes(warp, lane, word * 4, 4, strong);
                else Read(warp, lane, ref _records[word], strong, word * 4);
            }
        }
        else ReadBytes(warp, lane, (int)address, bytes, strong);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(Warp warp, int lane, ulong address, int bytes, bool strong)
    {
        int word = (int)(address >> 2);
        if (bytes >= 4)
        {
            for (int end = word + (bytes >> 2); word < end; word++)
            {
                if (_split[word]) WriteBytes(warp, lane, word * 4, 4, strong);
                else Write(warp, lane, ref _records[word], strong, word * 4);
            }
        }
        else WriteBytes(warp, lane, (int)address, bytes, strong);
    }

    private void ReadBytes(Warp warp, int lane, int address, int bytes, bool strong)
    {
        Split(address >> 2);
        for (int i = 0; i < bytes; i++) Read(warp, lane, ref _records[_words + address + i], strong, address + i);
    }

    private void WriteBytes(Warp warp, int lane, int address, int bytes, bool strong)
    {
        Split(address >> 2);
        for (int i = 0; i < bytes; i++) Write(warp, lane, ref _records[_words + address + i], strong, address + i);
    }

    private void Split(int word)
    {
        if (_split[word]) return;
        _split[word] = true;
        for (int i = 0; i < 4; i++) _records[_words + (word * 4) + i] = _records[word];
    }

    private void Read(Warp warp, int lane, ref Record record, bool strong, int address)
    {
        int w = warp.Index;
        uint[] clocks = _clocks[w];
        if (record.WriteClock != 0 && !(strong && record.WriteStrong) && !WriteIsOrdered(in record, w, lane, clocks))
            throw Race(warp, lane, address, EmulationErrorKind.SharedReadWriteRace, "reads", "written", record.WriteLine, record.WriteWarp, record.WriteLane);

        // Volatile reads are never the cause of a later race with an atomic write; a plain write after them is caught by the reader's own loop.
        if (strong) return;
        uint now = clocks[w];
        uint sync = (uint)_warpSyncs[w].Count;
        if (record.ReadWarp == w && record.ReadClock == now)
        {
            if (record.ReadSync != sync && SyncedSince(w, record.ReadSync, record.ReadLanes))
            {
                record.ReadLanes = 0;
                record.ReadSync = sync;
            }
            record.ReadLanes |= 1u << lane;
            record.ReadLine = warp.CurrentLine;
        }
        else if (record.ReadClock == 0 || record.ReadWarp == w || record.ReadClock <= clocks[record.ReadWarp])
        {
            record.ReadWarp = (byte)w;
            record.ReadClock = now;
            record.ReadSync = sync;
            record.ReadLanes = 1u << lane;
            record.ReadLine = warp.CurrentLine;
        }
        else if (record.SecondReadClock == 0 || record.SecondReadWarp == w || record.SecondReadClock <= clocks[record.SecondReadWarp])
        {
            record.SecondReadWarp = (byte)w;
            record.SecondReadClock = now;
            record.SecondReadLine = warp.CurrentLine;
        }
    }

    private void Write(Warp warp, int lane, ref Record record, bool strong, int address)
    {
        int w = warp.Index;
        uint[] clocks = _clocks[w];
        if (record.WriteClock != 0 && !(strong && record.WriteStrong) && !WriteIsOrdered(in record, w, lane, clocks))
            throw Race(warp, lane, address, EmulationErrorKind.SharedWriteWriteRace, "writes", "written", record.WriteLine, record.WriteWarp, record.WriteLane);
        if (record.ReadClock != 0)
        {
            if (record.ReadWarp != w)
            {
                if (record.ReadClock > clocks[record.ReadWarp])
                    throw Race(warp, lane, address, EmulationErrorKind.SharedReadWriteRace, "writes", "read", record.ReadLine, record.ReadWarp, BitOperations.TrailingZeroCount(record.ReadLanes));
            }
            else if (record.ReadClock == clocks[w])
            {
                uint others = record.ReadLanes & ~(1u << lane);
                if (others != 0 && !SyncedSince(w, record.ReadSync, others | (1u << lane)))
                    throw Race(warp, lane, address, EmulationErrorKind.SharedReadWriteRace, "writes", "read", record.ReadLine, w, BitOperations.TrailingZeroCount(others));
            }
            if (record.SecondReadClock != 0 && record.SecondReadWarp != w && record.SecondReadClock > clocks[record.SecondReadWarp])
                throw Race(warp, lane, address, EmulationErrorKind.SharedReadWriteRace, "writes", "read", record.SecondReadLine, record.SecondReadWarp, null);
        }
        record.WriteWarp = (byte)w;
        record.WriteLane = (byte)lane;
        record.WriteClock = clocks[w];
        record.WriteSync = (uint)_warpSyncs[w].Count;
        record.WriteStrong = strong;
        record.WriteLine = warp.CurrentLine;
        record.ReadClock = 0;
        record.SecondReadClock = 0;
    }

    private bool WriteIsOrdered(in Record record, int w, int lane, uint[] clocks)
    {
        if (record.WriteWarp != w) return record.WriteClock <= clocks[record.WriteWarp];
        return record.WriteLane == lane || record.WriteClock < clocks[w] ||
            SyncedSince(w, record.WriteSync, (1u << lane) | (1u << record.WriteLane));
    }

    // Newest first: the last one nearly always names all lanes.
    private bool SyncedSince(int warp, uint since, uint lanes)
    {
        List<uint> syncs = _warpSyncs[warp];
        for (int i = syncs.Count - 1; i >= (int)since; i--)
        {
            if ((syncs[i] & lanes) == lanes) return true;
        }
        return false;
    }

    private static EmulationException Race(Warp warp, int lane, int address, EmulationErrorKind kind, string does, string did, int line, int otherWarp, int? otherLane)
    {
        string who = otherLane is int l ? $"thread {(otherWarp * 32) + l}" : $"warp {otherWarp}";
        return warp.Fault(kind, lane, $"{does} shared byte {address}, which {who} has {did} (line {line}) with no barrier between", (ulong)address);
    }
}
