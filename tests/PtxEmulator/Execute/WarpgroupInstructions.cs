using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// wgmma of halves into floats, both operands in shared memory, each with k innermost or, without swizzle, outermost. With g = lane / 4 and
/// t = lane % 4, warp w of the four holds rows 16w + g and 16w + g + 8 of D: registers 4j and 4j + 1 are columns 8j + 2t and 8j + 2t + 1 of
/// the first, 4j + 2 and 4j + 3 of the second. Products are exact, sums are rounded to float in the order of k: exact for small integers,
/// otherwise within a few units of the last place of the largest term of what the hardware gives.
/// </summary>
internal static class WarpgroupInstructions
{
    public static Op? Decode(InstructionReader r)
    {
        r.RequireArchitecture(90);
        r.RequireVersion(80);
        string operation = r.Require("fence", "commit_group", "wait_group", "mma_async");
        r.Require("sync");
        r.Require("aligned");
        switch (operation)
        {
            case "fence": return new FenceOp();
            case "commit_group": return new CommitOp();
            case "wait_group":
                long newest = r.Immediate(0);
                return newest is >= 0 and <= 7 ? new WaitGroupOp((int)newest) : throw r.Error("0 to 7 groups may be unfinished");
        }
        string shape = r.Require([.. Enumerable.Range(1, 32).Select(i => $"m64n{8 * i}k16")]);
        int n = int.Parse(shape.AsSpan(4, shape.Length - 7));
        r.TakeType(F32);
        r.TakeType(F16);
        r.TakeType(F16);
        Operand[] elements = r.Elements(0, n / 2);
        int[] d = [.. elements.Select(e => r.Destination(e, F32, wider: false))];
        // With scale-d 0 the old content is not read.
        if (r[3] is not { Kind: OperandKind.Integer, Integer: 0 })
        {
            foreach (Operand element in elements) r.Source(element, F32, wider: false);
        }
        if (d.Distinct().Count() != d.Length) throw r.Error("an accumulator occurs twice");
        int a = r.Source(1, B64), b = r.Source(2, B64);
        PredicateOperand accumulates = r.Predicate(3);
        if (r.Immediate(4) != 1 || r.Immediate(5) != 1) throw r.Error("negated operands are not known");
        if (r.Immediate(6) is not (0 or 1) || r.Immediate(7) is not (0 or 1)) throw r.Error("a transposition is 0 or 1");
        return new ProductOp(d, n, a, b, accumulates) { IsTurnedA = r.Immediate(6) == 1, IsTurnedB = r.Immediate(7) == 1 };
    }

    private static Warpgroup Group(Warp warp, uint mask)
    {
        warp.RequireConverged(mask);
        if (mask != LaneMask.Full) throw warp.Fault(EmulationErrorKind.WarpDivergence, null, $"needs 32 lanes, only 0x{mask:X8} exist");
        if (warp.Block.Warps.Count < (warp.Index / 4 * 4) + 4)
            throw warp.Fault(EmulationErrorKind.WarpDivergence, null,
                $"needs a warpgroup of four warps, the block has {warp.Block.Warps.Count}");
        return warp.Block.Warpgroups[warp.Index / 4];
    }

    /// <summary>wgmma.mma_async.</summary>
    public sealed unsafe class ProductOp(int[] d, int n, int a, int b, PredicateOperand accumulates) : Op
    {
        /// <summary>The registers of D by their numbers among all accumulators of the program.</summary>
        public int[] Accumulators { get; set; } = [];

        /// <summary>Names of all accumulators of the program.</summary>
        public string[] Names { get; set; } = [];

        public int Columns => n;

        /// <summary>Whether k is the outer dimension of A's core matrices.</summary>
        public bool IsTurnedA { get; init; }

        /// <summary>The same of B's.</summary>
        public bool IsTurnedB { get; init; }

        public override bool ReadsByAsyncProxy => true;

        public override void Execute(Warp warp, uint mask)
        {
            Warpgroup group = Group(warp, mask);
            uint adds = warp.Predicate(accumulates);
            if (adds is not (0 or LaneMask.Full))
                throw warp.Fault(EmulationErrorKind.InvalidOperand, null, "scale-d differs between lanes");
            group.Issue(warp, this, Uniform(warp, a, "a-desc"), Uniform(warp, b, "b-desc"), adds != 0);
        }

        private static ulong Uniform(Warp warp, int slot, string name)
        {
            ulong* lanes = (ulong*)(warp.Registers + slot);
            for (int lane = 1; lane < 32; lane++)
            {
                if (lanes[lane] != lanes[0]) throw warp.Fault(EmulationErrorKind.InvalidOperand, null, $"{name} differs between lanes");
            }
            return lanes[0];
        }

