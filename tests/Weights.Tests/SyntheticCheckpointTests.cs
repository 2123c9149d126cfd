using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lia.Testing;

namespace Lia.Weights.Tests;

public class SyntheticCheckpointTests
{
    // The hashes are those of the recipe in synthetic_weights.py, computed in Python.
    [Theory]
    [InlineData("dec.direction.weight", 1, "d852ce102eefb246eb4f739bbc69b726008c24809ae3a8c251042bf7c014aeb3")]
    [InlineData("enc.fc.0.weight", 1, "2a0edcc75cfb89051a5ba005d189cb6404a6efcfbe6a9f937a045d594444ea2e")]
    [InlineData("enc.fc.0.bias", 1, "05812993a886714e7661ad9b6d6ac40c2a74a817da65b2c455c03a350e72051a")]
    [InlineData("dec.conv1.conv.modulation.bias", 2, "032185ba471ca3548321d849a817147a08ba965fdbe2a3d7b3d1005d7b4c4d83")]
    [InlineData("dec.conv1.noise.weight", 2, "eb93c25865b0e78823d0e87eeb2df6716037bd9b1eabb6d04521f17c630ac807")]
    [InlineData("dec.input.input", ulong.MaxValue, "95f8f74a0f5e4a0b502be9e756ffcd9084732571481e83c8ada7166d7b392a2d")]
    public void Values_are_those_of_the_recipe_bit_for_bit(string name, ulong seed, string sha256)
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(64), seed);
        Assert.Equal(sha256, Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(checkpoint.Read(name)))));
    }

    [Theory]
    [InlineData("enc.net_app.convs.1.conv2.0.kernel", "blur_down3.w.kernel")]
    [InlineData("enc.net_app.convs.1.skip.0.kernel", "blur_down1.w.kernel")]
    [InlineData("dec.convs.0.conv.blur.kernel", "blur_up.w.kernel")]
    [InlineData("dec.to_rgbs.0.upsample.kernel", "upsample.w.kernel")]
    [InlineData("dec.to_flows.3.upsample.kernel", "upsample.w.kernel")]
    public void Kernels_are_those_of_the_official_program(string name, string golden)
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(64), 1);
        using SafetensorsFile ops = new(TestData.Unpack("ops.safetensors"));
        Assert.Equal(ops.Read(golden), checkpoint.Read(name));
    }

    /// <summary>Householder QR keeps the first column's direction, so golden Q shows what the official program was given.</summary>
    [Theory]
    [InlineData("net64.safetensors", 64, 1)]
    [InlineData("net64_absolute.safetensors", 64, 2)]
    public void First_motion_direction_is_that_of_the_golden_network(string golden, int size, ulong seed)
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(size), seed);
        using SafetensorsFile file = new(TestData.Unpack(golden));
        float[] q = file.Read("Q"), weight = checkpoint.Read("dec.direction.weight");
        double norm = Math.Sqrt(Enumerable.Range(0, 512).Sum(row => Math.Pow(weight[20 * row], 2)));
        double sign = -Math.Sign(weight[0]);
        for (int row = 0; row < 512; row++) Assert.Equal(sign * weight[20 * row] / norm, q[20 * row], 1e-7);
    }

    [Fact]
    public void Seeds_and_names_give_different_values()
    {
        using SyntheticCheckpoint one = new(ModelArchitecture.Official(64), 1), two = new(ModelArchitecture.Official(64), 2);
        Assert.NotEqual(one.Read("enc.fc.0.bias"), two.Read("enc.fc.0.bias"));
        Assert.NotEqual(one.Read("enc.fc.0.bias"), one.Read("enc.fc.1.bias"));
        Assert.Equal(one.Read("enc.fc.0.bias"), one.Read("enc.fc.0.bias"));
    }

    [Fact]
    public void Metadata_tells_that_the_weights_are_synthetic()
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(128), 7);
        Assert.Equal("true", checkpoint.Metadata["synthetic"]);
        Assert.Equal("128", checkpoint.Metadata["size"]);
        Assert.Equal("7", checkpoint.Metadata["seed"]);
    }

    [Fact]
    public void Wrong_names_and_lengths_are_refused()
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(64), 1);
        Assert.Contains("'no.such'", Assert.Throws<WeightsException>(() => checkpoint.Read("no.such")).Message);
        Assert.Throws<ArgumentException>(() => checkpoint.CopyTo("enc.fc.0.bias", new float[511]));
    }
}
