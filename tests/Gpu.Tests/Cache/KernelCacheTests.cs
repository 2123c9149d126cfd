using System.Reflection;
using System.Reflection.Emit;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests.Kernels;
using Lia.PtxEmulator;

namespace Lia.Gpu.Tests.Cache;

/// <summary>Kernels come out of the cache as they went in, without the compiler, and only where they are the same.</summary>
public sealed class KernelCacheTests : IDisposable
{
    private const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly CompileTarget Target = new(80);

    private readonly string _folder = Directory.CreateTempSubdirectory("lia-cache-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private KernelCache Cache() => new(_folder);

    private string[] Files => Directory.GetFiles(_folder);

    [TestKernel]
    internal static void Scale(Index1D index, ArrayView<float> values, float factor) => values[index] *= factor;

    /// <summary>The compiler refuses it.</summary>
    private static void Refused(Index1D index, ArrayView<float> values, float factor) => Console.WriteLine(values[index] * factor);

    private static void Generic<T>(ArrayView<int> values) where T : unmanaged => values[0] = Interop.SizeOf<T>();

    private static MethodInfo Method(string name, params Type[] arguments)
    {
        MethodInfo method = typeof(KernelCacheTests).GetMethod(name, Any)!;
        return arguments.Length == 0 ? method : method.MakeGenericMethod(arguments);
    }

    [Fact]
    public void Every_kernel_is_read_as_it_was_written()
    {
        foreach ((MethodInfo method, _) in CatalogTests.Kernels().Where(kernel => kernel.MinSm <= Target.Sm))
        {
            CompiledKernel written = KernelCompiler.Compile(method, Target),
                read = KernelFormat.Read(KernelFormat.Write(written), method, Target)!;
            Assert.Equal(written.Parameters, read.Parameters);
            foreach (PropertyInfo property in typeof(CompiledKernel).GetProperties()
                .Where(property => property.Name != nameof(CompiledKernel.Parameters)))
                Assert.Equal(property.GetValue(written), property.GetValue(read));
        }
    }

    [Fact]
    public void A_hit_does_not_ask_the_compiler()
    {
        MethodInfo method = Method(nameof(Refused));
        Assert.Throws<KernelCompilationException>(() => Cache().Kernel(method, Target));
        byte[] standIn = KernelFormat.Write(KernelCompiler.Compile(Method(nameof(Scale)), Target));
        new CacheFolder(_folder, long.MaxValue).Store(KernelKey.Of(method, Target)!, standIn);
        Assert.Contains("Scale", Cache().Kernel(method, Target).EntryPoint);
    }

    [Fact]
    public void A_damaged_file_is_compiled_anew()
    {
        string ptx = Cache().Kernel(Method(nameof(Scale)), Target).Ptx, file = Assert.Single(Files);
        byte[] whole = File.ReadAllBytes(file);
        File.WriteAllBytes(file, whole[..^1]);
        Assert.Equal(ptx, Cache().Kernel(Method(nameof(Scale)), Target).Ptx);
        Assert.Equal(whole, File.ReadAllBytes(Assert.Single(Files)));
    }

    /// <summary>A checksum says that a file is whole, and nothing of who wrote it.</summary>
    public static TheoryData<string, byte[]> BadBodies
    {
        get
        {
            byte[] good = KernelFormat.Write(KernelCompiler.Compile(Method(nameof(Scale)), Target));
            int afterTexts = 0;
            for (int text = 0; text < 2; text++)
            {
                int length = 0;
                for (int shift = 0; ; shift += 7)
                {
                    byte next = good[afterTexts++];
                    length |= (next & 0x7f) << shift;
                    if (next < 0x80) break;
                }
                afterTexts += length;
            }
            byte[] With(int at, params byte[] bytes) => [.. good[..at], .. bytes, .. good[(at + bytes.Length)..]];
            return new()
            {
                { "nothing", [] },
                { "a text of 2 GB", [0xff, 0xff, 0xff, 0xff, 0x07] },
                { "a length that does not end", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
                { "a billion parameters", With(afterTexts, 0, 0xca, 0x9a, 0x3b) },
                { "minus one parameters", With(afterTexts, 0xff, 0xff, 0xff, 0xff) },
                { "no parameters", [.. good[..afterTexts], 0, 0, 0, 0, .. good[^14..]] },
                { "parameters without bytes", [.. good[..^14], 0, 0, 0, 0, .. good[^10..]] },
                { "more parameters than a launch has room for", [.. good[..^14], 0xff, 0xff, 0xff, 0x7f, .. good[^10..]] },
                { "shared memory of minus one byte", [.. good[..^10], 0xff, 0xff, 0xff, 0xff, .. good[^6..]] },
                { "alignment that takes minus one byte", [.. good[..^5], 0xff, 0xff, 0xff, 0xff, .. good[^1..]] },
                { "another kind of kernel", [.. good[..^1], (byte)(1 - good[^1])] },
                { "a byte too many", [.. good, 0] },
                { "text that is none", With(3, 0xff) },
                { "only its beginning", good[..(good.Length / 2)] },
            };
        }
    }

    [Theory, MemberData(nameof(BadBodies))]
    public void A_whole_file_with_a_bad_body_is_deleted_and_compiled_anew(string what, byte[] body)
    {
        Assert.NotEmpty(what);
        string key = KernelKey.Of(Method(nameof(Scale)), Target)!;
        CompiledKernel expected = KernelCompiler.Compile(Method(nameof(Scale)), Target);
        new CacheFolder(_folder, long.MaxValue).Store(key, body);
        byte[] bad = File.ReadAllBytes(Assert.Single(Files));
        KernelCache cache = Cache();
        CompiledKernel kernel = cache.Kernel(Method(nameof(Scale)), Target);
        Assert.Equal(expected.Ptx, kernel.Ptx);
        Assert.Equal(expected.Parameters, kernel.Parameters);
        Assert.NotEqual(bad, File.ReadAllBytes(Assert.Single(Files)));
        Assert.Equal(KernelFormat.Write(expected), new CacheFolder(_folder, long.MaxValue).Find(key));
        Assert.Null(cache.Problem);
    }

    [Fact]
    public void Machine_code_is_an_image_whose_tables_lie_within_it()
    {
        byte[] image = new byte[200];
        "\u007fELF\u0002\u0001"u8.CopyTo(image);
        (image[0x20], image[0x36], image[0x38]) = (64, 56, 1);
        (image[0x28], image[0x3a], image[0x3c]) = (136, 64, 1);
        Assert.True(CudaModule.IsImage(image));
        Assert.False(CudaModule.IsImage(image.AsSpan(0, 199)));
        Assert.False(CudaModule.IsImage(image.AsSpan(0, 63)));
        Assert.False(CudaModule.IsImage([]));
        foreach (int at in new[] { 0x00, 0x04, 0x21, 0x27, 0x29, 0x2f, 0x3b, 0x3d })
        {
            byte[] damaged = [.. image];
            damaged[at] ^= 0xff;
            Assert.False(CudaModule.IsImage(damaged), $"byte {at}");
        }
    }

    [Fact]
    public void Machine_code_that_the_driver_does_not_take_is_forgotten()
    {
        CompiledKernel scale = KernelCompiler.Compile(Method(nameof(Scale)), Target);
        KernelCache cache = Cache();
        cache.KeepMachineCode(scale, "a machine", [1, 2, 3]);
        cache.ForgetMachineCode(scale, "a machine");
        Assert.Null(cache.MachineCode(scale, "a machine"));
        Assert.Empty(Files);
        Assert.Null(cache.Problem);
    }

    [Fact]
    public void The_second_accelerator_finds_what_the_first_compiled()
    {
        float[] Run()
        {
            using KernelLoader loader = EmulatorAccelerator.CreateLoader(cache: Cache());
            using MemoryBuffer1D<float, Stride1D.Dense> values = loader.Allocate1D([1f, 2f, 3f]);
            loader.Load<Action<Index1D, ArrayView<float>, float>>(Scale)(3, values.View, 2f);
            return values.GetAsArray1D();
        }
        Assert.Equal([2f, 4f, 6f], Run());
        byte[] written = File.ReadAllBytes(Assert.Single(Files));
        DateTime time = File.GetLastWriteTimeUtc(Files[0]);
        Assert.Equal([2f, 4f, 6f], Run());
        Assert.Equal(written, File.ReadAllBytes(Assert.Single(Files)));
        Assert.Equal(time, File.GetLastWriteTimeUtc(Files[0]));
    }

    [Fact]
    public void Kernels_that_may_differ_have_different_keys()
    {
        string?[] keys =
        [
            KernelKey.Of(Method(nameof(Scale)), Target),
            KernelKey.Of(Method(nameof(Refused)), Target),
            KernelKey.Of(Method(nameof(Scale)), new CompileTarget(86)),
            KernelKey.Of(Method(nameof(Scale)), new CompileTarget(80, PtxMajor: 8, PtxMinor: 0)),
            KernelKey.Of(Method(nameof(Scale)), new CompileTarget(90)),
            KernelKey.Of(Method(nameof(Scale)), new CompileTarget(90, ArchitectureSpecific: true)),
            KernelKey.Of(Method(nameof(Generic), typeof(int)), Target),
            KernelKey.Of(Method(nameof(Generic), typeof(long)), Target),
            KernelKey.Of(Method(nameof(Generic), typeof(KeyValuePair<int, long>)), Target),
            KernelKey.Of(Method(nameof(Generic), typeof(KeyValuePair<int, int>)), Target),
        ];
        Assert.All(keys, key => Assert.NotNull(key));
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], KernelKey.Of(Method(nameof(Scale)), Target));
    }

