using Lia.Weights;

namespace Lia.Samples;

/// <summary>A model from tensors in memory; here random ones, to test a program without a file.</summary>
internal static class SyntheticModel
{
    public static void Run(string source, string output)
    {
        using SyntheticCheckpoint weights = new(ModelArchitecture.Official(64), seed: 1);
        using Animator animator = new(new ModelOptions { Weights = weights, Device = Device.Cpu });
        animator.Manipulate(source, [new MotionEdit(0, 1)]).Save(output);
    }
}
