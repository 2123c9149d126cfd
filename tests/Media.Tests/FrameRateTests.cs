namespace Lia.Tests;

/// <summary>Rates as files and people write them.</summary>
public class FrameRateTests
{
    [Theory]
    [InlineData("24", 24, 1)]
    [InlineData("30000/1001", 30000, 1001)]
    [InlineData("12.5", 25, 2)]
    [InlineData("25.0", 25, 1)]
    [InlineData("29.97", 30000, 1001)]
    [InlineData("23.976", 24000, 1001)]
    [InlineData("23.98", 24000, 1001)]
    [InlineData("59.94", 60000, 1001)]
    [InlineData("119.88", 120000, 1001)]
    [InlineData("29.9", 299, 10)]
    [InlineData("0.5", 1, 2)]
    public void Rates_are_read(string text, int numerator, int denominator)
    {
        Assert.True(FrameRate.TryParse(text, out FrameRate rate));
        Assert.Equal(new FrameRate(numerator, denominator), rate);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0.0")]
    [InlineData("-1.5")]
    [InlineData("1e3")]
    [InlineData("29,97")]
    [InlineData("29.97/1")]
    [InlineData("1.2345")]
    [InlineData("200000.5")]
    [InlineData(".")]
    public void What_is_no_rate_is_refused(string text) => Assert.False(FrameRate.TryParse(text, out _));
}
