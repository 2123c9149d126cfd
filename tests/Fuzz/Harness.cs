using System.Diagnostics;

namespace Lia.Fuzz;

/// <summary>
/// Reads inputs and judges what comes of each: a documented exception with a message of one short printable line, or none; memory and time
/// in proportion to its length. Input i of a seed is always the same, so that what went wrong can be had again.
/// </summary>
internal sealed class Harness(FuzzTarget target, int seed)
{
    private const int Attempts = 3, LongestMessage = 2_000;

    private long _accepted, _refused, _mostBytes;
    private double _mostSeconds;
    private bool _isWarm;

    /// <summary>Inputs read without an exception.</summary>
    public long Accepted => _accepted;

    /// <summary>Inputs refused with a documented exception.</summary>
    public long Refused => _refused;

    /// <summary>Reads one input.</summary>
    /// <returns>What went wrong, with the command to have it again; null when nothing did.</returns>
    public string? Run(long index)
    {
        byte[] input = target.Make(new Mutator(seed, index));
        if (!_isWarm)
        {
            Read(input, out _, out _); // Compiling and static tables are nobody's fault.
            _isWarm = true;
        }
        double seconds = double.MaxValue;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            Exception? thrown = Read(input, out long bytes, out double taken);
            string? complaint = thrown switch
            {
                null => null,
                _ when !target.IsDocumented(thrown) => $"an exception that is not documented: {thrown}",
                { Message: var message } when message.Any(char.IsControl) =>
                    $"a message with control characters: {message.ReplaceLineEndings("\\n")}",
                { Message: var message } when message.Length > LongestMessage => $"a message of {message.Length} characters",
                _ => null,
            };
            long mostBytes = target.FreeBytes + target.BytesPerByte * input.Length;
            if (complaint is null && bytes > mostBytes) complaint = $"{bytes} bytes of memory, where {mostBytes} are allowed";
            if (complaint is not null) return Describe(index, input, complaint);
            if (attempt == 0)
            {
                if (thrown is null) _accepted++;
                else _refused++;
            }
            _mostBytes = Math.Max(_mostBytes, bytes);
            seconds = Math.Min(seconds, taken);
            // A busy machine makes anything slow for once, and nothing slow three times.
            if (seconds <= target.FreeSeconds + target.SecondsPerByte * input.Length) break;
        }
        _mostSeconds = Math.Max(_mostSeconds, seconds);
        double mostSeconds = target.FreeSeconds + target.SecondsPerByte * input.Length;
        return seconds <= mostSeconds ? null : Describe(index, input, $"{seconds:0.00} s, where {mostSeconds:0.00} are allowed");
    }

    /// <summary>How the inputs fared, and the most that one took.</summary>
    public override string ToString() =>
        $"{_accepted} read, {_refused} refused; at most {_mostBytes} bytes and {1e3 * _mostSeconds:0.0} ms each";

    private Exception? Read(byte[] input, out long bytes, out double seconds)
    {
        long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
        Exception? thrown = null;
        try
        {
            target.Read(input);
        }
#pragma warning disable CA1031 // Whatever comes is to be judged.
        catch (Exception e)
        {
            thrown = e;
        }
#pragma warning restore CA1031
        seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        return thrown;
    }

    private string Describe(long index, byte[] input, string complaint) =>
        $"{target.Name}, seed {seed}, input {index} of {input.Length} bytes: {complaint}\n    again: --count 1 --target {target.Name} " +
            $"--seed {seed} --from {index}";
}
