namespace Lia.Cli;

/// <summary>What a command talks to. Results go to <paramref name="Output"/>, progress and complaints to <paramref name="Error"/>.</summary>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="ErrorIsTerminal">Whether somebody watches standard error: a progress bar is drawn, else plain lines are written.</param>
/// <param name="Cancellation">Signalled by Ctrl-C.</param>
internal sealed record CliContext(TextWriter Output, TextWriter Error, bool ErrorIsTerminal, CancellationToken Cancellation);
