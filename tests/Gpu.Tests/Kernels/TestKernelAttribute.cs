namespace Lia.Gpu.Tests.Kernels;

/// <summary>
/// Marks a kernel of this suite, so that it is also compiled for every target it supports, and counted in the suite's compile time.
/// </summary>
/// <param name="minSm">The first target that has the instructions it uses; 90 stands for sm_90a.</param>
/// <param name="typeArguments">Its type arguments, if it is generic.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class TestKernelAttribute(int minSm = 75, params Type[] typeArguments) : Attribute
{
    public int MinSm { get; } = minSm;

    public Type[] TypeArguments { get; } = typeArguments;
}
