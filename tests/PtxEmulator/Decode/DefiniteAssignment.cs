using System.Collections;
using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Decode;

/// <summary>
/// Finds the reads of registers that are not certainly preceded by a write. Only those registers are followed at run time (which lanes have
/// written them); all others cost nothing.
/// </summary>
internal static class DefiniteAssignment
{
    /// <summary>Marks the instructions concerned; returns the number of followed registers.</summary>
    public static int Instrument(Op[] program, int[] guards, List<int>[] uses, List<int>[] definitions, ControlFlowGraph graph,
        RegisterLayout layout)
    {
        int registers = layout.RegisterCount;
        var atEnd = new BitArray?[graph.Count];   // null: not reached yet, that is, everything
        var changed = new Queue<int>([0]);
        while (changed.TryDequeue(out int block))
        {
            BitArray assigned = AtStart(graph, atEnd, block, registers);
            for (int i = graph.Start(block); i < graph.End(program, block); i++) Assign(program[i], definitions[i], assigned);
            if (atEnd[block] is BitArray old && Same(old, assigned)) continue;
            atEnd[block] = assigned;
            foreach (int successor in graph.Successors[block]) changed.Enqueue(successor);
        }

        var followed = new Dictionary<int, int>();
        for (int block = 0; block < graph.Count; block++)
        {
            if (atEnd[block] is null) continue;
            BitArray assigned = AtStart(graph, atEnd, block, registers);
            for (int i = graph.Start(block); i < graph.End(program, block); i++)
            {
                foreach (int register in uses[i])
                {
                    if (!assigned[register]) followed.TryAdd(register, followed.Count);
                }
                if (guards[i] >= 0 && !assigned[guards[i]]) followed.TryAdd(guards[i], followed.Count);
                Assign(program[i], definitions[i], assigned);
            }
        }
        if (followed.Count == 0) return 0;

        string[] names = new string[followed.Count];
        foreach ((string name, Register register) in layout.Registers)
        {
            if (followed.TryGetValue(register.Id, out int index)) names[index] = name;
        }
        for (int i = 0; i < program.Length; i++)
        {
            int[] reads = [.. uses[i].Where(followed.ContainsKey).Select(u => followed[u]).Distinct()];
            int[] writes = [.. definitions[i].Where(followed.ContainsKey).Select(u => followed[u]).Distinct()];
            int guard = guards[i] >= 0 && followed.TryGetValue(guards[i], out int g) ? g : -1;
            if (guard >= 0 || reads.Length > 0 || writes.Length > 0)
                program[i].Following = new FollowedRegisters(guard, reads, writes, names);
        }
        return followed.Count;
    }

    private static BitArray AtStart(ControlFlowGraph graph, BitArray?[] atEnd, int block, int registers)
    {
        var assigned = new BitArray(registers, block != 0);
        if (block == 0) return assigned;
        foreach (int predecessor in graph.Predecessors[block])
        {
            if (atEnd[predecessor] is BitArray end) assigned.And(end);
        }
        return assigned;
    }

    private static void Assign(Op op, List<int> definitions, BitArray assigned)
    {
        if (op.Guard >= 0) return;
        foreach (int register in definitions) assigned[register] = true;
    }

    private static bool Same(BitArray a, BitArray b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            if (a[i] != b[i]) return false;
        }
        return true;
    }
}

/// <summary>The followed registers an instruction reads and writes; its guard (-1 when not followed) is read by all active lanes.</summary>
internal sealed class FollowedRegisters(int guard, int[] reads, int[] writes, string[] names)
{
    public void Check(Warp warp, uint active, uint mask)
    {
        if (guard >= 0) Check(warp, active, guard);
        foreach (int register in reads) Check(warp, mask, register);
        foreach (int register in writes) warp.Written[register] |= mask;
    }

    private void Check(Warp warp, uint mask, int register)
    {
        uint missing = mask & ~warp.Written[register];
        if (missing != 0)
            throw warp.Fault(EmulationErrorKind.UninitializedRegister, Warp.FirstLane(missing),
                $"reads {names[register]}, which this thread has not written");
    }
}
