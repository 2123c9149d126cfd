using System.Runtime.CompilerServices;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>What cannot be compiled is refused where it stands, with what to write instead.</summary>
public class RefusalTests
{
    private static readonly int[] s_table = [1, 2, 3];
    private static int s_counter;

    private static void Strings(ArrayView<int> a) => a[0] = "text".Length;

    private static readonly int s_lineBeforeExceptions = Line();

    private static void Exceptions(ArrayView<int> a)
    {
        if (a.IntLength == 0) throw new ArgumentException("empty");
        a[0] = 1;
    }

    private static void Arrays(ArrayView<int> a) => a[0] = new int[4].Length;

    private static void StaticArrays(ArrayView<int> a) => a[0] = s_table[1];

    private static void StaticFields(ArrayView<int> a) => a[0] = s_counter++;

    private static unsafe void StackAllocation(ArrayView<int> a)
    {
        int* p = stackalloc int[4];
        p[0] = 1;
        a[0] = p[0];
    }

    private static void Boxing(ArrayView<int> a)
    {
        object o = a[0];
        a[1] = o.GetHashCode();
    }

    private static void Lambdas(ArrayView<int> a)
    {
        Func<int, int> f = static x => x + 1;
        a[0] = f(a[0]);
    }

    private static void Recursion(ArrayView<int> a) => a[0] = Factorial(a[0]);

    private static int Factorial(int n) => n <= 1 ? 1 : n * Factorial(n - 1);

    private static void FusedByNet(ArrayView<float> a) => a[0] = MathF.FusedMultiplyAdd(a[0], a[1], a[2]);

    private static void Exponential(ArrayView<float> a) => a[0] = MathF.Exp(a[0]);

    private static void TryBlocks(ArrayView<int> a)
    {
        try { a[0] = 1; }
        finally { a[1] = 2; }
    }

    private static void Checked(ArrayView<int> a) => a[0] = checked(a[0] + 1);

    private readonly struct Plain;

    private static void InheritedMethods(ArrayView<int> a) => a[0] = default(Plain).GetHashCode();

    private static void SharedLength(ArrayView<int> a, int n) => a[0] = SharedMemory.Allocate<int>(n)[0];

    private static void LocalLength(ArrayView<int> a, int n) => a[0] = LocalMemory.Allocate<int>(n)[a[1]];

    private static void TooMuchShared(ArrayView<int> a) => a[0] = SharedMemory.Allocate<int>(20000)[a[1]];

    private static void AsyncCopy(ArrayView<int> a) => Intrinsics.CpAsync4(ref SharedMemory.Allocate<int>(32)[0], ref a[0]);

    private static void AsyncCopyToGlobal(ArrayView<int> a) => Intrinsics.CpAsync4(ref a[1], ref a[0]);

    private static void VaryingWait(ArrayView<int> a) => Intrinsics.CpAsyncWaitGroup(a[0]);

    private static void AtomicOnLocal(ArrayView<int> a)
    {
        int x = a[0];
        Atomic.Add(ref x, 1);
        a[0] = x;
    }

