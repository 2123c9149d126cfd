namespace Lia.Media.Ffmpeg;

/// <summary>
/// What has to be done to a video's pixels for them to look as players show them, but for a stored rotation, which ffmpeg applies itself.
/// </summary>
internal static class PixelFilters
{
    // From so many lines on, colours of which nothing is said are those of high definition.
    private const int HighDefinition = 720;

    private static bool? s_canMap; // whether the ffmpeg that was asked once has the filters for tone mapping

    /// <summary>ffmpeg's filters for a video, and a warning where one that is needed is missing.</summary>
    /// <exception cref="MediaException">ffmpeg is missing.</exception>
    public static (string[] Filters, string? Warning) Of(string path, VideoProbe probe, CancellationToken cancellationToken) =>
        Of(path, probe, () => CanMap(cancellationToken));

    /// <param name="path">The file, for the warning.</param>
    /// <param name="probe">What it is.</param>
    /// <param name="canMap">Whether ffmpeg has the filters for tone mapping; asked only where they are needed.</param>
    internal static (string[] Filters, string? Warning) Of(string path, VideoProbe probe, Func<bool> canMap)
    {
        List<string> filters = [];
        string? warning = null;
        if (probe.Transfer is "smpte2084" or "arib-std-b67")
        {
            if (canMap()) filters.AddRange(ToneMapping(probe));
            else warning = $"{path}: its colours are of high dynamic range, and this ffmpeg cannot bring them down "
                + "(it lacks zscale or tonemap); they look pale.";
        }
        List<string> scaling = [];
        // Written so that a frame with another aspect than the file says takes no more memory than the largest picture does.
        if (probe.PixelAspect != 1) scaling.Add($"w='max(1,min(round(iw*sar),{RgbImage.MaxPixels}/ih))':h=ih");
        // Pictures that nothing is said of are JPEG's or WebP's, which have their colours by definition.
        bool isYuv = probe.PixelFormat?.StartsWith("yuv", StringComparison.Ordinal) ?? false;
        bool isHigh = probe.Transfer is "smpte2084" or "arib-std-b67";
        if (!isHigh && isYuv && probe is { Matrix: null, IsStill: false, Size.Height: >= HighDefinition })
            scaling.Add("in_color_matrix=bt709");
        if (scaling.Count > 0) filters.Add("scale=" + string.Join(':', scaling));
        return ([.. filters], warning);
    }

    /// <summary>
    /// PQ and HLG to BT.709. Light of 203 cd/m2, the white of paper (ITU-R BT.2408), counts as 1; in BT.709's primaries, darker than
    /// 0.3 stays as it is, and what is brighter is pressed together so that the brightest is 1.
    /// </summary>
    private static string[] ToneMapping(VideoProbe probe) =>
    [
        "zscale=t=linear:npl=203" + (probe.Matrix is null ? ":min=bt2020nc" : "") + (probe.Primaries is null ? ":pin=bt2020" : ""),
        "format=gbrpf32le", "zscale=p=bt709", "tonemap=mobius:desat=0", "zscale=t=bt709:m=gbr:r=pc", "format=gbrp",
    ];

    private static bool CanMap(CancellationToken cancellationToken)
    {
        if (s_canMap is { } known) return known;
        using ChildProcess ffmpeg = ChildProcess.Start("ffmpeg", ["-hide_banner", "-filters"], "ffmpeg", feeds: false, cancellationToken);
        byte[] answer = new byte[1 << 18]; // five times as much as it says
        int length = ffmpeg.Output.ReadAtLeast(answer, answer.Length, throwOnEndOfStream: false);
        ffmpeg.Output.CopyTo(Stream.Null);
        ffmpeg.WaitForSuccess();
        string list = System.Text.Encoding.UTF8.GetString(answer, 0, length);
        return (s_canMap = new[] { "zscale", "tonemap" }.All(filter => list.Contains($" {filter} ", StringComparison.Ordinal))).Value;
    }
}
