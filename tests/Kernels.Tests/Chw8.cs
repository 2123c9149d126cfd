using Lia.Gpu;

namespace Lia.Kernels.Tests;

/// <summary>Tensors as fp16 maps on the device and back. Memory starts as NaN, so that what a kernel leaves unwritten shows.</summary>
internal static class Chw8
{
    /// <summary>Every value rounded to fp16.</summary>
    public static Tensor Round(Tensor tensor) => tensor.Map((value, _, _) => (float)Intrinsics.ToHalf(value));

    /// <summary>The tensor with its last channels set to zero, as padding is.</summary>
    public static Tensor ClearLast(Tensor tensor, int zeros = 3) => tensor.Map((value, _, c) => c < tensor.Channels - zeros ? value : 0);

    /// <summary>Every value rounded to what the parts of a map hold.</summary>
    public static Tensor Round(Tensor tensor, int parts) => tensor.Map((value, _, _) => Split(value, parts).Sum(half => (float)half));

    public static HalfMap Allocate(DeviceScope scope, int frames, int channels, int height, int width, int planes = 1, int parts = 1)
    {
        Half[] poison = new Half[HalfMap.LengthOf(frames, channels, height, width, parts * planes)];
        Array.Fill(poison, Intrinsics.ToHalf(float.NaN));
        return new(scope.Upload(poison), frames, channels, height, width, planes, parts);
    }

    public static HalfMap Upload(DeviceScope scope, Tensor tensor, int parts = 1)
    {
        HalfMap map = new(default, tensor.Batch, tensor.Channels, tensor.Height, tensor.Width, Parts: parts);
        Half[] values = new Half[map.Length];
        ForEach(tensor, (n, c, y, x) => Write(map, values, n, c, 0, y, x, tensor[n, c, y, x]));
        return map with { View = scope.Upload(values) };
    }

    /// <summary>Cut by the parities of the coordinates; places of a plane that the picture does not have stay NaN.</summary>
    public static HalfMap UploadPhases(DeviceScope scope, Tensor tensor, int parts = 1)
    {
        HalfMap map = new(default, tensor.Batch, tensor.Channels, tensor.Height / 2 + 1, tensor.Width / 2 + 1, 4, parts);
        Half[] values = new Half[map.Length];
        for (int i = 0; i < values.Length; i++)
        {
            // Padding channels are zeros everywhere.
            int octet = i / (8 * map.Width * map.Height * map.StoredPlanes) % map.Octets;
            values[i] = octet * 8 + i % 8 < tensor.Channels ? Intrinsics.ToHalf(float.NaN) : Half.Zero;
        }
        ForEach(tensor, (n, c, y, x) => Write(map, values, n, c, 2 * (y & 1) + (x & 1), y / 2, x / 2, tensor[n, c, y, x]));
        return map with { View = scope.Upload(values) };
    }

    public static Tensor Download(DeviceScope scope, HalfMap map)
    {
        Half[] values = scope.Download(map.View);
        for (int n = 0; n < map.Frames; n++)
        {
            for (int c = map.Channels; c < map.Octets * 8; c++)
            {
                for (int i = 0; i < map.Parts * map.Height * map.Width; i++) Assert.Equal(0f, (float)values[At(map, n, c, 0, 0, i)]);
            }
        }
        return new(map.ToPlanar(values), map.Frames, map.Channels, map.Height, map.Width);
    }

    /// <summary>The picture of (2 (Height - 1) + 1) x (2 (Width - 1) + 1) in a phase-separated map.</summary>
    public static Tensor DownloadPhases(DeviceScope scope, HalfMap map)
    {
        Half[] values = scope.Download(map.View);
        return Tensor.Create(map.Frames, map.Channels, 2 * map.Height - 1, 2 * map.Width - 1, (n, c, y, x) =>
            Read(map, values, n, c, 2 * (y & 1) + (x & 1), y / 2, x / 2));
    }

    /// <summary>A vector of channels, padded with zeros.</summary>
    public static ArrayView<float> Padded(DeviceScope scope, float[] values)
    {
        Array.Resize(ref values, HalfMap.PaddedChannels(values.Length));
        return scope.Upload(values);
    }

    /// <summary>A value as the parts of a map: what is left of it, rounded, and so on.</summary>
    public static IEnumerable<Half> Split(float value, int parts)
    {
        for (int part = 0; part < parts; part++)
        {
            Half half = Intrinsics.ToHalf(value);
            value -= (float)half;
            yield return half;
        }
    }

    private static int At(HalfMap map, int frame, int channel, int plane, int row, int column) =>
        ((((frame * map.Octets + channel / 8) * map.StoredPlanes + plane) * map.Height + row) * map.Width + column) * 8 + channel % 8;

    private static void Write(HalfMap map, Half[] values, int frame, int channel, int plane, int row, int column, float value)
    {
        foreach (Half half in Split(value, map.Parts))
        {
            values[At(map, frame, channel, plane, row, column)] = half;
            plane += map.Planes;
        }
    }

    private static double Read(HalfMap map, Half[] values, int frame, int channel, int plane, int row, int column) =>
        Enumerable.Range(0, map.Parts).Sum(part => (double)(float)values[At(map, frame, channel, part * map.Planes + plane, row, column)]);

    private static void ForEach(Tensor tensor, Action<int, int, int, int> action)
    {
        for (int n = 0; n < tensor.Batch; n++)
            for (int c = 0; c < tensor.Channels; c++)
                for (int y = 0; y < tensor.Height; y++)
                    for (int x = 0; x < tensor.Width; x++) action(n, c, y, x);
    }
}
