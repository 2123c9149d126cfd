namespace Lia.Gpu;

/// <content>`wgmma` for a width that is a constant of the kernel, as a generic kernel's tile gives it.</content>
public static partial class Intrinsics
{
    /// <summary>
    /// <see cref="Wgmma64x8x16"/> with <paramref name="n"/> columns: a constant, 8, 16, 32, 64, 128, 192 or 256; others do nothing.
    /// </summary>
    public static void Wgmma(int n, ref float d, ulong a, ulong b, bool accumulate)
    {
        if (n == 8) Wgmma64x8x16(ref d, a, b, accumulate);
        else if (n == 16) Wgmma64x16x16(ref d, a, b, accumulate);
        else if (n == 32) Wgmma64x32x16(ref d, a, b, accumulate);
        else if (n == 64) Wgmma64x64x16(ref d, a, b, accumulate);
        else if (n == 128) Wgmma64x128x16(ref d, a, b, accumulate);
        else if (n == 192) Wgmma64x192x16(ref d, a, b, accumulate);
        else if (n == 256) Wgmma64x256x16(ref d, a, b, accumulate);
    }

    /// <summary><see cref="WgmmaTurned64x32x16"/> for <paramref name="n"/> columns, 32 or 64; see <see cref="Wgmma"/>.</summary>
    public static void WgmmaTurned(int n, ref float d, ulong a, ulong b, bool accumulate)
    {
        if (n == 32) WgmmaTurned64x32x16(ref d, a, b, accumulate);
        else if (n == 64) WgmmaTurned64x64x16(ref d, a, b, accumulate);
    }

    /// <summary><see cref="WgmmaFence64x8"/> for <paramref name="n"/> columns; see <see cref="Wgmma"/>.</summary>
    public static void WgmmaFence(int n, ref float d)
    {
        if (n == 8) WgmmaFence64x8(ref d);
        else if (n == 16) WgmmaFence64x16(ref d);
        else if (n == 32) WgmmaFence64x32(ref d);
        else if (n == 64) WgmmaFence64x64(ref d);
        else if (n == 128) WgmmaFence64x128(ref d);
        else if (n == 192) WgmmaFence64x192(ref d);
        else if (n == 256) WgmmaFence64x256(ref d);
    }

    /// <summary><see cref="WgmmaWait64x8"/> for <paramref name="n"/> columns; see <see cref="Wgmma"/>.</summary>
    public static void WgmmaWait(int n, ref float d, int pending)
    {
        if (n == 8) WgmmaWait64x8(ref d, pending);
        else if (n == 16) WgmmaWait64x16(ref d, pending);
        else if (n == 32) WgmmaWait64x32(ref d, pending);
        else if (n == 64) WgmmaWait64x64(ref d, pending);
        else if (n == 128) WgmmaWait64x128(ref d, pending);
        else if (n == 192) WgmmaWait64x192(ref d, pending);
        else if (n == 256) WgmmaWait64x256(ref d, pending);
    }
}
