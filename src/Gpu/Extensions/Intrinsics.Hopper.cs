using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>What compute capability 9.0 added for a thread and its warp.</content>
public static partial class Intrinsics
{
    /// <summary>The 32-bit address of an element in shared memory, as matrix descriptors take it.</summary>
    [IntrinsicImplementation, Ptx("mov.b32 $d, $saddr0;")]
    public static uint SharedAddress<T>(ref T element) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Stores four 8x8 matrices of 16-bit elements to shared memory, laid out as <see cref="LdMatrixX4{T}"/> loads them: lanes 8i to 8i+7
    /// give the addresses of the rows of matrix i, and lane l holds elements 2(l%4) and 2(l%4)+1 of row l/4
    /// (`stmatrix.sync.aligned.m8n8.x4.shared.b16`, sm_90 and up).
    /// </summary>
    [IntrinsicImplementation, Ptx("stmatrix.sync.aligned.m8n8.x4.shared.b16 [$shared0], {$1, $2, $3, $4};", Effect = PtxEffect.Writes,
        MinSm = 90)]
    public static void StMatrixX4<T>(ref T row, uint r0, uint r1, uint r2, uint r3) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Raises the registers of each thread of this warp to <paramref name="registers"/>, a constant multiple of 8 from 24 to 256, once
    /// others have given that many back (`setmaxnreg.inc`, sm_90a). All warps of a warpgroup must execute it. The kernel needs
    /// <see cref="LaunchBoundsAttribute"/> with a minimum of one group.
    /// </summary>
    [IntrinsicImplementation, Ptx("setmaxnreg.inc.sync.aligned.u32 $i0;", Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80)]
    public static void RaiseRegisters(int registers) => throw DeviceOnly.Error();

    /// <summary>
    /// Gives registers back, down to <paramref name="registers"/> a thread (`setmaxnreg.dec`, sm_90a); see <see cref="RaiseRegisters"/>.
    /// </summary>
    [IntrinsicImplementation, Ptx("setmaxnreg.dec.sync.aligned.u32 $i0;", Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80)]
    public static void LowerRegisters(int registers) => throw DeviceOnly.Error();

    /// <summary>
    /// Waits until the launches that this one may overlap have completed and their memory is visible (`griddepcontrol.wait`, sm_90 and up);
    /// passes at once when the launch was not asked to overlap (<see cref="Runtime.LoadedKernel.Launch"/>).
    /// </summary>
    [IntrinsicImplementation, Ptx("griddepcontrol.wait;", Effect = PtxEffect.Writes, MinSm = 90)]
    public static void WaitForPreviousLaunches()
    {
        // Nothing overlaps where this body runs.
    }

    /// <summary>
    /// Lets the next launch of the stream begin, if it is one that overlaps, once every group has called this or ended
    /// (`griddepcontrol.launch_dependents`, sm_90 and up). What this launch still writes is visible to the next only after its
    /// <see cref="WaitForPreviousLaunches"/>.
    /// </summary>
    [IntrinsicImplementation, Ptx("griddepcontrol.launch_dependents;", Effect = PtxEffect.Writes, MinSm = 90)]
    public static void AllowNextLaunch()
    {
        // Nothing overlaps where this body runs.
    }
}
