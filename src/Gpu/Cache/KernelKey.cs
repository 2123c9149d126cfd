using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Security.Cryptography;
using System.Text;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Cache;

/// <summary>
/// Names what a file of the cache holds, completely: equal keys, equal content. A kernel's PTX follows from its method, the target, and the
/// assemblies that its code can come from, this one (the compiler, and what it takes ILGPU's members to mean) among them; assemblies are
/// told by their module version, which the C# compiler makes of their content.
/// </summary>
internal static class KernelKey
{
    // What an assembly and all that it refers to are. Assemblies may be unloaded; the table does not hold them.
    private static readonly ConditionalWeakTable<Assembly, string> s_fingerprints = [];

    // The assemblies that come with the runtime, all of one build: the core library's version stands for them, and none of the hundred and
    // more is opened to be asked.
    private static readonly Lazy<HashSet<string>> s_framework = new(() =>
    {
        string? folder = Path.GetDirectoryName(typeof(object).Assembly.Location);
        // A program can bring a later one of its own: the runtime's list says which is taken. Where the runtime has no folder of its own
        // (it lies with the program, or in one file), those that are referred to are asked.
        bool isShared = !string.IsNullOrEmpty(folder) && folder != Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string[] taken = !isShared ? [] : (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string ?? "").Split(Path.PathSeparator);
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        foreach (string path in taken)
        {
            if (Path.GetDirectoryName(path.AsSpan()).SequenceEqual(folder)) names.Add(Path.GetFileNameWithoutExtension(path));
        }
        return names;
    });

    /// <summary>The key of a kernel's PTX; null for a kernel made at run time, which no later process can have.</summary>
    public static string? Of(MethodInfo method, CompileTarget target)
    {
        var key = new StringBuilder("ptx\n");
        key.Append(target).Append('\n');
        key.Append(method.Module.ModuleVersionId).Append(' ').Append(method.MetadataToken).Append('\n');
        var assemblies = new HashSet<Assembly> { typeof(KernelKey).Assembly, method.Module.Assembly };
        AppendArguments(method.DeclaringType?.GetGenericArguments() ?? []);
        AppendArguments(method.GetGenericArguments());
        if (assemblies.Any(static assembly => assembly.IsDynamic)) return null;
        foreach (string fingerprint in assemblies.Select(Fingerprint).Order(StringComparer.Ordinal)) key.Append(fingerprint).Append('\n');
        return key.ToString();

        void AppendArguments(Type[] arguments)
        {
            foreach (Type argument in arguments)
            {
                key.Append(argument.AssemblyQualifiedName).Append('\n');
                assemblies.Add(argument.Assembly);
                if (argument.IsGenericType) AppendArguments(argument.GetGenericArguments());
            }
        }
    }

    /// <summary>Learns what an assembly of kernels refers to, which takes some time, before the first of them is asked for.</summary>
    public static void Foresee(Assembly kernels)
    {
        _ = Fingerprint(typeof(KernelKey).Assembly);
        _ = Fingerprint(kernels);
    }

    /// <summary>The key of a kernel's machine code.</summary>
    public static string Of(CompiledKernel compiled, string machine) =>
        $"machine code\n{machine}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(compiled.Ptx)))}\n";

    // The keys that the runtime's assemblies are signed with.
    private static readonly ulong[] s_frameworkKeys = [0x7cec85d7bea7798e, 0xb03f5f7f11d50a3a, 0xb77a5c561934e089, 0xcc7b13ffcd2ddd51];

    private static string Framework { get; } = $"of {RuntimeInformation.FrameworkDescription} {typeof(object).Module.ModuleVersionId}";

    private static string Fingerprint(Assembly assembly) => s_fingerprints.GetValue(assembly, static root =>
    {
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal) { [""] = Framework };
        var open = new Queue<Assembly>([root]);
        while (open.TryDequeue(out Assembly? next))
        {
            if (!versions.TryAdd(next.FullName!, next.ManifestModule.ModuleVersionId.ToString())) continue;
            // What the runtime's assemblies refer to among each other is as its core library is.
            if (next.GetName().GetPublicKeyToken() is { Length: sizeof(ulong) } token
                && s_frameworkKeys.Contains(BinaryPrimitives.ReadUInt64BigEndian(token))) continue;
            foreach (AssemblyName reference in next.GetReferencedAssemblies())
            {
                if (versions.ContainsKey(reference.FullName)) continue;
                if (s_framework.Value.Contains(reference.Name!))
                {
                    versions.Add(reference.FullName, Framework);
                    continue;
                }
                try
                {
                    open.Enqueue((AssemblyLoadContext.GetLoadContext(next) ?? AssemblyLoadContext.Default).LoadFromAssemblyName(reference));
                }
                catch (Exception e) when (e is IOException or BadImageFormatException)
                {
                    versions.TryAdd(reference.FullName, "missing"); // so no code comes from it
                }
            }
        }
        string list = string.Concat(versions.Select(static pair => $"{pair.Key} {pair.Value}\n"));
        return $"{root.GetName().Name} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(list)))}";
    });
}
