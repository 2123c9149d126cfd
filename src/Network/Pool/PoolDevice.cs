namespace Lia.Network.Pool;

/// <summary>A device that is to join a pool.</summary>
/// <param name="Name">What it is called where it is told of, for example <c>cuda:1 (NVIDIA H200)</c>.</param>
/// <param name="Open">Makes its executor; called once, on a thread of the device's own.</param>
public sealed record PoolDevice(string Name, Func<IExecutor> Open);
