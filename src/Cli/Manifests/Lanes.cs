namespace Lia.Cli.Manifests;

/// <summary>The devices that rows are spread over: a lane each.</summary>
internal static class Lanes
{
    /// <summary>The device that each row's model options name, one for all.</summary>
    public static IReadOnlyList<Lane> Of() => [(model, cancellationToken) => new Animator(model, null, cancellationToken)];
}
