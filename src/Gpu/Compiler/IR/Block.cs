namespace Lia.Gpu.Compiler.IR;

/// <summary>How a block ends.</summary>
internal enum Exit : byte { None, Branch, Conditional, Return, Refuse }

/// <summary>
/// Straight-line code. Predecessors are kept in step with the terminators (phi operands follow their order); a block is at most once among
/// the predecessors of another.
/// </summary>
internal sealed class Block(int id)
{
    public readonly int Id = id;
    public readonly List<Block> Predecessors = [];
    public List<Value> Phis = [];
    public List<Value> Body = [];

    public Exit Exit;
    public Value? Condition;
    public Block? Then;
    public Block? Else;

    /// <summary>Of Refuse: what was wrong, should the block turn out to be reachable.</summary>
    public KernelCompilationException? Refusal;

    /// <summary>Loops headed by this block stay loops.</summary>
    public bool NoUnroll;

    /// <summary>Position in reverse postorder, set by <see cref="Flow"/>.</summary>
    public int Order;

    public IEnumerable<Block> Successors
    {
        get
        {
            if (Then is not null) yield return Then;
            if (Else is not null) yield return Else;
        }
    }

    public void Branch(Block target)
    {
        Exit = Exit.Branch;
        Then = target;
        target.Predecessors.Add(this);
    }

    public void BranchIf(Value condition, Block then, Block otherwise)
    {
        if (then == otherwise)
        {
            Branch(then);
            return;
        }
        Exit = Exit.Conditional;
        Condition = condition;
        Then = then;
        Else = otherwise;
        then.Predecessors.Add(this);
        otherwise.Predecessors.Add(this);
    }

    /// <summary>
    /// Removes the edge from <paramref name="predecessor"/>, with its phi operands. The predecessor's terminator is the caller's.
    /// </summary>
    public void RemovePredecessor(Block predecessor)
    {
        int index = Predecessors.IndexOf(predecessor);
        Predecessors.RemoveAt(index);
        foreach (Value phi in Phis)
        {
            var operands = new Value[phi.Operands.Length - 1];
            Array.Copy(phi.Operands, operands, index);
            Array.Copy(phi.Operands, index + 1, operands, index, operands.Length - index);
            phi.Operands = operands;
        }
    }

    /// <summary>Leaves the taken way of a conditional branch only.</summary>
    public void Decide(bool taken)
    {
        Block keep = taken ? Then! : Else!, drop = taken ? Else! : Then!;
        drop.RemovePredecessor(this);
        Exit = Exit.Branch;
        Condition = null;
        Then = keep;
        Else = null;
    }

    /// <summary>Points the edge to <paramref name="from"/> at <paramref name="to"/>; predecessors and phis are the caller's.</summary>
    public void Redirect(Block from, Block to)
    {
        if (Then == from) Then = to;
        if (Else == from) Else = to;
    }
}
