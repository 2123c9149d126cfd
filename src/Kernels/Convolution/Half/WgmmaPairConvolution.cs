namespace Lia.Kernels.Convolution;

/// <summary>
/// Convolution of float32 accuracy on Hopper's `wgmma`: both operands are sums of two halves (<see cref="TwoHalves"/>), of whose four products three are made. Copies, rings, steps and
/// epilogue are those of <see cref="WgmmaConvolution"/>.
/// <code>
///     x = xh + xl,  w = wh + wl           22 bits each           x w = xh wl + xl wh + xh wh + (xl wl, 2^-22 of it: left out)
///
///     input tile of a chunk, both parts      for each tap, two steps of weights:
///       +------+ +------+                      wl:  p  = xh wl               small: 2^-11 of the sum
///       |  xh  | |  xl  |                      wh:  p += xl wh               small
///       +------+ +------+                           p += xh wh
///                                              sum += p                      in float32, rounded to nearest
/// </code>
/// Tensor cores cut off what does not fit below their sum instead of rounding, a loss that always points to zero and grows with the length of the sum. So no more than one tap of
/// one chunk is summed there, the small products first, while little can be cut off: what is lost is some 2^-24 of four sums of 16 products, whatever the layer's K. A sum's order
/// depends on the weights' steps alone: not on the tile, nor on the frames beside it. Bound by 6 M N K operations at the rate of wgmma; one warpgroup adds up while the
/// other's products run.
/// </summary>
internal static class WgmmaPairConvolution
{
    [LaunchBounds(WgmmaConvolution.Threads, 1)]
    public static void Run<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        int inputStages = default(TTile).InputStages, weightStages = default(TTile).WeightStages;
        ArrayView<ulong> barriers = SharedMemory.Allocate<ulong>(2 * (default(TTile).InputStages + default(TTile).WeightStages));
        ArrayView<ulong> inputFull = barriers, inputEmpty = barriers.SubView(inputStages);
        ArrayView<ulong> weightFull = barriers.SubView(2 * inputStages), weightEmpty = barriers.SubView(2 * inputStages + weightStages);
        ArrayView<Half> weights = SwizzledSharedMemory.GetDynamic<Half>(); // The copy engine writes to multiples of 128 bytes.
        ArrayView<Half> inputs = weights.SubView(weightStages * default(TTile).N * default(TChunk).Value);
        int thread = Group.IdxX;
        Overlap.Allow();
        if (thread == 0) CopyRing.Initialise(inputFull, inputEmpty, inputStages, weightFull, weightEmpty, weightStages);
        Group.Barrier();
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            if (thread == 32 * CopyRing.ConsumerWarps)
                WgmmaConvolution.Copy<TTile, TChunk, TwoHalves>(a, inputs, weights, inputFull, inputEmpty, weightFull, weightEmpty);
        }
        else
        {
            Overlap.Wait();
            Multiply<TTile, TChunk, TResult>(a, inputs, weights, inputFull, inputEmpty, weightFull, weightEmpty);
        }
    }

    private static void Multiply<TTile, TChunk, TResult>(
        WgmmaConvolutionArguments arguments, ArrayView<Half> inputs, ArrayView<Half> weights,
        ArrayView<ulong> inputFull, ArrayView<ulong> inputEmpty, ArrayView<ulong> weightFull, ArrayView<ulong> weightEmpty)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = arguments.Convolution;
        int chunk = default(TChunk).Value, n = default(TTile).N, blocks = default(TTile).Blocks;
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7, parts = default(TResult).Parts(a.Epilogue);
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref inputs[0]) >> 4), weightAddress = (int)(Intrinsics.SharedAddress(ref weights[0]) >> 4);
        ArrayView<float> sum = LocalMemory.Allocate<float>(default(TTile).Blocks * default(TTile).N / 2);
        ArrayView<float> products = LocalMemory.Allocate<float>(default(TTile).Blocks * default(TTile).N / 2);
        for (int i = 0; i < blocks * n / 2; i++) products[i] = 0f;
        int input = -1, inputParity = 1, weight = 0, weightParity = 0;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            if (item.IsEmpty) continue;
            for (int i = 0; i < blocks * n / 2; i++) sum[i] = 0f;
            Int4 tap = a.Steps[3 * item.FirstStep + 2];
            // One run of steps; two with a skip, whose steps add to what came through the activation.
            int runs = (parts & EpilogueParts.Skip) != 0 ? 2 : 1, from = item.FirstStep;
            for (int run = 0; run < runs; run++)
            {
                int to = run + 1 < runs ? a.SkipStep : item.EndStep;
                for (int step = from; step < to; step += 2)
                {
                    int flags = tap.X & 255, pitch = tap.Y & 0xffff, plane = tap.Y >> 16;
                    if ((flags & ConvolutionStep.LoadsTile) != 0)
                    {
                        // All that was read of the tile before is summed.
                        if (lane == 0 && step > item.FirstStep) Intrinsics.MBarrierArrive(ref inputEmpty[input]);
                        input++;
                        if (input == default(TTile).InputStages) input = 0;
                        if (input == 0) inputParity ^= 1;
                        Intrinsics.MBarrierWait(ref inputFull[input], inputParity);
                    }
                    int high = inputAddress + input * (arguments.InputStage / 8) + (tap.X >> 8) + group * tap.Z, low = high + arguments.InputStage / 16;
                    int fineStage = weight, fineParity = weightParity;
                    Advance<TTile>(ref weight, ref weightParity);
                    int roughStage = weight, roughParity = weightParity;
                    Advance<TTile>(ref weight, ref weightParity);
                    ulong fine = WgmmaConvolution.Descriptor(weightAddress + fineStage * (n * chunk / 8), 8, chunk);
                    ulong rough = WgmmaConvolution.Descriptor(weightAddress + roughStage * (n * chunk / 8), 8, chunk);
                    Intrinsics.MBarrierWait(ref weightFull[fineStage], fineParity);
                    for (int b = 0; b < blocks; b++) Intrinsics.WgmmaFence(n, ref products[b * n / 2]);
                    for (int b = 0; b < blocks; b++)
                    {
                        ulong tile = WgmmaConvolution.Descriptor(high + b * tap.W, plane, pitch);
                        for (int k = 0; k < chunk >> 4; k++)
                            Intrinsics.Wgmma(n, ref products[b * n / 2], tile + (ulong)(uint)(k * 2 * plane), fine + (ulong)(uint)(k * 16), k > 0);
                    }
                    Intrinsics.MBarrierWait(ref weightFull[roughStage], roughParity);
                    for (int b = 0; b < blocks; b++)
                    {
                        ulong tile = WgmmaConvolution.Descriptor(low + b * tap.W, plane, pitch);
                        for (int k = 0; k < chunk >> 4; k++)
                            Intrinsics.Wgmma(n, ref products[b * n / 2], tile + (ulong)(uint)(k * 2 * plane), rough + (ulong)(uint)(k * 16), true);
                    }
                    for (int b = 0; b < blocks; b++)
                    {
                        ulong tile = WgmmaConvolution.Descriptor(high + b * tap.W, plane, pitch);
                        for (int k = 0; k < chunk >> 4; k++)
                            Intrinsics.Wgmma(n, ref products[b * n / 2], tile + (ulong)(uint)(k * 2 * plane), rough + (ulong)(uint)(k * 16), true);
                    }
                    Intrinsics.WgmmaCommitGroup();
                    tap = a.Steps[3 * step + 8]; // The next tap's, while the products run.
                    for (int b = 0; b < blocks; b++) Intrinsics.WgmmaWait(n, ref products[b * n / 2], 0);
                    if (lane == 0)
                    {
                        Intrinsics.MBarrierArrive(ref weightEmpty[fineStage]);
                        Intrinsics.MBarrierArrive(ref weightEmpty[roughStage]);
                    }
                    for (int i = 0; i < blocks * n / 2; i++) sum[i] += products[i];
                }
                if (run + 1 < runs) WgmmaConvolution.ActivateSums<TTile>(a, item.TileN * n + 2 * (lane & 3), sum);
                from = to;
            }
            if (lane == 0) Intrinsics.MBarrierArrive(ref inputEmpty[input]);

            // Lane 4g + t of warp w holds pixels (2w, g) and (2w + 1, g) of each block, channels 8j + 2t and the next.
            for (int b = 0; b < blocks; b++)
            {
                int block = group * blocks + b, line = block / a.BlocksX;
                int tileFrame = line / a.BlocksY, warp = (Group.IdxX >> 5) & 3;
                int frame = item.Frame + tileFrame, row = item.Row + (line - tileFrame * a.BlocksY) * 8 + 2 * warp;
                int column = item.Column + (block - line * a.BlocksX) * 8 + (lane >> 2);
                if (frame < a.Frames && row < item.Rows && column < item.Columns)
                    WgmmaConvolution.Finish<TwoHalves>(n, a, parts, item, frame, row, column, 2 * (lane & 3), sum.SubView(b * n / 2));
            }
        }
    }

    private static void Advance<TTile>(ref int stage, ref int parity) where TTile : struct, IWgmmaTile
    {
        stage++;
        if (stage == default(TTile).WeightStages)
        {
            stage = 0;
            parity ^= 1;
        }
    }
}
