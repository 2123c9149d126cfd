using ILGPU.Runtime;
using Lia.Network;
using Lia.Loading;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>Devices by name, and which executor a name leads to.</summary>
public class DeviceTests
{
    public static TheoryData<string, Device> Words => new()
    {
        { "auto", Device.Auto },
        { "cpu", Device.Cpu },
        { "cuda", Device.Cuda },
        { "cuda:0", Device.CudaAt(0) },
        { "cuda:12", Device.CudaAt(12) },
        { "cuda:0,2", Device.CudaAt(0, 2) },
        { "cuda:2,0", Device.CudaAt(2, 0) },
        { "cuda:all", Device.CudaAll },
        { "ilgpu", Device.Ilgpu },
    };

    [Theory]
    [MemberData(nameof(Words))]
    public void Every_device_has_a_word_in_either_case(string word, Device device)
    {
        Assert.Equal(device, Device.Parse(word));
        Assert.Equal(device, Device.Parse(word.ToUpperInvariant()));
        Assert.Equal(word, device.ToString());
        Assert.True(Device.TryParse(word, out Device read));
        Assert.Equal(device, read);
    }

    [Fact]
    public void Devices_are_told_apart_and_none_named_is_auto()
    {
        Assert.Equal(Words.Count, Words.Select(row => row.Data.Item2).Distinct().Count());
        Assert.Equal(Device.Auto, default);
    }

    [Theory]
    [InlineData("gpu", "auto, cpu, cuda, cuda:N, cuda:N,M, cuda:all or ilgpu, not 'gpu'")]
    [InlineData("", "auto, cpu, cuda, cuda:N, cuda:N,M, cuda:all or ilgpu, not ''")]
    [InlineData("cuda:", "cuda:N")]
    [InlineData("cuda:-1", "cuda:N")]
    [InlineData("cuda: 1", "cuda:N")]
    [InlineData("cuda:x", "cuda:N")]
    [InlineData("cuda:99999999999", "cuda:N")]
    [InlineData("cpu:0", "cuda:N")]
    [InlineData("cuda:0,", "cuda:N,M")]
    [InlineData("cuda:0,all", "cuda:N,M")]
    [InlineData("cuda:0, 1", "cuda:N,M")]
    [InlineData("cuda:1,2,1", "names GPU 1 twice in 'cuda:1,2,1'")]
    public void Other_words_are_refused_with_the_choices(string word, string told)
    {
        Assert.Contains(told, Assert.Throws<FormatException>(() => Device.Parse(word)).Message);
        Assert.False(Device.TryParse(word, out _));
    }

    [Theory]
    [InlineData("cuda:77")]
    [InlineData("cuda:77,78")]
    public void A_gpu_that_is_not_there_is_refused_by_its_number(string device)
    {
        string message = Assert.Throws<NotSupportedException>(() => new DeviceSelection(Device.Parse(device), Precision.Auto, 1)).Message;
        Assert.StartsWith($"The device {device} cannot be used: ", message);
    }

    [Fact]
    public void Numbers_that_make_no_sense_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Device.CudaAt());
        Assert.Contains("GPU 3 is named twice", Assert.Throws<ArgumentException>(() => Device.CudaAt(3, 1, 3)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Device.CudaAt(0, -1));
    }

    [Fact]
    public void Ilgpu_refuses_fast_before_anything_is_opened() =>
        Assert.Contains("fast kernels need our compiler",
            Assert.Throws<NotSupportedException>(() => new DeviceSelection(Device.Ilgpu, Precision.Fast, 1)).Message);

    [Fact]
    public void Ilgpu_gives_the_processors_frames()
    {
        using SyntheticCheckpoint weights = Tiny();
        RgbImage source = Pattern(1);
        RgbImage[] driving = [Pattern(2)];
        AnimationOptions absolute = new() { Mode = MotionMode.Absolute };
        using Animator cpu = new(new ModelOptions { Weights = weights, Device = Device.Cpu }),
            ilgpu = new(new ModelOptions { Weights = weights, Device = Device.Ilgpu });
        Assert.StartsWith("ILGPU (", ilgpu.DeviceName);
        IReadOnlyList<RgbImage> expected = cpu.All(source, driving, absolute), frames = ilgpu.All(source, driving, absolute);
        Assert.Equal(expected.Count, frames.Count);
        // Both are float32: a value may fall on the other side of a half.
        Assert.All(expected.Zip(frames), pair =>
            Assert.All(pair.First.Pixels.Zip(pair.Second.Pixels), values => Assert.InRange(values.First - values.Second, -1, 1)));
        Assert.InRange(frames[0].Pixels.Distinct().Count(), 10, 256); // a picture
    }

    [Fact]
    public void What_fails_in_ilgpu_is_told_with_the_device()
    {
        using SyntheticCheckpoint weights = Tiny();
        using DeviceSelection selection = new(Device.Ilgpu, Precision.Auto, 1);
        using IExecutor executor = selection.Open(weights, weights.Architecture);
        NotSupportedException told = Assert.IsType<NotSupportedException>(executor.Explain(new RawFailure("the queue broke")),
            exactMatch: false);
        Assert.Contains("the queue broke", told.Message);
        Assert.Contains(executor.DeviceName.Split('(')[1].Split(',')[0], told.Message);
        Assert.Null(executor.Explain(new InvalidDataException()));
    }

    [Fact]
    public void A_device_that_fails_amid_a_clip_is_told_in_the_executors_words()
    {
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => throw new RawFailure("raw") }.Animator();
        Assert.Equal("the fake device failed: raw",
            Assert.Throws<NotSupportedException>(() => animator.All(Pattern(1), [Pattern(2)])).Message);
    }

    private static SyntheticCheckpoint Tiny() => new(new ModelArchitecture(64, 4, 2, [2, 2, 2, 2, 2]), 1);

    private static RgbImage Pattern(int seed)
    {
        RgbImage picture = new(64, 64);
        new Random(seed).NextBytes(picture.Pixels);
        return picture;
    }
}

/// <summary>As ILGPU's runtime fails.</summary>
internal sealed class RawFailure(string message) : AcceleratorException(message)
{
    public override AcceleratorType AcceleratorType => AcceleratorType.CPU;
}
