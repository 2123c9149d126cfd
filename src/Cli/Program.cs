using System.Runtime.InteropServices;

namespace Lia.Cli;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        using Timeline? timeline = arguments.Contains("--profile") ? new(ProfileReport.ProcessStart()) : null;
        // A GPU's driver takes a tenth of a second and more: it starts while the command line is parsed, where a GPU may be meant.
        if (DriverStart.IsWorthwhile(arguments)) DriverStart.Begin();
        using CancellationTokenSource cancellation = new();
        // The first signal asks for a clean end, the second is obeyed at once.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        }
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        return Application.Run(arguments, new CliContext(Console.Out, Console.Error, Terminal.CanRedraw(), cancellation.Token)
        {
            Timeline = timeline,
        });
    }
}
