namespace Lia.Training.Data;

/// <summary>
/// Changes brightness, contrast, saturation and hue, in an order that is drawn too, as torchvision's ColorJitter does with tensors: colors
/// from 0 to 1, which are clamped after each change.
/// </summary>
/// <param name="Brightness">All colors times this.</param>
/// <param name="Contrast">Times this around the mean grey of the picture.</param>
/// <param name="Saturation">Times this around each pixel's grey.</param>
/// <param name="Hue">Added to the hue, in turns: a third makes red green.</param>
/// <param name="Order">Which of the 24 orders.</param>
internal sealed record ColorJitter(float Brightness, float Contrast, float Saturation, float Hue, int Order)
{
    private const int Orders = 24;

    /// <summary>Draws changes.</summary>
    /// <param name="random">Where from.</param>
    /// <param name="most">Factors lie from 1 - this to 1 + this, the turn of hues from - this to this.</param>
    public static ColorJitter Draw(ref Philox random, float most)
    {
        float brightness = Symmetric(ref random), contrast = Symmetric(ref random), saturation = Symmetric(ref random),
            hue = Symmetric(ref random);
        return new(1 + brightness, 1 + contrast, 1 + saturation, hue, random.Below(Orders));

        float Symmetric(ref Philox random) => (2 * random.Unit() - 1) * most;
    }

    /// <summary>Changes a picture, planes from 0 to 1.</summary>
    public void Apply(Span<float> red, Span<float> green, Span<float> blue)
    {
        Span<int> left = [0, 1, 2, 3];
        int rest = Order;
        for (int count = 4; count > 0; count--)
        {
            int at = rest % count;
            rest /= count;
            switch (left[at])
            {
                case 0:
                    Blend(red, green, blue, Brightness, 0);
                    break;
                case 1:
                    Blend(red, green, blue, Contrast, MeanGrey(red, green, blue));
                    break;
                case 2:
                    Saturate(red, green, blue);
                    break;
                default:
                    Turn(red, green, blue);
                    break;
            }
            left[(at + 1)..count].CopyTo(left[at..]);
        }
    }

    private static float Grey(float red, float green, float blue) => 0.2989f * red + 0.587f * green + 0.114f * blue;

    private static float MeanGrey(ReadOnlySpan<float> red, ReadOnlySpan<float> green, ReadOnlySpan<float> blue)
    {
        double sum = 0;
        for (int i = 0; i < red.Length; i++) sum += Grey(red[i], green[i], blue[i]);
        return (float)(sum / red.Length);
    }

    private static void Blend(Span<float> red, Span<float> green, Span<float> blue, float factor, float other)
    {
        float rest = (1 - factor) * other;
        Plane(red);
        Plane(green);
        Plane(blue);

        void Plane(Span<float> plane)
        {
            foreach (ref float value in plane) value = Math.Clamp(factor * value + rest, 0, 1);
        }
    }

    private void Saturate(Span<float> red, Span<float> green, Span<float> blue)
    {
        for (int i = 0; i < red.Length; i++)
        {
            float rest = (1 - Saturation) * Grey(red[i], green[i], blue[i]);
            red[i] = Math.Clamp(Saturation * red[i] + rest, 0, 1);
            green[i] = Math.Clamp(Saturation * green[i] + rest, 0, 1);
            blue[i] = Math.Clamp(Saturation * blue[i] + rest, 0, 1);
        }
    }

    /// <summary>Turns hues: to hue, saturation and value and back.</summary>
    private void Turn(Span<float> red, Span<float> green, Span<float> blue)
    {
        for (int i = 0; i < red.Length; i++)
        {
            (float r, float g, float b) = (red[i], green[i], blue[i]);
            float most = Math.Max(r, Math.Max(g, b)), least = Math.Min(r, Math.Min(g, b)), range = most - least;
            if (range == 0) continue; // A grey has no hue.
            float sixth = most == r ? (g - b) / range : most == g ? 2 + (b - r) / range : 4 + (r - g) / range;
            float hue = sixth / 6 + Hue;
            hue = (hue - MathF.Floor(hue)) * 6;
            int sector = (int)hue;
            float part = hue - sector, falling = most - range * part, rising = most - range * (1 - part);
            (red[i], green[i], blue[i]) = (sector % 6) switch
            {
                0 => (most, rising, least),
                1 => (falling, most, least),
                2 => (least, most, rising),
                3 => (least, falling, most),
                4 => (rising, least, most),
                _ => (most, least, falling),
            };
        }
    }
}
