using System.Runtime.ExceptionServices;
using Lia.Cli.Manifests;
using Lia.Training.Data;

namespace Lia.Cli.Commands;

/// <summary>
/// Packs a shard's clips or rows into one output, by the contract of manifests: the output is whole or not there, and made once. What can
/// never be read is left out; where the machine fails, nothing is written and all is for another time.
/// </summary>
/// <param name="context">What the command talks to.</param>
/// <param name="output">The pack.</param>
/// <param name="threads">Threads that read inputs to be hashed.</param>
/// <param name="overwrite">Whether it is packed again when it is there.</param>
/// <param name="progress">Is told how far packing is.</param>
internal sealed class PackRun(CliContext context, string output, int threads, bool overwrite, IProgress<PackProgress> progress)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(300);

    private readonly CancellationToken _token = context.Cancellation;

    /// <summary>What is in the pack; null while it is not there.</summary>
    public PackSummary? Summary { get; private set; }

    /// <summary>Packs what is not packed yet.</summary>
    /// <param name="plan">What is to be packed.</param>
    /// <param name="status">Is told of each clip or row: <c>progress</c> when it is in the pack in the making, <c>done</c> when the pack is
    /// there.</param>
    /// <param name="teller">Tells people.</param>
    /// <param name="options">The options that make the pack what it is.</param>
    /// <param name="inputs">The files that a unit is made from; an empty one is none.</param>
    /// <param name="write">Writes the pack.</param>
    public ShardOutcome Run<T>(ShardPlan<PackedUnit<T>> plan, StatusFile status, IRunTeller teller, string options,
        Func<T, IEnumerable<string>> inputs, Func<IReadOnlyList<T>, PackedOne, PackSummary> write)
    {
        IReadOnlyList<PackedUnit<T>> units = plan.Jobs;
        List<LeftOut> leftOut = [];
        int again = 0;
        try
        {
            using OutputRecord record = Hold();
            string hash = Hash(units, options, inputs);
            if (!overwrite && record.IsDone(hash) && ReadSummary(record.LeftOut, units.Count) is { } there)
            {
                Summary = there;
                foreach ((int place, string reason) in record.LeftOut) Fail(units[place], reason, isForNow: false);
                TellDone(record.LeftOut, isSkipped: true, _ => 0);
                return new(0, units.Count - record.LeftOut.Count, record.LeftOut.Count, 0, 0, false);
            }
            record.Begin(hash);
            int[] pictures = new int[units.Count];
            int packed = 0;
            PackSummary summary = write([.. units.Select(unit => unit.Value)], (place, count, problem) =>
            {
                if (problem is null)
                {
                    pictures[place] = count;
                    status.Write("progress", json =>
                    {
                        units[place].Write(json);
                        json.WriteString("stage", "packing");
                        json.WriteNumber("frames", count);
                    });
                }
                else if (RowFailures.Of(problem) == RowFailure.Machine)
                {
                    again++;
                    Fail(units[place], problem.Message, isForNow: true);
                    throw problem;
                }
                else
                {
                    leftOut.Add(new(place, StatusFile.Cut(problem.Message)));
                    Fail(units[place], problem.Message, isForNow: false);
                }
                progress.Report(new(place + 1, units.Count, packed += count));
            });
            record.Complete(hash, leftOut);
            Summary = summary;
            TellDone(leftOut, isSkipped: false, place => pictures[place]);
            return new(units.Count - leftOut.Count, 0, leftOut.Count, 0, 0, false);
        }
        catch (OperationCanceledException) when (_token.IsCancellationRequested)
        {
            return new(0, 0, leftOut.Count, 0, units.Count - leftOut.Count, true);
        }
        catch (Exception failure) when (RowFailures.Of(failure) == RowFailure.Machine)
        {
            if (again == 0) context.Error.WriteLine($"lia: {failure.Message}");
            return new(0, 0, leftOut.Count, again, units.Count - leftOut.Count - again, false);
        }
        catch (MediaException failure) when (leftOut.Count == units.Count && leftOut.Count + plan.Bad.Count > 0)
        {
            // All were told why they cannot be packed.
            context.Error.WriteLine($"lia: {failure.Message}");
            return new(0, 0, leftOut.Count, 0, 0, false);
        }

        void Fail(PackedUnit<T> unit, string reason, bool isForNow)
        {
            status.Write("failed", json =>
            {
                unit.Write(json);
                json.WriteString("reason", StatusFile.Cut(reason));
                json.WriteBoolean("retry", isForNow);
            });
            teller.Failed(unit, reason);
        }

        void TellDone(IEnumerable<LeftOut> without, bool isSkipped, Func<int, int> frames)
        {
            HashSet<int> missing = [.. without.Select(part => part.Place)];
            for (int place = 0; place < units.Count; place++)
            {
                if (missing.Contains(place)) continue;
                status.Write("done", json =>
                {
                    units[place].Write(json);
                    json.WriteBoolean("skipped", isSkipped);
                    if (!isSkipped) json.WriteNumber("frames", frames(place));
                });
            }
        }
    }

    /// <summary>Holds the output's record, as soon as nobody else does.</summary>
    private OutputRecord Hold()
    {
        for (bool isTold = false; ; isTold = true)
        {
            _token.ThrowIfCancellationRequested();
            if (OutputRecord.TryHold(output) is { } record) return record;
            if (!isTold) context.Error.WriteLine($"lia: {output}: another worker is at it, and is waited for");
            _token.WaitHandle.WaitOne(s_patience);
        }
    }

    /// <summary>What a pack has that is there; null when it is damaged.</summary>
    private PackSummary? ReadSummary(IReadOnlyList<LeftOut> leftOut, int units)
    {
        if (leftOut.Any(part => part.Place < 0 || part.Place >= units)) return null;
        try
        {
            using PackFile pack = new(output);
            return new(output, pack.Clips.Length, pack.Pictures, pack.Rows, leftOut.Count, (long)pack.Pictures * pack.PictureLength);
        }
        catch (MediaException)
        {
            return null;
        }
    }

    /// <summary>Of all that makes the pack what it is.</summary>
    private string Hash<T>(IReadOnlyList<PackedUnit<T>> units, string options, Func<T, IEnumerable<string>> inputs)
    {
        InputHashes hashes = new();
        string[] texts = new string[units.Count];
        try
        {
            Parallel.For(0, units.Count, new() { MaxDegreeOfParallelism = threads, CancellationToken = _token }, place =>
                texts[place] = string.Join('\0', inputs(units[place].Value).Select(path => $"{path}\0{Of(path)}")));
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
        return InputHashes.OfText(string.Join('\n', texts.Prepend(options).Prepend("lia train pack 1")));

        string Of(string path)
        {
            if (path.Length == 0) return "";
            try
            {
                return hashes.OfInput(path);
            }
            catch (MediaException failure) when (RowFailures.Of(failure) == RowFailure.BadInput)
            {
                return ""; // Packing it will say why.
            }
        }
    }
}
