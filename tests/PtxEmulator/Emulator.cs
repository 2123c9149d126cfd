using Lia.PtxEmulator.Detectors;
using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator;

/// <summary>
/// Runs PTX kernels on the CPU and refuses what a GPU would silently get wrong: see <see cref="EmulationErrorKind"/>. Blocks run side by
/// side on the machine's cores, each block's warps in turns on one of them. A wait of one block for another works only when the other has
/// started: with <see cref="EmulatorOptions.Parallelism"/> blocks at most.
/// </summary>
/// <param name="memory">Global memory.</param>
/// <param name="options">How to run; null for the defaults.</param>
public sealed class Emulator(EmulatedMemory memory, EmulatorOptions? options = null)
{
    private readonly EmulatorOptions _options = options ?? new EmulatorOptions();

    /// <summary>Runs a kernel to its end.</summary>
    /// <param name="entry">The kernel.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Size of the extern shared array.</param>
    /// <param name="parameterBlock">The parameters, each at its natural alignment.</param>
    /// <returns>What was executed.</returns>
    /// <exception cref="EmulationException">The kernel did something wrong, or the launch is impossible.</exception>
    public LaunchStatistics Launch(PtxEntry entry, Dim3 grid, Dim3 block, int dynamicSharedBytes, ReadOnlySpan<byte> parameterBlock)
    {
        Validate(entry, grid, block, dynamicSharedBytes, parameterBlock.Length);
        var launch = new Launch
        {
            Entry = entry,
            Memory = memory,
            Options = _options,
            Grid = grid,
            BlockSize = block,
            DynamicSharedBytes = dynamicSharedBytes,
            Parameters = parameterBlock.ToArray(),
            GlobalRaces = _options.DetectGlobalRaces ? new GlobalRaceDetector() : null,
        };
        long next = 0;
        (long Block, Exception Error)? failure = null;
        var failureLock = new Lock();
        int workers = (int)Math.Clamp(_options.Parallelism, 1, grid.Count);
        var collectors = new StatisticsCollector[workers];
        if (workers == 1) Work(0);
        else
        {
            // Threads of their own, not the pool's: a block may wait for another one.
            Thread[] threads = [.. Enumerable.Range(1, workers - 1).Select(i => new Thread(() => Work(i)) { IsBackground = true })];
            foreach (Thread thread in threads) thread.Start();
            Work(0);
            foreach (Thread thread in threads) thread.Join();
        }
        if (failure is { } failed) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failed.Error);
        return StatisticsCollector.Merge(collectors, entry.Program);

        void Work(int worker)
        {
            using var executor = new BlockExecutor(launch);
            collectors[worker] = executor.Statistics;
            while (Volatile.Read(ref next) < grid.Count)
            {
                long index = Interlocked.Increment(ref next) - 1;
                if (index >= grid.Count) return;
                try
                {
                    executor.Run(index);
                }
                catch (Exception error)
                {
                    // Of the failures that occurred, the one of the first block is reported.
                    lock (failureLock)
                    {
                        if (failure is null || index < failure.Value.Block) failure = (index, error);
                    }
                    Volatile.Write(ref next, grid.Count);
                    return;
                }
            }
        }
    }

    private void Validate(PtxEntry entry, Dim3 grid, Dim3 block, int dynamicSharedBytes, int parameterBytes)
    {
        if (grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535) throw Refuse($"a grid of {grid} blocks");
        if (block.X < 1 || block.Y < 1 || block.Z is < 1 or > 64 || block.Count > 1024)
            throw Refuse($"blocks of {block} threads; at most 1024 are allowed");
        if (entry.MaximumThreads is long most && block.Count > most)
            throw Refuse($"blocks of {block.Count} threads; the kernel allows {most}");
        if (parameterBytes != entry.ParameterBytes)
            throw Refuse($"{parameterBytes} bytes of parameters; the kernel has {entry.ParameterBytes}");
        if (dynamicSharedBytes < 0) throw Refuse($"{dynamicSharedBytes} bytes of dynamic shared memory");
        long shared = (long)entry.StaticSharedBytes + dynamicSharedBytes;
        if (shared > _options.SharedMemoryLimit)
            throw Refuse($"{shared} bytes of shared memory; at most {_options.SharedMemoryLimit} are allowed");

        EmulationException Refuse(string what) =>
            new(EmulationErrorKind.InvalidLaunch, $"{EmulationErrorKind.InvalidLaunch} of {entry.Name}: {what}");
    }
}
