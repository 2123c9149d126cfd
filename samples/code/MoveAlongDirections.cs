namespace Lia.Samples;

/// <summary>No driving clip: the picture moves along the model's learnt directions.</summary>
internal static class MoveAlongDirections
{
    public static void Run(string model, string path, string output)
    {
        Source source = path;
        using Animator animator = new(new ModelOptions { Model = model });
        Console.WriteLine($"{animator.Directions} directions");
        RgbImage moved = animator.Manipulate(source, [new MotionEdit(6, -2), new MotionEdit(10, 2)]);
        using ClipWriter writer = new(output, animator.Size, animator.Size, new FrameRate(10));
        writer.Write(moved);
        foreach (RgbImage frame in animator.ManipulateFrames(source, MotionEdit.Sweep(6, -2, 2, 9))) writer.Write(frame);
        writer.Complete();
    }
}
