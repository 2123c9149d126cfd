using Lia.Network.Cpu;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Tests.Cpu;

/// <summary>Every building block of the network alone against the official program, at every vector width.</summary>
public unsafe class GoldenOpsTests
{
    private delegate FeatureMap BuildMap(OpRig rig, FeatureMap input);

    private static readonly SimdLevel[] Levels = [SimdLevel.Vector128, SimdLevel.Vector256, SimdLevel.Vector512];

    /// <summary>Blocks of one picture.</summary>
    private static readonly Dictionary<string, BuildMap> Maps = new()
    {
        ["blur_down1"] = (rig, x) => rig.Builder.Blur("blur", x, x.Height - 1, x.Width - 1, step: 1, padding: 1),
        ["blur_down3"] = (rig, x) => rig.Builder.Blur("blur", x, x.Height + 1, x.Width + 1, step: 1, padding: 2),
        ["blur_up"] = (rig, x) =>
            rig.Builder.Blur("blur", x, x.Height - 1, x.Width - 1, step: 1, padding: 1, rig.Builder.Linear(x.Channels, 4f / 64)),
        ["downsample"] = (rig, x) => rig.Builder.Blur("blur", x, x.Height / 2, x.Width / 2, step: 2, padding: 1),
        ["equal_conv1"] = (rig, x) => Convolution(rig, x, "", 1, 0, Resampling.None, activated: false, bias: "bias"),
        ["equal_conv3"] = (rig, x) => Convolution(rig, x, "", 3, 1, Resampling.None, activated: false, bias: "bias"),
        ["equal_conv4_valid"] = (rig, x) => Convolution(rig, x, "", 4, 0, Resampling.None, activated: false),
        ["conv_layer"] = (rig, x) => Convolution(rig, x, "0.", 3, 1, Resampling.None, activated: true, bias: "1.bias"),
        ["conv_layer_down"] = (rig, x) => Convolution(rig, x, "1.", 3, 0, Resampling.Down, activated: true, bias: "2.bias"),
        ["conv_skip_down"] = (rig, x) => Convolution(rig, x, "1.", 1, 0, Resampling.Down, activated: false),
        ["res_block"] = (rig, x) =>
            ForwardPass.Residual(Encoder.CreateBlock("block", rig.Parameters, x.Height, x.Channels, rig.Shape("out0")[1]), rig.Builder, x,
            feature: -1),
    };

    /// <summary>Blocks of a picture and a style.</summary>
    private static readonly Dictionary<string, (int Kernel, Resampling Resampling, bool Demodulated, bool Styled)> Modulated = new()
    {
        ["modconv3"] = (3, Resampling.None, true, false),
        ["modconv3_up"] = (3, Resampling.Up, true, false),
        ["modconv3_down"] = (3, Resampling.Down, true, false),
        ["modconv1_nodemod"] = (1, Resampling.None, false, false),
        ["styled_conv"] = (3, Resampling.None, true, true),
        ["styled_conv_up"] = (3, Resampling.Up, true, true),
    };

    private static readonly string[] Others =
        ["equal_linear", "equal_linear_lrmul", "upsample", "grid_sample", "direction", "to_flow", "to_flow_first", "to_rgb",
            "to_rgb_first"];

    public static TheoryData<string, SimdLevel> Cases(string kind)
    {
        IEnumerable<string> names = kind switch
            { "map" => Maps.Keys, "modulated" => Modulated.Keys,
            _ => Others.Where(name => name.StartsWith(kind, StringComparison.Ordinal)) };
        TheoryData<string, SimdLevel> cases = [];
        foreach (string name in names)
        {
            foreach (SimdLevel level in Levels) cases.Add(name, level);
        }
        return cases;
    }

    [Fact]
    public void Every_block_of_the_reference_is_tested()
    {
        using SafetensorsFile ops = Golden.Open("ops");
        Assert.Equal(ops.Tensors.Keys.Select(name => name.Split('.')[0]).Distinct().Order(), Maps.Keys.Concat(Modulated.Keys).Concat(Others)
            .Order());
    }

