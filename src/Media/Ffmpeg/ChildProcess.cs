using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Lia.Media.Ffmpeg;

/// <summary>
/// A program that this process feeds or reads through pipes. It never outlives this object: disposing or cancelling kills it and waits for its end.
/// Its error output is read all the time, so it cannot block on it, and the last of it explains a failure.
/// </summary>
internal sealed partial class ChildProcess : IDisposable
{
    private const int TailBytes = 4096;

    private readonly Process _process;
    private readonly string _subject;
    private readonly CancellationToken _token;
    private readonly CancellationTokenRegistration _registration;
    private readonly Thread _errorReader;
    private readonly byte[] _tail = new byte[TailBytes];
    private int _tailLength;

    private ChildProcess(Process process, string subject, CancellationToken cancellationToken)
    {
        (_process, _subject, _token) = (process, subject, cancellationToken);
        _errorReader = new Thread(KeepErrors) { IsBackground = true, Name = "LIA child errors" };
        _errorReader.Start();
        _registration = cancellationToken.Register(Kill);
    }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Found through PATH.</param>
    /// <param name="arguments">Passed one by one: no shell, no quoting.</param>
    /// <param name="subject">The file it works on, for error messages.</param>
    /// <param name="feeds">Whether <see cref="Input"/> will be written; otherwise the program finds its input at its end.</param>
    /// <param name="cancellationToken">Kills the program.</param>
    /// <exception cref="MediaException">The program is not there.</exception>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, string subject, bool feeds, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, CreateNoWindow = true,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Exception failure) when (failure is Win32Exception or FileNotFoundException)
        {
            throw new MediaException($"{subject}: the program {Path.GetFileName(program)} is needed and was not found; install the package `ffmpeg` (Debian, Ubuntu: apt install ffmpeg).", failure);
        }
        if (!feeds) process.StandardInput.Close();
        return new ChildProcess(process, subject, cancellationToken);
    }

    /// <summary>What the program writes.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>What the program reads.</summary>
    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>The operating system's number for the process.</summary>
    public int Id => _process.Id;

    /// <summary>Waits for the end.</summary>
    /// <returns>The last of the program's error output, in one line; empty when it had nothing to say.</returns>
    /// <exception cref="MediaException">It failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public string WaitForSuccess()
    {
        _process.WaitForExit();
        _errorReader.Join();
        if (_process.ExitCode != 0) throw Failure();
        return Tail();
    }

    /// <summary>The error for a program that broke off, once it has ended.</summary>
    public Exception Failure()
    {
        _process.WaitForExit();
        _errorReader.Join();
        // Ctrl-C reaches the program as well as this process, often first: give the cancellation a moment to become known.
        if (_token.IsCancellationRequested || _token.WaitHandle.WaitOne(_process.ExitCode == 0 ? 0 : 200))
            return new OperationCanceledException(_token);
        string tail = Tail();
        return new MediaException($"{_subject}: {(tail.Length > 0 ? tail : $"ffmpeg ended with status {_process.ExitCode}")}");
    }

    /// <summary>Kills the program if it still runs, and waits for its end.</summary>
    public void Dispose()
    {
        _registration.Dispose();
        Kill();
        _process.WaitForExit();
        _errorReader.Join();
        _process.Dispose();
    }

    private void Kill()
    {
        try
        {
            if (!_process.HasExited) _process.Kill();
        }
        catch (Exception failure) when (failure is InvalidOperationException or Win32Exception)
        {
            // It ended in the meantime.
        }
    }

    private void KeepErrors()
    {
        byte[] buffer = new byte[1024];
        Stream errors = _process.StandardError.BaseStream;
        for (int read; (read = errors.Read(buffer)) > 0;)
        {
            int keep = Math.Min(_tailLength, TailBytes - read);
            _tail.AsSpan(_tailLength - keep, keep).CopyTo(_tail);
            buffer.AsSpan(0, read).CopyTo(_tail.AsSpan(keep));
            _tailLength = keep + read;
        }
    }

    /// <summary>The error output without memory addresses, in one line: what was said first, usually the cause, and what was said last.</summary>
    private string Tail()
    {
        string[] lines = [.. Encoding.UTF8.GetString(_tail, 0, _tailLength)
            .Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => Origin().Replace(line, "$1: ")).Distinct()];
        return string.Join("; ", lines.Length <= 3 ? lines : [lines[0], lines[1], "...", lines[^1]]);
    }

    [GeneratedRegex(@"\[([^\]@]*) @ 0x[0-9a-f]+\]\s*", RegexOptions.IgnoreCase)]
    private static partial Regex Origin();
}
