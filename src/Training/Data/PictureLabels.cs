namespace Lia;

/// <summary>What is known of the movement in pictures, numbers for each: what a pack's labels are made from. They are all in
/// memory.</summary>
public sealed class PictureLabels
{
    private readonly Dictionary<(string Name, int Frame), float[]> _all = [];

    /// <summary>Begins with none.</summary>
    /// <param name="count">Labels of a picture, 1 to 256.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are none, or too many.</exception>
    public PictureLabels(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Training.Data.PackFormat.MostLabels);
        Count = count;
    }

    /// <summary>Labels of a picture.</summary>
    public int Count { get; }

    /// <summary>Adds the labels of a picture that supervised rows name.</summary>
    /// <param name="picture">Its path, as the rows have it.</param>
    /// <param name="labels">As many as <see cref="Count"/>, each finite, or NaN where it is not known.</param>
    /// <returns>Whether they are the first of this picture; else nothing is added.</returns>
    /// <exception cref="ArgumentException">Their number is another, or one is infinite.</exception>
    public bool Add(string picture, ReadOnlySpan<float> labels) => Add(picture, 0, labels);

    /// <summary>Adds the labels of a frame of a clip.</summary>
    /// <param name="clip">The clip's name: that of its file or folder, without where it lies.</param>
    /// <param name="frame">The frame, counted from 0.</param>
    /// <param name="labels">As many as <see cref="Count"/>, each finite, or NaN where it is not known.</param>
    /// <returns>Whether they are the first of this frame; else nothing is added.</returns>
    /// <exception cref="ArgumentException">Their number is another, or one is infinite; the frame is negative.</exception>
    public bool Add(string clip, int frame, ReadOnlySpan<float> labels)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentOutOfRangeException.ThrowIfNegative(frame);
        if (labels.Length != Count) throw new ArgumentException($"A picture has {Count} labels, not {labels.Length}.", nameof(labels));
        foreach (float label in labels)
            if (float.IsInfinity(label)) throw new ArgumentException("A label is infinite.", nameof(labels));
        return _all.TryAdd((clip, frame), labels.ToArray());
    }

    /// <summary>Writes the labels of a picture, NaN where it has none.</summary>
    /// <returns>Whether it has any.</returns>
    internal bool Write(string name, int frame, Span<float> labels)
    {
        if (_all.TryGetValue((name, frame), out float[]? known)) known.CopyTo(labels);
        else labels.Fill(float.NaN);
        return known is not null;
    }
}
