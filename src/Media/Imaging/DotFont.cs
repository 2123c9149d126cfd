namespace Lia.Media.Imaging;

/// <summary>Labels in characters of 5x7 dots: letters (capitals stand for small ones), digits and a few signs.</summary>
internal static class DotFont
{
    /// <summary>Dots in a column of a character.</summary>
    public const int Height = 7;

    private const int Dots = 5, Advance = Dots + 1;
    private const string Characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-./():=%";

    // Seven rows for each character, from the top; of each the five dots as bits, the leftmost first.
    private static readonly byte[] Rows = Convert.FromHexString(
        "0E11111F111111" + "1E11111E11111E" + "0E11101010110E" + "1C12111111121C" + "1F10101E10101F" + "1F10101E101010" + "0E11101711110F"
        + "1111111F111111" + "0E04040404040E" + "0702020202120C" + "11121418141211" + "1010101010101F" + "111B1515111111" + "11111915131111"
        + "0E11111111110E" + "1E11111E101010" + "0E11111115120D" + "1E11111E141211" + "0F10100E01011E" + "1F040404040404" + "1111111111110E"
        + "11111111110A04" + "1111111515150A" + "11110A040A1111" + "1111110A040404" + "1F01020408101F"
        + "0E11131519110E" + "040C040404040E" + "0E11010204081F" + "1F02040201110E" + "02060A121F0202" + "1F101E0101110E" + "0608101E11110E"
        + "1F010204080808" + "0E11110E11110E" + "0E11110F01020C"
        + "0004041F040400" + "0000001F000000" + "00000000000C0C" + "00010204081000" + "02040808080402" + "08040202020408" + "000C0C000C0C00"
        + "00001F001F0000" + "18190204081303");

    /// <summary>Pixels across.</summary>
    public static int Width(string text, int scale) => (text.Length * Advance - 1) * scale;

    /// <summary>Draws a text; each dot is <paramref name="scale"/> pixels square. It must fit into the picture; characters that there are
    /// not are left blank.</summary>
    public static void Draw(RgbImage picture, string text, int left, int top, int scale, RgbColor color = default)
    {
        for (int i = 0; i < text.Length; i++)
        {
            int character = Characters.IndexOf(char.ToUpperInvariant(text[i]), StringComparison.Ordinal);
            if (character < 0) continue;
            for (int y = 0; y < Height * scale; y++)
            {
                for (int x = 0; x < Dots * scale; x++)
                {
                    if ((Rows[character * Height + y / scale] >> (Dots - 1 - x / scale) & 1) == 0) continue;
                    int at = 3 * ((top + y) * picture.Width + left + i * Advance * scale + x);
                    (picture.Pixels[at], picture.Pixels[at + 1], picture.Pixels[at + 2]) = (color.Red, color.Green, color.Blue);
                }
            }
        }
    }
}
