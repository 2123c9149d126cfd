using Lia.Gpu.Cuda;

namespace Lia.Bench;

/// <summary>
/// Measurements. On the processor: <c>cpu</c>, the network layer by layer; <c>micro</c>, its kernels alone with BenchmarkDotNet;
/// <c>memory</c>, that of a process that animates clip after clip; <c>media</c>, a clip of raw video in and out. On a GPU:
/// <c>end-to-end</c>, the table that is quoted; <c>cuda</c>, the network layer by layer; <c>kernels</c>, its launches alone with
/// BenchmarkDotNet, and the exact kernels beside what ILGPU itself makes of them; <c>startup</c>, from the start of the program to the
/// first frame; <c>opening</c>, its steps taken apart; <c>launch</c>, what a launch costs the host; <c>live</c>, cameras that share the
/// device, or one through pipes; <c>training</c>, steps of the official recipe; <c>gradients</c>, those of a trained model, and
/// <c>run-start</c>, what a run of training began with, are for PyTorch to be held against. Of the service: <c>studio</c>, how many
/// cameras it serves and how long each frame takes. On paper: <c>scale</c>, a run over many machines.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        try
        {
            return Run(arguments);
        }
        catch (CudaUnavailableException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static int Run(string[] arguments)
    {
        switch (arguments.FirstOrDefault())
        {
            case "cpu":
                return CpuLayers.Run(arguments[1..]);
            case "cuda":
                return CudaLayers.Run(arguments[1..]);
            case "micro":
                return CpuMicro.Run(arguments[1..]);
            case "kernels":
                return CudaKernels.Run(arguments[1..]);
            case "startup":
                return Startup.Run(arguments[1..]);
            case "opening":
                return Opening.Run(arguments[1..]);
            case "launch":
                return Launches.Run(arguments[1..]);
            case "scale":
                return Scale.Run(arguments[1..]);
            case "studio":
                return Studio.Run(arguments[1..]);
            case "media":
                return MediaClips.Run(arguments[1..]);
            case "memory":
                return Memory.Run(arguments[1..]);
            case "live":
                return LiveCameras.Run(arguments[1..]);
            case "training":
                return TrainingSteps.Run(arguments[1..]);
            case "gradients":
                return Gradients.Run(arguments[1..]);
            case "run-start":
                return RunStart.Run(arguments[1..]);
            case "end-to-end":
                return EndToEnd.Run(arguments[1..]);
            default:
                Console.Error.WriteLine(
                    "usage: Lia.Bench cpu [--size S] [--threads N] [--simd Auto|Vector128|Vector256|Vector512] [--runs N] [--brief]");
                Console.Error.WriteLine(
                    "       Lia.Bench cuda [--size S] [--precision fast|exact] [--batches 1,8,32] [--runs N] [--layers]");
                Console.Error.WriteLine(
                    "       Lia.Bench end-to-end [--sizes 256,512] [--precision exact,fast] [--batches 1,8,32] [--runs N] [--pytorch " +
                    "FILE.json,...] [--json FILE]");
                Console.Error.WriteLine(
                    "       Lia.Bench kernels [--size S] [--precision fast] [--batches 1,32] [--copies N] [--peaks FILE.json of " +
                    "pytorch-cuda.py] [--json FILE] [BenchmarkDotNet options]");
                Console.Error.WriteLine("       Lia.Bench kernels --against-stock [--json FILE] [--verbose] [--dry]");
                Console.Error.WriteLine(
                    "       Lia.Bench startup --lia COMMAND --model FILE --source FILE --driving FILE [--size S] [--device cuda] " +
                    "[--precision auto] [--runs N] [--json FILE]");
                Console.Error.WriteLine("       Lia.Bench opening --model FILE [--precision fast|exact]");
                Console.Error.WriteLine("       Lia.Bench launch [--size S] [--precision fast,exact] [--launches N]");
                Console.Error.WriteLine(
                    "       Lia.Bench scale [--clips N] [--frames N] [--gpus N] [--clip-seconds S] [--frame-seconds S] [--price P]");
                Console.Error.WriteLine("       Lia.Bench scale --calibrate FILE.jsonl,... --check FILE.jsonl,... --workers N");
                Console.Error.WriteLine(
                    "       Lia.Bench studio [--sessions 1,10,100] [--seconds S] [--rate 25] [--side 256] [--limit MS] [--url URL | " +
                    "--service FILE/lia-studio.dll --model FILE --device D --precision P] [--json FILE]");
                Console.Error.WriteLine("       Lia.Bench training [--size S] [--pairs N] [--precision exact,fast] [--runs N] [--layers]");
                Console.Error.WriteLine(
                    "       Lia.Bench gradients --model FILE [--samples FOLDER] [--precision exact,fast] -o FILE.safetensors");
                Console.Error.WriteLine("       Lia.Bench run-start RUN -o FILE.safetensors");
                Console.Error.WriteLine(
                    "       Lia.Bench media [--size S] [--to S] [--frames N] [--sampling 420jpeg|422|444] [--runs N]");
                Console.Error.WriteLine("       Lia.Bench memory [--runs N] [--every N] [--output .EXT] [--reload] [--collect]");
                Console.Error.WriteLine(
                    "       Lia.Bench live [--sessions 1,8,32,100,128] [--rate 25] [--seconds 5] [--size S | --model FILE] [--device cuda] "
                    + "[--mode fast|exact] [--gather MILLISECONDS] [--most FRAMES] [--json FILE]");
                Console.Error.WriteLine(
                    "       Lia.Bench live --lia COMMAND --model FILE --source FILE [--rate 25] [--seconds 5] [--size 256] [--device cuda] "
                    + "[--mode fast|exact] [--json FILE]");
                Console.Error.WriteLine("       Lia.Bench micro [BenchmarkDotNet options, for example --filter *Convolution*]");
                return 2;
        }
    }
}
