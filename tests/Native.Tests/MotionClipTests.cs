using System.Buffers.Binary;
using System.Text;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>Motion clips and their files: what is written is read again, and whatever is wrong is refused with what and where.</summary>
public class MotionClipTests
{
    private const string Fingerprint = FakeExecutor.Fingerprint;

    private static MotionClip Clip(int frames = 4, int directions = 3) =>
        new([.. Enumerable.Range(0, frames * directions).Select(i => i / 7f - 1)], directions, new FrameRate(30000, 1001), Fingerprint,
            start: 1)
        {
            Model = "vox.pt",
            Device = "CPU (2 threads)",
        };

    [Fact]
    public void A_file_gives_back_what_was_saved()
    {
        using TempFolder folder = new();
        MotionClip saved = Clip();
        saved.Save(folder["m.safetensors"]);
        Assert.Equal(["m.safetensors"], folder.Entries);
        MotionClip loaded = MotionClip.Load(folder["m.safetensors"]);
        Assert.Equal(saved.Codes.ToArray(), loaded.Codes.ToArray());
        Assert.Equal((4, 3, new FrameRate(30000, 1001), Fingerprint, 1),
            (loaded.Count, loaded.Directions, loaded.FrameRate, loaded.Fingerprint, loaded.Start));
        Assert.Equal(("vox.pt", "CPU (2 threads)"), (loaded.Model, loaded.Device));
        Assert.Equal(saved.Codes[6..9].ToArray(), loaded[2].ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => loaded[4].Length);
    }

    [Fact]
    public void A_file_is_plain_safetensors_with_one_tensor()
    {
        using TempFolder folder = new();
        Clip().Save(folder["m.safetensors"]);
        using SafetensorsFile file = new(folder["m.safetensors"]);
        Assert.Equal(["codes"], file.Tensors.Keys);
        Assert.Equal([4, 3], file.Tensors["codes"].Shape);
        Assert.Equal("lia-motion 1 30000/1001 1 " + Fingerprint,
            string.Join(' ', new[] { "format", "version", "frame_rate", "start", "fingerprint" }.Select(key => file.Metadata[key])));
    }

