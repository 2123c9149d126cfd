using System.Runtime.CompilerServices;

namespace Lia.Network.Cpu;

// The innermost loops of every convolution: sums[6 pixels][P vectors] += pixels[6][depth] x weights[depth][P vectors].
//
//              weights: P vectors of output channels per input value, contiguous
//                 w0    w1    w2    w3
//   pixel 0  a0[k] -> c00   c01   c02   c03      per k: P loads, 6 broadcasts, 6 P fused multiply-adds.
//   pixel 1  a1[k] -> c10   c11   c12   c13      P = 4 with 32 registers of 512 bits: 24 multiply-adds in 12 cycles on two
//     ...                                        ports while 10 loads take 5, so the multiply-adds are the bound.
//   pixel 5  a5[k] -> c50   c51   c52   c53
//
// The six pixels are arbitrary addresses: strided convolutions, rows that end inside a tile and pictures of 4x4 cost nothing extra.
// The sums stay in registers for one chunk of depth and in L1 between chunks, so that a chunk's weights stay in L1 for all tiles.
internal sealed unsafe partial class CpuKernels<V>
{
    /// <summary>6 pixels x 4 vectors of output channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4(float** pixels, nint offset, nint depth, float* weights, float* sums, bool isFirst)
    {
        int n = V.Count;
        float* a0 = pixels[0] + offset, a1 = pixels[1] + offset, a2 = pixels[2] + offset, a3 = pixels[3] + offset, a4 = pixels[4] + offset,
            a5 = pixels[5] + offset;
        V c00 = default, c01 = default, c02 = default, c03 = default;
        V c10 = default, c11 = default, c12 = default, c13 = default;
        V c20 = default, c21 = default, c22 = default, c23 = default;
        V c30 = default, c31 = default, c32 = default, c33 = default;
        V c40 = default, c41 = default, c42 = default, c43 = default;
        V c50 = default, c51 = default, c52 = default, c53 = default;
        if (!isFirst)
        {
            c00 = V.Load(sums + 0 * n); c01 = V.Load(sums + 1 * n); c02 = V.Load(sums + 2 * n); c03 = V.Load(sums + 3 * n);
            c10 = V.Load(sums + 4 * n); c11 = V.Load(sums + 5 * n); c12 = V.Load(sums + 6 * n); c13 = V.Load(sums + 7 * n);
            c20 = V.Load(sums + 8 * n); c21 = V.Load(sums + 9 * n); c22 = V.Load(sums + 10 * n); c23 = V.Load(sums + 11 * n);
            c30 = V.Load(sums + 12 * n); c31 = V.Load(sums + 13 * n); c32 = V.Load(sums + 14 * n); c33 = V.Load(sums + 15 * n);
            c40 = V.Load(sums + 16 * n); c41 = V.Load(sums + 17 * n); c42 = V.Load(sums + 18 * n); c43 = V.Load(sums + 19 * n);
            c50 = V.Load(sums + 20 * n); c51 = V.Load(sums + 21 * n); c52 = V.Load(sums + 22 * n); c53 = V.Load(sums + 23 * n);
        }
        for (nint k = 0; k < depth; k++)
        {
            V w0 = V.Load(weights), w1 = V.Load(weights + 1 * n), w2 = V.Load(weights + 2 * n), w3 = V.Load(weights + 3 * n);
            weights += 4 * n;
            V x;
            x = V.Broadcast(a0[k]);
            c00 = V.MultiplyAdd(x, w0, c00); c01 = V.MultiplyAdd(x, w1, c01); c02 = V.MultiplyAdd(x, w2, c02);
            c03 = V.MultiplyAdd(x, w3, c03);
            x = V.Broadcast(a1[k]);
            c10 = V.MultiplyAdd(x, w0, c10); c11 = V.MultiplyAdd(x, w1, c11); c12 = V.MultiplyAdd(x, w2, c12);
            c13 = V.MultiplyAdd(x, w3, c13);
            x = V.Broadcast(a2[k]);
            c20 = V.MultiplyAdd(x, w0, c20); c21 = V.MultiplyAdd(x, w1, c21); c22 = V.MultiplyAdd(x, w2, c22);
            c23 = V.MultiplyAdd(x, w3, c23);
            x = V.Broadcast(a3[k]);
            c30 = V.MultiplyAdd(x, w0, c30); c31 = V.MultiplyAdd(x, w1, c31); c32 = V.MultiplyAdd(x, w2, c32);
            c33 = V.MultiplyAdd(x, w3, c33);
            x = V.Broadcast(a4[k]);
            c40 = V.MultiplyAdd(x, w0, c40); c41 = V.MultiplyAdd(x, w1, c41); c42 = V.MultiplyAdd(x, w2, c42);
            c43 = V.MultiplyAdd(x, w3, c43);
            x = V.Broadcast(a5[k]);
            c50 = V.MultiplyAdd(x, w0, c50); c51 = V.MultiplyAdd(x, w1, c51); c52 = V.MultiplyAdd(x, w2, c52);
            c53 = V.MultiplyAdd(x, w3, c53);
        }
        c00.Store(sums + 0 * n); c01.Store(sums + 1 * n); c02.Store(sums + 2 * n); c03.Store(sums + 3 * n);
        c10.Store(sums + 4 * n); c11.Store(sums + 5 * n); c12.Store(sums + 6 * n); c13.Store(sums + 7 * n);
        c20.Store(sums + 8 * n); c21.Store(sums + 9 * n); c22.Store(sums + 10 * n); c23.Store(sums + 11 * n);
        c30.Store(sums + 12 * n); c31.Store(sums + 13 * n); c32.Store(sums + 14 * n); c33.Store(sums + 15 * n);
        c40.Store(sums + 16 * n); c41.Store(sums + 17 * n); c42.Store(sums + 18 * n); c43.Store(sums + 19 * n);
        c50.Store(sums + 20 * n); c51.Store(sums + 21 * n); c52.Store(sums + 22 * n); c53.Store(sums + 23 * n);
    }

