using System.Text.Json;
using Lia.Loading;
using Lia.Weights;

namespace Lia.Cli.Manifests;

/// <summary>Why a row was not done, and with that what is to be done.</summary>
internal enum RowFailure
{
    /// <summary>What the row names or asks for cannot be used: it never will be.</summary>
    BadInput,
    /// <summary>The machine has not what it takes, now: room on a disk, memory, a program. Another, or later, may.</summary>
    Machine,
    /// <summary>The device is not there, is lost or has not enough memory.</summary>
    Device,
    /// <summary>This program failed, as it would again.</summary>
    Internal,
}

/// <summary>Tells failures apart.</summary>
internal static class RowFailures
{
    // Errors of Linux and macOS that say nothing of the file: EIO, ENFILE, EMFILE, ENOSPC, EROFS, ETIMEDOUT, ESTALE, EDQUOT; of Windows: a
    // full disk.
    private static readonly int[] OfMachine =
        [5, 23, 24, 28, 30, 60, 69, 70, 110, 116, 122, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>What a failure is.</summary>
    public static RowFailure Of(Exception failure)
    {
        if (DeviceFailures.IsOne(failure)) return RowFailure.Device;
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is OutOfMemoryException) return RowFailure.Machine;
            if (cause is IOException && OfMachine.Contains(cause.HResult)) return RowFailure.Machine;
        }
        // What ffmpeg met is known by its words only.
        if (failure is MediaException && (failure.Message.Contains("No space left on device", StringComparison.Ordinal)
            || failure.Message.Contains("is needed and was not found", StringComparison.Ordinal))) return RowFailure.Machine;
        return failure is MediaException or WeightsException or ArgumentException or NotSupportedException or IOException
            or UnauthorizedAccessException ? RowFailure.BadInput : RowFailure.Internal;
    }

    /// <summary>Writes the property <c>failures</c>, for both reports that list rows which failed.</summary>
    public static void Write(Utf8JsonWriter json, IEnumerable<(int Row, string Name, string Reason)> failures)
    {
        json.WriteStartArray("failures");
        foreach ((int row, string name, string reason) in failures)
        {
            json.WriteStartObject();
            json.WriteNumber("row", row);
            json.WriteString("name", name);
            json.WriteString("reason", reason);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
