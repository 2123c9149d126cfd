using Microsoft.Extensions.Logging;

namespace Lia.Cli;

/// <summary>Warnings of the library on standard error, a line each, wherever they arise: a device that cannot be used, a decoder's
/// complaint.</summary>
internal sealed class WarningLog(TextWriter error) : ILoggerFactory, ILogger
{
    private readonly HashSet<string> _told = [];

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
        string> formatter)
    {
        if (IsEnabled(logLevel)) Warn(formatter(state, exception));
    }

    /// <summary>Says what may not be as it was meant.</summary>
    public void Warn(string message) => error.WriteLine($"lia: warning: {message}");

    /// <summary>Says, once, what is no warning, and should be known.</summary>
    public void Tell(string message)
    {
        if (_told.Add(message)) error.WriteLine($"lia: {message}");
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider) { }

    public void Dispose() { }
}
