using System.Text.RegularExpressions;
using Lia.Gpu.Compiler;

namespace Lia.Kernels.Tests;

/// <summary>What `wgmma` asks of the code around it.</summary>
internal static partial class WgmmaCode
{
    /// <summary>
    /// A kernel has nothing that the assembler makes a call of: with one in it, it waits for each product before the next (ptxas C7509).
    /// </summary>
    public static void HasNoCalls(CompiledKernel kernel)
    {
        Assert.Contains("wgmma.mma_async", kernel.Ptx, StringComparison.Ordinal);
        Assert.DoesNotMatch(Calls(), kernel.Ptx);
    }

    [GeneratedRegex(@"\b(call|(div|rem)\.[su]64|(div|rcp|sqrt)\.rn)\b")]
    private static partial Regex Calls();
}
