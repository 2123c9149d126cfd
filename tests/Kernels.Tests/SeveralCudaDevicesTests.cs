using Lia.Gpu.Cuda;
using Lia.Gpu.Tests;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The network on every CUDA device of the machine at the same time.</summary>
public class SeveralCudaDevicesTests
{
    [SeveralCudaFact]
    public void Devices_of_one_kind_compute_the_same_bits_side_by_side()
    {
        ModelArchitecture architecture = new(64, 32, 5, [64, 48, 32, 16, 16]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        foreach (IGrouping<string, CudaDeviceInfo> alike in CudaDeviceInfo.Enumerate().GroupBy(device => device.Properties.Name))
        {
            foreach (CudaPrecision precision in Enum.GetValues<CudaPrecision>())
            {
                (float[] Codes, byte[][] Pictures)[] results = alike.AsParallel().AsOrdered().WithDegreeOfParallelism(alike.Count())
                    .Select(device => Animate(device, weights, architecture, precision)).ToArray();
                Assert.All(results, result =>
                {
                    Assert.Equal(results[0].Codes, result.Codes);
                    Assert.Equal(results[0].Pictures, result.Pictures);
                });
                Assert.True(results[0].Pictures[0].Distinct().Count() > 20); // a picture
            }
        }
    }

    /// <summary>Twenty batches through the pipes, so that devices run beside each other for a while, with graphs.</summary>
    private static (float[] Codes, byte[][] Pictures) Animate(
        CudaDeviceInfo device, ITensorSource weights, ModelArchitecture architecture, CudaPrecision precision)
    {
        const int Batch = 8;
        using CudaExecutor executor = new(device.Open(), weights, architecture, precision, ownsLoader: true);
        int picture = 3 * architecture.Size * architecture.Size;
        byte[][] driving = [.. Enumerable.Range(0, Batch).Select(i =>
        {
            byte[] pixels = new byte[picture];
            new Random(i).NextBytes(pixels);
            return pixels;
        })], pictures = [.. Enumerable.Range(0, Batch).Select(_ => new byte[picture])];
        float[] codes = new float[Batch * architecture.Motion], latents = new float[Batch * architecture.Style];
        using EncodedSource source = executor.EncodeSource(RandomFloats(picture));
        using IMotionPipe motion = executor.OpenMotion(Batch);
        using IPicturePipe decoder = executor.OpenPictures(Batch);
        for (int i = 0; i < 20; i++)
        {
            motion.Submit(driving);
            motion.Receive(codes);
            for (int frame = 0; frame < Batch; frame++)
            {
                Latents.Absolute(executor.Basis, source.Appearance, source.Motion,
                    codes.AsSpan(frame * architecture.Motion, architecture.Motion), 1, latents.AsSpan(frame * architecture.Style,
                        architecture.Style));
            }
            decoder.Submit(source, latents, Batch);
            Assert.Equal(-1, decoder.Receive(pictures));
        }
        return (codes, pictures);
    }
}
