namespace Lia.Training.Data;

/// <summary>How pictures are varied.</summary>
/// <param name="Flip">Whether every other pair is mirrored.</param>
/// <param name="Jitter">How far brightness, contrast and saturation are from 1, and hue from 0, at most: the recipe has 0.1.</param>
/// <param name="Crop">Pixels that packed pictures are larger a side; a window is drawn of them.</param>
internal readonly record struct AugmentationSettings(bool Flip, float Jitter, int Crop);

/// <summary>What is done to all pictures of a pair alike.</summary>
/// <param name="IsFlipped">Mirrored, left and right.</param>
/// <param name="Left">Where the window begins.</param>
/// <param name="Top">Its first row.</param>
/// <param name="Colors">How colors are changed; null for not.</param>
internal sealed record Augmentation(bool IsFlipped, int Left, int Top, ColorJitter? Colors)
{
    // Of a byte: the color from 0 to 1, and from -1 to 1 as Planes.FromPixels has it, to the bit.
    private static readonly float[] s_colors = [.. Enumerable.Range(0, 256).Select(value => value / 255f)],
        s_values = [.. s_colors.Select(Value)];

    /// <summary>Draws.</summary>
    public static Augmentation Draw(ref Philox random, AugmentationSettings settings)
    {
        // Always drawn and not always used, so that switching one off leaves the others as they were.
        bool isFlipped = random.Below(2) == 1;
        int left = random.Below(settings.Crop + 1), top = random.Below(settings.Crop + 1);
        ColorJitter colors = ColorJitter.Draw(ref random, settings.Jitter);
        return new(settings.Flip && isFlipped, left, top, settings.Jitter > 0 ? colors : null);
    }

    /// <summary>Nothing but the window in the middle.</summary>
    public static Augmentation None(int crop) => new(false, crop / 2, crop / 2, null);

    /// <summary>Makes planes of a packed picture.</summary>
    /// <param name="bytes">[P, P, 3].</param>
    /// <param name="side">P.</param>
    /// <param name="planes">Receives [3, S, S] in [-1, 1].</param>
    /// <param name="size">S.</param>
    public void Apply(ReadOnlySpan<byte> bytes, int side, Span<float> planes, int size)
    {
        int plane = size * size;
        float[] values = Colors is null ? s_values : s_colors;
        for (int y = 0; y < size; y++)
        {
            ReadOnlySpan<byte> row = bytes.Slice(3 * ((Top + y) * side + Left), 3 * size);
            for (int x = 0; x < size; x++)
            {
                int from = 3 * (IsFlipped ? size - 1 - x : x), to = y * size + x;
                planes[to] = values[row[from]];
                planes[plane + to] = values[row[from + 1]];
                planes[2 * plane + to] = values[row[from + 2]];
            }
        }
        if (Colors is null) return;
        Colors.Apply(planes[..plane], planes.Slice(plane, plane), planes.Slice(2 * plane, plane));
        foreach (ref float value in planes[..(3 * plane)]) value = Value(value);
    }

    /// <summary>Makes weights, 1 on average, of a packed map.</summary>
    /// <param name="bytes">[P, P].</param>
    /// <param name="side">P.</param>
    /// <param name="weights">Receives [S, S].</param>
    /// <param name="size">S.</param>
    public void ApplyWeights(ReadOnlySpan<byte> bytes, int side, Span<float> weights, int size)
    {
        long sum = 0;
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++) sum += bytes[(Top + y) * side + Left + x];
        // A map that is black all over weighs nothing more than the rest.
        float factor = sum == 0 ? 0 : (float)(size * (double)size / sum), least = sum == 0 ? 1 : 0;
        for (int y = 0; y < size; y++)
        {
            ReadOnlySpan<byte> row = bytes.Slice((Top + y) * side + Left, size);
            for (int x = 0; x < size; x++) weights[y * size + x] = row[IsFlipped ? size - 1 - x : x] * factor + least;
        }
    }

    /// <summary>Takes the window of a plane of a packed picture, as it is.</summary>
    /// <param name="bytes">[P, P].</param>
    /// <param name="side">P.</param>
    /// <param name="plane">Receives [S, S].</param>
    /// <param name="size">S.</param>
    public void ApplyPlane(ReadOnlySpan<byte> bytes, int side, Span<byte> plane, int size)
    {
        for (int y = 0; y < size; y++)
        {
            Span<byte> row = plane.Slice(y * size, size);
            bytes.Slice((Top + y) * side + Left, size).CopyTo(row);
            if (IsFlipped) row.Reverse();
        }
    }

    /// <summary>Where a point of a packed picture lies in what is made of it: u becomes ScaleX u + ShiftX, v becomes ScaleY v + ShiftY, all
    /// from -1 to 1 between the edges.</summary>
    /// <param name="side">P.</param>
    /// <param name="size">S.</param>
    public (double ScaleX, double ShiftX, double ScaleY, double ShiftY) Coordinates(int side, int size)
    {
        double scale = (double)side / size, x = scale - 1 - 2.0 * Left / size, y = scale - 1 - 2.0 * Top / size;
        return IsFlipped ? (-scale, -x, scale, y) : (scale, x, scale, y);
    }

    private static float Value(float color) => (color - 0.5f) * 2;
}
