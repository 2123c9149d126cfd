using System.Collections.Concurrent;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>
/// Every tile of the fp16 convolutions with every depth of a step and every end it may have, cut explicitly, against the float64
/// definition on the same halves. Which of them the launcher takes depends on the device and the number of frames: for an emulator of two
/// multiprocessors it would never take the large ones.
/// </summary>
public class ConvolutionTileTests
{
    // Tiles end inside the picture. Of wgmma's there are more than the emulator's multiprocessors, so that groups go through several.
    private const int WgmmaFrames = 3, MmaFrames = 2, Height = 11, Width = 10;

    // ToFlow's sums are made by whole warps.
    private const int FlowWidth = 8;

    // Strips of 8 x 32 pixels: so many that a group's ring of input tiles comes round. Transposed, strips of 8 x 16 with a row and a column
    // that start strips of their own.
    private const int WideHeight = 39, WideFlowWidth = 16, WideUpHeight = 32, WideUpWidth = 8;

    // What may become of the sums; of the kernels with wgmma each is a kernel of its own.
    private const string Raw = "Raw", Activated = "Activated", Styled = "Styled", Skip = "Skip", Flow = "Flow", Partial = "Partial";
    private const string Any = "Any";

    private static readonly ConcurrentDictionary<
        (HalfConvolutionKind, int Frames, int Inputs, int Outputs, (int, int) Size, WeightPrecision), Lazy<Problem>> Problems = new();

    public static TheoryData<string, string, int, string> WgmmaTiles()
    {
        // Those of pairs of halves run in PairConvolutionTests.
        Type[] tiles = [.. TypesOf<IWgmmaTile>().Where(type => !type.Name.StartsWith("WgmmaPair", StringComparison.Ordinal))];
        TheoryData<string, string, int, string> data =
            Cases(HopperNames, tiles, [64, 32, 16], [Activated, Styled, Skip, Flow, Partial, Any]);
        data.AddRange(Cases(OrderNames, tiles, [64], [Activated, Skip]));
        return data;
    }

    public static TheoryData<string, string, int, string> WgmmaUpTiles()
    {
        TheoryData<string, string, int, string> data = Cases(HopperNames, TypesOf<IWgmmaUpTile>(), [64, 32, 16], [Raw, Partial, Any]);
        data.AddRange(Cases(OrderNames, TypesOf<IWgmmaUpTile>(), [64], [Raw]));
        return data;
    }

    // Each kind of convolution with the ends it has in the network.
    public static TheoryData<string, string, int, string> MmaTiles() =>
        Cases(Names, TypesOf<IMmaTile>(), [32, 16],
            [.. from machine in (string[])[nameof(ConvolutionMachine.Ampere), nameof(ConvolutionMachine.Turing)]
                from end in (string[])[Any, Partial, Activated, Styled, Skip, Raw]
                select $"{machine} {end}"]);

    [Theory, MemberData(nameof(WgmmaTiles))]
    public void A_tile_of_wgmma_matches_the_definition(string device, string tile, int chunk, string result)
    {
        IWgmmaTile shape = Make<IWgmmaTile>(tile);
        int blocks = 2 * shape.Blocks;
        // The ways to lay out a tile's blocks, in turn: a square, over frames, both.
        (int x, int y) = result switch { Activated or Partial => (2, blocks / 2), Styled or Flow => (1, 1), _ => (1, 2) };
        HalfConvolutionKind kind = result == Skip ? HalfConvolutionKind.Down : HalfConvolutionKind.Same;
        ConvolutionCut cut = new(shape.N, blocks, x, y, blocks / (x * y), result == Partial ? 2 : 1);
        string kernel = Compare(device, ConvolutionMachine.Hopper, kind, cut, chunk, result);
        Assert.EndsWith($"_{tile}_Chunk{chunk}_{result}Result", kernel, StringComparison.Ordinal);
    }

    [Theory]
    [EveryHopper(Raw), EveryHopper(Activated), EveryHopper(Styled), EveryHopper(Flow), EveryHopper(Any)]
    [EveryOrder(Activated), EveryOrder(Flow)]
    public void Weights_as_the_first_operand_match_the_definition(string device, string result)
    {
        string kernel = Compare(device, ConvolutionMachine.Hopper, HalfConvolutionKind.Same, ConvolutionCut.Wide, 64, result);
        Assert.EndsWith($"WgmmaWideConvolution_Run_{(result == Raw ? Any : result)}Result", kernel, StringComparison.Ordinal);
    }

