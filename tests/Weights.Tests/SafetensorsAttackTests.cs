using System.Text;
using Lia.Testing;
using static Lia.Weights.Tests.SafetensorsBuilder;

namespace Lia.Weights.Tests;

/// <summary>Broken and hostile safetensors files: each is refused with a message of one line, and none makes the reader allocate.</summary>
public class SafetensorsAttackTests
{
    /// <summary>Bytes a refusal may allocate: the message, the exception and small lists.</summary>
    private const long FewBytes = 64 << 10;

    public static TheoryData<string, string, int, string> Attacks
    {
        get
        {
            string good = Tensor("\"a\"", "F32", "[2]", "[0,8]");
            TheoryData<string, string, int, string> attacks = new()
            {
                // JSON
                { "empty header", "", 0, "begin with '{'" },
                { "a list", "[]", 0, "begin with '{'" },
                { "a space first", " {}", 0, "begin with '{'" },
                { "a byte order mark first", "\ufeff{}", 0, "begin with '{'" },
                { "cut off", "{\"a\":{\"dtype\":\"F32\"", 0, "not valid JSON" },
                { "two objects", "{}{}", 0, "not valid JSON" },
                { "trailing zero bytes", "{}\0\0", 0, "not valid JSON" },
                { "a trailing comma", $"{{{good},}}", 8, "not valid JSON" },
                { "a comment", $"{{/* */{good}}}", 8, "not valid JSON" },
                { "single quotes", "{'a':{}}", 0, "not valid JSON" },
                { "deep nesting", "{\"a\":" + new string('[', 100_000), 0, "is not an object" },
                { "deep nesting in a shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":" + new string('[', 100_000), 0, "axis 0" },
                { "a lone surrogate in a name", $"{{{Tensor("\"\\ud800\"", "F32", "[2]", "[0,8]")}}}", 8, "not valid Unicode" },
                { "a tensor that is a number", "{\"a\":1}", 0, "is not an object" },
                { "a tensor that is null", "{\"a\":null}", 0, "is not an object" },
                // Keys
                { "duplicate tensors", $"{{{good},{good}}}", 8, "occurs twice" },
                { "duplicate tensors, one escaped", $"{{{good},{Tensor("\"\\u0061\"", "F32", "[0]", "[8,8]")}}}", 8, "occurs twice" },
                { "duplicate metadata", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "occurs twice" },
                { "a duplicate metadata key", "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, "occurs twice" },
                { "a duplicate field", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
                    "second time" },
                { "an unknown field", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, "'x'" },
                { "no dtype", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "has no dtype" },
                { "no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "has no shape" },
                { "no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "has no data_offsets" },
                { "metadata that is a string", "{\"__metadata__\":\"x\"}", 0, "is not an object" },
                { "metadata with a number", "{\"__metadata__\":{\"a\":1}}", 0, "not a string" },
                { "metadata with an object", "{\"__metadata__\":{\"a\":{}}}", 0, "not a string" },
                // Types and shapes
                { "an unknown dtype", $"{{{Tensor("\"a\"", "F128", "[2]", "[0,32]")}}}", 32, "unknown dtype 'F128'" },
                { "a dtype in lower case", $"{{{Tensor("\"a\"", "f32", "[2]", "[0,8]")}}}", 8, "unknown dtype 'f32'" },
                { "a dtype that is a number", "{\"a\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "not a string" },
                { "a negative extent", $"{{{Tensor("\"a\"", "F32", "[-2]", "[0,8]")}}}", 8, "axis 0" },
                { "two negative extents", $"{{{Tensor("\"a\"", "F32", "[-1,-2]", "[0,8]")}}}", 8, "axis 0" },
                { "minus zero", $"{{{Tensor("\"a\"", "F32", "[-0]", "[0,0]")}}}", 0, "axis 0" },
                { "a fractional extent", $"{{{Tensor("\"a\"", "F32", "[2.0]", "[0,8]")}}}", 8, "axis 0" },
                { "an extent in scientific notation", $"{{{Tensor("\"a\"", "F32", "[2e0]", "[0,8]")}}}", 8, "axis 0" },
                { "an extent that is a string", $"{{{Tensor("\"a\"", "F32", "[\"2\"]", "[0,8]")}}}", 8, "axis 0" },
                { "an extent of 2^31", $"{{{Tensor("\"a\"", "U8", "[2147483648]", "[0,2147483648]")}}}", 0, "axis 0" },
                { "an extent of 2^64 + 2", $"{{{Tensor("\"a\"", "F32", "[18446744073709551618]", "[0,8]")}}}", 8, "axis 0" },
                { "a product that wraps to 8 bytes", $"{{{Tensor("\"a\"", "F32", "[1073741824,1073741824,16,1,2]", "[0,8]")}}}", 8,
                    "too large" },
                { "a product that overflows and is then empty",
                    $"{{{Tensor("\"a\"", "F32", "[2147483647,2147483647,2147483647,0]", "[0,0]")}}}", 0, "too large" },
                { "elements that cannot be counted, then none", $"{{{Tensor("\"a\"", "F4", "[2147483647,2147483647,3,0]", "[0,0]")}}}", 0,
                    "too large" },
                { "elements that cannot be counted, of half a byte",
                    $"{{{Tensor("\"a\"", "F4", "[2147483647,2147483647,2,2]", "[0,9223372028264841218]")}}}", 0, "too large" },
                { "too many axes", $"{{{Tensor("\"a\"", "F32", $"[{string.Join(',', Enumerable.Repeat(1, 65))}]", "[0,4]")}}}", 4,
                    "more than 64 axes" },
                { "a shape that is a number", $"{{{Tensor("\"a\"", "F32", "2", "[0,8]")}}}", 8, "not a list" },
                { "half a byte", $"{{{Tensor("\"a\"", "F4", "[3]", "[0,1]")}}}", 1, "whole number of bytes" },
                // Offsets
                { "too few bytes for the shape", $"{{{Tensor("\"a\"", "F32", "[3]", "[0,8]")}}}", 8, "takes 12 bytes" },
                { "too many bytes for the shape", $"{{{Tensor("\"a\"", "F32", "[1]", "[0,8]")}}}", 8, "takes 4 bytes" },
                { "backward offsets", $"{{{Tensor("\"a\"", "F32", "[2]", "[8,0]")}}}", 8, "before it begins" },
                { "negative offsets", $"{{{Tensor("\"a\"", "F32", "[2]", "[-8,0]")}}}", 8, "data_offsets" },
                { "one offset", $"{{{Tensor("\"a\"", "F32", "[2]", "[8]")}}}", 8, "data_offsets" },
                { "three offsets", $"{{{Tensor("\"a\"", "F32", "[2]", "[0,8,8]")}}}", 8, "data_offsets" },
                { "fractional offsets", $"{{{Tensor("\"a\"", "F32", "[2]", "[0,8.0]")}}}", 8, "data_offsets" },
                { "offsets of 2^64", $"{{{Tensor("\"a\"", "F32", "[2]", "[18446744073709551616,18446744073709551624]")}}}", 8,
                    "data_offsets" },
                { "a hole at the start", $"{{{Tensor("\"a\"", "F32", "[2]", "[4,12]")}}}", 12, "leaving a hole" },
                { "a hole between", $"{{{good},{Tensor("\"b\"", "F32", "[1]", "[12,16]")}}}", 16, "leaving a hole" },
                { "an overlap", $"{{{good},{Tensor("\"b\"", "F32", "[1]", "[4,8]")}}}", 8, "inside the tensor before it" },
                { "the same bytes twice", $"{{{good},{Tensor("\"b\"", "F32", "[2]", "[0,8]")}}}", 8, "inside the tensor before it" },
                { "an empty tensor inside another", $"{{{good},{Tensor("\"b\"", "F32", "[0]", "[4,4]")}}}", 8,
                    "inside the tensor before it" },
                { "trailing bytes", $"{{{good}}}", 9, "belong to no tensor" },
                { "trailing bytes and no tensor", "{}", 1, "belong to no tensor" },
                { "missing data", $"{{{good}}}", 7, "truncated" },
                { "a gigantic tensor in a small file",
                    $"{{{Tensor("\"a\"", "F32", "[2147483647,2147483647]", "[0,18446744056529682436]")}}}", 8, "data_offsets" },
                { "a large tensor in a small file", $"{{{Tensor("\"a\"", "F32", "[2147483647,1000]", "[0,8589934588000]")}}}", 8,
                    "truncated" },
                { "a name with line breaks and an escape sequence", $"{{{Tensor("\"a\\nb\\u001b[31m\"", "F32", "[3]", "[0,8]")}}}", 8,
                    "'a\\u000ab\\u001b[31m'" },
                { "a very long name", $"{{{Tensor($"\"{new string('n', 20_000)}\"", "F32", "[3]", "[0,8]")}}}", 8, "..." },
            };
            return attacks;
        }
    }

    [Theory, MemberData(nameof(Attacks))]
    public void Hand_made_attacks_are_refused(string attack, string json, int dataLength, string message)
    {
        Assert.NotEmpty(attack);
        using TemporaryFile file = new(SafetensorsBuilder.File(json, dataLength));
        Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path)); // what is made once is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        WeightsException refusal = Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Contains(message, refusal.Message);
        Assert.Contains(Path.GetFileName(file.Path), refusal.Message);
        Assert.DoesNotContain(refusal.Message, char.IsControl);
        Assert.True(refusal.Message.Length < 500, refusal.Message);
        Assert.True(allocated < FewBytes + 4 * json.Length, $"{allocated} bytes were allocated");
    }

    [Theory]
    [InlineData(0, "it is empty")]
    [InlineData(7, "too few")]
    public void Files_without_a_length_are_refused(int length, string message)
    {
        using TemporaryFile file = new(new byte[length]);
        Assert.Contains(message, Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path)).Message);
    }

    [Theory]
    [InlineData(3, "truncated")]
    [InlineData(100_000_000, "truncated")]
    [InlineData(100_000_001, "at most 100000000")]
    [InlineData(long.MaxValue, "at most 100000000")]
    [InlineData(ulong.MaxValue, "at most 100000000")]
    public void Headers_that_claim_to_be_longer_are_refused_before_anything_is_read(ulong claimed, string message)
    {
        using TemporaryFile file = new(SafetensorsBuilder.File("{}"u8.ToArray(), [], claimed));
        Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path)); // what is made once is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(message, Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path)).Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < FewBytes);
    }

    [Fact]
    public void Invalid_utf8_in_names_is_refused()
    {
        byte[] json = Encoding.Latin1.GetBytes($"{{{Tensor("\"\u00ff\"", "F32", "[2]", "[0,8]")}}}");
        using TemporaryFile file = new(SafetensorsBuilder.File(json, new byte[8]));
        Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path));
    }

    [Fact]
    public void A_file_cut_off_at_any_byte_is_refused()
    {
        byte[] whole = TestData.Read("tiny_expected.safetensors");
        for (int length = 0; length < whole.Length; length++)
        {
            using TemporaryFile file = new(whole[..length]);
            Assert.Throws<WeightsException>(() => new SafetensorsFile(file.Path));
        }
    }
}
