namespace Lia.Kernels.Convolution;

/// <summary>
/// Convolution of float32 accuracy as an implicit GEMM on Hopper's `wgmma`: both operands are sums of two halves (<see cref="TwoHalves"/>),
/// of whose four products three are made. Copies, rings, steps and epilogue are those of <see cref="WgmmaConvolution"/>.
/// <code>
///     x = xh + xl,  w = wh + wl           22 bits each           x w = xh wl + xl wh + xh wh + (xl wl, 2^-22 of it: left out)
///
///     input tile of a chunk, both parts      for each tap, two steps of weights:
///       +------+ +------+                      wl:  p  = xh wl               small: 2^-11 of the sum
///       |  xh  | |  xl  |                      wh:  p += xl wh               small
///       +------+ +------+                           p += xh wh
///                                              sum += p                      in float32, rounded to nearest
/// </code>
/// Tensor cores cut off what does not fit below their sum instead of rounding, a loss that always points to zero and grows with the length
/// of the sum. So no more than one tap of one chunk is summed there, the small products first, while little can be cut off: what is lost is
/// some 2^-24 of four sums of 16 products, whatever the layer's K. A sum's order depends on the weights' steps alone: not on the tile, nor
/// on the frames beside it. Bound by 6 M N K operations at the rate of wgmma; one warpgroup adds up while the other's products run.
/// </summary>
internal static class WgmmaPairConvolution
{
    [LaunchBounds(CopyRing.ThreadsAlone, 1)]
    public static void Run<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        CopyRing ring = WgmmaConvolution.Open<TTile, TChunk>();
        int thread = Group.IdxX;
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            CopyRing.GiveRegisters();
            if (thread == 32 * CopyRing.ConsumerWarps) WgmmaConvolution.Copy<TTile, TChunk, TwoHalves>(a, ring);
        }
        else
        {
            CopyRing.TakeRegisters();
            Overlap.Wait();
            Multiply<TTile, TChunk, TResult>(a, ring);
        }
    }

    private static void Multiply<TTile, TChunk, TResult>(WgmmaConvolutionArguments arguments, CopyRing ring)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = arguments.Convolution;
        int chunk = default(TChunk).Value, n = default(TTile).N, blocks = default(TTile).Blocks;
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7, parts = default(TResult).Parts(a.Epilogue);
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref ring.Inputs[0]) >> 4),
            weightAddress = (int)(Intrinsics.SharedAddress(ref ring.Weights[0]) >> 4);
        ArrayView<WgmmaStep> steps = a.Steps.Cast<WgmmaStep>();
        ArrayView<float> sum = LocalMemory.Allocate<float>(blocks * n / 2), products = LocalMemory.Allocate<float>(blocks * n / 2);
        for (int i = 0; i < blocks * n / 2; i++) products[i] = 0f;
        RingPosition input = RingPosition.BeforeFirst, weight = default;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            if (item.IsEmpty) continue;
            for (int i = 0; i < blocks * n / 2; i++) sum[i] = 0f;
            StepTap tap = steps[item.FirstStep].Tap;
            // One run of steps; two with a skip, whose steps add to what came through the activation.
            int runs = (parts & EpilogueParts.Skip) != 0 ? 2 : 1, from = item.FirstStep;
            for (int run = 0; run < runs; run++)
            {
                int to = run + 1 < runs ? a.SkipStep : item.EndStep;
                for (int step = from; step < to; step += 2)
                {
                    int pitch = tap.Pitch, plane = tap.Plane;
                    if (tap.LoadsTile)
                    {
                        // All that was read of the tile before is summed.
                        if (lane == 0 && step > item.FirstStep) Intrinsics.MBarrierArrive(ref ring.InputEmpty[input.Stage]);
                        input.Enter(default(TTile).InputStages);
                        Intrinsics.MBarrierWait(ref ring.InputFull[input.Stage], input.Parity);
                    }
                    int high = inputAddress + input.Stage * (arguments.InputStage / 8) + tap.Shift + group * tap.GroupOffset,
                        low = high + arguments.InputStage / 16;
                    RingPosition fine = weight;
                    weight.Advance(default(TTile).WeightStages);
                    RingPosition rough = weight;
                    weight.Advance(default(TTile).WeightStages);
                    ulong wl = WgmmaConvolution.Descriptor(weightAddress + fine.Stage * (n * chunk / 8), 8, chunk);
                    ulong wh = WgmmaConvolution.Descriptor(weightAddress + rough.Stage * (n * chunk / 8), 8, chunk);
                    Intrinsics.MBarrierWait(ref ring.WeightFull[fine.Stage], fine.Parity);
                    for (int b = 0; b < blocks; b++) Intrinsics.WgmmaFence(n, ref products[b * n / 2]);
                    WgmmaConvolution.Products<TTile, TChunk>(high, tap.BlockOffset, plane, pitch, wl, products, false);
                    Intrinsics.MBarrierWait(ref ring.WeightFull[rough.Stage], rough.Parity);
                    WgmmaConvolution.Products<TTile, TChunk>(low, tap.BlockOffset, plane, pitch, wh, products, true);
                    WgmmaConvolution.Products<TTile, TChunk>(high, tap.BlockOffset, plane, pitch, wh, products, true);
                    Intrinsics.WgmmaCommitGroup();
                    tap = steps[step + 2].Tap; // The next tap's, while the products run.
                    for (int b = 0; b < blocks; b++) Intrinsics.WgmmaWait(n, ref products[b * n / 2], 0);
                    if (lane == 0)
                    {
                        Intrinsics.MBarrierArrive(ref ring.WeightEmpty[fine.Stage]);
                        Intrinsics.MBarrierArrive(ref ring.WeightEmpty[rough.Stage]);
                    }
                    for (int i = 0; i < blocks * n / 2; i++) sum[i] += products[i];
                }
                if (run + 1 < runs) WgmmaConvolution.ActivateSums<TTile>(a, item.TileN * n + 2 * (lane & 3), sum);
                from = to;
            }
            if (lane == 0) Intrinsics.MBarrierArrive(ref ring.InputEmpty[input.Stage]);
            WgmmaConvolution.FinishTile<TTile, TwoHalves>(a, parts, item, sum);
        }
    }
}
