using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Outputs that Windows cannot call so, told on any system.</summary>
public class WindowsNamesTests
{
    [Theory]
    [InlineData("con.png", "'con.png' is a device on Windows")]
    [InlineData("NUL", "'NUL' is a device on Windows")]
    [InlineData("out/Aux.tar.mp4", "'Aux.tar.mp4' is a device on Windows")]
    [InlineData(@"C:\out\com1.y4m", "'com1.y4m' is a device on Windows")]
    [InlineData("LPT\u00b2.gif", "'LPT\u00b2.gif' is a device on Windows")]
    [InlineData("conin$", "'conin$' is a device on Windows")]
    [InlineData("prn .png", "'prn .png' is a device on Windows")]
    [InlineData("nul/x.png", "'nul' is a device on Windows")]
    [InlineData("frames.", "'frames.' ends in a point, which Windows drops")]
    [InlineData("frames ", "'frames ' ends in a space, which Windows drops")]
    [InlineData("take. /x.png", "'take. ' ends in a space, which Windows drops")]
    [InlineData("9:16.mp4", "no name may have : in it on Windows")]
    [InlineData("C:x:y.png", "no name may have : in it on Windows")]
    [InlineData("who?.mp4", "no name may have ? in it on Windows")]
    [InlineData("a*b.mp4", "no name may have * in it on Windows")]
    [InlineData("a\"b.mp4", "no name may have \" in it on Windows")]
    [InlineData("a\u001bb.mp4", "no name may have a control character in it on Windows")]
    public void What_Windows_cannot_have_is_refused_there(string path, string complaint)
    {
        MediaException refusal = Assert.Throws<MediaException>(() => Outputs.RefuseName(path, isWindows: true));
        Assert.Equal($"{path}: cannot be written: {complaint}.", refusal.Message);
        Outputs.RefuseName(path, isWindows: false);
    }

    [Theory]
    [InlineData("out.mp4")]
    [InlineData(@"C:\clips\out.mp4")]
    [InlineData("C:out.mp4")]
    [InlineData("../frames/")]
    [InlineData(@".\.hidden\x.png")]
    [InlineData(@"\\server\share\out.mp4")]
    [InlineData(@"\\?\C:\clips\out.mp4")]
    [InlineData("frame%05d.png")]
    [InlineData("console.png")]
    [InlineData("com10.png")]
    [InlineData("com0.png")]
    [InlineData("my con.png")]
    [InlineData("größer 日本.mp4")]
    public void What_it_can_have_is_not(string path) => Outputs.RefuseName(path, isWindows: true);
}
