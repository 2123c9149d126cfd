using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace Lia.Gpu.Compiler.Frontend;

/// <summary>An instruction of a method, and what a refusal of it says.</summary>
internal sealed record SourcePlace(MethodBase Method, int Offset)
{
    /// <summary>An exception that names this place; the line is looked up in the symbols now.</summary>
    public KernelCompilationException Refuse(string problem)
    {
        (string? file, int line) = FindLine();
        return new(Method, Offset, file, line, problem);
    }

    private (string? File, int Line) FindLine()
    {
        try
        {
            string symbols = Path.ChangeExtension(Method.Module.FullyQualifiedName, ".pdb");
            if (!File.Exists(symbols)) return (null, 0);
            using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(symbols));
            MetadataReader reader = provider.GetMetadataReader();
            var handle = (MethodDefinitionHandle)MetadataTokens.Handle(Method.MetadataToken);
            MethodDebugInformation information = reader.GetMethodDebugInformation(handle.ToDebugInformationHandle());
            (string? File, int Line) found = (null, 0);
            foreach (SequencePoint point in information.GetSequencePoints())
            {
                if (point.IsHidden) continue;
                if (point.Offset > Math.Max(Offset, 0) && found.File is not null) break;
                found = (reader.GetString(reader.GetDocument(point.Document).Name), point.StartLine);
            }
            return found;
        }
        catch (Exception e) when (e is BadImageFormatException or IOException or InvalidCastException or ArgumentException)
        {
            // No usable symbols: the method and the offset have to do.
            return (null, 0);
        }
    }
}
