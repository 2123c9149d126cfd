namespace Lia.Weights;

public sealed partial record ModelArchitecture
{
    /// <summary>
    /// Every tensor of a checkpoint with this architecture: the state dict of the official program's generator, in its order.
    /// </summary>
    /// <remarks>
    /// <c>dec.to_rgb1.*</c> and the noise weights are there and unused at inference. The <c>.kernel</c> buffers hold the FIR kernel
    /// (<see cref="FirKernel"/>).
    /// </remarks>
    /// <returns>Names and shapes; the type is <see cref="DType.Float32"/>.</returns>
    public IReadOnlyList<TensorInfo> Layout()
    {
        List<TensorInfo> layout = [];
        int levels = int.Log2(Size) - 2; // Decoder levels: 8, 16, ... Size.
        int head = Channels[0];

        // Encoder: a 1x1 layer, a residual block per halving, a 4x4 convolution, five linear layers.
        Add("enc.net_app.convs.0.0.weight", ChannelsAt(Size), 3, 1, 1);
        Add("enc.net_app.convs.0.1.bias", 1, ChannelsAt(Size), 1, 1);
        for (int block = 1; block <= levels; block++)
        {
            string name = $"enc.net_app.convs.{block}";
            int input = ChannelsAt(Size >> (block - 1)), output = ChannelsAt(Size >> block);
            Add($"{name}.conv1.0.weight", input, input, 3, 3);
            Add($"{name}.conv1.1.bias", 1, input, 1, 1);
            Add($"{name}.conv2.0.kernel", 4, 4);
            Add($"{name}.conv2.1.weight", output, input, 3, 3);
            Add($"{name}.conv2.2.bias", 1, output, 1, 1);
            Add($"{name}.skip.0.kernel", 4, 4);
            Add($"{name}.skip.1.weight", output, input, 1, 1);
        }
        Add($"enc.net_app.convs.{levels + 1}.weight", Style, head, 4, 4);
        for (int layer = 0; layer < 5; layer++)
        {
            int output = layer < 4 ? Style : Motion;
            Add($"enc.fc.{layer}.weight", output, Style);
            Add($"enc.fc.{layer}.bias", output);
        }

        // Decoder: the motion directions, the constant input, two styled convolutions per level, then its RGB and flow layers.
        Add("dec.direction.weight", Style, Motion);
        Add("dec.input.input", 1, head, 4, 4);
        AddStyledConv("dec.conv1", head, head, up: false);
        Add("dec.to_rgb1.bias", 1, 3, 1, 1);
        Add("dec.to_rgb1.conv.0.weight", 3, head, 1, 1);
        Add("dec.to_rgb1.conv.1.bias", 1, 3, 1, 1);
        for (int level = 0; level < levels; level++)
        {
            int below = ChannelsAt(4 << level), channels = ChannelsAt(8 << level);
            AddStyledConv($"dec.convs.{2 * level}", below, channels, up: true);
            AddStyledConv($"dec.convs.{2 * level + 1}", channels, channels, up: false);
        }
        for (int level = 0; level < levels; level++)
        {
            string name = $"dec.to_rgbs.{level}";
            Add($"{name}.bias", 1, 3, 1, 1);
            Add($"{name}.upsample.kernel", 4, 4);
            Add($"{name}.conv.0.weight", 3, ChannelsAt(8 << level), 1, 1);
            Add($"{name}.conv.1.bias", 1, 3, 1, 1);
        }
        for (int level = 0; level < levels; level++)
        {
            string name = $"dec.to_flows.{level}";
            int channels = ChannelsAt(8 << level);
            Add($"{name}.bias", 1, 3, 1, 1);
            Add($"{name}.upsample.kernel", 4, 4);
            Add($"{name}.conv.weight", 1, 3, channels, 1, 1);
            Add($"{name}.conv.modulation.weight", channels, Style);
            Add($"{name}.conv.modulation.bias", channels);
        }
        return layout;

        void Add(string name, params int[] shape) => layout.Add(new(name, DType.Float32, shape));

        void AddStyledConv(string name, int input, int output, bool up)
        {
            Add($"{name}.conv.weight", 1, output, input, 3, 3);
            if (up) Add($"{name}.conv.blur.kernel", 4, 4);
            Add($"{name}.conv.modulation.weight", input, Style);
            Add($"{name}.conv.modulation.bias", input);
            Add($"{name}.noise.weight", 1);
            Add($"{name}.activate.bias", 1, output, 1, 1);
        }
    }

    /// <summary>Whether a tensor is a fixed FIR kernel and not a weight.</summary>
    /// <param name="name">A tensor's name.</param>
    public static bool IsFirKernel(string name) => name.EndsWith(".kernel", StringComparison.Ordinal);

    /// <summary>
    /// The values of a <c>.kernel</c> tensor: outer([1,3,3,1], [1,3,3,1]) / 64, times 4 where it follows an upsampling by 2.
    /// </summary>
    /// <param name="name">The tensor's name; upsampling kernels end in <c>.upsample.kernel</c> or <c>.blur.kernel</c>.</param>
    /// <returns>16 values, row-major.</returns>
    public static float[] FirKernel(string name)
    {
        bool up = name.EndsWith(".upsample.kernel", StringComparison.Ordinal) || name.EndsWith(".blur.kernel", StringComparison.Ordinal);
        int[] taps = [1, 3, 3, 1];
        float[] kernel = new float[16];
        for (int i = 0; i < 16; i++) kernel[i] = taps[i / 4] * taps[i % 4] / (up ? 16f : 64f);
        return kernel;
    }
}