        /// <summary>D = A B (+ D) for the four warps; A is 64 x 16 and B columns x 16, row after row.</summary>
        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Multiply(ReadOnlySpan<Warp> warps, float[] left, float[] right, bool adds)
        {
            float[] across = new float[16 * n];   // k x n
            for (int column = 0; column < n; column++)
            {
                for (int k = 0; k < 16; k++) across[(k * n) + column] = right[(column * 16) + k];
            }
            float[] sums = new float[n];
            for (int row = 0; row < 64; row++)
            {
                byte* registers = warps[row / 16].Registers;
                int half = row % 16 / 8 * 2, first = row % 8 * 4;
                for (int column = 0; column < n; column++)
                    sums[column] = adds ? ((float*)(registers + d[(column / 8 * 4) + half + (column & 1)]))[first + (column % 8 / 2)] : 0f;
                fixed (float* sum = sums, factors = across)
                {
                    for (int k = 0; k < 16; k++)
                    {
                        var x = Vector256.Create(left[(row * 16) + k]);
                        for (int column = 0; column < n; column += 8)
                            Vector256.FusedMultiplyAdd(x, Vector256.Load(factors + (k * n) + column), Vector256.Load(sum + column))
                                .Store(sum + column);
                    }
                }
                for (int column = 0; column < n; column++)
                    ((float*)(registers + d[(column / 8 * 4) + half + (column & 1)]))[first + (column % 8 / 2)] = sums[column];
            }
        }
    }

    private sealed class FenceOp : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            Group(warp, mask);
            warp.Accumulators.Fence();
        }
    }

    private sealed class CommitOp : Op
    {
        public override void Execute(Warp warp, uint mask) => Group(warp, mask).Commit(warp);
    }

    private sealed class WaitGroupOp(int newest) : WaitOp
    {
        public override WaitOutcome Try(Warp warp, uint mask) =>
            Group(warp, mask).Wait(warp, newest) ? WaitOutcome.Passed : WaitOutcome.Blocked;

        public override string Describe(Warp warp) => warp.Block.Warpgroups[warp.Index / 4].Describe();
    }
}

/// <summary>
/// Four warps that multiply together. A product runs when all four have issued it; it ends, for each warp, at the wait that covers its
/// group. From issue to the first such wait nobody may write its operands.
/// </summary>
internal sealed unsafe class Warpgroup(BlockExecutor block, int index)
{
    private sealed class Product(WarpgroupInstructions.ProductOp op, ulong a, ulong b, bool adds)
    {
        public readonly WarpgroupInstructions.ProductOp Op = op;
        public readonly ulong A = a, B = b;
        public readonly bool Adds = adds;
        public readonly List<AsyncProxy.Reading> Readings = [];
        public uint[]? Clock;
        public int Issued;
        public bool Executed => Issued == 4;
    }

    private readonly List<Product> _products = [];
    private readonly int[] _issued = new int[4];
    private readonly List<int>[] _groups = [[], [], [], []];
    private readonly int[] _ended = new int[4];

    public void Reset()
    {
        _products.Clear();
        Array.Clear(_issued);
        Array.Clear(_ended);
        foreach (List<int> groups in _groups) groups.Clear();
    }

    public void Issue(Warp warp, WarpgroupInstructions.ProductOp op, ulong a, ulong b, bool adds)
    {
        int member = warp.Index % 4, number = _issued[member]++;
        warp.Accumulators.Start(warp, op, number);
        if (number == _products.Count) _products.Add(new Product(op, a, b, adds));
        Product product = _products[number];
        if (product.Op != op)
        {
            throw warp.Fault(EmulationErrorKind.WarpDivergence, null,
                $"the warps of warpgroup {index} execute different products: its product {number} was in line {product.Op.Syntax.Line} " +
                    "for another warp");
        }
        if (product.A != a || product.B != b || product.Adds != adds)
            throw warp.Fault(EmulationErrorKind.InvalidOperand, null,
                $"descriptors or scale-d differ between the warps of warpgroup {index}");
        if (block.Shared.Races is { } races)
        {
            // The last of the four reads for all; then each has released what it did up to here.
            if (product.Issued == 3) Read(warp, product);
            uint[] clock = races.Release(warp.Index);
            product.Clock = product.Clock is { } joined ? [.. joined.Zip(clock, Math.Max)] : clock;
        }
        else if (product.Issued == 3) Read(warp, product);
        product.Issued++;
    }

    public void Commit(Warp warp) => _groups[warp.Index % 4].Add(_issued[warp.Index % 4]);

    /// <summary>Ends all groups but the newest; false when another warp has not issued their products yet.</summary>
    public bool Wait(Warp warp, int newest)
    {
        int member = warp.Index % 4, covered = _groups[member].Count - newest;
        int end = covered > 0 ? _groups[member][covered - 1] : 0;
        for (int i = _ended[member]; i < end; i++)
        {
            if (!_products[i].Executed) return false;
        }
        for (int i = _ended[member]; i < end; i++)
        {
            Product product = _products[i];
            foreach (AsyncProxy.Reading reading in product.Readings) block.Shared.Proxy!.Remove(reading);
            product.Readings.Clear();
            if (product.Clock is { } clock) block.Shared.Races!.Acquire(warp.Index, clock);
        }
        _ended[member] = Math.Max(_ended[member], end);
        warp.Accumulators.End(_ended[member]);
        return true;
    }

