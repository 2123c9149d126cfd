using System.Globalization;
using System.Text;
using Lia.Media.IO;

namespace Lia.Media.Raw;

/// <summary>What the first line of a yuv4mpeg stream says: <c>YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED</c>.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Rate">Frames a second; null when it does not say.</param>
/// <param name="Chroma">How the colour planes are sampled.</param>
/// <param name="IsFullRange">Whether the samples use all of 0..255.</param>
internal sealed record Yuv4MpegHeader(int Width, int Height, FrameRate? Rate, Chroma Chroma, bool IsFullRange)
{
    private const int LongestLine = 1 << 12;

    /// <summary>How every such stream begins.</summary>
    public static ReadOnlySpan<byte> Signature => "YUV4MPEG2 "u8;

    /// <summary>Whether a file begins as a yuv4mpeg stream does.</summary>
    public static bool Recognizes(string path)
    {
        using FileStream file = Inputs.OpenFile(path);
        return new CountedStream(file, path, CancellationToken.None).StartsWith(Signature);
    }

    /// <summary>Reads the line from the start of a stream.</summary>
    /// <exception cref="MediaException">It is no such line, or describes what this program does not read.</exception>
    public static Yuv4MpegHeader Read(CountedStream stream)
    {
        if (!stream.StartsWith(Signature)) throw stream.Damaged(0, "it is not a yuv4mpeg stream: it does not begin with YUV4MPEG2.");
        // No control character is part of a field that is read, and fields are part of messages.
        string line = string.Concat(ReadLine(stream).Select(static c => char.IsControl(c) ? '?' : c));
        int width = 0, height = 0;
        FrameRate? rate = null;
        string sampling = "420jpeg", range = "";
        int offset = Signature.Length;
        foreach (string field in line[Signature.Length..].Split(' '))
        {
            string value = field.Length > 0 ? field[1..] : "";
            switch (field.Length > 0 ? field[0] : ' ')
            {
                case 'W': width = Extent(value); break;
                case 'H': height = Extent(value); break;
                case 'F': rate = Rational(value); break;
                case 'C': sampling = value; break;
                case 'X' when value.StartsWith("COLORRANGE=", StringComparison.Ordinal): range = value["COLORRANGE=".Length..]; break;
            }
            offset += field.Length + 1;

            int Extent(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int extent) && extent > 0
                ? extent : throw stream.Damaged(offset, $"{field} of the yuv4mpeg header is not an extent.");

            FrameRate? Rational(string text) => text == "0:0" ? null
                : FrameRate.TryParse(text.Replace(':', '/'), out FrameRate known) ? known
                : throw stream.Damaged(offset, $"{field} of the yuv4mpeg header is not a frame rate.");
        }
        if (width == 0 || height == 0) throw stream.Damaged(0, "the yuv4mpeg header does not say how large the frames are.");
        Inputs.RefuseTooLarge(stream.Name, width, height);
        Chroma chroma = sampling switch
        {
            "420jpeg" or "420mpeg2" or "420paldv" or "420" => Chroma.Sampling420,
            "422" => Chroma.Sampling422,
            "444" => Chroma.Sampling444,
            "mono" => Chroma.Mono,
            _ => throw new MediaException(
                $"{stream.Name}: the colour format C{sampling} is not read; 8-bit 420jpeg, 420mpeg2, 420paldv, 422, 444 and mono are "
                    + "(ffmpeg: -pix_fmt yuv420p)."),
        };
        // Where nothing is said, colour is limited and grey is full, as ffmpeg has it.
        return new(width, height, rate, chroma, range == "FULL" || range != "LIMITED" && !chroma.HasColor);
    }

    /// <summary>Reads a line of text without its end.</summary>
    /// <exception cref="MediaException">The stream ends before, or the line is too long to be one.</exception>
    public static string ReadLine(CountedStream stream)
    {
        long start = stream.Offset;
        StringBuilder line = new();
        for (int c; (c = stream.ReadByte()) != '\n';)
        {
            if (c < 0) throw stream.Damaged(stream.Offset, "the stream ends within a line of the yuv4mpeg format.");
            if (line.Append((char)c).Length > LongestLine) throw stream.Damaged(start, "there is no line of the yuv4mpeg format.");
        }
        return line.ToString();
    }
}
