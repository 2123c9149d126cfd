namespace Lia.Kernels;

/// <summary>
/// Launches that follow each other closely (programmatic dependent launch, sm_90 and up): the next kernel is set up while this one runs,
/// and waits where it first touches memory. A kernel launched by <see cref="KernelLaunch.CreateOverlapping{TArguments}"/> calls
/// <see cref="Begin"/>, in every thread that touches what other kernels write or read.
/// </summary>
internal static class Overlap
{
    /// <summary>Lets the next launch be set up, and waits for those before.</summary>
    public static void Begin()
    {
        Allow();
        Wait();
    }

    /// <summary>Lets the next launch be set up.</summary>
    public static void Allow()
    {
        if (Intrinsics.TargetSm >= 90) Intrinsics.AllowNextLaunch();
    }

    /// <summary>Waits for the launches before.</summary>
    public static void Wait()
    {
        if (Intrinsics.TargetSm >= 90) Intrinsics.WaitForPreviousLaunches();
    }
}