    /// <summary>6 pixels x 2 vectors of output channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2(float** pixels, nint offset, nint depth, float* weights, float* sums, bool isFirst)
    {
        int n = V.Count;
        float* a0 = pixels[0] + offset, a1 = pixels[1] + offset, a2 = pixels[2] + offset, a3 = pixels[3] + offset, a4 = pixels[4] + offset,
            a5 = pixels[5] + offset;
        V c00 = default, c01 = default;
        V c10 = default, c11 = default;
        V c20 = default, c21 = default;
        V c30 = default, c31 = default;
        V c40 = default, c41 = default;
        V c50 = default, c51 = default;
        if (!isFirst)
        {
            c00 = V.Load(sums + 0 * n); c01 = V.Load(sums + 1 * n);
            c10 = V.Load(sums + 2 * n); c11 = V.Load(sums + 3 * n);
            c20 = V.Load(sums + 4 * n); c21 = V.Load(sums + 5 * n);
            c30 = V.Load(sums + 6 * n); c31 = V.Load(sums + 7 * n);
            c40 = V.Load(sums + 8 * n); c41 = V.Load(sums + 9 * n);
            c50 = V.Load(sums + 10 * n); c51 = V.Load(sums + 11 * n);
        }
        for (nint k = 0; k < depth; k++)
        {
            V w0 = V.Load(weights), w1 = V.Load(weights + 1 * n);
            weights += 2 * n;
            V x;
            x = V.Broadcast(a0[k]);
            c00 = V.MultiplyAdd(x, w0, c00); c01 = V.MultiplyAdd(x, w1, c01);
            x = V.Broadcast(a1[k]);
            c10 = V.MultiplyAdd(x, w0, c10); c11 = V.MultiplyAdd(x, w1, c11);
            x = V.Broadcast(a2[k]);
            c20 = V.MultiplyAdd(x, w0, c20); c21 = V.MultiplyAdd(x, w1, c21);
            x = V.Broadcast(a3[k]);
            c30 = V.MultiplyAdd(x, w0, c30); c31 = V.MultiplyAdd(x, w1, c31);
            x = V.Broadcast(a4[k]);
            c40 = V.MultiplyAdd(x, w0, c40); c41 = V.MultiplyAdd(x, w1, c41);
            x = V.Broadcast(a5[k]);
            c50 = V.MultiplyAdd(x, w0, c50); c51 = V.MultiplyAdd(x, w1, c51);
        }
        c00.Store(sums + 0 * n); c01.Store(sums + 1 * n);
        c10.Store(sums + 2 * n); c11.Store(sums + 3 * n);
        c20.Store(sums + 4 * n); c21.Store(sums + 5 * n);
        c30.Store(sums + 6 * n); c31.Store(sums + 7 * n);
        c40.Store(sums + 8 * n); c41.Store(sums + 9 * n);
        c50.Store(sums + 10 * n); c51.Store(sums + 11 * n);
    }

    /// <summary>6 pixels x 1 vector of output channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1(float** pixels, nint offset, nint depth, float* weights, float* sums, bool isFirst)
    {
        int n = V.Count;
        float* a0 = pixels[0] + offset, a1 = pixels[1] + offset, a2 = pixels[2] + offset, a3 = pixels[3] + offset, a4 = pixels[4] + offset,
            a5 = pixels[5] + offset;
        V c00 = default;
        V c10 = default;
        V c20 = default;
        V c30 = default;
        V c40 = default;
        V c50 = default;
        if (!isFirst)
        {
            c00 = V.Load(sums + 0 * n);
            c10 = V.Load(sums + 1 * n);
            c20 = V.Load(sums + 2 * n);
            c30 = V.Load(sums + 3 * n);
            c40 = V.Load(sums + 4 * n);
            c50 = V.Load(sums + 5 * n);
        }
        for (nint k = 0; k < depth; k++)
        {
            V w0 = V.Load(weights);
            weights += n;
            V x;
            x = V.Broadcast(a0[k]);
            c00 = V.MultiplyAdd(x, w0, c00);
            x = V.Broadcast(a1[k]);
            c10 = V.MultiplyAdd(x, w0, c10);
            x = V.Broadcast(a2[k]);
            c20 = V.MultiplyAdd(x, w0, c20);
            x = V.Broadcast(a3[k]);
            c30 = V.MultiplyAdd(x, w0, c30);
            x = V.Broadcast(a4[k]);
            c40 = V.MultiplyAdd(x, w0, c40);
            x = V.Broadcast(a5[k]);
            c50 = V.MultiplyAdd(x, w0, c50);
        }
        c00.Store(sums + 0 * n);
        c10.Store(sums + 1 * n);
        c20.Store(sums + 2 * n);
        c30.Store(sums + 3 * n);
        c40.Store(sums + 4 * n);
        c50.Store(sums + 5 * n);
    }
}