    private static void MixedSpaces(ArrayView<int> a, int n)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(32);
        ref int x = ref n > 0 ? ref a[0] : ref shared[0];
        x = 1;
    }

    private static void ReferenceParameter(ref int a) => a = 1;

    private static int Returns(ArrayView<int> a) => a.IntLength;

    private static void Open<T>(ArrayView<T> a) where T : unmanaged => a[0] = default;

    private static void IlgpuMath(ArrayView<float> a) => a[0] = XMath.Pow(a[0], a[1]);

    private static void IlgpuNarrowShuffle(ArrayView<int> a) => a[0] = Warp.Shuffle(a[0], 0, 8);

    private static void IlgpuOutput(ArrayView<int> a) => Interop.WriteLine("{0}", a[0]);

    private static void IlgpuStride(ArrayView1D<int, Stride1D.General> a) => a[0] = 1;

    private static void IlgpuConstant(ArrayView<int> a) => a[0] = Index1D.Invalid;

    public static TheoryData<string, string> Refused => new()
    {
        { nameof(Strings), "strings" },
        { nameof(Exceptions), "exceptions do not exist" },
        { nameof(Arrays), "LocalMemory.Allocate" },
        { nameof(StaticArrays), "static field RefusalTests.s_table" },
        { nameof(StaticFields), "make it a const" },
        { nameof(StackAllocation), "LocalMemory.Allocate" },
        { nameof(Boxing), "struct type parameter" },
        { nameof(Lambdas), "lambdas" },
        { nameof(Recursion), "Factorial calls itself" },
        { nameof(FusedByNet), "Intrinsics.Fma" },
        { nameof(Exponential), "XMath.Exp" },
        { nameof(TryBlocks), "try blocks" },
        { nameof(Checked), "unchecked" },
        { nameof(InheritedMethods), "needs an object" },
        { nameof(SharedLength), "GetDynamic" },
        { nameof(LocalLength), "compile-time constant" },
        { nameof(TooMuchShared), "80000 bytes of static shared memory" },
        { nameof(AsyncCopyToGlobal), "must be in shared memory" },
        { nameof(VaryingWait), "compile-time constant" },
        { nameof(AtomicOnLocal), "not a local variable" },
        { nameof(MixedSpaces), "Shared" },
        { nameof(ReferenceParameter), "parameter a" },
        { nameof(Returns), "returns void" },
        { nameof(Open), "closed" },
        { nameof(IlgpuMath), "XMath.Pow of ILGPU has no meaning to this compiler: call XMath.Exp2" },
        { nameof(IlgpuNarrowShuffle), "over the whole warp" },
        { nameof(IlgpuOutput), "strings" },
        { nameof(IlgpuStride), "parameter a is a ArrayView1D" },
        { nameof(IlgpuConstant), "static field Index1D.Invalid" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void It_is_refused_with_an_alternative(string kernel, string expected)
    {
        var problem = Assert.Throws<KernelCompilationException>(() => Compile(kernel, new CompileTarget(90)));
        Assert.Contains(expected, problem.Message);
    }

    [Fact]
    public void A_refusal_names_method_offset_and_source_line()
    {
        var problem = Assert.Throws<KernelCompilationException>(() => Compile(nameof(Exceptions), new CompileTarget(90)));
        Assert.Equal(nameof(Exceptions), problem.Method!.Name);
        Assert.True(problem.ILOffset > 0);
        Assert.EndsWith("RefusalTests.cs", problem.SourceFile);
        Assert.Equal(s_lineBeforeExceptions + 4, problem.SourceLine);
        Assert.StartsWith($"RefusalTests.Exceptions, IL_{problem.ILOffset:x4}, RefusalTests.cs:{problem.SourceLine}: ", problem.Message);
    }

    [Fact]
    public void A_refusal_names_the_callee_that_causes_it()
    {
        var problem = Assert.Throws<KernelCompilationException>(() => Compile(nameof(Recursion), new CompileTarget(90)));
        Assert.Equal(nameof(Factorial), problem.Method!.Name);
    }

    [Fact]
    public void Instructions_the_target_lacks_are_refused()
    {
        var problem = Assert.Throws<KernelCompilationException>(() => Compile(nameof(AsyncCopy), new CompileTarget(75)));
        Assert.Contains("needs sm_80, the target is sm_75", problem.Message);
        Assert.Contains("cp.async", Compile(nameof(AsyncCopy), new CompileTarget(80)).Ptx);
    }

    [Fact]
    public void Targets_that_do_not_exist_are_refused()
    {
        Assert.Contains("older than sm_75",
            Assert.Throws<KernelCompilationException>(() => Compile(nameof(AsyncCopy), new CompileTarget(70))).Message);
        Assert.Contains("needs PTX 8.0",
            Assert.Throws<KernelCompilationException>(() => Compile(nameof(AsyncCopy), new CompileTarget(90, true))).Message);
    }

    [Fact]
    public void Device_functions_throw_on_the_host()
    {
        Assert.Contains("Ballot exists on the device only",
            Assert.Throws<InvalidOperationException>(() => Intrinsics.Ballot(true)).Message);
        Assert.Throws<InvalidOperationException>(() => SwizzledSharedMemory.GetDynamic<int>());
    }

    private static CompiledKernel Compile(string name, CompileTarget target) => KernelCompiler.Compile(
        typeof(RefusalTests).GetMethod(name, System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic)!, target);

    private static int Line([CallerLineNumber] int line = 0) => line;
}
