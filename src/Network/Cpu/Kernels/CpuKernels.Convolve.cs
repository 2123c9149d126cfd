using System.Runtime.CompilerServices;

namespace Lia.Network.Cpu;

// A convolution is a matrix product: pixels x (kernel rows x depth) times (kernel rows x depth) x output channels. One call computes a
// block of up to 96 pixels x 64 channels:
//
//   for each chunk of depth (at most 128 input values: 64 channels x 128 x 4 bytes = 32 KiB of weights, which stay in L1)
//     for each panel of the block's channels
//       for each tile of 6 pixels: sums += tile                    sums: 96 x 64 x 4 = 24 KiB of the worker's scratch
//   then the epilogue, once, from the sums to the output.
//
// How the picture is cut into blocks changes nothing in the result: an output's products are always added in the same order.
internal sealed unsafe partial class CpuKernels<V> : CpuKernels where V : unmanaged, IVector<V>
{
    private const int ChunkDepth = 128;

    public override int Lanes => V.Count;

    public override int PanelVectorsAt(int column, int columns)
    {
        int vectors = (columns - column) / V.Count;
        return vectors >= V.PanelVectors ? V.PanelVectors : vectors >= 2 ? 2 : 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Convolve(in ConvolutionArguments arguments, int first, int count, int block, float* scratch)
    {
        int tiles = (count + TilePixels - 1) / TilePixels;
        float** pixels = stackalloc float*[BlockTiles * TilePixels];
        int y = first / arguments.Width, x = first % arguments.Width;
        for (int i = 0; i < tiles * TilePixels; i++)
        {
            pixels[i] = arguments.Input + y * arguments.InputRowStep + x * arguments.InputStep;
            if (i < count - 1 && ++x == arguments.Width) (x, y) = (0, y + 1); // The last pixel fills the last tile.
        }

        int start = block * BlockColumns, end = Math.Min(start + BlockColumns, arguments.Columns);
        int chunks = (arguments.Depth + ChunkDepth - 1) / ChunkDepth, chunk = (arguments.Depth + chunks - 1) / chunks;
        nint totalDepth = (nint)arguments.Runs * arguments.Depth;
        for (int run = 0; run < arguments.Runs; run++)
        {
            for (int k = 0; k < arguments.Depth; k += chunk)
            {
                int depth = Math.Min(chunk, arguments.Depth - k);
                nint offset = run * arguments.RunStep + k, done = (nint)run * arguments.Depth + k;
                for (int column = start, vectors; column < end; column += vectors * V.Count)
                {
                    vectors = PanelVectorsAt(column, arguments.Columns);
                    float* weights = arguments.Weights + column * totalDepth + done * vectors * V.Count;
                    float* sums = scratch + (column - start) * tiles * TilePixels;
                    for (int tile = 0; tile < tiles; tile++, sums += TilePixels * vectors * V.Count)
                    {
                        if (vectors == 4) Tile4(pixels + tile * TilePixels, offset, depth, weights, sums, done == 0);
                        else if (vectors == 2) Tile2(pixels + tile * TilePixels, offset, depth, weights, sums, done == 0);
                        else Tile1(pixels + tile * TilePixels, offset, depth, weights, sums, done == 0);
                    }
                }
            }
        }

        y = first / arguments.Width;
        x = first % arguments.Width;
        for (int i = 0; i < count; i++)
        {
            float* output = arguments.Output + y * arguments.OutputRowStep + x * arguments.OutputStep;
            for (int column = start, vectors; column < end; column += vectors * V.Count)
            {
                vectors = PanelVectorsAt(column, arguments.Columns);
                float* sums = scratch + (column - start) * tiles * TilePixels + i * vectors * V.Count;
                for (int v = 0; v < vectors; v++)
                {
                    int channel = column + v * V.Count;
                    Finish(arguments.Epilogue, V.Load(sums + v * V.Count), output + channel, channel);
                }
            }
            if (++x == arguments.Width) (x, y) = (0, y + 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(in Epilogue epilogue, V sum, float* output, int channel)
    {
        V value = V.MultiplyAdd(sum, V.Load(epilogue.Scale + channel), V.Load(epilogue.Bias + channel));
        value = V.Max(value, V.Multiply(value, V.Broadcast(epilogue.Slope)));
        if (epilogue.Accumulate) value = V.Add(value, V.Load(output));
        if (epilogue.Post != null) value = V.Multiply(value, V.Load(epilogue.Post + channel));
        value.Store(output);
    }
}
