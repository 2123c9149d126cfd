using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Losses;
using Lia.Kernels.Resampling;
using Lia.Network.Cuda;
using Lia.Network.Graph;
using Lia.Network.Verification;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Verification;

/// <summary>
/// Reproduces a reference file of building blocks with their gradients: each runs forward and back by the layers that training uses, and
/// its results, and the gradients by its inputs and parameters, are compared.
/// </summary>
internal sealed partial class OperationVerification : IDisposable
{
    /// <summary>Relative error allowed.</summary>
    public const double Tolerance = 1e-5;

    /// <summary>The same where operands are halves.</summary>
    public const double FastTolerance = 2e-2;

    private readonly KernelLoader _loader;
    private readonly ITensorSource _golden;
    private readonly List<VerificationRow> _rows = [];
    private readonly List<IDisposable> _owned = [];
    private readonly AcceleratorStream _stream;
    private readonly ConvolutionArithmetic _arithmetic;

    private OperationVerification(KernelLoader loader, ITensorSource golden, ConvolutionArithmetic arithmetic)
    {
        (_loader, _golden, _arithmetic) = (loader, golden, arithmetic);
        _stream = Own(loader.CreateStream());
    }

    /// <summary>Whether a file is one of these.</summary>
    public static bool IsOf(ITensorSource golden) => golden.Tensors.ContainsKey("conv_layer.grad.in0");

    /// <summary>Runs the verification.</summary>
    /// <exception cref="WeightsException">The file is not such a reference file.</exception>
    public static VerificationReport Run(
        KernelLoader loader, ITensorSource golden, ConvolutionArithmetic arithmetic = ConvolutionArithmetic.Tf32x3)
    {
        List<VerificationRow> rows = [];
        foreach ((string name, Action<OperationVerification> operation) in Operations)
        {
            using OperationVerification verification = new(loader, golden, arithmetic);
            verification._name = name;
            operation(verification);
            rows.AddRange(verification._rows);
        }
        return new(rows, loader.Properties.Name);
    }

    /// <summary>The building blocks that are looked at.</summary>
    public static IEnumerable<string> Names => Operations.Select(operation => operation.Name);

