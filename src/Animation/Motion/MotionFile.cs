using System.Globalization;
using System.Runtime.InteropServices;
using Lia.Weights;

namespace Lia.Animation.Motion;

/// <summary>
/// A motion clip as a safetensors file: one tensor, <c>codes</c> [frames, directions] of float32, and the rest as metadata.
/// <code>
/// format        lia-motion
/// version       1
/// fingerprint   64 hexadecimal digits
/// frame_rate    24/1
/// start         0
/// model, device for people to read; may be absent
/// </code>
/// </summary>
internal static class MotionFile
{
    private const string Tensor = "codes", Format = "lia-motion", Version = "1";
    private const string FormatKey = "format", VersionKey = "version", FingerprintKey = "fingerprint", RateKey = "frame_rate",
        StartKey = "start", ModelKey = "model", DeviceKey = "device";

    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void Write(MotionClip clip, string path)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("safetensors files are little-endian.");
        Dictionary<string, string> metadata = new()
        {
            [FormatKey] = Format,
            [VersionKey] = Version,
            [FingerprintKey] = clip.Fingerprint,
            [RateKey] = clip.FrameRate.ToString(),
            [StartKey] = clip.Start.ToString(CultureInfo.InvariantCulture),
        };
        if (clip.Model is { } model) metadata[ModelKey] = model;
        if (clip.Device is { } device) metadata[DeviceKey] = device;
        try
        {
            SafetensorsWriter.Write(path, [new TensorInfo(Tensor, DType.Float32, [clip.Count, clip.Directions])], metadata,
                (_, destination) => MemoryMarshal.AsBytes(clip.Codes).CopyTo(destination));
        }
        catch (WeightsException failure)
        {
            throw new MediaException(failure.Message, failure);
        }
    }

    /// <exception cref="MediaException">The file is missing, damaged or no motion file.</exception>
    public static MotionClip Read(string path)
    {
        try
        {
            using SafetensorsFile file = new(path);
            if (!file.Metadata.TryGetValue(FormatKey, out string? format) || format != Format)
                throw new MediaException($"{path}: it is not a motion file; `lia motion extract` writes them.");
            if (Entry(VersionKey) is var version && version != Version)
                throw new MediaException($"{path}: it is a motion file of version {Printable(version)}; version {Version} is understood.");
            if (!file.Tensors.TryGetValue(Tensor, out TensorInfo? info))
                throw new MediaException($"{path}: damaged motion file: there is no tensor '{Tensor}'.");
            if (info.DType != DType.Float32 || info.Shape.Count != 2)
                throw new MediaException($"{path}: damaged motion file: tensor '{Tensor}' is {info.DType.SafetensorsName()} of shape "
                    + $"[{string.Join(", ", info.Shape)}]; F32 [frames, directions] is expected.");
            if (!FrameRate.TryParse(Entry(RateKey), out FrameRate rate)) throw Damaged(RateKey, "a rate such as 24/1");
            if (!int.TryParse(Entry(StartKey), NumberStyles.None, CultureInfo.InvariantCulture, out int start))
                throw Damaged(StartKey, "a frame number");
            // Values may lie anywhere in the file; the clip's constructor judges them.
            return new MotionClip(MemoryMarshal.Cast<byte, float>(file.Bytes(Tensor).ToArray()), info.Shape[1], rate, Entry(FingerprintKey),
                start)
            {
                Model = file.Metadata.GetValueOrDefault(ModelKey),
                Device = file.Metadata.GetValueOrDefault(DeviceKey),
                Path = path,
            };

            string Entry(string key) =>
                file.Metadata.TryGetValue(key, out string? value) ? value
                    : throw new MediaException($"{path}: damaged motion file: the metadata entry '{key}' is missing.");

            MediaException Damaged(string key, string expected) =>
                new($"{path}: damaged motion file: the metadata entry '{key}' is '{Printable(Entry(key))}', not {expected}.");
        }
        catch (WeightsException failure)
        {
            throw new MediaException(failure.Message, failure);
        }
        catch (ArgumentException failure)
        {
            throw new MediaException($"{path}: damaged motion file: {failure.Message.Split(" (Parameter", 2)[0]}", failure);
        }
    }

    /// <summary>Text of an untrusted file in a message: a line of printable characters, not too long.</summary>
    public static string Printable(string text)
    {
        string line = string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));
        return line.Length <= 80 ? line : string.Concat(line.AsSpan(0, 77), "...");
    }
}
