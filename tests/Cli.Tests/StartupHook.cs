using System.Runtime.InteropServices;
using Lia.Cli;

/// <summary>
/// Runs in the program before its Main, where DOTNET_STARTUP_HOOKS names this assembly: writes at the program's end what assemblies it has
/// loaded, and last how many queues a driver that it starts is told to make. The runtime wants this name, without a namespace.
/// </summary>
internal static partial class StartupHook
{
    /// <summary>The environment variable that names the file to write.</summary>
    public const string Variable = "LIA_TEST_LOADED";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } path) return;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => File.WriteAllLines(path,
            [.. AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetName().Name!), Connections()]);
    }

    // As a library in the process sees it: the runtime has a copy of the environment.
    private static string Connections() =>
        $"{DriverStart.Connections}={(OperatingSystem.IsWindows() ? null : Marshal.PtrToStringUTF8(GetVariable(DriverStart.Connections)))}";

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetVariable(string name);
}
