namespace Lia.Cli;

/// <summary>The demonstration model and its pictures, which lie beside the program.</summary>
internal static class DemoFiles
{
    /// <summary>A small LIA trained on drawn portraits (<c>tools/demo-model</c>).</summary>
    public static string Model => At("demo.safetensors");

    /// <summary>The picture to animate: a person the model has never seen.</summary>
    public static string Source => At("source.png");

    /// <summary>The motion: a clip of another such person.</summary>
    public static string Driving => At("driving.png");

    private static string At(string name)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "demo", name);
        return File.Exists(path) ? path
            : throw new MediaException($"{path}: this file belongs to the program and is missing; build or install it again.");
    }
}
