using Lia.Loading;

namespace Lia.Cli.Manifests;

/// <summary>One of a machine's devices, which does a row at a time.</summary>
/// <param name="Name">The device, for messages.</param>
/// <param name="Does">Whether rows go there that name a device, or several.</param>
/// <param name="Open">Loads a model on it.</param>
internal sealed record Lane(string Name, Func<Device, bool> Does, Func<ModelOptions, CancellationToken, Animator> Open);

/// <summary>What rows are spread over.</summary>
internal static class Lanes
{
    /// <summary>A lane for each device that rows name: one that names several goes to whichever of them is free.</summary>
    /// <param name="jobs">The rows.</param>
    public static IReadOnlyList<Lane> Of(IReadOnlyList<RowJob> jobs) =>
        Of(jobs.Select(job => job.Model.Device), DeviceSelection.Each, (model, stop) => new Animator(model, null, stop));

    /// <summary>A lane for each device.</summary>
    /// <param name="devices">Those that rows name.</param>
    /// <param name="each">The single devices of one that may be several.</param>
    /// <param name="open">Loads a model on the single device of its options.</param>
    internal static IReadOnlyList<Lane> Of(
        IEnumerable<Device> devices, Func<Device, IReadOnlyList<Device>> each, Func<ModelOptions, CancellationToken, Animator> open)
    {
        Device[] named = [.. devices.Distinct()];
        // Where there is one, whichever it is need not be known.
        Dictionary<Device, IReadOnlyList<Device>> single = named.ToDictionary(device => device,
            device => named.Length == 1 && !device.MayBeSeveral ? [device] : each(device));
        return [.. named.SelectMany(device => single[device]).Distinct().Select(one => new Lane(one.ToString(),
            device => single[device].Contains(one), (model, stop) => open(model with { Device = one }, stop)))];
    }
}
