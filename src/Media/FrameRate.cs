using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Lia;

/// <summary>Frames a second as an exact fraction in lowest terms, for example 30000/1001.</summary>
public readonly record struct FrameRate
{
    private readonly int _denominator;

    /// <summary>Creates a rate and reduces it to lowest terms.</summary>
    /// <param name="numerator">Frames, at least 1.</param>
    /// <param name="denominator">In so many seconds, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A term is below 1.</exception>
    public FrameRate(int numerator, int denominator = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(numerator, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(denominator, 1);
        (Int128 frames, Int128 seconds) = Reduce(numerator, denominator);
        (Numerator, _denominator) = ((int)frames, (int)seconds);
    }

    /// <summary>25 frames a second: what folders of frames and single pictures play at unless told otherwise.</summary>
    public static FrameRate Default => new(25);

    /// <summary>The rate of a number of frames in a number of seconds.</summary>
    /// <returns>Null where a term is below 1, or in lowest terms has more than 31 bits.</returns>
    internal static FrameRate? Of(Int128 frames, Int128 seconds)
    {
        if (frames < 1 || seconds < 1) return null;
        (frames, seconds) = Reduce(frames, seconds);
        return frames <= int.MaxValue && seconds <= int.MaxValue ? new((int)frames, (int)seconds) : null;
    }

    /// <summary>Frames ...</summary>
    public int Numerator { get; }

    /// <summary>... in so many seconds.</summary>
    public int Denominator => Math.Max(_denominator, 1);

    /// <summary>Frames a second.</summary>
    public double Value => (double)Numerator / Denominator;

    /// <summary>How long a number of frames plays.</summary>
    /// <param name="frames">Number of frames.</param>
    /// <returns>Seconds.</returns>
    public double Seconds(long frames) => (double)frames * Denominator / Numerator;

    /// <summary>
    /// Reads <c>24</c>, <c>24/1</c>, <c>30000/1001</c> or a decimal number: <c>12.5</c> is 25/2, and <c>29.97</c> is what it stands for in
    /// video, 30000/1001; so are 23.976, 23.98, 47.952, 59.94, 119.88 and their like.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="rate">The rate read.</param>
    /// <returns>Whether <paramref name="text"/> is a rate.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out FrameRate rate)
    {
        rate = default;
        string[] terms = (text ?? "").Split('/');
        if (terms is [var point] && point.Contains('.', StringComparison.Ordinal)) return Decimal(point, out rate);
        if (terms.Length > 2 || !Term(terms[0], out int numerator)) return false;
        int denominator = 1;
        if (terms.Length == 2 && !Term(terms[1], out denominator)) return false;
        rate = new FrameRate(numerator, denominator);
        return true;

        static bool Term(string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value > 0;
    }

    private static (Int128 Numerator, Int128 Denominator) Reduce(Int128 numerator, Int128 denominator)
    {
        Int128 divisor = (Int128)System.Numerics.BigInteger.GreatestCommonDivisor(numerator, denominator);
        return (numerator / divisor, denominator / divisor);
    }

    private static bool Decimal(string text, out FrameRate rate)
    {
        rate = default;
        const int MostDigits = 3;
        if (text.Length - text.IndexOf('.') - 1 > MostDigits
            || !decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
            || value < 0.001m || value > 100_000)
        {
            return false;
        }
        // Television's rates are a thousandth below a whole number, and written with two digits or three.
        int whole = (int)Math.Ceiling(value);
        decimal television = whole * 1000m / 1001;
        bool isTelevision = value == Math.Round(television, 2) || value == Math.Round(television, 3);
        rate = isTelevision && value != whole ? new FrameRate(whole * 1000, 1001) : new FrameRate((int)(value * 1000), 1000);
        return true;
    }

    /// <summary>The fraction, for example <c>24/1</c>.</summary>
    public override string ToString() => $"{Numerator}/{Denominator}";
}
