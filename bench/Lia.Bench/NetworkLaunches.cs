using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// Every kernel launch of the network, in several copies that share no memory: networks of their own, with weights and activations of their
/// own. Running the copies in turn keeps a launch from finding its operands in the L2 cache.
/// </summary>
internal sealed class NetworkLaunches : IDisposable
{
    private readonly List<CudaExecutor> _networks = [];

    /// <param name="accelerator">The device.</param>
    /// <param name="size">Side of the pictures.</param>
    /// <param name="precision">How they compute.</param>
    /// <param name="copies">How many.</param>
    /// <param name="batches">Numbers of frames that run together.</param>
    public NetworkLaunches(KernelLoader loader, int size, CudaPrecision precision, int copies, int[] batches)
    {
        ModelArchitecture architecture = ModelArchitecture.Official(size);
        using SyntheticCheckpoint weights = new(architecture, 1);
        for (int copy = 0; copy < copies; copy++)
        {
            CudaExecutor network = new(loader, weights, architecture, precision);
            _networks.Add(network);
            Fill(network, copy, batches);
        }
        All = [.. batches.SelectMany(frames =>
        {
            KernelLaunch[][] same = [.. _networks.Select(network => Plans(network, frames))];
            return same[0].Select((_, i) => new NetworkLaunch(i, frames, [.. same.Select(copy => copy[i])]));
        })];
    }

    /// <summary>Every launch for every number of frames.</summary>
    public IReadOnlyList<NetworkLaunch> All { get; }

    public void Dispose()
    {
        foreach (CudaExecutor network in _networks) network.Dispose();
    }

    /// <summary>
    /// Runs the network on noise, so that what lies in its memory are activations: a device is faster with zeros. The largest batch goes
    /// first, since a larger one moves the memory.
    /// </summary>
    private static void Fill(CudaExecutor network, int seed, int[] batches)
    {
        Random random = new(seed);
        float[] images = [.. Enumerable.Range(0, batches.Max() * network.Architecture.PictureLength())
            .Select(_ => random.NextSingle() * 2 - 1)];
        using EncodedSource source = network.EncodeSource(images.AsSpan(0, network.Architecture.PictureLength()));
        foreach (int frames in batches.OrderDescending())
            _ = new ResidentFrames(network, source, images.AsSpan(0, frames * network.Architecture.PictureLength()), frames);
        network.Stream.Synchronize();
    }

    private static KernelLaunch[] Plans(CudaExecutor network, int frames) =>
        [.. ResidentFrames.Parts.SelectMany(kind => network.Plan(kind, frames).Steps).SelectMany(step => step.Launches)];
}

/// <summary>A launch of the network in its copies.</summary>
/// <param name="Index">Its place in the order of the network.</param>
/// <param name="Frames">Frames that run together.</param>
/// <param name="Copies">The same launch on memory of its own each.</param>
internal sealed record NetworkLaunch(int Index, int Frames, IReadOnlyList<KernelLaunch> Copies)
{
    public string Layer => Copies[0].Name;

    public string Kernel => Copies[0].Kernel.Compiled.EntryPoint;

    public double Operations => Copies[0].Operations;

    public double Bytes => Copies[0].Bytes;

    /// <summary>Whether its products are the tensor cores' (by its instructions).</summary>
    public bool UsesTensorCores => Copies[0].Kernel.Compiled.Ptx.Contains("mma", StringComparison.Ordinal);

    /// <summary>Whether the copies together exceed twice the L2 cache, so that each run reads memory.</summary>
    public bool IsCold => Bytes * Copies.Count > 2.0 * Copies[0].Loader.Properties.L2Bytes;

    // The first characters order the table.
    public override string ToString() => $"{Frames:00}x {Index:000} {Layer} {Kernel}";
}
