using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Memory;

/// <summary>
/// Shared memory as products see it. What a thread writes reaches them only behind that thread's fence.proxy.async; and while they read,
/// nobody may write. Each word remembers its last writer.
/// </summary>
internal sealed class AsyncProxy(int bytes, int threads)
{
    /// <summary>Bytes that a product reads until someone has waited.</summary>
    public sealed record Reading(ulong Start, ulong End, int Line);

    private readonly (ushort Thread, uint Fences, int Pc)[] _writers = new (ushort, uint, int)[(bytes + 3) / 4];   // Thread + 1
    private readonly uint[] _fences = new uint[threads];
    private readonly List<Reading> _readings = [];

    public void Reset()
    {
        Array.Clear(_writers);
        _readings.Clear();
    }

    /// <summary>A thread's fence.</summary>
    public void Fence(int thread) => _fences[thread]++;

    /// <summary>A thread writes.</summary>
    public void Write(Warp warp, int lane, ulong address, int count)
    {
        if (_readings.Count > 0) RequireFree(warp, lane, address, address + (ulong)count, "writes");
        int thread = (warp.Index * 32) + lane;
        for (ulong word = address >> 2; word <= (address + (ulong)count - 1) >> 2; word++)
            _writers[word] = ((ushort)(thread + 1), _fences[thread], warp.Pc);
    }

    /// <summary>The copy engine has written.</summary>
    public void Arrive(ulong address, int count) => Array.Clear(_writers, (int)(address >> 2), count / 4);

    /// <summary>Whether the bytes (a multiple of 4, aligned to it) may be read past the generic proxy.</summary>
    public void Read(Warp warp, ulong address, int count)
    {
        for (ulong word = address >> 2; word < (address + (ulong)count) >> 2; word++)
        {
            (ushort thread, uint fences, int pc) = _writers[word];
            if (thread == 0 || _fences[thread - 1] != fences) continue;
            throw warp.Fault(EmulationErrorKind.MissingProxyFence, null,
                $"reads shared byte {word * 4}, which thread {thread - 1} has written (line " +
                    $"{warp.Block.Launch.Entry.Program[pc].Syntax.Line}) without a fence.proxy.async behind it", word * 4);
        }
    }

    public void Add(Reading reading) => _readings.Add(reading);

    public void Remove(Reading reading) => _readings.Remove(reading);

    /// <summary>Nothing in flight reads these bytes.</summary>
    public void RequireFree(Warp warp, int? lane, ulong start, ulong end, string does)
    {
        foreach (Reading reading in _readings)
        {
            if (reading.Start >= end || start >= reading.End) continue;
            throw warp.Fault(EmulationErrorKind.ProductInFlight, lane,
                $"{does} shared bytes {Math.Max(start, reading.Start)} to {Math.Min(end, reading.End) - 1}, which a product in line " +
                    $"{reading.Line}, not waited for, still reads", Math.Max(start, reading.Start));
        }
    }
}
