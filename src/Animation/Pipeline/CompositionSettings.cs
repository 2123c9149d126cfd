using Lia.Animation.Framing;

namespace Lia.Animation.Pipeline;

/// <summary>What the output shows.</summary>
/// <param name="SideBySide">Source, driving frame and result next to each other.</param>
/// <param name="PasteBack">The result in the full source picture.</param>
/// <param name="Normalization">How network values become colors.</param>
/// <param name="Dump">A file for the network's values; null for none.</param>
/// <param name="Height">Rows of the output, whose width follows; null for as many as there are.</param>
internal sealed record CompositionSettings(
    bool SideBySide = false, bool PasteBack = false, Normalization Normalization = Normalization.Fixed, string? Dump = null,
    int? Height = null)
{
    /// <summary>Whether the network's values are asked for, not only the colors they become.</summary>
    public bool NeedsValues => Normalization != Normalization.Fixed || Dump is not null;
}