    [Theory, EveryHopper(Raw), EveryHopper(Any), EveryOrder(Raw)]
    public void Weights_as_the_first_operand_of_a_transposed_convolution_match_the_definition(string device, string result)
    {
        string kernel = Compare(device, ConvolutionMachine.Hopper, HalfConvolutionKind.Up, ConvolutionCut.WideUp, 64, result);
        Assert.EndsWith($"WgmmaWideUpConvolution_Run_{result}Result", kernel, StringComparison.Ordinal);
    }

    // Runs of positions that start in a row's middle, end in the next frame's place, and of which a row has many; channels of two tiles,
    // and more steps than the ring of weights has.
    public static TheoryData<string, string, int, int, int> FlatUpCases()
    {
        TheoryData<string, string, int, int, int> data = [];
        foreach (string device in HopperNames)
        {
            data.Add(device, Raw, 192, 11, 10);
            data.Add(device, Any, 128, 11, 10);
            data.Add(device, Raw, 64, 5, 64);
            data.Add(device, Raw, 64, 4, 3);
        }
        foreach (string device in OrderNames) data.Add(device, Raw, 192, 11, 10);
        return data;
    }

    [Theory, MemberData(nameof(FlatUpCases))]
    public void Runs_of_positions_of_a_transposed_convolution_match_the_definition(
        string device, string result, int inputs, int height, int width)
    {
        string kernel = Compare(device, ConvolutionMachine.Hopper, HalfConvolutionKind.Up, ConvolutionCut.FlatUp, 64, result,
            (inputs, 128, height, width));
        Assert.EndsWith($"WgmmaFlatUpConvolution_Run_{result}Result", kernel, StringComparison.Ordinal);
    }

    [Theory, EveryHopper, EveryOrder]
    public void Runs_of_positions_take_fine_weights(string device)
    {
        string kernel = Compare(device, ConvolutionMachine.Hopper, HalfConvolutionKind.Up, ConvolutionCut.FlatUp, 64, Raw,
            (128, 64, 4, 5), WeightPrecision.Fine);
        Assert.EndsWith("WgmmaFlatUpConvolution_Run_RawResult", kernel, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(WgmmaUpTiles))]
    public void A_tile_of_the_transposed_wgmma_matches_the_definition(string device, string tile, int chunk, string result)
    {
        (int x, int y) = result switch { Raw => (2, 1), Partial => (1, 1), _ => (1, 2) };
        ConvolutionCut cut = new(Make<IWgmmaUpTile>(tile).N, WgmmaUpConvolution.Blocks, x, y, 2 / (x * y), result == Partial ? 2 : 1);
        string kernel = Compare(device, ConvolutionMachine.Hopper, HalfConvolutionKind.Up, cut, chunk, result);
        Assert.EndsWith($"_{tile}_Chunk{chunk}_{result}Result", kernel, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(MmaTiles))]
    public void A_tile_of_mma_matches_the_definition_to_every_end(string device, string tile, int chunk, string machineAndEnd)
    {
        IMmaTile shape = Make<IMmaTile>(tile);
        string machine = machineAndEnd.Split(' ')[0], result = machineAndEnd.Split(' ')[1];
        (HalfConvolutionKind kind, int x, int y) = result switch
        {
            Any => (HalfConvolutionKind.Same, 2, 1),
            Partial or Activated => (HalfConvolutionKind.Same, 1, 1),
            Styled => (HalfConvolutionKind.Same, 2, 1),
            Skip => (HalfConvolutionKind.Down, 1, 2),
            _ => (HalfConvolutionKind.Up, 2, 1),
        };
        ConvolutionCut cut = new(shape.WarpsN * shape.WarpN, shape.Blocks, x, y, shape.Blocks / (x * y), result == Partial ? 2 : 1);
        string kernel = Compare(device, Enum.Parse<ConvolutionMachine>(machine), kind, cut, chunk, result);
        Assert.EndsWith($"_{tile}_{machine}Machine_Chunk{chunk}_{result}Result", kernel, StringComparison.Ordinal);
    }