    [Fact]
    public void The_key_depends_on_the_assembly_of_the_kernel_and_of_its_type_arguments()
    {
        string key = KernelKey.Of(Method(nameof(Scale)), Target)!;
        Assert.Contains(typeof(KernelCacheTests).Module.ModuleVersionId.ToString(), key);
        Assert.Contains("Lia.Gpu ", key);
        Assert.Contains("Lia.Gpu.Tests ", key);
        Assert.DoesNotContain("Lia.PtxEmulator ", key);
        Assert.Contains("Lia.PtxEmulator ", KernelKey.Of(Method(nameof(Generic), typeof(Dim3)), Target));
    }

    [Fact]
    public void A_kernel_made_at_run_time_is_not_kept()
    {
        AssemblyBuilder assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("made"), AssemblyBuilderAccess.Run);
        TypeBuilder type = assembly.DefineDynamicModule("made").DefineType("Made", TypeAttributes.Public);
        MethodBuilder builder = type.DefineMethod("Kernel", MethodAttributes.Public | MethodAttributes.Static, typeof(void), [typeof(int)]);
        builder.GetILGenerator().Emit(OpCodes.Ret);
        MethodInfo kernel = type.CreateType().GetMethod("Kernel")!;
        Assert.Null(KernelKey.Of(kernel, Target));
        Assert.Contains(".entry", Cache().Kernel(kernel, Target).Ptx);
        Assert.Empty(Files);
    }

    [Fact]
    public void Machine_code_belongs_to_a_driver_a_device_and_the_exact_PTX()
    {
        CompiledKernel scale = KernelCompiler.Compile(Method(nameof(Scale)), Target),
            other = KernelCompiler.Compile(Method(nameof(Generic), typeof(int)), Target);
        KernelCache cache = Cache();
        Assert.Null(cache.MachineCode(scale, "driver 1, device 1"));
        cache.KeepMachineCode(scale, "driver 1, device 1", [1, 2, 3]);
        Assert.Equal([1, 2, 3], Cache().MachineCode(scale, "driver 1, device 1")!);
        Assert.Null(cache.MachineCode(scale, "driver 2, device 1"));
        Assert.Null(cache.MachineCode(scale, "driver 1, device 2"));
        Assert.Null(cache.MachineCode(other, "driver 1, device 1"));
    }

    [Fact]
    public void Without_a_folder_that_can_be_written_kernels_are_compiled()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "in the way");
        KernelCache cache = new(Path.Combine(file, "cache"));
        Assert.Contains(".entry", cache.Kernel(Method(nameof(Scale)), Target).Ptx);
        Assert.Contains("kernels are compiled anew", cache.Problem);
        Assert.Contains(".entry", KernelCache.Off.Kernel(Method(nameof(Scale)), Target).Ptx);
        Assert.Null(KernelCache.Off.Folder);
        Assert.Null(KernelCache.Off.Problem);
    }

    [Theory]
    [InlineData(false, null, null, "/home/u", "/home/u/.cache/lia-native/kernels")]
    [InlineData(false, null, "/var/cache/u", "/home/u", "/var/cache/u/lia-native/kernels")]
    [InlineData(false, null, "relative", "/home/u", "/home/u/.cache/lia-native/kernels")]
    [InlineData(false, null, null, "", null)]
    [InlineData(true, "/local", "/var/cache/u", "/home/u", "/local/lia-native/kernels")]
    [InlineData(true, "", null, "/home/u", null)]
    public void The_default_folder_follows_the_systems_convention(
        bool isWindows, string? localData, string? xdgCache, string? home, string? expected) =>
        Assert.Equal(expected, KernelCache.DefaultFolder(isWindows, localData, xdgCache, home)?.Replace('\\', '/'));

    [Fact]
    public async Task Kernels_load_side_by_side_once_each_and_a_refusal_reaches_who_waits()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(cache: Cache());
        Task<LoadedKernel> first = loader.LoadAsync(Method(nameof(Scale))), again = loader.LoadAsync(Method(nameof(Scale)));
        Assert.Same(first, again);
        Assert.Same(await first, loader.Load(Method(nameof(Scale))));
        await Assert.ThrowsAsync<KernelCompilationException>(() => loader.LoadAsync(Method(nameof(Refused))));
        await Assert.ThrowsAsync<KernelCompilationException>(() => loader.LoadAsync(Method(nameof(Refused))));
        _ = loader.LoadAsync(Method(nameof(Generic), typeof(decimal))); // Disposing waits for it.
    }
}
