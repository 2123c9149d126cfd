using Microsoft.Extensions.Logging;

namespace Lia.Cli;

/// <summary>Warnings of the library on standard error, a line each, wherever they arise: a device that cannot be used, a decoder's
/// complaint.</summary>
internal sealed class WarningLog(TextWriter error) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
        string> formatter)
    {
        if (IsEnabled(logLevel)) error.WriteLine($"lia: warning: {formatter(state, exception)}");
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider) { }

    public void Dispose() { }
}
