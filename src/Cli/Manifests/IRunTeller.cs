namespace Lia.Cli.Manifests;

/// <summary>Tells people how a run goes. Called from the threads of all devices.</summary>
internal interface IRunTeller
{
    /// <summary>A row is being worked at, beside others where there are several lanes.</summary>
    void Begin(RowJob job, int lanes);

    /// <summary>Frames of it are done.</summary>
    void Progress(RowJob job, int lane, AnimationProgress progress);

    /// <summary>A row is done; without a description it was already.</summary>
    void Done(PlannedRow job, string? description);

    /// <summary>A row failed.</summary>
    void Failed(PlannedRow job, string reason);

    /// <summary>A device failed; its row goes to others.</summary>
    void DeviceFailed(string device, string reason, bool isGivenUp);
}
