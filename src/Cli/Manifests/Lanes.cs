namespace Lia.Cli.Manifests;

/// <summary>What rows are spread over: a lane is an animator for one row at a time.</summary>
internal static class Lanes
{
    /// <summary>One for all: where a row names several devices, its frames are dealt to them.</summary>
    public static IReadOnlyList<Lane> Of() => [(model, cancellationToken) => new Animator(model, null, cancellationToken)];
}
