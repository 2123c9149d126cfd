using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Lia.Gpu.Compiler;
using Lia.Gpu.Compiler.Frontend;

namespace Lia.Gpu.Cache;

/// <summary>A compiled kernel as bytes. What the key already says (method, target, and so the parameters' types) is not repeated.</summary>
internal static class KernelFormat
{
    private const int MostParameters = 1024, MostSharedBytes = 1 << 20;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

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
        writer.Write(kernel.DynamicSharedPadding);
        writer.Write(kernel.IsImplicitlyGrouped);
        writer.Flush();
        return bytes.ToArray();
    }

    /// <summary>A kernel from bytes that may be anything; null when they are not what <see cref="Write"/> makes for this method.</summary>
    public static CompiledKernel? Read(byte[] content, MethodInfo method, CompileTarget target)
    {
        try
        {
            return ReadWhole(content, method, target);
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or DecoderFallbackException)
        {
            return null; // A length that is none, or beyond the end.
        }
    }

    private static CompiledKernel? ReadWhole(byte[] content, MethodInfo method, CompileTarget target)
    {
        using var reader = new BinaryReader(new MemoryStream(content), s_strict);
        string? entryPoint = ReadText(reader), ptx = ReadText(reader);
        if (entryPoint is null || ptx is null) return null;
        int count = reader.ReadInt32();
        if (count is < 0 or > MostParameters) return null;
        var parameters = new (string Name, int Offset, int Size, int Alignment)[count];
        for (int i = 0; i < count; i++)
        {
            if (ReadText(reader) is not { } name) return null;
            parameters[i] = (name, reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32());
        }
        int parameterBytes = reader.ReadInt32(), staticShared = reader.ReadInt32();
        bool isDynamic = reader.ReadBoolean();
        int padding = reader.ReadInt32();
        bool isGrouped = reader.ReadBoolean();
        if (reader.BaseStream.Position != content.Length) return null;
        // An implicitly grouped kernel's first parameter is its index, and the hidden extent comes last.
        IEnumerable<Type> types = method.GetParameters().Skip(isGrouped ? 1 : 0).Select(static parameter => parameter.ParameterType);
        if (isGrouped) types = types.Append(typeof(long));
        KernelParameter[] typed =
            [.. parameters.Zip(types, static (p, type) => new KernelParameter(p.Name, type, p.Offset, p.Size, p.Alignment))];
        if (typed.Length != count || typed.Length != types.Count() || !AreLaidOut(typed, parameterBytes)
            || isGrouped != Importer.IsImplicitlyGrouped(method)) return null;
        if (staticShared is < 0 or > MostSharedBytes || padding is < 0 or > MostSharedBytes
            || !ptx.Contains(entryPoint, StringComparison.Ordinal)) return null;
        return new CompiledKernel
        {
            EntryPoint = entryPoint,
            Ptx = ptx,
            Parameters = [.. typed],
            ParameterBytes = parameterBytes,
            StaticSharedBytes = staticShared,
            UsesDynamicShared = isDynamic,
            DynamicSharedPadding = padding,
            IsImplicitlyGrouped = isGrouped,
            Target = target,
        };
    }

    /// <summary>
    /// A string of the format, whose length in bytes comes first; null when there are not so many. The reader of the class library takes
    /// memory for a length before it looks.
    /// </summary>
    private static string? ReadText(BinaryReader reader)
    {
        int length = reader.Read7BitEncodedInt();
        if (length < 0 || length > reader.BaseStream.Length - reader.BaseStream.Position) return null;
        return s_strict.GetString(reader.ReadBytes(length));
    }

    /// <summary>
    /// Whether parameters lie as the compiler lays out their types: a launch writes its arguments there, trusting the numbers.
    /// </summary>
    private static bool AreLaidOut(KernelParameter[] parameters, int bytes)
    {
        int end = 0;
        foreach (KernelParameter parameter in parameters)
        {
            if (TypeLayout.Of(parameter.Type) is not { } layout || parameter.Size != layout.Size || parameter.Alignment != layout.Alignment)
                return false;
            if (parameter.Offset != (end + layout.Alignment - 1) / layout.Alignment * layout.Alignment) return false;
            end = parameter.Offset + parameter.Size;
        }
        return bytes == end;
    }
}