    /// <summary>Runs a convolution cut that way and returns its kernel's name.</summary>
    private static string Compare(
        string device, ConvolutionMachine machine, HalfConvolutionKind kind, ConvolutionCut cut, int chunk, string result,
        (int Inputs, int Outputs, int Height, int Width)? extents = null, WeightPrecision precision = WeightPrecision.Half)
    {
        int frames = machine == ConvolutionMachine.Hopper ? WgmmaFrames : MmaFrames;
        bool isUp = kind == HalfConvolutionKind.Up;
        int outputs = cut.TileN, inputs = cut.IsWide ? isUp ? 128 : 64 : Math.Max(cut.Splits * chunk, 32);
        (int height, int width) = (cut.IsWide, result == Flow) switch
        {
            (true, _) when isUp => (WideUpHeight, WideUpWidth),
            (true, bool isFlow) => (WideHeight, isFlow ? WideFlowWidth : Width),
            (_, bool isFlow) => (Height, isFlow ? FlowWidth : Width),
        };
        if (extents is { } given) (inputs, outputs, height, width) = given;
        Problem problem = Problem.Of(kind, frames, inputs, outputs, height, width, precision);
        float[] bias = RandomFloats(outputs, 5), flowWeights = RandomFloats(3 * outputs, 8);
        float[] scale = RandomFloats(frames * outputs, 6), style = RandomFloats(frames * outputs, 7);
        return Run(device, accelerator =>
        {
            using DeviceScope scope = new(accelerator);
            HalfConvolutionLauncher launcher = scope.Own(new HalfConvolutionLauncher(accelerator, machine));
            HalfConvolutionWeights weights = scope.Own(kind switch
            {
                HalfConvolutionKind.Same => HalfConvolutionWeights.Same(accelerator, problem.Weight.Values, outputs, inputs, 3, chunk),
                HalfConvolutionKind.Down =>
                    HalfConvolutionWeights.Down(accelerator, problem.Weight.Values, problem.SkipWeight!.Values, outputs, inputs, chunk),
                _ => HalfConvolutionWeights.Up(accelerator, problem.Weight.Values, outputs, inputs, chunk, precision),
            });
            HalfMap input = kind == HalfConvolutionKind.Down ? Chw8.UploadPhases(scope, problem.X) : Chw8.Upload(scope, problem.X);
            HalfMap output = kind == HalfConvolutionKind.Up
                ? Chw8.Allocate(scope, frames, outputs, height + 1, width + 1, 4)
                : Chw8.Allocate(scope, frames, outputs, height, width);

            HalfEpilogue epilogue = new() { Gain = 1 };
            Tensor expected = problem.Sums;
            if (result is Styled or Flow or Any or Partial)
            {
                (epilogue.Scale, epilogue.ScaleStride) = (scope.Upload(scale), outputs);
                expected = expected.Map((value, n, c) => value * (double)scale[n * outputs + c]);
            }
            if (result != Raw)
            {
                epilogue.Bias = scope.Upload(bias);
                expected = expected.Activate(bias);
            }
            if (result is Any or Partial)
            {
                (epilogue.NextStyle, epilogue.NextStyleStride, epilogue.Gain) = (scope.Upload(style), outputs, 0.75f);
                expected = expected.Map((value, n, c) => 0.75 * value * style[n * outputs + c]);
            }
            HalfConvolutionOperands operands = new(input, output, epilogue);
            if (result == Skip)
            {
                epilogue.Gain = 0.75f;
                Tensor straight = expected, skip = problem.SkipSums!;
                expected = Tensor.Create(
                    frames, outputs, height, width, (n, c, y, x) => 0.75 * ((double)straight[n, c, y, x] + skip[n, c, y, x]));
                operands = operands with { Epilogue = epilogue, Skip = Chw8.Upload(scope, problem.SkipInput!) };
            }
            if (result == Flow)
            {
                operands = operands with
                {
                    Flow = new FlowOperands
                    {
                        Weights = scope.Upload(flowWeights),
                        Channels = outputs,
                        Style = scope.Upload(style),
                        StyleStride = outputs,
                        Output = scope.Upload(Enumerable.Repeat(float.NaN, frames * 3 * height * width).ToArray()),
                    },
                };
            }

            float[] workspace = new float[Math.Max(1, HalfConvolutionLauncher.WorkspaceLength(weights, output, cut))];
            Array.Fill(workspace, float.NaN);
            KernelLaunch[] launches = launcher.Prepare(weights, operands, cut, scope.Upload(workspace));
            launcher.Commit();
            scope.Run(launches);
            if (operands.Flow is { } sums)
            {
                Tensor map = expected;
                expected = Tensor.Create(frames, 3, height, width, (n, j, y, x) =>
                    Enumerable.Range(0, outputs).Sum(c => (double)flowWeights[j * outputs + c] * style[n * outputs + c] * map[n, c, y, x]));
                Near.Equal(expected.Values, scope.Download(sums.Output)); // Nothing is rounded to halves: sums in float32.
            }
            else
            {
                Tensor actual = kind == HalfConvolutionKind.Up ? Chw8.DownloadPhases(scope, output) : Chw8.Download(scope, output);
                // Products of halves are exact in float32. A sum of 9 inputs of them, about 1 large, loses at most 2^-23 of itself at
                // each; then it is rounded to a half, once.
                Near.Rounded(expected, actual, scale: 1, slack: 9 * inputs * Math.Pow(2, -23));
            }
            LoadedKernel kernel = launches[0].Kernel;
            // Where warpgroups give each other registers a driver's assembler finds room for all sums, unless it ignores that.
            if (device == CudaName && chunk == 64 && result != Any && CudaModule.MovesRegisters(kernel.Compiled))
                Assert.Equal(0, kernel.Attributes.LocalBytes);
            if (machine == ConvolutionMachine.Hopper) WgmmaCode.HasNoCalls(kernel.Compiled);
            return kernel.Compiled.EntryPoint;
        });
    }

