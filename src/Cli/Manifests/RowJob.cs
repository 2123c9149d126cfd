using System.Text.Json;

namespace Lia.Cli.Manifests;

/// <summary>A row of a manifest that is this shard's.</summary>
internal abstract class PlannedRow
{
    /// <summary>The row's number.</summary>
    public required int Row { get; init; }

    /// <summary>What messages and status lines call it: the output, or what is evaluated or packed.</summary>
    public required string Name { get; init; }

    /// <summary>Frames that are expected; only their proportions count.</summary>
    public required long Work { get; init; }

    /// <summary>Writes the members of a status line that say which row it is about.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("row", Row);
        json.WriteString("name", StatusFile.Cut(Name));
        json.WriteNumber("work", Work);
    }
}

/// <summary>A row to be worked off by a network.</summary>
internal abstract class RowJob : PlannedRow
{
    /// <summary>The model to be loaded.</summary>
    public required ModelOptions Model { get; init; }

    /// <summary>Takes the row.</summary>
    /// <returns>Null when another worker is at it.</returns>
    /// <exception cref="MediaException">What the row is made from cannot be read.</exception>
    public abstract IRowClaim? Claim();

    /// <summary>Is told once, when the row is over: done, or failed for good or for now.</summary>
    public virtual void Release() { }
}

/// <summary>A row that nobody else is at.</summary>
internal interface IRowClaim : IDisposable
{
    /// <summary>Whether it was done already, from the same inputs with the same options and model.</summary>
    bool IsDone { get; }

    /// <summary>Does it.</summary>
    /// <param name="animator">Has the row's model.</param>
    /// <param name="progress">Is told of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    void Do(Animator animator, IProgress<AnimationProgress> progress, CancellationToken cancellationToken);

    /// <summary>What came out, in a line for people.</summary>
    string Describe();

    /// <summary>What came out, for a status line.</summary>
    void Write(Utf8JsonWriter json);
}