    [Theory]
    [MemberData(nameof(Cases), "map")]
    public void Convolutions_and_blurs_match(string name, SimdLevel level)
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, name, level);
        FeatureMap input = rig.MapFor("in0", border: 1);
        FeatureMap output = Maps[name](rig, input);
        rig.Context.Commit();
        for (int i = 0; i < 2; i++)
        {
            OpRig.Fill(input, rig.Sample("in0", i));
            rig.Plan.Run();
            rig.AssertOutput("out0", i, OpRig.Planar(output));
        }
    }

    [Theory]
    [MemberData(nameof(Cases), "modulated")]
    public void Modulated_convolutions_match(string name, SimdLevel level)
    {
        (int kernel, Resampling resampling, bool demodulated, bool styled) = Modulated[name];
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, name, level);
        FeatureMap input = rig.MapFor("in0", border: 1);
        int inputs = input.Channels, outputs = rig.Shape("out0")[1], features = rig.Shape("in1")[1];
        StyledConvolutionLayer layer = styled
            ? Synthesis.CreateStyled("layer", rig.Parameters, inputs, outputs, features, resampling)
            : new("layer", Synthesis.CreateModulated("layer", rig.Parameters, inputs, outputs, features, kernel, resampling,
                demodulated), "");
        float* latent = rig.VectorFor("in1");
        float* style = rig.Builder.Linear(layer.Convolution.Modulation, latent);
        rig.Plan.Add(new ScaleStep(rig.Context, "modulation", input, style));
        FeatureMap output = styled
            ? rig.Builder.Styled(layer, input, style, post: null, border: 1)
            : rig.Builder.Modulated(layer.Convolution, input, style, post: null, border: 1);
        rig.Context.Commit();
        for (int i = 0; i < 2; i++)
        {
            rig.Sample("in1", i).CopyTo(new(latent, features));
            OpRig.Fill(input, rig.Sample("in0", i));
            rig.Plan.Run();
            rig.AssertOutput("out0", i, OpRig.Planar(output));
        }
    }

    [Theory]
    [MemberData(nameof(Cases), "equal_linear")]
    public void Linear_layers_match(string name, SimdLevel level)
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, name, level);
        bool isActivated = name == "equal_linear_lrmul";
        float* input = rig.VectorFor("in0");
        int inputs = rig.Shape("in0")[1], outputs = rig.Shape("out0")[1];
        float* output = rig.Builder.Linear(
            new("linear", $"{rig.Parameters}weight", $"{rig.Parameters}bias", inputs, outputs, isActivated ? 0.5f : 1, isActivated), input);
        rig.Context.Commit();
        for (int i = 0; i < 2; i++)
        {
            rig.Sample("in0", i).CopyTo(new(input, inputs));
            rig.Plan.Run();
            rig.AssertOutput("out0", i, new(output, outputs));
        }
    }

    [Theory]
    [MemberData(nameof(Cases), "grid_sample")]
    public void Bilinear_sampling_matches_at_any_place(string name, SimdLevel level)
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, name, level);
        FeatureMap input = rig.MapFor("in0", border: 0), output = rig.MapFor("out0", border: 0);
        rig.Context.Commit();
        for (int i = 0; i < 2; i++)
        {
            OpRig.Fill(input, rig.Sample("in0", i));
            ReadOnlySpan<float> grid = rig.Sample("in1", i);
            for (int p = 0; p < grid.Length / 2; p++)
            {
                rig.Context.Kernels.Sample(input.Pixel(0, 0), input.Height, input.Width, input.Stride, input.Pitch,
                    CpuKernels.ToPixel(grid[2 * p], input.Width), CpuKernels.ToPixel(grid[2 * p + 1], input.Height), 1,
                    output.Pixel(p / output.Width, p % output.Width));
            }
            rig.AssertOutput("out0", i, OpRig.Planar(output));
        }
    }

    [Theory]
    [MemberData(nameof(Cases), "to_flow")]
    public void Warp_mask_and_blend_match(string name, SimdLevel level)
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, name, level);
        FeatureMap x = rig.MapFor("in0", border: 0), feature = rig.MapFor("in2", border: 0), blended = rig.MapFor("out1", border: 1);
        FeatureMap? previous = name == "to_flow" ? rig.Context.Arena.Reserve(ThreeChannels.Map(rig.Shape("in3")[2], rig.Shape("in3")[3]))
            : null;
        FeatureMap flow = rig.Context.Arena.Reserve(ThreeChannels.Map(x.Height, x.Width));
        ToFlowLayer layer = Synthesis.CreateToFlow("layer", $"{rig.Parameters}m.", x.Channels, rig.Shape("in1")[1]);
        float* latent = rig.VectorFor("in1");
        float* style = rig.Builder.Linear(layer.Convolution.Modulation, latent);
        rig.Plan.Add(new ToFlowStep(rig.Context, ops, layer, style, x, [feature], 0, previous, flow, blended, toRgb: null));
        rig.Context.Commit();
        for (int i = 0; i < 2; i++)
        {
            int sample = i;
            OpRig.Fill(x, rig.Sample("in0", i));
            rig.Sample("in1", i).CopyTo(new(latent, rig.Shape("in1")[1]));
            OpRig.Fill(feature, rig.Sample("in2", i));
            if (previous != null) OpRig.Fill(previous, rig.Sample("in3", i));
            rig.Plan.Run((tap, _, values) =>
            {
                string? tensor = tap switch { "layer.warped" => "out0", "layer.blended" => "out1", "layer.flow" => "out2", _ => null };
                if (tensor != null) rig.AssertOutput(tensor, sample, values);
            });
            rig.Plan.Run(); // As in the network: without taps.
            rig.AssertOutput("out1", i, OpRig.Planar(blended));
            rig.AssertOutput("out2", i, OpRig.Planar(flow));
        }
    }

    [Theory]
    [MemberData(nameof(Cases), "to_rgb")]
    public void Rgb_layers_match(string name, SimdLevel level)
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, name, level);
        FeatureMap x = rig.MapFor("in0", border: 0);
        FeatureMap? previous = name == "to_rgb" ? rig.Context.Arena.Reserve(ThreeChannels.Map(rig.Shape("in1")[2], rig.Shape("in1")[3]))
            : null;
        FeatureMap rgb = rig.Context.Arena.Reserve(ThreeChannels.Map(x.Height, x.Width));
        rig.Plan.Add(new ToRgbStep(rig.Context,
            new(rig.Context, ops, Synthesis.CreateToRgb("layer", rig.Parameters, x.Channels), previous, rgb), x));
        rig.Context.Commit();
        for (int i = 0; i < 2; i++)
        {
            OpRig.Fill(x, rig.Sample("in0", i));
            if (previous != null) OpRig.Fill(previous, rig.Sample("in1", i));
            rig.Plan.Run();
            rig.AssertOutput("out0", i, OpRig.Planar(rgb));
        }
    }

    [Fact]
    public void Upsampling_matches()
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, "upsample", SimdLevel.Vector128);
        FeatureMap input = rig.Context.Arena.Reserve(ThreeChannels.Map(rig.Shape("in0")[2], rig.Shape("in0")[3]));
        FeatureMap output = rig.Context.Arena.Reserve(ThreeChannels.Map(rig.Shape("out0")[2], rig.Shape("out0")[3]));
        rig.Context.Commit();
        int channels = rig.Shape("in0")[1], pixels = input.Height * input.Width, outputPixels = output.Height * output.Width;
        float[] actual = new float[(channels + 2) * outputPixels], padded = new float[(channels + 2) * pixels];
        for (int i = 0; i < 2; i++)
        {
            rig.Sample("in0", i).CopyTo(padded);
            for (int first = 0; first < channels; first += 3) // Three channels at a time.
            {
                OpRig.Fill(input, padded.AsSpan(first * pixels, 3 * pixels));
                OpRig.Fill(output, new float[3 * outputPixels]);
                for (int y = 0; y < output.Height; y++) ThreeChannels.AddUpsampledRow(input, y, output.Pixel(y, 0), output.Width);
                OpRig.Planar(output).CopyTo(actual.AsSpan(first * outputPixels));
            }
            rig.AssertOutput("out0", i, actual.AsSpan(0, channels * outputPixels));
        }
    }

    [Fact]
    public void Motion_directions_match()
    {
        using SafetensorsFile ops = Golden.Open("ops");
        using OpRig rig = new(ops, "direction", SimdLevel.Vector128);
        int style = rig.Shape("w.weight")[0], motion = rig.Shape("w.weight")[1];
        MotionBasis basis = MotionBasis.Factor(ops.Read("direction.w.weight"), style, motion);
        for (int row = 0; row < style; row++) rig.AssertOutput("Q", row, basis.Q.Slice(row * motion, motion));
        for (int i = 0; i < rig.Shape("in0")[0]; i++)
        {
            float[] moved = new float[style];
            basis.AddTo(rig.Sample("in0", i), moved);
            rig.AssertOutput("out0", i, moved);
        }
    }

    private static FeatureMap Convolution(
        OpRig rig, FeatureMap x, string prefix, int kernel, int padding, Resampling resampling, bool activated, string? bias = null) =>
        rig.Builder.Convolution(new("layer", $"{rig.Parameters}{prefix}weight", bias == null ? null : rig.Parameters + bias,
            x.Channels, rig.Shape("out0")[1], kernel, padding, resampling, activated), x, border: 1);
}
