using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Lia.Media.Ffmpeg;

/// <summary>
/// A program that this process feeds or reads through pipes. It never outlives this object: disposing or cancelling kills it with whatever
/// it has started,
/// and waits for its end. Its error output is read all the time, so it cannot block on it, and the last of it explains a failure.
/// </summary>
internal sealed partial class ChildProcess : IDisposable
{
    private const int TailBytes = 4096;

    // In the program's environment, and so in that of all it starts: what is left of them is known by it when their parents are gone.
    private const string Mark = "LIA_CHILD";

    // How long the end of a program that was killed, or has closed its output, is waited for; and a word that it may still have said.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500), LastWord = TimeSpan.FromMilliseconds(200);

    private readonly Process _process;
    private readonly string _subject, _program, _mark;
    private readonly CancellationToken _token;
    private readonly CancellationTokenRegistration _registration;
    private readonly Thread _errorReader;
    private readonly Lock _gate = new();
    private readonly byte[] _tail = new byte[TailBytes];
    private int _tailLength;

    private ChildProcess(Process process, string program, string mark, string subject, CancellationToken cancellationToken)
    {
        (_process, _program, _mark, _subject, _token) = (process, program, mark, subject, cancellationToken);
        _errorReader = new Thread(KeepErrors) { IsBackground = true, Name = "LIA child errors" };
        _errorReader.Start();
        _registration = cancellationToken.Register(Kill);
    }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its name; found where PATH says, and nowhere else (<see cref="Programs"/>).</param>
    /// <param name="arguments">Passed one by one: no shell, no quoting.</param>
    /// <param name="subject">The file it works on, for error messages.</param>
    /// <param name="feeds">Whether <see cref="Input"/> will be written; otherwise the program finds its input at its end.</param>
    /// <param name="cancellationToken">Kills the program.</param>
    /// <exception cref="MediaException">The program is not there.</exception>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, string subject, bool feeds,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string file = Programs.Find(program) ?? throw Missing(null);
        string mark = Guid.NewGuid().ToString("N");
        ProcessStartInfo start = new(file, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
                CreateNoWindow = true,
        };
        start.Environment[Mark] = mark;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Exception failure) when (failure is Win32Exception or FileNotFoundException)
        {
            throw Missing(failure);
        }
        ChildProcess child = new(process, program, mark, subject, cancellationToken);
        try
        {
            if (!feeds) process.StandardInput.Close();
            return child;
        }
        catch
        {
            child.Dispose();
            throw;
        }

        MediaException Missing(Exception? failure)
        {
            string message = $"{subject}: the program {program} is needed and was not found; "
                + "install the package `ffmpeg` (Debian, Ubuntu: apt install ffmpeg).";
            return failure is null ? new(message) : new(message, failure);
        }
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
        try
        {
            _process.WaitForExitAsync(_token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            End();
            throw;
        }
        if (End() != 0) throw Failure();
        // What was killed, or what a killed heir held open, has answered nothing.
        _token.ThrowIfCancellationRequested();
        return Tail();
    }

    /// <summary>The error for a program that broke off, or writes what it should not; it is ended.</summary>
    public Exception Failure()
    {
        // One that broke off is about to end by itself, and has more to say then.
        bool brokeOff = _process.WaitForExit(Patience);
        int status = End();
        // Ctrl-C reaches the program as well as this process, often first: give the cancellation a moment to become known.
        if (_token.IsCancellationRequested || _token.WaitHandle.WaitOne(status == 0 || !brokeOff ? TimeSpan.Zero : LastWord))
            return new OperationCanceledException(_token);
        string tail = Tail();
        string reason = tail.Length > 0 ? tail
            : status == 0 || !brokeOff ? $"what {_program} writes cannot be understood"
            : $"{_program} ended with status {status}";
        return new MediaException($"{_subject}: {reason}");
    }

    /// <summary>Kills the program if it still runs, and waits for its end.</summary>
    public void Dispose()
    {
        _registration.Dispose();
        End();
        foreach (Stream pipe in (Stream[])[Input, Output, _process.StandardError.BaseStream])
        {
            try
            {
                pipe.Dispose(); // The process leaves them to whoever has used them.
            }
            catch (IOException)
            {
                // What was written last reaches nobody any more.
            }
        }
        _process.Dispose();
    }

    /// <summary>Sees to it that the program has ended and nobody holds its pipes.</summary>
    /// <returns>Its exit status.</returns>
    private int End()
    {
        if (!_process.HasExited) Kill();
        _process.WaitForExit(Patience);
        if (!_errorReader.Join(LastWord))
        {
            // The program is gone, and somebody it has started holds its error output open.
            Kill();
            _errorReader.Join(Patience);
        }
        return _process.HasExited ? _process.ExitCode : -1;
    }

    /// <summary>Kills the program and all it has started; of one that has ended already, what it has left behind.</summary>
    private void Kill()
    {
        lock (_gate)
        {
            try
            {
                if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            }
            catch (Exception failure)
                when (failure is InvalidOperationException or Win32Exception or AggregateException or NotSupportedException)
            {
                // It ended in the meantime.
            }
            KillMarked();
        }
    }

    /// <summary>Kills what carries the program's mark, whoever its parent is by now. Only Linux tells the environment of a
    /// process.</summary>
    private void KillMarked()
    {
        if (!OperatingSystem.IsLinux()) return;
        byte[] mark = Encoding.ASCII.GetBytes($"{Mark}={_mark}");
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out int id) || id == Environment.ProcessId) continue;
            try
            {
                if (File.ReadAllBytes(Path.Combine(folder, "environ")).AsSpan().IndexOf(mark) < 0) continue;
                using Process process = Process.GetProcessById(id);
                process.Kill();
            }
            catch (Exception failure)
                when (failure is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException
                    or Win32Exception)
            {
                // Somebody else's, or it ended in the meantime.
            }
        }
    }

    private void KeepErrors()
    {
        byte[] buffer = new byte[1024];
        Stream errors = _process.StandardError.BaseStream;
        try
        {
            for (int read; (read = errors.Read(buffer)) > 0;)
            {
                lock (_tail)
                {
                    int keep = Math.Min(_tailLength, TailBytes - read);
                    _tail.AsSpan(_tailLength - keep, keep).CopyTo(_tail);
                    buffer.AsSpan(0, read).CopyTo(_tail.AsSpan(keep));
                    _tailLength = keep + read;
                }
            }
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException)
        {
            // Nobody waits for the rest any more.
        }
    }

    /// <summary>The error output without memory addresses, in one line: what was said first, usually the cause, and what was said
    /// last.</summary>
    private string Tail()
    {
        string text;
        lock (_tail) text = Encoding.UTF8.GetString(_tail, 0, _tailLength);
        string[] lines = [.. text
            .Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => Hidden().Replace(Origin().Replace(line, "$1: "), _subject)).Distinct()];
        if (lines.Select(line => Refused().Match(line)).FirstOrDefault(match => match.Success) is { } refused)
            return SafeInput.Refusal(refused.Groups["format"].Value);
        return string.Join("; ", lines.Length <= 3 ? lines : [lines[0], lines[1], "...", lines[^1]]);
    }

    [GeneratedRegex(@"\[([^\]@]*) @ (0x)?[0-9a-f]+\]\s*", RegexOptions.IgnoreCase)]
    private static partial Regex Origin();

    /// <summary>An output in the making, which its user knows by another name.</summary>
    [GeneratedRegex(@"file:.*?\.[0-9a-f]{32}\.part")]
    private static partial Regex Hidden();

    [GeneratedRegex(@"^(?<format>[^:]*): Format not on whitelist", RegexOptions.ExplicitCapture)]
    private static partial Regex Refused();
}
