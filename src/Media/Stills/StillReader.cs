using Lia.Media.Imaging;
using Lia.Media.IO;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia.Media.Stills;

/// <summary>
/// Still pictures through ImageSharp: JPEG, WebP, BMP, TGA, TIFF and GIF, by what is in the file, upright as EXIF says. A file is looked
/// through for an early end before it is decoded, since the decoders make gray of what is missing; its size is known and within the limits
/// before memory is taken for it; and that memory is bounded.
/// </summary>
internal static class StillReader
{
    /// <summary>
    /// Bytes a decoder may take at once, whatever the picture, and for each of its pixels: the planes, coefficients and rows of the
    /// thirstiest (a progressive JPEG of four channels; a TIFF of 16 bits) have half of it.
    /// </summary>
    private const long FreeBytes = 16 << 20, BytesPerPixel = 32;

    /// <summary>Reads a picture, or the first of several.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isClip">Whether the file is wanted with all its frames: an animation is then somebody else's.</param>
    /// <param name="background">What transparent pixels show; null for their stored colors.</param>
    /// <param name="cancellationToken">Ends decoding.</param>
    /// <returns>
    /// Null when the file is none of these formats, or of a kind that ImageSharp does not decode (arithmetic coding, say) or should not
    /// (WebP without loss).
    /// </returns>
    /// <exception cref="MediaException">It is damaged, ends early, or is too large for the limits or its length.</exception>
    public static RgbImage? TryRead(string path, bool isClip, RgbColor? background, CancellationToken cancellationToken)
    {
        using FileStream file = Inputs.OpenFile(path);
        return TryRead(file, path, isClip, background, cancellationToken);
    }

    /// <summary>Does what <see cref="TryRead(string, bool, RgbColor?, CancellationToken)"/> does with bytes that are no file.</summary>
    /// <param name="file">Can be read anywhere.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="isClip">Whether all frames are wanted.</param>
    /// <param name="background">What transparent pixels show.</param>
    /// <param name="cancellationToken">Ends decoding.</param>
    /// <param name="mostSide">The most pixels of a side; asked before anything is decoded.</param>
    public static RgbImage? TryRead(
        Stream file, string path, bool isClip, RgbColor? background, CancellationToken cancellationToken, int mostSide = int.MaxValue)
    {
        if (StillFormat.Of(file) is not { } format) return null;
        try
        {
            StillFacts facts = format.Examine(file);
            if (facts.IsForeign || facts.IsAnimation && isClip) return null;
            file.Position = 0;
            // Extents are read with the memory of a small picture.
            IImageInfo? info = ((IImageInfoDetector)format.Decoder()).Identify(Configuration(FreeBytes), file, cancellationToken);
            if (info is null) throw Damaged("there is no picture in it");
            if (info.Width < 1 || info.Height < 1) throw Damaged($"its size is {info.Width}x{info.Height}");
            Inputs.RefuseTooLarge(path, info.Width, info.Height);
            if (Math.Max(info.Width, info.Height) > mostSide)
                throw new MediaException($"{path}: {info.Width}x{info.Height} is too large; here it has at most {mostSide} pixels a side.");
            long pixels = (long)info.Width * info.Height;
            if (pixels > format.MostPixels(file.Length))
                throw Damaged($"{file.Length:N0} bytes cannot hold {info.Width}x{info.Height} pixels");
            file.Position = 0;
            RgbImage image = Decode(format, file, Configuration(FreeBytes + BytesPerPixel * pixels), background, cancellationToken);
            return Orientation.Apply(image, facts.Orientation);
        }
        catch (NotSupportedException)
        {
            return null;
        }
        catch (EndOfStreamException)
        {
            throw Damaged("the file ends early");
        }
        catch (IOException failure)
        {
            throw new MediaException($"{path}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
        catch (InvalidDataException failure)
        {
            throw Damaged(failure.Message, failure);
        }
        catch (InvalidMemoryOperationException failure)
        {
            throw Damaged("decoding it takes more memory than its size allows", failure);
        }
        // ImageSharp documents ImageFormatException for bad bytes; what else its decoders run into with them is no better reason to end a
        // program.
        catch (Exception failure) when (failure is not (MediaException or OperationCanceledException or OutOfMemoryException))
        {
            throw Damaged("its data is not in order", failure);
        }

        MediaException Damaged(string how, Exception? cause = null) =>
            cause is null ? new($"{path}: damaged {format.Name}: {how}") : new($"{path}: damaged {format.Name}: {how}", cause);
    }

    private static RgbImage Decode(
        StillFormat format, Stream file, Configuration configuration, RgbColor? background, CancellationToken cancellationToken)
    {
        if (background is not { } color)
        {
            using Image<Rgb24> opaque = format.Decoder().Decode<Rgb24>(configuration, file, cancellationToken);
            return RgbImage.From(opaque);
        }
        using Image<Rgba32> image = format.Decoder().Decode<Rgba32>(configuration, file, cancellationToken);
        RgbImage seen = new(image.Width, image.Height);
        image.ProcessPixelRows(rows =>
        {
            for (int y = 0, at = 0; y < rows.Height; y++)
            {
                ReadOnlySpan<byte> row = System.Runtime.InteropServices.MemoryMarshal.AsBytes(rows.GetRowSpan(y));
                for (; row.Length > 0; row = row[4..], at += 3) color.Under(row, seen.Pixels.AsSpan(at, 3));
            }
        });
        return seen;
    }

    /// <summary>Nothing but the decoder that is asked takes part, and it works on this thread.</summary>
    private static Configuration Configuration(long bytes) =>
        new() { MemoryAllocator = new BoundedAllocator(bytes), MaxDegreeOfParallelism = 1 };
}
