namespace Lia.Bench;

/// <summary>Measurements. <c>cpu</c>: the network on the processor, layer by layer. <c>cuda</c>: on a GPU. <c>micro</c>: its kernels alone, with BenchmarkDotNet.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        switch (arguments.FirstOrDefault())
        {
            case "cpu":
                return CpuLayers.Run(arguments[1..]);
            case "cuda":
                return CudaLayers.Run(arguments[1..]);
            case "micro":
                return CpuMicro.Run(arguments[1..]);
            default:
                Console.Error.WriteLine("usage: Lia.Bench cpu [--size S] [--threads N] [--simd Auto|Vector128|Vector256|Vector512] [--runs N] [--brief]");
                Console.Error.WriteLine("       Lia.Bench cuda [--size S] [--precision fast|exact] [--batches 1,8,32] [--runs N] [--layers]");
                Console.Error.WriteLine("       Lia.Bench micro [BenchmarkDotNet options, for example --filter *Convolution*]");
                return 2;
        }
    }
}