    private string _name = "";

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
    }

    // Layers of convolutions: input 0 to output 0.
    private void Layers(Action<NetworkParameters> add, Func<TrainingLayers, TrainedMap, TrainedMap> run)
    {
        using NetworkParameters parameters = Parameters([]);
        add(parameters);
        TrainedMap input = Map("in0");
        Walk(tape =>
        {
            input.Gradient = null;
            parameters.Pack(tape);
            return [run(new(tape, parameters), input)];
        });
        CompareInput("in0", input);
        CompareParameters(parameters);
    }

    // Modulated layers: input 0 and latent (input 1) to output 0.
    private void Modulated(ModulatedConvolutionLayer layer, Func<GeneratorLayers, TrainedMap, TrainedMap> run)
    {
        using NetworkParameters parameters = Parameters([layer.Modulation.Weight, layer.Modulation.Bias]);
        parameters.Add(layer);
        TrainedMap input = Map("in0");
        (GeneratorOperands operands, LiaGraph graph) = Operands(layer, input.Value);
        ArrayView<float> latents = Upload(Read("in1"));
        GeneratorLayers? layers = null;
        Walk(tape =>
        {
            input.Gradient = null;
            parameters.Pack(tape);
            layers = new(tape, parameters, graph, operands) { Latents = latents };
            layers.Modulate(graph.Synthesis);
            TrainedMap output = run(layers, input);
            layers.BeginBack();
            return [output];
        });
        CompareInput("in0", input);
        Compare("grad.in1", Download(layers!.LatentGradients));
        CompareParameters(parameters);
    }

    private (GeneratorOperands, LiaGraph) Operands(ModulatedConvolutionLayer layer, ActivationMap input)
    {
        StyleLayout styles = new([layer]);
        ArrayView<Kernels.Modulation.DemodulationRow> rows = styles.Rows.Length > 0 ? Own(_loader.Allocate1D(styles.Rows)).View : default;
        ArrayView<float> grid = Upload(LiaGraph.WarpGrid(input.Width));
        ArrayView<float> picture = Upload(new float[3 * input.Frames * input.Height * input.Width]);
        ArrayView<float> zeros = Upload(new float[3 * input.Frames * input.Height * input.Width]);
        LiaGraph graph = LiaGraph.Create(new(8, layer.Modulation.Inputs, 1, [layer.Inputs, layer.Inputs]));
        return (new(default, picture, zeros, [grid], styles, rows, input.Frames, IsRelative: false), graph);
    }

    // To ToFlow and what warps by it: x, latent, feature and the o below to warped, blended and o.
    private void Flow(bool hasPrevious)
    {
        ModulatedConvolutionLayer layer = Synthesis.CreateModulated("flow", "m.conv.", 8, 3, 16, 1, Resampling.None, demodulated: false);
        ToRgbLayer none = new("rgb", new("rgb", "none.weight", "none.inner", 8, 3, 1, 0, Resampling.None, Activated: true), "none.bias");
        using NetworkParameters parameters = Parameters([layer.Modulation.Weight, layer.Modulation.Bias],
            new("none.weight", DType.Float32, [3, 8]), new("none.inner", DType.Float32, [3]), new("none.bias", DType.Float32, [3]));
        TrainedMap input = Map("in0"), feature = Map("in2"), previous = hasPrevious ? Planes("in3") : input;
        (GeneratorOperands operands, LiaGraph graph) = Operands(layer, input.Value);
        ArrayView<float> latents = Upload(Read("in1")), warped = Upload(new float[input.Value.Length]);
        ArrayView<float> warpedGradient = Upload(ToChannels(Read("ct0"), Shape("ct0")));
        StyledConvolutionLayer unused = graph.Synthesis.Conv1;
        SynthesisLevel level = new(input.Value.Height, unused, unused, new("flow", layer, "m.bias"), none);
        TrainedMap below = new(new(Upload(new float[3 * input.Value.Length]), input.Value.Frames, input.Value.Height / 2,
            input.Value.Width / 2, 3, IsPlanar: true));
        GeneratorLayers? layers = null;
        Walk(tape =>
        {
            (input.Gradient, feature.Gradient, previous.Gradient, below.Gradient) = (null, null, null, null);
            layers = new(tape, parameters, graph, operands) { Latents = latents, Warped = warped, WarpedGradient = warpedGradient };
            layers.Features[0] = feature;
            layers.Modulate(graph.Synthesis);
            LevelEnd<TrainedMap> end = layers.Warp(level, 0, input, hasPrevious ? new(previous, below, null) : null, layer);
            // A picture that nobody looks at.
            end.Rgb.Gradient = tape.ReserveLike(end.Rgb.Value);
            tape.Add("rgb", Fill.Prepare(_loader, end.Rgb.Gradient.View));
            layers.BeginBack();
            return [null, end.Blended!, end.Flow];
        });
        Compare("out0", (input.Value with { View = warped }).Read(_stream));
        CompareInput("in0", input);
        Compare("grad.in1", Download(layers!.LatentGradients));
        CompareInput("in2", feature);
        if (hasPrevious) CompareInput("in3", previous);
        CompareParameters(parameters);
    }

    // Runs a walk forward and back: outputs get the file's cotangents.
    private void Walk(Func<Tape, TrainedMap?[]> build)
    {
        List<ArrayView<float>> results = [], cotangents = [];
        HalfConvolutionLauncher packed = Own(new HalfConvolutionLauncher(_loader, HalfConvolutionLauncher.MachineOf(_loader)));
        ArenaLayout measured = new(null);
        TrainedMap?[] outputs = Build(measured);
        // Once more where the memory is.
        foreach (TrainedMap? output in outputs)
        {
            results.Add(output == null ? default : Own(_loader.Allocate1D<float>(output.Value.Length)).View);
            cotangents.Add(output == null ? default : Upload(Laid($"ct{results.Count - 1}", output.Value)));
        }
        outputs = Build(new(Own(_loader.Allocate1D<float>(measured.Length))));
        packed.Commit();
        foreach (KernelLaunch launch in _steps.SelectMany(step => step.Launches)) launch.Enqueue(_stream);
        for (int i = 0; i < outputs.Length; i++)
        {
            if (outputs[i] is not { } output) continue;
            Compare($"out{i}", (output.Value with { View = results[i] }).Read(_stream));
        }

        TrainedMap?[] Build(ArenaLayout arena)
        {
            Tape tape = new(_loader, arena, _arithmetic, packed);
            TrainedMap?[] built = build(tape);
            for (int i = 0; i < built.Length; i++)
            {
                if (built[i] is not { } output) continue;
                output.Gradient = tape.ReserveLike(output.Value);
                if (results.Count == 0) continue;
                tape.Add("result", Copy(output.Value.View, results[i]), Copy(cotangents[i], output.Gradient.View));
            }
            tape.GoBack();
            _steps = tape.Steps;
            return built;
        }
    }

    private IReadOnlyList<CudaStep> _steps = [];

    private KernelLaunch Copy(ArrayView<float> from, ArrayView<float> to) =>
        AddScaled.Prepare(_loader, new() { First = from, Output = to, Gain = 1 });

    private NetworkParameters Parameters(string[] first, params TensorInfo[] zeros)
    {
        string prefix = $"{_name}.w.";
        TensorInfo[] tensors = [.. _golden.Tensors.Values.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(tensor => tensor with { Name = tensor.Name[prefix.Length..] })
            .OrderBy(tensor => first.Contains(tensor.Name) ? Array.IndexOf(first, tensor.Name) : first.Length)];
        ParameterBank bank = new(_loader, new([.. tensors, .. zeros]));
        foreach (TensorInfo tensor in tensors) bank.Value(tensor.Name).CopyFromCPU(_stream, Read($"w.{tensor.Name}"));
        return new(_loader, bank, _arithmetic);
    }

    private TrainedMap Map(string name)
    {
        int[] shape = Shape(name);
        return new(new(Upload(ToChannels(Read(name), shape)), shape[0], shape[2], shape[3], shape[1]));
    }

    private TrainedMap Planes(string name)
    {
        int[] shape = Shape(name);
        return new(new(Upload(Read(name)), shape[0], shape[2], shape[3], shape[1], IsPlanar: true));
    }

    private float[] Laid(string name, ActivationMap like) => like.IsPlanar ? Read(name) : ToChannels(Read(name), Shape(name));

    private void CompareInput(string name, TrainedMap input) => Compare($"grad.{name}", input.Gradient!.Read(_stream));

    private void CompareParameters(NetworkParameters parameters)
    {
        foreach (TensorInfo tensor in parameters.Bank.Layout.Tensors)
            if (_golden.Tensors.ContainsKey($"{_name}.grad.w.{tensor.Name}"))
                Compare($"grad.w.{tensor.Name}", Download(parameters.Gradient(tensor.Name)));
    }

    private void Compare(string name, float[] values)
    {
        float[] expected = Read(name);
        double error = values.Length == expected.Length ? GoldenVerification.RelativeError(values, expected)
            : double.PositiveInfinity;
        _rows.Add(new($"{_name}.{name}", error, _arithmetic == ConvolutionArithmetic.Half ? FastTolerance : Tolerance));
    }

    private float[] Download(ArrayView<float> view)
    {
        float[] values = new float[view.Length];
        view.CopyToCPU(_stream, values.AsSpan());
        return values;
    }

    private ArrayView<float> Upload(float[] values) => Own(_loader.Allocate1D(values)).View;

    private int[] Shape(string name) => [.. Find(name).Shape];

    private float[] Read(string name) => _golden.Read(Find(name).Name);

    private TensorInfo Find(string name) => _golden.Tensors.TryGetValue($"{_name}.{name}", out TensorInfo? tensor) ? tensor
        : throw new WeightsException($"{_golden.Name}: no tensor '{_name}.{name}': not a reference file of training");

    // [frame, channel, pixel] to [frame, pixel, channel].
    private static float[] ToChannels(float[] planar, int[] shape)
    {
        (int channels, int pixels) = (shape[1], shape[2] * shape[3]);
        float[] result = new float[planar.Length];
        for (int i = 0; i < planar.Length; i++)
        {
            int frame = i / (channels * pixels), rest = i % (channels * pixels);
            result[frame * channels * pixels + rest % pixels * channels + rest / pixels] = planar[i];
        }
        return result;
    }

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
