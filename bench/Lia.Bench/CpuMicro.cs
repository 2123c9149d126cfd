using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Lia.Network.Cpu;

namespace Lia.Bench;

/// <summary>The CPU kernels alone, on one thread. In process, so that it runs where only the runtime is installed.</summary>
internal static class CpuMicro
{
    public static int Run(string[] arguments)
    {
        IConfig config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        _ = BenchmarkSwitcher.FromTypes([typeof(KernelBenchmarks)]).Run(arguments.Length == 0 ? ["--filter", "*"] : arguments, config);
        return 0;
    }
}

/// <summary>Kernels over a 64 x 64 map.</summary>
public unsafe class KernelBenchmarks : IDisposable
{
    private const int Side = 64;
    private CpuContext _context = null!;
    private Step _convolution = null!;
    private Step _blur = null!;
    private FeatureMap _input = null!;
    private FeatureMap _output = null!;
    private float* _weights;

    /// <summary>The vector width.</summary>
    [Params(SimdLevel.Vector128, SimdLevel.Vector256, SimdLevel.Vector512)]
    public SimdLevel Simd { get; set; }

    /// <summary>Input and output channels.</summary>
    [Params(64, 256)]
    public int Channels { get; set; }

    /// <summary>Plans the steps.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _context = new(new() { Threads = 1, Simd = Simd });
        _input = _context.Arena.Reserve(new(Side, Side, Channels, border: 1));
        _output = _context.Arena.Reserve(new(Side, Side, Channels, border: 0));
        float[] weight = new float[Channels * Channels * 9];
        Random random = new(1);
        for (int i = 0; i < weight.Length; i++) weight[i] = random.NextSingle() - 0.5f;
        PackedKernel kernel = new(_context, weight, Channels, Channels, 3, [0, 1, 2], [0, 1, 2], _input.Stride, 1.0 / Channels);
        Epilogue epilogue = new() { Scale = _context.Vector(Channels, 1), Bias = _context.Vector(Channels, 0), Slope = 0.2f };
        _convolution = new ConvolutionStep(_context, "convolution", _input, _output, kernel, new(-1, -1, 1, Side, Side), epilogue);
        _blur = new BlurStep(_context, "blur", _input, _output, 1, 1, epilogue);
        _weights = _context.Own(new(3L * _input.Stride));
        _context.Commit();
        new Span<float>(_input.Memory, (int)_input.Length).Fill(0.5f);
        _input.ClearBorder();
    }

    /// <summary>Frees everything.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _context.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>3x3: 2 * 64² * 9 * channels² operations.</summary>
    [Benchmark]
    public void Convolution() => _convolution.Execute();

    /// <summary>[1,3,3,1] in both directions.</summary>
    [Benchmark]
    public void Blur() => _blur.Execute();

    /// <summary>1x1 to three channels.</summary>
    [Benchmark]
    public void Projection()
    {
        float* outputs = stackalloc float[4 * Side];
        for (int y = 0; y < Side; y++) _context.Kernels.Project(_input.Pixel(y, 0), Side, _input.Stride, _weights, outputs);
    }

    /// <summary>Bilinear samples at 64² places.</summary>
    [Benchmark]
    public void Sample()
    {
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
                _context.Kernels.Sample(_input.Pixel(0, 0), Side, Side, _input.Stride, _input.Pitch, x + 0.3f, y + 0.6f, 1,
                    _output.Pixel(y, x));
        }
    }
}