    [Fact]
    public void Codes_that_make_no_clip_are_refused()
    {
        Refused("There is no motion code", () => new MotionClip([], 3, new(25), Fingerprint));
        Refused("4 values are no whole number of motion codes of 3", () => new MotionClip([1, 2, 3, 4], 3, new(25), Fingerprint));
        Refused("at least 1 value, not 0", () => new MotionClip([1], 0, new(25), Fingerprint));
        Refused("The motion code of frame 1 holds NaN for direction 2", () =>
            new MotionClip([1, 2, 3, 4, 5, float.NaN], 3, new(25), Fingerprint));
        Refused("The start frame is 2; the frames are 0 to 1", () => new MotionClip([1, 2], 1, new(25), Fingerprint, 2));
        Refused("The frame rate is 0", () => new MotionClip([1], 1, default, Fingerprint));
        Refused("64 lower-case hexadecimal digits", () => new MotionClip([1], 1, new(25), Fingerprint.ToUpperInvariant()));

        static void Refused(string message, Func<MotionClip> make) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(make).Message);
    }

    /// <summary>Every entry of a good file replaced by a bad one, or taken out.</summary>
    [Theory]
    [InlineData("\"format\":\"lia-motion\"", "\"format\":\"lia-moti.n\"", "it is not a motion file")]
    [InlineData("\"version\":\"1\"", "\"version\":\"2\"", "version 2; version 1 is understood")]
    [InlineData("\"version\":\"1\"", "\"varsion\":\"1\"", "the metadata entry 'version' is missing")]
    [InlineData("\"frame_rate\":\"24/1\"", "\"frame_rate\":\"0/24\"", "the metadata entry 'frame_rate' is '0/24', not a rate such as 24/1")]
    [InlineData("\"start\":\"1\"", "\"start\":\"4\"", "The start frame is 4; the frames are 0 to 3")]
    [InlineData("\"start\":\"1\"", "\"start\":\"x\"", "the metadata entry 'start' is 'x', not a frame number")]
    [InlineData("\"fingerprint\":\"fa", "\"fingerprint\":\"Fa", "64 lower-case hexadecimal digits")]
    [InlineData("\"fingerprint\"", "\"fingerprunt\"", "the metadata entry 'fingerprint' is missing")]
    [InlineData("\"codes\"", "\"kodes\"", "there is no tensor 'codes'")]
    [InlineData("\"F32\",\"shape\":[4,3]", "\"I32\",\"shape\":[4,3]", "is I32 of shape [4, 3]; F32 [frames, directions] is expected")]
    [InlineData("\"shape\":[4,3]", "\"shape\":[ 12]", "is F32 of shape [12]")]
    [InlineData("\"shape\":[4,3]", "\"shape\":[4,4]", "takes 64 bytes, its offsets hold 48")]
    public void Damage_to_the_header_is_named(string good, string bad, string message)
    {
        using TempFolder folder = new();
        string path = folder["m.safetensors"];
        new MotionClip(new float[12], 3, new(24), Fingerprint, 1).Save(path);
        byte[] file = File.ReadAllBytes(path);
        int at = file.AsSpan().IndexOf(Encoding.ASCII.GetBytes(good));
        Assert.True(at > 0 && good.Length == bad.Length, good);
        Encoding.ASCII.GetBytes(bad).CopyTo(file, at);
        File.WriteAllBytes(path, file);
        Refused(path, message);
    }

    [Fact]
    public void Damage_to_the_file_is_named()
    {
        using TempFolder folder = new();
        string path = folder["m.safetensors"];
        Refused(path, "there is no such file");
        Clip().Save(path);
        byte[] file = File.ReadAllBytes(path);

        File.WriteAllBytes(path, file[..^4]);
        Refused(path, "truncated");
        File.WriteAllBytes(path, [.. file, 0]);
        Refused(path, "belong to no tensor");
        File.WriteAllBytes(path, []);
        Refused(path, "it is empty");
        byte[] broken = [.. file];
        BinaryPrimitives.WriteSingleLittleEndian(broken.AsSpan(file.Length - 8), float.PositiveInfinity);
        File.WriteAllBytes(path, broken);
        Refused(path, "The motion code of frame 3 holds");
        File.WriteAllText(path, "not at all a safetensors file");
        Refused(path, "safetensors");
        Directory.CreateDirectory(folder["folder"]);
        Refused(folder["folder"], "folder");
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_named()
    {
        using TempFolder folder = new();
        Assert.StartsWith(folder["none/m.safetensors"] + ": cannot be written",
            Assert.Throws<MediaException>(() => Clip().Save(folder["none/m.safetensors"])).Message, StringComparison.Ordinal);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Motion_of_another_model_is_refused_with_the_reason()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage source = Pictures.Noise(64, 64, 1);
        string other = new('1', 64);
        MediaException refusal = Assert.Throws<MediaException>(() =>
            animator.All(source, new MotionClip([1, 2, 3], 3, new(25), other) { Model = "ted\u0007.pt" }));
        Assert.Equal("the motion clip: it is the motion of another model, which was called ted?.pt (fingerprint 11111111...; fake model "
            + "has fafafafa...), and codes mean nothing to any other.", refusal.Message);
        Assert.Contains("have 2 values, and those of fake model have 3",
            Assert.Throws<MediaException>(() => animator.All(source, new MotionClip([1, 2], 2, new(25), Fingerprint))).Message);
        Assert.Single(animator.All(source, new MotionClip([1, 2, 3], 3, new(25), Fingerprint)));
    }

    [Fact]
    public void A_models_fingerprint_is_the_same_from_a_file_and_from_tensors()
    {
        using TempFolder folder = new();
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 8, 4, [4, 4, 4, 4, 4]),
            1), others = new(new ModelArchitecture(64, 8, 4, [4, 4, 4, 4, 4]), 2);
        SafetensorsWriter.Write(folder["model.safetensors"], weights, weights.Metadata);
        ModelOptions options = new() { Device = Device.Cpu, Threads = 1 };
        using Animator file = new(options with { Model = folder["model.safetensors"] });
        using Animator tensors = new(options with { Weights = weights }), other = new(options with { Weights = others });
        Assert.Equal(file.MotionFingerprint, tensors.MotionFingerprint);
        Assert.NotEqual(file.MotionFingerprint, other.MotionFingerprint);
        MotionClip clip = file.ExtractMotion(new[] { Pictures.Noise(64, 64, 1) });
        Assert.Equal(("model.safetensors", file.DeviceName), (clip.Model, clip.Device));
        Assert.Single(tensors.All(Pictures.Noise(64, 64, 2), clip));
        Assert.Contains("which was called model.safetensors",
            Assert.Throws<MediaException>(() => other.All(Pictures.Noise(64, 64, 2), clip)).Message);
    }

    private static void Refused(string path, string message)
    {
        MediaException refusal = Assert.Throws<MediaException>(() => MotionClip.Load(path));
        Assert.Contains(Path.GetFileName(path), refusal.Message, StringComparison.Ordinal);
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }
}
