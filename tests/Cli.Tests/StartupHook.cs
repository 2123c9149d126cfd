/// <summary>
/// Runs in the program before its Main, where DOTNET_STARTUP_HOOKS names this assembly: writes at the program's end what assemblies it has
/// loaded. The runtime wants this name, without a namespace.
/// </summary>
internal static class StartupHook
{
    /// <summary>The environment variable that names the file to write.</summary>
    public const string Variable = "LIA_TEST_LOADED";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } path) return;
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
            File.WriteAllLines(path, AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetName().Name!));
    }
}
