using System.Collections.Immutable;
using System.Reflection;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Cache;

/// <summary>A compiled kernel as bytes. What the key already says (method, target, and so the parameters' types) is not repeated.</summary>
internal static class KernelFormat
{
    public static byte[] Write(CompiledKernel kernel)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write(kernel.EntryPoint);
        writer.Write(kernel.Ptx);
        writer.Write(kernel.Parameters.Length);
        foreach (KernelParameter parameter in kernel.Parameters)
        {
            writer.Write(parameter.Name);
            writer.Write(parameter.Offset);
            writer.Write(parameter.Size);
            writer.Write(parameter.Alignment);
        }
        writer.Write(kernel.ParameterBytes);
        writer.Write(kernel.StaticSharedBytes);
        writer.Write(kernel.UsesDynamicShared);
        writer.Write(kernel.IsImplicitlyGrouped);
        writer.Flush();
        return bytes.ToArray();
    }

    public static CompiledKernel Read(byte[] content, MethodInfo method, CompileTarget target)
    {
        using var reader = new BinaryReader(new MemoryStream(content));
        string entryPoint = reader.ReadString(), ptx = reader.ReadString();
        var parameters = new (string Name, int Offset, int Size, int Alignment)[reader.ReadInt32()];
        for (int i = 0; i < parameters.Length; i++) parameters[i] = (reader.ReadString(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32());
        int parameterBytes = reader.ReadInt32(), staticShared = reader.ReadInt32();
        bool isDynamic = reader.ReadBoolean(), isGrouped = reader.ReadBoolean();
        // An implicitly grouped kernel's first parameter is its index, and the hidden extent comes last.
        IEnumerable<Type> types = method.GetParameters().Skip(isGrouped ? 1 : 0).Select(static parameter => parameter.ParameterType);
        if (isGrouped) types = types.Append(typeof(long));
        return new CompiledKernel
        {
            EntryPoint = entryPoint,
            Ptx = ptx,
            Parameters = [.. parameters.Zip(types, static (p, type) => new KernelParameter(p.Name, type, p.Offset, p.Size, p.Alignment))],
            ParameterBytes = parameterBytes,
            StaticSharedBytes = staticShared,
            UsesDynamicShared = isDynamic,
            IsImplicitlyGrouped = isGrouped,
            Target = target,
        };
    }
}
