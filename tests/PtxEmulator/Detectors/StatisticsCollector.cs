using System.Runtime.CompilerServices;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Detectors;

/// <summary>Kinds of memory traffic, in the order of the collector's tables.</summary>
internal enum Traffic : byte { Load, Store, Atomic, AsyncCopy, Matrix }

/// <summary>Counts what one thread of the emulator executes; collectors are merged at the end of a launch.</summary>
internal sealed unsafe class StatisticsCollector(int instructions)
{
    private const int Sizes = 5;   // 1, 2, 4, 8, 16 bytes

    private readonly SharedTraffic[] _shared = new SharedTraffic[5 * Sizes];
    private readonly GlobalTraffic[] _global = new GlobalTraffic[5];

    /// <summary>Executions by instruction index.</summary>
    public long[] Executed { get; } = new long[instructions];

    /// <summary>
    /// A shared-memory request. The 32 banks are 4 bytes wide; lanes that read the same word share it. 8-byte accesses go by half warps and
    /// 16-byte accesses by quarter warps, so that these need at least 2 and 4 wavefronts. Each phase takes as many wavefronts as the
    /// busiest bank has different words.
    /// </summary>
    public void AddShared(Traffic kind, ulong* addresses, uint mask, int bytes)
    {
        int lanesPerPhase = bytes <= 4 ? 32 : 128 / bytes;
        int wavefronts = 0, phases = 0;
        for (int first = 0; first < 32; first += lanesPerPhase)
        {
            uint lanes = mask & (lanesPerPhase == 32 ? uint.MaxValue : ((1u << lanesPerPhase) - 1) << first);
            if (lanes == 0) continue;
            phases++;
            wavefronts += Wavefronts(addresses, lanes, bytes);
        }
        ref SharedTraffic traffic = ref _shared[((int)kind * Sizes) + System.Numerics.BitOperations.Log2((uint)bytes)];
        traffic = new SharedTraffic(traffic.Requests + 1, traffic.Bytes + (System.Numerics.BitOperations.PopCount(mask) * bytes),
            traffic.Wavefronts + wavefronts, traffic.ExtraWavefronts + wavefronts - phases);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Wavefronts(ulong* addresses, uint lanes, int bytes)
    {
        uint* words = stackalloc uint[32];   // the first word seen in each bank
        uint used = 0;
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            ulong address = addresses[Warp.FirstLane(rest)];
            for (uint word = (uint)(address >> 2), end = (uint)((address + (ulong)bytes + 3) >> 2); word < end; word++)
            {
                uint bank = word & 31;
                if ((used >> (int)bank & 1) == 0)
                {
                    used |= 1u << (int)bank;
                    words[bank] = word;
                }
                else if (words[bank] != word) return ConflictingWavefronts(addresses, lanes, bytes);
            }
        }
        return 1;
    }

    private static int ConflictingWavefronts(ulong* addresses, uint lanes, int bytes)
    {
        var seen = new HashSet<uint>();
        Span<int> perBank = stackalloc int[32];
        perBank.Clear();
        int most = 0;
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            ulong address = addresses[Warp.FirstLane(rest)];
            for (uint word = (uint)(address >> 2), end = (uint)((address + (ulong)bytes + 3) >> 2); word < end; word++)
            {
                if (seen.Add(word)) most = Math.Max(most, ++perBank[(int)(word & 31)]);
            }
        }
        return most;
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddGlobal(Traffic kind, ulong* addresses, uint mask, int bytes)
    {
        // Accesses are aligned to their size, at most 16 bytes: each lies in one sector.
        ulong* seen = stackalloc ulong[32];
        int sectors = 0;
        for (uint rest = mask; rest != 0; rest &= rest - 1)
        {
            ulong sector = addresses[Warp.FirstLane(rest)] >> 5;
            int i = sectors - 1;
            while (i >= 0 && seen[i] != sector) i--;   // newest first: neighbours mostly share
            if (i < 0) seen[sectors++] = sector;
        }
        ref GlobalTraffic traffic = ref _global[(int)kind];
        traffic = new GlobalTraffic(traffic.Requests + 1, traffic.Bytes + (System.Numerics.BitOperations.PopCount(mask) * bytes),
            traffic.Sectors + sectors);
    }

    /// <summary>The sum of what several threads counted.</summary>
    public static LaunchStatistics Merge(IReadOnlyList<StatisticsCollector> parts, Op[] program)
    {
        var byInstruction = new Dictionary<string, long>(StringComparer.Ordinal);
        long total = 0;
        for (int i = 0; i < program.Length; i++)
        {
            long count = parts.Sum(p => p.Executed[i]);
            if (count == 0) continue;
            string name = string.Join('.', [program[i].Syntax.Opcode, .. program[i].Syntax.Modifiers]);
            byInstruction[name] = byInstruction.GetValueOrDefault(name) + count;
            total += count;
        }
        var shared = new Dictionary<string, SharedTraffic>(StringComparer.Ordinal);
        var global = new Dictionary<string, GlobalTraffic>(StringComparer.Ordinal);
        foreach (StatisticsCollector part in parts)
        {
            for (int i = 0; i < part._shared.Length; i++)
            {
                SharedTraffic t = part._shared[i];
                if (t.Requests == 0) continue;
                string name = (Traffic)(i / Sizes) switch
                {
                    Traffic.Load => $"ld.{8 << (i % Sizes)}",
                    Traffic.Store => $"st.{8 << (i % Sizes)}",
                    Traffic kind => Name(kind),
                };
                SharedTraffic s = shared.GetValueOrDefault(name);
                shared[name] = new SharedTraffic(s.Requests + t.Requests, s.Bytes + t.Bytes, s.Wavefronts + t.Wavefronts,
                    s.ExtraWavefronts + t.ExtraWavefronts);
            }
            for (int i = 0; i < part._global.Length; i++)
            {
                GlobalTraffic t = part._global[i];
                if (t.Requests == 0) continue;
                GlobalTraffic s = global.GetValueOrDefault(Name((Traffic)i));
                global[Name((Traffic)i)] = new GlobalTraffic(s.Requests + t.Requests, s.Bytes + t.Bytes, s.Sectors + t.Sectors);
            }
        }
        return new LaunchStatistics { WarpInstructions = total, ByInstruction = byInstruction, Shared = shared, Global = global };
    }

    private static string Name(Traffic kind) => kind switch
    {
        Traffic.Load => "ld", Traffic.Store => "st", Traffic.Atomic => "atom", Traffic.AsyncCopy => "cp.async", _ => "ldmatrix",
    };
}
