using System.Runtime.CompilerServices;
using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Detectors;

/// <summary>
/// Finds unordered accesses of two threads of a block to the same byte of shared memory, at least one of them a write.
/// <para>
/// What orders accesses: program order of one thread; a block barrier between (bar.sync and the like), for the threads that took part in
/// it; and within a warp a <c>bar.warp.sync</c> whose member mask names both lanes. Nothing else does: warps are not assumed to run in
/// lockstep, and shuffles, votes and mma, although they converge the lanes, order no memory (PTX ISA). Two atomic or volatile accesses
/// never race with each other.
/// </para>
/// <para>
/// An arrival at an mbarrier orders what its warp did before for those who wait for the phase; a copy's bytes are written where it was
/// issued, and heard of with the phase they complete. Both count for the whole warp: that the lanes of a warp are ordered among themselves
/// is not checked across an arrival.
/// </para>
/// <para>
/// Barriers are followed with vector clocks: a warp counts its barriers, and a barrier tells every participant the counts of the others.
/// Each word of shared memory remembers its last writer and up to two reading warps; a word accessed in parts keeps that record for each
/// byte from then on. A third reader is dropped only while two others stand in the same place, so with barriers of the whole block nothing
/// is missed.
/// </para>
/// </summary>
internal sealed class SharedRaceDetector(int warps, int sharedBytes)
{
    private struct Record
    {
        public uint WriteClock, WriteSync, ReadClock, ReadSync, ReadLanes, SecondReadClock;
        public int WritePc, ReadPc, SecondReadPc;
        public byte WriteWarp, WriteLane, ReadWarp, SecondReadWarp;
        public bool WriteStrong;
    }

    // Words first, then, from the first split on, the bytes of split words.
    private Record[] _records = new Record[(sharedBytes + 3) / 4];
    private readonly bool[] _split = new bool[(sharedBytes + 3) / 4];
    private readonly int _words = (sharedBytes + 3) / 4;

    // A warp's clock is one more than its barriers so far; it runs on from block to block, so that old records need no clearing (and 0
    // means none). _heard[w][v]: what warp v did up to this clock is ordered before what warp w does now; for v = w that is everything
    // before its own last barrier.
    private readonly uint[][] _heard = [.. Enumerable.Range(0, warps).Select(_ => new uint[warps])];
    private readonly List<uint>[] _warpSyncs = [.. Enumerable.Range(0, warps).Select(_ => new List<uint>())];

    public void BeginBlock()
    {
        Synchronize([.. Enumerable.Range(0, warps)]);
        foreach (List<uint> syncs in _warpSyncs) syncs.Clear();
    }

    /// <summary>A barrier of these warps completed.</summary>
    public void Synchronize(ReadOnlySpan<int> participants)
    {
        var joined = new uint[warps];
        foreach (int w in participants)
        {
            _heard[w][w]++;   // the participant's own clock up to the barrier
            for (int v = 0; v < warps; v++) joined[v] = Math.Max(joined[v], _heard[w][v]);
        }
        foreach (int w in participants) joined.CopyTo(_heard[w], 0);
    }

    /// <summary>What a warp has done and heard so far, for others to acquire; what it does from now on is not part of it.</summary>
    public uint[] Release(int warp)
    {
        _heard[warp][warp]++;
        return [.. _heard[warp]];
    }

    /// <summary>What was released is ordered before what the warp does from now on.</summary>
    public void Acquire(int warp, ReadOnlySpan<uint> released)
    {
        uint[] heard = _heard[warp];
        for (int v = 0; v < released.Length; v++) heard[v] = Math.Max(heard[v], released[v]);
    }

