using System.Text.Json;
using Lia.Testing;

namespace Lia.Cli.Tests;

/// <summary>lia manipulate: pictures, sweeps and sheets are what the library makes, in the right places.</summary>
public class ManipulateCommandTests(Workspace files) : IClassFixture<Workspace>
{
    private readonly RgbImage _source = RgbImage.Load(files.Source);

    [Fact]
    public void Directions_of_one_command_add_up_and_move_by_three_unless_told_otherwise()
    {
        using Animator animator = Animator();
        Assert.Equal(animator.Manipulate(_source, [new(1, 3)]).Pixels, Picture("-d", "1").Pixels);
        Assert.Equal(animator.Manipulate(_source, [new(1, -1.5f), new(4, 2)]).Pixels,
            Picture("--direction", "1:-1.5", "--direction", "4:2").Pixels);
    }

    [Fact]
    public void A_sweep_is_a_clip_and_several_follow_each_other()
    {
        string folder = files.At("sweeps");
        Outcome outcome = Manipulate(folder, "--sweep", "2", "--sweep", "0:1:-1:3", "-d", "3:0.5");
        Assert.Contains("19 frames of 64x64", outcome.Output);
        MotionEdit[][] edits = [.. MotionEdit.Sweep(2), .. MotionEdit.Sweep(0, 1, -1, 3)];
        using Animator animator = Animator();
        IEnumerable<byte[]> expected = edits.Select(step => animator.Manipulate(_source, [new(3, 0.5f), .. step]).Pixels);
        Assert.Equal(expected, Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => RgbImage.Load(path).Pixels));
    }

    [Fact]
    public void A_sheet_has_a_row_for_every_direction_from_minus_three_to_three()
    {
        RgbImage sheet = Picture("--sheet");
        // Labels in a font of 5x7 dots with 2 around it: one digit on the left, a line above.
        Assert.Equal((9 + 7 * 64, 11 + 5 * 64), (sheet.Width, sheet.Height));
        using Animator animator = Animator();
        for (int direction = 0; direction < 5; direction++)
            for (int column = 0; column < 7; column++)
                Assert.Equal(animator.Manipulate(_source, [new(direction, column - 3)]).Pixels,
                    Part(sheet, 9 + 64 * column, 11 + 64 * direction, 64, 64).Pixels);
    }

    [Fact]
    public void A_sheet_of_sweeps_has_a_row_for_each_and_its_labels_say_which()
    {
        RgbImage sheet = Picture("--sheet", "-s", "4:-1:1.5:2", "-s", "1:-1:1.5:2", "-d", "0:1");
        Assert.Equal((9 + 2 * 64, 11 + 2 * 64), (sheet.Width, sheet.Height));
        using Animator animator = Animator();
        Assert.Equal(animator.Manipulate(_source, [new(0, 1), new(1, 1.5f)]).Pixels, Part(sheet, 9 + 64, 11 + 64, 64, 64).Pixels);

        Assert.Equal(["...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."], Dots(Part(sheet, 2, 11 + 28, 5, 7)));
        Assert.Equal(["..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."], Dots(Part(sheet, 2, 11 + 64 + 28, 5, 7)));
        // "+1.5", 23 dots wide, centred over 64 pixels.
        Assert.Equal([
            "........#.........#####",
            "..#....##.........#....",
            "..#.....#.........####.",
            "#####...#.............#",
            "..#.....#.............#",
            "..#.....#....##...#...#",
            ".......###...##....###."], Dots(Part(sheet, 9 + 64 + 20, 2, 23, 7)));
    }

    [Fact]
    public void Frames_above_256_pixels_are_shown_in_256()
    {
        DirectionSheet sheet = new([MotionEdit.Sweep(0, 0, 1, 2)], 512);
        RgbImage first = new(512, 512), second = new(512, 512);
        first.Pixels.AsSpan().Fill(50);
        second.Pixels.AsSpan().Fill(200);
        sheet.Add(first);
        sheet.Add(second);
        string output = files.At("large.png");
        sheet.Save(output);
        RgbImage drawn = RgbImage.Load(output);
        // The font's dots are 4 pixels at this size.
        Assert.Equal((36 + 2 * 256, 44 + 256), (drawn.Width, drawn.Height));
        Assert.All(Part(drawn, 36, 44, 256, 256).Pixels, value => Assert.Equal(50, value));
        Assert.All(Part(drawn, 36 + 256, 44, 256, 256).Pixels, value => Assert.Equal(200, value));
    }

    [Fact]
    public void Without_a_model_the_demonstration_model_moves_the_picture()
    {
        string portrait = TestData.Sample("source.png"), output = files.At("portrait.png");
        Outcome outcome = CliRunner.Succeed("manipulate", portrait, "-o", output, "-d", "2:-3", "--quiet");
        Assert.Equal(("", ""), (outcome.Output, outcome.Error));
        using Animator animator = new(new ModelOptions { Model = TestData.Model("demo.safetensors") });
        Assert.Equal(animator.Manipulate(RgbImage.Load(portrait), [new(2, -3)]).Pixels, RgbImage.Load(output).Pixels);
    }

    [Fact]
    public void The_rate_of_a_sweep_is_ten_unless_told_otherwise()
    {
        foreach ((string[] rate, string expected) in new[] { (Array.Empty<string>(), "1 / 10"), (["--fps", "25/2"], "2 / 25") })
        {
            string output = files.At("sweep.png");
            Manipulate(output, ["-s", "1:0:1:2", .. rate]);
            byte[] png = File.ReadAllBytes(output);
            // fcTL: sequence, width, height, x and y in 4 bytes each, then the delay as two 2-byte terms.
            ReadOnlySpan<byte> delay = png.AsSpan(png.AsSpan().IndexOf("fcTL"u8) + 4 + 20, 4);
            Assert.Equal(expected, $"{delay[0] * 256 + delay[1]} / {delay[2] * 256 + delay[3]}");
        }
    }

    [Theory]
    [InlineData("picture", 1, "-d", "1")]
    [InlineData("sweep", 4, "-s", "1:0:1:4", "--fps", "25/2")]
    [InlineData("sheet", 35, "--sheet")]
    public void Json_is_for_machines(string kind, int pictures, params string[] arguments)
    {
        string output = files.At("json.png");
        Outcome outcome = Manipulate(output, ["--json", "-q", .. arguments]);
        Assert.Equal("", outcome.Error);
        JsonElement json = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.Equal((output, files.Model, kind, pictures, 64),
            (json.GetProperty("output").GetString(), json.GetProperty("model").GetString(), json.GetProperty("kind").GetString(),
            json.GetProperty("pictures").GetInt32(), json.GetProperty("size").GetInt32()));
        Assert.Equal(kind == "sweep", json.TryGetProperty("frameRate", out JsonElement rate) && rate.GetString() == "25/2");
    }

    [Fact]
    public void Batch_and_precision_do_not_change_the_pictures()
    {
        string plain = files.At("plain.png"), other = files.At("other.png");
        Manipulate(plain, "-s", "2:-1:1:7");
        Outcome outcome = Manipulate(other, "-s", "2:-1:1:7", "--batch", "3", "--precision", "exact");
        Assert.Equal(["3/7 frames", "7/7 frames"], outcome.ErrorLines.Select(line => line.Split(',')[0])); // Told after every batch.
        Assert.Equal(File.ReadAllBytes(plain), File.ReadAllBytes(other));
    }

    private Animator Animator() => new(new ModelOptions { Model = files.Model });

    private Outcome Manipulate(string output, params string[] arguments) =>
        CliRunner.Succeed(["manipulate", files.Source, "-o", output, "-m", files.Model, .. arguments]);

    private RgbImage Picture(params string[] arguments)
    {
        string output = files.At("picture.png");
        Manipulate(output, arguments);
        return RgbImage.Load(output);
    }

    private static RgbImage Part(RgbImage picture, int x, int y, int width, int height)
    {
        RgbImage part = new(width, height);
        for (int row = 0; row < height; row++)
            picture.Pixels.AsSpan(3 * ((y + row) * picture.Width + x), 3 * width).CopyTo(part.Pixels.AsSpan(3 * row * width));
        return part;
    }

    /// <summary>Black as #, white as a point.</summary>
    private static string[] Dots(RgbImage picture) =>
        [.. Enumerable.Range(0, picture.Height).Select(y =>
            string.Concat(Enumerable.Range(0, picture.Width).Select(x => picture.Pixels[3 * (y * picture.Width + x)] == 0 ? '#' : '.')))];
}
