using System.Runtime.InteropServices;

namespace Lia.PtxEmulator.Tests;

/// <summary>
/// Runs hand-written PTX bodies. Every kernel has two pointer parameters, <c>a</c> (input) and <c>d</c> (output), loaded into %ra and %rd;
/// %t is the thread's index in its block, and plenty of registers of each type are declared.
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
    public static EmulationException Fails(
        string body, int inputs = 64, int outputs = 64, Dim3? block = null, Dim3? grid = null, int shared = 0,
        EmulatorOptions? options = null, string variables = "")
    {
        using var memory = new EmulatedMemory();
        (ulong a, ulong d) = Allocate<uint, uint>(memory, new uint[inputs], outputs);
        return Assert.Throws<EmulationException>(() => Launch(memory, Module(body, 90, variables), a, d, block, grid, shared, options));
    }

    /// <summary>Runs for its side effects and what was counted.</summary>
    public static LaunchStatistics Passes(
        string body, int inputs = 64, int outputs = 64, Dim3? block = null, Dim3? grid = null, int shared = 0,
        EmulatorOptions? options = null, string variables = "")
    {
        using var memory = new EmulatedMemory();
        (ulong a, ulong d) = Allocate<uint, uint>(memory, new uint[inputs], outputs);
        return Launch(memory, Module(body, 90, variables), a, d, block, grid, shared, options);
    }

    public static LaunchStatistics Launch(EmulatedMemory memory, string module, ulong a, ulong d, Dim3? block = null, Dim3? grid = null,
        int shared = 0, EmulatorOptions? options = null)
    {
        PtxEntry entry = PtxModule.Parse(module)["kernel"];
        ulong[] parameters = [a, d];
        return new Emulator(memory, options)
            .Launch(entry, grid ?? new Dim3(1), block ?? new Dim3(32), shared, MemoryMarshal.AsBytes(parameters.AsSpan()));
    }

    /// <summary>
    /// Executes an instruction (or a few) once per element. In its text $a, $b and $c are the operands, taken from the arrays, and $d the
    /// result; registers have the kind that belongs to the element types.
    /// </summary>
    public static TOut[] Each<TOut, TIn>(string instruction, TIn[] a, TIn[]? b = null, TIn[]? c = null, int sm = 90) where TIn : unmanaged
        where TOut : unmanaged
    {
        (string inRegister, string inType, int inSize) = RegisterFor<TIn>();
        (string outRegister, string outType, int outSize) = RegisterFor<TOut>();
        TIn[][] operands = [a, b ?? a, c ?? a];
        Assert.All(operands, o => Assert.Equal(a.Length, o.Length));
        string text = instruction.Replace("$a", inRegister + "1", StringComparison.Ordinal)
            .Replace("$b", inRegister + "2", StringComparison.Ordinal)
            .Replace("$c", inRegister + "3", StringComparison.Ordinal).Replace("$d", outRegister + "9", StringComparison.Ordinal);
        string loads = string.Concat(Enumerable.Range(0, 3)
            .Select(i => $"ld.global.{inType} {inRegister}{i + 1}, [%l30+{i * a.Length * inSize}];\n"));
        string body = $"""
            mov.u32 %r30, %ctaid.x;
            mad.lo.u32 %r30, %r30, 32, %t;
            setp.ge.u32 %p9, %r30, {a.Length};
            @%p9 ret;
            mul.wide.u32 %l30, %r30, {inSize};
            add.u64 %l30, %ra, %l30;
            {loads}
            {text}
            mul.wide.u32 %l31, %r30, {outSize};
            add.u64 %l31, %rd, %l31;
            st.global.{outType} [%l31], {outRegister}9;
            """;
        return Run<TIn, TOut>(body, [.. operands.SelectMany(o => o)], a.Length, grid: new Dim3((a.Length + 31) / 32), sm: sm);
    }

    private static (string Register, string Type, int Size) RegisterFor<T>() where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return ("%f", "f32", 4);
        if (typeof(T) == typeof(double)) return ("%g", "f64", 8);
        return Marshal.SizeOf<T>() switch
        {
            2 => ("%h", "b16", 2),
            4 => ("%r", "b32", 4),
            8 => ("%l", "b64", 8),
            _ => throw new ArgumentException($"no register for {typeof(T)}"),
        };
    }

    private static (ulong A, ulong D) Allocate<TIn, TOut>(EmulatedMemory memory, TIn[] input, int outputs) where TIn : unmanaged
        where TOut : unmanaged
    {
        ulong a = memory.Allocate((long)input.Length * Marshal.SizeOf<TIn>());
        memory.Write(a, MemoryMarshal.AsBytes(input.AsSpan()));
        return (a, memory.Allocate((long)outputs * Marshal.SizeOf<TOut>()));
    }
}