    /// <summary>A bar.warp.sync of these lanes.</summary>
    public void SynchronizeWarp(int warp, uint lanes) => _warpSyncs[warp].Add(lanes);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Read(Warp warp, int lane, ulong address, int bytes, bool strong)
    {
        int word = (int)(address >> 2);
        if (bytes < 4)
        {
            Split(word);
            for (int i = _words + (int)address, end = i + bytes; i < end; i++) Read(warp, lane, i, strong);
            return;
        }
        for (int end = word + (bytes >> 2); word < end; word++)
        {
            if (!_split[word]) Read(warp, lane, word, strong);
            else
            {
                for (int i = 0; i < 4; i++) Read(warp, lane, _words + (word * 4) + i, strong);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(Warp warp, int lane, ulong address, int bytes, bool strong)
    {
        int word = (int)(address >> 2);
        if (bytes < 4)
        {
            Split(word);
            for (int i = _words + (int)address, end = i + bytes; i < end; i++) Write(warp, lane, i, strong);
            return;
        }
        for (int end = word + (bytes >> 2); word < end; word++)
        {
            if (!_split[word]) Write(warp, lane, word, strong);
            else
            {
                for (int i = 0; i < 4; i++) Write(warp, lane, _words + (word * 4) + i, strong);
            }
        }
    }

    private void Split(int word)
    {
        if (_split[word]) return;
        _split[word] = true;
        if (_records.Length == _words) Array.Resize(ref _records, _words * 5);
        for (int i = 0; i < 4; i++) _records[_words + (word * 4) + i] = _records[word];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Read(Warp warp, int lane, int index, bool strong)
    {
        ref Record record = ref _records[index];
        int w = warp.Index;
        uint[] heard = _heard[w];
        if (record.WriteClock > heard[record.WriteWarp])
            CheckWriter(warp, lane, index, strong, EmulationErrorKind.SharedReadWriteRace, "reads");

        // Volatile reads race with plain writes, which the next one after the write finds; they need not be remembered.
        if (strong) return;
        uint sync = (uint)_warpSyncs[w].Count;
        if (record.ReadWarp == w && record.ReadClock == heard[w] + 1 && record.ReadSync == sync)
        {
            record.ReadLanes |= 1u << lane;
            record.ReadPc = warp.Pc;
        }
        else NoteReader(ref record, warp, lane, sync, heard);
    }

    private void NoteReader(ref Record record, Warp warp, int lane, uint sync, uint[] heard)
    {
        int w = warp.Index;
        uint now = heard[w] + 1;
        if (record.ReadWarp == w && record.ReadClock == now)
        {
            // Lanes that a bar.warp.sync has ordered before all that follows are forgotten.
            if (SyncedSince(w, record.ReadSync, record.ReadLanes | (1u << lane)))
            {
                record.ReadLanes = 0;
                record.ReadSync = sync;
            }
            record.ReadLanes |= 1u << lane;
            record.ReadPc = warp.Pc;
        }
        else if (record.ReadWarp == w || record.ReadClock <= heard[record.ReadWarp])
        {
            record.ReadWarp = (byte)w;
            record.ReadClock = now;
            record.ReadSync = sync;
            record.ReadLanes = 1u << lane;
            record.ReadPc = warp.Pc;
        }
        else if (record.SecondReadWarp == w || record.SecondReadClock <= heard[record.SecondReadWarp])
        {
            record.SecondReadWarp = (byte)w;
            record.SecondReadClock = now;
            record.SecondReadPc = warp.Pc;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(Warp warp, int lane, int index, bool strong)
    {
        ref Record record = ref _records[index];
        int w = warp.Index;
        uint[] heard = _heard[w];
        if (record.WriteClock > heard[record.WriteWarp])
            CheckWriter(warp, lane, index, strong, EmulationErrorKind.SharedWriteWriteRace, "writes");
        if (record.ReadClock > heard[record.ReadWarp] || record.SecondReadClock > heard[record.SecondReadWarp])
            CheckReaders(warp, lane, index, heard);
        record.WriteWarp = (byte)w;
        record.WriteLane = (byte)lane;
        record.WriteClock = heard[w] + 1;
        record.WriteSync = (uint)_warpSyncs[w].Count;
        record.WriteStrong = strong;
        record.WritePc = warp.Pc;
        record.ReadClock = 0;
        record.SecondReadClock = 0;
    }

    // No barrier has ordered the last write before this access.
    private void CheckWriter(Warp warp, int lane, int index, bool strong, EmulationErrorKind kind, string does)
    {
        ref Record record = ref _records[index];
        if (strong && record.WriteStrong) return;
        if (record.WriteWarp == warp.Index &&
            (record.WriteLane == lane || SyncedSince(warp.Index, record.WriteSync, (1u << lane) | (1u << record.WriteLane)))) return;
        throw Race(warp, lane, index, kind, does, "written", record.WritePc, record.WriteWarp, record.WriteLane);
    }

    private void CheckReaders(Warp warp, int lane, int index, uint[] heard)
    {
        ref Record record = ref _records[index];
        int w = warp.Index;
        if (record.ReadClock > heard[record.ReadWarp])
        {
            uint others = record.ReadWarp == w ? record.ReadLanes & ~(1u << lane) : record.ReadLanes;
            bool ordered = record.ReadWarp == w && (others == 0 || SyncedSince(w, record.ReadSync, others | (1u << lane)));
            if (!ordered)
            {
                throw Race(warp, lane, index, EmulationErrorKind.SharedReadWriteRace, "writes", "read", record.ReadPc, record.ReadWarp,
                    System.Numerics.BitOperations.TrailingZeroCount(others));
            }
        }
        if (record.SecondReadClock > heard[record.SecondReadWarp] && record.SecondReadWarp != w)
            throw Race(warp, lane, index, EmulationErrorKind.SharedReadWriteRace, "writes", "read", record.SecondReadPc,
                record.SecondReadWarp, null);
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

    private EmulationException Race(Warp warp, int lane, int index, EmulationErrorKind kind, string does, string did, int pc, int otherWarp,
        int? otherLane)
    {
        int address = index < _words ? index * 4 : index - _words;
        string who = otherLane is int l ? $"thread {(otherWarp * 32) + l}" : $"warp {otherWarp}";
        int line = warp.Block.Launch.Entry.Program[pc].Syntax.Line;
        return warp.Fault(kind, lane, $"{does} shared byte {address}, which {who} has {did} (line {line}) with no barrier between",
            (ulong)address);
    }
}
