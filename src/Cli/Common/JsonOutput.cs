using System.Text;
using System.Text.Json;

namespace Lia.Cli;

/// <summary>Writes one JSON object and a line break.</summary>
internal static class JsonOutput
{
    public static void Write(TextWriter output, Action<Utf8JsonWriter> members)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        // JSON has escapes of its own, for all that is not ASCII too.
        (output is TerminalText text ? text.Raw : output).WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>Writes a shape.</summary>
    public static void Shape(this Utf8JsonWriter json, string name, IEnumerable<int> shape)
    {
        json.WriteStartArray(name);
        foreach (int extent in shape) json.WriteNumberValue(extent);
        json.WriteEndArray();
    }
}
