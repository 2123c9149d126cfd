using Lia.Network.Cpu;
using Lia.Network.Verification;
using Lia.Weights;

namespace Lia.Network.Tests.Cpu;

/// <summary>Convolutions by Winograd's products against the definition in float64.</summary>
public unsafe class WinogradTests
{
    // Measured: 0.9e-6 to 1.9e-6 of float32's sums; a wrong coefficient in the fourth digit would be 1e-4.
    private const double Tolerance = 4e-6;

    private static readonly SimdLevel[] Levels = [SimdLevel.Vector128, SimdLevel.Vector256, SimdLevel.Vector512];

    /// <summary>Height, width, inputs, outputs.</summary>
    private static readonly (int, int, int, int)[] Extents =
    [
        (4, 4, 1, 1), // One tile, one channel.
        (16, 16, 16, 64), // Whole vectors; 16 tiles are two register tiles and two thirds.
        (12, 20, 37, 70), // No vector is full; the second block of output channels is narrow.
        (28, 4, 5, 131), // One column of seven tiles; three blocks.
        (52, 36, 130, 20), // Two chunks of depth, more tiles than a call takes.
        (44, 1020, 16, 9), // Two bands, the second smaller.
    ];

    public static TheoryData<SimdLevel, int, int, int, int> Cases()
    {
        TheoryData<SimdLevel, int, int, int, int> cases = [];
        foreach (SimdLevel level in Levels)
        {
            foreach ((int height, int width, int inputs, int outputs) in Extents) cases.Add(level, height, width, inputs, outputs);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_pixel_is_what_the_definition_gives(SimdLevel level, int height, int width, int inputs, int outputs)
    {
        Problem problem = new(height, width, inputs, outputs);
        float[] actual = problem.Run(new() { Simd = level, Threads = 2 });
        foreach (float value in actual) Assert.True(float.IsFinite(value), $"the result has the value {value}");
        double error = GoldenVerification.RelativeError(actual, problem.Expected);
        Assert.True(error <= Tolerance, $"relative error {error:E2}, limit {Tolerance:E0}");
    }

    [Fact]
    public void The_result_is_the_same_bits_for_any_number_of_threads()
    {
        Problem problem = new(52, 36, 130, 70);
        float[] alone = problem.Run(new() { Threads = 1 });
        foreach (int threads in new[] { 2, 3, 8 }) Assert.Equal(alone, problem.Run(new() { Threads = threads }));
    }

    [Theory]
    [InlineData(16, 16, 3, 1, 1, 1, true)]
    [InlineData(64, 32, 3, 1, 1, 2, true)]
    [InlineData(8, 8, 3, 1, 1, 1, false)]
    [InlineData(18, 16, 3, 1, 1, 1, false)]
    [InlineData(16, 17, 3, 1, 1, 1, false)]
    [InlineData(16, 16, 1, 0, 1, 1, false)]
    [InlineData(16, 16, 3, 0, 2, 1, false)]
    [InlineData(16, 16, 3, 1, 1, 0, false)]
    public void Whole_tiles_of_plain_3x3_layers_are_convolved_so(
        int height, int width, int kernel, int padding, int step, int border, bool isSo) =>
        Assert.Equal(isSo, WinogradStep.Fits(new(height, width, 16, border), kernel, padding, step));

    [Fact]
    public void The_network_convolves_every_level_from_16x16_up_so()
    {
        ModelArchitecture architecture = new(64, 16, 3, [16, 16, 8, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 7);
        using CpuExecutor executor = new(weights, architecture);
        Assert.Equal([64, 32, 16], Levels(executor.EncoderPlan));
        Assert.Equal([16, 32, 64], Levels(executor.DecoderPlan));

        static int[] Levels(Plan plan) => [.. plan.Steps.OfType<WinogradStep>().Select(step => step.Output!.Height)];
    }

    /// <summary>A convolution of random numbers with activation and the next layer's modulation.</summary>
    private sealed class Problem
    {
        private const float Slope = 0.2f;
        private const double Scale = 0.25;
        private readonly int _height, _width, _inputs, _outputs;
        private readonly float[] _picture, _weight, _scale, _bias, _post;

        public Problem(int height, int width, int inputs, int outputs)
        {
            (_height, _width, _inputs, _outputs) = (height, width, inputs, outputs);
            Random random = new(height + width + inputs + outputs);
            _picture = Noise(inputs * height * width);
            _weight = Noise(outputs * inputs * 9);
            (_scale, _bias, _post) = (Noise(outputs), Noise(outputs), Noise(outputs));
            Expected = new float[outputs * height * width];
            Parallel.For(0, outputs, Define);

            float[] Noise(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
        }

        /// <summary>[outputs, height, width].</summary>
        public float[] Expected { get; }

        public float[] Run(CpuOptions options)
        {
            using CpuContext context = new(options);
            FeatureMap input = context.Arena.Reserve(new(_height, _width, _inputs, border: 1));
            FeatureMap output = context.Arena.Reserve(new(_height, _width, _outputs, border: 1));
            PackedKernel kernel = new(context, _weight, _outputs, _inputs, 3, [0, 1, 2], [0, 1, 2], input.Stride, Scale);
            Epilogue epilogue = new() { Scale = context.Vector(_scale), Bias = context.Vector(_bias), Slope = Slope };
            WinogradStep step = new(context, "layer", input, output, kernel, epilogue) { Post = context.Vector(_post) };
            context.Commit();
            OpRig.Fill(input, _picture);
            new Span<float>(output.Memory, (int)output.Length).Fill(float.NaN); // What the step leaves out shows.
            step.Execute();
            AssertBorderIsZero(output);
            return OpRig.Planar(output);
        }

        private static void AssertBorderIsZero(FeatureMap map)
        {
            double sum = 0;
            for (int y = -1; y <= map.Height; y++)
            {
                for (int x = -1; x <= map.Width; x++)
                {
                    if (y >= 0 && y < map.Height && x >= 0 && x < map.Width) continue;
                    for (int channel = 0; channel < map.Stride; channel++) sum += Math.Abs(map.Pixel(y, x)[channel]);
                }
            }
            Assert.Equal(0, sum);
        }

        private void Define(int output)
        {
            double[] sums = new double[_height * _width];
            for (int input = 0; input < _inputs; input++)
            {
                for (int tap = 0; tap < 9; tap++)
                {
                    double weight = _weight[(output * _inputs + input) * 9 + tap] * Scale;
                    int down = tap / 3 - 1, right = tap % 3 - 1;
                    for (int y = Math.Max(0, -down); y < Math.Min(_height, _height - down); y++)
                    {
                        int source = (input * _height + y + down) * _width + right, target = y * _width;
                        for (int x = Math.Max(0, -right); x < Math.Min(_width, _width - right); x++)
                            sums[target + x] += weight * _picture[source + x];
                    }
                }
            }
            for (int i = 0; i < sums.Length; i++)
            {
                double value = sums[i] * _scale[output] + _bias[output];
                Expected[output * sums.Length + i] = (float)((value < 0 ? value * Slope : value) * _post[output]);
            }
        }
    }
}
