using System.Text.Json;

namespace Lia.Network.Verification;

/// <summary>
/// What PyTorch's own fp16 mode loses: relative L2 errors of the official networks under <c>torch.autocast(float16)</c> against the
/// reference files, of the frames and of every layer, as measured with PyTorch 2.11 on an H100 (the layers of one run on an H200).
/// </summary>
internal static class AutocastErrors
{
    private static readonly Lazy<Dictionary<string, Dictionary<string, double>>> Table = new(() =>
    {
        using Stream stream = typeof(AutocastErrors).Assembly.GetManifestResourceStream("autocast-fp16.json")!;
        return JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, double>>>(stream)!;
    });

    /// <summary>The error of a tensor of the reference file with that size and seed; null where none was measured.</summary>
    public static double? Of(int size, int seed, string tensor) =>
        Table.Value.TryGetValue($"{size}/{seed}", out Dictionary<string, double>? errors) && errors.TryGetValue(tensor, out double error)
            ? error : null;
}