    public void RequireNone(Warp warp)
    {
        int member = warp.Index % 4;
        if (_ended[member] == _issued[member]) return;
        throw warp.Fault(EmulationErrorKind.ProductInFlight, null,
            $"exits without a wait for the product in line {_products[_ended[member]].Op.Syntax.Line}");
    }

    public string Describe() =>
        $"the products of warpgroup {index}, of which its warps have issued {string.Join(", ", _issued)}";

    private void Read(Warp warp, Product product)
    {
        float[] left = new float[64 * 16], right = new float[product.Op.Columns * 16];
        ReadOperand(warp, product, "A", product.A, product.Op.IsTurnedA, left);
        ReadOperand(warp, product, "B", product.B, product.Op.IsTurnedB, right);
        Warp[] warps = [.. Enumerable.Range(index * 4, 4).Select(i => block.Warps[i])];
        product.Op.Multiply(warps, left, right, product.Adds);
    }

    // Matrix descriptor: address / 16 in bits 0-13, leading offset / 16 in 16-29, stride offset / 16 in 32-45, base offset in 49-51,
    // swizzle in 62-63.
    private void ReadOperand(Warp warp, Product product, string name, ulong descriptor, bool isTurned, float[] into)
    {
        ulong start = (descriptor & 0x3FFF) << 4, leading = (descriptor >> 16 & 0x3FFF) << 4, stride = (descriptor >> 32 & 0x3FFF) << 4;
        int span = (descriptor >> 62) switch { 0 => 0, 1 => 128, 2 => 64, _ => 32 };
        ulong pattern = (ulong)span * 8;
        if ((descriptor & 0x3FFF_C000_C000_C000) != 0)
            throw Invalid($"has bits set that are not known: 0x{descriptor:X16}");
        if (span > 0 && (start % (ulong)span) + 32 > (ulong)span)
            throw Invalid($"starts at byte {start % (ulong)span} of a row of {span}: 32 bytes do not fit");
        if (span > 0 && (start / (ulong)span % 8 != 0 || stride % pattern != 0))
            throw Invalid(
                $"starts at shared byte {start} with {stride} bytes between eight rows; a swizzle of {span} bytes repeats every {pattern}");

        if (span > 0 && isTurned) throw Invalid("is swizzled: of transposed operands only those without are known");

        SharedMemory shared = block.Shared;
        int rows = into.Length / 16;
        // Leading bytes to the next eight of k, stride bytes to the next eight rows; in between k by k, eight rows each.
        for (int row = 0; isTurned && row < rows; row += 8)
        {
            for (int k = 0; k < 16; k++)
            {
                ulong core = start + ((ulong)(row / 8) * stride) + ((ulong)(k / 8) * leading), address = core + ((ulong)(k % 8) * 16);
                Allocation? none = null;
                ushort* halves = (ushort*)SharedSpace.Read(warp, 0, address, 16, strong: false, ref none);
                shared.Proxy!.Read(warp, address, 16);
                for (int i = 0; i < 8; i++) into[((row + i) * 16) + k] = (float)BitConverter.UInt16BitsToHalf(halves[i]);
                if (k % 8 == 0) Hold(core, 128);
            }
        }
        for (int row = 0; !isTurned && row < rows; row++)
        {
            for (int piece = 0; piece < 2; piece++)
            {
                ulong address = span == 0
                    ? start + ((ulong)(row / 8) * stride) + ((ulong)piece * leading) + ((ulong)(row % 8) * 16)
                    : Swizzle.Apply(start + ((ulong)(row / 8) * stride) + ((ulong)(row % 8) * (ulong)span) + ((ulong)piece * 16), span);
                Allocation? none = null;
                ushort* halves = (ushort*)SharedSpace.Read(warp, 0, address, 16, strong: false, ref none);
                shared.Proxy!.Read(warp, address, 16);
                for (int i = 0; i < 8; i++) into[(row * 16) + (piece * 8) + i] = (float)BitConverter.UInt16BitsToHalf(halves[i]);
            }
            if (row % 8 != 0) continue;
            ulong first = start + ((ulong)(row / 8) * stride);
            if (span > 0) Hold(first - (first % (ulong)span), pattern);
            else
            {
                Hold(first, 128);
                Hold(first + leading, 128);
            }
        }

        void Hold(ulong first, ulong bytes)
        {
            var reading = new AsyncProxy.Reading(first, first + bytes, product.Op.Syntax.Line);
            product.Readings.Add(reading);
            shared.Proxy!.Add(reading);
        }

        EmulationException Invalid(string problem) =>
            warp.Fault(EmulationErrorKind.InvalidOperand, null, $"the descriptor of {name} {problem}");
    }
}
