using Lia.Training.Steps;

namespace Lia.Cli;

/// <summary>What a command talks to. Results go to <paramref name="Output"/>, progress and complaints to
/// <paramref name="Error"/>.</summary>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="ErrorIsTerminal">Whether standard error is a terminal on which a progress bar can be drawn; else plain lines are
/// written.</param>
/// <param name="Cancellation">Signaled by Ctrl-C.</param>
internal sealed record CliContext(TextWriter Output, TextWriter Error, bool ErrorIsTerminal, CancellationToken Cancellation)
{
    /// <summary>Opens standard input as bytes.</summary>
    public Func<Stream> OpenInput { get; init; } = StandardStreams.OpenInput;

    /// <summary>Listens to the library's activities from the start of the program, where a profile is asked for.</summary>
    public Timeline? Timeline { get; init; }

    /// <summary>Makes what training computes with.</summary>
    public IStepFactory TrainingSteps { get; init; } = CudaSteps.Factory;

    /// <summary>Opens standard output as bytes; nothing else is written to it then.</summary>
    public Func<Stream> OpenOutput { get; init; } = StandardStreams.OpenOutput;
}
