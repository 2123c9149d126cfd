using System.Runtime;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Tests.Runtime;

public sealed class RehearsalTests
{
    [Fact]
    public void Every_part_runs_to_its_end() =>
        Assert.All(Rehearsal.Parts(typeof(RehearsalTests).Assembly, [typeof(Int4)]), static part => part());

    [Fact]
    public void What_fills_arrays_is_compiled_by_it()
    {
        foreach (Action part in Rehearsal.Parts(typeof(RehearsalTests).Assembly, [typeof(Int4)])) part();
        using Context context = Context.Create(static builder => builder.CPU(new CPUDevice(2, 1, 1)));
        using Accelerator accelerator = context.CreateCPUAccelerator(0);
        using KernelLoader loader = KernelLoader.CreateStock(accelerator);
        long floats = Compiled(() => Fill<float>(loader)), longs = Compiled(() => Fill<long>(loader));
        Assert.True(4 * floats < longs, $"{floats} methods of floats, {longs} of longs, which are not rehearsed");
    }

    private readonly record struct Foreseen(ArrayView<float> View, int Length);
    private readonly record struct Unforeseen(ArrayView<float> View, int Length);

    [Fact]
    public void What_lays_arguments_out_is_compiled_by_it()
    {
        foreach (Action part in Rehearsal.Parts(typeof(RehearsalTests).Assembly, [typeof(Foreseen)])) part();
        long foreseen = Compiled(() => KernelArguments.Flatten(new Foreseen(default, 3))),
            unforeseen = Compiled(() => KernelArguments.Flatten(new Unforeseen(default, 3)));
        // The lambda itself, and the constructor.
        Assert.InRange(foreseen, 0, 2);
        Assert.InRange(unforeseen, 5, 200);
    }

    private static long Compiled(Action action)
    {
        long before = JitInfo.GetCompiledMethodCount(currentThread: true);
        action();
        return JitInfo.GetCompiledMethodCount(currentThread: true) - before;
    }

    private static void Fill<T>(KernelLoader loader) where T : unmanaged
    {
        using MemoryBuffer1D<T, Stride1D.Dense> array = loader.Allocate1D(new T[8]);
        ArrayView<T> view = array.View.SubView(2, 4);
        view.CopyFromCPU(loader.Accelerator.DefaultStream, (ReadOnlySpan<T>)new T[4]);
        view.CopyToCPU(loader.Accelerator.DefaultStream, (Span<T>)new T[4]);
    }
}
