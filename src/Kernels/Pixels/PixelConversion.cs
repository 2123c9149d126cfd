using Lia.Gpu.Runtime;

namespace Lia.Kernels.Pixels;

/// <summary>What the conversions between pictures and planes are passed.</summary>
internal struct PixelArguments
{
    /// <summary>RGB bytes [frame, pixel, 3].</summary>
    public ArrayView<byte> Pixels;

    /// <summary>Planar floats [frame, 3, pixel].</summary>
    public ArrayView<float> Planes;

    public int Frames, PixelsPerFrame;
}

/// <summary>
/// RGB bytes to the network's planes and back: x = (u8 / 255 - 0.5) * 2, and u8 = round((clamp(x, -1, 1) + 1) / 2 * 255), ties to even. A
/// thread takes a pixel. Bound by 15 bytes a pixel.
/// </summary>
internal static class PixelConversion
{
    /// <summary>Bytes to planes.</summary>
    public static KernelLaunch PrepareNormalize(KernelLoader loader, PixelArguments arguments) => Prepare(loader, Normalize, arguments);

    /// <summary>Planes to bytes.</summary>
    public static KernelLaunch PreparePack(KernelLoader loader, PixelArguments arguments) => Prepare(loader, Pack, arguments);

    public static void Normalize(PixelArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int frame = index / a.PixelsPerFrame;
        if (frame < a.Frames)
        {
            int plane = frame * 3 * a.PixelsPerFrame + index - frame * a.PixelsPerFrame;
            for (int color = 0; color < 3; color++)
                a.Planes[plane + color * a.PixelsPerFrame] = (a.Pixels[index * 3 + color] / 255f - 0.5f) * 2f;
        }
    }

    public static void Pack(PixelArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int frame = index / a.PixelsPerFrame;
        if (frame < a.Frames)
        {
            int plane = frame * 3 * a.PixelsPerFrame + index - frame * a.PixelsPerFrame;
            for (int color = 0; color < 3; color++)
                a.Pixels[index * 3 + color] = Intrinsics.RoundToByte((a.Planes[plane + color * a.PixelsPerFrame] + 1f) / 2f * 255f);
        }
    }

    private static KernelLaunch Prepare(KernelLoader loader, Action<PixelArguments> kernel, PixelArguments arguments)
    {
        double pixels = (double)arguments.Frames * arguments.PixelsPerFrame;
        return KernelLaunch.Create(loader, kernel, KernelLaunch.Linear((long)pixels), arguments, bytes: 15 * pixels);
    }
}
