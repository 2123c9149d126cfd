using System.Runtime.InteropServices;

namespace Lia.PtxEmulator.Tests;

/// <summary>
/// Runs hand-written PTX bodies. Every kernel has two pointer parameters, <c>a</c> (input) and <c>d</c> (output), loaded into %ra and %rd; %t is the thread's index in its block,
/// and plenty of registers of each type are declared.
/// </summary>
internal static class Ptx
{
    public static string Module(string body, int sm = 90, string variables = "") => $$"""
        .version 7.8
        .target sm_{{sm}}
        .address_size 64
        {{variables}}
        .visible .entry kernel(.param .u64 a, .param .u64 d)
        {
            .reg .pred %p<10>;
            .reg .b16 %h<40>;
            .reg .b32 %r<40>;
            .reg .b64 %l<40>;
            .reg .f32 %f<40>;
            .reg .f64 %g<20>;
            .reg .b64 %ra, %rd;
            .reg .u32 %t;
            ld.param.u64 %ra, [a];
            ld.param.u64 %rd, [d];
            mov.u32 %t, %tid.x;
        {{body}}
            ret;
        }
        """;

    /// <summary>The 1-based line, in the module, of the only line of it that contains the text.</summary>
    public static int LineOf(string body, string text)
    {
        string[] lines = Module(body).Split('\n');
        int line = Array.FindIndex(lines, l => l.Contains(text, StringComparison.Ordinal)) + 1;
        Assert.True(line > 0, $"'{text}' is not in the kernel");
        return line;
    }

    /// <summary>Runs one launch; the output has as many elements as asked, and must be fully written.</summary>
    public static TOut[] Run<TIn, TOut>(string body, TIn[] input, int outputs, Dim3? block = null, Dim3? grid = null, int shared = 0,
        EmulatorOptions? options = null, int sm = 90, string variables = "")
        where TIn : unmanaged where TOut : unmanaged
    {
        using var memory = new EmulatedMemory();
        (ulong a, ulong d) = Allocate<TIn, TOut>(memory, input, outputs);
        Launch(memory, Module(body, sm, variables), a, d, block, grid, shared, options);
        TOut[] result = new TOut[outputs];
        memory.Read(d, MemoryMarshal.AsBytes(result.AsSpan()));
        return result;
    }

    /// <summary>Runs for what it is not supposed to do.</summary>
    public static EmulationException Fails(string body, int inputs = 64, int outputs = 64, Dim3? block = null, Dim3? grid = null, int shared = 0,
        EmulatorOptions? options = null, string variables = "")
    {
        using var memory = new EmulatedMemory();
        (ulong a, ulong d) = Allocate<uint, uint>(memory, new uint[inputs], outputs);
        return Assert.Throws<EmulationException>(() => Launch(memory, Module(body, 90, variables), a, d, block, grid, shared, options));
    }

    /// <summary>Runs for its side effects and what was counted.</summary>
    public static LaunchStatistics Passes(string body, int inputs = 64, int outputs = 64, Dim3? block = null, Dim3? grid = null, int shared = 0,
        EmulatorOptions? options = null, string variables = "")
    {
        using var memory = new EmulatedMemory();
        (ulong a, ulong d) = Allocate<uint, uint>(memory, new uint[inputs], outputs);
        return Launch(memory, Module(body, 90, variables), a, d, block, grid, shared, options);
    }

    public static LaunchStatistics Launch(EmulatedMemory memory, string module, ulong a, ulong d, Dim3? block = null, Dim3? grid = null, int shared = 0, EmulatorOptions? options = null)
    {
        PtxEntry entry = PtxModule.Parse(module)["kernel"];
        ulong[] parameters = [a, d];
        return new Emulator(memory, options).Launch(entry, grid ?? new Dim3(1), block ?? new Dim3(32), shared, MemoryMarshal.AsBytes(parameters.AsSpan()));
    }

    private static (ulong A, ulong D) Allocate<TIn, TOut>(EmulatedMemory memory, TIn[] input, int outputs) where TIn : unmanaged where TOut : unmanaged
    {
        ulong a = memory.Allocate((long)input.Length * Marshal.SizeOf<TIn>());
        memory.Write(a, MemoryMarshal.AsBytes(input.AsSpan()));
        return (a, memory.Allocate((long)outputs * Marshal.SizeOf<TOut>()));
    }
}
