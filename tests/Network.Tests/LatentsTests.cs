namespace Lia.Network.Tests;

public class LatentsTests
{
    /// <summary>Directions along the first three axes, so that a latent can be read off.</summary>
    private static readonly MotionBasis Axes = new([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], 4, 3);

    private readonly float[] _appearance = [10, 20, 30, 40];
    private readonly float[] _source = [1, 2, 3];
    private readonly float[] _latent = new float[4];

    [Fact]
    public void Relative_adds_the_displacement_since_the_first_frame_to_the_sources_own_code()
    {
        Latents.Relative(Axes, _appearance, _source, start: [1, 1, 1], drive: [1, 3, 0], 1, _latent);
        Assert.Equal([11, 24, 32, 40], _latent);
    }

    [Fact]
    public void Relative_strength_scales_the_displacement_alone()
    {
        Latents.Relative(Axes, _appearance, _source, start: [1, 1, 1], drive: [1, 3, 0], 0.5f, _latent);
        Assert.Equal([11, 23, 32.5f, 40], _latent);
    }

    [Fact]
    public void Absolute_takes_the_driving_code_and_not_the_sources()
    {
        Latents.Absolute(Axes, _appearance, _source, drive: [1.1f, 3.3f, 1e-6f], 1, _latent);
        Assert.Equal([11.1f, 23.3f, 30 + 1e-6f, 40], _latent);
    }

    [Fact]
    public void Absolute_strength_goes_from_the_sources_own_pose_to_the_driving_pose_and_beyond()
    {
        Latents.Absolute(Axes, _appearance, _source, drive: [1, 3, 0], 0, _latent);
        Assert.Equal([11, 22, 33, 40], _latent);
        Latents.Absolute(Axes, _appearance, _source, drive: [1, 3, 0], 2, _latent);
        Assert.Equal([11, 24, 27, 40], _latent);
    }

    [Fact]
    public void Manipulation_moves_the_source_along_the_directions()
    {
        Latents.Manipulate(Axes, _appearance, _source, [0, 0, -3], _latent);
        Assert.Equal([11, 22, 30, 40], _latent);
        Latents.Manipulate(Axes, _appearance, _source, [0.5f, 0, 2], _latent);
        Assert.Equal([11.5f, 22, 35, 40], _latent);
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Latents.Absolute(Axes, _appearance, _source, [1, 2], 1, _latent));
        Assert.Throws<ArgumentException>(() => Latents.Absolute(Axes, [1, 2, 3], _source, _source, 1, _latent));
        Assert.Throws<ArgumentException>(() => Latents.Relative(Axes, _appearance, _source, _source, _source, 1, new float[5]));
        Assert.Throws<ArgumentException>(() => Latents.Manipulate(Axes, _appearance, _source, [0, 0, 0, 1], _latent));
    }
}