    private static IEnumerable<Type> TypesOf<T>() =>
        typeof(T).Assembly.GetTypes().Where(type => type.IsValueType && type.IsAssignableTo(typeof(T)));

    private static T Make<T>(string name) => (T)Activator.CreateInstance(TypesOf<T>().Single(type => type.Name == name))!;

    private static TheoryData<string, string, int, string> Cases(
        IEnumerable<string> devices, IEnumerable<Type> tiles, int[] chunks, string[] ends)
    {
        TheoryData<string, string, int, string> data = [];
        foreach ((string device, Type tile) in devices.SelectMany(device => tiles.Select(tile => (device, tile))))
        {
            foreach ((int chunk, string end) in chunks.SelectMany(chunk => ends.Select(end => (chunk, end))))
                data.Add(device, tile.Name, chunk, end);
        }
        return data;
    }

    /// <summary>A convolution and its sums in float64, which the tiles that compute it share.</summary>
    private sealed record Problem(Tensor X, Tensor Weight, Tensor Sums)
    {
        public Tensor? SkipInput { get; init; }

        public Tensor? SkipWeight { get; init; }

        public Tensor? SkipSums { get; init; }

        public static Problem Of(
            HalfConvolutionKind kind, int frames, int inputs, int outputs, int height, int width, WeightPrecision precision) =>
            Problems.GetOrAdd((kind, frames, inputs, outputs, (height, width), precision),
                _ => new(() => Create(kind, frames, inputs, outputs, height, width, precision))).Value;

        private static Problem Create(
            HalfConvolutionKind kind, int frames, int inputs, int outputs, int height, int width, WeightPrecision precision)
        {
            bool isDown = kind == HalfConvolutionKind.Down;
            Tensor x = Chw8.Round(Tensor.Random(1, frames, inputs, isDown ? 2 * height + 1 : height, isDown ? 2 * width + 1 : width));
            Tensor weight = Tensor.Random(2, outputs, inputs, 3, 3);
            if (precision == WeightPrecision.Half) weight = Chw8.Round(weight);
            if (!isDown) return new(x, weight, kind == HalfConvolutionKind.Up ? x.ConvolveTransposed(weight) : x.Convolve(weight, 1, 1));
            Tensor skip = Chw8.Round(Tensor.Random(3, frames, inputs, height, width));
            Tensor skipWeight = Chw8.Round(Tensor.Random(4, outputs, inputs, 1, 1));
            return new(x, weight, x.Convolve(weight, 2))
            {
                SkipInput = skip,
                SkipWeight = skipWeight,
                SkipSums = skip.Convolve(skipWeight),
            };
        }
    }
}
