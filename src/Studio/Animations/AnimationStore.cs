using System.Globalization;
using System.Text.Json;
using Lia.Studio.Files;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Animations;

/// <summary>
/// The animations there are, in memory and in SQLite; their files lie in a folder each. A row is written when its files are there, and
/// goes before they go, so that what is listed is there whenever the process ends.
/// </summary>
internal sealed class AnimationStore : IDisposable
{
    private const int Version = 1;

    private readonly PrivateFolder _folder;
    private readonly ILogger<AnimationStore> _log;
    private readonly SqliteConnection _database;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (AnimationRecord Animation, TaskCompletionSource Changed)> _all = [];

    /// <summary>Opens what an earlier process left.</summary>
    /// <exception cref="SqliteException">The database cannot be used.</exception>
    public AnimationStore(PrivateFolder folder, ILogger<AnimationStore> log)
    {
        (_folder, _log) = (folder, log);
        // Pooled connections would hold the file when everything else has been disposed.
        _database = new(new SqliteConnectionStringBuilder { DataSource = folder.Database, Pooling = false }.ToString());
        _database.Open();
        // A write-ahead log outlives a process that is killed; synchronous=full the machine, too.
        Do("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
        long version = (long)Ask("PRAGMA user_version").ExecuteScalar()!;
        if (version > Version)
            throw new IOException($"{folder.Database}: a later version of this program has written it; name another folder with --data.");
        Do($"""
            CREATE TABLE IF NOT EXISTS animations (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, created TEXT NOT NULL,
                started TEXT, finished TEXT, source TEXT NOT NULL, driving TEXT, motive TEXT NOT NULL, options TEXT NOT NULL,
                format TEXT NOT NULL, command TEXT NOT NULL, error TEXT, input_bytes INTEGER NOT NULL, bytes INTEGER, frames INTEGER,
                width INTEGER, height INTEGER, rate TEXT, sound INTEGER);
            PRAGMA user_version={Version};
            """);
        Recover();
    }

    /// <summary>All of them, the newest first.</summary>
    public IReadOnlyList<AnimationRecord> All()
    {
        lock (_gate) return [.. _all.Values.Select(one => one.Animation).OrderByDescending(one => one.Number)];
    }

    /// <summary>One of them, or null.</summary>
    public AnimationRecord? Find(string id)
    {
        lock (_gate) return _all.TryGetValue(id, out var one) ? one.Animation : null;
    }

    /// <summary>One of them, with what ends when it changes; null when there is none.</summary>
    public (AnimationRecord Animation, Task Changed)? Watch(string id)
    {
        lock (_gate) return _all.TryGetValue(id, out var one) ? (one.Animation, one.Changed.Task) : null;
    }

    /// <summary>The one that has waited longest.</summary>
    public AnimationRecord? NextQueued()
    {
        lock (_gate) return _all.Values.Select(one => one.Animation).Where(one => one.Status == Status.Queued).MinBy(one => one.Number);
    }

    /// <summary>How many wait.</summary>
    public int Queued
    {
        get
        {
            lock (_gate) return _all.Values.Count(one => one.Animation.Status == Status.Queued);
        }
    }

    /// <summary>Bytes of results and of what waits.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate) return _all.Values.Sum(one => (one.Animation.Result?.Bytes ?? 0) + (one.Animation.HasEnded ? 0
                : one.Animation.InputBytes));
        }
    }

    /// <summary>Adds one whose files are all there.</summary>
    public AnimationRecord Add(AnimationRecord animation)
    {
        lock (_gate)
        {
            using SqliteCommand insert = Ask("""
                INSERT INTO animations (id, status, created, source, driving, motive, options, format, command, input_bytes)
                VALUES ($id, $status, $created, $source, $driving, $motive, $options, $format, $command, $input) RETURNING number
                """, ("$id", animation.Id), ("$status", Name(animation.Status)), ("$created", Time(animation.Created)),
                ("$source", animation.Source), ("$driving", animation.Driving), ("$motive", animation.Motive.ToString()),
                ("$options", animation.Options.GetRawText()), ("$format", animation.Format), ("$command", animation.Command),
                ("$input", animation.InputBytes));
            animation = animation with { Number = (long)insert.ExecuteScalar()! };
            Put(animation);
            return animation;
        }
    }

    /// <summary>Changes one, unless it is gone or the change makes nothing of it.</summary>
    /// <param name="id">Which.</param>
    /// <param name="change">Makes another of it; null leaves it.</param>
    /// <returns>What it is then; null when there is none.</returns>
    public AnimationRecord? Change(string id, Func<AnimationRecord, AnimationRecord?> change)
    {
        lock (_gate)
        {
            if (!_all.TryGetValue(id, out var one)) return null;
            if (change(one.Animation) is not { } next) return one.Animation;
            if (next with { Progress = null } != one.Animation with { Progress = null }) Write(next);
            Put(next);
            return next;
        }
    }

    /// <summary>Removes one, with its files.</summary>
    public bool Remove(string id)
    {
        lock (_gate)
        {
            if (!_all.Remove(id, out var one)) return false;
            using (SqliteCommand delete = Ask("DELETE FROM animations WHERE id = $id", ("$id", id))) delete.ExecuteNonQuery();
            one.Changed.TrySetResult();
        }
        PrivateFolder.Remove(_folder.Animation(id));
        return true;
    }

    public void Dispose() => _database.Dispose();

    /// <summary>What an earlier process left: what ran is to run again, what is not there is not listed, and what is not listed is not
    /// there.</summary>
    private void Recover()
    {
        using (SqliteCommand select = Ask("SELECT * FROM animations"))
        using (SqliteDataReader rows = select.ExecuteReader())
        {
            while (rows.Read()) Put(Read(rows));
        }
        foreach (AnimationRecord animation in All())
        {
            string folder = _folder.Animation(animation.Id);
            bool isThere = animation.Status switch
            {
                Status.Done => File.Exists(AnimationFiles.Result(folder, animation.Format)),
                Status.Queued or Status.Running => File.Exists(AnimationFiles.Source(folder))
                    && (animation.Motive == Motive.Directions || File.Exists(AnimationFiles.Driving(folder, animation.Motive))),
                _ => true,
            };
            if (!isThere)
            {
                _log.NotThere(animation.Id);
                Remove(animation.Id);
            }
            else if (animation.Status == Status.Done)
                AnimationFiles.Keep(folder, AnimationFiles.Result(folder, animation.Format));
            else if (animation.Status == Status.Running)
            {
                _log.Again(animation.Id);
                Change(animation.Id, one => one with { Status = Status.Queued, Started = null });
            }
        }
        foreach (string id in _folder.AnimationFolders().Where(id => PrivateFolder.IsId(id) && Find(id) is null).ToArray())
            PrivateFolder.Remove(_folder.Animation(id));
    }

    private void Write(AnimationRecord animation)
    {
        using SqliteCommand update = Ask("""
            UPDATE animations SET status = $status, started = $started, finished = $finished, error = $error, bytes = $bytes,
                frames = $frames, width = $width, height = $height, rate = $rate, sound = $sound WHERE id = $id
            """, ("$id", animation.Id), ("$status", Name(animation.Status)), ("$started", Time(animation.Started)),
            ("$finished", Time(animation.Finished)), ("$error", animation.Error), ("$bytes", animation.Result?.Bytes),
            ("$frames", animation.Result?.Frames), ("$width", animation.Result?.Width), ("$height", animation.Result?.Height),
            ("$rate", animation.Result?.Rate), ("$sound", animation.Result?.HasSound));
        update.ExecuteNonQuery();
    }

    private void Put(AnimationRecord animation)
    {
        if (_all.TryGetValue(animation.Id, out var before)) before.Changed.TrySetResult();
        _all[animation.Id] = (animation, new(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    private static AnimationRecord Read(SqliteDataReader row) => new()
    {
        Id = Text(row, "id")!,
        Number = row.GetInt64(row.GetOrdinal("number")),
        Status = Enum.Parse<Status>(Text(row, "status")!, ignoreCase: true),
        Created = Moment(row, "created")!.Value,
        Started = Moment(row, "started"),
        Finished = Moment(row, "finished"),
        Source = Text(row, "source")!,
        Driving = Text(row, "driving"),
        Motive = Enum.Parse<Motive>(Text(row, "motive")!),
        Options = JsonSerializer.Deserialize<JsonElement>(Text(row, "options")!),
        Format = Text(row, "format")!,
        Command = Text(row, "command")!,
        Error = Text(row, "error"),
        InputBytes = row.GetInt64(row.GetOrdinal("input_bytes")),
        Result = row.IsDBNull(row.GetOrdinal("bytes")) ? null : new(row.GetInt64(row.GetOrdinal("bytes")),
            row.GetInt32(row.GetOrdinal("frames")), row.GetInt32(row.GetOrdinal("width")), row.GetInt32(row.GetOrdinal("height")),
            Text(row, "rate")!, row.GetBoolean(row.GetOrdinal("sound"))),
    };

    private static string? Text(SqliteDataReader row, string column) =>
        row.IsDBNull(row.GetOrdinal(column)) ? null : row.GetString(row.GetOrdinal(column));

    private static DateTimeOffset? Moment(SqliteDataReader row, string column) =>
        Text(row, column) is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : null;

    private static string? Time(DateTimeOffset? time) => time?.ToString("O", CultureInfo.InvariantCulture);

    private static string Name(Status status) => status.ToString().ToLowerInvariant();

    private void Do(string sql)
    {
        using SqliteCommand command = Ask(sql);
        command.ExecuteNonQuery();
    }

    /// <summary>A statement; values go in as parameters, never as text.</summary>
    private SqliteCommand Ask(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        SqliteCommand command = _database.CreateCommand();
#pragma warning disable CA2100 // Every statement is a constant of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object? value) in parameters) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}

/// <summary>Files of an animation in its folder.</summary>
internal static class AnimationFiles
{
    public static string Source(string folder) => Path.Combine(folder, "source");

    public static string Driving(string folder, Motive motive) => Path.Combine(folder, motive == Motive.Motion ? "motion" : "driving");

    public static string Result(string folder, string format) => Path.Combine(folder, $"result.{format}");

    /// <summary>Removes everything but these files. That the folder has gone meanwhile is no error: somebody has removed the
    /// animation.</summary>
    public static void Keep(string folder, params ReadOnlySpan<string> files)
    {
        try
        {
            foreach (string file in Directory.GetFiles(folder))
                if (!files.Contains(file)) File.Delete(file);
        }
        catch (DirectoryNotFoundException)
        {
        }
    }
}

/// <summary>Log messages of the store.</summary>
internal static partial class StoreLog
{
    [LoggerMessage(1, LogLevel.Warning, "animation {Id}: its files are gone, and so is it")]
    public static partial void NotThere(this ILogger log, string id);

    [LoggerMessage(2, LogLevel.Information, "animation {Id} ran when the service ended; it runs again")]
    public static partial void Again(this ILogger log, string id);
}
