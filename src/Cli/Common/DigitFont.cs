namespace Lia.Cli;

/// <summary>Numbers in black, in characters of 5x7 dots: digits, signs and the point.</summary>
internal static class DigitFont
{
    /// <summary>Dots in a column of a character.</summary>
    public const int Height = 7;

    private const int Dots = 5, Advance = Dots + 1;
    private const string Characters = "0123456789+-.";

    // A row of text for each row of dots; a character for each six columns.
    private static readonly string[] Rows =
    [
        " ###    #    ###  #####    #  #####   ##  #####  ###   ###                    ",
        "#   #  ##   #   #    #    ##  #      #        # #   # #   #   #               ",
        "#  ##   #       #   #    # #  ####  #        #  #   # #   #   #               ",
        "# # #   #      #     #  #  #      # ####    #    ###   #### ##### #####       ",
        "##  #   #     #       # #####     # #   #  #    #   #     #   #               ",
        "#   #   #    #    #   #    #  #   # #   #  #    #   #    #    #          ##   ",
        " ###   ###  #####  ###     #   ###   ###   #     ###   ##                ##   ",
    ];

    /// <summary>Pixels across.</summary>
    public static int Width(string text, int scale) => (text.Length * Advance - 1) * scale;

    /// <summary>Draws a number; each dot is <paramref name="scale"/> pixels square. It must fit into the picture.</summary>
    public static void Draw(RgbImage picture, string text, int left, int top, int scale)
    {
        for (int i = 0; i < text.Length; i++)
        {
            int character = Characters.IndexOf(text[i], StringComparison.Ordinal);
            for (int y = 0; y < Height * scale; y++)
            {
                for (int x = 0; x < Dots * scale; x++)
                    if (Rows[y / scale][character * Advance + x / scale] == '#')
                        picture.Pixels.AsSpan(3 * ((top + y) * picture.Width + left + i * Advance * scale + x), 3).Clear();
            }
        }
    }
}
