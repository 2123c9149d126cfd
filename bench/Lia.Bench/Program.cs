namespace Lia.Bench;

/// <summary>Measurements. <c>cpu</c>: the network on the processor, layer by layer. <c>micro</c>: its kernels alone, with BenchmarkDotNet.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        switch (arguments.FirstOrDefault())
        {
            case "cpu":
                return CpuLayers.Run(arguments[1..]);
            case "micro":
                return CpuMicro.Run(arguments[1..]);
            default:
                Console.Error.WriteLine("usage: Lia.Bench cpu [--size S] [--threads N] [--simd Auto|Vector128|Vector256|Vector512] [--runs N] [--brief]");
                Console.Error.WriteLine("       Lia.Bench micro [BenchmarkDotNet options, for example --filter *Convolution*]");
                return 2;
        }
    }
}
