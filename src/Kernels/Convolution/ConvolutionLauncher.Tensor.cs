using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <content>Convolutions over float32 maps on tensor cores.</content>
internal static partial class ConvolutionLauncher
{
    // Blocks of 64x64 that a convolution should have: some two for each multiprocessor of a large GPU.
    private const int WantedTensorBlocks = 256;

    /// <summary>What a device multiplies a layer by when it is asked for <paramref name="arithmetic"/>.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="weights">The layer's: channels that are no multiple of four are left to the float32 cores.</param>
    /// <param name="arithmetic">What is wanted.</param>
    public static ConvolutionArithmetic Arithmetic(KernelLoader loader, ConvolutionWeights weights, ConvolutionArithmetic arithmetic) =>
        !loader.IsStock && loader.Target.Sm >= 80 && IsVector(weights) && weights.Kernel <= TensorConvolutionKernel.MostTaps
            ? arithmetic : ConvolutionArithmetic.Float32;

    /// <summary>
    /// Elements of partial sums that a convolution needs by <paramref name="arithmetic"/>, never more than by
    /// <see cref="ConvolutionArithmetic.Float32"/>.
    /// </summary>
    public static long WorkspaceLength(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionArithmetic arithmetic) =>
        Arithmetic(loader, weights, arithmetic) == ConvolutionArithmetic.Float32
            ? WorkspaceLength(weights, shape) : PartialSums(weights, shape, TensorSplits(weights, shape));

    /// <summary>
    /// Into how many parts K is cut on tensor cores: by the frames too, since a batch fills a device that one frame does not. It depends on
    /// nothing else than the shape.
    /// </summary>
    public static int TensorSplits(ConvolutionWeights weights, ConvolutionShape shape)
    {
        long pixels = shape.Frames * (shape.Transposed
            ? 4L * (shape.Height + 1) * (shape.Width + 1)
            : shape.OutputHeight(weights.Kernel) * shape.OutputWidth(weights.Kernel));
        long blocks = (pixels + 63) / 64 * ((weights.PaddedOutputs + 63) / 64);
        int most = Splits(weights, shape), splits = 1;
        while (2 * splits <= most && splits * blocks < WantedTensorBlocks) splits *= 2;
        return splits;
    }

    /// <summary>A convolution on tensor cores with a given tile.</summary>
    /// <exception cref="ArgumentException">The device or the layer has none (<see cref="Arithmetic"/>).</exception>
    public static KernelLaunch[] PrepareTensor<TTile>(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionOperands operands,
        ConvolutionArithmetic arithmetic)
        where TTile : struct, ITensorTile
    {
        if (Arithmetic(loader, weights, arithmetic) == ConvolutionArithmetic.Float32)
            throw new ArgumentException($"no {arithmetic} for {weights.Inputs} to {weights.Outputs} channels here", nameof(arithmetic));
        ConvolutionArguments arguments = Arguments(weights, shape, operands, TensorSplits(weights, shape));
        return WithReduction<VectorAccess>(loader, BindTensor<TTile>(loader, weights, shape, arguments), operands, arguments);
    }

    // The largest tile that still gives every multiprocessor work. The choice does not change the result.
    private static KernelLaunch[] PrepareTensor(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionOperands operands)
    {
        ConvolutionArguments arguments = Arguments(weights, shape, operands, TensorSplits(weights, shape));
        int wanted = 3 * loader.Properties.Multiprocessors / 2;
        KernelLaunch launch =
            Fits<Tensor128x128>() ? BindTensor<Tensor128x128>(loader, weights, shape, arguments)
            : Fits<Tensor128x64>() ? BindTensor<Tensor128x64>(loader, weights, shape, arguments)
            : Fits<Tensor64x64>() ? BindTensor<Tensor64x64>(loader, weights, shape, arguments)
            : BindTensor<Tensor64x32>(loader, weights, shape, arguments);
        return WithReduction<VectorAccess>(loader, launch, operands, arguments);

        // Of a tile that reaches beyond the channels at least three quarters are used.
        bool Fits<TTile>() where TTile : struct, ITensorTile
        {
            Index3D grid = TensorGrid<TTile>(shape, arguments);
            return 4 * arguments.PaddedOutputs >= 3 * grid.Y * default(TTile).N && (long)grid.X * grid.Y * grid.Z >= wanted;
        }
    }

    private static Index3D TensorGrid<TTile>(ConvolutionShape shape, ConvolutionArguments arguments) where TTile : struct, ITensorTile =>
        Grid(shape, arguments, default(TTile).M, default(TTile).N);

    private static KernelLaunch BindTensor<TTile>(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionArguments arguments)
        where TTile : struct, ITensorTile => arguments.InputScale.Length != 0
            ? BindTensor<TTile, ScaledInput>(loader, weights, shape, arguments)
            : BindTensor<TTile, PlainInput>(loader, weights, shape, arguments);

    private static KernelLaunch BindTensor<TTile, TInput>(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionArguments arguments)
        where TTile : struct, ITensorTile
        where TInput : struct, ITensorInput
    {
        KernelConfig config = new(
            TensorGrid<TTile>(shape, arguments), new Index3D(32 * default(TTile).WarpsM * default(TTile).WarpsN, 1, 1),
            SharedMemoryConfig.RequestDynamic<float>(TensorConvolutionKernel.SharedLength(default(TTile).M, default(TTile).N)));
        (double operations, double bytes) = Cost(weights, shape, arguments);
        return KernelLaunch.Create(loader, TensorConvolutionKernel.Run<TTile, TInput>, config, arguments, operations, bytes);
    }
}
