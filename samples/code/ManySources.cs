namespace Lia.Samples;

/// <summary>Many pictures with one motion. Run it again: what is there already is skipped.</summary>
internal static class ManySources
{
    public static void Run(string model, string driving, string folder, string[] sources)
    {
        using Animator animator = new(new ModelOptions { Model = model });
        foreach (AnimationJobResult done in animator.AnimateMany(AnimationJob.ForEach(sources, folder, ".png"),
            animator.ExtractMotion(driving)))
            Console.WriteLine($"{done.Job.Output}: {done.Failure?.Message ?? (done.IsSkipped ? "there already" : "written")}");
    }
}
