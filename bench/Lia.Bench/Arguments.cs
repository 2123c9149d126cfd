using System.Globalization;
using Lia.Network.Cuda;

namespace Lia.Bench;

/// <summary>Reads the options of a measurement.</summary>
internal static class Arguments
{
    /// <summary>The word after an option, or null.</summary>
    public static string? Option(this string[] arguments, string name)
    {
        int index = Array.IndexOf(arguments, name);
        return index >= 0 && index + 1 < arguments.Length ? arguments[index + 1] : null;
    }

    /// <summary>The number after an option.</summary>
    public static int Number(this string[] arguments, string name, int unset) =>
        arguments.Option(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : unset;

    /// <summary>The numbers after an option, with commas between.</summary>
    public static int[] Numbers(this string[] arguments, string name, params int[] unset) =>
        arguments.Option(name) is { } text ? [.. text.Split(',').Select(number => int.Parse(number, CultureInfo.InvariantCulture))] : unset;

    /// <summary>The precisions after <c>--precision</c>: <c>exact,fast</c>.</summary>
    public static CudaPrecision[] Precisions(this string[] arguments, params CudaPrecision[] unset) =>
        arguments.Option("--precision") is { } text ? [.. text.Split(',').Select(name => Enum.Parse<CudaPrecision>(name, ignoreCase: true))]
            : unset;

    /// <summary>The words that are none of the given options or their values.</summary>
    public static string[] Without(this string[] arguments, params string[] options)
    {
        List<string> rest = [];
        for (int i = 0; i < arguments.Length; i++)
        {
            if (options.Contains(arguments[i])) i++;
            else rest.Add(arguments[i]);
        }
        return [.. rest];
    }
}
